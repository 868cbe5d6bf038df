"""Reading `handbook.yaml`, with messages that name the file, the line and the way out."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from handbook.records import Category, Handbook, Interest
from notes.words import form_key

MAX_BYTES = 64 << 20
MAX_NODES = 5_000_000
FILE = "handbook.yaml"


class HandbookError(ValueError):
    """A handbook cannot be used; the message names file, line and way out."""


class Problem(NamedTuple):
    """Something `check` found."""

    line: int
    """1-based; 0 where no line can be named."""
    level: str
    """`error` or `warning`."""
    message: str


def load(folder: Path | str) -> Handbook:
    """Read the handbook in `folder` (or the file itself).

    Raises:
        HandbookError: missing, no YAML, an unknown or wrong field, two interests with one id.
    """
    path = _path(folder)
    problems, handbook = _read(path)
    for problem in problems:
        if problem.level == "error":
            where = f"{path}:{problem.line}" if problem.line else str(path)
            raise HandbookError(f"{where}: {problem.message}")
    if handbook is None:
        raise HandbookError(f"{path}: no handbook in this file; it needs `categories:`")
    return handbook


def check(folder: Path | str) -> list[Problem]:
    """Everything that is wrong or doubtful, in the order of the file.

    Raises:
        HandbookError: there is no file to check.
    """
    problems, _ = _read(_path(folder))
    return sorted(problems)


def _path(folder: Path | str) -> Path:
    path = Path(folder)
    if path.is_dir():
        path = path / FILE
    if not path.is_file():
        raise HandbookError(f"no handbook at {path}; a handbook is a folder with a {FILE}")
    if path.stat().st_size > MAX_BYTES:
        raise HandbookError(f"{path}: {path.stat().st_size:,} bytes, the limit is {MAX_BYTES:,}")
    return path


def _read(path: Path) -> tuple[list[Problem], Handbook | None]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        document = YAML(typ="rt", pure=True).load(path.read_text("utf-8"))
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        return [Problem(line, "error", f"not UTF-8 at byte {error.start}; save the file as UTF-8")], None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        note = f"; {error.context}" if error.context else ""
        return [Problem(mark.line + 1 if mark else 0, "error", f"no valid YAML: {error.problem}{note}")], None
    except (YAMLError, RecursionError, ValueError) as error:
        return [Problem(0, "error", f"no valid YAML: {' '.join(str(error).split())[:300]}")], None
    except TypeError:
        return [Problem(0, "error", "no valid YAML: what stands before a `:` must be text, no list or mapping")], None
    if not isinstance(document, dict):
        return [Problem(1, "error", "a handbook is a mapping with `categories:`")], None
    reader = _Reader()
    try:
        handbook = reader.handbook(document)
    except _TooLarge:
        return [Problem(0, "error", f"more than {MAX_NODES:,} values; aliases may not be used to repeat them")], None
    if not any(problem.level == "error" for problem in reader.problems):
        reader.problems.extend(_doubts(handbook, reader.lines))
    return reader.problems, handbook


class _TooLarge(Exception):
    pass


class _Reader:
    """Turns the YAML document into records; remembers lines and problems."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.lines: dict[str, int] = {}
        self._nodes = 0

    def handbook(self, document: Any) -> Handbook:
        categories = []
        for line, value in self._list(document, "categories"):
            if category := self._category(line, value):
                categories.append(category)
        fields = self._fields(document, Handbook, leave_out=("categories",))
        return self._build(Handbook, {**fields, "categories": tuple(categories)}, document) or Handbook()

    def _category(self, line: int, value: Any) -> Category | None:
        if not isinstance(value, dict):
            self._error(line, f"a category is a mapping with `id:` and `interests:`, not {_shown(value)}")
            return None
        fields = self._fields(value, Category, leave_out=("interests",))
        id = str(fields.get("id", ""))
        self._unique(f"category {id}", line)
        interests = []
        for line, item in self._list(value, "interests"):
            if not isinstance(item, dict):
                self._error(line, f"an interest is a mapping with `id:` and `name:`, not {_shown(item)}")
                continue
            interest = self._build(Interest, {**self._fields(item, Interest), "category": id}, item)
            if interest:
                self._unique(interest.id, line)
                interests.append(interest)
        return self._build(Category, {**fields, "interests": tuple(interests)}, value)

    def _unique(self, id: str, line: int) -> None:
        if id in self.lines:
            self._error(line, f"{id} is already defined in line {self.lines[id]}; give one of the two another id")
        self.lines.setdefault(id, line)

    def _list(self, value: Any, name: str) -> list[tuple[int, Any]]:
        found = value.get(name)
        if found is None:
            return []
        if not isinstance(found, list):
            self._error(_line(value, name), f"`{name}` must be a list, one `- id: …` each, not {_shown(found)}")
            return []
        return [(_line(found, number), item) for number, item in enumerate(found)]

    def _fields(self, value: Any, record: type, leave_out: tuple[str, ...] = ()) -> dict[str, Any]:
        from rapidfuzz import process

        known = [name for name in record.model_fields if name != "category"]
        fields = {}
        for name, field in value.items():
            if name in leave_out:
                continue
            if name not in known:
                near = process.extractOne(str(name), known, score_cutoff=60)
                hint = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(known)}"
                self._error(_line(value, name), f"unknown field `{name}`; {hint}")
            else:
                fields[name] = self._plain(field)
        return fields

    def _plain(self, value: Any) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise _TooLarge
        if isinstance(value, dict):
            return {self._scalar(name): self._plain(field) for name, field in value.items()}
        if isinstance(value, list):
            return tuple(self._plain(item) for item in value)
        return self._scalar(value)

    @staticmethod
    def _scalar(value: Any) -> Any:
        if isinstance(value, bool) or value is None:
            return value
        for kind in (int, float, str):
            if isinstance(value, kind):
                return kind(value)
        return str(value)

    def _build(self, record: type, fields: dict[str, Any], value: Any) -> Any:
        try:
            return record(**fields)
        except ValidationError as error:
            for found in error.errors():
                where = ".".join(str(part) for part in found["loc"])
                got = f", got {_shown(found['input'])}" if found["type"] != "missing" else ""
                self._error(_line(value, *found["loc"]), f"`{where}` {_WANTED.get(found['type'], found['msg'])}{got}")
            return None

    def _error(self, line: int, message: str) -> None:
        self.problems.append(Problem(line, "error", message))


