"""Spans of notes and steps."""

import asyncio
import sys
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from distill.runs import RunError, run
from distill.runs.spans import Spans, open_spans
from notes.records import STEPS, Failure, StepRecord, Trace
from tests.distill.scripted import context, notes


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """Where the spans of a run go."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr("distill.runs.running.open_spans", lambda name: Spans(provider, name))
    return exporter


def test_every_note_is_a_span_with_one_for_each_step(exported: InMemorySpanExporter, tmp_path: Path) -> None:
    async def work() -> list[Trace]:
        found = [one async for one in run(notes(3), context(), out=tmp_path / "night")]
        return [one for one in found if isinstance(one, Trace)]

    traces = {trace.note_id: trace for trace in asyncio.run(work())}
    spans = exported.get_finished_spans()
    parents = [span for span in spans if span.name == "tag note"]
    assert {str(dict(span.attributes or {})["tagllm.note.id"]) for span in parents} == set(traces)
    for parent in parents:
        id = parent.get_span_context().span_id  # pyright: ignore[reportOptionalMemberAccess]
        about = dict(parent.attributes or {})
        trace = traces[str(about["tagllm.note.id"])]
        assert about["tagllm.run"] == "night"
        assert about["tagllm.tags"] == tuple(tag.tag for tag in trace.tags)
        children = [span for span in spans if span.parent is not None and span.parent.span_id == id]
        assert [span.name for span in children] == list(STEPS)
        for span in (parent, *children):
            assert (parent.start_time or 0) <= (span.start_time or 0) <= (span.end_time or 0) <= (parent.end_time or 0)
        tokens = [dict(span.attributes or {}).get("gen_ai.usage.input_tokens", 0) for span in children]
        assert tokens == [step.prompt_tokens for step in trace.steps]


def test_failure_is_an_error_with_its_reason_and_the_steps_before_it() -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    [note] = notes(1)
    done = StepRecord(name="describe", program="llm", prompt="tagging/v1/describe", answer=None, prompt_tokens=7)
    failure = Failure(note_id=note.id, step="draft", reason="timeout", message="too slow", steps=(done,))
    Spans(provider, "night").note(note, failure, 1, 2)
    step, span = exporter.get_finished_spans()
    assert (step.name, dict(step.attributes or {})["gen_ai.usage.input_tokens"]) == ("describe", 7)
    assert (span.status.is_ok, span.status.description) == (False, "too slow")
    assert dict(span.attributes or {})["tagllm.failure.reason"] == "timeout"


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_SERVICE_NAME": "tagllm"},
        {"OTEL_TRACES_EXPORTER": "none"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"},
    ],
)
def test_nobody_is_told_who_was_not_named(environ: dict[str, str]) -> None:
    assert open_spans("night", environ) is None


def test_exporter_that_is_not_installed_is_named() -> None:
    with pytest.raises(RunError, match=r"no OpenTelemetry exporter 'mine'; installed: .*tagllm\[otel\]"):
        open_spans("night", {"OTEL_TRACES_EXPORTER": "mine"})


def test_missing_library_is_said_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(RunError, match=r"OpenTelemetry is not installed; pip install 'tagllm\[otel\]'"):
        open_spans("night", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"})
