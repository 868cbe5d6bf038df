"""Building: the same runs give the same bytes, what is damaged or moved is told, nobody's folder is written over."""

import json
import shutil
from pathlib import Path

import pytest

from distill.corpus import CorpusError, CorpusPolicy, CorpusRefused, Selection, Splitting, read_kept
from distill.corpus.building import build
from distill.corpus.folder import MANIFEST, digest_of_file, files_of, read_dropped
from distill.runs.lines import sealed
from notes.pictures import PictureStore
from notes.reading import read_notes
from notes.records import Note
from tests.distill.corpus.made import built, grounded, hostile_run, picture, plain_run, reasons, text
from tests.tagllm.report.made import failure, write_notes, write_run


def digests(corpus: Path) -> dict[str, str]:
    return {name: digest_of_file(corpus / name) for name in files_of(corpus)}


def test_the_same_runs_give_the_same_bytes_wherever_and_in_whatever_order(tmp_path: Path) -> None:
    one, other = hostile_run(tmp_path / "a"), plain_run(tmp_path / "b", name="other")
    first, _ = built(tmp_path / "first", one, other)
    again, _ = built(tmp_path / "second" / "deeper", other, one)
    assert digests(first) == digests(again)
    assert (first / MANIFEST).read_bytes() == (again / MANIFEST).read_bytes()
    seeded, _ = built(tmp_path / "third", one, other, splitting=Splitting(seed=1))
    assert digests(first) != digests(seeded)


def test_the_order_of_traces_in_a_run_changes_no_example(tmp_path: Path) -> None:
    run = plain_run(tmp_path)
    first, _ = built(tmp_path / "first", run)
    part = run / "traces/part-00000.jsonl"
    part.write_bytes(b"".join(reversed(part.read_bytes().splitlines(keepends=True))))
    again, _ = built(tmp_path / "second", run)
    assert digests(first) == digests(again)


def test_damaged_repeated_moved_and_changed_traces_are_all_accounted_for(tmp_path: Path) -> None:
    notes = write_notes(
        tmp_path / "notes.jsonl",
        [Note(id=f"n{number}", title=f"t{number}", content=text(number)) for number in range(6)],
    )
    traces = [grounded(note, ["harbour view", "ferry ride"]) for note in notes]
    gone = grounded(Note(id="gone", title="gone", content=text(50)), ["harbour view"])
    changed = traces[1].model_copy(update={"note_digest": "0" * 32})
    outcomes = [traces[0], changed, traces[2], traces[2], gone, traces[3], failure(notes[5])]
    run = write_run(tmp_path / "run", tmp_path / "notes.jsonl", outcomes)
    part = run / "traces/part-00000.jsonl"
    lines = part.read_bytes().splitlines(keepends=True)
    lines[5] = lines[5].replace(b"harbour", b"harb0ur", 1)
    part.write_bytes(b"".join(lines) + sealed(traces[4])[:-20])
    corpus, summary = built(tmp_path, run)
    found = {(one.note_id, one.reason) for one in read_dropped(corpus)}
    assert found == {
        ("n1", "note_changed"),
        ("n2", "written_twice"),
        ("gone", "note_missing"),
        ("n3", "damaged"),
        ("n4", "damaged"),
    }
    assert summary.traces == 7
    assert summary.kept == 2
    assert summary.runs[0].failures == 1


def test_a_picture_that_was_exchanged_is_not_learned_from(tmp_path: Path) -> None:
    run = plain_run(tmp_path, 4)
    picture(tmp_path / "images/plain-0.png", 77)
    corpus, _ = built(tmp_path, run)
    assert reasons(corpus) == {"n0": "picture_changed"}


def test_a_picture_that_the_teacher_was_refused_is_not_shown_to_the_student(tmp_path: Path) -> None:
    picture(tmp_path / "images/good.png", 5)
    (tmp_path / "images/bad.png").write_bytes(b"no picture")
    note = Note(id="n", title="t", content=text(1), images=("images/bad.png", "images/good.png", "../out.png"))
    (known,) = write_notes(tmp_path / "notes.jsonl", [note])
    trace = grounded(known, ["harbour view"], PictureStore(tmp_path))
    corpus, summary = built(tmp_path, write_run(tmp_path / "run", tmp_path / "notes.jsonl", [trace]))
    (kept,) = read_kept(corpus)
    assert len(kept.pictures) == summary.images == 1


