"""Reading `handbook.yaml`: what is right is read, what is wrong is named with file, line and way out."""

from pathlib import Path

import pytest

from handbook import file as handbook_file
from handbook.file import HandbookError, Problem, check, load
from handbook.records import Handbook

GOOD = """\
version: 1
name: test
categories:
  - id: travel
    name: Travel
    interests:
      - id: travel.night
        name: Night views
        tags:
          harbour at night: 3
"""
MORE = "      - id: travel.stays\n        name: Stays\n        tags: {capsule hotel: 2}\n"


def _write(folder: Path, text: str | bytes) -> Path:
    path = folder / "handbook.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def _bomb(tail: str) -> str:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]")
    return "\n".join(lines) + "\n" + tail


def test_example_handbook_loads_from_its_folder_and_from_its_file(examples: Path) -> None:
    book = load(examples / "handbook")
    assert len(book.categories) > 3
    assert len(book.interests) > 20
    assert load(examples / "handbook" / "handbook.yaml") == book
    assert check(examples / "handbook") == []
    for id, interest in book.interests.items():
        assert id == interest.id
        assert id.startswith(f"{interest.category}.")


def test_good_file_has_no_problems(tmp_path: Path) -> None:
    path = _write(tmp_path, GOOD)
    assert check(path) == []
    interest = load(tmp_path).interests["travel.night"]
    assert (interest.name, interest.category, interest.tags) == ("Night views", "travel", {"harbour at night": 3})


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        pytest.param(
            GOOD.replace("name: Night", "nmae: Night"), 8, "unknown field `nmae`; did you mean `name`?", id="typo"
        ),
        pytest.param(GOOD.replace("interests:", "intrests:"), 6, "did you mean `interests`?", id="typo in interests"),
        pytest.param(
            GOOD.replace("categories:", "categorys:"), 3, "did you mean `categories`?", id="typo in categories"
        ),
        pytest.param(GOOD + "        zzz: 1\n", 11, "unknown field `zzz`; known here: id, name", id="unlike any field"),
        pytest.param(
            GOOD.replace("night: 3", "night: many"), 10, "`tags.harbour at night` must be a whole number", id="no count"
        ),
        pytest.param(GOOD.replace("night: 3", "night: -3"), 10, "greater than or equal to 0", id="negative count"),
        pytest.param(GOOD.replace("night: 3", "night:"), 10, "must be a whole number, got nothing", id="count missing"),
        pytest.param(
            GOOD.replace("harbour at night: 3", "2024: 3"), 10, "must be text; put it in quotes", id="tag is a number"
        ),
        pytest.param(
            GOOD.replace("harbour at night: 3", "- harbour at night"), 9, "must be a mapping, one `name:", id="tag list"
        ),
        pytest.param(GOOD.replace("version: 1", "version: one"), 1, "`version` must be a whole number", id="version"),
        pytest.param(GOOD.replace("Night views", "12"), 8, "`name` must be text; put it in quotes", id="name a number"),
        pytest.param(GOOD + "        evidence: just one\n", 11, "`evidence` must be a list, one `- …`", id="no list"),
        pytest.param(GOOD.replace("        name: Night views\n", ""), 7, "`name` is missing", id="name missing"),
        pytest.param("categories:\n  travel:\n    id: x\n", 1, "`categories` must be a list", id="categories by name"),
        pytest.param("categories:\n  - travel\n", 2, "a category is a mapping with `id:`", id="category is a word"),
        pytest.param("categories:\n  -\n", 2, "a category is a mapping with `id:`", id="category is nothing"),
        pytest.param(GOOD + "      - hiking\n", 11, "an interest is a mapping with `id:`", id="interest is a word"),
        pytest.param(
            GOOD + "      - id: travel.night\n        name: again\n",
            11,
            "travel.night is already defined in line 7; give one of the two another id",
            id="two interests with one id",
        ),
        pytest.param(
            GOOD + "  - id: travel\n", 11, "category travel is already defined in line 4", id="two categories"
        ),
        pytest.param(
            GOOD + "        name: again\n", 11, 'found duplicate key "name" with value "again"', id="a field twice"
        ),
        pytest.param(
            GOOD.replace("travel.night", "Travel Night"), 7, "must be written CATEGORY.NAME, lower case", id="bad id"
        ),
        pytest.param(GOOD.replace("travel.night", "night"), 7, "such as travel.night-views", id="id without category"),
        pytest.param(
            GOOD.replace("        name: Night", "\tname: Night"), 8, "character '\\t' that cannot start", id="tab"
        ),
        pytest.param(GOOD + '        guidance: "open\n', 12, "no valid YAML", id="quote left open"),
        pytest.param(GOOD + "---\nname: x\n", 11, "expected a single document", id="two documents"),
        pytest.param(GOOD.replace("Night views", "caf\xe9").encode("latin-1"), 8, "save the file as UTF-8", id="latin"),
        pytest.param("- a\n- b\n", 1, "a handbook is a mapping with `categories:`", id="list at the top"),
        pytest.param("hello", 1, "a handbook is a mapping with `categories:`", id="word at the top"),
        pytest.param("", 1, "a handbook is a mapping with `categories:`", id="empty file"),
        pytest.param("# nothing yet\n", 1, "a handbook is a mapping with `categories:`", id="comments only"),
        pytest.param("? [a, [b]]\n: x\n", None, "what stands before a `:` must be text", id="a list as a name"),
        pytest.param("a: " + "[" * 300, 1, "no valid YAML", id="brackets without end"),
        pytest.param(GOOD + "\x00", None, "no valid YAML", id="NUL character"),
        pytest.param(GOOD + "        evidence: &e\n          - *e\n", 11, "`evidence.0` must be", id="holds itself"),
        pytest.param("categories: &a\n  - *a\n", 1, "a category is a mapping", id="categories hold themselves"),
        pytest.param(
            GOOD + "        guidance: !!python/object/apply:os.system [ls]\n",
            11,
            "`guidance` must be text",
            id="object",
        ),
    ],
)
def test_broken_file_is_named_with_line_and_way_out(
    tmp_path: Path, text: str | bytes, line: int | None, message: str
) -> None:
    path = _write(tmp_path, text)
    with pytest.raises(HandbookError) as caught:
        load(tmp_path)
    where = f"{path}:{line}: " if line else f"{path}: "
    assert str(caught.value).startswith(where)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert any(problem.level == "error" and message in problem.message for problem in check(path))


