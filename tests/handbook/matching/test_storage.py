"""The matcher's folder: whatever is wrong with it is refused and named, and nothing in it can run code."""

import hashlib
import io
import itertools
import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handbook.matching import Matcher
from handbook.matching.storage import MANIFEST, load, save
from tests.handbook.matching.corpus import Fitted, contents, make_handbook, ranked


def _names(folder: Path) -> list[str]:
    found = sorted(file.name for file in folder.iterdir() if file.name != MANIFEST)
    assert {Path(name).suffix for name in found} == {".npy", ".txt"}
    return found


def _flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def _grow(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"\n")


def _empty(file: Path) -> None:
    file.write_bytes(b"")


def _lose(file: Path) -> None:
    file.unlink()


def _folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize("damage", [_flip, _cut, _grow, _empty, _lose, _folder])
def test_every_damaged_or_missing_file_is_named(made: Fitted, copied: Fitted, damage: Callable[[Path], None]) -> None:
    for name in _names(copied.folder):
        file = copied.folder / name
        damage(file)
        with pytest.raises(ValueError, match=r" is (damaged|missing)") as raised:
            copied.open()
        assert str(file) in str(raised.value)
        file.rmdir() if file.is_dir() else file.unlink(missing_ok=True)
        shutil.copy(made.folder / name, file)
    assert ranked(copied.open(), copied.notes[0])


def test_swapped_files_are_named(copied: Fitted) -> None:
    names = _names(copied.folder)
    swapped = 0
    for one, other in itertools.pairwise(names):
        first, second = copied.folder / one, copied.folder / other
        if first.suffix != second.suffix or first.read_bytes() == second.read_bytes():
            continue
        swapped += 1
        _swap(first, second)
        with pytest.raises(ValueError, match=r"is damaged") as raised:
            copied.open()
        assert one in str(raised.value) or other in str(raised.value)
        _swap(first, second)
    assert swapped > 10
    assert ranked(copied.open(), copied.notes[0])


def _swap(first: Path, second: Path) -> None:
    between = first.with_suffix(".between")
    first.rename(between)
    second.rename(first)
    between.rename(second)


def test_a_file_of_another_matcher_is_named(copied: Fitted, tmp_path: Path) -> None:
    save(tmp_path / "other", {"line_y": np.zeros(3, dtype=np.float32)}, {}, {})
    shutil.copy(tmp_path / "other" / "line_y.npy", copied.folder)
    with pytest.raises(ValueError, match=r"line_y\.npy is damaged"):
        copied.open()


def _manifest(folder: Path) -> dict[str, Any]:
    return json.loads((folder / MANIFEST).read_text("utf-8"))


def _write(folder: Path, manifest: object) -> None:
    (folder / MANIFEST).write_text(json.dumps(manifest), "utf-8")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", r"is damaged"),
        (b"{", r"is damaged"),
        (b"\xff\xfe{}", r"is damaged"),
        (b"[]", r"of version None, this program reads 1"),
        (b"{}", r"of version None, this program reads 1"),
        (b'{"version": 99}', r"of version 99, this program reads 1"),
        (b'{"version": 1}', r"names no files"),
        (b'{"version": 1, "files": ["vectors.npy"]}', r"names no files"),
    ],
)
def test_a_manifest_that_is_none_is_named(copied: Fitted, content: bytes, said: str) -> None:
    (copied.folder / MANIFEST).write_bytes(content)
    with pytest.raises(ValueError, match=said) as raised:
        copied.open()
    assert str(copied.folder / MANIFEST) in str(raised.value)


def test_a_folder_without_a_manifest_or_no_folder_is_named(copied: Fitted) -> None:
    (copied.folder / MANIFEST).unlink()
    for folder in (copied.folder, copied.folder / "gone"):
        with pytest.raises(ValueError, match=r"is missing") as raised:
            Matcher.open(folder, copied.handbook)
        assert str(folder / MANIFEST) in str(raised.value)


def test_a_manifest_that_forgets_something_is_named(copied: Fitted) -> None:
    whole = _manifest(copied.folder)
    for name in whole["files"]:
        _write(copied.folder, whole | {"files": {n: digest for n, digest in whole["files"].items() if n != name}})
        with pytest.raises(ValueError, match=Path(name).stem) as raised:
            copied.open()
        assert str(copied.folder / MANIFEST) in str(raised.value)
    for fact in sorted(set(whole) - {"files"}):
        _write(copied.folder, {name: value for name, value in whole.items() if name != fact})
        with pytest.raises(ValueError, match=r"matcher\.json"):
            copied.open()


