"""`tagllm cache`."""

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from teachers.cache.differences import Difference
    from teachers.cache.report import CacheReport, Entry, Explanation, Reasons

_JSON = click.option("--json", "as_json", is_flag=True, help="JSON on standard output, nothing else.")


@click.group()
def cache() -> None:
    """Look into the cache of requests to models, ask why it did not serve one, make room.

    \b
    tagllm cache stats
    tagllm cache why
    tagllm cache why --label note-12/draft
    tagllm cache clear --older-than 30

    It lies in the system's cache folder, or where TAGLLM_CACHE_DIR says.
    """


def _report() -> "CacheReport":
    from teachers.cache import RequestCache
    from teachers.cache.report import CacheReport
    from teachers.store import StoreError

    try:
        return CacheReport(RequestCache(size_limit=None))
    except StoreError as error:
        raise click.UsageError(str(error)) from None


@cache.command()
@_JSON
def stats(as_json: bool) -> None:
    """Say what is stored, by model, and what the last uses came to."""
    found = _report().stats()
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    from rich.table import Table
    from rich.text import Text

    from tagllm.showing import console, printable

    size, limit = _bytes(found["bytes"]), _bytes(found["size_limit"])
    click.echo(f"{found['folder']}: {found['entries']:,} entries, {size} of {limit}")
    if found["damaged_bytes"]:
        click.echo(f"{_bytes(found['damaged_bytes'])} put aside as damaged; `tagllm cache clear` removes them")
    models = Table("model", "entries", "bytes", "oldest", "newest")
    for row in found["models"]:
        times = (_time(row["oldest"]), _time(row["newest"]))
        models.add_row(Text(printable(row["model"])), f"{row['entries']:,}", _bytes(row["bytes"]), *times)
    uses = Table("last uses", "hits", "misses", "joined", "stored", "cut off", "corrupt", "locked", "not stored")
    for use in found["uses"]:
        uses.add_row(_time(use["began"]), *(f"{use[name.replace(' ', '_')]:,}" for name in _columns(uses)))
    for table in (models, uses):
        if table.row_count:
            console().print(table)


@cache.command(
    epilog="""\b
Examples:
  tagllm cache why                              which fields changed since the last time, counted
  tagllm cache why --label note-12/draft        what changed for one step of one note
  tagllm cache why request.json                 the stored request nearest to this one, and how it differs
  tagllm cache why 3f2a91c0 8bd07e55            two stored requests, by the beginning of their keys
"""
)
@click.argument("first", required=False, metavar="[FILE_OR_KEY_A]")
@click.argument("second", required=False, metavar="[FILE_OR_KEY_B]")
@click.option("--label", default="", help="What asked: NOTE_ID/STEP.")
@click.option("--revision", help="Of the model, for a FILE that does not say.  [default: as in the nearest entry]")
@_JSON
def why(first: str | None, second: str | None, label: str, revision: str | None, as_json: bool) -> None:
    """Say which field of a request changed, so that its answer was not found in the cache.

    A FILE holds one request as JSON, as it is sent. Without arguments every step of a note that was answered more than
    once is looked at: the last answer's request against the one before.
    """
    from teachers.cache.differences import differences
    from teachers.cache.report import NoEntry

    report = _report()
    try:
        if first is None:
            _say_label(report.labelled(label), label, as_json) if label else _say_reasons(report.reasons(), as_json)
        elif second is None:
            _say_explanation(_explained(report, first, label, revision), as_json)
        else:
            _say_differences([*differences(*_compared(report, (first, second), revision))], as_json)
    except NoEntry as error:
        raise click.UsageError(str(error)) from None


