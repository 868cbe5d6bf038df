"""Learning from evidence notes: figures that a note has no part in, and the same bytes from the same notes."""

import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from handbook import Handbook
from handbook.evidence import EvidenceNote
from handbook.matching import TooFewNotes
from tests.handbook.matching.corpus import Fitted, contents, fitted, make_handbook, ranked


def _tagged(notes: Sequence[EvidenceNote], tags: Sequence[str]) -> list[EvidenceNote]:
    """The notes, each with one other tag and none of its own."""
    return [note.model_copy(update={"tags": (tag,)}) for note, tag in zip(notes, tags, strict=True)]


def test_tags_that_follow_from_the_text_are_predicted(made: Fitted) -> None:
    # Two tags a note, at times a third: neither one nor three given can be all right.
    assert made.report.f1[1] > 60
    assert made.report.f1[3] > 70
    assert made.report.f1[5] > 50
    assert made.report.found > 95
    assert made.report.notes == len(made.notes)
    assert made.report.tags == len({tag for interest in made.handbook.active for tag in interest.tags})


@pytest.mark.parametrize(("times", "most"), [(1, 3.0), (5, 3.0)])
def test_a_note_is_not_predicted_from_itself(made: Fitted, tmp_path: Path, times: int, most: float) -> None:
    # Each note alone carries its tag, which stands in no text: only the note itself could tell. Where the handbook
    # counts notes that are no evidence, a tag may be given all the same, and be right by chance.
    odd = _tagged(made.notes, [f"zq{number:03}x" for number in range(len(made.notes))])
    report = fitted(tmp_path / "matcher", odd, handbook=make_handbook(odd, times=times)).report
    assert max(report.f1.values()) <= most


def test_tags_drawn_by_lot_are_not_predicted(made: Fitted, tmp_path: Path) -> None:
    chance, some = random.Random(5), made.notes[::2]
    lots = [f"zq{chance.randrange(20):02}x" for _ in some]
    report = fitted(tmp_path / "matcher", _tagged(some, lots)).report
    assert report.found > 90
    assert report.f1[1] < 25
    assert report.f1[3] < 30


def test_order_of_the_notes_and_spelling_of_their_tags_do_not_matter(made: Fitted, copied: Fitted) -> None:
    for file in copied.folder.iterdir():
        file.write_bytes(b"of another matcher")
    shuffled = random.Random(3).sample(made.notes, len(made.notes))
    assert [note.id for note in shuffled] != [note.id for note in made.notes]
    respelt = [
        note.model_copy(update={"tags": tuple(tag.upper().replace(" ", "-") for tag in note.tags)}) for note in shuffled
    ]
    again = fitted(copied.folder, respelt, handbook=made.handbook)
    assert contents(again.folder) == contents(made.folder)
    assert again.report.f1 == made.report.f1


def test_another_process_with_fewer_threads_writes_the_same_bytes(made: Fitted, tmp_path: Path) -> None:
    code = "import sys, pathlib; from tests.handbook.matching.corpus import fitted, make_notes; "
    code += "fitted(pathlib.Path(sys.argv[1]), make_notes(1))"
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "matcher")],
        check=True,
        timeout=300,
        cwd=Path(__file__).parents[3],
        env=os.environ | {"PYTHONHASHSEED": "7", "OMP_THREAD_LIMIT": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    assert contents(tmp_path / "matcher") == contents(made.folder)


def test_one_other_note_gives_other_bytes(made: Fitted, tmp_path: Path) -> None:
    few = made.notes[:30]
    changed = [*few[:-1], few[-1].model_copy(update={"title": "milk jug"})]
    one, other = (fitted(tmp_path / name, notes) for name, notes in (("one", few), ("other", changed)))
    assert contents(one.folder) != contents(other.folder)
    assert contents(one.folder).keys() == contents(other.folder).keys()


@pytest.mark.parametrize("count", [0, 29])
def test_too_few_notes_name_how_many_there_are_and_are_needed(made: Fitted, tmp_path: Path, count: int) -> None:
    untagged = [note.model_copy(update={"tags": ("no tag of the handbook",)}) for note in made.notes[count:]]
    with pytest.raises(TooFewNotes, match=rf"^{count} evidence notes .* 30 are needed"):
        fitted(tmp_path / "matcher", [*made.notes[:count], *untagged], handbook=made.handbook)
    assert not (tmp_path / "matcher").exists()


def test_a_handbook_without_tags_has_too_few_notes(made: Fitted, tmp_path: Path) -> None:
    with pytest.raises(TooFewNotes, match=r"^0 evidence notes"):
        fitted(tmp_path / "matcher", made.notes, handbook=Handbook(categories=made.handbook.categories[:0]))


def test_just_enough_notes_are_learned_from_and_others_left_out(made: Fitted, tmp_path: Path) -> None:
    few = made.notes[:30]
    untagged = [note.model_copy(update={"tags": ("no tag of the handbook",)}) for note in made.notes[30:40]]
    found = fitted(tmp_path / "matcher", [*untagged, *few], handbook=make_handbook(few))
    assert found.report.notes == 30
    assert ranked(found.open(), few[0])
