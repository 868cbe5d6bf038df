"""`tagllm prompts`."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    from prompts import PromptProgram
    from signatures.questions import TagLimits
    from tagllm.prompting import Sent
    from tagllm.teaching import TeacherChoice

_JSON = click.option("--json", "as_json", is_flag=True, help="JSON on standard output, nothing else.")
_ROOT = click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with programs, laid out as NAME/vN.  [default: the installed ones]",
)


@click.group()
def prompts() -> None:
    """Look at the words that models are asked with, compare versions, see what is sent for a note.

    \b
    tagllm prompts list
    tagllm prompts show tagging/v1
    tagllm prompts show tagging/v1 --note examples/notes.jsonl --id sg-night-3d --handbook examples/handbook
    tagllm prompts diff tagging/v1 words/tagging/v2
    tagllm prompts check

    A version is named NAME/vN, or by its folder. `tagllm optimize` makes new ones.
    """


@prompts.command("list")
@_ROOT
@_JSON
def list_versions(root: Path | None, as_json: bool) -> None:
    """List every version: what it came from, what it gained, which one is the default."""
    from prompts.program import ROOT
    from tagllm.prompting import listed

    found = list(listed(root or ROOT))
    if as_json:
        click.echo(json.dumps([version._asdict() for version in found], ensure_ascii=False))
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from tagllm.showing import console, printable

    columns = ("version", "state", "steps", "demos", "tokens", "parent", "optimiser", "gain on held-out notes")
    table = Table(*columns, box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for version in found:
        gain = "" if version.gain is None else "{:+.4f} [{:+.4f}, {:+.4f}]".format(*version.gain)
        counts = (f"{version.steps}", f"{version.demos}", f"{version.tokens:,}")
        cells = (version.id, version.state, *counts, version.parent, version.optimizer, gain)
        table.add_row(*(Text(printable(cell)) for cell in cells), style="bold" if version.state == "default" else "")
    console().print(table)


@prompts.command(
    epilog="""\b
Examples:
  tagllm prompts show tagging/v1 --step draft
  tagllm prompts show tagging/v1 --note notes.jsonl --id 17 --handbook handbook/
  tagllm prompts show tagging_fused/v1 --note notes.jsonl --id 17 --base-url http://127.0.0.1:8000 --json
