"""What `tagllm recommend eval` found: as records, as JSON, as tables."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from recommend import Definition
from recommend.measuring import Task
from recommend.measuring.generation import METRICS as GENERATED
from recommend.measuring.retrieval import Estimate
from signatures.metrics.intervals import CONFIDENCE
from tagllm.showing import printable

Numbers = dict[str, dict[str, Estimate]]
"""By part of the queries and metric."""


class System(NamedTuple):
    """A method with the tags it is shown."""

    method: str
    """As it was asked for: a name, or NAME=DIR."""
    tags: str

    @property
    def name(self) -> str:
        return self.method.partition("=")[0]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A system measured by one definition of pairs."""

    definition: Definition
    system: System
    numbers: Numbers


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One system less another, queries drawn together."""

    definition: Definition
    system: System
    less: System
    numbers: Numbers


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What came out."""

    rows: list[Row] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)
    generated: dict[System, dict[str, Estimate]] = field(default_factory=dict)
    """Of methods that also generate."""
    tasks: dict[Definition, Task]
    rejected: int
    """Rows that were no notes."""
    settings: dict[str, Any]

    @property
    def complete(self) -> bool:
        """Whether every row was a note or an interaction."""
        return not (self.rejected or self.settings["clicks"]["rejected"])

    def as_json(self) -> dict[str, Any]:
        """As `recommend eval --json` writes it; the first row also stands at the top."""
        rows = [
            {
                "pairs": row.definition,
                "method": row.system.method,
                "tags": row.system.tags,
                "pool": len(self.tasks[row.definition].pool),
                "queries": _queries(row.numbers),
                **_numbers(row.numbers["all"]),
                "slices": {
                    part: {"queries": max(e.queries for e in found.values()), **_numbers(found)}
                    for part, found in row.numbers.items()
                    if part != "all"
                },
            }
            for row in self.rows
        ]
        differences = [
            {
                "pairs": one.definition,
                "of": one.system._asdict(),
                "less": one.less._asdict(),
                **_numbers(one.numbers["all"]),
                "clear": {name: found.clear for name, found in one.numbers["all"].items()},
                "slices": {
                    part: {**_numbers(found), "clear": {name: e.clear for name, e in found.items()}}
                    for part, found in one.numbers.items()
                    if part != "all"
                },
            }
            for one in self.comparisons
        ]
        generated = [{**system._asdict(), **_numbers(found)} for system, found in self.generated.items()]
        tasks = {
            name: {
                "pool": len(task.pool),
                "pairs": len(task.queries),
                "chance": {f"Recall@{k}": min(100.0, 100 * k * task.chance) for k in self.settings["ks"]},
                "exposure": {"low": task.exposure[0], "high": task.exposure[1]},
            }
            for name, task in self.tasks.items()
        }
        top = {name: rows[0][name] for name in ("pairs", "method", "tags", "pool", "queries", "metrics", "intervals")}
        return {
            **top,
            "rows": rows,
            "differences": differences,
            "generated": generated,
            "tasks": tasks,
            "rejected": self.rejected,
            "settings": self.settings,
        }

    def render(self) -> RenderableType:
        """As tables for people."""
        shown: list[RenderableType] = []
        for definition, task in self.tasks.items():
            rows = [row for row in self.rows if row.definition == definition]
            shown += [_table(definition, task, rows, self.settings["ks"]), _slices(task, rows, self.settings["main"])]
            comparisons = [one for one in self.comparisons if one.definition == definition]
            if comparisons:
                shown.append(_comparisons(comparisons, self.settings["main"]))
        if self.generated:
            shown.append(_generated(self.generated))
        shown.append(
            Text(
                f"Percent, each query alike. Brackets: {CONFIDENCE} % interval, bootstrap over queries, "
                f"{self.settings['resamples']:,} resamples; every other test note is ranked.",
                style="dim",
            )
        )
        return Group(*shown)


