"""`tagllm prompts list`, `show`, `diff`, `check`; `compare` is in test_optimize.py."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import prompts
from prompts import Prompt
from prompts.program import ROOT
from prompts.writing import write
from tagllm.cli import main
from tests.signatures.optimizing.improvable import make_notes
from tests.tagllm.taught_server import taught_server

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the words on disk, with a second version."""
    folder = tmp_path / "words"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__", "py.typed"))
    found = prompts.load("tagging/v1")
    words = found.prompts | {"dedupe": Prompt("tagging/v1/dedupe", "Merge nothing.\nNever.")}
    demo = {"step": "dedupe", "tags": "1. \x1b[31mred", "merges": []}
    gain = {"value": 0.25, "low": 0.125, "high": 0.5}
    write(
        replace(found, prompts=words, demos=(demo,)),
        folder / "tagging/v2",
        {"parent": "tagging/v1", "optimizer": "gepa", "gain": gain, "match": {"threshold": 0.5}},
        note="Fewer merges.",
    )
    return folder


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["prompts", *map(str, words)])


def test_list_says_where_versions_come_from_and_what_they_gained(root: Path) -> None:
    found = {version["id"]: version for version in json.loads(run("list", "--root", root, "--json").stdout)}
    assert (found["tagging/v1"]["state"], found["tagging/v2"]["state"]) == ("pinned", "default")
    assert found["tagging/v2"]["gain"] == [0.25, 0.125, 0.5]
    assert (found["tagging/v2"]["parent"], found["tagging/v2"]["demos"]) == ("tagging/v1", 1)
    said = run("list", "--root", root)
    assert said.exit_code == 0
    assert "+0.2500 [+0.1250, +0.5000]" in said.stdout


def test_show_says_the_words_as_they_stand_in_the_file(root: Path) -> None:
    said = run("show", root / "tagging/v2", "--json")
    found = json.loads(said.stdout)
    assert found["steps"]["draft"]["words"] == (root / "tagging/v2/draft.md").read_text("utf-8").strip()
    assert "max_drafts" in found["steps"]["draft"]["slots"]
    one = run("show", root / "tagging/v2", "--step", "dedupe")
    assert "Merge nothing." in one.stdout
    assert "You propose tags" not in one.stdout
    assert "\x1b[31m" not in one.stdout


def test_diff_shows_words_demos_and_threshold_step_by_step(root: Path) -> None:
    said = run("diff", "tagging/v1", root / "tagging/v2")
    assert said.exit_code == 0
    assert "+Merge nothing." in said.stdout
    assert "+ demo" in said.stdout
    assert "0 → 0.5" in said.stdout
    assert "\x1b[31m" not in said.stdout
    found = json.loads(run("diff", "tagging/v1", root / "tagging/v2", "--json").stdout)
    assert found["steps"].keys() == {"dedupe"}
    assert len(found["steps"]["dedupe"]["demos_new"]) == 1
    assert found["threshold"] == [0.0, 0.5]
    assert "ask with the same words and demos" in run("diff", "tagging/v1", "tagging/v1").stdout


def test_check_finds_nothing_wrong_with_the_shipped_words() -> None:
    said = run("check")
    assert said.exit_code == 0, said.stdout
    assert "0 problems" in said.stdout


def test_check_names_every_kind_of_problem(root: Path) -> None:
    (root / "tagging/v1/draft.md").write_text("Edited.", "utf-8")
    (root / "handbook/v1/extra.md").write_text("Added.", "utf-8")
    draft = root / "tagging/v3"
    shutil.copytree(root / "tagging/v2", draft)
    (draft / "match.md").write_text("Match {{taste}}.", "utf-8")
    long = root / "tagging_fused/v2"
    shutil.copytree(root / "tagging_fused/v1", long)
    with (long / "fused.md").open("a", encoding="utf-8") as file:
        file.write("more words " * 9000)
    said = run("check", "--root", root)
    assert said.exit_code == 1
    for message in (
        "problem: prompts/tagging/v1/draft.md was edited after it was pinned; restore it",
        "problem: prompts/handbook/v1/extra.md was added to a pinned version",
        "problem: tagging/v3/match: the slot {{max_matched}} is missing",
        "problem: tagging/v3/match: no value is known for the slot {{taste}}",
        "problem: tagging/v3: program.toml names another version",
        "tokens of words and demos, the budget is 8,000; take demos out, or raise --token-budget",
        "note: tagging/v3 is a draft; once it has made data, pin it",
        "note: tagging_fused/v1 is unused: it is neither the default nor the parent of a version",
    ):
        assert message in said.stdout, message
    assert run("check", "--root", root, "--json").exit_code == 1
    assert run("check", "--root", root, "--token-budget", 100_000).stdout.count("tokens of words") == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("show", "tagging/v9"), "no prompt program tagging/v9; on disk: tagging/v1"),
        (("show", "poems"), "'poems' names no prompt program; write NAME/vN"),
        (("show", "tagging/v1", "--step", "think"), "tagging/v1 has no step 'think'; steps: dedupe, describe"),
        (("show", "tagging/v1", "--id", "7"), "--note FILE and --id ID go together"),
        (("show", "tagging/v1", "--note", EXAMPLES / "notes.jsonl", "--id", "none"), "has no note with id 'none'"),
        (("show", "tagging/v1", "--note", "nothing.jsonl", "--id", "none"), "nothing.jsonl"),
        (("diff", "tagging/v1", "tagging/v9"), "no prompt program tagging/v9"),
    ],
)
def test_wrong_usage_is_said_with_the_way_out(words: tuple[object, ...], message: str) -> None:
    said = run(*words)
    assert said.exit_code == 2
    assert message in " ".join(said.output.split())


