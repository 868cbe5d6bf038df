"""OpenTelemetry: a span for every note and every step of it, where the standard variables say whom to tell."""

import importlib.metadata
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from distill.runs.description import RunError
from notes.records import Note, StepRecord, Trace

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

    from notes.records import Failure

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_TAGS = 12


class Spans:
    """Reports notes and their steps.

    Args:
        provider: A `TracerProvider` of OpenTelemetry's SDK.
        run: Name of the run.
    """

    def __init__(self, provider: Any, run: str) -> None:
        self._provider = provider
        self._run = run
        self._tracer: Tracer = provider.get_tracer("tagllm")

    def note(self, note: Note, outcome: "Trace | Failure", began: int, ended: int) -> None:
        """A note and its steps; of one that failed, those before the one it failed at.

        Args:
            note: That was tagged.
            outcome: What became of it.
            began: Nanoseconds since 1970.
            ended: Nanoseconds since 1970.
        """
        from opentelemetry.trace import Status, StatusCode, set_span_in_context

        about: dict[str, Any] = {"tagllm.run": self._run, "tagllm.note.id": note.id, "tagllm.note.lang": note.lang}
        about["tagllm.note.category"] = note.category[:200]
        span = self._tracer.start_span("tag note", start_time=began, attributes=about)
        context = set_span_in_context(span)
        start = began
        for step in outcome.steps:
            end = min(ended, start + int(step.milliseconds * 1e6))
            self._tracer.start_span(
                step.name, context=context, start_time=start, attributes=_attributes(step, outcome)
            ).end(end)
            start = end
        if isinstance(outcome, Trace):
            span.set_attribute("tagllm.tags", [tag.tag for tag in outcome.tags[:_TAGS]])
        else:
            span.set_attribute("tagllm.failure.reason", outcome.reason)
            span.set_attribute("tagllm.failure.step", outcome.step or "")
            span.set_status(Status(StatusCode.ERROR, outcome.message[:500]))
        span.end(ended)

    def close(self) -> None:
        """Send what waits."""
        self._provider.shutdown()


def open_spans(run: str, environ: Mapping[str, str] = os.environ) -> Spans | None:
    """Spans to where `OTEL_TRACES_EXPORTER` or an OTLP endpoint says; None: nobody is to be told.

    Args:
        run: Name of the run.
        environ: Variables, OpenTelemetry's standard ones.

    Raises:
        RunError: they ask for what is not installed.
    """
    names = [name.strip() for name in environ.get("OTEL_TRACES_EXPORTER", "").split(",") if name.strip()]
    if not names and any(environ.get(name) for name in _ENDPOINTS):
        names = ["otlp"]
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or "none" in names or not names:
        return None
    try:
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise RunError(
            f"OTEL_* variables ask for spans ({', '.join(names)}), but OpenTelemetry is not installed; "
            "pip install 'tagllm[otel]', or set OTEL_SDK_DISABLED=true"
        ) from None
    provider = TracerProvider()
    for name in names:
        provider.add_span_processor(BatchSpanProcessor(_exporter(name, environ)))
    return Spans(provider, run)


def _exporter(name: str, environ: Mapping[str, str]) -> Any:
    """The exporter of that name, as packages register it.

    Raises:
        RunError: none is installed.
    """
    if name == "otlp":
        protocol = environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
        wanted = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http", None: "otlp_proto_http"}.get(
            protocol or None, protocol or ""
        )
    else:
        wanted = name
    found = importlib.metadata.entry_points(group="opentelemetry_traces_exporter", name=wanted)
    for entry in found:
        return entry.load()()
    known = sorted({entry.name for entry in importlib.metadata.entry_points(group="opentelemetry_traces_exporter")})
    raise RunError(
        f"no OpenTelemetry exporter {wanted!r}; installed: {', '.join(known) or 'none'}; pip install 'tagllm[otel]'"
    )


def _attributes(step: StepRecord, outcome: "Trace | Failure") -> dict[str, Any]:
    found: dict[str, Any] = {"tagllm.step": step.name, "tagllm.program": step.program, "tagllm.cached": step.cached}
    if step.prompt is not None:
        found["tagllm.prompt"] = step.prompt
        if isinstance(outcome, Trace):
            found["gen_ai.request.model"] = outcome.model
        found["gen_ai.usage.input_tokens"] = step.prompt_tokens
        found["gen_ai.usage.output_tokens"] = step.completion_tokens
    return found
