"""A student beside its teacher, for a terminal and as one HTML page that needs no network and runs no script."""

import html
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from distill.student.comparing import LIKENESS, Comparison, Costs
from signatures.metrics import METRICS, Difference, Estimate
from signatures.metrics.intervals import CONFIDENCE
from tagllm.showing import printable
from tagllm.student_evaluating import Evaluated

_WIDTH, _LABEL, _BAR = 720, 170, 14
_COLOURS = {"student": "#2f6f9f", "teacher": "#d98b2b"}
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;margin:1rem 0}"
    "th,td{padding:.25rem .7rem;border-bottom:1px solid #ddd;text-align:right}"
    "th:first-child,td:first-child{text-align:left}h2{margin-top:2rem}svg{max-width:100%}"
)


class Grid(NamedTuple):
    """A table, for whoever shows it."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def grids(found: Evaluated) -> list[Grid]:
    """Everything that was measured, as tables."""
    comparison = found.comparison
    tables = [_metrics(comparison), _costs(comparison)]
    if comparison.likeness is not None:
        rows = ((name, _number(comparison.likeness[name].value), _ends(comparison.likeness[name])) for name in LIKENESS)
        tables.append(Grid("the student's tags against the teacher's", ("metric", "%", _INTERVAL), tuple(rows)))
    if comparison.interests:
        head = ("interest", "notes", "student F1@5", "teacher F1@5", "like the teacher F1@5")
        interests = (
            (printable(i.name, 60), f"{i.notes:,}", _number(i.student), _number(i.teacher), _number(i.likeness))
            for i in comparison.interests
        )
        tables.append(Grid("by interest", head, tuple(interests)))
    return tables


_INTERVAL = f"{CONFIDENCE} % interval"


def _metrics(comparison: Comparison) -> Grid:
    shown = [metric for metric in METRICS if not metric.part]
    if comparison.teacher is None or comparison.differences is None:
        rows = (
            (m.name, _number(comparison.student[m.name].value), _ends(comparison.student[m.name]), m.unit)
            for m in shown
        )
        return Grid("the student", ("metric", "value", _INTERVAL, "unit"), tuple(rows))
    head = ("metric", "student", "teacher", "difference", f"{_INTERVAL}, paired", "unit", "zero is")
    found = []
    for metric in shown:
        one = comparison.differences[metric.name]
        zero = "–" if one.low is None else "outside" if one.clear else "inside"
        difference = _number(one.difference, "+")
        found.append(
            (metric.name, _number(one.full), _number(one.without), difference, _ends(one, "+"), metric.unit, zero)
        )
    return Grid("student and teacher", head, tuple(found))


def _costs(comparison: Comparison) -> Grid:
    sides = [comparison.student_costs, *([comparison.teacher_costs] if comparison.teacher_costs else [])]
    ratios = comparison.ratios or {}

    def each(text: str, values: Iterable[float | None], digits: int = 2, ratio: str = "") -> tuple[str, ...]:
        cells = tuple("–" if value is None else f"{value:,.{digits}f}" for value in values)
        said = ratios.get(ratio)
        return (text, *cells, *(("" if said is None else f"{said:,.2f} ×",) if comparison.ratios is not None else ()))

    def a_note(value: int, costs: Costs) -> float | None:
        return value / costs.notes if costs.notes else None

    rows = (
        each("notes", [c.notes for c in sides], 0),
        each("failed", [c.failed for c in sides], 0),
        each("requests a note", [a_note(c.requests, c) for c in sides], 2, "requests"),
        each("answers from the cache", [c.from_cache for c in sides], 0),
        each("tokens read a note", [a_note(c.prompt_tokens, c) for c in sides], 0),
        each("tokens written a note", [a_note(c.completion_tokens, c) for c in sides], 0, "completion_tokens"),
        each("tokens a note", [a_note(c.prompt_tokens + c.completion_tokens, c) for c in sides], 0, "tokens"),
        each("answers valid at once, %", [c.valid for c in sides]),
        each("notes a second", [c.notes_per_second for c in sides], 2, "notes_per_second"),
    )
    head = ("cost", "student", *(("teacher", "less by") if comparison.teacher_costs else ()))
    return Grid("costs", head, rows)


def rendered(found: Evaluated) -> RenderableType:
    """For a terminal."""
    shown: list[RenderableType] = []
    for grid in grids(found):
        table = Table(
            title=Text(f"\n{grid.title}", style="bold"),
            title_justify="left",
            box=box.SIMPLE_HEAD,
            show_edge=False,
            pad_edge=False,
        )
        for number, name in enumerate(grid.head):
            table.add_column(name, justify="right" if number else "left")
        for row in grid.rows:
            table.add_row(*map(Text, row))
        shown.append(table)
    return Group(*shown, Text(said_of(found), style="dim"))


def said_of(found: Evaluated) -> str:
    """What the numbers are over, and what they are not."""
    comparison = found.comparison
    said = f"{comparison.notes:,} notes"
    if found.learned:
        said += f"; {found.learned:,} left out, for the student learned from them"
    if found.unknown:
        said += f"; {found.unknown:,} left out that the teacher's run does not hold"
    if comparison.failures:
        said += "; failed: " + ", ".join(f"{count:,} {reason}" for reason, count in comparison.failures.items())
    if comparison.teacher_costs is not None:
        said += (
            ". Notes a second are each run's own, from its own time and server: for a ratio on one server see "
            "benchmarks/student.py"
        )
    return said


def page(found: Evaluated) -> str:
    """As HTML: tables, and bars with their intervals."""
    parts = [f"<h1>Student and teacher</h1><p>{html.escape(said_of(found))}</p>"]
    plots = _plots(found.comparison)
    for grid in grids(found):
        head = "".join(f"<th>{html.escape(name)}</th>" for name in grid.head)
        rows = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in grid.rows)
        parts.append(f"<h2>{html.escape(grid.title)}</h2><table><tr>{head}</tr>{rows}</table>")
        parts.append(plots.pop(grid.title, ""))
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>Student and teacher</title><style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def _plots(comparison: Comparison) -> dict[str, str]:
    shares = [metric for metric in METRICS if not metric.part and metric.unit == "%"]
    bars = []
    for metric in shares:
        sides = {"student": comparison.student.get(metric.name)}
        sides |= {"teacher": comparison.teacher.get(metric.name)} if comparison.teacher is not None else {}
        bars.append((metric.name, {side: one for side, one in sides.items() if one is not None}))
    title = "student and teacher" if comparison.teacher is not None else "the student"
    found = {title: _bars(bars)}
    if comparison.interests:
        by_interest = [
            (i.name, {side: _plain(value) for side, value in (("student", i.student), ("teacher", i.teacher))})
            for i in comparison.interests
        ]
        found["by interest"] = _bars(by_interest)
    return found


def _plain(value: float | None) -> Estimate:
    return Estimate(value=value, low=None, high=None, notes=0)


def _bars(rows: Sequence[tuple[str, dict[str, Estimate]]]) -> str:
    """Percentages as bars, one a side, with their intervals as lines."""
    shown = [(name, {s: e for s, e in sides.items() if e.value is not None}) for name, sides in rows]
    shown = [(name, sides) for name, sides in shown if sides]
    room, y = _WIDTH - _LABEL - 60, 10
    lines = []
    for name, sides in shown:
        lines.append(
            f'<text x="{_LABEL - 8}" y="{y + _BAR}" text-anchor="end">{html.escape(printable(name, 26))}</text>'
        )
        for side, one in sides.items():
            assert one.value is not None
            width = room * min(100.0, max(0.0, one.value)) / 100
            lines.append(
                f'<rect x="{_LABEL}" y="{y}" width="{width:.1f}" height="{_BAR - 2}" fill="{_COLOURS[side]}"/>'
            )
            if one.low is not None and one.high is not None:
                low, high = (_LABEL + room * end / 100 for end in (one.low, one.high))
                middle = y + _BAR / 2 - 1
                lines.append(
                    f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}" stroke="#222" stroke-width="1"/>'
                )
            lines.append(f'<text x="{_LABEL + width + 6:.1f}" y="{y + _BAR - 3}">{one.value:.1f}</text>')
            y += _BAR
        y += 8
    for number, (side, colour) in enumerate(_COLOURS.items()):
        lines.append(f'<text x="{_LABEL + 90 * number}" y="{y + 14}" fill="{colour}">{side}</text>')
    height = y + 24
    return (
        f'<svg width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" '
        f'font-size="12">{"".join(lines)}</svg>'
    )


def _number(value: float | None, sign: str = "") -> str:
    return "–" if value is None else f"{value:{sign}.2f}"


def _ends(found: Estimate | Difference, sign: str = "") -> str:
    return "" if found.low is None or found.high is None else f"{found.low:{sign}.2f} … {found.high:{sign}.2f}"
