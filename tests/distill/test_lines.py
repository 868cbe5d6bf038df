"""Lines with checksums, and the set of what is done."""

import json
import random
from pathlib import Path

import pytest

from distill.runs import RunError, read_failures, read_traces
from distill.runs.identities import Identities, identity
from distill.runs.lines import Damage, lines, note_id, sealed
from distill.runs.writing import LineFile
from notes.records import Failure, StepRecord, Trace


def trace(id: str = "sg-1", **fields: object) -> Trace:
    whole = {"note_digest": "d", "lang": "en", "category": "", "steps": (), "teacher": "t", "model": "m"} | fields
    return Trace.model_validate({"note_id": id, **whole})


def read(file: Path) -> tuple[list[str | None], list[Damage]]:
    damaged: list[Damage] = []
    return [note_id(line.body) for line in lines(file, damaged.append)], damaged


@pytest.mark.parametrize("id", ["sg-1", 'quo"te', "back\\slash", "新加坡", "a\u2028b", ',"checksum":"'])
def test_line_is_plain_json_with_the_checksum_as_its_last_key(id: str, tmp_path: Path) -> None:
    record = trace(id)
    line = sealed(record)
    value = json.loads(line)
    assert list(value)[-1] == "checksum"
    assert line.count(b"\n") == 1
    del value["checksum"]
    assert Trace.model_validate(value) == record
    (tmp_path / "x.jsonl").write_bytes(line)
    assert read(tmp_path / "x.jsonl") == ([id], [])


def test_every_flipped_bit_is_found(tmp_path: Path) -> None:
    line, file = sealed(trace()), tmp_path / "x.jsonl"
    for place in range(len(line)):
        changed = bytearray(line + line)
        changed[place] ^= 1 << (place % 8)
        file.write_bytes(changed)
        ids, damaged = read(file)
        # A flipped line end joins two lines, and both are lost to the reader; it never makes one up.
        assert ids == (["sg-1"] if place < len(line) - 1 else [])
        assert damaged


def test_line_cut_at_any_place_is_torn_and_the_others_are_read(tmp_path: Path) -> None:
    line, file = sealed(trace()), tmp_path / "x.jsonl"
    for length in range(1, len(line)):
        file.write_bytes(line + line[:length])
        ids, damaged = read(file)
        assert (ids, [one.kind for one in damaged], damaged[0].line) == (["sg-1"], ["torn"], 2)


def test_half_characters_of_a_model_do_not_stop_a_run(tmp_path: Path) -> None:
    step = StepRecord(name="draft", program="m", answer={"tag": "a\ud800b", "\udfff": 1})
    (tmp_path / "x.jsonl").write_bytes(sealed(trace(steps=(step,))))
    [line] = lines(tmp_path / "x.jsonl", lambda damage: pytest.fail(str(damage)))
    assert Trace.model_validate_json(line.record).steps[0].answer == {"tag": "a?b", "?": 1}


def test_reader_refuses_damage_that_nobody_asked_for(tmp_path: Path) -> None:
    (tmp_path / "traces").mkdir()
    part = tmp_path / "traces" / "part-00000.jsonl"
    part.write_bytes(sealed(trace("a")).replace(b'"en"', b'"zh"') + sealed(trace("b")) + sealed(trace("c"))[:-5])
    with pytest.raises(RunError, match=r"part-00000\.jsonl:1 does not match its checksum"):
        list(read_traces(tmp_path))
    damaged: list[Damage] = []
    assert [one.note_id for one in read_traces(tmp_path, on_damaged=damaged.append)] == ["b"]
    assert [one.kind for one in damaged] == ["checksum", "torn"]


def test_failure_counts_once_and_not_after_its_note_was_tagged(tmp_path: Path) -> None:
    said = [("a", "timeout"), ("b", "timeout"), ("a", "refused"), ("c", "unparsed")]
    rows = [Failure(note_id=id, step="draft", reason=reason, message="") for id, reason in said]  # pyright: ignore[reportArgumentType]
    (tmp_path / "failures.jsonl").write_bytes(b"".join(map(sealed, rows)))
    (tmp_path / "traces").mkdir()
    (tmp_path / "traces" / "part-00000.jsonl").write_bytes(sealed(trace("b")))
    assert [(one.note_id, one.reason) for one in read_failures(tmp_path)] == [("a", "refused"), ("c", "unparsed")]
    assert len(list(read_failures(tmp_path, history=True))) == 4


def test_identities_are_a_set() -> None:
    chosen = random.Random(0)
    found, known = Identities(), set[int]()
    for _ in range(30_000):
        one = identity(f"note-{chosen.randrange(15_000)}")
        assert found.add(one) == (one not in known)
        known.add(one)
    assert len(found) == len(known)
    assert set(found) == known
    assert identity("never") not in found


def test_line_that_does_not_fit_leaves_nothing_of_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    file = LineFile(tmp_path / "x.jsonl")
    file.write(sealed(trace("a")))
    write, room = os.write, [30]

    def little(opened: int, data: memoryview) -> int:
        if not room[0]:
            raise OSError(28, "No space left on device")
        taken = write(opened, data[: room[0]])
        room[0] -= taken
        return taken

    monkeypatch.setattr("distill.runs.writing.os.write", little)
    with pytest.raises(RunError, match="No space left on device; all that was finished is kept"):
        file.write(sealed(trace("b")))
    monkeypatch.undo()
    assert read(tmp_path / "x.jsonl") == (["a"], [])
    file.write(sealed(trace("c")))
    file.close()
    assert read(tmp_path / "x.jsonl") == (["a", "c"], [])