"""
)
@click.argument("name", metavar="NAME/vN")
@click.option("--step", help="Only this step.")
@click.option("--note", type=click.Path(path_type=Path), help="Notes: show what is sent for one of them, step by step.")
@click.option("--id", "note_id", help="Of the note.")
@handbook_option
@click.option(
    "--base-url",
    "base_urls",
    multiple=True,
    metavar="URL",
    help="Server whose answers the later steps build on. Without it nobody is asked: the embedded teacher answers.",
)
@click.option("--model", default="", help="Name of the model in the request.")
@click.option("--max-tokens", type=click.IntRange(16, 131_072), default=2000, show_default=True, help="Of an answer.")
@click.option("--temperature", type=click.FloatRange(0, 2), default=0.0, show_default=True, help="Of sampling.")
@tag_counts
@handbook_tokens
@_JSON
def show(
    name: str,
    step: str | None,
    note: Path | None,
    note_id: str | None,
    handbook: Path | None,
    base_urls: tuple[str, ...],
    model: str,
    max_tokens: int,
    temperature: float,
    limits: "TagLimits",
    handbook_tokens: int,
    as_json: bool,
) -> None:
    """Show a version's words and demos; with --note and --id, the requests for that note.

    With --json each request's `body` is, byte for byte, what the server receives that holds none of the pictures yet.

    Exit status: 0 shown, 1 the note came to no tags (its requests are shown), 2 wrong usage.
    """
    from handbook import HandbookError
    from notes.reading import UnreadableInput
    from prompts import PromptError
    from tagllm.prompting import render
    from teachers.store import StoreError
    from teachers.vllm.launch import ServerError

    if (note is None) != (note_id is None):
        raise click.UsageError("--note FILE and --id ID go together: which file, and which note in it")
    program = _program(name)
    if step is not None and step not in program.prompts:
        raise click.UsageError(f"{program.id} has no step {step!r}; steps: {', '.join(program.prompts)}")
    if note is None or note_id is None:
        _show_words(program, step, as_json)
        return
    from signatures.questions import TagLimits

    try:
        sent, outcome = render(
            program,
            note,
            note_id,
            handbook=handbook,
            base_urls=base_urls,
            model=model,
            max_tokens=max_tokens,
            temperature=temperature,
            handbook_tokens=handbook_tokens,
            limits=limits or TagLimits(),
            api_key=os.environ.get("TAGLLM_API_KEY", ""),
        )
    except (LookupError, UnreadableInput, HandbookError, PromptError, ServerError, StoreError) as error:
        raise click.UsageError(str(error.args[0] if isinstance(error, LookupError) else error)) from None
    _show_requests(program, note_id, [each for each in sent if step in (None, each.step.partition("/")[0])], as_json)
    from notes.records import Failure

    if isinstance(outcome, Failure):
        from tagllm.showing import printable

        click.echo(f"{printable(note_id)}: {outcome.step}: {outcome.reason}: {printable(outcome.message)}", err=True)
        sys.exit(1)


@prompts.command()
@click.argument("old", metavar="A")
@click.argument("new", metavar="B")
@_JSON
def diff(old: str, new: str, as_json: bool) -> None:
    """Show how the words and demos of version B differ from those of A, step by step."""
    from tagllm.prompting import differing

    one, other = _program(old), _program(new)
    found = differing(one, other)
    thresholds = one.threshold, other.threshold
    if as_json:
        steps: dict[str, Any] = {step.step: {"words": step.lines} for step in found}
        for step in found:
            steps[step.step] |= {"demos_gone": [json.loads(demo) for demo in step.demos_gone]}
            steps[step.step] |= {"demos_new": [json.loads(demo) for demo in step.demos_new]}
        click.echo(json.dumps({"steps": steps, "threshold": thresholds}, ensure_ascii=False))
        return
    from rich.text import Text

    from tagllm.showing import console, printable

    shown = console()
    colours = {"+": "green", "-": "red", "@": "cyan"}
    for step in found:
        shown.print(Text(f"\n{step.step}", style="bold"))
        for line in step.lines:
            shown.print(Text(printable(line, 2000), style=colours.get(line[:1], "")), soft_wrap=True)
        for sign, demos in (("-", step.demos_gone), ("+", step.demos_new)):
            for demo in demos:
                shown.print(Text(f"{sign} demo {printable(demo, 300)}", style=colours[sign]), soft_wrap=True)
    if thresholds[0] != thresholds[1]:
        shown.print(Text("\nmatches below this probability are left out: {:g} → {:g}".format(*thresholds)))
    elif not found:
        shown.print(Text(f"{one.id} and {other.id} ask with the same words and demos"))


@prompts.command(
    epilog="""\b
Examples:
  tagllm prompts compare notes.jsonl tagging/v1 words/tagging/v2 --teacher vllm --base-url http://127.0.0.1:8000
