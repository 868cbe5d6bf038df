"""Who acted on which note: merging, weighing, and what no single user can do."""

import csv
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from handbook.mine.behaviour import FILE, Behaviour
from handbook.mine.engine import engine, fetch, make, tables
from handbook.mine.records import MiningOptions
from notes.formats import UnreadableInput

DAY = 86_400
NOW = 1_750_000_000
IDS = [f"n{n}" for n in range(12)]
Row = tuple[str, str, int | str, str, str]


def rows(count: int, seed: int = 1) -> list[Row]:
    """Acts of a few users on a few notes: many on the same note, some without a time, some after a search."""
    chance = random.Random(seed)
    kinds = ("click", "like", "save", "comment", "share", "search")
    return [
        (
            f"u{chance.randrange(15)}",
            f"n{chance.randrange(15)}",  # three of them are not there
            chance.choice(("", NOW - chance.randrange(400) * DAY)),
            chance.choice(kinds),
            chance.choice(("", "", "night view", "夜景", "NIGHT  view")),
        )
        for _ in range(count)
    ]


def write(path: Path, acts: list[Row]) -> Path:
    """The acts as a file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("user_id", "note_id", "timestamp", "kind", "query"), *acts])
    return path


def counted(folder: Path, acts: list[Row], ids: list[str] = IDS, **options: Any) -> list[dict[str, Any]]:
    """Add acts to what `folder` keeps; all pairs."""
    folder.mkdir(exist_ok=True)
    with engine("200MB") as connection:
        notes = pa.table({"note": pa.array(range(len(ids)), pa.int32()), "id": pa.array(sorted(ids), pa.string())})
        with tables(connection, given=notes):
            make(connection, "notes", "SELECT * FROM given")
        behaviour = Behaviour(connection, MiningOptions(**options))
        if (folder / FILE).is_file():
            behaviour.add_kept(folder / FILE)
        for _ in behaviour.add(write(folder / "new.csv", acts)):
            pass
        behaviour.finish()
        behaviour.save(folder)
        return fetch(
            connection,
            "SELECT user_key, id, beyond, query, decay, weight FROM pairs JOIN people USING (user_no) JOIN notes "
            "USING (note) ORDER BY user_key, id",
        ).to_pylist()


@pytest.mark.parametrize("seed", range(6))
def test_old_and_new_make_what_both_at_once_make_in_any_order(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    acts = rows(600, seed)
    whole = counted(tmp_path / "whole", acts)
    cuts = sorted(chance.sample(range(1, 600), 2))
    shuffled = chance.sample(acts, len(acts))
    parts = [shuffled[: cuts[0]], shuffled[cuts[0] : cuts[1]], shuffled[cuts[1] :]]
    found: list[dict[str, Any]] = []
    for part in parts:
        found = counted(tmp_path / "parts", part)
    assert found == whole
    assert (tmp_path / "parts" / FILE).read_bytes() == (tmp_path / "whole" / FILE).read_bytes()


def test_acts_on_notes_that_come_later_count_from_then_on(tmp_path: Path) -> None:
    acts = rows(300)
    whole = counted(tmp_path / "whole", acts, [*IDS, "n12", "n13", "n14"])
    counted(tmp_path / "parts", acts[:200], IDS[:5])
    assert counted(tmp_path / "parts", acts[200:], [*IDS, "n12", "n13", "n14"]) == whole


def test_of_several_acts_the_weightiest_counts_then_the_newest(tmp_path: Path) -> None:
    acts: list[Row] = [
        ("u1", "n1", NOW, "click", ""),
        ("u1", "n1", NOW - 100 * DAY, "share", "old words"),
        ("u1", "n1", NOW - 50 * DAY, "share", "new words"),
        ("u1", "n1", NOW - 10 * DAY, "like", ""),
        *(("clock", f"n{n}", NOW, "click", "") for n in range(3)),
        *((f"u{n}", "n2", NOW, "click", "") for n in range(2, 4)),
    ]
    found = counted(tmp_path / "h", acts, half_life_days=50)
    (pair,) = [pair for pair in found if pair["weight"] > 1_000_000]
    assert (pair["decay"], pair["weight"], pair["beyond"], pair["query"]) == (500_000, 2_000_000, True, "new words")


def test_without_a_time_nothing_decays(tmp_path: Path) -> None:
    found = counted(tmp_path / "h", [("u1", "n1", "", "like", ""), ("u2", "n1", "", "click", "")])
    assert {pair["decay"] for pair in found} == {1_000_000}
    mixed = counted(tmp_path / "mixed", [("u1", "n1", "", "like", ""), ("u2", "n1", NOW, "click", "")])
    assert {pair["decay"] for pair in mixed} == {1_000_000}


def test_one_wrong_clock_does_not_age_the_others(tmp_path: Path) -> None:
    acts: list[Row] = [(f"u{n}", "n1", NOW, "click", "") for n in range(5)]
    found = counted(tmp_path / "h", [*acts, ("wrong", "n1", NOW + 20_000 * DAY, "click", "")], half_life_days=10)
    assert {pair["decay"] for pair in found} == {1_000_000}


def test_who_acts_without_end_is_no_person(tmp_path: Path) -> None:
    acts = rows(600)
    clean = counted(tmp_path / "clean", acts)
    bot: list[Row] = [("bot", f"n{n % 12}", NOW + n, "share", "buy now") for n in range(20_000)]
    assert counted(tmp_path / "bot", acts + bot) == clean
    busy: list[Row] = [("busy", f"n{n % 12}", NOW, "share", "") for n in range(900)]
    assert len(counted(tmp_path / "busy", acts + busy)) == len(clean) + 12


def test_users_are_kept_as_digests_and_searches_in_one_short_line(tmp_path: Path) -> None:
    secret = "alice@example.org"
    counted(tmp_path / "h", [(secret, "n1", NOW, "search", "a\tb\u200b  c " + "x" * 500)])
    kept = pq.read_table(tmp_path / "h" / FILE)
    assert secret.encode() not in (tmp_path / "h" / FILE).read_bytes()
    (query,) = kept["query"].to_pylist()
    assert query.startswith("a b c x")
    assert len(query) == 160
    assert kept.schema.field("user").type == pa.uint64()


@pytest.mark.parametrize("content", [b"", b"PAR1 no parquet", None])
def test_a_damaged_file_says_what_to_do(tmp_path: Path, content: bytes | None) -> None:
    if content is None:
        pq.write_table(pa.table({"user": ["u1"], "note": ["n1"]}), tmp_path / FILE)
    else:
        (tmp_path / FILE).write_bytes(content)
    with pytest.raises(UnreadableInput, match="build the handbook again"):
        counted(tmp_path, rows(5))
