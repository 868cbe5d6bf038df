"""Runs from Python, with a language model that answers from a function."""

import asyncio
import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dspy import lm15

import prompts
from distill.runs import (
    RunError,
    RunRefused,
    read_failures,
    read_rejects,
    read_summary,
    read_traces,
    run,
    verify,
)
from distill.runs.describing import configuration_of, describe
from distill.runs.folder import open_run
from distill.runs.inflight import SLOTS, InFlight
from distill.runs.limits import MaxFailures
from distill.runs.session import Session
from distill.runs.tagging import LocalTagger
from graphs.tagging import TaggingContext
from notes.records import Failure, Note, Reject, Trace
from signatures.llm import llm_program
from teachers.scripted import request_text, scripted_lm
from tests.distill.scripted import answer, context, notes

ROOT = Path(__file__).parents[2]


class Asked:
    """A model that counts its requests, and fails where it is told to."""

    def __init__(self, *fails: str) -> None:
        self.fails = fails
        self.lm = scripted_lm(self._answer)

    @property
    def count(self) -> int:
        return len(self.lm.engine.requests)  # pyright: ignore[reportAttributeAccessIssue]

    @property
    def context(self) -> TaggingContext:
        return TaggingContext(program=llm_program(self.lm))

    def _answer(self, request: lm15.Request) -> Any:
        if any(re.search(rf"number {number}\b", request_text(request)) for number in self.fails):
            return lm15.TimeoutError("too slow")
        return answer(request)


def go(rows: Iterable[Note | Reject] | Path, who: TaggingContext, out: Path, **settings: Any) -> list[Any]:
    async def collect() -> list[Any]:
        return [outcome async for outcome in run(rows, who, out=out, fused=True, **settings)]

    return asyncio.run(collect())


def written(folder: Path) -> Path:
    """Ten notes, one of them twice, and a row that is none."""
    file = folder / "notes.jsonl"
    rows = [note.model_dump(mode="json", exclude_defaults=True) for note in notes(10)]
    file.write_text("".join(json.dumps(row) + "\n" for row in (*rows, rows[3])) + "no json\n", "utf-8")
    return file


def test_run_accounts_for_every_row_and_a_second_one_asks_nothing(tmp_path: Path) -> None:
    file, asked = written(tmp_path), Asked("7")
    first = go(file, asked.context, tmp_path / "run")
    assert sorted(type(one).__name__ for one in first) == ["Failure"] + ["Reject"] * 2 + ["Trace"] * 9
    summary = read_summary(tmp_path / "run")
    assert summary is not None
    assert (summary.read, summary.tagged, summary.failed, summary.rejected, summary.duplicate) == (12, 9, 1, 1, 1)
    assert summary.accounted
    assert summary.reasons == {"timeout": 1}
    assert summary.tokens.prompt == sum(s.prompt_tokens for t in read_traces(tmp_path / "run") for s in t.steps) > 0
    before = asked.count
    assert go(file, asked.context, tmp_path / "run") == []
    assert asked.count == before
    again = read_summary(tmp_path / "run")
    assert again is not None
    assert again.model_copy(update={"seconds": 0.0}) == summary.model_copy(update={"seconds": 0.0})
    assert sorted(one.reason for one in read_rejects(tmp_path / "run")) == ["broken_json", "duplicate_id"]
    assert verify(tmp_path / "run").holds


def test_what_a_failed_note_cost_is_counted_too(tmp_path: Path) -> None:
    lm = scripted_lm(lambda request: "no JSON" if "number 3" in request_text(request) else answer(request))
    for _ in range(2):  # the second time it is all read from the folder
        go(notes(5), TaggingContext(program=llm_program(lm)), tmp_path)
        [failure] = read_failures(tmp_path)
        assert failure.prompt_tokens > 0 < failure.completion_tokens
        steps = [step for trace in read_traces(tmp_path) for step in trace.steps]
        summary = read_summary(tmp_path)
        assert summary is not None
        assert summary.tokens.prompt == sum(one.prompt_tokens for one in (*steps, failure))
        assert summary.tokens.completion == sum(one.completion_tokens for one in (*steps, failure))


