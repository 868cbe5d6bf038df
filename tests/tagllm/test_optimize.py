"""`tagllm optimize` and `tagllm prompts compare` against a server with a teacher that can be taught."""

import collections
import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import prompts
from tagllm.cli import main
from tests.signatures.optimizing.improvable import HINT, make_notes
from tests.tagllm.taught_server import TaughtServer, taught_server

ROOT = Path(__file__).parents[2]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TaughtServer]:
    monkeypatch.setenv("TAGLLM_CACHE_DIR", str(tmp_path / "cache"))
    with taught_server() as server:
        yield server


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    file = tmp_path / "notes.jsonl"
    file.write_text("".join(note.model_dump_json(exclude={"extra"}) + "\n" for note in make_notes(18)), "utf-8")
    return file


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [*map(str, words)])


def optimize(notes: Path, server: TaughtServer, optimizer: str, *words: object) -> Result:
    asked = ("--optimizer", optimizer, "--graph", "fused", "--rounds", 3, "--teacher", "vllm")
    return run("optimize", notes, *asked, "--base-url", server.base_url, *words)


def test_a_version_is_found_written_and_scored_again_to_the_digit(
    notes: Path, server: TaughtServer, tmp_path: Path
) -> None:
    out = tmp_path / "words/tagging_fused/v2"
    done = optimize(notes, server, "gepa", "--out", out, "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["gain"]["low"] > 0
    assert found["default"] is True
    assert found["requests"] == len(server.bodies) == len(set(server.bodies))
    about = tomllib.loads((out / "program.toml").read_text("utf-8"))
    assert about["parent"] == "tagging_fused/v1"
    assert about["optimizer"] == "gepa"
    assert about["teacher"] == "vllm:taught"
    assert about["gain"] == found["gain"]
    assert about["spent"]["requests"] == found["requests"]
    assert len(about["data"]) == 32
    assert prompts.named(str(out))["fused"].text.startswith(HINT)
    # In a process that knows nothing but the folder, the same score, from the cache: nothing is asked again.
    before = len(server.bodies)
    asked = ["--teacher", "vllm", "--base-url", server.base_url, "--json"]
    words = [sys.executable, "-m", "tagllm", "prompts", "compare", str(notes), "tagging_fused/v1", str(out), *asked]
    again = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=True)
    first, second = json.loads(again.stdout)["versions"]
    assert (first["after"], second["after"]) == (found["gain"]["before"], found["gain"]["after"])
    assert (second["value"], second["low"], second["high"]) == tuple(found["gain"][n] for n in ("value", "low", "high"))
    assert len(server.bodies) == before


def test_a_gain_that_includes_zero_makes_no_default_unless_forced(
    notes: Path, server: TaughtServer, tmp_path: Path
) -> None:
    # The words of the parent are already as good as they get.
    taught = tmp_path / "words/tagging_fused/v2"
    assert optimize(notes, server, "gepa", "--out", taught).exit_code == 0
    for number, force, default in ((3, [], False), (4, ["--force"], True)):
        out = tmp_path / f"words/tagging_fused/v{number}"
        done = optimize(notes, server, "bootstrap", "--prompts", taught, "--out", out, *force)
        assert done.exit_code == 0, done.output
        assert ("is no default: the interval of its gain includes zero" in done.stdout) == (not default)
        assert prompts.default("tagging_fused", tmp_path / "words") == f"tagging_fused/v{number if default else 2}"
        assert prompts.named(str(out)).about["parent"] == "tagging_fused/v2"


def test_nothing_is_written_unless_asked_for(notes: Path, server: TaughtServer, tmp_path: Path) -> None:
    before = sorted((ROOT / "prompts").rglob("*.md"))
    done = optimize(notes, server, "bootstrap")
    assert done.exit_code == 0, done.output
    assert "nothing is written" in done.stdout
    assert sorted((ROOT / "prompts").rglob("*.md")) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "notes.jsonl"]


