"""`tagllm handbook`."""

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tagllm.commands.options import refused, split_option, teacher_options

if TYPE_CHECKING:
    from handbook.folder import Manifest
    from handbook.update import Change
    from tagllm.handbooks import Built
    from tagllm.teaching import TeacherChoice

_JSON = click.option("--json", "as_json", is_flag=True, help="JSON on standard output, nothing else.")
_FOLDER = click.argument("folder", type=click.Path(path_type=Path))


@click.group()
def handbook() -> None:
    """Build, read, search, check and update a User Interest Handbook.

    \b
    tagllm handbook build --notes examples/notes.jsonl --interactions examples/interactions.csv --out build/handbook
    tagllm handbook update build/handbook --interactions new.csv
    tagllm handbook show examples/handbook --category travel
    tagllm handbook search examples/handbook "where to see the skyline at night"
    tagllm handbook check examples/handbook
    """


def _mining(command: Callable[..., None]) -> Callable[..., None]:
    """Options on how behaviour is read."""
    for option in (
        click.option("--min-users", type=click.IntRange(1), help="Distinct users behind a phrase.  [default: 3, or 1]"),
        click.option("--min-strength", type=float, help="Acts with less `strength` are no sign of interest."),
        click.option(
            "--half-life",
            type=click.FloatRange(0, min_open=True),
            help="Days until an act weighs half.  [default: a quarter of the time the acts span]",
        ),
        click.option(
            "--refuse-platform-tags/--take-platform-tags",
            default=None,
            help="Hashtags that ask for reach or clicks, 求热门, follow4follow: left out, or taken.  [default: taken]",
        ),
    ):
        command = option(command)
    return command


def _given(
    min_users: int | None, min_strength: float | None, half_life: float | None, refuse_platform_tags: bool | None
) -> dict[str, Any]:
    """Fields of `MiningOptions` that were named on the command line."""
    said = {
        "min_users": min_users,
        "min_strength": min_strength,
        "half_life_days": half_life,
        "refuse_platform_tags": refuse_platform_tags,
    }
    return {name: value for name, value in said.items() if value is not None}