def test_a_handbook_with_other_tags_is_refused(made: Fitted) -> None:
    first = made.handbook.categories[0]
    interest = first.interests[0]

    def changed(**update: object) -> None:
        interests = (interest.model_copy(update=update), *first.interests[1:])
        category = first.model_copy(update={"interests": interests})
        other = made.handbook.model_copy(update={"categories": (category, *made.handbook.categories[1:])})
        Matcher.open(made.folder, other)

    changed(name="Another name", guidance="Other words")
    tag = next(iter(interest.tags))
    for update in (
        {"tags": interest.tags | {"one more": 0}},
        {"tags": {name: count for name, count in interest.tags.items() if name != tag}},
        {"tags": interest.tags | {tag: interest.tags[tag] + 1}},
        {"retired": True},
        {"id": "food.renamed"},
    ):
        with pytest.raises(ValueError, match=r"matcher\.json was learned on other tags"):
            changed(**update)
    with pytest.raises(ValueError, match=r"learned on other tags"):
        Matcher.open(made.folder, make_handbook([]))


class _Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, sprung: Path) -> None:
        self.sprung = sprung

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.mkdir, (str(self.sprung),)


def _planted(folder: Path, name: str, data: bytes) -> None:
    """Another file in place of one, and its digest in the manifest."""
    (folder / name).write_bytes(data)
    manifest = _manifest(folder)
    assert manifest["files"][name] != _digest(data)
    manifest["files"][name] = _digest(data)
    _write(folder, manifest)


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data).hexdigest()[:32]


def _object_array(trap: _Trap) -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([trap], dtype=object), allow_pickle=True)
    return file.getvalue()


@pytest.mark.parametrize("name", ["vectors.npy", "line_x.npy"])
@pytest.mark.parametrize("made_of", [_object_array, pickle.dumps])
def test_no_pickle_is_ever_read(copied: Fitted, tmp_path: Path, name: str, made_of: Callable[[_Trap], bytes]) -> None:
    sprung = tmp_path / "sprung"
    data = made_of(_Trap(sprung))
    _planted(copied.folder, name, data)
    with pytest.raises(ValueError):  # noqa: PT011 - the words are NumPy's
        copied.open()
    assert not sprung.exists()
    np.load(io.BytesIO(data), allow_pickle=True)
    assert sprung.exists(), "the trap does not work"


def test_planting_works_where_nothing_is_wrong(copied: Fitted) -> None:
    # Else the tests with planted files could pass for another reason.
    file = io.BytesIO()
    np.save(file, np.load(copied.folder / "line_y.npy") / 2)
    _planted(copied.folder, "line_y.npy", file.getvalue())
    assert ranked(copied.open(), copied.notes[0])


@pytest.mark.parametrize("way", ["../vectors.npy", "{outside}/vectors.npy", "./../vectors.npy", "x/../../vectors.npy"])
def test_names_in_the_manifest_do_not_lead_outside(copied: Fitted, way: str) -> None:
    outside = copied.folder.parent
    (copied.folder / "vectors.npy").rename(outside / "vectors.npy")
    (copied.folder / "x").mkdir()
    name = way.format(outside=outside)
    assert (copied.folder / name).is_file()
    manifest = _manifest(copied.folder)
    manifest["files"][name] = manifest["files"].pop("vectors.npy")
    _write(copied.folder, manifest)
    with pytest.raises(ValueError, match=r"matcher"):
        copied.open()


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    arrays = {"b": np.arange(6, dtype=np.int32).reshape(2, 3).T, "a": np.zeros((0, 4), dtype=np.float16)}
    save(tmp_path / "one", arrays, {"said": "词 and words\n"}, {"categories": ["旅行"], "notes": 3})
    found, texts, facts = load(tmp_path / "one")
    assert {name: (array.dtype, array.tolist()) for name, array in found.items()} == {
        name: (array.dtype, array.tolist()) for name, array in arrays.items()
    }
    assert all(not array.flags.writeable for array in found.values())
    assert isinstance(found["b"], np.memmap)
    assert texts == {"said": "词 and words\n"}
    assert (facts["categories"], facts["notes"]) == (["旅行"], 3)


def test_order_of_what_is_saved_does_not_matter(tmp_path: Path) -> None:
    arrays, texts, facts = {"a": np.ones(2), "b": np.zeros(2)}, {"x": "1", "y": "2"}, {"p": 1, "q": 2}
    save(tmp_path / "one", arrays, texts, facts)
    backwards = (dict(reversed(arrays.items())), dict(reversed(texts.items())), dict(reversed(facts.items())))
    save(tmp_path / "two", *backwards)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert len(contents(tmp_path / "one")) == 5


def test_objects_are_not_saved(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="allow_pickle"):
        save(tmp_path, {"a": np.array([{}], dtype=object)}, {}, {})
