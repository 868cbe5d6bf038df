"""Keyphrase metrics: by hand, and to the digit as the scorer that published numbers were reproduced with."""

import importlib.util
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from signatures.metrics import score
from signatures.metrics.keyphrase import note_scores, stemmed

SHARED = Path(__file__).parents[4] / "shared"


@pytest.fixture(scope="module")
def published() -> Callable[..., dict[str, float]]:
    """`score` of ../shared/score_tags.py."""
    file = SHARED / "score_tags.py"
    if not file.is_file():
        pytest.skip("../shared/score_tags.py is not here")
    spec = importlib.util.spec_from_file_location("score_tags", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.score


def rounded(found: dict[str, float | None]) -> dict[str, float | None]:
    return {name: None if value is None else round(value, 2) for name, value in found.items()}


def test_by_hand() -> None:
    golds = [["#night view", "Singapore"], ["cat"]]
    predictions = [["Night Views", "MRT", "singapore"], []]
    # First note: hits at ranks 1 and 3 of 3 tags, 2 of 2 found. P@1 1, R@1 1/2; P@3 2/3, R@3 1; AP (1 + 2/3) / 2.
    assert rounded(score(golds, predictions)) == {
        "F1@1": 33.33,  # of 1/2 and 1/4
        "F1@3": 40.0,  # of 1/3 and 1/2
        "F1@5": 40.0,
        "meanF1@1": 33.33,  # half of 2/3
        "meanF1@3": 40.0,
        "meanF1@5": 40.0,
        "MAP@5": 41.67,
        "MAP@10": 41.67,
    }


def test_f1_is_of_averages_and_not_the_average_of_f1() -> None:
    golds = [["a"], ["b", "c", "d", "e"]]
    found = rounded(score(golds, [["x", "y", "a"], ["b"]]))
    # P@3 is 1/3 and 1, R@3 1 and 1/4: F1 of 2/3 and 5/8; the notes' own are 1/2 and 2/5.
    assert (found["F1@3"], found["meanF1@3"]) == (64.52, 45.0)


@pytest.mark.parametrize(
    ("tags", "phrases"),
    [
        (["Night Views", "night view"], ("night view",)),
        (["#running", "##run", " Runs "], ("run",)),
        (["", "#", "  "], ()),
        (["滨海湾夜景", "#滨海湾夜景", "夜景"], ("滨海湾夜景", "夜景")),
        (["ponies  riding"], ("poni ride",)),
    ],
)
def test_phrases_are_compared_by_stems_each_once(tags: list[str], phrases: tuple[str, ...]) -> None:
    assert stemmed(tags) == phrases


def test_a_note_without_gold_says_nothing_and_one_without_tags_says_0() -> None:
    assert note_scores([], ["a"]) == note_scores(["#", " "], ["a"]) == {}
    assert set(note_scores(["a"], []).values()) == {0.0}
    assert score([[], ["a"]], [["x"], ["a"]]) == score([["a"]], [["a"]])
    assert set(score([], []).values()) == {None}


def test_lists_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="2 golds but 1 predictions"):
        score([["a"], ["b"]], [["a"]])


def test_random_lists_score_as_published(published: Callable[..., dict[str, float]]) -> None:
    words = "running runs night view views Marina bay #Bay 夜景 夜景机位 Cat cats ponies".split()

    def phrases(random_: random.Random, least: int, most: int) -> list[str]:
        size = random_.randint(least, most)
        return [" ".join(random_.choices(words, k=random_.randint(1, 2))) for _ in range(size)]

    for seed in range(400):
        random_ = random.Random(seed)
        notes = random_.randint(1, 33)
        golds = [phrases(random_, 1, 6) for _ in range(notes)]
        predictions = [phrases(random_, 0, 12) for _ in range(notes)]
        assert rounded(score(golds, predictions)) == published(golds, predictions), seed


@pytest.mark.parametrize("data", ["mm_notes", "kuairec_captions", "cmkp_tweets"])
def test_real_notes_score_as_published(data: str, published: Callable[..., dict[str, float]]) -> None:
    file = SHARED / "data" / data / "notes.jsonl"
    if not file.is_file():
        pytest.skip(f"../shared/data/{data} is not here")
    with file.open(encoding="utf-8") as lines:
        notes: list[dict[str, Any]] = [json.loads(line) for _, line in zip(range(1500), lines, strict=False)]
    notes = [note for note in notes if note["hashtags"]]
    random_ = random.Random(data)
    golds = [note["hashtags"] for note in notes]
    predictions = []
    for note in notes:
        tags = random_.sample(note["hashtags"], len(note["hashtags"]) // 2) + note["content"].split()[:6]
        random_.shuffle(tags)
        predictions.append(tags)
    found = rounded(score(golds, predictions))
    assert found == published(golds, predictions)
    assert found["F1@5"]