def _queries(numbers: Numbers) -> int:
    return max(found.queries for found in numbers["all"].values())


def _numbers(found: dict[str, Estimate]) -> dict[str, Any]:
    return {
        "metrics": {name: one.value for name, one in found.items()},
        "intervals": {name: None if one.low is None else [one.low, one.high] for name, one in found.items()},
    }


def _table(definition: Definition, task: Task, rows: Sequence[Row], ks: Sequence[int]) -> Table:
    said = f"\n{definition}: {len(task.pool):,} notes, {len(np.unique(task.queries)):,} queries"
    table = Table(title=Text(said, style="bold"), title_justify="left", box=box.SIMPLE_HEAD, show_edge=False)
    table.add_column("method", no_wrap=True)
    table.add_column("tags", overflow="fold")
    ks = [k for k in ks if k < len(task.pool) - 1] or ks[:1]
    names = [*(f"Recall@{k}" for k in ks), "MRR", f"NDCG@{ks[0]}"]
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    chance = [f"{min(100.0, 100 * k * task.chance):.1f}" for k in ks]
    table.add_row(Text("chance", style="dim"), "", *(Text(value, style="dim") for value in chance))
    for row in rows:
        cells = [_cell(row.numbers["all"][name]) for name in names]
        table.add_row(_of(row.system.method), _of(row.system.tags), *cells)
    return table


def _slices(task: Task, rows: Sequence[Row], metric: str) -> Table:
    title = Text(f"{metric} by target", style="bold")
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False)
    table.add_column("method", no_wrap=True)
    table.add_column("tags", overflow="fold")
    low, high = task.exposure
    said = {"low_exposure": f"low: ≤ {low:,} users", "high_exposure": f"high: ≥ {high:,} users"}
    said["both_cold"] = "both cold"
    parts = [part for part in rows[0].numbers if part != "all"]
    for part in parts:
        count = max(found.queries for found in rows[0].numbers[part].values())
        table.add_column(f"{said.get(part, part)}\n{count:,} queries", justify="right")
    for row in rows:
        cells = [_cell(row.numbers[part][metric]) for part in parts]
        table.add_row(_of(row.system.method), _of(row.system.tags), *cells)
    return table


def _comparisons(comparisons: Sequence[Comparison], metric: str) -> Table:
    table = Table(title=Text(f"{metric}, differences", style="bold"), title_justify="left", box=box.SIMPLE_HEAD)
    table.show_edge = False
    for name in ("of", "less"):
        table.add_column(name, overflow="fold")
    parts = [part for part in comparisons[0].numbers if not part.endswith("exposure")]
    for part in parts:
        table.add_column(part, justify="right", no_wrap=True)
    for one in comparisons:
        cells = []
        for part in parts:
            found = one.numbers[part][metric]
            cell = _cell(found, "+")
            cell.stylize("bold" if found.clear else "dim")
            cells.append(cell)
        sides = [_of(f"{system.method}, {system.tags}") for system in (one.system, one.less)]
        table.add_row(*sides, *cells)
    return table


def _generated(generated: dict[System, dict[str, Estimate]]) -> Table:
    table = Table(title=Text("generated", style="bold"), title_justify="left", box=box.SIMPLE_HEAD, show_edge=False)
    table.add_column("metric")
    for system in generated:
        table.add_column(printable(f"{system.method}, {system.tags}", 60), justify="right")
    for name in GENERATED:
        table.add_row(name, *(_cell(found[name]) for found in generated.values()))
    return table


def _of(text: str) -> Text:
    return Text(printable(text, 60), style="cyan")


def _cell(found: Estimate, sign: str = "") -> Text:
    if found.value is None:
        return Text("–")
    cell = Text(f"{found.value:{sign}.1f}")
    if found.low is not None and found.high is not None:
        cell.append(f" [{found.low:{sign}.1f}, {found.high:{sign}.1f}]", style="dim")
    return cell
