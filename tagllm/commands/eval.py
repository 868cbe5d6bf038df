"""`tagllm eval`."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tagllm.commands.options import (
    fetch_option,
    graph_option,
    handbook_option,
    handbook_tokens,
    limit_option,
    refused,
    split_option,
    tag_counts,
    teacher_options,
)

if TYPE_CHECKING:
    from signatures.questions import TagLimits
    from tagllm.teaching import TeacherChoice


@click.command(
    "eval",
    epilog="""\b
Examples:
  tagllm eval examples/notes.jsonl --handbook examples/handbook
  tagllm eval notes.jsonl --split test --learn train --ablate handbook,image
  tagllm eval notes.jsonl --split test --predictions tags.jsonl --json > scores.json
""",
)
@click.argument("notes", type=click.Path(path_type=Path))
@split_option
@limit_option
@handbook_option
@click.option("--learn", metavar="SPLIT", help="Build the handbook from the notes of this split, and use that.")
@click.option("--keep", type=click.Path(path_type=Path), help="Folder where the handbook of --learn stays.")
@graph_option
@click.option(
    "--ablate",
    multiple=True,
    metavar="PARTS",
    help="Tag again without each: handbook, image, dedupe, refine; with commas between them.",
)
@fetch_option
@click.option("--resamples", type=click.IntRange(1, 100_000), default=1000, show_default=True, help="Of the bootstrap.")
@click.option("--by-category", is_flag=True, help="Measure the 20 categories with the most notes, too.")
@click.option(
    "--predictions",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write the tags as JSON lines: id, and tags, best first.",
)
@click.option("--json", "as_json", is_flag=True, help="JSON on standard output, nothing else.")
@tag_counts
@handbook_tokens
@teacher_options
def evaluate(
    notes: Path,
    split: str | None,
    limit: int | None,
    handbook: Path | None,
    learn: str | None,
    keep: Path | None,
    graph: str,
    ablate: tuple[str, ...],
    fetch_images: bool,
    resamples: int,
    by_category: bool,
    predictions: Path | None,
    as_json: bool,
    limits: "TagLimits",
    teacher: "TeacherChoice",
) -> None:
    """Tag the notes in NOTES and measure the tags: against their hashtags, and beyond.

    Exit status: 0 every note got its tags, 1 some failed or were rejected and are counted, 2 wrong usage.
    """
    if learn is not None:
        _check_learning(learn, split, handbook)
    elif keep is not None:
        raise click.UsageError(f"--keep {keep} says where a learned handbook stays; add --learn SPLIT, or leave it out")
    if predictions is not None and predictions.resolve() == notes.resolve():
        raise click.UsageError(f"--predictions {predictions} are the notes themselves; choose another file")
    from graphs.tagging.context import PARTS
    from tagllm.evaluating import run_eval
    from tagllm.showing import console

    wanted = dict.fromkeys(part.strip() for parts in ablate for part in parts.split(","))
    unknown = [part for part in wanted if part not in PARTS]
    if unknown:
        raise click.UsageError(f"--ablate names {', '.join(map(repr, unknown))}; known: {', '.join(PARTS)}")
    if "handbook" in wanted and handbook is None and learn is None:
        raise click.UsageError("--ablate handbook: there is none to go without; add --handbook DIR or --learn SPLIT")
    with refused():
        found = run_eval(
            notes,
            split=split,
            limit=limit,
            handbook=handbook,
            learn=learn,
            keep=keep,
            ablate=[part for part in PARTS if part in wanted],
            predictions=predictions,
            by_category=by_category,
            fused=graph == "fused",
            limits=limits,
            teacher=teacher,
            fetch=fetch_images,
            resamples=resamples,
        )
    if as_json:
        click.echo(json.dumps(found.as_json(), ensure_ascii=False))
    else:
        console().print(found.render())
        if predictions is not None:
            click.echo(f"wrote {predictions}")
    sys.exit(0 if found.complete else 1)


def _check_learning(learn: str, split: str | None, handbook: Path | None) -> None:
    if handbook is not None:
        raise click.UsageError(f"--learn {learn} and --handbook {handbook} both name a handbook; leave one out")
    if split is None or split == learn:
        raise click.UsageError(
            f"--learn {learn} would be scored on the notes it learns from; name another split with --split"
        )
