"""Phrases become interests: each phrase in one, few enough to be read, the same whatever the order."""

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from threadpoolctl import threadpool_limits

from handbook.mine import cluster, interests, mine
from handbook.mine.clusters import LARGEST
from handbook.mine.records import Cluster, Gathered, MiningOptions, PhraseStats
from notes.records import Note
from teachers.embedded import Encoder

SPACE = ("space travel", "space station", "astronaut", "moon landing", "rocket launch", "outer space")
COOKING = ("sourdough bread", "baking bread", "pizza dough", "home baking", "rye bread", "bread oven")
MUSIC = ("jazz piano", "jazz band", "saxophone", "live jazz", "jazz club", "trumpet")
夜景 = ("夜景机位", "城市夜景", "夜景拍摄", "夜景")


def stats(phrase: str, category: str = "all", users: int = 9, notes: int = 5) -> PhraseStats:
    """A phrase with so many users."""
    return PhraseStats(
        phrase=phrase, category=category, users=users, notes=notes, weight=1.0, lift=2.0, engagement=0.5,
        freshness=1.0, hashtag=True,
    )  # fmt: skip


def gathered(phrases: Sequence[PhraseStats], notes: Sequence[Sequence[int]] = (), **options: int) -> Gathered:
    """What was counted, with notes that carry phrases by number."""
    entries = [(row, number) for row, carried in enumerate(notes) for number in carried]
    rows, columns = ([entry[side] for entry in entries] for side in (0, 1))
    carried = sparse.csr_matrix((np.ones(len(rows), np.int8), (rows, columns)), (max(1, len(notes)), len(phrases)))
    return Gathered(options=MiningOptions(**options), phrases=phrases, evidence=(), carried=carried)  # pyright: ignore[reportArgumentType]


def groups(clusters: Sequence[Cluster]) -> set[frozenset[str]]:
    """Their phrases."""
    return {frozenset(phrase.phrase for phrase in item.phrases) for item in clusters}


def test_what_means_the_same_comes_together(encoder: Encoder) -> None:
    phrases = [stats(phrase) for trio in zip(SPACE, COOKING, MUSIC, strict=True) for phrase in trio]
    found = groups(cluster(gathered([*phrases, *map(stats, 夜景)]), encoder))
    assert frozenset(夜景) in found
    for theme in (SPACE, COOKING, MUSIC):
        (home,) = [group for group in found if theme[0] in group]
        assert len(home & set(theme)) >= 4
        assert home <= set(theme)


def test_what_stands_together_comes_together_without_an_encoder() -> None:
    words = [f"word{n}" for n in range(12)]
    notes = [range(0, 6)] * 8 + [range(6, 12)] * 8
    found = groups(cluster(gathered([stats(word) for word in words], [list(note) for note in notes]), None))
    assert found == {frozenset(words[:6]), frozenset(words[6:])}


def test_the_order_of_ties_and_the_number_of_threads_change_nothing(encoder: Encoder, tmp_path: Path) -> None:
    chance = random.Random(4)
    notes = [
        Note(id=f"n{n}", title=f"About {chance.choice(theme)}", category=chance.choice("ab"), lang="en",
             hashtags=tuple(chance.sample(theme, 3)))
        for n, theme in enumerate([SPACE, COOKING, MUSIC] * 12)
    ]  # fmt: skip
    found = []
    for number, threads in enumerate((1, 2, 4)):
        chance.shuffle(notes)
        folder = tmp_path / str(number)
        folder.mkdir()
        with threadpool_limits(threads):
            book = mine(notes, None, folder=folder)
            clusters = cluster(book, Encoder() if number else encoder)
        found.append((clusters, interests(clusters)))
    assert found[0] == found[1] == found[2]


def test_every_phrase_is_in_one_cluster_and_none_is_too_large(encoder: Encoder) -> None:
    chance = random.Random(1)
    words = [*SPACE, *COOKING, *MUSIC]
    phrases = [stats(f"{chance.choice(words)} {n}", users=1 + n % 9, notes=1 + n % 4) for n in range(300)]
    phrases.sort(key=lambda phrase: (-phrase.users, -phrase.notes, phrase.phrase))
    notes = [[chance.randrange(300) for _ in range(4)] for _ in range(200)]
    found = cluster(gathered(phrases, notes, max_phrases=120), encoder)
    said = Counter(phrase.phrase for item in found for phrase in item.phrases)
    assert said == Counter(phrase.phrase for phrase in phrases)
    assert max(len(item.phrases) for item in found) <= 2 * LARGEST
    keys = {item.key for item in found}
    assert len(keys) == len(found)
    assert all(key in keys and key != item.key for item in found for key in item.near)
    assert all(set(item.speaking) <= {phrase.phrase for phrase in item.phrases} for item in found)


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_few_phrases_are_no_trouble(count: int, encoder: Encoder) -> None:
    phrases = [stats(phrase) for phrase in SPACE[:count]]
    for reader in (None, encoder):
        found = cluster(gathered(phrases, [list(range(count))]), reader)
        assert sum(len(item.phrases) for item in found) == count
        assert len(interests(found).interests) == len(found)


def test_near_interests_of_other_categories_are_neighbours(encoder: Encoder) -> None:
    phrases = [*(stats(phrase, "a") for phrase in (*SPACE, *COOKING)), *(stats(phrase, "b") for phrase in SPACE)]
    found = cluster(gathered(phrases), encoder)
    (home,) = [item for item in found if item.category == "a" and SPACE[0] in {p.phrase for p in item.phrases}]
    (other,) = [item for item in found if item.category == "b" and SPACE[0] in {p.phrase for p in item.phrases}]
    assert other.key in home.near
    assert home.key in other.near