@pytest.mark.parametrize("version", ["tagging/v1", "tagging_fused/v1"])
def test_what_is_shown_for_a_note_is_byte_for_byte_what_the_server_receives(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = tmp_path / "notes.jsonl"
    shutil.copy(EXAMPLES / "images" / "corgi-diet-1.jpg", tmp_path / "corgi.jpg")
    note = make_notes(1)[0].model_copy(update={"images": ("corgi.jpg",)})
    notes.write_text(note.model_dump_json(exclude={"extra"}), "utf-8")
    with taught_server() as server:
        monkeypatch.setenv("TAGLLM_CACHE_DIR", str(tmp_path / "shown"))
        asked = ("show", version, "--note", notes, "--id", note.id, "--base-url", server.base_url, "--json")
        shown = json.loads(run(*asked).stdout)["requests"]
        monkeypatch.setenv("TAGLLM_CACHE_DIR", str(tmp_path / "tagged"))
        before = len(server.bodies)
        teacher = ["--teacher", "vllm", "--base-url", server.base_url, "--prompts", version]
        graph = "fused" if "fused" in version else "steps"
        CliRunner().invoke(main, ["tag", str(notes), *teacher, "--graph", graph, "--json"])
        received = server.bodies[before:]
    assert [each["body"].encode() for each in shown] == received
    assert any(b"data:image/jpeg;base64," in body for body in received)
    # Asked of nobody, the first question is the same: it holds no answer.
    rehearsed = run("show", version, "--note", notes, "--id", note.id, "--model", "taught", "--json")
    requests: list[dict[str, Any]] = json.loads(rehearsed.stdout)["requests"]
    assert requests[0]["body"].encode() == received[0]
    assert [each["step"] for each in shown] == (["fused"] if graph == "fused" else [*_steps(shown)])


def _steps(shown: list[dict[str, Any]]) -> list[str]:
    order = ("describe", "match", "draft", "dedupe", "refine")
    named = [each["step"].partition("/")[0] for each in shown]
    assert sorted(named, key=order.index) == named
    assert {"describe", "draft", "refine"} <= set(named)
    return [each["step"] for each in shown]


def test_show_for_people_names_pictures_and_steers_no_terminal(tmp_path: Path) -> None:
    said = run("show", "tagging_fused/v1", "--note", EXAMPLES / "notes.jsonl", "--id", "sg-night-3d", "--step", "fused")
    assert said.exit_code in (0, 1), said.output
    assert "⟨picture, sha256 " in said.stdout
    assert "base64" not in said.stdout


def test_words_that_cannot_be_used_are_said_before_a_server_is_asked(root: Path) -> None:
    draft = root / "tagging/v3"
    shutil.copytree(root / "tagging/v1", draft)
    (draft / "match.md").write_text("Match a few.", "utf-8")
    asked = ["tag", str(EXAMPLES / "notes.jsonl"), "--teacher", "vllm", "--base-url", "http://127.0.0.1:9"]
    for words, message in (
        (draft, "the slot {{max_matched}} is missing"),
        (root / "tagging/v9", "no prompt program"),
        ("judge/v1", "judge/v1 does not tag notes; versions of tagging and of tagging_fused do"),
        ("tagging_fused/v1", "tagging_fused/v1 is asked with --graph fused; add it, or name other words"),
    ):
        said = CliRunner().invoke(main, [*asked, "--prompts", str(words)])
        assert said.exit_code == 2
        assert message in said.stderr
