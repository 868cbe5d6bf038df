"""`tagllm run` and `tagllm runs`."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from distill.runs import read_description, read_failures, read_traces
from distill.runs.lines import sealed
from notes.records import Failure
from tagllm.cli import main
from tests.distill.model_server import ModelServer, model_server
from tests.distill.scripted import notes

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


def tagllm(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with model_server() as found:
        yield found


def written(folder: Path, count: int) -> Path:
    file = folder / "notes.jsonl"
    file.write_text("".join(f"{note.model_dump_json(exclude_defaults=True)}\n" for note in notes(count)), "utf-8")
    return file


def asked(file: Path, out: Path, server: ModelServer, *more: object) -> Result:
    vllm = ("--teacher", "vllm", "--base-url", server.base_url, "--graph", "fused", "--no-cache")
    return tagllm("run", file, "--out", out, *vllm, *more)


def test_example_notes_are_run_with_the_embedded_teacher_and_all_is_said(tmp_path: Path) -> None:
    words = ("--out", tmp_path / "run", "--handbook", EXAMPLES / "handbook", "--limit", 6)
    done = tagllm("run", EXAMPLES / "notes.jsonl", *words, "--json")
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert (summary["read"], summary["tagged"], summary["failed"]) == (6, 6, 0)
    description = read_description(tmp_path / "run")
    assert description.notes.path == str(EXAMPLES / "notes.jsonl")
    assert description.handbook is not None
    assert description.handbook.path == str(EXAMPLES / "handbook")
    status = tagllm("runs", "status", tmp_path / "run")
    assert status.exit_code == 0
    assert "finished" in status.stdout
    assert tagllm("runs", "verify", tmp_path / "run").exit_code == 0


def test_run_asks_a_model_verify_finds_damage_and_the_same_command_mends_it(
    server: ModelServer, tmp_path: Path
) -> None:
    file, out = written(tmp_path, 12), tmp_path / "run"
    done = asked(file, out, server)
    assert done.exit_code == 0, done.output
    assert read_description(out).prompts.keys() == {"tagging_fused/v1/fused"}
    part = out / "traces" / "part-00000.jsonl"
    part.write_bytes(part.read_bytes().replace(b"Quiet valley", b"Quiet Valley", 1))
    checked = tagllm("runs", "verify", out, "--json")
    assert checked.exit_code == 1
    found = json.loads(checked.stdout)
    assert (found["holds"], found["tagged"], found["read"], len(found["missing"])) == (False, 11, 12, 1)
    before = len(server.answered)
    mended = asked(file, out, server)
    assert mended.exit_code == 0
    assert "part-00000.jsonl:1 does not match its checksum; its note is done again" in mended.stderr
    assert "11 notes are done, going on" in mended.stderr
    assert "12 read = 12 tagged + 0 failed + 0 rejected + 0 duplicate" in mended.stdout
    assert len(server.answered) == before + 1
    assert tagllm("runs", "verify", out).exit_code == 0
    other = asked(file, out, server, "--limit", 7)
    assert other.exit_code == 2
    assert "notes.limit: none → 7; give another --out, or --fresh" in other.stderr
    assert asked(file, out, server, "--limit", 7, "--fresh").exit_code == 0
    assert [len(list(read_traces(place))) for place in (out, out.with_name("run.1"))] == [7, 12]
    words = json.loads(tagllm("runs", "status", out, "--json").stdout)["words"]
    assert words == [{"version": "tagging_fused/v1", "stale": False}]


def test_status_says_what_words_made_that_are_no_longer_the_default(server: ModelServer, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert asked(written(tmp_path, 3), out, server).exit_code == 0
    described = json.loads((out / "run.json").read_text("utf-8"))
    described["prompts"] = {"tagging_fused/v0/fused": "0" * 16}
    (out / "run.json").write_text(json.dumps(described), "utf-8")
    shown = tagllm("runs", "status", out).stdout
    assert "tagging_fused/v0; no longer the default: all 3 traces were made with it" in " ".join(shown.split())


def test_failed_notes_are_shown_and_asked_again_with_the_teacher_of_the_run(
    server: ModelServer, tmp_path: Path
) -> None:
    file, out = written(tmp_path, 5), tmp_path / "run"
    assert asked(file, out, server).exit_code == 0
    part = out / "traces" / "part-00000.jsonl"
    lines = part.read_bytes().splitlines(keepends=True)
    lost = json.loads(lines[-1])["note_id"]
    part.write_bytes(b"".join(lines[:-1]))
    hostile = "no answer \x1b[31m<script>"
    (out / "failures.jsonl").write_bytes(sealed(Failure(note_id=lost, step="draft", reason="timeout", message=hostile)))
    assert asked(file, out, server).exit_code == 1
    status = tagllm("runs", "status", out)
    assert status.exit_code == 1
    assert "1 timeout" in status.stdout
    assert "\x1b[31m<" not in status.stdout
    said = json.loads(tagllm("runs", "status", out, "--json").stdout)
    assert (said["state"], said["summary"]["reasons"]) == ("finished", {"timeout": 1})
    none = tagllm("runs", "replay", out, "--reason", "refused")
    assert none.exit_code == 1
    replayed = tagllm("runs", "replay", out, "--json")
    assert replayed.exit_code == 0, replayed.output
    assert json.loads(replayed.stdout)["tagged"] == 5
    assert not list(read_failures(out))
    assert len(list(read_failures(out, history=True))) == 1
    assert tagllm("runs", "verify", out).exit_code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "missing.jsonl", "--out", "OUT"], "no such file or folder: missing.jsonl"),
        (["run", "NOTES", "--out", "OUT", "--max-failures", "half"], "number of notes or a share up to 100%"),
        (["run", "NOTES", "--out", "OUT", "--workers", "2"], "--workers 2 is for --executor ray"),
        (["run", "NOTES", "--out", "OUT", "--handbook", "missing"], "missing"),
        (["runs", "status", "OUT"], "is no run: it holds no run.json"),
        (["runs", "verify", "OUT"], "is no run: it holds no run.json"),
        (["runs", "replay", "OUT"], "is no run: it holds no run.json"),
    ],
)
def test_wrong_usage_is_said_and_leaves_nothing(words: list[str], message: str, tmp_path: Path) -> None:
    places = {"OUT": str(tmp_path / "run"), "NOTES": str(written(tmp_path, 1))}
    done = tagllm(*(places.get(word, word) for word in words))
    assert done.exit_code == 2
    assert message in done.stderr
    assert not (tmp_path / "run").exists()


def test_interrupt_finishes_what_is_under_way_and_says_how_to_go_on(tmp_path: Path) -> None:
    file, out = written(tmp_path, 120), tmp_path / "run"
    with model_server(seconds=0.1) as server:
        words = ["run", str(file), "--out", str(out), "--teacher", "vllm", "--base-url", server.base_url]
        words += ["--graph", "fused", "--concurrency", "4"]
        command = [sys.executable, "-m", "tagllm", *words]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while len(server.answered) < 10 and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        said, messages = process.communicate()
        assert process.returncode == 130, messages
        assert "stopping: 4 notes under way get 7 s; again to stop at once" in messages
        assert f"stopped; go on with: tagllm {' '.join(words)}" in said
        answered = len(server.answered)
        assert len(list(read_traces(out))) == answered < 120
        assert tagllm("runs", "status", out).exit_code == 1
        assert tagllm(*words).exit_code == 0
        assert len(server.answered) == 120
