"""The command: its numbers, its messages, its exit status, what it does with runs that have changed or are damaged."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from distill.runs import read_traces
from distill.runs.audit import Audit, Group
from notes.records import STEPS, Failure, Note, Trace
from signatures.metrics import Frequencies, evaluate
from tagllm.cli import main
from tagllm.report.reporting import make_report
from tests.tagllm.report.conftest import Made
from tests.tagllm.report.made import (
    MARKUP,
    data_of,
    failure,
    heads_of,
    reject,
    trace,
    write_notes,
    write_run,
)


def report(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["report", *map(str, words)])


@pytest.fixture
def notes(tmp_path: Path) -> list[Note]:
    """Three plain notes in `notes.jsonl`."""
    words = ["Night view of the bay", "Sourdough cold proof", "Cat slow feeder"]
    return write_notes(
        tmp_path / "notes.jsonl",
        [
            Note(id=f"n{i}", title=title, content=title, category="c", hashtags=("bay",))
            for i, title in enumerate(words)
        ],
    )


@pytest.fixture
def run(notes: list[Note], tmp_path: Path) -> Path:
    """A run over them with nothing wrong."""
    traces = [trace(note, [note.title, note.title.split()[-1]], dropped=["thing"]) for note in notes]
    return write_run(tmp_path / "run", tmp_path / "notes.jsonl", traces)


def test_a_sound_run_is_shown_and_exits_with_0(run: Path) -> None:
    result = report(run)
    assert result.exit_code == 0, result.output
    assert f"wrote {run / 'report.html'}" in result.stdout
    assert "3 of 3 notes to browse" in result.stdout
    assert not result.stderr
    assert heads_of(run / "report.html")[0]["title"]["text"] == "Night view of the bay"


def test_json_is_the_numbers_and_nothing_else(run: Path) -> None:
    result = report(run, "--json")
    found = json.loads(result.stdout)
    assert found["report"]["notes"] == 3
    counts = found["runs"][0]["counts"]
    assert counts == {"read": 3, "tagged": 3, "failed": 0, "rejected": 0, "duplicate": 0}
    assert "wrote" in result.stderr


def test_numbers_are_those_of_the_evaluation(made: Made, tmp_path: Path) -> None:
    found = make_report([made.first], tmp_path / "page.html", resamples=50).facts["runs"][0]
    traces = {trace.note_id: trace for trace in read_traces(made.first)}
    outcomes: list[tuple[Note, Trace | Failure]] = [(note, traces.get(note.id) or failure(note)) for note in made.notes]
    wanted = evaluate(outcomes, frequencies=Frequencies(made.notes), resamples=50)
    metrics = {row["name"]: row["value"] for row in found["metrics"]}
    assert metrics == {name: m.value for name, m in wanted.metrics.items() if m.value is not None}
    assert {"redundancy", "granularity", "interest_coverage", "groundedness"} <= metrics.keys()
    assert found["measured"] == 5


def test_counts_are_of_everything_the_run_holds(made: Made, tmp_path: Path) -> None:
    found = make_report([made.first], tmp_path / "page.html", resamples=10).facts["runs"][0]
    assert found["counts"] == {"read": 7, "tagged": 4, "failed": 1, "rejected": 1, "duplicate": 1}
    assert found["accounted"]
    assert found["tags"]["all"] == 6
    assert found["tags"]["distinct"] == found["tags"]["once"] == 6
    assert sum(found["spread"]["tags_per_note"]["counts"]) == 4
    assert sum(found["spread"]["confidence"]["counts"]) == 6
    assert found["failures"] == [{"step": "draft", "reason": "unparsed", "count": 1}]
    assert {row["reason"] for row in found["rejects"]["reasons"]} == {"missing_id", "duplicate_id"}
    assert found["pictures"] == {"opened": 1, "refused": [{"reason": "outside_folder", "count": 1}]}
    assert {row["reason"]: row["count"] for row in found["drafts"]["decisions"]} == {"too_general": 2}
    steps = {step["name"]: step for step in found["steps"]}
    assert (steps["draft"]["notes"], steps["draft"]["p50"]) == (4, 10.0)
    assert sum(row["tagged"] + row["failed"] for row in found["categories"]) == 5


def test_a_note_carries_its_evidence_its_steps_and_its_drafts(made: Made, tmp_path: Path) -> None:
    make_report([made.first], tmp_path / "page.html", resamples=10)
    found = data_of(tmp_path / "page.html", "details-0")
    heads = {head["id"]: head for head in heads_of(tmp_path / "page.html")}
    night = found[heads["night"]["details"][1]]
    outcome = night["outcomes"][0]
    assert [tag["tag"] for tag in outcome["tags"]] == ["Marina Bay night view", "bridge"]
    assert outcome["tags"][0]["evidence"] == [{"source": "title", "quote": "Marina Bay night view", "at": [3, 24]}]
    assert outcome["decisions"][0]["reason"] == "too_general"
    assert [step["name"] for step in outcome["steps"]] == list(STEPS)
    assert night["pictures"][0]["src"].startswith("data:image/webp;base64,")
    assert night["pictures"][1]["refused"]["reason"] == "outside_folder"
    lost = found[heads["lost"]["details"][1]]["outcomes"][0]
    assert lost["failure"]["answer"] == {"text": MARKUP, "cut": 0}
    assert heads["hk"]["outcomes"][0]["milliseconds"] == 4200


def test_without_pictures_there_are_none(made: Made, tmp_path: Path) -> None:
    found = make_report([made.first], tmp_path / "page.html", pictures=False, resamples=10)
    assert found.pictures == 0
    assert '"src":"data:' not in (tmp_path / "page.html").read_text("utf-8")


def test_two_runs_are_compared_note_by_note(made: Made, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    found = make_report([made.first, made.second], out, resamples=50).facts
    compare = found["compare"]
    notes = {"in_both": 5, "same": 2, "changed": 1, "failed_a": 1, "failed_b": 1, "only_a": 0, "only_b": 0}
    assert compare["notes"] == notes
    assert compare["tags"] == {"both": 3, "only_a": 3, "only_b": 2}
    assert compare["configuration"] == ["limits.max_tags: 8 → 5"]
    heads = {head["id"]: head for head in heads_of(out)}
    assert heads["night"]["difference"] == {
        "both": [["Marina Bay night view", "marina bay night views"]],
        "only": [["bridge"], ["skyline"]],
    }
    rows = {row["name"]: row for row in compare["metrics"]}
    assert rows["tags_per_note"]["difference"] == pytest.approx(rows["tags_per_note"]["b"] - rows["tags_per_note"]["a"])
    assert {row["tag"] for row in compare["moved"]} >= {"bridge", "skyline"}
    assert report(made.first, made.second, "--out", tmp_path / "two.html").exit_code == 0


def test_runs_over_different_notes_say_whose_is_whose(notes: list[Note], tmp_path: Path) -> None:
    file = tmp_path / "notes.jsonl"
    a = write_run(tmp_path / "a", file, [trace(note, ["x"]) for note in notes[:2]])
    b = write_run(tmp_path / "b", file, [trace(note, ["x"]) for note in notes[1:]])
    found = make_report([a, b], tmp_path / "page.html", resamples=10).facts
    assert found["compare"]["notes"]["in_both"] == found["compare"]["notes"]["same"] == 1
    assert (found["compare"]["notes"]["only_a"], found["compare"]["notes"]["only_b"]) == (1, 1)
    assert [run["measured"] for run in found["runs"]] == [1, 1]


def one_step(long: Trace) -> Trace:
    """Without the other five."""
    return long.model_copy(update={"steps": long.steps[:1]})


def test_what_finds_no_room_is_counted_and_failures_find_it_first(tmp_path: Path) -> None:
    noise = [os.urandom(10_000).hex() for _ in range(40)]
    given = [Note(id=f"n{i}", title=f"note {i}", content="text", category=f"c{i % 3}") for i in range(400)]
    notes = write_notes(tmp_path / "notes.jsonl", given)
    outcomes = [
        failure(note) if i % 50 == 49 else one_step(trace(note, ["text"], request=noise[i % 40]))
        for i, note in enumerate(notes)
    ]
    run = write_run(tmp_path / "run", tmp_path / "notes.jsonl", outcomes)
    found = make_report([run], tmp_path / "page.html", max_mb=5, resamples=10)
    assert found.of == 400
    assert 20 < found.notes < 400
    assert found.size <= 5_000_000
    assert found.facts["runs"][0]["counts"]["tagged"] == 392
    heads = heads_of(tmp_path / "page.html")
    assert len(heads) == found.notes
    assert sum("failure" in head["outcomes"][0] for head in heads) == 8
    assert {head["category"] for head in heads} == {"c0", "c1", "c2"}


def test_notes_that_have_changed_since_are_not_measured_and_it_is_said(run: Path, notes: list[Note]) -> None:
    edited = [notes[0].model_copy(update={"content": "edited"}), *notes[1:2]]
    write_notes(run.parent / "notes.jsonl", edited)
    result = report(run)
    assert result.exit_code == 1
    assert "2 notes could not be read again, or have changed since" in result.stderr
    facts = data_of(run / "report.html", "facts")["runs"][0]
    assert (facts["measured"], facts["unreadable"], facts["counts"]["tagged"]) == (1, 2, 3)
    heads = heads_of(run / "report.html")
    assert [(head["id"], head["known"]) for head in heads] == [("n0", True), ("n1", True), ("n2", False)]
    details = data_of(run / "report.html", "details-0")
    assert [details[head["details"][1]]["outcomes"][0]["same_text"] for head in heads] == [False, True, False]


def test_notes_that_have_moved_are_found_with_an_option(run: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere.jsonl"
    (run.parent / "notes.jsonl").rename(moved)
    result = report(run)
    assert result.exit_code == 1
    assert "the notes cannot be read again" in result.stderr
    assert "--notes" in result.stderr
    assert report(run, "--notes", moved).exit_code == 0


def test_a_flipped_byte_is_said(run: Path) -> None:
    part = run / "traces" / "part-00000.jsonl"
    part.write_bytes(part.read_bytes().replace(b"cold proof", b"cold pr0of", 1))
    result = report(run)
    assert result.exit_code == 1
    assert "part-00000.jsonl:2 has changed" in result.stderr
    assert "summary.json does not say what the folder holds" in result.stderr
    assert data_of(run / "report.html", "facts")["runs"][0]["damaged"] == 1


def test_a_run_that_is_not_finished_is_shown_as_far_as_it_is(notes: list[Note], tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", tmp_path / "notes.jsonl", [trace(notes[0], ["x"])], finished=False)
    with (run / "traces" / "part-00000.jsonl").open("ab") as file:
        file.write(b'{"note_id":"n1","note_di')
    result = report(run)
    assert result.exit_code == 1
    assert "has not finished" in result.stderr
    assert "torn" not in result.stderr
    facts = data_of(run / "report.html", "facts")["runs"][0]
    assert facts["counts"]["read"] is None
    assert facts["counts"]["tagged"] == 1


def test_a_sum_that_does_not_hold_is_said(notes: list[Note], tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", tmp_path / "notes.jsonl", [trace(notes[0], ["x"])], [reject(4)], read=3)
    result = report(run)
    assert result.exit_code == 1
    assert "not every row is accounted for: 3 read, but 1 tagged + 0 failed + 1 rejected + 0 duplicate" in result.stderr
    assert not data_of(run / "report.html", "facts")["runs"][0]["accounted"]


def test_kinds_of_notes_that_are_lost_are_named(notes: list[Note], tmp_path: Path) -> None:
    audit = Audit(tagged=Group(notes=900, languages={"en": 900}), failed=Group(notes=100, languages={"zh": 100}))
    outcomes = [trace(notes[0], ["x"]), failure(notes[1])]
    run = write_run(tmp_path / "run", tmp_path / "notes.jsonl", outcomes, audit=audit)
    found = make_report([run], tmp_path / "page.html", resamples=10).facts["runs"][0]
    assert "language zh: 100% of the failed, 0% of the tagged notes" in found["lost"]


def test_an_empty_run_has_a_report(tmp_path: Path) -> None:
    (tmp_path / "notes.jsonl").write_text("")
    run = write_run(tmp_path / "run", tmp_path / "notes.jsonl", [])
    assert report(run).exit_code in (0, 1)
    assert heads_of(run / "report.html") == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("{run}/nothing",), "is no run: it holds no run.json; make one with: tagllm run"),
        (("{run}", "{run}/."), "are the same run; name two, or one alone"),
        (("{run}", "--out", "{run}/run.json"), "must end in .html"),
        (("{run}", "--out", "{run}/run.json/page.html"), "cannot be written"),
        (("{run}", "--max-mb", "1"), "5<=x<=1000"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_the_way_out(run: Path, words: tuple[str, ...], message: str) -> None:
    before = (run / "run.json").read_bytes()
    result = report(*(word.format(run=run) for word in words))
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
    assert (run / "run.json").read_bytes() == before


def test_a_run_that_points_at_a_file_that_is_no_notes_shows_nothing_of_it(notes: list[Note], tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("root:hunter2:0\n")
    run = write_run(tmp_path / "run", secret, [trace(notes[0], ["x"])])
    assert report(run).exit_code == 1
    assert "hunter2" not in (run / "report.html").read_text("utf-8")


def test_the_file_s_default_name_says_what_it_is(made: Made) -> None:
    result = report(made.first, made.second)
    assert (made.first / "against-second.html").is_file(), result.output
    (made.first / "against-second.html").unlink()
