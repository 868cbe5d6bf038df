"""`tagllm optimize`."""

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tagllm.commands.options import (
    handbook_option,
    handbook_tokens,
    limit_option,
    refused,
    split_option,
    tag_counts,
    teacher_options,
)

if TYPE_CHECKING:
    from signatures.optimizing import Optimizer
    from signatures.questions import TagLimits
    from tagllm.optimizing import Optimized
    from tagllm.teaching import TeacherChoice


@click.command(
    epilog="""\b
Examples:
  tagllm optimize notes.jsonl --optimizer bootstrap --teacher vllm --base-url http://127.0.0.1:8000
  tagllm optimize notes.jsonl --optimizer gepa --budget-requests 2000 --out words/tagging/v2 …
  tagllm optimize notes.jsonl --optimizer mipro --graph fused --out words/tagging_fused/v2 …
  tagllm optimize notes.jsonl --optimizer reanchor --prompts words/tagging/v2 --out words/tagging/v3 …
"""
)
@click.argument("notes", type=click.Path(path_type=Path))
@click.option(
    "--optimizer",
    type=click.Choice(["bootstrap", "mipro", "gepa", "simba", "reanchor"]),
    required=True,
    help="bootstrap: worked examples. mipro: examples and instructions. gepa: instructions, by reflecting on what went "
    "wrong. simba: rules and examples, from answers that differ. reanchor: below which probability a match is dropped.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder of the new version, …/NAME/vN; without it none is written.",
)
@click.option("--force", is_flag=True, help="Make it the default although its gain is not beyond doubt.")
@click.option(
    "--budget-requests",
    type=click.IntRange(min=1),
    help="Different requests, measuring before and after among them; those answered by the cache count, too.",
)
@click.option(
    "--budget-minutes", type=click.FloatRange(min=0, min_open=True), help="Until no more candidates are tried."
)
@click.option("--rounds", type=click.IntRange(1, 100), default=6, show_default=True, help="Candidates tried, about.")
@click.option("--seed", type=click.IntRange(0, 2**31), default=0, show_default=True, help="Of split and search.")
@split_option
@limit_option
@handbook_option
@click.option(
    "--graph",
    type=click.Choice(["steps", "fused"]),
    default="steps",
    show_default=True,
    envvar="TAGLLM_GRAPH",
    help="Which words to start from, where --prompts names none.",
)
@click.option("--judge", is_flag=True, help="Let the model judge the tags, as one part of their score.")
@click.option("--json", "as_json", is_flag=True, help="JSON on standard output, nothing else.")
@tag_counts
@handbook_tokens
@teacher_options
def optimize(
    notes: Path,
    optimizer: "Optimizer",
    out: Path | None,
    force: bool,
    budget_requests: int | None,
    budget_minutes: float | None,
    rounds: int,
    seed: int,
    split: str | None,
    limit: int | None,
    handbook: Path | None,
    graph: str,
    judge: bool,
    as_json: bool,
    limits: "TagLimits",
    teacher: "TeacherChoice",
) -> None:
    """Look for better words with one of DSPy's optimisers, and measure them on notes held out from the search.

    A third of the notes teaches, a third chooses among candidates, the rest measures before and after. Every request
    goes through the request cache: after a kill the same command asks nothing again that was answered.

    Exit status: 0 done, 1 done but some rows were no notes or the search broke off, 2 wrong usage.
    """
    if teacher.name != "vllm":
        raise click.UsageError("the embedded teacher reads no words; add --teacher vllm with --base-url or --model")
    if optimizer == "mipro" and find_spec("optuna") is None:
        raise click.UsageError("--optimizer mipro needs optuna: pip install 'tagllm[mipro]'")
    from tagllm.optimizing import CannotOptimize, run_optimize

    with refused(CannotOptimize):
        found = run_optimize(
            notes,
            optimizer,
            out=out,
            force=force,
            budget_requests=budget_requests,
            budget_minutes=budget_minutes,
            rounds=rounds,
            seed=seed,
            judge=judge,
            fused=graph == "fused",
            teacher=teacher,
            split=split,
            limit=limit,
            handbook=handbook,
            limits=limits,
        )
    if as_json:
        click.echo(json.dumps(found.as_json(), ensure_ascii=False))
    else:
        _say(found, out)
    sys.exit(0 if found.found.ended in ("finished", "budget") and not found.rejected else 1)


def _say(found: "Optimized", out: Path | None) -> None:
    from tagllm.showing import printable

    gain, split = found.gain, found.split
    sizes = f"{len(split.train)} to learn from, {len(split.validation)} to choose by, {len(split.held_out)} held out"
    how = {"finished": "finished", "budget": "ended with its budget"}
    ended = how.get(found.found.ended, printable(found.found.ended))
    spent = f"{found.found.candidates} candidates, {found.requests:,} requests"
    click.echo(f"{found.optimizer} {ended}: {spent}; notes: {sizes}")
    click.echo(
        f"score on the held-out notes: {gain.before:.4f} → {gain.after:.4f}, "
        f"gain {gain.value:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}]"
    )
    for what, steps in (("lost", found.found.written.completed), ("made up", found.found.written.removed)):
        for step, slots in steps.items():
            done = "put back" if what == "lost" else "made plain words"
            click.echo(f"{step}: the proposal had {what} the slots {', '.join(slots)}; they were {done}")
    if found.version is None:
        click.echo("nothing is written; --out FOLDER/NAME/vN writes the version")
        return
    click.echo(f"wrote {out}")
    if not found.version.about["default"]:
        click.echo(
            f"{found.version.id} is no default: the interval of its gain includes zero. Measure it on more notes, "
            "name it with --prompts, or write it again with --force"
        )
