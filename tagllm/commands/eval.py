"""`tagllm eval`."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tagllm.commands.options import handbook_tokens, tag_counts, teacher_options

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
@click.option("--split", help="Only notes whose `split` column says so.")
@click.option("--limit", type=click.IntRange(min=1), help="Stop after this many notes.")
@click.option(
    "--handbook",
    type=click.Path(path_type=Path),
    envvar="TAGLLM_HANDBOOK",
    help="Folder of the User Interest Handbook; without it tags come from the notes alone.",
)
@click.option("--learn", metavar="SPLIT", help="Build the handbook from the notes of this split, and use that.")
@click.option("--keep", type=click.Path(path_type=Path), help="Folder where the handbook of --learn stays.")
@click.option(
    "--graph",
    type=click.Choice(["steps", "fused"]),
    default="steps",
    show_default=True,
    envvar="TAGLLM_GRAPH",
    help="Ask step by step, or everything in one answer.",
)
@click.option(
    "--ablate",
    multiple=True,
    metavar="PARTS",
    help="Tag again without each: handbook, image, dedupe, refine; with commas between them.",
)
@click.option("--fetch-images", is_flag=True, help="Fetch http(s) pictures, from public addresses only.")
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
    from handbook import HandbookError
    from notes.reading import UnreadableInput
    from prompts import PromptError
    from tagllm.evaluating import run_eval
    from tagllm.showing import console
    from teachers.store import StoreError
    from teachers.vllm.launch import ServerError

    wanted = dict.fromkeys(part.strip() for parts in ablate for part in parts.split(","))
    unknown = [part for part in wanted if part not in PARTS]
    if unknown:
        raise click.UsageError(f"--ablate names {', '.join(map(repr, unknown))}; known: {', '.join(PARTS)}")
    if "handbook" in wanted and handbook is None and learn is None:
        raise click.UsageError("--ablate handbook: there is none to go without; add --handbook DIR or --learn SPLIT")
    try:
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
    except (UnreadableInput, HandbookError, PromptError, ServerError, StoreError) as error:
        raise click.UsageError(str(error)) from None
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