@cache.command()
@click.option("--older-than", type=click.FloatRange(0), metavar="DAYS", help="Only what was stored longer ago.")
@click.option("--model", help="Only answers of this model.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_JSON
def clear(older_than: float | None, model: str | None, yes: bool, as_json: bool) -> None:
    """Remove answers: all, or those that the options name. A run that goes on may ask again for what is removed."""
    report = _report()
    models = report.models()
    if model is not None and model not in models:
        raise click.UsageError(f"no answers of {model!r} are stored; models: {', '.join(models) or 'none'}")
    what = "all answers" if older_than is None else f"answers stored more than {older_than:g} days ago"
    what += f" of {model}" if model is not None else ""
    if not yes:
        click.confirm(f"Remove {what} from {report.folder}?", abort=True, err=True)
    removed = report.clear(older_than_days=older_than, model=model)
    click.echo(json.dumps({"removed": removed}) if as_json else f"{removed:,} entries removed")


def _explained(report: "CacheReport", name: str, label: str, revision: str | None) -> "Explanation":
    from teachers.cache import PictureUnknown

    if not Path(name).is_file():
        return report.against_previous(report.entry(name))
    try:
        return report.explain(_read(Path(name)), label=label, revision=revision)
    except (PictureUnknown, TypeError, AttributeError) as error:
        raise click.UsageError(f"{name}: no request: {error}") from None


def _compared(
    report: "CacheReport", names: tuple[str, str], revision: str | None
) -> "tuple[dict[str, Any], dict[str, Any]]":
    """Two requests, each from a file or an entry. A file that does not say the model's revision has the entry's."""
    from teachers.cache import PictureUnknown
    from teachers.cache.report import as_canonical

    entries = [None if Path(name).is_file() else report.entry(name) for name in names]
    like = next((entry for entry in entries if entry is not None), None)
    found = []
    for name, entry in zip(names, entries, strict=True):
        try:
            read = entry.request if entry is not None else _read(Path(name))
            found.append(as_canonical(read, revision=revision, like=like))
        except (PictureUnknown, TypeError, AttributeError) as error:
            raise click.UsageError(f"{name}: no request: {error}") from None
    return found[0], found[1]


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise click.UsageError(f"{path}: no JSON: {error}") from None
    if not isinstance(found, dict):
        raise click.UsageError(f"{path}: one request is wanted, a JSON object, got {type(found).__name__}")
    return found


def _say_explanation(found: "Explanation", as_json: bool) -> None:
    if as_json:
        nearest = found.nearest and {"key": found.nearest.key, "stored_at": found.nearest.stored_at}
        said = {"key": found.key, "label": found.label, "is_stored": found.is_stored, "nearest": nearest}
        click.echo(json.dumps(said | {"differences": [each._asdict() for each in found.differences]}))
        return
    if found.nearest is None:
        said = (
            "is stored: its answer is served from the cache"
            if found.is_stored
            else "is not stored, nor anything like it"
        )
        click.echo(f"{found.key[:12]} {said}")
        return
    near = found.nearest
    state = "is stored; it" if found.is_stored else "is not stored; it"
    known = f"{near.key[:12]} ({_printable(near.label) or 'no label'}, {_time(near.stored_at)})"
    click.echo(f"{found.key[:12]} {state} differs from {known}:")
    _say_differences(found.differences, as_json)


def _say_label(entries: "list[Entry]", label: str, as_json: bool) -> None:
    from itertools import pairwise

    from teachers.cache.differences import differences

    changed_from = [[*differences(one.request, other.request)] for one, other in pairwise(entries)]
    changes = [[], *changed_from] if entries else []
    if as_json:
        said = [
            {"key": entry.key, "stored_at": entry.stored_at, "differences": [each._asdict() for each in changed]}
            for entry, changed in zip(entries, changes, strict=True)
        ]
        click.echo(json.dumps(said, ensure_ascii=False))
        return
    if not entries:
        click.echo(f"no answer is stored for {_printable(label)}: it never was, or made room for others")
    for entry, changed in zip(entries, changes, strict=True):
        click.echo(f"{_time(entry.stored_at)} {entry.key[:12]}")
        for each in changed:
            click.echo(f"  {_printable(str(each), 400)}")


def _say_reasons(found: "Reasons", as_json: bool) -> None:
    if as_json:
        examples = {field: {"label": label, **each._asdict()} for field, (label, each) in found.examples.items()}
        click.echo(json.dumps({"labels": found.labels, "fields": found.fields, "examples": examples}))
        return
    if not found.labels:
        click.echo("no step of a note has been answered twice: nothing stored was missed for a change of its request")
        return
    from rich.table import Table
    from rich.text import Text

    from tagllm.showing import console, printable

    table = Table("changed", "steps", "for example")
    for field, count in found.fields.items():
        label, each = found.examples[field]
        table.add_row(Text(printable(field)), f"{count:,}", Text(printable(f"{label}: {each}", 400)))
    console().print(table)
    click.echo(f"{found.labels:,} steps of notes were asked in more than one way")


def _say_differences(found: "Sequence[Difference]", as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([each._asdict() for each in found], ensure_ascii=False))
        return
    for each in found:
        click.echo(f"  {_printable(str(each), 400)}")
    if not found:
        click.echo("no difference")


def _printable(text: str, most: int = 300) -> str:
    from tagllm.showing import printable

    return printable(text, most)


def _columns(table: Any) -> list[str]:
    return [column.header for column in table.columns[1:]]


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _bytes(count: int) -> str:
    size = float(count)
    for unit in ("B", "KB", "MB"):
        if size < 1024:
            return f"{size:.3g} {unit}"
        size /= 1024
    return f"{size:.3g} GB"
