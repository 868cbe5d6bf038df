"""`tagllm tag`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

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
    from signatures.questions import TagLimits
    from tagllm.teaching import TeacherChoice


@click.command(
    epilog="""\b
Examples:
  tagllm tag examples/notes.jsonl --handbook examples/handbook
  tagllm tag notes.parquet --split test --limit 100 --json > tags.jsonl
  tagllm tag notes.jsonl --id sg-night-3d --handbook examples/handbook --explain 1
  tagllm tag notes.jsonl --teacher vllm --model HuggingFaceTB/SmolVLM-500M-Instruct
  tagllm tag notes.jsonl --teacher vllm --base-url http://gpu1:8000 --base-url http://gpu2:8000
"""
)
@click.argument("notes", type=click.Path(path_type=Path))
@split_option
@limit_option
@ids_option
@handbook_option
@graph_option
@fetch_option
@hashtags_option
@click.option("--explain", type=click.IntRange(min=0), default=0, help="Show every step of the first N notes.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for traces, failures and rejects as JSON lines.")
@click.option("--json", "as_json", is_flag=True, help="One JSON outcome a line on standard output, nothing else.")
@tag_counts
@handbook_tokens
@teacher_options
def tag(
    notes: Path,
    split: str | None,
    limit: int | None,
    ids: tuple[str, ...],
    handbook: Path | None,
    graph: str,
    fetch_images: bool,
    show_hashtags: bool,
    explain: int,
    out: Path | None,
    as_json: bool,
    limits: "TagLimits",
    teacher: "TeacherChoice",
) -> None:
    """Tag the notes in NOTES (JSON lines, CSV, Parquet, Arrow or a dataset folder; .gz and .zst too).

    Exit status: 0 every note got its tags, 1 some failed or were rejected and are recorded, 2 wrong usage.
    """
    from tagllm.tagging import Counts, run_tag

    with refused():
        counts: Counts = run_tag(
            notes,
            split=split,
            limit=limit,
            ids=ids,
            handbook=handbook,
            fused=graph == "fused",
            limits=limits,
            teacher=teacher,
            fetch=fetch_images,
            show_hashtags=show_hashtags,
            explain=explain,
            out=out,
            as_json=as_json,
        )
    sys.exit(0 if counts.all_tagged else 1)
