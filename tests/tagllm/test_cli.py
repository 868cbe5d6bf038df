"""The command line: what goes to standard output, what to standard error, exit statuses, messages."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tagllm.cli import main

ROOT = Path(__file__).parent.parent.parent
NOTES = ROOT / "examples" / "notes.jsonl"
HANDBOOK = ROOT / "examples" / "handbook"


def tagllm(*words: str | Path, **options: Any) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], **options)


def outcomes(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    file = tmp_path / "notes.jsonl"
    rows = [
        {
            "id": "a",
            "title": "Sourdough cold proof",
            "content": "Overnight in the fridge, cast iron pot.",
            "split": "test",
        },
        {"id": "b", "title": "✨✨", "split": "test"},
        {"title": "no id"},
        {
            "id": "c",
            "title": "Cat slow feeder",
            "content": "No more vomiting.",
            "images": ["gone.jpg"],
            "split": "train",
        },
    ]
    file.write_text("\n".join(json.dumps(row) for row in rows))
    return file


def test_json_is_one_outcome_a_line_in_input_order_and_nothing_else(notes: Path) -> None:
    result = tagllm("tag", notes, "--json")
    found = outcomes(result)
    assert [outcome["id"] for outcome in found] == ["a", "b", "c"]
    assert set(found[0]) == {"id", "tags", "trace"}
    assert set(found[0]["tags"][0]) == {"tag", "confidence", "evidence"}
    assert found[0]["tags"][0]["evidence"][0]["source"] in ("title", "content")
    assert found[0]["trace"]["note_id"] == "a"
    assert set(found[1]) == {"id", "failure"}
    assert set(found[1]["failure"]) == {"step", "reason", "message"}
    assert "notes.jsonl:3: missing_id" in result.stderr
    assert "2 tagged, 1 failed, 1 rejected" in result.stderr
    assert result.exit_code == 1


def test_all_tagged_is_exit_status_0(notes: Path) -> None:
    assert tagllm("tag", notes, "--id", "a", "--json").exit_code == 0


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (("--split", "train"), ["c"]),
        (("--limit", "1"), ["a"]),
        (("--id", "c"), ["c"]),
        (("--id", "c", "--id", "a"), ["a", "c"]),
        (("--graph", "fused", "--limit", "1"), ["a"]),
    ],
)
def test_notes_are_chosen(notes: Path, words: tuple[str, ...], ids: list[str]) -> None:
    assert [outcome["id"] for outcome in outcomes(tagllm("tag", notes, "--json", *words))] == ids


def test_out_keeps_traces_failures_and_rejects_and_says_where(notes: Path, tmp_path: Path) -> None:
    result = tagllm("tag", notes, "--out", tmp_path / "out")
    for name, ids in (("traces", ["a", "c"]), ("failures", ["b"]), ("rejects", [None])):
        file = tmp_path / "out" / f"{name}.jsonl"
        found = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
        assert [row.get("note_id") for row in found] == ids
        assert f"wrote {file}" in result.stdout


def test_the_table_shows_tags_interests_and_what_the_pictures_gave() -> None:
    result = tagllm("tag", NOTES, "--handbook", HANDBOOK, "--id", "sg-night-3d", "--explain", "1")
    assert result.exit_code == 0
    for words in ("Marina Bay night view", "City night views", "from the pictures", "dedupe", "coarser", "refine"):
        assert words in result.stdout
    assert not result.stderr.strip()


def test_a_picture_that_was_refused_is_shown(notes: Path) -> None:
    assert "refused: not_found" in tagllm("tag", notes, "--id", "c").stdout


def test_what_a_note_says_cannot_steer_the_terminal(tmp_path: Path) -> None:
    file = tmp_path / "notes.jsonl"
    title = "\x1b[2J\x1b]0;owned\x07[bold red]Night view[/] \u202eabc\x9b31m"
    file.write_text(json.dumps({"id": "x\u202ey", "title": title, "content": "Night view of the bay."}))
    for words in ((), ("--explain", "1")):
        result = tagllm("tag", file, *words)
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(result.output)
    good = tmp_path / "good.jsonl"
    good.write_text(json.dumps({"id": "x", "title": title, "content": "Night view of the bay."}))
    shown = tagllm("tag", good, "--explain", "1").output
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(shown)
    assert "[bold red]" in shown


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("tag", "nowhere.jsonl"), "no such file or folder: nowhere.jsonl"),
        (("tag", ROOT / "Makefile"), "unknown format"),
        (("tag", NOTES, "--split", "dev"), "no note of the split 'dev'; splits in the file: test, train"),
        (("tag", NOTES, "--handbook", "nowhere"), "no handbook at nowhere"),
        (("tag", NOTES, "--limit", "0"), "0 is not in the range"),
        (("tag", NOTES, "--teacher", "oracle"), "'oracle' is not"),
        (("tag", NOTES, "--min-tags", "5", "--max-tags", "4"), "--min-tags 5 is above --max-tags 4"),
        (("handbook", "show", "nowhere"), "no handbook at nowhere"),
        (("handbook", "show", HANDBOOK, "--category", "cars"), "no category 'cars'"),
        (("handbook", "search", HANDBOOK, "x", "--category", "cars"), "no category 'cars'"),
        (("handbook", "check", "nowhere"), "no handbook at nowhere"),
        (("tags",), "No such command 'tags'"),
    ],
)
def test_wrong_usage_is_exit_status_2_and_names_the_value(words: tuple[str | Path, ...], message: str) -> None:
    result = tagllm(*words)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())


def test_an_id_that_does_not_occur_is_named(notes: Path) -> None:
    result = tagllm("tag", notes, "--id", "zzz", "--json")
    assert result.exit_code == 1
    assert "no note with id 'zzz'" in result.stderr


def test_settings_come_from_flags_then_variables_then_the_file(
    notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def handbook_seen(*words: str) -> bool:
        found = outcomes(tagllm("tag", notes, "--id", "a", "--json", *words))
        return bool(found[0]["trace"]["handbook_digest"])

    monkeypatch.chdir(tmp_path)
    assert not handbook_seen()
    Path("tagllm.toml").write_text(f"[tag]\nhandbook = {str(HANDBOOK)!r}\nmax-tags = 3\n")
    assert handbook_seen()
    monkeypatch.setenv("TAGLLM_HANDBOOK", "nowhere")
    assert "no handbook at nowhere" in tagllm("tag", notes).stderr
    assert handbook_seen("--handbook", str(HANDBOOK))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tag]\nhandbok = 'x'\n", "[tag] has no option 'handbok'"),
        ("[tga]\n", "no command 'tga'"),
        ("[tag\n", "no valid TOML"),
    ],
)
def test_a_wrong_settings_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tagllm.toml").write_text(text)
    result = tagllm("doctor")
    assert result.exit_code == 2
    assert message in result.stderr


def test_handbook_commands_speak_json() -> None:
    shown = json.loads(tagllm("handbook", "show", HANDBOOK, "--category", "travel", "--json").stdout)
    assert [category["id"] for category in shown] == ["travel"]
    found = json.loads(tagllm("handbook", "search", HANDBOOK, "skyline at night", "-k", "3", "--json").stdout)
    assert found[0]["id"] == "travel.city-night-views"
    assert len(found) == 3
    assert json.loads(tagllm("handbook", "check", HANDBOOK, "--json").stdout) == []


def test_handbook_check_names_lines_and_exits_1_on_errors(tmp_path: Path) -> None:
    (tmp_path / "handbook.yaml").write_text(
        "categories:\n  - id: a\n    interests:\n      - id: a.b\n        nmae: x\n"
    )
    result = tagllm("handbook", "check", tmp_path)
    assert result.exit_code == 1
    assert f"{tmp_path}/handbook.yaml:5: error: unknown field `nmae`; did you mean `name`?" in result.stdout


def test_handbook_show_and_search_print_tables() -> None:
    assert "City night views" in tagllm("handbook", "show", HANDBOOK).stdout
    assert "travel.city-night-views" in tagllm("handbook", "search", HANDBOOK, "夜景机位").stdout


def test_doctor_looks_at_everything() -> None:
    result = tagllm("doctor", "--json")
    found = {finding["name"]: finding for finding in json.loads(result.stdout)}
    wanted = {"Python", "torch", "torch build", "CPU", "GPU", "vLLM", "torchvision", "encoder", "picture text"}
    assert wanted | {"cache", "disk"} <= set(found)
    assert found["encoder"]["status"] == found["picture text"]["status"] == "ok"
    assert (result.exit_code == 0) == all(finding["status"] != "error" for finding in found.values())


@pytest.mark.parametrize("words", [(), ("tag",), ("handbook",), ("handbook", "search"), ("doctor",)])
def test_help_has_examples_or_says_what_it_does(words: tuple[str, ...]) -> None:
    result = tagllm(*words, "--help")
    assert result.exit_code == 0
    assert "Usage:" in result.stdout
    if words in ((), ("tag",), ("handbook",)):
        assert "tagllm " in result.stdout


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys, tagllm.cli\n"
        "try: tagllm.cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "names = 'torch transformers dspy langgraph pydantic numpy rich jieba'.split()\n"
        "heavy = set(names) & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
