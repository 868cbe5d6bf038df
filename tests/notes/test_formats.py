"""Every input form gives the same notes, is streamed, and says where it breaks."""

import csv
import gzip
import io
import json
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from notes.formats import BATCH_ROWS, MAX_ROW_BYTES, UnreadableInput, rows
from notes.pictures import PictureStore
from notes.reading import read_notes
from notes.records import Note, Reject

TABLE = [
    {"id": "n1", "title": "Moka pot", "content": 'Water to the valve,\nthen "medium" heat', "category": "coffee"},
    {"id": "n2", "title": "滤杯", "content": "九十二度", "category": "coffee"},
    {"id": "n3", "title": "tab\tand, comma", "content": "", "category": ""},
]


def _jsonl() -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in TABLE).encode()


def _csv(delimiter: str) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(TABLE[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(TABLE)
    return text.getvalue().encode()


def _parquet() -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(TABLE), sink)
    return sink.getvalue().to_pybytes()


def _arrow(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


FORMS = {
    "a.jsonl": _jsonl(),
    "a.ndjson": _jsonl().rstrip(b"\n"),
    "crlf.jsonl": _jsonl().replace(b"\n", b"\r\n"),
    "gaps.jsonl": b"\xef\xbb\xbf" + _jsonl().replace(b"\n", b"\n \n\n"),
    "a.jsonl.gz": gzip.compress(_jsonl()),
    "two-members.jsonl.gz": gzip.compress(_jsonl()[:50]) + gzip.compress(_jsonl()[50:]),
    "a.jsonl.zst": zstandard.compress(_jsonl()),
    "two-frames.jsonl.zst": zstandard.compress(_jsonl()[:50]) + zstandard.compress(_jsonl()[50:]),
    "a.csv": _csv(","),
    "A.CSV": _csv(","),
    "bom.csv": b"\xef\xbb\xbf" + _csv(","),
    "a.tsv": _csv("\t"),
    "a.csv.gz": gzip.compress(_csv(",")),
    "a.tsv.zst": zstandard.compress(_csv("\t")),
    "a.parquet": _parquet(),
    "a.arrow": _arrow(pa.Table.from_pylist(TABLE)),
}


def _write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_same_notes(name: str, tmp_path: Path) -> None:
    found = list(read_notes(_write(tmp_path, name, FORMS[name])))
    assert [note.model_dump(include={"id", "title", "content", "category"}) for note in found] == TABLE


@pytest.mark.parametrize("name", ["ID,Title,Content\nn1,x,y\n", " id , title\nn1,x\n", "note_id,title\nn1,x\n"])
def test_header_may_be_written_in_other_ways(name: str, tmp_path: Path) -> None:
    (note,) = read_notes(_write(tmp_path, "a.csv", name.encode()))
    assert isinstance(note, Note)
    assert (note.id, note.title) == ("n1", "x")


def test_headerless_notellm_csv_is_read(tmp_path: Path) -> None:
    text = (
        '66a1,夜骑路线,"沿江十公里 #夜骑[话题]# #城市 骑行[话题]#\n#夜骑[话题]#",a.jpg,运动@户外@骑行\n'
        '66a2,周末,#露营[话题]#,"[""a.jpg"", ""b.png""]",\n'
        "66a3,,#只有话题[话题]#,,旅行\n"
    )
    first, second, third = read_notes(_write(tmp_path, "notes.csv", text.encode()))
    assert isinstance(first, Note)
    assert (first.id, first.title, first.content, first.images) == ("66a1", "夜骑路线", "沿江十公里", ("a.jpg",))
    assert (first.hashtags, first.category) == (("夜骑", "城市 骑行"), "运动")
    assert first.extra == {"category_path": ["运动", "户外", "骑行"]}
    assert isinstance(second, Note)
    assert (second.content, second.hashtags) == ("", ("露营",))
    assert (second.images, second.category) == (("a.jpg", "b.png"), "")
    assert isinstance(third, Reject)
    assert (third.reason, third.line) == ("nothing_to_tag", 4)


PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


@pytest.mark.parametrize(
    ("column", "kind"),
    [("images", pa.list_(PICTURE)), ("image", PICTURE)],
    ids=["a list of pictures", "one picture"],
)
@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_pictures_inside_a_dataset_open(
    column: str, kind: pa.DataType, form: str, examples: Path, tmp_path: Path
) -> None:
    data = next((examples / "images").iterdir()).read_bytes()
    (tmp_path / "beside.jpg").write_bytes(data)
    cells: list[object] = [{"bytes": data, "path": "inside.jpg"}, {"bytes": None, "path": "beside.jpg"}, None]
    if column == "images":
        cells = [[cell] if cell else [] for cell in cells]
    table = pa.table({"id": ["1", "2", "3"], "title": ["x"] * 3, column: pa.array(cells, kind)})
    path = tmp_path / f"a.{form}"
    if form == "parquet":
        pq.write_table(table, path)
    else:
        path.write_bytes(_arrow(table))
    store = PictureStore(tmp_path)
    inside, beside, none = (note for note in read_notes(path) if isinstance(note, Note))
    (first,), (second,) = inside.images, beside.images
    assert store.open(first).digest == store.open(second).digest != ""
    assert none.images == ()


def _dataset(folder: Path) -> Path:
    """A folder as `DatasetDict.save_to_disk` of the datasets library leaves it."""
    for split, shards in (("train", 2), ("test", 1)):
        names = [f"data-{i:05d}-of-{shards:05d}.arrow" for i in range(shards)]
        for number, name in enumerate(names):
            table = pa.table({"id": [f"{split}-{number}-{i}" for i in range(3)], "title": ["x", "y", "z"]})
            _write(folder, f"{split}/{name}", _arrow(table))
        state = {"_data_files": [{"filename": name} for name in names], "_fingerprint": "0" * 16, "_split": split}
        _write(folder, f"{split}/state.json", json.dumps(state).encode())
        features = {name: {"dtype": "string", "_type": "Value"} for name in ("id", "title")}
        _write(folder, f"{split}/dataset_info.json", json.dumps({"features": features}).encode())
    _write(folder, "test/cache-0123456789abcdef.arrow", _arrow(pa.table({"id": ["cached"]})))
    _write(folder, "dataset_dict.json", json.dumps({"splits": ["train", "test"]}).encode())
    return folder


@pytest.mark.parametrize(
    ("split", "ids"),
    [
        ("test", ["test-0-0", "test-0-1", "test-0-2"]),
        ("train", [f"train-{shard}-{i}" for shard in range(2) for i in range(3)]),
    ],
)
def test_saved_dataset_is_read_by_split(split: str, ids: list[str], tmp_path: Path) -> None:
    assert [row.id for row in read_notes(_dataset(tmp_path), split=split)] == ids


def test_saved_dataset_is_read_whole_without_its_caches(tmp_path: Path) -> None:
    found = list(read_notes(_dataset(tmp_path)))
    assert len(found) == 9
    assert {str(note.extra["split"]) for note in found if isinstance(note, Note)} == {"train", "test"}


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train.jsonl", "train"),
        ("test-00000-of-00001.parquet", "test"),
        ("validation.csv", "validation"),
        ("dev_v2.jsonl.gz", "dev"),
        ("data/test/part-0.jsonl", "test"),
        ("test/train.jsonl", "train"),
        ("Train.jsonl", "train"),
        ("training.jsonl", None),
        ("notes.jsonl", None),
    ],
)
def test_split_is_told_by_file_or_folder(name: str, split: str | None, tmp_path: Path) -> None:
    suffix = next(suffix for suffix in (".jsonl.gz", ".jsonl", ".csv", ".parquet") if name.endswith(suffix))
    _write(tmp_path, f"set/{name}", FORMS[f"a{suffix}"])
    found = list(rows(tmp_path / "set"))
    assert {row.split for row in found} == {split}
    assert [row.value["id"] for row in found if row.value] == ["n1", "n2", "n3"]