def test_notes_that_have_moved_are_named(tmp_path: Path) -> None:
    run = plain_run(tmp_path / "old", 4)
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    shutil.rmtree(tmp_path / "old/images")
    (tmp_path / "old/notes.jsonl").unlink()
    with pytest.raises(CorpusError, match="give them with --notes FILE"):
        build([run], tmp_path / "corpus")
    assert not (tmp_path / "corpus").exists()
    assert build([run], tmp_path / "corpus", notes=tmp_path / "new/notes.jsonl").kept == 4


def test_no_folder_is_written_over(tmp_path: Path) -> None:
    run = plain_run(tmp_path, 4)
    out = tmp_path / "mine"
    out.mkdir()
    (out / "thesis.tex").write_text("years of work")
    with pytest.raises(CorpusRefused, match="holds other files"):
        build([run], out, overwrite=True)
    corpus, _ = built(tmp_path, run)
    with pytest.raises(CorpusRefused, match="--overwrite"):
        build([run], corpus)
    before = digests(corpus)
    build([run], corpus, overwrite=True)
    assert digests(corpus) == before
    with pytest.raises(CorpusRefused, match="is a file"):
        build([run], tmp_path / "notes.jsonl")
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


@pytest.mark.parametrize(
    ("name", "message"), [("nothing", "is no run"), ("run", "was named twice")], ids=["no run", "twice"]
)
def test_what_is_no_run_is_told(tmp_path: Path, name: str, message: str) -> None:
    run = plain_run(tmp_path, 2)
    with pytest.raises(CorpusError, match=message):
        build([run, tmp_path / name], tmp_path / "corpus")
    assert not (tmp_path / "corpus").exists()


def test_licences_are_read_off_the_notes(tmp_path: Path) -> None:
    file = tmp_path / "notes.jsonl"
    rows = [{"id": f"n{number}", "title": f"t{number}", "content": text(number)} for number in range(4)]
    written = [row | ({"license": "CC-BY-4.0"} if number else {}) for number, row in enumerate(rows)]
    file.write_text("".join(json.dumps(row) + "\n" for row in written), "utf-8")
    notes = [note for note in read_notes(file) if isinstance(note, Note)]
    run = write_run(tmp_path / "run", file, [grounded(note, ["harbour view"]) for note in notes])
    corpus, summary = built(tmp_path, run)
    assert summary.licences == {"CC-BY-4.0": 3, "": 1}
    assert 'license: "other"' in (corpus / "README.md").read_text("utf-8")


def test_one_categorys_notes_are_bounded_the_surest_first(tmp_path: Path) -> None:
    run = plain_run(tmp_path, 12)
    corpus, summary = built(tmp_path, run, selection=Selection(per_category=2))
    assert summary.categories == {"c0": 2, "c1": 2, "c2": 2}
    assert set(reasons(corpus).values()) == {"over_category"}
    _, summary = built(tmp_path / "i", run, selection=Selection(per_interest=5))
    assert summary.dropped == {"over_interest": 7}


def test_the_policy_travels_with_the_corpus(tmp_path: Path) -> None:
    from distill.corpus import read_summary

    policy = CorpusPolicy(views=("tags",), formats=("trl",), selection=Selection(min_tags=2))
    build([plain_run(tmp_path, 4)], tmp_path / "corpus", policy)
    found = read_summary(tmp_path / "corpus")
    assert found.policy == policy
    assert found.pictures is not None
    assert found.pictures.max_pixels == 768 * 768
    assert not (tmp_path / "corpus/sharegpt").exists()


def test_limits_that_another_version_wrote_are_named(tmp_path: Path) -> None:
    run = plain_run(tmp_path)
    described = json.loads((run / "run.json").read_text("utf-8"))
    described["configuration"]["limits"] = {"most_tags": 8}
    (run / "run.json").write_text(json.dumps(described), "utf-8")
    with pytest.raises(CorpusError, match=r"run\.json: limits\.most_tags: .*; this version cannot read them: run the"):
        built(tmp_path / "corpus", run)
