"""Reading interactions: nothing is lost without a word, whatever the file holds."""

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from handbook.mine import acts
from handbook.mine.behaviour import Behaviour
from handbook.mine.engine import engine, fetch, make, tables
from handbook.mine.records import MiningOptions
from notes.formats import MAX_ROW_BYTES, UnreadableInput
from notes.reading import read_interactions
from notes.records import Reject

HOSTILE = b"""\xef\xbb\xbfUser_ID, note_id ,timestamp,kind,strength,query
u1,n1,1700000000,like,1,hello
u1,n1,1700000001.5,CLICK,,
"u2'; DROP TABLE acts; --",n1,,,,"several
lines, ""quoted"" words"

u3,n1,-5,like,1,
u3,n1,nan,like,1,
u3,n1,1e400,like,1,
u3,n1,1700000000000,like,1,
u3,n1,1700000000,view,1,
u3,n1,1700000000,like,NaN,
u3,n1,1700000000,like,-inf,
u3,n1,1700000000,like,much,
u3,nowhere,1700000000,like,1,
,n1,1700000000,like,1,
u3,,1700000000,like,1,
u\x004,n1,1700000000,like,1,
u5,n1,1700000000,like,1,null\x00byte
u\xff6,n1,1700000000,like,1,
u7,n1,1700000000,like,1,a,b,c
u8,n1
u9
"""
REJECTED = {
    7: "timestamp -5 is no time from 1970 to 2099",
    8: "timestamp nan",
    9: "timestamp 1e400",
    11: "kind view is none of click",
    12: "strength NaN is no number",
    13: "strength -inf is no number",
    14: "strength much is no number",
    16: "no `user_id`",
    17: "no `note_id`",
    18: "control characters",
    20: "not UTF-8",
    21: "8 fields, the header has 6",
    23: "no `note_id`",
}


def read(path: Path, *ids: str, **options: Any) -> tuple[Behaviour, list[dict[str, Any]]]:
    """What becomes of a file of interactions, and the pairs it makes."""
    with engine("200MB") as connection:
        notes = pa.table({"note": pa.array(range(len(ids)), pa.int32()), "id": pa.array(sorted(ids), pa.string())})
        with tables(connection, given=notes):
            make(connection, "notes", "SELECT * FROM given")
        behaviour = Behaviour(connection, MiningOptions(**options))
        for _ in behaviour.add(path):
            pass
        behaviour.finish()
        return behaviour, fetch(connection, "SELECT * FROM pairs ORDER BY user_no, note").to_pylist()


def balanced(counts: dict[str, int]) -> bool:
    """Whether every row that was read is accounted for."""
    parts = ("used", "rejected_interactions", "of_unknown_notes", "too_weak")
    return counts["interactions"] == sum(counts[part] for part in parts)


def test_hostile_rows_are_rejected_with_line_and_reason(tmp_path: Path) -> None:
    path = tmp_path / 'it\'s "interactions"; --.csv'
    path.write_bytes(HOSTILE + b"u" * 300 + b",n1,1700000000,like,1,\n")
    behaviour, pairs = read(path, "n1")
    told = {reject.line: reject.message for reject in behaviour.rejects}
    assert told.keys() == {*REJECTED, 24}
    for line, message in REJECTED.items():
        assert message in told[line], line
    assert "256 characters" in told[24]
    assert {reject.line: reject.reason for reject in behaviour.rejects}[20] == "invalid_utf8"
    assert behaviour.counts["of_unknown_notes"] == 1
    assert balanced(behaviour.counts)
    assert behaviour.counts["used"] == 6
    assert sorted(pair["query"] or "" for pair in pairs) == [
        "", "", "hello", "null byte", 'several lines, "quoted" words',
    ]  # fmt: skip


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("quoted", ["plain", '"with, comma"'])
def test_rows_are_those_the_row_by_row_reader_finds(tmp_path: Path, ending: str, quoted: str) -> None:
    lines = ["user_id,note_id,timestamp,kind,strength,query"]
    lines += [f"u{n % 7},n{n % 5},{1_700_000_000 + n},like,1,{quoted}" for n in range(500)]
    lines += ["u1", "", "u1,n1,x,like,1,", "u1,n1,,fly,1,", "too,many,,,,,,", ",n1,,,,"]
    path = tmp_path / "acts.csv"
    path.write_bytes(ending.join(lines).encode())
    behaviour, _ = read(path, *(f"n{n}" for n in range(5)))
    expected = list(read_interactions(path))
    rejected = [row for row in expected if isinstance(row, Reject)]
    assert behaviour.counts["interactions"] == len(expected)
    assert {reject.line for reject in behaviour.rejects} == {reject.line for reject in rejected}
    assert behaviour.counts["used"] == len(expected) - len(rejected)


