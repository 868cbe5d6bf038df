"""What `tagllm recommend eval` does: rank test notes by every method with every kind of tags, and compare them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from notes.records import Note
from recommend import Definition, PairOptions, RecommendError
from recommend.measuring import Ranking, Task, compare, make_task
from recommend.measuring.generation import METRICS as GENERATED
from recommend.measuring.generation import Gold, generation
from recommend.measuring.retrieval import Estimate
from recommend.methods import METHODS, Writer, open_method
from recommend.shown import with_tags
from recommend.splitting import split
from signatures.metrics.intervals import CONFIDENCE
from tagllm.pairing import check_learned
from tagllm.recommending import Behaviour, ReadNotes, Told, all_notes, clicks_on, seen_by, telling
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


def run_eval(
    notes: Path,
    interactions: Path,
    messages: Console,
    *,
    methods: Sequence[str] = ("sbert",),
    tags: Sequence[str] = ("none",),
    definitions: Sequence[PairOptions] = (PairOptions(),),
    behaviour: Behaviour | None = None,
    targets: int = 1,
    exposure: tuple[int, int] | None = None,
    ks: Sequence[int] = (10, 100, 1000),
    resamples: int = 1000,
) -> Measured:
    """Measure every method with every kind of tags by every definition of pairs.

    Raises:
        notes.reading.UnreadableInput: notes or interactions cannot be read.
        recommend.RecommendError: there is nothing to measure on, or a method cannot be used.
    """
    behaviour = behaviour or Behaviour()
    with telling(messages) as told:
        known = all_notes(notes, messages, told)
        clicks = clicks_on(interactions, list(known.notes), behaviour, definitions[0], messages, told)
        parts = split(clicks, behaviour.by, share=behaviour.share, seed=behaviour.seed)
        for model in filter(None, (method.partition("=")[2] for method in methods)):
            check_learned(Path(model), parts, behaviour)
        tasks: dict[Definition, Task] = {
            options.definition: make_task(parts, options, targets=targets, exposure=exposure) for options in definitions
        }
        pool = next(iter(tasks.values())).pool
        rankings: dict[tuple[Definition, System], Ranking] = {}
        generated: dict[System, dict[str, Estimate]] = {}
        for shown in tags:
            seen = seen_by(known.notes, shown, messages)
            place = {note.id: row for row, note in enumerate(seen)}
            asked = [seen[place[id]] for id in pool]
            for method in methods:
                system = System(method, shown)
                name, _, model = method.partition("=")
                told(f"{name}, tags: {printable(shown, 40)}", 0, len(asked))
                embedder = open_method(name, model=Path(model) if model else None, notes=seen)
                vectors = embedder.embed(asked, progress=_telling(told, system))
                for definition, task in tasks.items():
                    rankings[definition, system] = Ranking.of(task, vectors, ks=ks)
                if isinstance(embedder, Writer):
                    generated[system] = _generation(embedder, known, pool, resamples)
        rows = [
            Row(definition=definition, system=system, numbers=ranking.estimates(resamples=resamples))
            for (definition, system), ranking in sorted(
                rankings.items(), key=lambda item: list(tasks).index(item[0][0])
            )
        ]
        comparisons = [
            Comparison(
                definition=definition,
                system=one,
                less=other,
                numbers=compare(rankings[definition, one], rankings[definition, other], resamples=resamples),
            )
            for definition in tasks
            for one, other in _compared(methods, tags)
        ]
    return Measured(
        rows=rows,
        comparisons=comparisons,
        generated=generated,
        tasks=tasks,
        rejected=known.rejected,
        settings={
            "split": behaviour.by,
            "test_share": behaviour.share,
            "seed": behaviour.seed,
            "min_strength": clicks.min_strength,
            "targets": targets,
            "ks": list(ks),
            "main": f"Recall@{max((k for k in ks if 4 * k < len(pool)), default=ks[0])}",
            "definitions": [options.model_dump() for options in definitions],
            "confidence": CONFIDENCE,
            "resamples": resamples,
            "clicks": {**clicks.counts, "train": len(parts.train), "test": len(parts.test)},
        },
    )


def check_methods(methods: Sequence[str], model: Path | None) -> tuple[str, ...]:
    """The methods as NAME or NAME=DIR.

    Raises:
        RecommendError: one is not known, or `model` is for several.
    """
    for method in methods:
        if method.partition("=")[0] not in METHODS:
            raise RecommendError(f"no method {method.partition('=')[0]!r}; known: {', '.join(METHODS)}")
    if model is None:
        return tuple(dict.fromkeys(methods))
    if len(methods) > 1:
        raise RecommendError(f"--model {model} with {len(methods)} methods: say whose it is, --method NAME={model}")
    if "=" in methods[0]:
        raise RecommendError(f"--method {methods[0]} names a model already; leave --model {model} out")
    return (f"{methods[0]}={model}",)


def _compared(methods: Sequence[str], tags: Sequence[str]) -> list[tuple[System, System]]:
    """Each with the first method on the same tags, and with the first tags of the same method."""
    found = []
    for method in methods:
        for shown in tags:
            system = System(method, shown)
            if method != methods[0]:
                found.append((system, System(methods[0], shown)))
            if shown != tags[0]:
                found.append((system, System(method, tags[0])))
    return found


def _telling(told: Told, system: System) -> Any:
    return lambda done, of: told(f"{system.name}, tags: {printable(system.tags, 40)}", done, of)


def _generation(writer: Writer, known: ReadNotes, pool: Sequence[str], resamples: int) -> dict[str, Estimate]:
    notes: list[Note] = [known.notes[id] for id in pool]
    bare = [note.model_copy(update={"category": ""}) for note in with_tags(notes, "none")]
    gold = [Gold(category=note.category, hashtags=note.hashtags) for note in notes]
    categories = {note.category for note in known.notes.values() if note.category}
    return generation(writer.write(bare), gold, categories, resamples=resamples)


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


__all__ = ["Measured", "RecommendError", "System", "check_methods", "run_eval"]
