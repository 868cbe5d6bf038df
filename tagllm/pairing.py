"""What `tagllm recommend pairs` does: clicks to pairs to learn from and pairs to be measured on.

OUT/pairs.json     what made them: options, division, counts
OUT/train.jsonl    pairs of training clicks, one a line: query, target, score
OUT/test.jsonl     pairs of test clicks
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from notes.records import Record
from recommend import PairOptions, RecommendError
from recommend.model.folder import MODEL
from recommend.pairs import Pairs, find_pairs, write_pairs
from recommend.splitting import Split, SplitBy, split
from tagllm.recommending import Behaviour, ReadNotes, all_notes, clicks_on
from tagllm.telling import Told, telling

SUMMARY, TRAIN, TEST = "pairs.json", "train.jsonl", "test.jsonl"


class PairsSummary(Record):
    """What made the pairs of a folder, and how many there are."""

    notes: str
    """File of the notes."""
    interactions: str
    """File of the interactions."""
    options: PairOptions
    split: SplitBy
    test_share: float
    seed: int
    cut: datetime | None
    """Training clicks are earlier; None: not divided by time."""
    held_out: int
    """Notes no training pair is about."""
    min_strength: float | None
    counts: dict[str, int]
    """Rows of the interactions by what became of them, `clicks` (each user once a note), `users_set_aside`, and
    `rejected_notes`: rows that were no notes."""
    train: int
    """Pairs to learn from."""
    test: int | None = None
    """Pairs to be measured on; None: not counted, as where a model only learned."""


@dataclass(frozen=True, kw_only=True)
class Divided:
    """Notes, the clicks on them, and the pairs to learn from."""

    known: ReadNotes
    parts: Split
    pairs: Pairs
    """Of the training clicks."""
    summary: PairsSummary
    """Without the pairs to be measured on."""


def divide(
    notes: Path, interactions: Path, messages: Console, told: Told, *, behaviour: Behaviour, options: PairOptions
) -> Divided:
    """Read notes and interactions, divide the clicks, and find the pairs to learn from.

    Raises:
        notes.reading.UnreadableInput: notes or interactions cannot be read.
        recommend.RecommendError: there is nothing to learn from.
    """
    known = all_notes(notes, messages, told)
    clicks = clicks_on(interactions, list(known.notes), behaviour, options, messages, told)
    parts = split(clicks, behaviour.by, share=behaviour.share, seed=behaviour.seed)
    pairs = find_pairs(parts.train, options, progress=lambda done, of: told("pairs to learn from", done, of))
    if not len(pairs):
        raise RecommendError(
            f"no two notes belong together by {options.definition}; lower --lowest {options.lowest:g} or "
            f"--support {options.support}"
        )
    summary = PairsSummary(
        notes=str(notes),
        interactions=str(interactions),
        options=options,
        split=parts.by,
        test_share=behaviour.share,
        seed=behaviour.seed,
        cut=datetime.fromtimestamp(parts.cut / 1000, UTC) if parts.cut is not None else None,
        held_out=int(parts.held_out.sum()),
        min_strength=clicks.min_strength,
        counts={
            **clicks.counts,
            "clicks": len(clicks),
            "users_set_aside": clicks.crowded(options.most_clicks),
            "rejected_notes": known.rejected,
        },
        train=len(pairs),
    )
    return Divided(known=known, parts=parts, pairs=pairs, summary=summary)


def write_summary(folder: Path, summary: PairsSummary) -> None:
    """Say in `folder` what pairs it holds, or learned from."""
    (folder / SUMMARY).write_text(summary.model_dump_json(indent=1) + "\n", "utf-8")


def run_pairs(
    notes: Path,
    interactions: Path,
    out: Path,
    messages: Console,
    *,
    behaviour: Behaviour,
    options: PairOptions,
) -> PairsSummary:
    """Write the pairs into the folder `out`.

    Raises:
        notes.reading.UnreadableInput: notes or interactions cannot be read.
        recommend.RecommendError: there is no pair to be made.
    """
    if (out.exists() and not out.is_dir()) or (out.is_dir() and any(out.iterdir()) and not (out / SUMMARY).is_file()):
        raise RecommendError(f"{out} is there and holds no pairs; choose another folder")
    with telling(messages) as told:
        found = divide(notes, interactions, messages, told, behaviour=behaviour, options=options)
        test = find_pairs(found.parts.test, options, progress=lambda done, of: told("pairs to measure on", done, of))
        summary = found.summary.model_copy(update={"test": len(test)})
        out.mkdir(parents=True, exist_ok=True)
        (out / SUMMARY).unlink(missing_ok=True)
        write_pairs(out / TRAIN, found.pairs)
        write_pairs(out / TEST, test)
        write_summary(out, summary)
    return summary


def check_learned(model: Path, parts: Split, behaviour: Behaviour) -> None:
    """That a model did not learn from what it is to be measured on, where its folder holds the `pairs.json` it was
    trained with.

    By time it must have learned from earlier clicks only; by note it must have held the same notes out, or more. A
    base that was not trained here learned from no clicks.

    Raises:
        RecommendError: it may have seen the test.
    """
    file = model / SUMMARY
    if not file.is_file():
        if not (model / MODEL).is_file():
            return
        raise RecommendError(
            f"{model} was trained, and without {SUMMARY} nobody knows on which clicks: it may have seen the test; give "
            "the command that trained it once more, which writes it"
        )
    try:
        learned = PairsSummary.model_validate_json(file.read_bytes())
    except (ValidationError, OSError) as error:
        raise RecommendError(f"{file}: not what tagllm recommend pairs writes: {str(error).splitlines()[0]}") from None
    earlier = learned.cut is not None and parts.cut is not None and learned.cut.timestamp() * 1000 <= parts.cut
    held = learned.split in ("note", "both") and learned.seed == behaviour.seed
    held = held and learned.test_share >= behaviour.share
    if (
        (parts.by in ("time", "both") and not earlier)
        or (parts.by in ("note", "both") and not held)
        or parts.by == "none"
    ):
        when = f", of clicks before {learned.cut:%Y-%m-%d %H:%M} UTC" if learned.cut else ""
        raise RecommendError(
            f"{model} learned from pairs divided by {learned.split}{when}, test share {learned.test_share:g}, seed "
            f"{learned.seed}: it may have seen what --split {parts.by} --test-share {behaviour.share:g} --seed "
            f"{behaviour.seed} measures; measure it as it was trained"
        )


def as_json(summary: PairsSummary, out: Path) -> dict[str, Any]:
    """The summary and where the pairs are."""
    return {"path": str(out), **json.loads(summary.model_dump_json())}


def rendered(summary: PairsSummary) -> RenderableType:
    """What became of the interactions, and how many pairs there are."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, count in summary.counts.items():
        if count or name in ("interactions", "clicks"):
            table.add_row(Text(name.replace("_", " "), style="cyan"), f"{count:,}")
    table.add_section()
    table.add_row(Text("pairs to learn from", style="bold"), f"{summary.train:,}")
    same = " (the same)" if summary.split == "none" else ""
    table.add_row(Text(f"pairs to measure on{same}", style="bold"), f"{summary.test or 0:,}")
    when = f"; training clicks are before {summary.cut:%Y-%m-%d %H:%M} UTC" if summary.cut else ""
    held = f"; {summary.held_out:,} notes held out" if summary.held_out else ""
    return Group(table, Text(f"{summary.options.definition}, divided by {summary.split}{when}{held}", style="dim"))
