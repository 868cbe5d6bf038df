"""`tagllm recommend`: pairs of notes, an index of their vectors, searching it, and how good a method is."""

import importlib
import json
import sys
from pathlib import Path
from typing import Any, ClassVar

import click

from tagllm.commands.options import limit_option, refused, split_option
from tagllm.commands.recommend_options import (
    behaviour_options,
    definition_option,
    interactions_option,
    json_option,
    notes_option,
    taken,
)

_METHODS = "tfidf, sbert, prompteol, contrast, repllama, notellm"


class _Numbers(click.ParamType[tuple[int, ...]]):
    """Whole numbers from 1, with commas between them."""

    name = "N,N…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        words = [word.strip() for word in str(value).split(",")]
        wrong = [word for word in words if not word.isdecimal() or not 1 <= int(word) <= 10_000_000]
        if wrong:
            self.fail(
                f"must be whole numbers from 1 to 10,000,000 with commas between them, got {wrong[0]!r}", param, ctx
            )
        return tuple(sorted({int(word) for word in words}))


class _Recommend(click.Group):
    """The options of the commands that train are the fields of a record: they are read when those are asked for."""

    _later: ClassVar = {"train": "train", "embed": "embed", "tags": "write_tags"}
    """Commands, and what they are called in their module."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *self._later])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self._later:
            return getattr(importlib.import_module("tagllm.commands.recommend_training"), self._later[cmd_name])
        return super().get_command(ctx, cmd_name)


@click.group(cls=_Recommend)
def recommend() -> None:
    """Recommend notes beside notes: one vector a note.

    \b
    tagllm recommend pairs --notes notes.jsonl --interactions clicks.csv --out pairs
    tagllm recommend eval --notes notes.jsonl --interactions clicks.csv --method sbert
    tagllm recommend index notes.jsonl --out index --tags hashtags
    tagllm recommend search "night view in Singapore" --index index
    """


@recommend.command(
    epilog="""\b
Examples:
  tagllm recommend pairs --notes notes.jsonl --interactions clicks.csv --out pairs
  tagllm recommend pairs --notes notes.jsonl --interactions clicks.csv --out pairs --pairs cosine --support 3
  tagllm recommend pairs --notes notes.jsonl --interactions clicks.csv --out pairs --split both --test-share 0.3
"""
)
@notes_option
@interactions_option
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the pairs.")
@definition_option
@behaviour_options
@json_option
def pairs(notes: Path, interactions: Path, out: Path, definition: Any, as_json: bool, **wanted: Any) -> None:
    """Find the notes that belong together: those that the same users clicked.

    OUT/train.jsonl holds pairs to learn from, OUT/test.jsonl pairs to be measured on, OUT/pairs.json what made them.

    Exit status: 0 done, 1 rows of notes or interactions were rejected and are counted, 2 wrong usage.
    """
    from rich.console import Console

    from recommend import PairOptions, RecommendError
    from tagllm.pairing import as_json as shown_as_json
    from tagllm.pairing import rendered, run_pairs
    from tagllm.showing import console

    behaviour, options = taken(wanted)
    messages = Console(stderr=True, highlight=False)
    with refused(RecommendError):
        summary = run_pairs(
            notes,
            interactions,
            out,
            messages,
            behaviour=behaviour,
            options=PairOptions(definition=definition, **options),
        )
    if as_json:
        click.echo(json.dumps(shown_as_json(summary, out), ensure_ascii=False))
    else:
        console().print(rendered(summary))
        console().print(f"wrote {out}", markup=False, soft_wrap=True)
    sys.exit(1 if summary.counts["rejected"] or summary.counts["rejected_notes"] else 0)


@recommend.command(
    "eval",
    epilog="""\b
Examples:
  tagllm recommend eval --notes notes.jsonl --interactions clicks.csv --method tfidf --method sbert
  tagllm recommend eval --notes notes.jsonl --interactions clicks.csv --tags none --tags hashtags --tags runs/tonight
  tagllm recommend eval --notes notes.jsonl --interactions clicks.csv --split both --pairs cosine --json > scores.json
