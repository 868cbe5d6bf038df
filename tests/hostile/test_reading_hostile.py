"""Hostile inputs: each row and picture comes out as what it is, nothing leads outside, little is held at once."""

import contextlib
import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from notes.fetching import Fetcher
from notes.formats import UnreadableInput
from notes.pictures import PictureStore
from notes.reading import read_notes
from notes.records import Note, Reject
from notes.writing import JsonlWriter
from tests.hostile.make import BOMB_BYTES, CASES, FINE, GOOD, REJECT, SECRET, Case, cases, make

NAMES = list(CASES)
PICTURED = [name for name, outcome in CASES.items() if outcome.startswith("refused: ")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The hostile folder, with a picture beside it that nobody may see."""
    outside = tmp_path_factory.mktemp("outside")
    Image.effect_noise((64, 64), 50).save(outside / SECRET)
    return make(outside / "hostile").parent


@pytest.fixture(scope="module")
def by_name(folder: Path) -> dict[str, Case]:
    return {case.name: case for case in cases(folder)}


@pytest.fixture(scope="module")
def read(folder: Path) -> dict[int | str, Note | Reject]:
    """What was read: notes by id, rejects by line."""
    found = read_notes(folder / "notes.jsonl", pictures=PictureStore(folder))
    return {row.id if isinstance(row, Note) else row.line: row for row in found}


def test_table_holds_what_hostile_folders_need() -> None:
    assert len(NAMES) >= 30
    assert len(set(CASES.values()) - {FINE, REJECT}) >= 8


def test_every_line_comes_out_once(read: dict[int | str, Note | Reject]) -> None:
    assert len(read) == len(NAMES)


@pytest.mark.parametrize("name", [name for name, outcome in CASES.items() if outcome == REJECT])
def test_bad_row_is_rejected_with_its_line_and_reason(
    name: str, folder: Path, by_name: dict[str, Case], read: dict[int | str, Note | Reject]
) -> None:
    line = NAMES.index(name) + 1
    found = read[line]
    assert isinstance(found, Reject)
    assert (found.reason, found.line, found.source) == (by_name[name].reason, line, str(folder / "notes.jsonl"))
    assert found.message
    assert len(found.message) < 1000


@pytest.mark.parametrize("name", [name for name, outcome in CASES.items() if outcome != REJECT])
def test_odd_row_comes_out_as_a_note(name: str, read: dict[int | str, Note | Reject]) -> None:
    assert isinstance(read[name], Note)


def test_whatever_was_read_can_be_written(tmp_path: Path, read: dict[int | str, Note | Reject]) -> None:
    with contextlib.closing(JsonlWriter(tmp_path / "all.jsonl")) as writer:
        for record in read.values():
            writer.write(record)
    written = (tmp_path / "all.jsonl").read_bytes().splitlines()
    again = [type(record).model_validate_json(line) for record, line in zip(read.values(), written, strict=True)]
    assert again == list(read.values())


@pytest.mark.parametrize("name", PICTURED)
def test_bad_picture_is_refused_with_its_reason(name: str, folder: Path, read: dict[int | str, Note | Reject]) -> None:
    note = read[name]
    assert isinstance(note, Note)
    refused = PictureStore(folder).open(note.images[0]).refused
    assert refused is not None
    assert f"refused: {refused.reason}" == CASES[name]
    assert refused.message
    assert len(refused.message) <= 500


@pytest.mark.parametrize(
    "ref", ["", " ", "a\x00.png", "\ud800.png", "http://[", "data:", ":", "a" * 256, "\\", "~root"]
)
def test_no_reference_raises(ref: str, folder: Path) -> None:
    picture = PictureStore(folder, fetch=Fetcher()).open(ref)
    assert picture.refused is not None
    with pytest.raises(ValueError, match="refused"):
        _ = picture.jpeg


@pytest.mark.parametrize(("name", "size"), GOOD.items())
def test_good_picture_opens(name: str, size: tuple[int, int], folder: Path) -> None:
    picture = PictureStore(folder).open(name)
    assert picture.refused is None
    assert (picture.width, picture.height) == size
    assert picture.digest == hashlib.sha256((folder / name).read_bytes()).hexdigest()
    assert picture.jpeg.startswith(b"\xff\xd8")


def test_nothing_outside_the_folder_is_read(folder: Path, read: dict[int | str, Note | Reject]) -> None:
    secret = hashlib.sha256((folder.parent / SECRET).read_bytes()).hexdigest()
    assert PictureStore(folder.parent).open(SECRET).digest == secret
    store = PictureStore(folder, fetch=Fetcher())
    references = [ref for row in read.values() if isinstance(row, Note) for ref in row.images]
    assert len(references) > 30
    digests = {store.open(ref).digest for ref in references}
    assert secret not in digests
    assert digests - {""} == {hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in GOOD}


@pytest.mark.parametrize("name", ["ref-loopback", "ref-metadata"])
def test_private_address_is_refused_when_fetching_is_on(
    name: str, folder: Path, read: dict[int | str, Note | Reject]
) -> None:
    note = read[name]
    assert isinstance(note, Note)
    refused = PictureStore(folder, fetch=Fetcher()).open(note.images[0]).refused
    assert refused is not None
    assert refused.reason == "private_address"


def test_pipe_is_no_picture_even_with_one_written_into_it(folder: Path) -> None:
    end = os.open(folder / "pipe.png", os.O_RDWR)
    try:
        os.write(end, (folder / "plain.jpg").read_bytes())
        refused = PictureStore(folder).open("pipe.png").refused
    finally:
        os.close(end)
    assert refused is not None
    assert refused.reason == "not_a_file"


def test_store_opens_hostile_pictures_from_many_threads(folder: Path) -> None:
    store = PictureStore(folder, keep=2)
    expected = {name: store.open(name).digest for name in (*GOOD, "bomb.png", "cut.jpg", "pipe.png")}
    wrong: list[str] = []

    def work() -> None:
        wrong.extend(name for name, digest in expected.items() if store.open(name).digest != digest)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_cut_gzip_gives_its_good_rows_and_says_where_it_ends(folder: Path) -> None:
    found = list(read_notes(folder / "broken.jsonl.gz"))
    *good, last = found
    assert len(good) > 50
    assert [row.id for row in good] == [str(i) for i in range(len(good))]
    assert isinstance(last, Reject)
    assert (last.reason, last.line) == ("broken_row", len(good) + 1)


CSV = ["good", (3, "broken_row"), (4, "missing_id"), (5, "invalid_utf8"), (6, "duplicate_id"), (7, "nothing_to_tag")]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bomb.jsonl.gz", ["before", (2, "too_large"), "after"]),
        ("bad.parquet", [(1, "broken_row")]),
        ("bad.arrow", [(1, "broken_row")]),
        ("bad.csv", [*CSV, "lines", "last"]),
    ],
)
def test_broken_file_comes_out_row_by_row(name: str, expected: list[object], folder: Path) -> None:
    assert list(_summary(read_notes(folder / name))) == expected


def _summary(found: Iterator[Note | Reject]) -> Iterator[object]:
    for row in found:
        yield row.id if isinstance(row, Note) else (row.line, row.reason)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no-header.csv", "names no column `id`"),
        ("drawing.svg", "unknown format"),
        ("missing.jsonl", "no such file"),
        ("folder", "no data file"),
    ],
)
def test_input_that_cannot_be_read_at_all_says_so(name: str, message: str, folder: Path) -> None:
    with pytest.raises(UnreadableInput, match=message):
        list(read_notes(folder / name))


_PEAK = """
import resource, sys
from notes.pictures import PictureStore
from notes.reading import read_notes
import PIL.Image, pyarrow
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
folder, name = sys.argv[1:]
if name.endswith(".gz"):
    assert len(list(read_notes(f"{folder}/{name}"))) == 3
else:
    assert PictureStore(folder).open(name).refused
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10)  # Linux counts in KiB
"""


@pytest.mark.parametrize("name", ["bomb.jsonl.gz", "bomb.png", "lying.gif", "lying-medium.gif", "text-chunk.png"])
def test_bomb_is_never_held_in_memory(name: str, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PEAK, str(folder), name],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) < BOMB_BYTES // 4
