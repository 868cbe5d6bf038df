"""What `tagllm recommend train`, `embed` and `tags` do."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from notes.records import Note
from recommend import PairOptions, RecommendError
from recommend.methods import Writer, open_method
from recommend.model import ModelSummary
from recommend.model.folder import Method
from recommend.records import Vectors
from recommend.shown import with_tags
from recommend.training import TrainingConfig
from tagllm.pairing import divide, write_summary
from tagllm.recommending import Behaviour, pictures_beside, stream_notes, tags_shown, tell_refused
from tagllm.showing import printable
from tagllm.telling import is_first, telling


def run_train(
    notes: Path,
    interactions: Path,
    out: Path,
    messages: Console,
    *,
    base: str,
    method: Method,
    config: TrainingConfig,
    behaviour: Behaviour,
    options: PairOptions,
    tags: str = "none",
    words: str | None = None,
) -> tuple[ModelSummary, int]:
    """Train a model on the pairs of the training clicks; returns what came of it, and rows that were no notes.

    Which clicks it learned from is written beside it (`pairs.json`): evaluation refuses to measure it on those.
    What is to be written is the author's hashtags, or those of the run that `tags` names.

    Raises:
        notes.reading.UnreadableInput: notes or interactions cannot be read.
        recommend.RecommendError: there is nothing to learn from, or the base or the folder cannot be used.
    """
    from recommend.training.examples import make_examples
    from recommend.training.training import train

    with telling(messages) as told:
        divided = divide(notes, interactions, messages, told, behaviour=behaviour, options=options)
        known = divided.known.notes
        shown = tags_shown(tags, known, messages)
        ordered = [known[id] for id in sorted(known)]
        learned = {note.id: note.hashtags for note in with_tags(ordered, "hashtags" if shown == "none" else shown)}
        pictures = pictures_beside(notes) if config.pictures else None
        examples = make_examples(with_tags(ordered, shown), learned, divided.pairs, pictures=pictures)
        if examples.left_out:
            messages.print(f"{examples.left_out:,} pairs have a note without a word and are left out")
        found = train(examples, base, out, config, method=method, words=words, told=told)
        if is_first():
            write_summary(out, divided.summary)
            if pictures is not None:
                tell_refused(pictures, messages)
    return found, divided.known.rejected


def trained(summary: ModelSummary) -> RenderableType:
    """What came of a training, for a terminal."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="cyan")
    table.add_column(overflow="fold")
    made = summary.made_of
    losses = ", ".join(f"{name} {value:.3f}" for name, value in summary.loss.items())
    part = "" if summary.trained_weights == summary.weights else f", {summary.trained_weights:,} of them trained"
    rows = {
        "method": made.method,
        "base": printable(made.base, 200),
        "pairs": f"{summary.pairs:,} of {summary.notes:,} notes; {summary.cold:,} notes are in none",
        "weights": f"{summary.weights:,}{part}; vectors of {summary.dimension}",
        "steps": f"{summary.steps:,} in {summary.seconds:,.0f} s",
        "pictures": f"{summary.pictures} of a note, fusion {summary.fusion}; {summary.refused:,} cannot be opened",
        "loss": f"{losses}; e^τ {np.exp(summary.temperature):.1f}",
    }
    if not summary.pictures:
        del rows["pictures"]
    for name, value in rows.items():
        table.add_row(name, Text(value))
    return Group(table)


class Read(NamedTuple):
    """What was done with the rows of a file."""

    notes: int
    rejected: int
    empty: int
    """Notes without a word: their vector is zeros, nothing is written for them."""


def run_embed(
    path: Path,
    out: Path,
    messages: Console,
    *,
    method: str,
    model: Path | None,
    tags: str,
    split: str | None,
    limit: int | None,
) -> Read:
    """Write the notes' vectors to a Parquet file with `id` and `vector` (float32, d), in the order of the notes.

    Raises:
        notes.reading.UnreadableInput: the notes as a whole cannot be read.
        recommend.RecommendError: the method cannot be used.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    part = out.with_name(f".{out.name}.{os.getpid()}")
    empty = 0
    try:
        with telling(messages) as told:
            read, rejected = _shown(path, messages, tags, split, limit)
            pictures = pictures_beside(path)
            embedder = open_method(method, model=model, notes=read, pictures=pictures)
            vectors = embedder.embed(read, progress=lambda done, of: told("embedding", done, of))
            tell_refused(pictures, messages)
            empty = int((~vectors.any(axis=1)).sum())
            column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1), pa.float32()), vectors.shape[1])
            pq.write_table(pa.table({"id": pa.array([note.id for note in read], pa.string()), "vector": column}), part)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return Read(len(read), rejected, empty)


class Tagged(NamedTuple):
    """A note with what a model writes for it."""

    id: str
    title: str
    category: str
    hashtags: tuple[str, ...]
    neighbours: "tuple[Neighbour, ...]" = ()
    """The nearest other notes of the file, the nearest first."""


class Neighbour(NamedTuple):
    """A note beside another, with what the same model writes for it."""

    score: float
    """Cosine of both notes' vectors."""
    note: Tagged


