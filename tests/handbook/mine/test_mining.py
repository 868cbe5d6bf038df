"""Mining: what counts, what does not, and that nothing depends on the order of rows or on who shouts."""

import csv
import hashlib
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from handbook import Handbook
from handbook.mine import cluster, interests, mine
from handbook.mine.behaviour import FILE as BEHAVIOUR
from handbook.mine.phrases import as_tag
from handbook.mine.records import Gathered, MiningOptions
from notes.formats import UnreadableInput
from notes.reading import read_notes
from notes.records import Note

DAY = 86400
THEMES = {
    "travel": ("harbour night view", "budget hotel", "island ferry", "street food tour", "mountain hut"),
    "food": ("sourdough bread", "ramen broth", "cold brew", "knife sharpening", "meal prep"),
}


def _notes(count: int = 120, *, category: bool = True, hashtags: bool = True) -> list[Note]:
    chance = random.Random(3)
    found = []
    for number in range(count):
        name = ("travel", "food")[number % 2]
        theme = THEMES[name][chance.randrange(5)]
        tags = (theme, f"{theme} tips", chance.choice(THEMES[name])) if hashtags else ()
        title = f"My favourite {theme} of the year"
        found.append(Note(id=f"n{number}", title=title, category=name if category else "", hashtags=tags, lang="en"))
    return found


