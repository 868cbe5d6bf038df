"""`tagllm run`."""

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from tagllm.commands.options import (
    fetch_option,
    graph_option,
    handbook_option,
    handbook_tokens,
    hashtags_option,
    ids_option,
    limit_option,
    refused,
    split_option,
    tag_counts,
    teacher_options,
)

if TYPE_CHECKING:
    from distill.runs.limits import MaxFailures
    from signatures.questions import TagLimits
    from tagllm.teaching import TeacherChoice


def max_failures_of(context: click.Context, option: click.Parameter, value: str | None) -> "MaxFailures | None":
    """`20` or `5%`."""
    from distill.runs.limits import MaxFailures

    try:
        return MaxFailures.parse(value) if value is not None else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command(
    epilog="""\b
Examples:
  tagllm run notes.jsonl --out runs/tonight --handbook examples/handbook
  tagllm run notes.jsonl --out runs/tonight --teacher vllm --base-url http://gpu1:8000 --base-url http://gpu2:8000
  tagllm run notes.parquet --split train --out runs/train --max-failures 5%
  tagllm run notes.jsonl --out runs/tonight --executor ray --workers 8
  tagllm runs status runs/tonight
"""
)
@click.argument("notes", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the run.")
@split_option
@limit_option
@ids_option
@handbook_option
@graph_option
@fetch_option
@hashtags_option
@click.option(
    "--executor",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Who works: this process, or workers of a Ray cluster (RAY_ADDRESS; none: on this machine).",
)
@click.option("--workers", type=click.IntRange(1, 4096), help="Of Ray; as many as it has processors by default.")
@click.option(
    "--window",
    type=click.IntRange(0, 100_000),
    help="Within as many notes, those of one category are asked about together; 2000 for a model on servers, else 0.",
)
@click.option(
    "--max-failures",
    callback=max_failures_of,
    metavar="N|N%",
    help="Stop when more notes of this session fail; a share is taken of 100 notes at least.",
)
@click.option("--fresh", is_flag=True, help="Begin anew; the run that is there is kept beside it, as OUT.1 …")
@click.option("--json", "as_json", is_flag=True, help="The summary as JSON on standard output, nothing else.")
@tag_counts
@handbook_tokens
@teacher_options
def run(
    notes: Path,
    out: Path,
    split: str | None,
    limit: int | None,
    ids: tuple[str, ...],
    handbook: Path | None,
    graph: str,
    fetch_images: bool,
    show_hashtags: bool,
    executor: Literal["local", "ray"],
    workers: int | None,
    window: int | None,
    max_failures: "MaxFailures | None",
    fresh: bool,
    as_json: bool,
    limits: "TagLimits",
    teacher: "TeacherChoice",
) -> None:
    """Tag NOTES into the folder OUT, of any size: the same command again goes on where it stopped, however it stopped.

    Ctrl-C finishes what is under way, a second one stops at once; nothing that was finished is lost, and what a
    model answered to it is not asked again.

    Exit status: 0 every note got its tags, 1 some failed or were rejected and are recorded, 2 wrong usage, 130 stopped.
    """
    from tagllm.watching import is_watched, leave, watch

    arguments: list[str] = click.get_current_context().find_root().meta["tagllm.arguments"]
    if not is_watched():
        sys.exit(watch(arguments, out))

    from distill.runs import NotesSource, RunError, RunRefused
    from tagllm.running import RunChoice, run_run
    from tagllm.watching import has_died

    if workers is not None and executor != "ray":
        raise click.UsageError(f"--workers {workers} is for --executor ray; add it, or leave --workers out")
    source = NotesSource(path=os.path.abspath(notes), split=split, limit=limit, ids=ids)  # noqa: PTH100 - links are kept
    choice = RunChoice(
        notes=source,
        teacher=teacher,
        handbook=os.path.abspath(handbook) if handbook is not None else "",  # noqa: PTH100
        fused=graph == "fused",
        limits=limits,
        fetch=fetch_images,
        show_hashtags=show_hashtags,
        executor=executor,
        workers=workers or 0,
        window=window,
    )
    if not notes.exists():
        raise click.UsageError(f"no such file or folder: {notes}")
    go_on = shlex.join(["tagllm", *(word for word in arguments if word != "--fresh")])
    try:
        with refused(RunRefused):
            status = run_run(
                choice,
                out,
                max_failures=max_failures,
                fresh=fresh and not has_died(),
                as_json=as_json,
                go_on=go_on,
            )
    except RunError as error:
        click.ClickException(str(error)).show()
        status = 1
    leave(status)
