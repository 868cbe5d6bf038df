"""`handbook.yaml` as people find it again: comments, order and everything not concerned stay as they were."""

import difflib
import shutil
from pathlib import Path

import pytest

from handbook import Category, Handbook, Interest, load
from handbook.records import Support
from handbook.writing import write


@pytest.fixture
def folder(tmp_path: Path, examples: Path) -> Path:
    """A copy of the example handbook, which is full of comments and hand-made line breaks."""
    shutil.copy(examples / "handbook" / "handbook.yaml", tmp_path)
    return tmp_path


def _text(folder: Path) -> str:
    return (folder / "handbook.yaml").read_text("utf-8")


def _changed_lines(before: str, after: str) -> list[str]:
    return [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[:2] in ("+ ", "- ")]


def _with(handbook: Handbook, id: str, **update: object) -> Handbook:
    categories = []
    for category in handbook.categories:
        interests = tuple(i.model_copy(update=update) if i.id == id else i for i in category.interests)
        categories.append(category.model_copy(update={"interests": interests}))
    return handbook.model_copy(update={"categories": tuple(categories)})


def test_writing_what_is_there_changes_no_byte(folder: Path) -> None:
    before = _text(folder)
    write(folder, load(folder))
    assert _text(folder) == before


def test_one_new_count_is_one_changed_line_and_comments_survive(folder: Path) -> None:
    before = _text(folder)
    old = load(folder)
    interest = old.interests["travel.city-night-views"]
    write(folder, _with(old, interest.id, support=Support(users=4, notes=2)))
    assert _changed_lines(before, _text(folder)) == ["+         support: {users: 4, notes: 2}"]
    retired = _with(load(folder), interest.id, retired=True)
    before = _text(folder)
    write(folder, retired)
    assert _changed_lines(before, _text(folder)) == ["+         retired: true"]
    assert load(folder) == retired
    assert "# Written for people" in _text(folder)


def test_new_entries_come_last_and_absent_ones_stay(folder: Path) -> None:
    before = _text(folder)
    old = load(folder)
    new = Interest(id="travel.new", name="New", tags={"a new thing": 1}, category="travel")
    fresh = Category(id="moon", interests=(Interest(id="moon.dust", name="Dust", category="moon"),))
    write(
        folder,
        Handbook(
            version=1,
            name=old.name,
            categories=(
                Category(id="travel", name="Travel", guidance=old.categories[0].guidance, interests=(new,)),
                fresh,
            ),
        ),
    )
    after = load(folder)
    assert [c.id for c in after.categories] == [*(c.id for c in old.categories), "moon"]
    assert [i.id for i in after.categories[0].interests] == [*(i.id for i in old.categories[0].interests), "travel.new"]
    assert all(line.startswith("+ ") for line in _changed_lines(before, _text(folder)))


def test_every_field_and_every_character_comes_back(tmp_path: Path) -> None:
    odd = (
        "a: b",
        '"q" # no',
        "- dash",
        "行\u2028x",
        "'",
        "{}",
        "yes",
        "1e3",
        "@x",
        "%y",
        "&a *b",
        "tab\tin",
        "emoji 🙂",
        "",
    )
    interest = Interest(
        id="美食.家常菜",
        name="null",
        description="#1: best",
        tags={"1.50": 3, "true": 2, "~": 1, "維港: 夜景": 9},
        attributes=odd,
        guidance="line one",
        evidence=odd,
        neighbours=("a.b", "美食.火锅"),
        notes=odd,
        support=Support(users=3, notes=2, lift=-1.25, engagement=0.5, freshness=1.0),
        pinned=True,
        words="handbook/v1 m (1234)",
        category="美食",
    ).signed()
    handbook = Handbook(name="odd", categories=(Category(id="美食", name="美食", interests=(interest,)),))
    write(tmp_path, handbook)
    assert load(tmp_path) == handbook
    before = _text(tmp_path)
    write(tmp_path, handbook)
    assert _text(tmp_path) == before
    assert not list(tmp_path.glob(".handbook*"))


def test_a_failed_write_leaves_the_old_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _text(folder)

    def broken(self: Path, target: Path) -> Path:
        raise OSError("disk full")

    changed = _with(load(folder), "travel.city-night-views", name="Other")
    monkeypatch.setattr(Path, "replace", broken)
    with pytest.raises(OSError, match="disk full"):
        write(folder, changed)
    assert _text(folder) == before
    assert [path.name for path in folder.iterdir()] == ["handbook.yaml"]
