"""The store on disk: what was written is read, what was planted or damaged is a counted miss."""

import contextlib
import json
import logging
import pickle
import resource
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import teachers.store
from teachers.database import DATABASE
from teachers.store import JsonStore, Row, StoreError, _checksum

RAW, BINARY, TEXT, PICKLE = 1, 2, 3, 4
"""How diskcache marks its rows."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JsonStore]:
    store = JsonStore(tmp_path / "store")
    yield store
    store.close()


def _sql(store: JsonStore, statement: str, *values: object) -> None:
    connection = sqlite3.connect(store.folder / "cache.db")
    with connection:
        connection.execute(statement, values)
    connection.close()


def _plant(store: JsonStore, *, mode: int, value: object = None, filename: str | None = None, raw: int = 1) -> None:
    """Change the row `key` as somebody could who may write the file."""
    _sql(store, "UPDATE Cache SET mode = ?, value = ?, filename = ?, raw = ?", mode, value, filename, raw)


@pytest.mark.parametrize(
    "value",
    [{"a": [1, 2.5, None, True]}, "文字 😂", "half \ud83d", [], 0, "", {"": {}}, "x" * 1_000_000, 3**50],
    ids=["mixed", "text", "lone surrogate", "list", "zero", "empty", "nested", "large", "more than 64 bits"],
)
def test_what_is_stored_is_read_by_the_next_one(value: Any, store: JsonStore) -> None:
    store.set("key", value)
    assert store.get("key") == value
    again = JsonStore(store.folder)
    assert again.get("key") == value
    assert (len(again), again.corrupt) == (1, 0)
    again.close()


def test_missing_key_is_a_miss_that_is_not_counted(store: JsonStore) -> None:
    assert store.get("nothing") is None
    assert store.corrupt == 0


def test_later_value_replaces_the_earlier_one(store: JsonStore) -> None:
    store.set("key", 1)
    store.set("key", 2)
    assert (store.get("key"), len(store)) == (2, 1)


class _Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("mode", [RAW, BINARY, TEXT, PICKLE])
def test_planted_pickle_does_not_run(mode: int, store: JsonStore, tmp_path: Path) -> None:
    store.set("key", "value")
    trap = pickle.dumps(_Trap(tmp_path / "sprung"))
    _plant(store, mode=mode, value=trap)
    assert store.get("key") is None
    assert store.corrupt == 1
    assert not (tmp_path / "sprung").exists()
    pickle.loads(trap)
    assert (tmp_path / "sprung").exists(), "the trap itself works"


def test_planted_pickle_as_a_key_does_not_run(store: JsonStore, tmp_path: Path) -> None:
    store.set("key", "value")
    _sql(store, "UPDATE Cache SET key = ?, raw = 0", pickle.dumps(_Trap(tmp_path / "sprung")))
    assert len(store) == 1
    assert store.get("key") is None
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("mode", [RAW, BINARY, TEXT, PICKLE])
@pytest.mark.parametrize("name", ["../outside", "inside", "/etc/hostname"])
def test_row_that_names_a_file_is_not_read_and_the_file_stays(
    name: str, mode: int, store: JsonStore, tmp_path: Path
) -> None:
    store.set("key", "value")
    body = json.dumps("planted").encode()
    for file in (tmp_path / "outside", store.folder / "inside"):
        file.write_bytes(_checksum("key", body) + body)
    _plant(store, mode=mode, filename=name)
    assert store.get("key") is None
    assert store.corrupt == 1
    store.set("key", "new")
    assert store.get("key") == "new"
    assert (tmp_path / "outside").exists()
    assert (store.folder / "inside").exists()


@pytest.mark.parametrize("place", [0, 15, 16, -1])
def test_flipped_byte_is_a_counted_miss(place: int, store: JsonStore) -> None:
    store.set("key", {"tags": ["moka pot"]})
    store.set("other", 1)
    connection = sqlite3.connect(store.folder / "cache.db")
    ((value,),) = connection.execute("SELECT value FROM Cache WHERE key = 'key'").fetchall()
    damaged = bytearray(value)
    damaged[place] ^= 1
    with connection:
        connection.execute("UPDATE Cache SET value = ? WHERE key = 'key'", (bytes(damaged),))
    connection.close()
    assert store.get("key") is None
    assert (store.corrupt, store.get("other")) == (1, 1)
    store.set("key", "again")
    assert (store.get("key"), store.corrupt) == ("again", 1)


@pytest.mark.parametrize("value", [b"", b"short", "text", 7, 1.5, None])
def test_value_of_another_kind_is_a_miss(value: object, store: JsonStore) -> None:
    store.set("key", "value")
    _plant(store, mode=RAW, value=value)
    assert store.get("key") is None
    assert store.corrupt == 1


def test_value_of_another_key_is_a_miss(store: JsonStore) -> None:
    store.set("one", 1)
    store.set("two", 2)
    _sql(store, "UPDATE Cache SET value = (SELECT value FROM Cache WHERE key = 'one')")
    assert (store.get("one"), store.get("two"), store.corrupt) == (1, None, 1)


@pytest.mark.parametrize("body", [b"", b"no json", b"\xff", b"[" * 100_000])
def test_value_that_is_no_json_is_a_miss_even_with_its_checksum(body: bytes, store: JsonStore) -> None:
    store.set("key", "value")
    _plant(store, mode=RAW, value=_checksum("key", body) + body)
    assert store.get("key") is None
    assert store.corrupt == 1


@pytest.mark.parametrize(
    "data",
    [b"This is no database.\n" * 500, b"SQLite format 3\x00" + b"\xff" * 8000, b"\x00" * 4096],
    ids=["text", "header only", "zeros"],
)
def test_file_that_is_no_database_is_put_aside(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "cache.db").write_bytes(data)
    store = JsonStore(tmp_path)
    store.set("key", "value")
    assert (store.get("key"), store.corrupt) == ("value", 1)
    assert (tmp_path / "damaged-cache.db").read_bytes() == data
    store.close()


def test_database_damaged_while_open_gives_misses_not_errors(store: JsonStore) -> None:
    for number in range(300):
        store.set(f"key {number}", "x" * 1000)
    store.close()
    path = store.folder / "cache.db"
    data = path.read_bytes()
    path.write_bytes(data[:8192] + b"\xa5" * (len(data) - 8192))
    found = [store.get(f"key {number}") for number in range(300)]
    store.set("key 1", "new")
    assert set(found) <= {None, "x" * 1000}
    assert store.corrupt >= found.count(None) > 0


def test_a_database_that_can_no_longer_be_written_is_begun_anew(
    store: JsonStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.set("key", 1)
    _sql(store, "DROP TABLE Cache")
    assert store.get("key") is None
    assert store.set("key", 2)
    assert (store.get("key"), store.corrupt) == (2, 2)
    assert (store.folder / "damaged-cache.db").exists()
    assert "put aside as damaged-cache.db" in caplog.text


def test_a_folder_removed_meanwhile_is_made_again(store: JsonStore) -> None:
    store.set("key", 1)
    shutil.rmtree(store.folder)
    assert store.get("key") is None
    assert store.set("key", 2)
    assert (store.get("key"), store.corrupt, store.not_stored) == (2, 0, 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("_disk", "planted"),
        ("volume", "planted"),
        ("sqlite_writable_schema", 1),
        ("size", "many"),
        ("size_limit", "-"),
        ("eviction_policy", "none of them"),
        ("sqlite_journal_mode", "delete; ATTACH 'x' AS y"),
        ("cull_limit", "many"),
        ("disk_min_file_size", None),
    ],
)
def test_planted_settings_change_nothing(name: str, value: object, store: JsonStore) -> None:
    store.set("key", 1)
    _sql(store, "INSERT OR REPLACE INTO Settings VALUES (?, ?)", name, value)
    store.close()
    again = JsonStore(store.folder)
    assert again.set("other", 2)
    assert again.get("other") == 2
    assert (again.get("key"), again.corrupt) == (None, 1)
    assert again.size_limit == teachers.store.SIZE_LIMIT
    again.close()


def test_size_limit_stays_where_none_is_given(tmp_path: Path) -> None:
    JsonStore(tmp_path, size_limit=1 << 20).close()
    store = JsonStore(tmp_path, size_limit=None)
    assert store.size_limit == 1 << 20
    store.close()


def test_locked_database_gives_misses_and_values_not_stored(
    store: JsonStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(teachers.store, "_WRITES", 2)
    store.set("key", 1)
    other = sqlite3.connect(store.folder / "cache.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert store.get("key") == 1, "readers do not wait for writers"
    assert not store.set("key", 2)
    assert not store.set_many([Row("a", 1), Row("b", 2)])
    assert (store.locked, store.not_stored, store.corrupt) == (0, 3, 0)
    other.execute("ROLLBACK")
    store.close()
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    assert store.get("key") is None
    assert not store.set("key", 2)
    assert (store.locked, store.not_stored, store.corrupt) == (1, 4, 0)
    other.close()
    assert store.get("key") == 1
    assert store.set("key", 2)
    assert [record.levelno for record in caplog.records] == [logging.WARNING], "said once"


def test_write_waits_for_another_one(store: JsonStore) -> None:
    other = sqlite3.connect(store.folder / "cache.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.3, other.execute, ["ROLLBACK"])
    release.start()
    assert store.set("key", 1)
    release.join()
    other.close()
    assert store.not_stored == 0


def test_full_database_is_counted_and_said_once(store: JsonStore, caplog: pytest.LogCaptureFixture) -> None:
    store.set("key", "old")
    for number in range(3):
        store._cache._con.execute("PRAGMA max_page_count = 30")
        assert not store.set_many([Row(f"{number} {n}", "x" * 100_000) for n in range(3)])
    assert (store.not_stored, store.corrupt, store.get("key")) == (9, 0, "old")
    assert store.get("0 0") is None, "all or none"
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "tagllm cache clear" in caplog.text
    assert store.set("key", "new")


def test_files_that_may_not_grow_cost_only_what_is_not_stored(store: JsonStore) -> None:
    store.set("key", "old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limits[1]))
    try:
        stored = [store.set(str(number), "x" * 30_000) for number in range(20)]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert stored.count(False) == store.not_stored > 0
    assert store.get("key") == "old"
    assert all(store.get(str(number)) == "x" * 30_000 for number, done in enumerate(stored) if done)
    assert store.set("key", "new")
    assert store.corrupt == 0


def test_folder_that_cannot_be_made_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="TAGLLM_CACHE_DIR"):
        JsonStore(tmp_path / "file" / "store")


def test_error_being_handled_elsewhere_is_not_taken_for_damage(
    store: JsonStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teachers.store, "_WRITES", 2)
    store.set("key", 1)
    other = sqlite3.connect(store.folder / "cache.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        raise ValueError("not ours")
    except ValueError:
        assert not store.set("key", 2)
    other.close()
    assert (store.get("key"), store.corrupt, store.not_stored) == (1, 0, 1)


def test_rows_are_stored_together(store: JsonStore) -> None:
    assert store.set_many([Row(str(number), number) for number in range(50)])
    assert store.set_many([])
    assert [store.get(str(number)) for number in range(50)] == [*range(50)]


@pytest.mark.parametrize("key", [7, b"key", None])
def test_keys_are_strings(key: Any, store: JsonStore) -> None:
    with pytest.raises(TypeError, match="keys are strings"):
        store.get(key)


def test_what_was_stored_longest_ago_goes_first(tmp_path: Path) -> None:
    store = JsonStore(tmp_path, size_limit=1 << 20)
    for number in range(100):
        store.set(str(number), "x" * 30_000)
    assert (store.get("0"), store.get("99"), store.corrupt) == (None, "x" * 30_000, 0)
    assert len(store) < 60
    store.close()


def test_what_is_stored_last_under_a_key_stays(tmp_path: Path) -> None:
    store = JsonStore(tmp_path, tagged=True)
    store.set("0", "alone", "first")
    assert store.set_many([Row(str(number % 500), number, f"tag {number}") for number in range(700)])
    assert [store.get(str(number)) for number in (0, 199, 200, 499)] == [500, 699, 200, 499]
    assert len(store) == 500
    with contextlib.closing(sqlite3.connect(tmp_path / DATABASE)) as connection:
        tags = dict(connection.execute("SELECT key, tag FROM Cache WHERE key IN ('0', '200')"))
        counted = dict(connection.execute("SELECT key, value FROM Settings WHERE key IN ('count', 'size')"))
    assert tags == {"0": "tag 500", "200": "tag 200"}
    assert counted == {"count": 500, "size": 0}
    store.close()


def test_rows_stored_together_make_room_together(tmp_path: Path) -> None:
    store = JsonStore(tmp_path, size_limit=1 << 20)
    for start in range(0, 400, 40):
        assert store.set_many([Row(str(number), "x" * 30_000) for number in range(start, start + 40)])
    assert (store.get("0"), store.get("399")) == (None, "x" * 30_000)
    assert len(store) <= 60
    store.close()


def test_smaller_limit_is_reached_bit_by_bit(tmp_path: Path) -> None:
    store = JsonStore(tmp_path)
    store.set_many([Row(str(number), "x" * 4_000) for number in range(200)])
    store.close()
    smaller = JsonStore(tmp_path, size_limit=1 << 16)
    sizes = []
    for number in range(25):
        smaller.set(f"new {number}", "x" * 4_000)
        sizes.append(len(smaller))
    assert sizes[:2] == [191, 182]
    assert sizes[-1] < 20
    assert smaller.get("new 24") is not None
    smaller.close()


def test_threads_share_a_store(store: JsonStore) -> None:
    def work(name: int) -> None:
        for number in range(20):
            store.set(f"{name} {number}", [name, number])
            assert store.get(f"{name} {number}") == [name, number]
        store.close()

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [store.get(f"{name} {number}") for name in range(4) for number in range(20)] == [
        [name, number] for name in range(4) for number in range(20)
    ]
    assert store.corrupt == 0


_WORK = """
import sys
from pathlib import Path
from teachers.store import JsonStore
folder, name = sys.argv[1:]
store = JsonStore(Path(folder))
for number in range(100):
    store.set(f"{name} {number}", number)
    store.set("shared", [name] * 1000)
    assert len(set(store.get("shared"))) == 1
print(store.corrupt)
store.close()
"""


def test_two_processes_share_a_store(store: JsonStore) -> None:
    root = Path(__file__).parents[2]
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", _WORK, str(store.folder), name], cwd=root, stdout=subprocess.PIPE, text=True
        )
        for name in "ab"
    ]
    assert [worker.communicate()[0].strip() for worker in workers] == ["0", "0"]
    assert [store.get(f"{name} {number}") for name in "ab" for number in range(100)] == [*range(100)] * 2
    assert store.corrupt == 0


def test_folder_is_readable_by_its_owner_only(store: JsonStore) -> None:
    assert store.folder.stat().st_mode & 0o777 == 0o700
