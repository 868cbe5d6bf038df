"""Outcomes for terminals. What a note or a model says is shown as text: no markup, no control characters."""

import os
import unicodedata

from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from notes.records import Evidence, Failure, FinalTag, Trace

MAX_ROWS = 200


def console() -> Console:
    """Standard output; wide where nobody's window says otherwise, as in a file or a log."""
    found = Console(highlight=False)
    if not found.is_terminal and "COLUMNS" not in os.environ:
        found.width = 130
    return found


def printable(text: str, most: int = 300) -> str:
    """`text` without anything that steers a terminal, cut at `most` characters."""
    shown = "".join(
        c if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") else " " for c in text[: most * 2]
    )
    shown = " ".join(shown.split())
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


class OutcomeTable:
    """A table of outcomes that holds at most `MAX_ROWS` rows."""

    def __init__(self) -> None:
        self._table = Table(box=box.SIMPLE_HEAD, expand=True, show_edge=False, pad_edge=False, row_styles=("", ""))
        for name, ratio in (("note", 4), ("tags", 6), ("interests", 4), ("from the pictures", 4)):
            self._table.add_column(name, ratio=ratio, overflow="fold", header_style="bold")
        self._rows = 0

    def add(self, outcome: Trace | Failure, title: str) -> None:
        """One row."""
        self._rows += 1
        if self._rows > MAX_ROWS:
            return
        note = Text(printable(outcome.note_id, 60), style="cyan")
        if title:
            note.append(f"\n{printable(title, 90)}", style="dim")
        if isinstance(outcome, Failure):
            self._table.add_row(note, Text(f"{outcome.reason}: {printable(outcome.message, 200)}", style="red"), "", "")
        else:
            self._table.add_row(note, _tags(outcome), _interests(outcome), _pictures(outcome))
        self._table.add_section()

    def render(self) -> RenderableType:
        """The table, saying what it left out."""
        if self._rows <= MAX_ROWS:
            return self._table
        return Group(self._table, Text(f"… and {self._rows - MAX_ROWS:,} more; --json or --out give all", style="dim"))


def _tags(trace: Trace) -> Text:
    return Text(" · ").join(
        Text(printable(tag.tag, 80), style="bold" if tag.confidence >= 0.8 else "") for tag in trace.tags
    )


def _interests(trace: Trace) -> Text:
    return Text(", ").join(Text(f"{printable(match.name, 60)} {match.probability:.2f}") for match in trace.matched)


def from_pictures(tag: FinalTag) -> bool:
    """Whether the tag rests on a picture."""
    return any(evidence.source in ("ocr", "picture", "attributes") for evidence in tag.evidence)


def _pictures(trace: Trace) -> Text:
    tags = [printable(tag.tag, 80) for tag in trace.tags if from_pictures(tag)]
    refused = [record.refused for record in trace.pictures if record.refused is not None]
    shown = Text(" · ").join(Text(tag, style="green") for tag in tags)
    if not tags:
        read = printable(" / ".join(record.ocr.replace("\n", " ") for record in trace.pictures if record.ocr), 90)
        seen = next((record.shows for record in trace.pictures if record.shows), "")
        shown = Text(f"read: {read}" if read else printable(seen, 90), style="dim")
    for refusal in refused:
        shown.append(f"{'; ' if shown.plain else ''}refused: {refusal.reason}", style="yellow")
    return shown


def explained(trace: Trace, title: str) -> RenderableType:
    """Every step of one note."""
    rows = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    rows.add_column(style="bold cyan", no_wrap=True)
    rows.add_column(overflow="fold")
    times = {step.name: f"{step.milliseconds:.0f} ms" for step in trace.steps}
    retrieved = ", ".join(printable(found.name, 60) for found in trace.retrieved[:6])
    rows.add_row("retrieve", Text(f"{retrieved or 'no handbook'}{' …' if len(trace.retrieved) > 6 else ''}"))
    for record in trace.pictures:
        said = f"picture {record.number}: {printable(record.shows, 160)}"
        if record.ocr:
            said += f"; it reads: {printable(record.ocr, 200)}"
        rows.add_row("describe", Text(said if record.refused is None else f"refused: {record.refused.message}"))
    for match in trace.matched:
        rows.add_row("match", Text(f"{printable(match.name)} {match.probability:.2f}: {printable(match.why)}"))
    drafts = ", ".join(f"{printable(draft.tag, 80)} {draft.score:.2f}" for draft in trace.drafts)
    rows.add_row("draft", Text(drafts))
    for decision in trace.decisions:
        into = f" → {printable(decision.into, 80)}" if decision.into else ""
        said = f"{printable(decision.tag, 80)}{into}: {decision.reason} ({printable(decision.detail, 120)})"
        rows.add_row(decision.step, Text(said, style="dim"))
    for tag in trace.tags:
        line = Text(printable(tag.tag, 80), style="bold green")
        line.append(
            f"  {tag.confidence:.2f}  {', '.join(_evidence(e) for e in tag.evidence)}", style="default not bold"
        )
        rows.add_row("refine", line)
    for sentence in trace.set_aside:
        rows.add_row("set aside", Text(printable(sentence), style="yellow"))
    spent = ", ".join(f"{name} {spent}" for name, spent in times.items())
    heading = Text(printable(title or trace.note_id, 100))
    return Panel(rows, title=heading, subtitle=Text(f"{trace.teacher}; {spent}", style="dim"), title_align="left")


def _evidence(evidence: Evidence) -> str:
    if evidence.source == "interest":
        return f"interest {printable(evidence.interest or '', 60)}"
    where = f"picture {evidence.picture}" if evidence.picture else evidence.source
    return f"{where} “{printable(evidence.quote, 60)}”" if evidence.quote else where