""",
)
@notes_option
@interactions_option
@click.option(
    "--method",
    "methods",
    multiple=True,
    default=("sbert",),
    show_default=True,
    metavar="NAME[=DIR]",
    help=f"What embeds: {_METHODS}; NAME=DIR with a model of its own. Repeated: compared with the first.",
)
@click.option("--model", type=click.Path(path_type=Path), help="Folder of the one method's model.")
@click.option(
    "--tags",
    multiple=True,
    default=("none",),
    show_default=True,
    metavar="none|hashtags|RUN",
    help="What it sees of a note besides its text: nothing, the author's hashtags, or the tags of a run in a folder. "
    "Repeated: compared with the first.",
)
@click.option(
    "--pairs",
    "definitions",
    type=click.Choice(["cooccurrence", "cosine"]),
    multiple=True,
    default=("cooccurrence", "cosine"),
    show_default=True,
    help="What makes two notes belong together; may be repeated.",
)
@click.option(
    "--targets",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    help="True targets of a query, the strongest first.",
)
@click.option("--k", "ks", type=_Numbers(), default="10,100,1000", show_default=True, help="Ranks that are looked at.")
@click.option(
    "--exposure",
    type=click.IntRange(0),
    nargs=2,
    metavar="LOW HIGH",
    help="Users of a target of low exposure at most, of high at least.  [default: the lowest and highest third]",
)
@click.option("--resamples", type=click.IntRange(1, 100_000), default=1000, show_default=True, help="Of the bootstrap.")
@behaviour_options
@json_option
def evaluate(
    notes: Path,
    interactions: Path,
    methods: tuple[str, ...],
    model: Path | None,
    tags: tuple[str, ...],
    definitions: tuple[Any, ...],
    targets: int,
    ks: tuple[int, ...],
    exposure: tuple[int, int] | None,
    resamples: int,
    as_json: bool,
    **wanted: Any,
) -> None:
    """Measure how well methods find the note that goes with a note: Recall, MRR, NDCG among all other test notes.

    Exit status: 0 done, 1 rows of notes or interactions were rejected and are counted, 2 wrong usage.
    """
    from rich.console import Console

    from recommend import PairOptions, RecommendError
    from tagllm.measuring import check_methods, run_eval
    from tagllm.showing import console

    behaviour, options = taken(wanted)
    if exposure is not None and exposure[0] >= exposure[1]:
        raise click.UsageError(f"--exposure {exposure[0]} {exposure[1]}: low must be below high")
    if targets > options["most"]:
        raise click.UsageError(f"--targets {targets} is above --most {options['most']}; raise --most")
    with refused(RecommendError):
        found = run_eval(
            notes,
            interactions,
            Console(stderr=True, highlight=False),
            methods=check_methods(methods, model),
            tags=tuple(dict.fromkeys(tags)),
            definitions=[PairOptions(definition=name, **options) for name in dict.fromkeys(definitions)],
            behaviour=behaviour,
            targets=targets,
            exposure=exposure,
            ks=ks,
            resamples=resamples,
        )
    if as_json:
        click.echo(json.dumps(found.as_json(), ensure_ascii=False))
    else:
        console().print(found.render())
    sys.exit(0 if found.complete else 1)


@recommend.command(
    epilog="""\b
Examples:
  tagllm recommend index notes.jsonl --out index --tags hashtags
  tagllm recommend index notes.jsonl --out index --tags runs/tonight --approximate
  tagllm recommend index new.jsonl --out index --add