JSON = [
    ('{"user_id":"a","note_id":"n1","timestamp":1700000000,"kind":"like"}', ""),
    ('{"user_id":5,"note_id":"n1","timestamp":"1700000000","strength":null}', ""),
    ('{"user_id":"a","note_id":"n1","query":"\\u0041 tea","extra":{"a":[1]}}', ""),
    ('{"user_id":5.5,"note_id":"n1"}', "user_id must be a string or a whole number"),
    ('{"user_id":true,"note_id":"n1"}', "user_id must be"),
    ('{"user_id":"a","note_id":["n1"]}', "note_id must be"),
    ('{"user_id":"a","note_id":"n1","timestamp":{"a":1}}', "timestamp must be a number"),
    ('{"user_id":"a","note_id":"n1","strength":"NaN"}', "strength NaN is no number"),
    ('{"user_id":"a","note_id":"n1","strength":[1]}', "strength must be a number"),
    ('{"user_id":"a","note_id":"n1","query":5}', "query must be a string"),
    ('{"user_id":"a\\u0000","note_id":"n1"}', "control characters"),
    ('{"user_id":"\\ud800","note_id":"n1"}', "not valid JSON"),
    ("[1,2]", "an interaction is a JSON object"),
    ("null", "an interaction is a JSON object"),
    ("{broken", "not valid JSON"),
    ("[" * 50_000, "not valid JSON"),
    ('{"note_id":"n1"}', "no `user_id`"),
]


def test_json_of_wrong_types_is_rejected_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "acts.jsonl"
    path.write_bytes("\n".join(text for text, _ in JSON).encode() + b'\n\n{"user_id":"\xff","note_id":"n1"}\n')
    behaviour, pairs = read(path, "n1")
    told = {reject.line: reject.message for reject in behaviour.rejects}
    for line, (_, message) in enumerate(JSON, 1):
        assert (message in told[line]) if message else line not in told, line
    assert "not UTF-8" in told[len(JSON) + 2]
    assert balanced(behaviour.counts)
    assert behaviour.counts["used"] == 3
    assert len(pairs) == 2


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "csv.gz", "jsonl.zst", "parquet", "arrow"])
def test_every_form_of_file_says_the_same(tmp_path: Path, suffix: str) -> None:
    rows = [
        {"user_id": n % 4, "note_id": f"n{n % 3}", "timestamp": 1_700_000_000 + n, "kind": "like"} for n in range(50)
    ]
    path = tmp_path / f"acts.{suffix}"
    table = pa.Table.from_pylist(rows)
    if suffix == "parquet":
        pq.write_table(table, path)
    elif suffix == "arrow":
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    else:
        separator = "\t" if "tsv" in suffix else ","
        lines = [json.dumps(row) for row in rows]
        if "jsonl" not in suffix:
            lines = [separator.join(rows[0]), *(separator.join(map(str, row.values())) for row in rows)]
        data = ("\n".join(lines)).encode()
        pack = {"gz": gzip.compress, "zst": zstandard.ZstdCompressor().compress}.get(suffix.rpartition(".")[2])
        path.write_bytes(pack(data) if pack else data)
    behaviour, pairs = read(path, "n0", "n1", "n2")
    assert behaviour.counts["used"] == 50
    assert len(pairs) == 12
    folder = tmp_path / "folder"
    folder.mkdir()
    path.rename(folder / path.name)
    assert read(folder, "n0", "n1", "n2")[1] == pairs


def test_columns_of_parquet_may_be_of_any_sensible_type(tmp_path: Path) -> None:
    columns = {
        "User_ID": pa.array([1, 2, None], pa.int64()),
        "note_id": pa.array(["n1", "n1", "n1"]).dictionary_encode(),
        "timestamp": pa.array([1_700_000_000, None, 5], pa.timestamp("s")),
        "strength": pa.array([4.5, float("nan"), 1.0]),
        "other": pa.array([[1], [2], [3]]),
    }
    pq.write_table(pa.table(columns), tmp_path / "acts.parquet")
    behaviour, pairs = read(tmp_path / "acts.parquet", "n1", min_strength=4.0)
    assert behaviour.counts["used"] == 2
    assert [reject.message for reject in behaviour.rejects] == ["no `user_id`"]
    assert len(pairs) == 2
    pq.write_table(pa.table({"user_id": [1.5], "note_id": ["n1"]}), tmp_path / "float.parquet")
    with pytest.raises(UnreadableInput, match="user_id holds double; write it as text or whole numbers"):
        read(tmp_path / "float.parquet", "n1")


