"""Versions: what the code asks of their words, which one is the default, and writing a new one."""

import hashlib
import json
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import prompts
from prompts import Prompt, PromptError, PromptProgram
from prompts.contract import SLOTS, problems
from prompts.pins import LOCK
from prompts.program import ROOT
from prompts.writing import write

PICTURE = b"a picture"
NAME = f"{hashlib.sha256(PICTURE).hexdigest()}.jpg"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the words on disk, to be added to."""
    folder = tmp_path / "words"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__", "py.typed"))
    return folder


def reworded(step: str, text: str) -> PromptProgram:
    found = prompts.load("tagging/v1")
    return replace(found, prompts=found.prompts | {step: Prompt(f"tagging/v1/{step}", text)})


def with_demo(**fields: Any) -> PromptProgram:
    demo = {"step": "describe", "note": "{}", "pictures": [{"picture": NAME}], "descriptions": [], **fields}
    return replace(prompts.load("tagging/v1"), demos=(demo,), pictures={NAME: PICTURE})


def test_the_contract_is_what_the_shipped_words_ask_for() -> None:
    for name, steps in SLOTS.items():
        found = prompts.load(f"{name}/v1")
        assert {step: prompt.slots for step, prompt in found.prompts.items()} == steps
        assert not list(problems(found))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Find at most a few.", "tagging/v1/match: the slot {{max_matched}} is missing; put it where"),
        (
            "{{max_matched}} of {{taste}}",
            "tagging/v1/match: no value is known for the slot {{taste}}; slots that can be",
        ),
        ("", "tagging/v1/match is empty; write its words"),
    ],
)
def test_words_that_cannot_be_used_are_named_with_the_way_out(text: str, message: str) -> None:
    with pytest.raises(PromptError) as caught:
        prompts.require(reworded("match", text))
    assert message in str(caught.value)


def test_missing_and_unknown_steps_are_named() -> None:
    found = prompts.load("tagging/v1")
    without = replace(found, prompts={step: p for step, p in found.prompts.items() if step != "dedupe"})
    assert list(problems(without)) == ["tagging/v1 has no words for 'dedupe'; add dedupe.md"]
    more = replace(found, prompts=found.prompts | {"think": Prompt("tagging/v1/think", "Think.")})
    assert "no step is named 'think'; remove think.md" in next(problems(more))
    demo = replace(found, demos=({"step": "think"},))
    assert "demo 1 is for 'think'; steps of tagging: describe" in next(problems(demo))
    assert "nothing asks with words named 'poems'" in next(problems(replace(found, id="poems/v1")))


def test_a_version_reads_back_as_it_was_written(root: Path) -> None:
    program = replace(with_demo(), about={"match": {"threshold": 0.25}})
    said = {
        "parent": "tagging/v1",
        "default": False,
        "gain": {"value": 0.1 + 0.2, "clear": True},
        "slots": {"draft": ["a"]},
    }
    hostile = 'a "quoted"\nline \x7f \u2028 [x] = 1'
    found = write(
        program, root / "tagging/v2", said | {"teacher": hostile, "match": {"threshold": 0.25}}, note="why\nso"
    )
    assert found.id == "tagging/v2"
    assert found.digest == program.digest
    assert found.demos == program.demos
    assert found.pictures == {NAME: PICTURE}
    assert {step: p.text for step, p in found.prompts.items()} == {s: p.text for s, p in program.prompts.items()}
    about = tomllib.loads((root / "tagging/v2/program.toml").read_text("utf-8"))
    assert about | {"date": None} == {"name": "tagging", "version": 2, "date": None, "teacher": hostile} | said | {
        "match": {"threshold": 0.25}
    }
    assert about["gain"]["value"] == 0.1 + 0.2
    assert (root / "CHANGELOG.md").read_text("utf-8").endswith("- `tagging/v2`: why so\n")
    # Nothing of the picture is in the text: it lies beside it, under its digest.
    assert NAME in (root / "tagging/v2/demos.jsonl").read_text("utf-8")
    assert (root / "tagging/v2/pictures" / NAME).read_bytes() == PICTURE


def test_a_written_version_is_pinned_with_its_pictures_and_nothing_else_is(root: Path) -> None:
    shutil.copytree(root / "tagging/v1", root / "tagging/v7")  # somebody's draft
    write(with_demo(), root / "tagging/v2", {})
    pins = json.loads((root / LOCK).read_text("utf-8"))
    assert f"tagging/v2/pictures/{NAME}" in pins
    assert not any(name.startswith("tagging/v7/") for name in pins)
    (root / "tagging/v2/pictures" / NAME).write_bytes(b"another")
    with pytest.raises(PromptError, match=rf"pictures/{NAME} was edited after it was pinned"):
        prompts.load("tagging/v2", root)


def test_an_older_threshold_leaves_digests_as_they_were() -> None:
    found = prompts.load("tagging/v1")
    assert replace(found, about=found.about | {"parent": "x"}).digest == found.digest
    assert replace(found, about={"match": {"threshold": 0.5}}).digest != found.digest


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("tagging/v1", "exists, and versions are never written over; next: tagging/v2"),
        ("tagging_fused/v2", "is no place for a version of tagging: it must end in tagging/vN"),
        ("tagging/two", "it must end in tagging/vN"),
    ],
)
def test_a_version_is_written_only_where_one_can_be(root: Path, folder: str, message: str) -> None:
    before = sorted(root.rglob("*"))
    with pytest.raises(PromptError, match=message):
        write(prompts.load("tagging/v1"), root / folder, {})
    assert sorted(root.rglob("*")) == before


def test_words_that_cannot_be_used_are_not_written(root: Path) -> None:
    with pytest.raises(PromptError, match=r"tagging/v2/match: the slot \{\{max_matched\}\} is missing"):
        write(reworded("match", "Few."), root / "tagging/v2", {})
    assert not (root / "tagging/v2").exists()


def test_a_version_that_fails_half_way_leaves_nothing(root: Path) -> None:
    lost = replace(with_demo(), pictures={})
    with pytest.raises(KeyError):
        write(lost, root / "tagging/v2", {})
    assert [path.name for path in (root / "tagging").iterdir()] == ["v1"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (NAME, rf"demos\.jsonl:1: the picture pictures/{NAME} is missing; restore the file, or remove the demo"),
        (
            "../../secret.jpg",
            r"demos\.jsonl:1: a demo's picture is named by its SHA-256, .* got '\.\./\.\./secret\.jpg'",
        ),
    ],
)
def test_a_demo_with_a_missing_picture_is_named(root: Path, name: str, message: str) -> None:
    shutil.copytree(root / "tagging/v1", root / "tagging/v2")
    demo = {"step": "describe", "pictures": [{"picture": name}]}
    (root / "tagging/v2/demos.jsonl").write_text(json.dumps(demo), "utf-8")
    with pytest.raises(PromptError, match=message):
        prompts.load("tagging/v2", root)


def test_a_picture_with_other_bytes_is_named(root: Path) -> None:
    shutil.copytree(root / "tagging/v1", root / "tagging/v2")
    demo = {"step": "describe", "pictures": [{"picture": NAME}]}
    (root / "tagging/v2/demos.jsonl").write_text(json.dumps(demo), "utf-8")
    (root / "tagging/v2/pictures").mkdir()
    (root / "tagging/v2/pictures" / NAME).write_bytes(b"another")
    with pytest.raises(PromptError, match=rf"pictures/{NAME} has other bytes than its name says"):
        prompts.load("tagging/v2", root)


@pytest.mark.parametrize("threshold", ["1.0", "-0.1", '"high"', "[0.5]"])
def test_a_threshold_out_of_bounds_is_named(root: Path, threshold: str) -> None:
    shutil.copytree(root / "tagging/v1", root / "tagging/v2")
    (root / "tagging/v2/program.toml").write_text(f"[match]\nthreshold = {threshold}\n", "utf-8")
    with pytest.raises(PromptError, match=r"\[match\] threshold must be 0 to below 1, got"):
        prompts.load("tagging/v2", root)


def test_a_broken_program_file_is_named(root: Path) -> None:
    shutil.copytree(root / "tagging/v1", root / "tagging/v2")
    (root / "tagging/v2/program.toml").write_text("name = ", "utf-8")
    with pytest.raises(PromptError, match=r"program\.toml: no valid TOML"):
        prompts.load("tagging/v2", root)


def test_the_default_is_the_latest_version_that_may_be_one(root: Path) -> None:
    found = prompts.load("tagging/v1")
    assert prompts.default("tagging", root) == "tagging/v1"
    write(found, root / "tagging/v2", {"default": True})
    write(found, root / "tagging/v10", {"default": False})
    assert prompts.default("tagging", root) == "tagging/v2"
    assert prompts.is_stale("tagging/v1", root)
    assert not prompts.is_stale("tagging/v2", root)
    assert prompts.is_stale("tagging/v10", root)
    assert prompts.is_stale("poems/v1", root)
    with pytest.raises(PromptError, match="no version of 'poems' can be a default; programs: compression"):
        prompts.default("poems", root)


def test_a_version_can_be_named_by_its_folder(root: Path) -> None:
    write(prompts.load("tagging/v1"), root / "tagging/v2", {})
    assert prompts.named(str(root / "tagging/v2")).id == "tagging/v2"
    assert prompts.place("tagging/v1") == ("tagging/v1", ROOT)
    with pytest.raises(PromptError, match="no prompt program tagging/v3; on disk: tagging/v1, tagging/v2"):
        prompts.named(str(root / "tagging/v3"))
    for text in (str(root / "poems/v3"), str(root), "../tagging", "tagging/v1/draft"):
        with pytest.raises(PromptError, match=r"write NAME/vN, such as tagging/v1, or a version's folder"):
            prompts.place(text)