"""
)
@click.argument("notes", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the index.")
@click.option("--method", help=f"What embeds: {_METHODS}.  [default: sbert]")
@click.option("--model", type=click.Path(path_type=Path), help="Folder of the method's model.")
@click.option(
    "--tags",
    metavar="none|hashtags|RUN",
    help="What it sees besides the text: nothing, the author's hashtags, or a run's tags.  [default: none]",
)
@split_option
@limit_option
@click.option("--add", is_flag=True, help="Add to the index that is there; notes whose ids it holds are replaced.")
@click.option("--overwrite", is_flag=True, help="Replace the index that is there.")
@click.option(
    "--approximate/--exact",
    default=None,
    help="Whether to divide the vectors into lists for approximate search.  [default: from 50,000 notes]",
)
@click.option(
    "--recall",
    type=click.FloatRange(0.5, 1),
    default=0.98,
    show_default=True,
    help="Share of the exact 100 nearest that approximate search is to find.",
)
@click.option(
    "--dtype",
    type=click.Choice(["float32", "float16"]),
    default="float32",
    show_default=True,
    help="Of the vectors on disk; float16: half the room, slower.",
)
@json_option
def index(
    notes: Path,
    out: Path,
    method: str | None,
    model: Path | None,
    tags: str | None,
    split: str | None,
    limit: int | None,
    add: bool,
    overwrite: bool,
    approximate: bool | None,
    recall: float,
    dtype: Any,
    as_json: bool,
) -> None:
    """Embed the notes in NOTES and write an index, or add them to one.

    Exit status: 0 done, 1 some rows were no notes and are counted, 2 wrong usage.
    """
    if add and (overwrite or method is not None or approximate is not None):
        given = "--overwrite" if overwrite else f"--method {method}" if method else "--approximate or --exact"
        raise click.UsageError(f"--add keeps the index as it was made; leave {given} out")
    from rich.console import Console

    from recommend import RecommendError
    from recommend.methods import METHODS
    from tagllm.indexing import indexed, run_index
    from tagllm.showing import console

    if method is not None and method not in METHODS:
        raise click.UsageError(f"--method {method!r}: no such method; known: {', '.join(METHODS)}")
    with refused(RecommendError):
        manifest, rejected = run_index(
            notes,
            out,
            Console(stderr=True, highlight=False),
            method=method or "sbert",
            model=model,
            tags=tags,
            split=split,
            limit=limit,
            dtype=dtype,
            approximate=approximate,
            recall=recall,
            add=add,
            overwrite=overwrite,
        )
    if as_json:
        found = manifest.model_dump(mode="json", exclude={"files"})
        click.echo(json.dumps({"path": str(out), "rejected": rejected, **found}, ensure_ascii=False))
    else:
        console().print(indexed(manifest, out))
        console().print(f"wrote {out}", markup=False, soft_wrap=True)
    sys.exit(1 if rejected else 0)


@recommend.command(
    epilog="""\b
Examples:
  tagllm recommend search sg-night-3d --index index
  tagllm recommend search "night view in Singapore" --index index -k 5
  tagllm recommend search new.jsonl --index index --json
"""
)
@click.argument("note", nargs=-1, required=True)
@click.option(
    "--index",
    "folder",
    type=click.Path(path_type=Path),
    required=True,
    envvar="TAGLLM_INDEX",
    help="Folder of the index.",
)
@click.option(
    "--as",
    "kind",
    type=click.Choice(["auto", "id", "file", "text"]),
    default="auto",
    show_default=True,
    help="What NOTE is; auto: the id of a note in the index, else a file of notes, else a text.",
)
@click.option("-k", "k", type=click.IntRange(1, 10_000), default=10, show_default=True, help="Neighbours shown.")
@click.option("--model", type=click.Path(path_type=Path), help="Where the method's model is now, if it has moved.")
@click.option("--exact", is_flag=True, help="Compare every note, also where there are lists for approximate search.")
@json_option
def search(
    note: tuple[str, ...], folder: Path, kind: Any, k: int, model: Path | None, exact: bool, as_json: bool
) -> None:
    """Show the notes nearest to each NOTE, with their tags.

    Exit status: 0 done, 2 wrong usage.
    """
    from rich.console import Console

    from recommend import RecommendError
    from tagllm.indexing import answered, run_search
    from tagllm.showing import console

    with refused(RecommendError):
        answers = run_search(
            note, folder, Console(stderr=True, highlight=False), kind=kind, model=model, k=k, exact=exact
        )
    if as_json:
        for answer in answers:
            click.echo(json.dumps(answer.as_json(), ensure_ascii=False))
    else:
        console().print(answered(answers))
