"""An index on disk: the same answers as in memory, and never used when it does not fit what it was made of."""

import asyncio
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from handbook import Handbook, HandbookError, HandbookIndex
from handbook.folder import Manifest, check_index, index_handbook, open_index, read_manifest
from teachers.embedded import Encoder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, examples: Path) -> Path:
    """The example handbook with an index."""
    folder = tmp_path_factory.mktemp("handbook")
    shutil.copy(examples / "handbook" / "handbook.yaml", folder)
    index_handbook(folder, Encoder())  # a new one: it reads all texts, in the same batches each time
    return folder


@pytest.fixture(scope="module")
def in_memory(examples_handbook: Handbook) -> HandbookIndex:
    """The same, never on disk."""
    return HandbookIndex(examples_handbook, Encoder())


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy that may be damaged."""
    return Path(shutil.copytree(made, tmp_path / "handbook"))


def _ids(index: HandbookIndex, text: str) -> list[tuple[str, float]]:
    return [(found.id, found.score) for found in asyncio.run(index.search(text, category="travel", k=12))]


@pytest.mark.parametrize("text", ["where to see the skyline at night", "维港夜景", "cat litter", ""])
def test_opened_index_finds_what_one_in_memory_finds(made: Path, in_memory: HandbookIndex, text: str) -> None:
    opened = open_index(made, Encoder())
    assert opened.handbook == in_memory.handbook
    assert opened.handbook.digest == in_memory.handbook.digest
    for found, wanted in zip(_ids(opened, text), _ids(in_memory, text), strict=True):
        assert found[0] == wanted[0]
        assert found[1] == pytest.approx(wanted[1], abs=2e-4)


def test_vectors_are_memory_mapped(made: Path, encoder: Encoder) -> None:
    arrays = open_index(made, encoder)._arrays
    assert isinstance(arrays.meaning.base, np.memmap)
    assert isinstance(arrays.sentences.base, np.memmap)


def test_same_handbook_gives_the_same_bytes(made: Path, folder: Path) -> None:
    index_handbook(folder, Encoder())
    assert read_manifest(folder) == read_manifest(made)
    assert sorted(path.name for path in folder.iterdir()) == ["handbook.yaml", "index"]


def test_without_an_index_it_is_made_in_memory(examples: Path, encoder: Encoder, examples_handbook: Handbook) -> None:
    assert open_index(examples / "handbook", encoder).handbook == examples_handbook
    assert open_index(examples / "handbook" / "handbook.yaml", encoder).handbook == examples_handbook
    assert check_index(examples / "handbook") == []


def test_a_new_comment_is_no_change(folder: Path, encoder: Encoder) -> None:
    file = folder / "handbook.yaml"
    file.write_text("# seen and approved\n" + file.read_text("utf-8"), "utf-8")
    assert open_index(folder, encoder).handbook.interests
    assert check_index(folder) == []


def _edit(folder: Path) -> None:
    file = folder / "handbook.yaml"
    file.write_text(file.read_text("utf-8").replace("name: City night views", "name: Night views"), "utf-8")


def _evidence(folder: Path) -> None:
    (folder / "evidence.parquet").write_bytes(b"new")


def _flip(folder: Path) -> None:
    file = folder / "index" / "meaning.npy"
    data = bytearray(file.read_bytes())
    data[-7] ^= 1
    file.write_bytes(data)


def _cut(folder: Path) -> None:
    file = folder / "index" / "posting_rows.npy"
    file.write_bytes(file.read_bytes()[:-20])


def _lose(folder: Path) -> None:
    (folder / "index" / "terms.json").unlink()


def _no_manifest(folder: Path) -> None:
    (folder / "index" / "manifest.json").unlink()


def _manifest(**update: object) -> object:
    def damage(folder: Path) -> None:
        file = folder / "index" / "manifest.json"
        file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), **update}), "utf-8")

    return damage


def _no_json(folder: Path) -> None:
    (folder / "index" / "manifest.json").write_text("{", "utf-8")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_edit, r"handbook\.yaml has changed since"),
        (_evidence, r"evidence\.parquet has changed since"),
        (_flip, r"meaning\.npy is damaged"),
        (_cut, r"posting_rows\.npy is damaged"),
        (_lose, r"terms\.json is missing"),
        (_no_manifest, r"manifest\.json is missing"),
        (_no_json, r"manifest\.json: no valid JSON"),
        (_manifest(version=99), r"version 99, this program reads 1"),
        (_manifest(files={"../../secret": "00"}), r"outside the index: '\.\./\.\./secret'"),
        (_manifest(files={"/etc/passwd": "00"}), r"outside the index"),
        (_manifest(surprise=1), r"surprise"),
    ],
)
def test_stale_and_damaged_indexes_name_the_file_and_the_command(
    folder: Path, encoder: Encoder, damage: object, said: str
) -> None:
    assert callable(damage)
    damage(folder)
    with pytest.raises(HandbookError, match=said) as raised:
        open_index(folder, encoder)
    assert f"run: tagllm handbook index {folder}" in str(raised.value)
    assert [problem.message for problem in check_index(folder)] == [str(raised.value)]


def test_index_of_another_encoder_is_refused(folder: Path, encoder: Encoder) -> None:
    file = folder / "index" / "manifest.json"
    manifest = Manifest.model_validate_json(file.read_text("utf-8")).model_copy(update={"encoder": "other-model"})
    file.write_text(manifest.model_dump_json(), "utf-8")
    with pytest.raises(HandbookError, match="made with the encoder other-model"):
        open_index(folder, encoder)


def test_indexing_mends_what_was_damaged(folder: Path, encoder: Encoder) -> None:
    _flip(folder)
    _edit(folder)
    index_handbook(folder, encoder)
    assert open_index(folder, encoder).handbook.interests["travel.city-night-views"].name == "Night views"


def test_a_failed_indexing_leaves_the_old_index(
    folder: Path, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object, **more: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Handbook, "model_dump_json", broken)
    with pytest.raises(MemoryError):
        index_handbook(folder, encoder)
    assert sorted(path.name for path in folder.iterdir()) == ["handbook.yaml", "index"]
    assert check_index(folder) == []


def test_evidence_that_is_no_parquet_names_the_file(folder: Path, encoder: Encoder) -> None:
    _evidence(folder)
    with pytest.raises(HandbookError, match=r"evidence\.parquet: .*build the handbook again"):
        index_handbook(folder, encoder)
