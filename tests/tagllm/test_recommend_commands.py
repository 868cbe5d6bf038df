"""`tagllm recommend`: pairs, eval, index and search, on the example notes and on input that is wrong."""

import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
from click.testing import CliRunner, Result

from distill.runs.lines import sealed
from notes import FinalTag, Note, Trace
from notes.reading import read_notes
from recommend import Vectors
from recommend.methods import METHODS, Progress, Written
from tagllm.cli import main

ROOT = Path(__file__).parents[2]
NOTES, ACTS = ROOT / "examples" / "notes.jsonl", ROOT / "examples" / "interactions.csv"
BOTH = ("--notes", NOTES, "--interactions", ACTS)


def tagllm(*words: object) -> Result:
    return CliRunner().invoke(main, ["recommend", *(str(word) for word in words)])


def refusal(*words: object) -> str:
    done = tagllm(*words)
    assert done.exit_code == 2, done.output
    assert not done.stdout
    return " ".join(done.stderr.split())


def test_pairs_are_written_with_what_made_them(tmp_path: Path) -> None:
    done = tagllm("pairs", *BOTH, "--out", tmp_path / "pairs", "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    counts = said["counts"]
    parts = ("used", "rejected", "of_other_kinds", "too_weak", "of_unknown_notes")
    assert counts["interactions"] == sum(counts[name] for name in parts)
    for name in ("train", "test"):
        rows = [json.loads(line) for line in (tmp_path / "pairs" / f"{name}.jsonl").read_text("utf-8").splitlines()]
        assert len(rows) == said[name] > 0
        assert set(rows[0]) == {"query", "target", "score"}
    assert said["split"] == "time"
    assert said["cut"] is not None
    again = tagllm("pairs", *BOTH, "--out", tmp_path / "pairs", "--split", "both", "--pairs", "cosine")
    assert again.exit_code == 0, again.output
    assert "notes held out" in again.stdout
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter").write_text("dear")
    assert "is there and holds no pairs" in refusal("pairs", *BOTH, "--out", tmp_path / "other")


def test_rows_that_are_none_and_users_who_click_everything_are_counted_and_told_of(tmp_path: Path) -> None:
    acts = tmp_path / "acts.csv"
    ids = [note.id for note in read_notes(NOTES) if isinstance(note, Note)]
    crawled = "".join(f"crawler,{id},1765000000,click,\n" for id in ids)
    acts.write_text(ACTS.read_text("utf-8") + crawled + ",no-user,1765000000,click,\n", "utf-8")
    words = ("pairs", "--notes", NOTES, "--interactions", acts, "--most-clicks", len(ids) - 1)
    done = tagllm(*words, "--out", tmp_path / "pairs", "--json")
    assert done.exit_code == 1, done.output
    counts = json.loads(done.stdout)["counts"]
    assert (counts["users_set_aside"], counts["rejected"]) == (1, 1)
    assert "set aside: 1 who clicked more than" in done.stderr
    assert "no `user_id`" in done.stderr
    without = tagllm("pairs", *BOTH, "--out", tmp_path / "without", "--split", "none", "--json")
    again = tagllm(*words, "--out", tmp_path / "pairs", "--split", "none", "--json")
    assert json.loads(again.stdout)["train"] == json.loads(without.stdout)["train"]


@pytest.mark.parametrize("command", ["eval", "index"])
def test_help_names_every_method(command: str) -> None:
    said = " ".join(tagllm(command, "--help").stdout.split())
    assert ", ".join(METHODS) in said


def measured(*words: object) -> dict[str, Any]:
    done = tagllm("eval", *BOTH, "--k", "5,10", "--resamples", 100, *words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_eval_gives_every_method_and_kind_of_tags_by_both_definitions() -> None:
    found = measured("--method", "tfidf", "--method", "sbert", "--tags", "none", "--tags", "hashtags")
    assert found["metrics"].keys() == {"Recall@5", "Recall@10", "MRR", "NDCG@5", "NDCG@10"}
    assert [(row["pairs"], row["method"], row["tags"]) for row in found["rows"]] == [
        (definition, method, tags)
        for definition in ("cooccurrence", "cosine")
        for tags in ("none", "hashtags")
        for method in ("tfidf", "sbert")
    ]
    for row in found["rows"]:
        for name, value in row["metrics"].items():
            low, high = row["intervals"][name]
            assert 0 <= low <= value <= high <= 100
        assert row["slices"].keys() <= {"low_exposure", "high_exposure", "warm", "cold", "both_cold"}
        assert row["slices"]["warm"]["queries"] + row["slices"]["cold"]["queries"] == row["queries"]
    assert len(found["differences"]) == 2 * 4
    by_name = {(row["pairs"], row["method"], row["tags"]): row for row in found["rows"]}
    for one in found["differences"]:
        of, less = (by_name[one["pairs"], one[side]["method"], one[side]["tags"]] for side in ("of", "less"))
        assert one["metrics"]["MRR"] == pytest.approx(of["metrics"]["MRR"] - less["metrics"]["MRR"])
    task = found["tasks"]["cooccurrence"]
    assert task["chance"]["Recall@5"] == pytest.approx(500 / (task["pool"] - 1))


def test_eval_does_not_depend_on_the_order_of_the_files(tmp_path: Path) -> None:
    notes, acts = tmp_path / "notes.jsonl", tmp_path / "acts.csv"
    notes.write_text("\n".join(reversed(NOTES.read_text("utf-8").splitlines())), "utf-8")
    header, *rows = ACTS.read_text("utf-8").splitlines()
    acts.write_text("\n".join([header, *reversed(rows)]), "utf-8")
    words = ("--method", "tfidf", "--tags", "hashtags", "--targets", 3)
    done = tagllm("eval", "--notes", notes, "--interactions", acts, "--k", "5,10", "--resamples", 100, *words, "--json")
    assert json.loads(done.stdout) == measured(*words)


def test_eval_shows_tables_of_methods_slices_and_differences() -> None:
    done = tagllm("eval", *BOTH, "--method", "tfidf", "--tags", "none", "--tags", "hashtags", "--resamples", 50)
    assert done.exit_code == 0, done.output
    for words in ("cooccurrence: ", "cosine: ", "chance", "Recall@10 by target", "differences", "cold"):
        assert words in done.stdout


@pytest.fixture(scope="module")
def made_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "run"
    done = CliRunner().invoke(main, ["run", str(NOTES), "--out", str(folder), "--id", "sg-night-3d"])
    assert done.exit_code == 0, done.output
    return folder


def run_of(made_run: Path, folder: Path, tags: dict[str, tuple[str, ...]]) -> Path:
    """A run over the example notes that gave these tags."""
    shutil.copytree(made_run, folder)
    made = {"lang": "en", "category": "", "steps": (), "teacher": "", "model": ""}
    lines = []
    for note in read_notes(NOTES):
        if isinstance(note, Note) and note.id in tags:
            given = tuple(FinalTag(tag=tag, confidence=0.9) for tag in tags[note.id])
            lines.append(sealed(Trace(note_id=note.id, note_digest=note.digest, tags=given, **made)))
    (folder / "traces" / "part-00000.jsonl").write_bytes(b"".join(lines))
    return folder


def test_tags_of_a_run_take_the_place_of_the_authors(made_run: Path, tmp_path: Path) -> None:
    notes = [note for note in read_notes(NOTES) if isinstance(note, Note)]
    run = run_of(made_run, tmp_path / "run", {note.id: note.hashtags for note in notes})
    found = measured("--method", "tfidf", "--tags", "hashtags", "--tags", run, "--tags", "none")
    rows = {row["tags"]: row["metrics"] for row in found["rows"] if row["pairs"] == "cooccurrence"}
    assert rows[str(run)] == rows["hashtags"]
    assert rows[str(run)] != rows["none"]


def test_a_run_over_other_notes_and_what_is_no_run_are_refused(made_run: Path, tmp_path: Path) -> None:
    run = run_of(made_run, tmp_path / "run", {})
    assert "the run tagged none of these" in refusal("eval", *BOTH, "--method", "tfidf", "--tags", run)
    assert "is no run" in refusal("eval", *BOTH, "--method", "tfidf", "--tags", tmp_path)


class Author:
    """A method that writes what the author wrote, but for one category that there is not."""

    name = "author"
    revision = "1"

    @classmethod
    def open(cls, model: Path | None, notes: Iterable[Note]) -> Self:
        return cls()

    def embed(self, notes: Sequence[Note], *, progress: Progress | None = None) -> Vectors:
        return np.eye(len(notes), 64, dtype=np.float32)

    def save(self, folder: Path) -> None:
        pass

    def write(self, notes: Sequence[Note], *, progress: Progress | None = None) -> list[Written]:
        assert not any(note.hashtags or note.category for note in notes)
        gold = {note.id: note for note in read_notes(NOTES) if isinstance(note, Note)}
        said = [Written(gold[note.id].category, gold[note.id].hashtags) for note in notes]
        return [Written("no such category", ()), *said[1:]]


def test_a_method_that_generates_is_measured_and_never_shown_the_gold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, "author", f"{__name__}:Author")
    found = measured("--method", "author")
    [generated] = found["generated"]
    share = 100 / found["rows"][0]["pool"]
    assert generated["metrics"]["illusory"] == pytest.approx(share)
    assert generated["metrics"]["category_accuracy"] == pytest.approx(100 - share)
    assert generated["metrics"]["set-F1"] == pytest.approx(100, abs=2 * share)


@pytest.mark.parametrize(
    ("learned", "measured_by", "sound"),
    [
        (("--split", "time"), ("--split", "time"), True),
        (("--split", "time", "--test-share", 0.4), ("--split", "time"), True),
        (("--split", "time", "--test-share", 0.1), ("--split", "time"), False),
        (("--split", "note", "--test-share", 0.3), ("--split", "note", "--test-share", 0.2), True),
        (("--split", "note", "--test-share", 0.2), ("--split", "note", "--test-share", 0.3), False),
        (("--split", "note"), ("--split", "note", "--seed", 1), False),
        (("--split", "note"), ("--split", "time"), False),
        (("--split", "both", "--test-share", 0.4), ("--split", "both", "--test-share", 0.4), True),
        (("--split", "time"), ("--split", "both", "--test-share", 0.4), False),
        (("--split", "time"), ("--split", "none"), False),
    ],
)
def test_a_model_is_not_measured_on_what_it_may_have_learned(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    learned: tuple[object, ...],
    measured_by: tuple[object, ...],
    sound: bool,
) -> None:
    monkeypatch.setitem(METHODS, "author", f"{__name__}:Author")
    assert tagllm("pairs", *BOTH, "--out", tmp_path / "model", *learned).exit_code == 0
    words = (
        "--method",
        "author",
        "--model",
        tmp_path / "model",
        "--pairs",
        "cooccurrence",
        "--resamples",
        2,
        *measured_by,
    )
    if sound:
        assert tagllm("eval", *BOTH, *words).exit_code == 0
    else:
        assert "it may have seen what --split" in refusal("eval", *BOTH, *words)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recommend") / "index"
    done = tagllm("index", NOTES, "--out", folder, "--method", "tfidf", "--tags", "hashtags")
    assert done.exit_code == 0, done.output
    assert "every search is exact" in done.stdout
    return folder


def test_search_by_id_by_text_and_by_file(index: Path, tmp_path: Path) -> None:
    done = tagllm("search", "sg-night-3d", "--index", index, "-k", 3, "--json")
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert answer["query"]["id"] == "sg-night-3d"
    assert [one["rank"] for one in answer["neighbours"]] == [1, 2, 3]
    assert "sg-night-3d" not in {one["id"] for one in answer["neighbours"]}
    assert answer["neighbours"][0]["tags"]
    said = json.loads(tagllm("search", "Marina Bay night view", "--index", index, "-k", 1, "--json").stdout)
    assert said["query"]["id"] is None
    assert said["neighbours"][0]["id"] == "sg-night-3d"
    long = json.loads(tagllm("search", "Marina Bay night view " * 200, "--index", index, "-k", 1, "--json").stdout)
    assert long["neighbours"][0]["id"] == "sg-night-3d"
    file = tmp_path / "new.jsonl"
    file.write_text('{"id": "new", "title": "Slow feeder for a cat that eats too fast"}\n', "utf-8")
    shown = tagllm("search", file, "sg-night-3d", "--index", index)
    assert shown.exit_code == 0
    assert "Slow feeder for a cat" in shown.stdout
    assert shown.stdout.count("cosine") == 2


def test_notes_are_added_and_found(index: Path, tmp_path: Path) -> None:
    file = tmp_path / "new.jsonl"
    file.write_text(
        '{"id": "new", "title": "Cat slow feeder, again"}\n{"title": "no id"}\n{"id": "\\u001b[2J", "title": "x"}\n',
        "utf-8",
    )
    done = tagllm("index", file, "--out", index, "--add", "--json")
    assert done.exit_code == 1, done.output
    assert json.loads(done.stdout)["rejected"] == 2
    assert "missing_id" in done.stderr
    found = json.loads(tagllm("search", "slow feeder", "--index", index, "--json").stdout)
    assert "new" in {one["id"] for one in found["neighbours"]}


def test_what_strangers_write_does_not_steer_the_terminal(tmp_path: Path) -> None:
    file = tmp_path / "notes.jsonl"
    evil = "\x1b]0;owned\x07[red]cat[/red] \u202efeeder"
    file.write_text("".join(json.dumps({"id": f"n{n}", "title": evil, "hashtags": [evil]}) + "\n" for n in range(3)))
    words = ("--out", tmp_path / "index", "--method", "tfidf", "--tags", "hashtags")
    assert tagllm("index", file, *words).exit_code == 0
    shown = tagllm("search", "n0", "--index", tmp_path / "index").stdout
    assert "[red]cat[/red]" in shown
    assert not {"\x1b", "\x07", "\u202e"} & set(shown)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("eval", *BOTH, "--method", "bert"), "no method 'bert'; known: tfidf, sbert"),
        (("eval", *BOTH, "--method", "sbert", "--model", "x"), "sbert has no model of its own, got x"),
        (("eval", *BOTH, "--method", "a", "--method", "sbert"), "no method 'a'"),
        (("eval", *BOTH, "--model", "m", "--method", "tfidf", "--method", "sbert"), "say whose it is, --method NAME=m"),
        (("eval", *BOTH, "--k", "5,none"), "whole numbers from 1 to 10,000,000 with commas between them, got 'none'"),
        (("eval", *BOTH, "--targets", "20"), "--targets 20 is above --most 10; raise --most"),
        (("eval", *BOTH, "--exposure", "9", "9"), "low must be below high"),
        (("eval", *BOTH, "--lowest", "40"), "--lowest 40 is above --highest 30"),
        (("eval", *BOTH, "--method", "tfidf", "--lowest", "29"), "no two of the 28 test notes belong together"),
        (("eval", "--notes", NOTES, "--interactions", "gone.csv"), "no such file or folder: gone.csv"),
        (("eval", "--notes", "gone.jsonl", "--interactions", ACTS), "gone.jsonl"),
        (("eval", "--notes", NOTES, "--interactions", NOTES), "52 rejected; the first: notes.jsonl:1: no `user_id`"),
        (("index", NOTES, "--out", "/nowhere/index"), "/nowhere is no folder"),
        (("index", NOTES, "--out", "x", "--method", "bert"), "no such method; known: tfidf, sbert"),
        (("index", NOTES, "--out", "x", "--add", "--method", "tfidf"), "leave --method tfidf out"),
        (("index", NOTES, "--out", "gone", "--add"), "gone is no index"),
        (("search", "cat", "--index", "gone"), "gone is no index: it holds no index.json"),
    ],
)
def test_wrong_usage_says_what_and_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[object, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert said in refusal(*words)


def test_what_has_no_neighbours_is_said(index: Path) -> None:
    assert "holds no word that tfidf knows" in refusal("search", "zzzzqqqq", "--index", index)
    assert "an empty text has no neighbours" in refusal("search", " ", "--index", index)
    assert "no note with id 'nobody'" in refusal("search", "nobody", "--index", index, "--as", "id")


def test_an_index_of_a_method_that_is_not_there_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    assert tagllm("index", NOTES, "--out", folder, "--method", "tfidf", "--limit", 5).exit_code == 0
    manifest = json.loads((folder / "index.json").read_text())
    (folder / "index.json").write_text(json.dumps(manifest | {"method": "os:system"}))
    assert "'os:system', which this version does not have" in refusal("search", "cat food", "--index", folder)
    (folder / "index.json").write_text(json.dumps(manifest | {"revision": "tfidf 0"}))
    assert "their vectors cannot be compared" in refusal("search", "cat food", "--index", folder)