def test_split_column_wins_over_the_file_name(tmp_path: Path) -> None:
    _write(tmp_path, "set/train.jsonl", b'{"id": "1", "title": "x", "split": "test"}\n')
    assert [row.id for row in read_notes(tmp_path / "set", split="test")] == ["1"]


def test_folder_is_not_left_by_a_link_nor_hidden_files_read(tmp_path: Path) -> None:
    outside = _write(tmp_path, "outside.jsonl", b'{"id": "outside", "title": "x"}\n')
    inside = _write(tmp_path, "set/inside.jsonl", b'{"id": "inside", "title": "x"}\n')
    _write(tmp_path, "set/.hidden/a.jsonl", b'{"id": "hidden", "title": "x"}\n')
    (inside.parent / "link.jsonl").symlink_to(outside)
    (inside.parent / "up").symlink_to(tmp_path, target_is_directory=True)
    assert [row.id for row in read_notes(inside.parent)] == ["inside"]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.json", b"{}", "known: .arrow, .csv, .jsonl"),
        ("a.jsonl.bz2", b"", "unknown format"),
        ("gz", b"", "unknown format"),
        ("a.csv", b"title,content\nx,y\n", "names no column `id`"),
        ("set/readme.txt", b"", "no data file in this folder"),
    ],
)
def test_what_is_no_input_is_an_error_that_helps(name: str, data: bytes, message: str, tmp_path: Path) -> None:
    path = _write(tmp_path, name, data)
    with pytest.raises(UnreadableInput, match=message):
        list(read_notes(path.parent if name.startswith("set/") else path))


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.jsonl.gz", "a.jsonl.zst", "set/train.jsonl"])
def test_empty_file_has_no_rows(name: str, tmp_path: Path) -> None:
    assert not list(rows(_write(tmp_path, name, b"")))