def _acts(path: Path, rows: Iterable[Sequence[Any]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("user_id", "note_id", "timestamp", "kind", "query"))
        writer.writerows(rows)
    return path


def _crowd(notes: Sequence[Note], users: int = 60, each: int = 12) -> list[tuple[str, str, int, str, str]]:
    chance = random.Random(5)
    kinds = ("click", "click", "click", "like", "save", "share")
    return [
        (f"u{user}", chance.choice(notes).id, 1_700_000_000 + chance.randrange(90) * DAY, chance.choice(kinds), "")
        for user in range(users)
        for _ in range(each)
    ]


def _mine(folder: Path, notes: Iterable[Note] | None, acts: Path | None, **options: Any) -> Gathered:
    folder.mkdir(exist_ok=True)
    return mine(notes, acts, folder=folder, options=MiningOptions(**options))


def _book(gathered: Gathered) -> Handbook:
    return interests(cluster(gathered, None), categories=gathered.categories)


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_shuffled_input_gives_the_same_handbook_and_the_same_bytes(tmp_path: Path) -> None:
    notes = _notes()
    rows = _crowd(notes)
    one = _mine(tmp_path / "one", notes, _acts(tmp_path / "one.csv", rows))
    random.Random(1).shuffle(rows)
    random.Random(2).shuffle(notes)
    other = _mine(tmp_path / "other", notes, _acts(tmp_path / "other.csv", rows))
    assert _book(one) == _book(other)
    assert one.phrases == other.phrases
    assert one.evidence == other.evidence
    assert _digest(tmp_path / "one" / BEHAVIOUR) == _digest(tmp_path / "other" / BEHAVIOUR)


def test_reading_in_two_parts_is_reading_at_once(tmp_path: Path) -> None:
    notes = _notes()
    rows = _crowd(notes)
    whole = _mine(tmp_path / "whole", notes, _acts(tmp_path / "all.csv", rows))
    _mine(tmp_path / "parts", notes[:70], _acts(tmp_path / "a.csv", rows[:300]))
    parts = _mine(tmp_path / "parts", notes[70:], _acts(tmp_path / "b.csv", rows[300:]))
    assert parts.phrases == whole.phrases
    assert parts.evidence == whole.evidence
    assert _book(parts) == _book(whole)
    assert _digest(tmp_path / "parts" / BEHAVIOUR) == _digest(tmp_path / "whole" / BEHAVIOUR)


@pytest.mark.parametrize("spread", [3, 120])
def test_one_user_with_100_000_acts_moves_nothing(tmp_path: Path, spread: int) -> None:
    notes = _notes()
    rows = _crowd(notes)
    clean = _book(_mine(tmp_path / "clean", notes, _acts(tmp_path / "clean.csv", rows)))
    kinds = ("share", "save", "comment")
    bot = [("bot", notes[n % spread].id, 1_708_000_000 + n, kinds[n % 3], "buy my tea") for n in range(100_000)]
    gathered = _mine(tmp_path / "bot", notes, _acts(tmp_path / "bot.csv", [*rows, *bot]))
    assert gathered.counts["users_set_aside"] == 1

    def top(book: Handbook) -> dict[str, list[str]]:
        return {c.id: [i.id for i in c.interests[:20]] for c in book.categories}

    assert top(_book(gathered)) == top(clean)


def test_a_user_counts_once_a_note_and_once_a_phrase(tmp_path: Path) -> None:
    notes = [Note(id=f"n{n}", title="x", category="a", hashtags=("tea house",), lang="en") for n in range(4)]
    rows = [(f"u{u}", f"n{n}", 1_700_000_000, "like", "") for u in range(5) for n in range(4) for _ in range(3)]
    (phrase,) = _mine(tmp_path / "h", notes, _acts(tmp_path / "a.csv", rows)).phrases
    assert (phrase.users, phrase.notes, phrase.weight, phrase.engagement) == (5, 4, 10.0, 1.0)
    few = _mine(tmp_path / "few", notes, _acts(tmp_path / "b.csv", rows[:24]))
    assert few.phrases == []  # two users are not three


def test_older_acts_weigh_less_and_what_is_long_gone_is_no_longer_supported(tmp_path: Path) -> None:
    notes = [
        Note(id="old", title="x", category="a", hashtags=("pocket watch",), lang="en"),
        Note(id="new", title="x", category="a", hashtags=("smart watch",), lang="en"),
    ]
    rows = [(f"u{u}", "old", 1_600_000_000, "click", "") for u in range(4)]
    rows += [(f"u{u}", "new", 1_600_000_000 + 100 * DAY, "click", "") for u in range(4)]
    acts = _acts(tmp_path / "a.csv", rows)
    half = {p.phrase: p for p in _mine(tmp_path / "half", notes, acts, half_life_days=100).phrases}
    assert half["pocket watch"].weight == pytest.approx(2.0)
    assert half["smart watch"].weight == pytest.approx(4.0)
    assert half["pocket watch"].freshness == pytest.approx(0.5)
    assert [p.phrase for p in _mine(tmp_path / "soon", notes, acts, half_life_days=10).phrases] == ["smart watch"]


def test_authors_hashtags_are_the_behaviour_without_interactions(tmp_path: Path) -> None:
    notes = [
        Note(id="1", title="A walk", hashtags=("#City Walk ", "coffee"), lang="en"),
        Note(id="2", title="Coffee", hashtags=("city walks",), lang="en"),
        Note(id="3", title="Coffee", lang="en"),
    ]
    gathered = _mine(tmp_path / "h", notes, None)
    assert {(p.phrase, p.users, p.category) for p in gathered.phrases} == {
        ("city walk", 2, "general"),
        ("coffee", 1, "general"),
    }
    assert {note.id: note.tags for note in gathered.evidence} == {"1": ("city walk", "coffee"), "2": ("city walk",)}
    authored = [note.model_copy(update={"extra": {"author": "one"}}) for note in notes]
    assert {p.users for p in _mine(tmp_path / "author", authored, None).phrases} == {1}


def test_every_hashtag_is_in_the_vocabulary_of_one_interest(tmp_path: Path) -> None:
    notes = [
        Note(id=f"n{n}", title="x", hashtags=(f"thing {n} of {n % 7}", f"kind {n % 5}"), lang="en") for n in range(90)
    ]
    book = _book(_mine(tmp_path / "h", notes, None))
    tags = [tag for interest in book.interests.values() for tag in interest.tags]
    assert sorted(tags) == sorted({tag for note in notes for tag in note.hashtags})
    assert all(not interest.edited for interest in book.interests.values())
    assert len(book.interests) == len(set(book.interests))


def test_titles_and_searches_speak_where_nobody_wrote_hashtags(tmp_path: Path) -> None:
    notes = _notes(hashtags=False)
    rows = [(*row[:4], "cheap sleep" if n % 9 == 0 else "") for n, row in enumerate(_crowd(notes))]
    phrases = {p.phrase for p in _mine(tmp_path / "h", notes, _acts(tmp_path / "a.csv", rows)).phrases}
    assert "cheap sleep" in phrases
    assert any("night view" in phrase for phrase in phrases)
    titles = {p.phrase for p in _mine(tmp_path / "t", notes, None).phrases}
    assert any("sourdough" in phrase for phrase in titles)


def test_notes_without_a_category_get_one_proposed(tmp_path: Path) -> None:
    notes = _notes()
    bare = [n.model_copy(update={"category": ""}) if int(n.id[1:]) % 10 < 2 else n for n in notes]
    found = {note.id: note.category for note in _mine(tmp_path / "h", bare, None).evidence}
    assert all(found[note.id] == note.category for note in notes)
    none = _mine(tmp_path / "none", _notes(category=False), None)
    assert {p.category for p in none.phrases} == {"general"}


def test_chinese_notes_are_clustered_by_their_characters(tmp_path: Path) -> None:
    groups = (("夜景", "夜景机位", "城市夜景"), ("红烧肉", "红烧肉做法", "家常红烧肉"))
    notes = [
        Note(
            id=f"n{n}",
            title=f"分享{groups[n % 2][n % 3]}",
            category="生活",
            hashtags=(groups[n % 2][n % 3],),
            lang="zh",
        )
        for n in range(60)
    ]
    book = _book(_mine(tmp_path / "h", notes, None))
    found = {frozenset(interest.tags) for interest in book.interests.values()}
    assert found == {frozenset(group) for group in groups}
    assert all(id.startswith("生活.") for id in book.interests)


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "tsv", "jsonl", "jsonl.gz", "parquet"])
def test_every_form_of_file_says_the_same(tmp_path: Path, suffix: str) -> None:
    import gzip
    import json

    rows = [
        {"user_id": f"u{n}", "note_id": f"n{n % 3}", "timestamp": 1_700_000_000 + n, "kind": "like"} for n in range(9)
    ]
    path = tmp_path / f"acts.{suffix}"
    if suffix == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        separator = "\t" if suffix == "tsv" else ","
        lines = [json.dumps(row) for row in rows]
        if "jsonl" not in suffix:
            lines = [separator.join(rows[0]), *(separator.join(map(str, row.values())) for row in rows)]
        data = ("\n".join(lines) + "\n").encode()
        path.write_bytes(gzip.compress(data) if suffix.endswith("gz") else data)
    notes = [Note(id=f"n{n}", title="x", category="a", hashtags=("tea",), lang="en") for n in range(3)]
    gathered = _mine(tmp_path / "h", notes, path)
    assert gathered.counts["interactions"] == 9
    assert [(p.phrase, p.users, p.engagement) for p in gathered.phrases] == [("tea", 9, 1.0)]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("acts.csv", "user,note\n1,2\n", "no column user_id and no note_id; columns there: user, note"),
        ("acts.csv", "\n\n", "the file is empty"),
        ("acts.xlsx", "x", "unknown format; known: .csv"),
        ("acts.parquet", "no parquet", "acts.parquet"),
    ],
)
def test_files_that_are_no_interactions_are_refused(tmp_path: Path, name: str, content: str, said: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(UnreadableInput, match=said):
        _mine(tmp_path / "h", _notes(4), path)
    with pytest.raises(UnreadableInput, match="no such file"):
        _mine(tmp_path / "h", _notes(4), tmp_path / "missing.csv")


def test_users_are_kept_as_digests_only(tmp_path: Path) -> None:
    notes = _notes()
    _mine(tmp_path / "h", notes, _acts(tmp_path / "a.csv", [("alice@example.org", "n1", 1, "like", "")]))
    assert b"alice" not in (tmp_path / "h" / BEHAVIOUR).read_bytes()


@pytest.mark.parametrize(
    ("written", "tag"),
    [
        ("#Night View ", "Night View"),
        ("夜景🌃机位", "夜景 机位"),
        ("123", ""),
        ("C#", "C#"),
        ("a" * 61, ""),
        ("…!", ""),
    ],
)
def test_hashtags_become_tags(written: str, tag: str) -> None:
    assert as_tag(written) == tag


def test_the_examples_make_a_handbook(tmp_path: Path, examples: Path) -> None:
    rows = read_notes(examples / "notes.jsonl")
    gathered = mine(rows, examples / "interactions.csv", folder=tmp_path)
    book = _book(gathered)
    assert len(book.categories) == 9
    assert gathered.counts["interactions"] == 2024
    assert all(interest.evidence and interest.notes and interest.description for interest in book.interests.values())