def test_notes_handed_in_by_a_program_are_tagged_once_each(tmp_path: Path) -> None:
    found = go([*notes(3), *notes(2)], context(), tmp_path)
    assert sorted(one.note_id for one in found if isinstance(one, Trace)) == ["note-0", "note-1", "note-2"]
    assert [(one.id, one.reason) for one in found if isinstance(one, Reject)] == [
        ("note-0", "duplicate_id"),
        ("note-1", "duplicate_id"),
    ]


def test_notes_are_read_as_they_are_needed_and_few_are_under_way(tmp_path: Path) -> None:
    taken = done = most = 0

    def counted() -> Iterator[Note]:
        nonlocal taken
        for note in notes(300):
            taken += 1
            yield note

    async def collect() -> None:
        nonlocal done, most
        async for _ in run(counted(), context(), out=tmp_path, fused=True, concurrency=8):
            done += 1
            most = max(most, taken - done)

    asyncio.run(collect())
    assert done == 300
    assert most <= 8 + 16 + 1  # under way, waiting to be taken, and one in hand


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"interests": 5}, "interests: 24 → 5"),
        ({"limits": context().limits.model_copy(update={"max_tags": 3})}, "limits.max_tags: 8 → 3"),
    ],
)
def test_folder_holds_one_configuration_and_the_difference_is_named(
    change: dict[str, Any], named: str, tmp_path: Path
) -> None:
    go(notes(2), context(), tmp_path / "run")
    with pytest.raises(RunRefused, match=named):
        go(notes(2), replace(context(), **change), tmp_path / "run")
    go(notes(3), replace(context(), **change), tmp_path / "run", fresh=True)
    assert (len(list(read_traces(tmp_path / "run"))), len(list(read_traces(tmp_path / "run.1")))) == (3, 2)


def test_words_of_the_same_name_that_read_differently_are_another_configuration() -> None:
    shipped = prompts.load("tagging/v1")
    edited = replace(
        shipped, prompts=shipped.prompts | {"draft": replace(shipped["draft"], text="x" + shipped["draft"].text)}
    )
    shown = replace(shipped, demos=({"step": "dedupe", "tags": "1. a", "merges": []},))
    found = []
    for words in (shipped, edited, shown):
        program = llm_program(scripted_lm([]), words=words)
        found.append(configuration_of(TaggingContext(program=program))["prompts"])
    assert found[0]["tagging/v1/draft"] == shipped["draft"].digest
    assert found[0] != found[1]
    assert found[0].items() < found[2].items()


def test_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(RunRefused, match="holds other files and no run"):
        go(notes(1), context(), tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["letter.txt"]


def test_second_writer_is_refused_and_the_first_is_named(tmp_path: Path) -> None:
    async def both() -> None:
        first = run(notes(3), context(), out=tmp_path, fused=True)
        await anext(first)
        with pytest.raises(RunRefused, match=f"written by process {os.getpid()} on .*; wait for it, or stop it: kill"):
            await anext(run(notes(3), context(), out=tmp_path, fused=True))
        assert len([outcome async for outcome in first]) == 2

    asyncio.run(both())
    assert len(list(read_traces(tmp_path))) == 3


def test_torn_and_changed_lines_are_found_and_their_notes_done_again(tmp_path: Path) -> None:
    file, asked = written(tmp_path), Asked("7")
    out = tmp_path / "run"
    go(file, asked.context, out)
    part = out / "traces" / "part-00000.jsonl"
    lines = part.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b"lake", b"cake")
    part.write_bytes(b"".join(lines)[:-40])
    lost = [json.loads(line)["note_id"] for line in (lines[2], lines[-1])]
    found = verify(out)
    assert not found.holds
    assert [said.rpartition("/")[2] for said in found.damaged] == [
        "part-00000.jsonl:3 does not match its checksum",
        f"part-00000.jsonl:{len(lines)} is torn off",
    ]
    assert sorted(found.missing) == sorted(lost)
    before = asked.count
    assert sorted(one.note_id for one in go(file, asked.context, out)) == sorted(lost)
    assert asked.count == before + 2
    assert verify(out).holds
    assert b"cake" in (out / "damaged" / "part-00000.jsonl").read_bytes()


