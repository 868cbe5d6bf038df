"""Describing a new run: what in its context decides what the tags are."""

import contextlib
import importlib.metadata
import platform
from datetime import UTC, datetime
from typing import Any

from pydantic import JsonValue

from distill.runs.description import HandbookSource, NotesSource, RunDescription
from graphs.tagging import TaggingContext
from notes.records import digest_of

_LIBRARIES = ("tagllm", "dspy-ai", "langgraph", "torch", "transformers", "rapidocr", "vllm")


def configuration_of(context: TaggingContext, *, fused: bool = False) -> dict[str, Any]:
    """All in a context that decides what the tags are, as JSON."""
    program = context.program
    return {
        "graph": "student" if program.teacher == "student" else "fused" if fused else "steps",
        "teacher": program.teacher,
        "model": program.model,
        "model_revision": program.model_revision,
        "prompts": dict(program.fused_words if fused else program.words),
        "handbook": context.handbook.handbook.digest if context.handbook is not None else None,
        "handbook_tokens": program.handbook_tokens,
        "pictures": context.pictures is not None,
        "limits": context.limits.model_dump(mode="json"),
        "interests": context.interests,
        "show_hashtags": context.show_hashtags,
        "require_evidence": context.require_evidence,
        "skip": sorted(context.skip),
    }


def describe(
    configuration: dict[str, Any],
    *,
    notes: NotesSource | None = None,
    handbook_path: str = "",
    options: dict[str, JsonValue] | None = None,
) -> RunDescription:
    """The description of a new run.

    Args:
        configuration: As `configuration_of` gives it, and what else decides what the tags are.
        notes: Where they come from.
        handbook_path: Folder of the handbook, where there is one.
        options: What it takes to put the same teacher together again; no secrets.
    """
    notes = notes or NotesSource()
    whole = {"notes": notes.model_dump(mode="json"), **configuration}
    digest = configuration.get("handbook")
    return RunDescription(
        fingerprint=digest_of(whole),
        configuration=whole,
        notes=notes,
        created_at=datetime.now(UTC),
        versions=_versions(),
        handbook=HandbookSource(path=handbook_path, digest=digest) if digest else None,
        teacher=configuration["teacher"],
        model=configuration["model"],
        model_revision=configuration["model_revision"],
        prompts=configuration["prompts"],
        graph=configuration["graph"],
        options=options or {},
    )


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found