BIG = 60_000
"""Rows of the large files; each has a hundred bytes or so."""


def _lines(count: int) -> Iterator[bytes]:
    return (b'{"id": "%d", "title": "Note %d", "content": "%090x"}\n' % (i, i, i * 7**30) for i in range(count))


def _big_jsonl(path: Path, opened: Callable[[Path], BinaryIO]) -> None:
    with opened(path) as file:
        for line in _lines(BIG):
            file.write(line)


def _plain(path: Path) -> BinaryIO:
    return path.open("wb")


def _gz(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path, "wb", compresslevel=1))


def _zst(path: Path) -> BinaryIO:
    return cast(BinaryIO, zstandard.ZstdCompressor(level=1).stream_writer(path.open("wb")))


class _Counting(io.FileIO):
    """A file that knows how far it was read."""

    taken = 0

    def readinto(self, buffer: object, /) -> int:
        count = super().readinto(buffer)  # pyright: ignore[reportArgumentType]
        type(self).taken += count or 0
        return count or 0


@pytest.mark.parametrize("limit", [1, 1000])
def test_first_rows_take_only_the_head_of_a_large_file(
    limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "big.jsonl"
    _big_jsonl(path, _plain)
    monkeypatch.setattr(_Counting, "taken", 0)
    monkeypatch.setattr(Path, "open", lambda path, mode: _Counting(path, "r"))
    assert len(list(islice(read_notes(path), limit))) == limit
    assert 0 < _Counting.taken < limit * 200 + (1 << 18) < path.stat().st_size // 10


@pytest.mark.parametrize(
    ("name", "opened"),
    [("big.jsonl", _plain), ("big.jsonl.gz", _gz), ("big.jsonl.zst", _zst)],
)
def test_large_text_file_is_never_held(name: str, opened: Callable[[Path], BinaryIO], tmp_path: Path) -> None:
    path = tmp_path / name
    _big_jsonl(path, opened)
    pool = pa.default_memory_pool()
    before, most = pool.bytes_allocated(), 0
    count = 0
    tracemalloc.start()
    try:
        for row in rows(path):
            assert row.value is not None
            count += 1
            if count % 1000 == 0:
                most = max(most, pool.bytes_allocated() - before)
        peak = tracemalloc.get_traced_memory()[1] + most
    finally:
        tracemalloc.stop()
    assert count == BIG
    assert peak < 4 << 20


def test_large_parquet_is_read_by_row_group(tmp_path: Path) -> None:
    path = tmp_path / "big.parquet"
    schema = pa.schema([("id", pa.string()), ("title", pa.string())])
    with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
        for group in range(50):
            ids = [f"{group}-{i}" for i in range(BATCH_ROWS)]
            writer.write_table(pa.table({"id": ids, "title": ["t" * 4000] * BATCH_ROWS}, schema=schema))
    before = pa.total_allocated_bytes()
    found = rows(path)
    first = next(found)
    taken = pa.total_allocated_bytes() - before
    found.close()  # pyright: ignore[reportAttributeAccessIssue]
    assert first.value == {"id": "0-0", "title": "t" * 4000}
    assert taken < path.stat().st_size // 5


@pytest.mark.parametrize(("suffix", "count"), [(".gz", 1000), (".gz", 20_000), (".zst", 20_000)])
def test_cut_file_gives_its_good_rows_and_one_reject(suffix: str, count: int, tmp_path: Path) -> None:
    whole = b"".join(_lines(count))
    data = gzip.compress(whole, 1) if suffix == ".gz" else zstandard.compress(whole)
    *good, last = rows(_write(tmp_path, f"a.jsonl{suffix}", data[: len(data) * 2 // 3]))
    assert len(good) > count // 2
    assert all(row.reason is None for row in good)
    assert (last.line, last.reason) == (len(good) + 1, "broken_row")
    assert "cannot be read on" in last.message


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_bytes_that_are_no_archive_are_one_reject(suffix: str, tmp_path: Path) -> None:
    (row,) = rows(_write(tmp_path, f"a.jsonl{suffix}", b"no archive" * 100))
    assert (row.line, row.reason) == (1, "broken_row")


@pytest.mark.parametrize(("over", "reason"), [(0, None), (1, "too_large")])
def test_longest_line_allowed_is_a_fixed_number_of_bytes(over: int, reason: str | None, tmp_path: Path) -> None:
    head, tail = b'{"id": "long", "title": "', b'"}\n'
    line = head + b"a" * (MAX_ROW_BYTES + over - len(head) - len(tail)) + tail
    found = list(rows(_write(tmp_path, "a.jsonl", line + _jsonl())))
    assert [(row.line, row.reason) for row in found] == [(1, reason), (2, None), (3, None), (4, None)]


def test_too_long_line_of_a_table_is_told_and_the_next_row_keeps_its_number(tmp_path: Path) -> None:
    text = b"id,title\nn1,x\nn2," + b"a" * (MAX_ROW_BYTES + 1) + b'\nn3,"a\nb"\nn4,y,z\n'
    found = list(rows(_write(tmp_path, "a.csv", text)))
    assert sorted((row.line, row.reason) for row in found) == [
        (2, None),
        (3, "too_large"),
        (4, None),
        (6, "broken_row"),
    ]


def test_quote_that_is_never_closed_ends_somewhere(tmp_path: Path) -> None:
    text = b'id,title\nn1,"x\n' + b"n2,y\n" * (MAX_ROW_BYTES // 4)
    found = list(rows(_write(tmp_path, "a.csv", text)))
    assert (found[0].line, found[0].reason) == (2, "broken_row")
    assert found[-1].value == {"id": "n2", "title": "y"}


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_text_column_that_holds_no_text_spoils_its_row_only(form: str, tmp_path: Path) -> None:
    data = pa.array([b"one", b"\xff\xfe", b"three"])
    titles = pa.StringArray.from_buffers(3, data.buffers()[1], data.buffers()[2])
    table = pa.table({"id": ["1", "2", "3"], "title": titles})
    path = tmp_path / f"a.{form}"
    if form == "parquet":
        pq.write_table(table, path)
    else:
        path.write_bytes(_arrow(table))
    found = list(rows(path))
    assert [(row.line, row.reason) for row in found] == [(1, None), (2, "invalid_utf8"), (3, None)]


def test_arrow_offsets_that_lie_are_not_followed(tmp_path: Path) -> None:
    offsets = pa.py_buffer(b"".join(n.to_bytes(4, sys.byteorder) for n in (0, 3, 2_000_000_000, 6)))
    titles = pa.StringArray.from_buffers(3, offsets, pa.py_buffer(b"onetwo"))
    path = _write(tmp_path, "a.arrow", _arrow(pa.table({"id": ["1", "2", "3"], "title": titles})))
    assert [(row.line, row.reason) for row in rows(path)] == [(1, None), (2, "broken_row"), (3, "broken_row")]


@pytest.mark.parametrize("form", ["a.parquet", "a.arrow"])
def test_damage_anywhere_in_a_columnar_file_is_told_not_raised(form: str, tmp_path: Path) -> None:
    data = FORMS[form]
    path = tmp_path / form
    for place in range(0, len(data), 7):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :])
        for row in read_notes(path):
            assert isinstance(row, (Note, Reject))