def test_verify_names_ids_that_are_twice_missing_unknown_or_changed(tmp_path: Path) -> None:
    file, out = written(tmp_path), tmp_path / "run"
    go(file, Asked().context, out)
    part = out / "traces" / "part-00000.jsonl"
    lines = part.read_bytes().splitlines(keepends=True)
    twice, gone = (json.loads(line)["note_id"] for line in (lines[0], lines[-1]))
    part.write_bytes(b"".join([*lines[:-1], lines[0]]))
    rows = [json.loads(line) for line in file.read_text().splitlines()[:-1]]
    changed, unknown = [row["id"] for row in rows[:10] if row["id"] not in (twice, gone, "note-3")][:2]
    rows = [row | ({"title": "Another title"} if row["id"] == changed else {}) for row in rows if row["id"] != unknown]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows) + "no json\n", "utf-8")
    found = verify(out)
    assert (found.twice, found.missing, found.unknown, found.changed) == ((twice,), (gone,), (unknown,), (changed,))
    assert not found.holds
    assert "summary.json: 10 tagged; on the disk are 9" in found.problems


def test_run_that_went_wrong_is_stopped_and_its_failures_are_asked_again(tmp_path: Path) -> None:
    asked = Asked(*map(str, range(10, 20)))
    with pytest.raises(RunError, match=r"stopped: 4 of \d+ notes failed, --max-failures is 3"):
        go(notes(40), asked.context, tmp_path, max_failures="3", concurrency=1)
    assert read_summary(tmp_path) is None
    assert len(list(read_failures(tmp_path))) == 4
    go(notes(40), asked.context, tmp_path)
    assert len(list(read_failures(tmp_path))) == 10
    asked.fails = ("11",)
    replay(tmp_path, asked.context, notes(40), lambda reason, id: reason == "timeout" and id != "note-19")
    summary = read_summary(tmp_path)
    assert summary is not None
    assert (summary.tagged, summary.failed, summary.accounted) == (38, 2, True)
    assert sorted(one.note_id for one in read_failures(tmp_path)) == ["note-11", "note-19"]
    assert len(list(read_failures(tmp_path, history=True))) == 11


def replay(out: Path, who: TaggingContext, rows: Iterable[Note], again: Any) -> None:
    async def work() -> None:
        folder = open_run(out, describe(configuration_of(who, fused=True)))
        folder.read()
        session = Session(folder, rows, LocalTagger(who, fused=True), again=again)
        async for _ in session.outcomes():
            pass
        folder.close()

    asyncio.run(work())


@pytest.mark.parametrize(
    ("text", "failed", "finished", "exceeded"),
    [("5%", 5, 10, False), ("5%", 6, 10, True), ("5%", 50, 1000, False), ("5%", 51, 1000, True), ("0", 1, 1, True)],
)
def test_share_of_failures_is_taken_of_a_hundred_notes_at_least(
    text: str, failed: int, finished: int, exceeded: bool
) -> None:
    assert MaxFailures.parse(text).is_exceeded(failed, finished) is exceeded


@pytest.mark.parametrize("text", ["", "-1", "101%", "1.5", "five", "%"])
def test_limit_of_failures_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="number of notes or a share"):
        MaxFailures.parse(text)


def test_error_that_nobody_foresaw_is_one_notes_failure(tmp_path: Path) -> None:
    who = context()

    async def breaks(question: Any) -> Any:
        if question.note.id == "note-1":
            raise ZeroDivisionError("a bug")
        return await who.program.fused(question)

    found = go(notes(3), replace(who, program=replace(who.program, fused=breaks)), tmp_path)
    [failure] = [one for one in found if isinstance(one, Failure)]
    assert (failure.note_id, failure.step, failure.reason) == ("note-1", "describe", "unforeseen")
    assert failure.message.startswith("ZeroDivisionError: a bug (at ")
    assert "test_run.py" in failure.message


