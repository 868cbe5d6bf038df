"""Notes and traces made by hand."""

from typing import Any

from notes.records import Evidence, Failure, FinalTag, MatchedInterest, Note, PictureRecord, Trace

NOTE = Note(
    id="n",
    title="Night view",
    content="From the bridge near the MRT.",
    hashtags=("#NightViews", "singapore"),
    category="travel",
    lang="en",
)


def note(id: str, **changes: Any) -> Note:
    """`NOTE` with another id, and what else is to change."""
    return NOTE.model_copy(update={"id": id, **changes})


def tag(text: str, *evidence: Evidence, interest: str | None = None) -> FinalTag:
    return FinalTag(tag=text, confidence=0.9, evidence=evidence, interest=interest)


def trace(
    of: Note, *tags: str | FinalTag, matched: tuple[str, ...] = (), pictures: tuple[PictureRecord, ...] = ()
) -> Trace:
    """A trace with these final tags; words rest on themselves in the title."""
    return Trace(
        note_id=of.id,
        note_digest="",
        lang=of.lang,
        category=of.category,
        steps=(),
        pictures=pictures,
        matched=tuple(MatchedInterest(id=id, name=id, probability=0.9) for id in matched),
        tags=tuple(tag(t, Evidence(source="title", quote=t)) if isinstance(t, str) else t for t in tags),
        teacher="made",
        model="made",
    )


def failure(of: Note) -> Failure:
    return Failure(note_id=of.id, step="refine", reason="no_tags", message="nothing")
