"""`tagllm handbook build`, `update`, `index`, `diff`: from rows to a handbook people edit, and back to tags."""

import csv
import hashlib
import json
import random
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from handbook import load
from tagllm.cli import main

THEMES = (
    ("travel", "harbour night view", "We watched the harbour lights from the bridge after dark, the best night view."),
    ("travel", "budget hotel", "A cheap bed in a small hotel near the station, clean and quiet for the price."),
    ("travel", "mountain hut", "We walked up to the mountain hut before the rain and slept under thick blankets."),
    ("food", "sourdough bread", "The starter was lively, the sourdough bread rose well and the crust cracked."),
    ("food", "ramen broth", "Pork bones for the ramen broth, twelve hours at a low boil, then noodles."),
    ("food", "cold brew", "Coarse coffee, cold water, a night in the fridge: cold brew without bitterness."),
)


def _write(folder: Path, *, notes: int = 90, seed: int = 1) -> tuple[Path, Path]:
    """Notes and who acted on them."""
    chance = random.Random(seed)
    path, acts = folder / "notes.jsonl", folder / "acts.csv"
    with path.open("w", encoding="utf-8") as file:
        for n in range(notes):
            category, tag, text = THEMES[n % 6]
            row: dict[str, Any] = {
                "id": f"n{n}",
                "title": f"Notes {n}: {text[:30]}",
                "content": text,
                "category": category,
            }
            row["hashtags"] = [tag, f"{tag} tips" if n % 3 else f"my {tag}"]
            file.write(json.dumps(row) + "\n")
    with acts.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("user_id", "note_id", "timestamp", "kind"))
        for _ in range(900):
            writer.writerow(
                (
                    f"u{chance.randrange(40)}",
                    f"n{chance.randrange(notes)}",
                    1_700_000_000 + chance.randrange(9**7),
                    "like",
                )
            )
    return path, acts


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["handbook", *map(str, arguments)])


