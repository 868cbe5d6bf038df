"""Prompt programs: loading, filling in slots, and pins that keep a used version as it was."""

import json
import shutil
from pathlib import Path

import pytest

import prompts
from prompts import Prompt, PromptError
from prompts.pins import LOCK
from prompts.program import ROOT
from signatures.handbook import NamingLimits
from signatures.questions import TagLimits

STEPS = {
    "tagging": {"describe", "match", "draft", "dedupe", "refine"},
    "tagging_fused": {"fused"},
    "handbook": {"name", "merge"},
    "judge": {"judge"},
}
SHIPPED = [f"{name}/v{version}" for name in prompts.names() for version in prompts.versions(name)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the words on disk, to be broken."""
    for file in [*ROOT.glob("*/v*/*"), ROOT / LOCK]:
        copy = tmp_path / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
    return tmp_path


def _add_version(root: Path, id: str = "tagging/v2") -> Path:
    folder = root / id
    shutil.copytree(root / "tagging" / "v1", folder)
    return folder


def test_there_are_programs_to_check() -> None:
    assert set(prompts.names()) >= set(STEPS)
    assert "tagging/v1" in SHIPPED


@pytest.mark.parametrize("id", SHIPPED)
def test_shipped_version_loads_and_is_pinned(id: str) -> None:
    program = prompts.load(id)
    assert program.id == id
    pins = json.loads((ROOT / LOCK).read_text("utf-8"))
    for file in (ROOT / id).iterdir():
        assert file.relative_to(ROOT).as_posix() in pins
    assert set(program.prompts) >= STEPS.get(id.split("/")[0], set())
    assert f"{program.about['name']}/v{program.about['version']}" == id


@pytest.mark.parametrize("id", SHIPPED)
def test_every_slot_is_a_limit_and_every_prompt_can_be_rendered(id: str) -> None:
    limits = {**TagLimits().model_dump(), **NamingLimits().model_dump(), "note": "{}", "count": 3}
    for step, prompt in prompts.load(id).prompts.items():
        assert prompt.slots <= limits.keys(), f"{id}/{step} asks for {prompt.slots - limits.keys()}"
        text = prompt.render(**{slot: limits[slot] for slot in prompt.slots})
        assert text
        assert "{{" not in text


@pytest.mark.parametrize("id", SHIPPED)
def test_changelog_says_why_a_version_is_there(id: str) -> None:
    assert f"- `{id}`: " in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_slots_are_filled_in_and_json_braces_stay() -> None:
    prompt = Prompt("t/v1/draft", ' Give {{max_tags}} tags, {{ max_tags }} at most: {"tag": {}} {{Not}} \n')
    assert prompt.slots == {"max_tags"}
    assert prompt.render(max_tags=5) == 'Give 5 tags, 5 at most: {"tag": {}} {{Not}}'


def test_value_that_looks_like_a_slot_is_not_filled_in_again() -> None:
    assert Prompt("t", "{{first}} {{second}}").render(first="{{second}}", second=r"\1") == r"{{second}} \1"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "t/v1/draft: no value for {{least}}, {{most}}"),
        ({"most": 5}, "t/v1/draft: no value for {{least}}"),
        ({"most": 5, "least": 1, "extra": 2}, "t/v1/draft: no slot named extra; slots in the text: least, most"),
    ],
)
def test_missing_and_unknown_values_are_named(values: dict[str, int], message: str) -> None:
    with pytest.raises(PromptError) as caught:
        Prompt("t/v1/draft", "{{least}} to {{most}}").render(**values)
    assert str(caught.value) == message


def test_value_for_words_without_slots_is_named() -> None:
    with pytest.raises(PromptError, match="no slot named x; slots in the text: none"):
        Prompt("t", "words").render(x=1)


@pytest.mark.parametrize(
    ("id", "message"),
    [
        ("tagging/v9", "no prompt program tagging/v9; on disk: tagging/v1"),
        ("tagging/v0", "on disk: tagging/v1"),
        (
            "nothing/v1",
            "no prompt program nothing/v1; on disk: programs: compression, handbook, judge, student, tagging",
        ),
        ("tagging", "'tagging' names no prompt program; write NAME/vN, such as tagging/v1"),
        ("tagging/1", "write NAME/vN"),
        ("../tagging/v1", "write NAME/vN"),
        ("tagging/v1/draft", "write NAME/vN"),
        ("tagging/v1\n", "write NAME/vN"),
        ("", "write NAME/vN"),
    ],
)
def test_unknown_version_says_what_is_on_disk(root: Path, id: str, message: str) -> None:
    with pytest.raises(PromptError) as caught:
        prompts.load(id, root)
    assert message in str(caught.value)


def test_versions_are_found_by_number(root: Path) -> None:
    for id in ("tagging/v2", "tagging/v10", "tagging/vnext"):
        _add_version(root, id)
    assert prompts.versions("tagging", root) == [1, 2, 10]
    assert prompts.versions("nothing", root) == []
    assert prompts.names(root) == prompts.names()


def test_unknown_step_says_which_are_there() -> None:
    with pytest.raises(PromptError, match="tagging/v1 has no words for 'think'; steps there: dedupe, describe, draft"):
        prompts.load("tagging/v1")["think"]


def test_edited_file_of_a_pinned_version_is_refused(root: Path) -> None:
    file = root / "tagging/v1/draft.md"
    file.write_text(file.read_text("utf-8") + " ", "utf-8")
    with pytest.raises(PromptError, match=r"prompts/tagging/v1/draft\.md was edited after it was pinned.*new version"):
        prompts.load("tagging/v1", root)
    assert prompts.load("tagging_fused/v1", root)


def test_missing_file_of_a_pinned_version_is_refused(root: Path) -> None:
    (root / "tagging/v1/demos.jsonl").unlink()
    with pytest.raises(PromptError, match=r"tagging/v1/demos\.jsonl is pinned .* but missing; restore the file"):
        prompts.load("tagging/v1", root)


def test_file_added_to_a_pinned_version_is_refused(root: Path) -> None:
    (root / "tagging/v1/extra.md").write_text("More words.", "utf-8")
    with pytest.raises(PromptError, match=r"tagging/v1/extra\.md was added to a pinned version; make it a new version"):
        prompts.load("tagging/v1", root)


def test_version_that_is_not_pinned_is_a_draft_and_may_change(root: Path) -> None:
    folder = _add_version(root)
    before = prompts.load("tagging/v2", root).digest
    (folder / "draft.md").write_text("Other words.", "utf-8")
    assert prompts.load("tagging/v2", root).digest != before


def test_pin_pins_what_is_new_and_leaves_what_is_pinned_alone(root: Path) -> None:
    before = json.loads((root / LOCK).read_text("utf-8"))
    file = root / "tagging/v1/draft.md"
    file.write_text("Edited.", "utf-8")
    folder = _add_version(root)
    (folder / "draft.md").write_text("New words.", "utf-8")
    pins = prompts.pin(root)
    assert json.loads((root / LOCK).read_text("utf-8")) == pins
    assert {name: digest for name, digest in pins.items() if not name.startswith("tagging/v2/")} == before
    assert {name for name in pins if name.startswith("tagging/v2/")} == {
        f"tagging/v2/{file.name}" for file in folder.iterdir()
    }
    assert prompts.load("tagging/v2", root)["draft"].text == "New words."
    with pytest.raises(PromptError, match="edited after it was pinned"):
        prompts.load("tagging/v1", root)
    assert prompts.pin(root) == pins


def test_shipped_lock_needs_no_pinning(root: Path) -> None:
    before = (root / LOCK).read_bytes()
    prompts.pin(root)
    assert (root / LOCK).read_bytes() == before


@pytest.mark.parametrize(
    ("lines", "number", "message"),
    [
        (['{"step": "draft"}', "{broken"], 2, "no valid JSON"),
        (["[1, 2]"], 1, "a demo is an object with a `step`"),
        (['{"tags": []}'], 1, "a demo is an object with a `step`"),
        (['"draft"'], 1, "a demo is an object with a `step`"),
    ],
)
def test_broken_demo_is_named_with_its_line(root: Path, lines: list[str], number: int, message: str) -> None:
    file = _add_version(root) / "demos.jsonl"
    file.write_text("\n".join(lines), "utf-8")
    with pytest.raises(PromptError, match=message) as caught:
        prompts.load("tagging/v2", root)
    assert str(caught.value).startswith(f"{file}:{number}: ")


def test_demos_come_in_order_and_count_in_the_digest(root: Path) -> None:
    folder = _add_version(root)
    before = prompts.load("tagging/v2", root)
    demos = [{"step": "draft", "note": "{}", "tags": []}, {"step": "match", "note": "维港\u2028夜景"}]
    (folder / "demos.jsonl").write_text("".join(json.dumps(demo, ensure_ascii=False) + "\n" for demo in demos), "utf-8")
    after = prompts.load("tagging/v2", root)
    assert after.demos == tuple(demos)
    assert after.digest != before.digest


def test_digest_tells_words_and_steps_apart(root: Path) -> None:
    digests = {prompts.load(id, root).digest for id in SHIPPED}
    assert len(digests) == len(SHIPPED)
    folder = _add_version(root)
    assert prompts.load("tagging/v2", root).digest == prompts.load("tagging/v1", root).digest
    (folder / "draft.md").rename(folder / "drafted.md")
    assert prompts.load("tagging/v2", root).digest != prompts.load("tagging/v1", root).digest