@pytest.mark.parametrize(
    "tail",
    [
        "name: *i\n",
        "categories: *i\n",
        "categories:\n  - *i\n",
        "categories:\n  - id: t\n    interests:\n      - *i\n",
        "categories:\n  - id: t\n    interests:\n      - id: t.a\n        name: x\n        evidence: *i\n",
    ],
)
@pytest.mark.timeout(20)
def test_aliases_that_multiply_to_a_billion_values_are_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tail: str
) -> None:
    monkeypatch.setattr(handbook_file, "MAX_NODES", 20_000)
    path = _write(tmp_path, _bomb(tail))
    assert any(problem.level == "error" for problem in check(path))
    with pytest.raises(HandbookError, match=r"handbook\.yaml"):
        load(path)


def test_aliases_over_the_limit_are_called_by_their_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handbook_file, "MAX_NODES", 20_000)
    with pytest.raises(HandbookError, match="more than 20,000 values; aliases may not be used to repeat them"):
        load(_write(tmp_path, _bomb("name: *i\n")))


@pytest.mark.parametrize("where", ["none", "empty"])
def test_missing_file_says_what_a_handbook_is(tmp_path: Path, where: str) -> None:
    (tmp_path / "empty").mkdir()
    for function in (load, check):
        with pytest.raises(HandbookError, match=r"no handbook at .*; a handbook is a folder with a handbook\.yaml"):
            function(tmp_path / where)


def test_file_beyond_the_limit_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handbook_file, "MAX_BYTES", 20)
    with pytest.raises(HandbookError, match="the limit is 20"):
        load(_write(tmp_path, GOOD))


def test_every_error_of_a_file_is_found_in_the_order_of_its_lines(tmp_path: Path) -> None:
    text = GOOD.replace("version: 1", "version: one").replace("Night views", "12").replace("night: 3", "night: x")
    found = check(_write(tmp_path, text))
    assert [problem.line for problem in found] == [1, 8, 10]
    assert {problem.level for problem in found} == {"error"}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (GOOD + "        neighbours: [travel.gone]\n", 7, "its neighbour travel.gone is not in the handbook"),
        (GOOD + "          harbours at night: 1\n", 7, "'harbour at night' and 'harbours at night' say the same"),
        (GOOD + "          維港夜景: 1\n          维港夜景: 1\n", 7, "'維港夜景' and '维港夜景' say the same"),
        (GOOD + "          '#nightview': 1\n", 7, "tag '#nightview' is not in house form"),
        (GOOD + "          the best view of all the views: 1\n", 7, "is not in house form"),
        (GOOD + "          ' spaced ': 1\n", 7, "is not in house form"),
        (GOOD + "      - id: travel.stays\n        name: Stays\n", 11, "travel.stays has no tags"),
        (GOOD + MORE.replace("travel.stays", "food.stays"), 11, "food.stays stands in category travel"),
        ("version: 1\ncategories: []\n", 1, "no interests: nothing will be retrieved"),
    ],
)
def test_doubtful_handbook_is_warned_of_but_loads(tmp_path: Path, text: str, line: int, message: str) -> None:
    path = _write(tmp_path, text)
    found = check(path)
    assert [(problem.line, problem.level) for problem in found] == [(line, "warning")]
    assert message in found[0].message
    assert isinstance(load(path), Handbook)
    assert isinstance(found[0], Problem)


@pytest.mark.parametrize(
    "same",
    [
        "# a comment\n" + GOOD,
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("name: test", 'name: "test"'),
        "name: test\nversion: 1\n" + GOOD.split("name: test\n")[1],
    ],
)
def test_digest_is_the_same_whatever_the_layout(tmp_path: Path, same: str) -> None:
    assert load(_write(tmp_path, same)).digest == load(_write(tmp_path, GOOD)).digest


@pytest.mark.parametrize(
    "other",
    [
        GOOD.replace("version: 1", "version: 2"),
        GOOD.replace("name: Travel", "name: Trips"),
        GOOD.replace("night: 3", "night: 4"),
        GOOD.replace("harbour at night", "harbour by night"),
        GOOD + MORE,
        GOOD + "        evidence: [where to stand]\n",
    ],
)
def test_digest_changes_with_the_content(tmp_path: Path, other: str) -> None:
    assert load(_write(tmp_path, other)).digest != load(_write(tmp_path, GOOD)).digest


@pytest.mark.parametrize("name", ["travel", "TRAVEL", " Travel "])
def test_category_is_found_by_id_or_name_whatever_its_case(tmp_path: Path, name: str) -> None:
    category = load(_write(tmp_path, GOOD)).category(name)
    assert category is not None
    assert category.id == "travel"


@pytest.mark.parametrize("name", ["", " ", "food"])
def test_unknown_category_is_none(tmp_path: Path, name: str) -> None:
    assert load(_write(tmp_path, GOOD.replace("name: Travel\n    ", ""))).category(name) is None
