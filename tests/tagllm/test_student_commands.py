"""`tagllm student`: what it takes, what it refuses, and a student measured beside its teacher."""

import asyncio
import dataclasses
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from distill.runs import read_description, read_traces, run
from distill.student.config import TrainingConfig
from distill.student.folder import STUDENT, Description, LearnedNote, StudentSummary
from notes.records import Note
from prompts import named
from signatures.questions import TagLimits
from tagllm.cli import main
from tests.distill.model_server import ModelServer, _Model, model_server
from tests.distill.scripted import context
from tests.distill.scripted import notes as scripted_notes
from tests.tagllm.report.made import write_notes
from tests.teachers.vllm.fake_server import MODEL

ROOT = Path(__file__).parents[2]


def called(*words: object, status: int = 0) -> Any:
    found = CliRunner().invoke(main, [str(word) for word in words])
    assert found.exit_code == status, found.output
    return found


def test_every_field_of_the_configuration_is_an_option() -> None:
    said = called("student", "train", "--help").stdout
    for field in dataclasses.fields(TrainingConfig):
        assert f"--{field.name.replace('_', '-')}" in said
    assert "Examples:" in said
    assert "Examples:" in called("student", "eval", "--help").stdout


def test_help_needs_no_library() -> None:
    code = "import sys; from tagllm.cli import main; main(['student', 'train', '--help'], standalone_mode=False)"
    heavy = "assert not {'torch', 'transformers', 'trl', 'pydantic', 'numpy'} & sys.modules.keys(), sys.modules.keys()"
    subprocess.run([sys.executable, "-c", f"{code}; {heavy}"], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("train", "nowhere", "--base", "x", "--out", "out"), "nowhere is no corpus"),
        (("train", "nowhere", "--base", "x", "--out", "out", "--batch", "0"), "0 is not in the range 1<=x<=4096"),
        (("train", "nowhere", "--base", "x", "--out", "out", "--lora-alpha", "4"), "lora is 0"),
        (("eval", "nowhere", "notes.jsonl"), "nowhere is no student: it holds no student.json"),
        (("eval", "x", "n.jsonl", "--report", "x.txt"), "must end in .html"),
        (("eval", "x", "n.jsonl", "--base-url", "http://h", "--engine-option", "x"), "leave it or --base-url out"),
    ],
)
def test_wrong_usage_is_named(
    words: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    output = called("student", *words, status=2).output
    assert said in " ".join(output.replace("│", " ").split())


def test_a_student_is_a_model_on_a_server(tmp_path: Path) -> None:
    output = called("tag", ROOT / "examples/notes.jsonl", "--graph", "student", status=2).output
    assert "--graph student asks a trained model; add --teacher vllm --model STUDENT" in " ".join(output.split())


class _Student(_Model):
    """Says a note's title for its tag, and what no note holds; of every fifth note a broken answer first."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        schema = body["response_format"]["json_schema"]["schema"]
        if "word" in schema["properties"]:  # the probe's question
            said, reason = self._answer(schema)
            return self._reply(said, reason, 50)
        words = json.dumps(body["messages"])
        self.server.answered.append(words)
        number = re.findall(r"Quiet valley number (\d+)", words)[-1]
        if number.endswith("5") and len(body["messages"]) == 2:
            return self._reply('{"tags":"none"}', "stop", 100)
        tags = [f"quiet valley number {number}", "a castle in Wales"]
        return self._reply(json.dumps({"tags": tags}), "stop", 100)


@pytest.fixture
def served() -> Iterator[ModelServer]:
    with model_server() as server:
        server.RequestHandlerClass = _Student
        yield server


def student_in(folder: Path, learned: list[Note], **changes: Any) -> Path:
    """A student's folder without weights: the server has them."""
    words = named("student/v1")
    made = Description(base="base", base_digest="", corpus="corpus", corpus_digest="", config={"view": "tags"})
    summary = StudentSummary(
        made_of=made,
        step="tags",
        words=words.id,
        words_digest=words.digest,
        limits=TagLimits().model_dump(),
        max_side=None,
        ending="<|end|>",
        examples={"train": len(learned)},
        left_out=0,
        steps=1,
        tokens=1,
        loss=1.0,
        held_out_loss=None,
        seconds=1.0,
        weights=1,
        trained_weights=1,
    )
    folder.mkdir()
    (folder / STUDENT).write_text(summary.model_copy(update=changes).model_dump_json())
    lines = [LearnedNote(id=note.id, digest=note.digest, split="train").model_dump_json() for note in learned]
    (folder / "learned.jsonl").write_text("".join(f"{line}\n" for line in lines))
    return folder


@pytest.fixture
def notes(tmp_path: Path) -> tuple[Path, list[Note]]:
    """Twenty notes with tags of their own, and the file they are in."""
    made = [note.model_copy(update={"hashtags": ("cold lake", note.title.lower())}) for note in scripted_notes(20)]
    return tmp_path / "notes.jsonl", write_notes(tmp_path / "notes.jsonl", made)


@pytest.fixture
def teacher(notes: tuple[Path, list[Note]], tmp_path: Path) -> Path:
    """A run of a scripted teacher over the first 18."""

    async def go() -> None:
        async for _ in run(notes[1][:18], context(), out=tmp_path / "teacher"):
            pass

    asyncio.run(go())
    return tmp_path / "teacher"


def test_a_student_is_measured_beside_its_teacher_on_what_it_has_not_learned(
    served: ModelServer, notes: tuple[Path, list[Note]], teacher: Path, tmp_path: Path
) -> None:
    file, known = notes
    student = student_in(tmp_path / MODEL, known[:6])
    page, out = tmp_path / "eval.html", tmp_path / "eval"
    words = ("student", "eval", student, file, "--against", teacher, "--base-url", served.base_url)
    found = json.loads(called(*words, "--out", out, "--report", page, "--resamples", 50, "--json").stdout)
    assert (found["notes"], found["left_out"]) == (12, {"learned_from": 6, "not_in_the_run": 2, "rejected": 0})
    assert {trace.note_id for trace in read_traces(out / "run")} == {note.id for note in known[6:18]}
    assert read_description(out / "run").graph == "student"
    mine, theirs = found["student_costs"], found["teacher_costs"]
    assert (mine["requests"], mine["failed"]) == (13, 0)  # one was asked for again
    assert mine["valid"] == pytest.approx(100 * 11 / 12, abs=0.01)
    assert theirs["requests"] > 2 * mine["requests"]
    assert found["ratios"]["requests"] == pytest.approx(theirs["requests"] / 13, abs=0.01)
    # The student says one of the teacher's two tags; what no note holds was dropped for want of evidence.
    assert found["likeness"]["F1@1"]["value"] == pytest.approx(100 * 2 * 0.5 / 1.5, abs=0.01)
    assert found["differences"]["F1@5"]["difference"] < 0
    assert found["differences"]["F1@5"]["low"] is not None
    assert found["student"]["groundedness"]["value"] == 100
    shown = page.read_text("utf-8")
    assert "default-src 'none'" in shown
    assert "<script" not in shown
    assert "F1@5" in shown
    assert "</svg>" in shown
    seen = len(served.answered)
    again = called(*words, "--out", out, "--resamples", 50)
    assert len(served.answered) == seen  # a run that is done is not done again
    assert "student and teacher" in again.stdout
    assert "12 notes; 6 left out, for the student learned from them; 2 left out that" in " ".join(again.stdout.split())


def test_a_student_alone_is_measured_against_the_notes_own_tags(
    served: ModelServer, notes: tuple[Path, list[Note]], tmp_path: Path
) -> None:
    student = student_in(tmp_path / MODEL, [])
    words = ("student", "eval", student, notes[0], "--base-url", served.base_url, "--limit", 4, "--json")
    found = json.loads(called(*words).stdout)
    assert (found["notes"], found["teacher"], found["ratios"]) == (4, None, None)
    assert found["student"]["F1@1"]["value"] == pytest.approx(100 * 2 * 0.5 / 1.5, abs=0.01)


def test_run_asks_the_student_in_the_words_it_learned_from(
    served: ModelServer, notes: tuple[Path, list[Note]], tmp_path: Path
) -> None:
    limits = TagLimits(min_tags=2, max_tags=9).model_dump()
    student = student_in(tmp_path / MODEL, [], limits=limits)
    words = ("tag", notes[0], "--limit", 2, "--graph", "student", "--teacher", "vllm", "--model", student, "--no-cache")
    called(*words, "--base-url", served.base_url)
    assert len(served.answered) == 2
    assert all("Give 2 to 9 tags" in asked for asked in served.answered)


def test_a_student_whose_words_have_changed_is_not_asked(notes: tuple[Path, list[Note]], tmp_path: Path) -> None:
    student = student_in(tmp_path / MODEL, [], words_digest="0" * 16)
    words = ("tag", notes[0], "--graph", "student", "--teacher", "vllm", "--model", student, "--base-url", "http://h")
    said = " ".join(called(*words, status=2).output.split())
    assert "learned from student/v1 with digest 0000000000000000, which has changed since" in said


def test_nothing_is_left_to_ask_about(served: ModelServer, notes: tuple[Path, list[Note]], tmp_path: Path) -> None:
    student = student_in(tmp_path / MODEL, notes[1])
    words = ("student", "eval", student, notes[0], "--base-url", served.base_url)
    said = " ".join(called(*words, status=2).output.split())
    assert "no note is left to ask about: 20 were learned from; name others, or add --learned-too" in said
