"""Mining data of real platforms, where they lie beside the repository."""

from pathlib import Path

import pytest

from handbook.mine import cluster, interests, mine
from handbook.mine.clusters import LARGEST
from handbook.mine.phrases import as_tag
from handbook.mine.records import MiningOptions
from notes.reading import read_notes
from notes.records import Note
from notes.words import form_key

DATA = Path(__file__).parents[4] / "shared" / "data"


def data(name: str) -> Path:
    """A folder of data, or a reason to skip."""
    if not (DATA / name).is_dir():
        pytest.skip(f"no {name} in shared/data beside the repository")
    return DATA / name


def test_every_tag_of_4945_questions_is_in_some_interest(tmp_path: Path) -> None:
    rows = list(read_notes(data("stackexchange_tags") / "notes.jsonl.gz", split="train"))
    gathered = mine(rows, folder=tmp_path)
    assert gathered.counts["notes"] == 4945
    book = interests(cluster(gathered, None), categories=gathered.categories)
    written = {form_key(as_tag(tag)) for note in rows if isinstance(note, Note) for tag in note.hashtags}
    known = [form_key(tag) for interest in book.interests.values() for tag in interest.tags]
    assert len(known) == len(set(known))
    assert set(known) == written - {""}
    assert max(len(interest.tags) for interest in book.interests.values()) <= 2 * LARGEST


def test_ratings_of_movies_make_a_handbook_by_genre(tmp_path: Path) -> None:
    folder = data("movies_tmdb_ml")
    options = MiningOptions(min_strength=3.5)
    gathered = mine(read_notes(folder / "notes.jsonl"), folder / "interactions.csv", folder=tmp_path, options=options)
    counts = gathered.counts
    assert counts["interactions"] == 66_947 == counts["used"] + counts["too_weak"]
    book = interests(cluster(gathered, None), categories=gathered.categories)
    names = {category.id: category.name for category in book.categories}
    assert names["science-fiction"] == "Science Fiction"
    known = {note.id for note in gathered.evidence}
    for interest in book.interests.values():
        assert len(interest.tags) <= 2 * LARGEST
        assert interest.support is not None
        assert 3 <= interest.support.users <= 671
        assert known >= set(interest.notes)
        assert interest.evidence
        assert not interest.edited
    again = mine(None, folder=tmp_path, options=options)  # what was kept says the same
    assert again.phrases == gathered.phrases
    assert again.evidence == gathered.evidence


def test_short_videos_make_a_chinese_handbook(tmp_path: Path) -> None:
    gathered = mine(read_notes(data("kuairec_captions") / "notes.jsonl"), folder=tmp_path)
    book = interests(cluster(gathered, None), categories=gathered.categories)
    pets = book.category("宠物")
    assert pets is not None
    together = [set(interest.tags) for interest in pets.interests]
    assert any({"猫", "吸猫"} <= tags for tags in together)
    assert not any({"猫", "狗狗"} <= tags for tags in together)
