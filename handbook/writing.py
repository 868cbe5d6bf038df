"""Writing `handbook.yaml`: stable order, one thing a line, and what people wrote beside it stays."""

import io
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from handbook.file import FILE
from handbook.records import Category, Handbook, Interest, Support

_HEADER = """User Interest Handbook: read it, argue about it, edit it.
What you change here stays: `tagllm handbook update` leaves edited and pinned entries alone.
After an edit: tagllm handbook index, on this folder."""
_IN_ONE_LINE = frozenset(("attributes", "neighbours", "notes", "support"))
_ORDER = [name for name in Interest.model_fields if name != "category"]


def write(folder: Path, handbook: Handbook) -> Path:
    """Write the handbook; where there is one already, only the fields that differ are touched and comments survive.

    Entries that the file has and `handbook` has not are left where they are. The same handbook gives the same bytes.

    Returns:
        The file, complete or not touched at all.
    """
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    yaml = _yaml()
    file = folder / FILE
    if file.exists():
        document = yaml.load(file.read_text("utf-8"))
    else:
        document = CommentedMap()
        document.yaml_set_start_comment(_HEADER)
    _set(document, handbook, Handbook.model_fields, leave_out=("categories",))
    categories = document.setdefault("categories", CommentedSeq())
    known = {str(entry.get("id")): entry for entry in categories}
    for category in handbook.categories:
        entry = known.get(category.id)
        if entry is None:
            entry = CommentedMap()
            categories.append(entry)
        _set(entry, category, Category.model_fields, leave_out=("interests",))
        interests = entry.setdefault("interests", CommentedSeq())
        present = {str(item.get("id")): item for item in interests}
        for interest in category.interests:
            item = present.get(interest.id)
            if item is None:
                item = CommentedMap()
                interests.append(item)
            _set(item, interest, _ORDER)
    stream = io.StringIO()
    yaml.dump(document, stream)
    _replace(file, stream.getvalue())
    return file


def _yaml() -> Any:
    from ruamel.yaml import YAML

    yaml = YAML(typ="rt", pure=True)
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 110
    yaml.preserve_quotes = True
    yaml.allow_unicode = True
    return yaml


def _set(
    entry: Any, record: Handbook | Category | Interest, names: Iterable[str], leave_out: tuple[str, ...] = ()
) -> None:
    """Bring the fields of `record` into `entry`; a field at its default is not written, unless it stands there."""
    fields = type(record).model_fields
    for name in names:
        if name in leave_out:
            continue
        value = getattr(record, name)
        default = fields[name].get_default(call_default_factory=True)
        plain = _plain(value)
        if name in entry:
            if _plain(entry[name]) != plain and not (entry[name] is None and value == default):
                entry[name] = _styled(name, plain)
        elif value != default or fields[name].is_required() or name == "version":
            _insert(entry, name, _styled(name, plain), list(fields))


def _insert(entry: Any, name: str, value: Any, order: list[str]) -> None:
    """Put a new field where the order of the record has it, before the list of entries."""
    later = set(order[order.index(name) + 1 :])
    position = next((number for number, key in enumerate(entry) if key in later), len(entry))
    entry.insert(position, name, value)


def _plain(value: Any) -> Any:
    if isinstance(value, Support):
        return {name: field for name, field in value.model_dump().items() if field}
    if isinstance(value, Mapping):
        return {str(name): _plain(field) for name, field in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value) if kind is not bool else bool(value)
    return value


def _styled(name: str, plain: Any) -> Any:
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    if not isinstance(plain, dict | list):
        return plain
    styled = CommentedMap(plain) if isinstance(plain, dict) else CommentedSeq(plain)
    if name in _IN_ONE_LINE or not plain:
        styled.fa.set_flow_style()
    return styled


def _replace(file: Path, text: str) -> None:
    """Write beside, then rename: a crash leaves the old file or the new one."""
    handle, beside = tempfile.mkstemp(prefix=f".{file.name}-", dir=file.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
        Path(beside).chmod(0o644)
        Path(beside).replace(file)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