def test_a_row_that_lies_about_itself_is_one_bad_row(tmp_path: Path) -> None:
    good = ["u1", "u2", "u3"]
    broken = pa.Array.from_buffers(
        pa.string(), 3, [None, pa.array([0, 2, 4, 6], pa.int32()).buffers()[1], pa.py_buffer(b"u1\xff\xfeu3")]
    )
    assert broken.to_pandas is not None
    table = pa.Table.from_arrays([broken, pa.array(["n1"] * len(good))], names=["user_id", "note_id"])
    with pa.OSFile(str(tmp_path / "acts.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    behaviour, _ = read(tmp_path / "acts.arrow", "n1")
    assert behaviour.counts["used"] == 2
    assert [(reject.line, reject.reason) for reject in behaviour.rejects] == [(2, "broken_row")]


def test_what_cannot_be_read_on_is_told_and_what_came_before_counts(tmp_path: Path) -> None:
    rows = "".join(f"u{n},n1,{1_700_000_000 + n},like\n" for n in range(200_000))
    packed = gzip.compress(f"user_id,note_id,timestamp,kind\n{rows}".encode())
    path = tmp_path / "torn.csv.gz"
    path.write_bytes(packed[: len(packed) // 2])
    behaviour, pairs = read(path, "n1")
    assert 10_000 < len(pairs) < 200_000
    assert [reject.reason for reject in behaviour.rejects][-1] == "broken_row"
    assert "cannot be read on from here" in behaviour.rejects[-1].message
    assert balanced(behaviour.counts)


def test_an_endless_line_and_an_endless_quote_cost_no_more_than_themselves(tmp_path: Path) -> None:
    before = b"user_id,note_id,query\n" + b"".join(b"u%d,n1,\n" % n for n in range(100))
    path = tmp_path / "line.csv"
    path.write_bytes(before + b"x" * (MAX_ROW_BYTES + 5_000_000) + b"\nu100,n1,\n")
    behaviour, pairs = read(path, "n1")
    assert len(pairs) == 101
    assert [(reject.line, reject.reason) for reject in behaviour.rejects] == [(102, "too_large")]
    path = tmp_path / "quote.csv"
    path.write_bytes(before + b'u100,n1,"never ends\n' + b"u101,n1,\n" * 10)
    behaviour, pairs = read(path, "n1")
    assert len(pairs) == 101
    assert balanced(behaviour.counts)


def test_a_quoted_field_may_lie_across_chunks(tmp_path: Path) -> None:
    filler = "".join(f"u{n},n1,{'q' * 60}\n" for n in range(80_000))
    path = tmp_path / "acts.csv"
    path.write_text('user_id,note_id,query\nfirst,n1,"a\nb"\n' + filler + 'last,n1,"c\n' + "d\n" * 100 + '"\n' + filler)
    rows = Counter()
    for part in acts.read(path):
        assert not part.problems
        assert part.table is not None
        rows.update(user for user in part.table["user_id"].to_pylist() if not user.startswith("u"))
    assert rows == {"first": 1, "last": 1}
    assert path.stat().st_size > 2 * (4 << 20)


def test_weak_acts_and_kinds_without_weight_are_set_aside_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "acts.csv"
    path.write_text("user_id,note_id,kind,strength\nu1,n1,like,2\nu2,n1,like,4\nu3,n1,like,\nu4,n1,click,5\n")
    behaviour, pairs = read(path, "n1", min_strength=3.5, weights={"like": 2.0, "click": 0.0})
    assert (behaviour.counts["too_weak"], behaviour.counts["used"]) == (2, 2)  # no strength is not a weak one
    assert len(pairs) == 2
    assert balanced(behaviour.counts)


def test_the_engine_reads_and_writes_no_file(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n")
    with engine("100MB") as connection:
        for query in (
            f"SELECT * FROM read_csv('{tmp_path}/secret.csv')",
            f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
            "SET enable_external_access = true",
            "INSTALL httpfs",
        ):
            with pytest.raises(Exception, match=r"Permission|disabled|locked|configuration"):
                connection.execute(query)
    with pytest.raises(ValueError, match="memory 'lots'"), engine("lots"):
        pass