def run_tags(
    path: Path,
    messages: Console,
    *,
    model: Path,
    split: str | None,
    limit: int | None,
    ids: tuple[str, ...],
    neighbours: int = 0,
) -> tuple[list[Tagged], Read]:
    """A category and hashtags for each note, out of its text and the pictures that the model looks at; with
    `neighbours`, beside each the nearest of all other notes of the file by the same model's vectors, with what it
    writes for them.

    Raises:
        notes.reading.UnreadableInput: the notes as a whole cannot be read.
        recommend.RecommendError: the model cannot be used, or none of `ids` is there.
    """
    with telling(messages) as told:
        pool, rejected = _shown(path, messages, "none", split, None if neighbours else limit)
        missing = set(ids) - {note.id for note in pool}
        if missing:
            raise RecommendError(f"no note {sorted(missing)[0][:80]!r} in {path}; leave --id out for all of them")
        asked = [row for row, note in enumerate(pool) if not ids or note.id in ids][:limit]
        pictures = pictures_beside(path)
        writer = open_method("notellm", model=model, pictures=pictures)
        assert isinstance(writer, Writer)
        beside: dict[int, list[tuple[int, float]]] = {}
        if neighbours:
            vectors = writer.embed(pool, progress=lambda done, of: told("embedding", done, of))
            beside = {row: _nearest(vectors, row, neighbours) for row in asked}
        rows = list(dict.fromkeys([*asked, *(other for row in asked for other, _ in beside.get(row, ()))]))
        written = writer.write([pool[row] for row in rows], progress=lambda done, of: told("writing", done, of))
        tell_refused(pictures, messages)
    said = {row: Tagged(pool[row].id, pool[row].title, *one) for row, one in zip(rows, written, strict=True)}
    found = [
        said[row]._replace(neighbours=tuple(Neighbour(score, said[other]) for other, score in beside.get(row, ())))
        for row in asked
    ]
    return found, Read(len(found), rejected, sum(not (one.category or one.hashtags) for one in found))


def _nearest(vectors: Vectors, row: int, count: int) -> list[tuple[int, float]]:
    """Rows other than `row`, most alike first; a note without a word is nobody's neighbour and has none."""
    scores = vectors @ vectors[row]
    order = [int(one) for one in np.argsort(-scores, kind="stable") if one != row and vectors[one].any()]
    return [(one, float(scores[one])) for one in order[:count]] if vectors[row].any() else []


def tagged(found: list[Tagged]) -> RenderableType:
    """Written categories and hashtags, for a terminal."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for name in ("note", "category", "hashtags"):
        table.add_column(name, overflow="fold")
    for one in found:
        _add(table, one, "")
        for near in one.neighbours:
            _add(table, near.note, f"  {near.score:.2f}  ")
        if one.neighbours:
            table.add_section()
    return table


def _add(table: Table, one: Tagged, before: str) -> None:
    tags = " ".join(f"#{printable(tag, 40)}" for tag in one.hashtags)
    table.add_row(Text(before + printable(one.title or one.id, 60)), Text(printable(one.category, 40)), Text(tags))


def lines(found: list[Tagged]) -> Iterator[str]:
    """As `recommend tags --json` writes them."""
    for one in found:
        row = _row(one)
        if one.neighbours:
            row["neighbours"] = [{**_row(near.note), "score": round(near.score, 6)} for near in one.neighbours]
        yield json.dumps(row, ensure_ascii=False)


def _row(one: Tagged) -> dict[str, Any]:
    return {"id": one.id, "category": one.category, "hashtags": list(one.hashtags)}


def _shown(path: Path, messages: Console, tags: str, split: str | None, limit: int | None) -> tuple[list[Note], int]:
    rejects: list[None] = []
    read = list(stream_notes(path, messages, split=split, limit=limit, on_reject=lambda: rejects.append(None)))
    return with_tags(read, tags_shown(tags, {note.id: note for note in read}, messages)), len(rejects)