_WANTED = {
    "missing": "is missing",
    "string_type": "must be text; put it in quotes",
    "string_pattern_mismatch": "must be written CATEGORY.NAME, lower case, such as travel.night-views",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "tuple_type": "must be a list, one `- …` each",
    "dict_type": "must be a mapping, one `name: value` each",
}


def _line(value: Any, *path: Any) -> int:
    """1-based line of what `path` leads to, or of the nearest thing around it that has one."""
    line = 0
    try:
        line = value.lc.line + 1
        for step in path:
            line = value.lc.data[step][0] + 1
            value = value[step]
    except (AttributeError, IndexError, KeyError, TypeError):
        pass
    return line


def _shown(value: Any) -> str:
    """A value in a message; lists and mappings by name only: with aliases in them they may be endless."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    return "nothing" if value is None else repr(str(value)[:60])


def _doubts(handbook: Handbook, lines: dict[str, int]) -> Iterator[Problem]:
    if not handbook.interests:
        yield Problem(1, "warning", "no interests: nothing will be retrieved")
    for interest in handbook.interests.values():
        line = lines.get(interest.id, 0)
        if not interest.id.startswith(f"{interest.category}."):
            yield Problem(line, "warning", f"{interest.id} stands in category {interest.category}: ids start with it")
        for other in interest.neighbours:
            if other not in handbook.interests:
                yield Problem(line, "warning", f"{interest.id}: its neighbour {other} is not in the handbook")
        if not interest.tags:
            yield Problem(line, "warning", f"{interest.id} has no tags: nothing can be drafted from it")
        keys: dict[str, str] = {}
        for tag in interest.tags:
            if tag != tag.strip() or tag.startswith("#") or len(tag.split()) > 5 or len(tag) > 60:
                yield Problem(line, "warning", f"{interest.id}: tag {tag!r} is not in house form (1-5 words, no #)")
            twin = keys.setdefault(form_key(tag), tag)
            if twin != tag:
                yield Problem(line, "warning", f"{interest.id}: tags {twin!r} and {tag!r} say the same")