@handbook.command(
    epilog="""\b
Examples:
  tagllm handbook build --notes notes.jsonl --interactions clicks.csv --out handbooks/mine
  tagllm handbook build --notes notes.jsonl --split train --out handbooks/train
  tagllm handbook build --notes notes.jsonl --out handbooks/named --teacher vllm --model Qwen/Qwen2.5-VL-7B-Instruct
"""
)
@click.option("--notes", type=click.Path(path_type=Path), required=True, help="File or folder of notes.")
@split_option
@click.option(
    "--interactions",
    type=click.Path(path_type=Path),
    help="Who did what with which note; without it authors' hashtags are the behaviour.",
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the handbook.")
@click.option("--name", default="", help="Of the handbook.")
@_mining
@teacher_options
@_JSON
def build(
    notes: Path,
    split: str | None,
    interactions: Path | None,
    out: Path,
    name: str,
    min_users: int | None,
    min_strength: float | None,
    half_life: float | None,
    refuse_platform_tags: bool | None,
    teacher: "TeacherChoice",
    as_json: bool,
) -> None:
    """Mine a handbook from what people wrote and what users did, and index it.

    Exit status: 0 every row was used, 1 some were rejected and are counted, 2 wrong usage.
    """
    from handbook.mine.records import MiningOptions
    from tagllm.handbooks import build as build_handbook

    options = MiningOptions(**_given(min_users, min_strength, half_life, refuse_platform_tags))
    with refused():
        built = build_handbook(
            notes,
            out,
            split=split,
            interactions=interactions,
            options=options,
            name=name,
            teacher=teacher,
            quiet=as_json,
        )
    _say_built(built, as_json)


@handbook.command(
    epilog="""\b
Examples:
  tagllm handbook update handbooks/mine --interactions this-week.csv
  tagllm handbook update handbooks/mine --interactions this-week.csv --notes this-week.jsonl --half-life 30
  tagllm handbook update handbooks/mine --interactions this-week.csv --teacher vllm --model MODEL
"""
)
@_FOLDER
@click.option("--interactions", type=click.Path(path_type=Path), required=True, help="New ones; old ones are kept.")
@click.option("--notes", type=click.Path(path_type=Path), help="New notes.")
@_mining
@teacher_options
@_JSON
def update(
    folder: Path,
    interactions: Path,
    notes: Path | None,
    min_users: int | None,
    min_strength: float | None,
    half_life: float | None,
    refuse_platform_tags: bool | None,
    teacher: "TeacherChoice",
    as_json: bool,
) -> None:
    """Bring the handbook in FOLDER up to date with new interactions, and index it.

    Behaviour is read as it was for the build, but for the options given here. What a person edited or pinned is left
    alone; what is no longer supported is retired, not deleted.
    Exit status: 0 every row was used, 1 some were rejected and are counted, 2 wrong usage.
    """
    from handbook.mine.records import MiningOptions
    from tagllm.handbooks import update as update_handbook

    given = _given(min_users, min_strength, half_life, refuse_platform_tags)
    with refused():
        options = MiningOptions.kept(folder).model_copy(update=given)
        built = update_handbook(folder, interactions, notes=notes, options=options, teacher=teacher, quiet=as_json)
    if not as_json:
        _say_changes(built.changes)
    _say_built(built, as_json)


@handbook.command()
@_FOLDER
@_JSON
def index(folder: Path, as_json: bool) -> None:
    """Make what is derived from FOLDER anew: vectors, matcher, digests. Needed after every edit."""
    from handbook import HandbookError
    from tagllm.handbooks import index as index_handbook

    try:
        manifest = index_handbook(folder, quiet=as_json)
    except HandbookError as error:
        raise click.UsageError(str(error)) from None
    if as_json:
        click.echo(manifest.model_dump_json())
    else:
        click.echo(f"{folder / 'index'}: {_learned(manifest)}")


@handbook.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@_JSON
def diff(old: Path, new: Path, as_json: bool) -> None:
    """Show what appeared, vanished, grew … from the handbook OLD to the handbook NEW."""
    from handbook import HandbookError, load
    from handbook.update import changes

    try:
        found = changes(load(old), load(new))
    except HandbookError as error:
        raise click.UsageError(str(error)) from None
    if as_json:
        click.echo(json.dumps([change._asdict() for change in found], ensure_ascii=False))
    else:
        _say_changes(found)


def _say_built(built: "Built", as_json: bool) -> None:
    if as_json:
        said = {
            "handbook": str(built.folder),
            "interests": len(built.handbook.active),
            "retired": len(built.handbook.interests) - len(built.handbook.active),
            "tags": sum(len(interest.tags) for interest in built.handbook.active),
            "categories": {c.id: sum(not i.retired for i in c.interests) for c in built.handbook.categories},
            "counts": built.counts,
            "findings": [finding.model_dump() for finding in built.findings],
            "changes": [change._asdict() for change in built.changes],
            "learned": built.manifest.learned,
        }
        click.echo(json.dumps(said, ensure_ascii=False, default=str))
    else:
        from rich.table import Table
        from rich.text import Text

        from tagllm.showing import console, printable

        table = Table()
        for name in ("category", "interests", "tags", "best supported"):
            table.add_column(name, overflow="fold")
        for category in built.handbook.categories:
            active = [interest for interest in category.interests if not interest.retired]
            best = sorted(active, key=lambda i: -(i.support.users if i.support else 0))[:6]
            names = ", ".join(f"{i.name} ({i.support.users if i.support else 0})" for i in best)
            tags = sum(len(interest.tags) for interest in active)
            table.add_row(Text(printable(category.id)), str(len(active)), str(tags), Text(printable(names)))
        console().print(table)
        counted = ", ".join(f"{count:,} {what.replace('_', ' ')}" for what, count in built.counts.items() if count)
        click.echo(f"{counted}")
        if built.findings:
            click.echo(f"{len(built.findings)} answers or sentences did not hold and were mended; --json names them")
        click.echo(f"{built.folder}: {_learned(built.manifest)}")
    sys.exit(1 if built.rejected else 0)


def _learned(manifest: "Manifest") -> str:
    found = manifest.learned
    if found is None:
        return "indexed; too few notes to learn from, tags are matched by hand-set weights"
    shown = ", ".join(f"F1@{k} {value}" for k, value in found["f1"].items())
    return f"indexed; learned on {found['notes']:,} notes ({shown}, each note predicted without itself)"


def _say_changes(changes: "Iterable[Change]") -> None:
    from rich.table import Table
    from rich.text import Text

    from tagllm.showing import console, printable

    table = Table()
    for name in ("", "interest", "users", "notes", "new tags", "gone tags"):
        table.add_column(name, overflow="fold")
    for change in changes:
        new, gone = (", ".join(tags[:8]) + (" …" if len(tags) > 8 else "") for tags in change.tags)
        users, notes = (f"{before} → {after}" for before, after in (change.users, change.notes))
        name = f"{printable(change.name)}\n{printable(change.id)}"
        table.add_row(change.kind, Text(name), users, notes, Text(printable(new)), Text(printable(gone)))
    console().print(table if table.row_count else "no difference")


@handbook.command()
@_FOLDER
@click.option("--category", help="Only this category, by id or name.")
@_JSON
def show(folder: Path, category: str | None, as_json: bool) -> None:
    """Show the interests in FOLDER, category by category."""
    from rich.table import Table
    from rich.text import Text

    from handbook import HandbookError, load
    from tagllm.showing import console, printable

    try:
        book = load(folder)
    except HandbookError as error:
        raise click.UsageError(str(error)) from None
    categories = book.categories
    if category is not None:
        found = book.category(category)
        if found is None:
            known = ", ".join(c.id for c in categories)
            raise click.UsageError(f"no category {category!r} in {folder}; categories: {known}")
        categories = (found,)
    if as_json:
        click.echo(json.dumps([c.model_dump(mode="json") for c in categories], ensure_ascii=False))
        return
    shown = console()
    for entry in categories:
        table = Table(
            title=Text(f"{printable(entry.name or entry.id)}: {printable(entry.guidance)}"), title_justify="left"
        )
        for name in ("interest", "what they want", "tags", "fine tags name"):
            table.add_column(name, overflow="fold")
        for interest in entry.interests:
            tags = ", ".join(sorted(interest.tags, key=lambda tag: -interest.tags[tag]))
            cells = (f"{interest.name}\n{interest.id}", interest.description, tags, ", ".join(interest.attributes))
            table.add_row(*(Text(printable(cell)) for cell in cells))
        shown.print(table)


@handbook.command()
@_FOLDER
@click.argument("text")
@click.option("--category", default="", help="The note's category: its interests come first.")
@click.option("-k", "most", type=click.IntRange(1, 1000), default=10, show_default=True, help="Interests shown.")
@_JSON
def search(folder: Path, text: str, category: str, most: int, as_json: bool) -> None:
    """Find the interests nearest to TEXT, as the tagging graph would."""
    import asyncio

    from rich.table import Table
    from rich.text import Text

    from handbook import HandbookError
    from handbook.folder import open_index
    from tagllm.showing import console, printable
    from teachers.embedded import Encoder

    try:
        opened = open_index(folder, Encoder())
    except HandbookError as error:
        raise click.UsageError(str(error)) from None
    book = opened.handbook
    if category and book.category(category) is None:
        raise click.UsageError(f"no category {category!r}; categories: {', '.join(c.id for c in book.categories)}")
    found = asyncio.run(opened.search(text, category=category, k=most))
    if as_json:
        click.echo(json.dumps([interest.model_dump() for interest in found], ensure_ascii=False))
        return
    table = Table()
    for name in ("score", "interest", "what they want", "tags"):
        table.add_column(name, overflow="fold")
    for entry in found:
        interest = book.interests[entry.id]
        cells = (
            f"{entry.score:.3f}",
            f"{interest.name}\n{interest.id}",
            interest.description,
            ", ".join(interest.tags),
        )
        table.add_row(*(Text(printable(cell)) for cell in cells))
    console().print(table)


@handbook.command()
@_FOLDER
@_JSON
def check(folder: Path, as_json: bool) -> None:
    """Name everything wrong or doubtful in FOLDER, with its line. Exit status 1 when there is an error."""
    from handbook import HandbookError
    from handbook.file import FILE
    from handbook.file import check as check_handbook
    from handbook.folder import check_index

    try:
        problems = check_handbook(folder)
        if not any(problem.level == "error" for problem in problems):
            problems += check_index(folder)
    except HandbookError as error:
        raise click.UsageError(str(error)) from None
    errors = sum(problem.level == "error" for problem in problems)
    if as_json:
        click.echo(json.dumps([problem._asdict() for problem in problems], ensure_ascii=False))
    else:
        name = folder / FILE if folder.is_dir() else folder
        for problem in problems:
            click.echo(f"{name}:{problem.line}: {problem.level}: {problem.message}")
        click.echo(f"{errors} errors, {len(problems) - errors} warnings")
    sys.exit(1 if errors else 0)
