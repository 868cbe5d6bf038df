"""`tagllm runs`: looking at runs, checking them, asking failed notes again."""

import json
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from tagllm.commands.options import refused
from tagllm.commands.run import max_failures_of

if TYPE_CHECKING:
    from distill.runs.limits import MaxFailures

_FOLDER = click.argument("folder", type=click.Path(path_type=Path))
_JSON = click.option("--json", "as_json", is_flag=True, help="JSON on standard output, nothing else.")


def reasons_of(context: click.Context, option: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """Reasons that a failure can have."""
    if value:
        from notes.records import FailureReason

        known = get_args(FailureReason)
        for reason in value:
            if reason not in known:
                raise click.BadParameter(f"{reason!r} is no reason of a failure; reasons: {', '.join(known)}")
    return value


@click.group()
def runs() -> None:
    """Look at runs, check them, ask failed notes again."""


@runs.command(
    epilog="""\b
Examples:
  tagllm runs status runs/tonight
  tagllm runs status runs/tonight --json
"""
)
@_FOLDER
@_JSON
def status(folder: Path, as_json: bool) -> None:
    """Say how the run in FOLDER stands, one that is under way too: what became of the notes, why some failed, and how
    those differ from the others.

    Exit status: 0 every note is accounted for and none failed, 1 not yet, or some failed, 2 there is no run.
    """
    from distill.runs import RunError
    from tagllm import runs as looking
    from tagllm.showing import console

    try:
        found = looking.standing(folder)
    except RunError as error:
        raise click.UsageError(str(error)) from None
    if as_json:
        click.echo(json.dumps(looking.as_json(found), ensure_ascii=False))
    else:
        console().print(looking.rendered(found))
    sys.exit(0 if found.is_finished and not found.summary.failed else 1)


@runs.command(
    epilog="""\b
Examples:
  tagllm runs verify runs/tonight
  tagllm runs verify runs/tonight --json
"""
)
@_FOLDER
@_JSON
def verify(folder: Path, as_json: bool) -> None:
    """Check the run in FOLDER: every line's checksum, no id twice, and read = tagged + failed + rejected + duplicate,
    with the notes read again.

    Exit status: 0 everything fits, 1 something does not, and its ids are named, 2 there is no run.
    """
    from rich.console import Console

    from distill.runs import RunError
    from tagllm import runs as looking
    from tagllm.showing import console

    try:
        found = looking.run_verify(folder, Console(stderr=True, highlight=False))
    except RunError as error:
        raise click.UsageError(str(error)) from None
    if as_json:
        click.echo(json.dumps({"holds": found.holds, **found.model_dump(mode="json")}, ensure_ascii=False))
    else:
        console().print(looking.verified(found, folder))
    sys.exit(0 if found.holds else 1)


@runs.command(
    epilog="""\b
Examples:
  tagllm runs replay runs/tonight
  tagllm runs replay runs/tonight --reason timeout --reason unreachable
  tagllm runs replay runs/tonight --base-url http://gpu3:8000 --concurrency 16
"""
)
@_FOLDER
@click.option(
    "--reason",
    "reasons",
    multiple=True,
    callback=reasons_of,
    metavar="REASON",
    help="Only notes that failed for this reason; may be repeated.",
)
@click.option("--id", "ids", multiple=True, help="Only the failed note with this id; may be repeated.")
@click.option("--base-url", "base_urls", multiple=True, metavar="URL", help="Where the model's servers are now.")
@click.option("--concurrency", type=click.IntRange(1, 1024), help="Notes at a time; as in the run by default.")
@click.option("--no-cache", is_flag=True, help="Ask the model also what it has answered before.")
@click.option(
    "--max-failures", callback=max_failures_of, metavar="N|N%", help="Stop when more notes of this session fail."
)
@_JSON
def replay(
    folder: Path,
    reasons: tuple[str, ...],
    ids: tuple[str, ...],
    base_urls: tuple[str, ...],
    concurrency: int | None,
    no_cache: bool,
    max_failures: "MaxFailures | None",
    as_json: bool,
) -> None:
    """Ask the failed notes of the run in FOLDER again, into the same run, with the teacher that made it.

    The earlier failure stays in failures.jsonl; each note counts once, by what became of it last.

    Exit status: 0 no failure is left, 1 some failed again, 2 wrong usage, 130 stopped.
    """
    from tagllm.watching import is_watched, leave, watch

    arguments: list[str] = click.get_current_context().find_root().meta["tagllm.arguments"]
    if not is_watched():
        sys.exit(watch(arguments, folder))

    from distill.runs import RunError, RunRefused, read_description
    from tagllm.running import RunChoice, run_run

    wanted = {"base_urls": base_urls, "concurrency": concurrency}
    changes = {name: value for name, value in wanted.items() if value}
    if no_cache:
        changes["cached"] = False

    def again(reason: str, id: str) -> bool:
        return (not reasons or reason in reasons) and (not ids or id in ids)

    try:
        description = read_description(folder)
    except RunError as error:
        raise click.UsageError(str(error)) from None
    try:
        with refused(RunRefused):
            choice = RunChoice.of(description, api_key=os.environ.get("TAGLLM_API_KEY", ""), **changes)
            status = run_run(
                choice,
                folder,
                max_failures=max_failures,
                again=again,
                as_json=as_json,
                go_on=shlex.join(["tagllm", *arguments]),
            )
    except RunError as error:
        click.ClickException(str(error)).show()
        status = 1
    leave(status)