"""
)
@click.argument("notes", type=click.Path(path_type=Path))
@click.argument("versions", nargs=-1, required=True, metavar="A [B]…")
@click.option(
    "--part",
    type=click.Choice(["held-out", "validation", "train", "all"]),
    default="held-out",
    show_default=True,
    help="Of the notes, split as `tagllm optimize` splits them with the same seed.",
)
@click.option("--seed", type=click.IntRange(0, 2**31), default=0, show_default=True, help="Of the split.")
@split_option
@limit_option
@handbook_option
@click.option("--judge", is_flag=True, help="Let the model judge the tags, as one part of their score.")
@_JSON
@tag_counts
@handbook_tokens
@teacher_options
def compare(notes: Path, versions: tuple[str, ...], as_json: bool, teacher: "TeacherChoice", **work: Any) -> None:
    """Score versions on the same notes, each against the first, with paired intervals.

    Exit status: 0 compared, 1 some rows were no notes, 2 wrong usage.
    """
    if teacher.name != "vllm":
        raise click.UsageError("the embedded teacher reads no words; add --teacher vllm with --base-url or --model")
    from tagllm.optimizing import CannotOptimize, run_compare

    with refused(CannotOptimize):
        gains, rejected = run_compare(notes, versions, teacher=teacher, **work)
    if as_json:
        found = [{"version": name} | gain._asdict() for name, gain in zip(versions, gains, strict=True)]
        click.echo(json.dumps({"versions": found, "rejected": rejected}, ensure_ascii=False))
    else:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        from tagllm.showing import console, printable

        columns = ("version", "score", "gain over the first", "95 % interval, paired", "zero is")
        table = Table(*columns, box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
        for name, gain in zip(versions, gains, strict=True):
            zero = "outside" if gain.low > 0 or gain.high < 0 else "inside"
            ends = f"[{gain.low:+.4f}, {gain.high:+.4f}]"
            row = (printable(name), f"{gain.after:.4f}", f"{gain.value:+.4f}", ends, zero)
            table.add_row(*map(Text, row if name != versions[0] else (*row[:2], "", "", "")))
        console().print(table)
        click.echo(f"over {gains[0].notes:,} notes")
    sys.exit(1 if rejected else 0)


@prompts.command()
@_ROOT
@click.option(
    "--token-budget",
    type=click.IntRange(min=1),
    default=8000,
    show_default=True,
    help="Of one step's words with its demos; the note and the handbook come on top.",
)
@_JSON
def check(root: Path | None, token_budget: int, as_json: bool) -> None:
    """Check every version: pinned files, steps, slots, demos and their pictures, length; say which are unused.

    Exit status: 0 nothing is wrong (notes are no problems), 1 there are problems.
    """
    from prompts.program import ROOT
    from tagllm.prompting import checked

    found = list(checked(root or ROOT, budget=token_budget))
    broken = [finding for finding in found if finding.kind == "problem"]
    if as_json:
        click.echo(json.dumps([finding._asdict() for finding in found], ensure_ascii=False))
    else:
        from tagllm.showing import printable

        for finding in sorted(found, key=lambda finding: finding.kind, reverse=True):
            click.echo(f"{finding.kind}: {printable(finding.message, 1000)}")
        click.echo(f"{len(broken)} problems, {len(found) - len(broken)} notes")
    sys.exit(1 if broken else 0)


def _program(name: str) -> "PromptProgram":
    from prompts import PromptError, load, place

    try:
        return load(*place(name))
    except PromptError as error:
        raise click.UsageError(str(error)) from None


def _show_words(program: "PromptProgram", step: str | None, as_json: bool) -> None:
    words = {name: prompt for name, prompt in program.prompts.items() if step in (None, name)}
    demos = [demo for demo in program.demos if step in (None, demo["step"])]
    if as_json:
        said: dict[str, Any] = {"id": program.id, "digest": program.digest, "about": program.about}
        said["steps"] = {
            name: {"words": p.text, "slots": sorted(p.slots), "digest": p.digest} for name, p in words.items()
        }
        click.echo(json.dumps(said | {"demos": demos}, ensure_ascii=False, default=str))
        return
    from rich.text import Text

    from tagllm.showing import console

    shown = console()
    about = ", ".join(f"{key} {value}" for key, value in program.about.items() if value and not isinstance(value, dict))
    shown.print(Text(f"{program.id}  {_lines(about)}", style="dim"))
    for name, prompt in words.items():
        shown.print(Text(f"\n{name}  {prompt.digest}", style="bold cyan"))
        shown.print(Text(_lines(prompt.text)), soft_wrap=True)
    for demo in demos:
        shown.print(Text(f"\ndemo for {demo['step']}", style="bold cyan"))
        shown.print(Text(_lines(json.dumps(demo, ensure_ascii=False, indent=1))), soft_wrap=True)


def _show_requests(program: "PromptProgram", note_id: str, sent: "list[Sent]", as_json: bool) -> None:
    if as_json:
        requests = [{"step": each.step, "body": each.body.decode()} for each in sent]
        click.echo(json.dumps({"id": program.id, "note": note_id, "requests": requests}, ensure_ascii=False))
        return
    from rich.text import Text

    from tagllm.showing import console

    shown = console()
    for each in sent:
        body = json.loads(each.body)
        settings = {name: value for name, value in body.items() if name not in ("messages", "response_format")}
        shown.print(Text(f"\n{each.step}  {json.dumps(settings)}, {len(each.body):,} bytes", style="bold cyan"))
        for message in body["messages"]:
            shown.print(Text(f"── {message['role']}", style="bold"))
            shown.print(Text(_content(message["content"])), soft_wrap=True)


def _content(content: Any) -> str:
    if isinstance(content, str):
        return _lines(content)
    parts = [
        _lines(part["text"]) if part["type"] == "text" else f"⟨picture, sha256 {part['uuid']}⟩" for part in content
    ]
    return "\n".join(parts)


def _lines(text: str) -> str:
    from tagllm.showing import printable

    # Not more than the spaces a line begins with are kept as they are.
    found = ((line[: len(line) - len(line.lstrip(" "))], line) for line in text.split("\n"))
    return "\n".join(indent + printable(line, 1_000_000) for indent, line in found)