def test_stop_finishes_what_is_under_way_and_the_next_run_does_the_rest(tmp_path: Path) -> None:
    async def some() -> int:
        who = context()
        folder = open_run(tmp_path, describe(configuration_of(who, fused=True)))
        folder.read()
        session = Session(folder, notes(100), LocalTagger(who, fused=True), concurrency=4)
        count = 0
        async for _ in session.outcomes():
            count += 1
            if count == 10:
                session.stop()
        assert not session.is_complete
        folder.close()
        return count

    done = asyncio.run(some())
    assert 10 <= done < 30
    assert read_summary(tmp_path) is None
    assert not (tmp_path / SLOTS).exists()
    assert len(go(notes(100), context(), tmp_path)) == 100 - done
    assert sorted(one.note_id for one in read_traces(tmp_path)) == sorted(note.id for note in notes(100))


def test_audit_says_which_notes_fail_more_often(tmp_path: Path) -> None:
    rows = [note.model_copy(update={"lang": "zh" if int(note.id[5:]) % 10 == 0 else "en"}) for note in notes(60)]
    go(rows, Asked(*(note.id[5:] for note in rows if note.lang == "zh" or note.id == "note-1")).context, tmp_path)
    summary = read_summary(tmp_path)
    assert summary is not None
    assert (summary.audit.failed.languages["zh"], summary.audit.tagged.languages) == (6, {"en": 53})
    assert [one.what for one in summary.audit.differences()] == [
        "language en",
        "language zh",
        "category category-0",  # every tenth note is one of every fifth
    ]


def test_notes_of_a_category_are_asked_about_together(tmp_path: Path) -> None:
    found = go(notes(40), context(), tmp_path, concurrency=1, window=20)
    changes = sum(one.category != other.category for one, other in itertools.pairwise(found))
    assert changes == 9  # five categories in each of two windows


SMALL = """
import resource, signal, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
import asyncio
from distill.runs import RunError, run
from tests.distill.scripted import context, notes
async def work():
    async for _ in run(notes(40), context(), out=sys.argv[1], fused=True, concurrency=4):
        pass
try:
    asyncio.run(work())
except RunError as error:
    sys.exit(f"RunError: {error}")
"""


def test_full_disk_stops_a_run_that_goes_on_once_there_is_room(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SMALL, str(tmp_path / "run")], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 1
    assert "RunError: " in done.stderr
    assert "File too large; all that was finished is kept: make room" in done.stderr
    kept = len(list(read_traces(tmp_path / "run", on_damaged=lambda damage: pytest.fail(str(damage)))))
    assert 0 < kept < 40
    assert len(go(notes(40), context(), tmp_path / "run")) == 40 - kept
    assert sorted(one.note_id for one in read_traces(tmp_path / "run")) == sorted(note.id for note in notes(40))


@pytest.mark.parametrize(
    ("deaths", "isolated", "set_aside"),
    [
        ([("ab", False)], "", ""),
        ([("ab", False), ("bc", False)], "b", ""),
        ([("ab", False), ("bc", False), ("b", False)], "b", ""),
        ([("ab", False), ("bc", False), ("b", False), ("b", False)], "b", "b"),
        ([("ab", True)], "ab", ""),
        ([("ab", True), ("a", True)], "a", "a"),
        ([("a", True)], "a", ""),
        ([("a", False), ("a", False)], "a", "a"),
    ],
)
def test_note_that_kills_its_process_is_tried_alone_and_then_set_aside(
    deaths: list[tuple[str, bool]], isolated: str, set_aside: str, tmp_path: Path
) -> None:
    flight = InFlight(tmp_path)
    for ids, watched in deaths:
        for id in ids:
            flight.begin(id)
        os.close(flight._file)  # the process dies
        flight = InFlight(tmp_path, watched=watched)
    assert "".join(sorted(id for id, one in flight.suspects.items() if one.is_isolated)) == isolated
    assert "".join(sorted(id for id, one in flight.suspects.items() if one.is_set_aside)) == set_aside
