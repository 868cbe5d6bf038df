"""`tagllm handbook`."""

import json
import sys
from pathlib import Path

import click

_JSON = click.option("--json", "as_json", is_flag=True, help="JSON on standard output, nothing else.")
_FOLDER = click.argument("folder", type=click.Path(path_type=Path))


@click.group()
def handbook() -> None:
    """Read, search and check a User Interest Handbook.

    \b
    tagllm handbook show examples/handbook --category travel
    tagllm handbook search examples/handbook "where to see the skyline at night"
    tagllm handbook check examples/handbook
    """


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

    from handbook import HandbookError, HandbookIndex, load
    from tagllm.showing import console, printable
    from teachers.embedded import Encoder

    try:
        book = load(folder)
    except HandbookError as error:
        raise click.UsageError(str(error)) from None
    if category and book.category(category) is None:
        raise click.UsageError(f"no category {category!r}; categories: {', '.join(c.id for c in book.categories)}")
    found = asyncio.run(HandbookIndex(book, Encoder()).search(text, category=category, k=most))
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

    try:
        problems = check_handbook(folder)
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