def _json(*arguments: object) -> Any:
    result = _run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with notes, acts and the handbook mined from them."""
    folder = tmp_path_factory.mktemp("built")
    notes, acts = _write(folder)
    said = _json("build", "--notes", notes, "--interactions", acts, "--out", folder / "book")
    assert said["interests"] >= 2
    assert set(said["categories"]) == {"food", "travel"}
    assert said["learned"]["notes"] == 90
    assert said["counts"]["interactions"] == 900
    return folder


def _copy(built: Path, tmp_path: Path) -> Path:
    import shutil

    return Path(shutil.copytree(built / "book", tmp_path / "book"))


def test_same_input_gives_the_same_bytes(built: Path, tmp_path: Path) -> None:
    _json("build", "--notes", built / "notes.jsonl", "--interactions", built / "acts.csv", "--out", tmp_path / "again")

    def digests(folder: Path) -> dict[str, str]:
        files = (file for file in sorted(folder.rglob("*")) if file.is_file())
        return {f.relative_to(folder).as_posix(): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}

    one, other = digests(built / "book"), digests(tmp_path / "again")
    name = "handbook.yaml"
    assert (tmp_path / "again" / name).read_text("utf-8") == (built / "book" / name).read_text("utf-8").replace(
        "name: book", "name: again"
    )
    assert one == other
    _json("index", tmp_path / "again")  # from what was written, as `build` had it in memory
    assert digests(tmp_path / "again") == other


def test_a_handbook_is_never_built_over_another(built: Path) -> None:
    result = _run("build", "--notes", built / "notes.jsonl", "--out", built / "book")
    assert result.exit_code == 2
    assert "tagllm handbook update" in result.output


def test_a_persons_edit_survives_an_update(built: Path, tmp_path: Path) -> None:
    book = _copy(built, tmp_path)
    file = book / "handbook.yaml"
    first = next(iter(load(book).interests.values()))
    text = file.read_text("utf-8").replace(f"name: {first.name}\n", "name: Mine, all mine  # do not touch\n", 1)
    file.write_text(text, "utf-8")
    stale = _run("search", book, "night view")
    assert stale.exit_code == 2
    assert f"tagllm handbook index {book}" in " ".join(stale.output.split())
    assert _run("check", book).exit_code == 1
    edited = load(book).interests[first.id]
    more = _write(tmp_path, seed=9)[1]
    said = _json("update", book, "--interactions", more)
    assert load(book).interests[first.id] == edited
    assert "name: Mine, all mine  # do not touch\n" in file.read_text("utf-8")
    assert said["counts"]["interactions"] == 900
    assert _run("check", book).exit_code == 0
    assert _json("search", book, "night view")


def test_an_update_reads_behaviour_as_the_build_did(tmp_path: Path) -> None:
    path, _ = _write(tmp_path)
    acts = tmp_path / "rated.csv"
    rows = [f"u{user},n{note},{4 if note % 6 < 3 else 2}\n" for user in range(12) for note in range(90)]
    acts.write_text("user_id,note_id,strength\n" + "".join(rows))
    book, empty = tmp_path / "book", tmp_path / "none.csv"
    empty.write_text("user_id,note_id\n")
    _json("build", "--notes", path, "--interactions", acts, "--out", book, "--min-strength", 3)
    before = (book / "handbook.yaml").read_bytes()
    assert _json("update", book, "--interactions", acts)["changes"] == []  # the same acts: what was weak is still weak
    assert (book / "handbook.yaml").read_bytes() == before
    taken = _json("update", book, "--interactions", acts, "--min-strength", 1)
    assert {change["kind"] for change in taken["changes"]} & {"appeared", "grew"}
    assert _json("update", book, "--interactions", empty)["changes"] == []  # as it was read last
    (book / "mining.json").write_text('{"min_strength": "high"}')
    broken = _run("update", book, "--interactions", empty)
    assert broken.exit_code == 2
    assert "mining.json: min_strength: Input should be a valid number" in " ".join(broken.output.split())


def test_an_update_with_nothing_new_changes_no_byte(built: Path, tmp_path: Path) -> None:
    book = _copy(built, tmp_path)
    empty = tmp_path / "none.csv"
    empty.write_text("user_id,note_id\n")
    before = (book / "handbook.yaml").read_bytes()
    assert _json("update", book, "--interactions", empty)["changes"] == []
    assert (book / "handbook.yaml").read_bytes() == before


def test_what_grew_and_what_is_no_longer_supported_is_shown(built: Path, tmp_path: Path) -> None:
    book = _copy(built, tmp_path)
    acts = tmp_path / "late.csv"
    rows = [f"v{user},n{note},{1_700_000_000 + 400 * 86400},save\n" for user in range(30) for note in range(0, 90, 6)]
    acts.write_text("user_id,note_id,timestamp,kind\n" + "".join(rows))
    said = _json("update", book, "--interactions", acts)
    found = _json("diff", built / "book", book)
    assert found == said["changes"]
    grew = [change for change in found if change["kind"] == "grew"]
    assert any(change["users"][1] > change["users"][0] for change in grew)
    shown = _run("diff", built / "book", book)
    assert shown.exit_code == 0
    assert "grew" in shown.output
    assert "no difference" in _run("diff", book, book).output


def test_index_says_what_was_learned(built: Path, tmp_path: Path) -> None:
    book = _copy(built, tmp_path)
    assert "learned on 90 notes (F1@1" in _run("index", book).output
    assert _json("index", book)["learned"]["notes"] == 90


def test_a_handbook_written_by_hand_asks_for_its_notes(examples: Path, tmp_path: Path, built: Path) -> None:
    import shutil

    shutil.copy(examples / "handbook" / "handbook.yaml", tmp_path)
    result = _run("update", tmp_path, "--interactions", built / "acts.csv")
    assert result.exit_code == 2
    assert "--notes FILE" in " ".join(result.output.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("build", "--notes", "missing.jsonl", "--out", "x"), "missing.jsonl"),
        (("build", "--out", "x"), "Missing option '--notes'"),
        (("update", "nowhere", "--interactions", "x.csv"), "no handbook at nowhere"),
        (("index", "nowhere"), "no handbook at nowhere"),
        (("diff", "nowhere", "elsewhere"), "no handbook at nowhere"),
        (("build", "--notes", "a", "--out", "b", "--min-users", "0"), "0 is not in the range"),
        (("build", "--notes", "a", "--out", "b", "--half-life", "0"), "0.0 is not in the range"),
    ],
)
def test_wrong_usage_names_what_is_wrong(
    arguments: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = _run(*arguments)
    assert result.exit_code == 2
    assert said in result.output


def test_rejected_rows_are_counted_and_make_the_exit_status_1(tmp_path: Path) -> None:
    notes, acts = _write(tmp_path, notes=40)
    with acts.open("a") as file:
        file.write(",n1,1,like\nu1,n1,1,levitate\n")
    result = _run("build", "--notes", notes, "--interactions", acts, "--out", tmp_path / "book")
    assert result.exit_code == 1
    assert "2 rejected" in result.output


def test_mined_handbook_tags_notes_with_what_it_learned(built: Path) -> None:
    arguments = ["tag", str(built / "notes.jsonl"), "--limit", "6", "--handbook", str(built / "book"), "--json"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0
    for number, line in enumerate(result.stdout.splitlines()):
        outcome = json.loads(line)
        assert outcome["tags"][0]["tag"].lower().startswith((THEMES[number % 6][1], "my "))
        assert outcome["trace"]["retrieved"][0]["probability"] > 0.3
        assert outcome["trace"]["matched"][0]["id"].startswith(THEMES[number % 6][0])