def test_a_budget_of_requests_is_kept_and_ends_cleanly(
    notes: Path, server: TaughtServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tagllm.optimizing._PLAIN", 0.0)
    done = optimize(notes, server, "mipro", "--budget-requests", 40, "--out", tmp_path / "w/tagging_fused/v2", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["ended"] == "budget"
    assert found["requests"] == len(server.bodies) <= 40
    assert re.search(r"^mipro: \d+ versions tried, best 0\.\d+, \d+ of 40 requests$", done.stderr, re.MULTILINE)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--budget-requests", 8), "--budget-requests 8 leaves nothing to search with: measuring before took 6"),
        (("--budget-requests", 3), "the budget does not even measure tagging_fused/v1 on 6 held-out notes"),
        (("--limit", 4), "4 different notes cannot be split in three; at least 6 are needed"),
        (("--prompts", "tagging_fused/v9"), "no prompt program tagging_fused/v9; on disk: tagging_fused/v1"),
        (("--prompts", "judge/v1"), "judge/v1 does not tag notes"),
        (("--out", "words/v2"), "words/v2 is no place for a version of tagging_fused"),
        (("--out", "prompts/tagging_fused/v1"), "exists, and versions are never written over"),
    ],
)
def test_what_cannot_be_done_is_said_with_the_way_out(
    notes: Path, server: TaughtServer, words: tuple[object, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    done = optimize(notes, server, "bootstrap", *words)
    assert done.exit_code == 2
    assert message in " ".join(done.output.split())


def test_the_embedded_teacher_reads_no_words(notes: Path) -> None:
    for words in (("optimize", notes, "--optimizer", "gepa"), ("prompts", "compare", notes, "tagging/v1")):
        done = run(*words)
        assert done.exit_code == 2
        assert "the embedded teacher reads no words; add --teacher vllm" in " ".join(done.output.split())


def test_a_threshold_needs_matches(notes: Path, server: TaughtServer) -> None:
    done = optimize(notes, server, "reanchor")
    assert done.exit_code == 2
    assert "no interest was matched on 12 notes; the threshold needs a handbook" in " ".join(done.output.split())


def start(notes: Path, server: TaughtServer, optimizer: str, folder: Path) -> "subprocess.Popen[str]":
    asked = ["--optimizer", optimizer, "--graph", "fused", "--rounds", "3", "--teacher", "vllm", "--concurrency", "1"]
    out = ["--out", str(folder / optimizer / "tagging_fused/v2"), "--json", "--base-url", server.base_url]
    return subprocess.Popen(
        [sys.executable, "-m", "tagllm", "optimize", str(notes), *asked, *out],
        cwd=ROOT,
        env=os.environ | {"TAGLLM_CACHE_DIR": str(folder / optimizer / "cache")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_after_a_kill_no_answered_request_is_sent_again(notes: Path, tmp_path: Path) -> None:
    # With one request at a time, all but the last have been answered and kept when the server falls silent.
    with taught_server() as first, taught_server() as second:
        servers = {"mipro": first, "gepa": second}
        for server in servers.values():
            server.silent_after = 28  # parent measured, candidates under way
        killed = {name: start(notes, server, name, tmp_path) for name, server in servers.items()}
        for name, process in killed.items():
            assert servers[name].silent.wait(300), process.communicate(timeout=1)
            process.send_signal(signal.SIGKILL)
            process.communicate()
        for server in servers.values():
            server.silent_after = None
            server.released.set()
        again = {name: start(notes, server, name, tmp_path) for name, server in servers.items()}
        for name, process in again.items():
            said, complaint = process.communicate(timeout=400)
            assert process.returncode == 0, complaint
            found: dict[str, Any] = json.loads(said)
            assert found["ended"] == "finished"
            counted = collections.Counter(servers[name].bodies)
            assert not [body for body, count in counted.items() if count > 1]
            # The killed run was on the very same way: all it had asked, this one needed.
            assert found["requests"] == len(counted) > 28
            assert prompts.named(str(tmp_path / name / "tagging_fused/v2"))
