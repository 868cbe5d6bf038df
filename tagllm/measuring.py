"""What `tagllm recommend eval` does: rank test notes by every method with every kind of tags, and compare them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from notes.records import Note
from recommend import Definition, PairOptions, RecommendError
from recommend.measuring import Ranking, Task, compare, make_task
from recommend.measuring.generation import Gold, generation
from recommend.measuring.retrieval import Estimate
from recommend.methods import METHODS, Writer, open_method
from recommend.shown import with_tags
from recommend.splitting import split
from signatures.metrics.intervals import CONFIDENCE
from tagllm.measured import Comparison, Measured, Row, System
from tagllm.pairing import check_learned
from tagllm.recommending import (
    Behaviour,
    ReadNotes,
    all_notes,
    clicks_on,
    pictures_beside,
    seen_by,
    tell_refused,
)
from tagllm.showing import printable
from tagllm.telling import Told, telling


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
        pictures = pictures_beside(notes)
        for shown in tags:
            seen = seen_by(known.notes, shown, messages)
            place = {note.id: row for row, note in enumerate(seen)}
            asked = [seen[place[id]] for id in pool]
            for method in methods:
                system = System(method, shown)
                name, _, model = method.partition("=")
                told(f"{name}, tags: {printable(shown, 40)}", 0, len(asked))
                embedder = open_method(name, model=Path(model) if model else None, notes=seen, pictures=pictures)
                vectors = embedder.embed(asked, progress=_telling(told, system))
                for definition, task in tasks.items():
                    rankings[definition, system] = Ranking.of(task, vectors, ks=ks)
                if isinstance(embedder, Writer):
                    generated[system] = _generation(embedder, known, pool, resamples)
        tell_refused(pictures, messages)
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
