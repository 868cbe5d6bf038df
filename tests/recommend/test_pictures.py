"""Which pictures of a note are looked at, and that those that cannot be opened are counted, each once."""

from pathlib import Path

from notes import Note
from recommend.model.words import is_empty
from tests.recommend.pictured import looking, picture


def test_the_first_pictures_that_can_be_opened_are_taken_and_the_others_counted_once(tmp_path: Path) -> None:
    for number in range(3):
        picture(tmp_path / f"{number}.png", (10, 20, 200), number)
    (tmp_path / "torn.png").write_bytes((tmp_path / "0.png").read_bytes()[:90])
    pictures = looking(tmp_path)
    note = Note(id="1", images=("torn.png", "/etc/passwd", "none.png", "0.png", "1.png", "2.png"))
    for _ in range(2):
        assert len(pictures.of(note, 2)) == 2
    assert {ref: one.reason for (_, ref), one in pictures.refused.items()} == {
        "torn.png": "truncated",
        "/etc/passwd": "outside_folder",
        "none.png": "not_found",
    }
    why = "truncated 1, outside_folder 1, not_found 1"
    assert pictures.told() == f"pictures that cannot be opened and are left out: 3 ({why})"


def test_nothing_is_told_where_every_picture_opens(tmp_path: Path) -> None:
    pictures = looking(tmp_path)
    assert pictures.of(Note(id="1", images=(picture(tmp_path / "a.png", (0, 0, 0), 1),)), 3)
    assert pictures.told() == ""


def test_a_note_without_a_word_is_empty_unless_a_picture_of_it_can_be_seen(tmp_path: Path) -> None:
    seen = Note(id="1", images=(picture(tmp_path / "a.png", (200, 0, 0), 1),))
    broken = Note(id="2", images=("b.png",))
    assert is_empty(seen)
    assert not is_empty(seen, looking(tmp_path))
    assert is_empty(broken, looking(tmp_path))
