"""What is learned of a pair: the same after a restart, never a hashtag that can be copied, nothing of empty notes."""

import json
from collections import Counter
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

import prompts
from notes import Note
from recommend import RecommendError
from recommend.model.base import open_base
from recommend.model.words import Prompter
from recommend.pairs import Pairs
from recommend.training import TrainingConfig
from recommend.training.examples import Examples, make_examples, row_of

TAGS = ("night view", "budget", "food", "hotel", "bridge", "metro")
NOTES = [
    Note(id="a", title="Night view", content="skyline", category="travel", hashtags=TAGS),
    Note(id="b", title="Bridge", content="river", category="city", hashtags=TAGS[:1]),
    Note(id="c", title="Cat", content="food"),
    Note(id="d", images=("d.jpg",)),
    Note(id="e", title="alone"),
]
LEARNED = {note.id: note.hashtags for note in NOTES}


def pairs(*found: tuple[int, int]) -> Pairs:
    queries, targets = (np.array(column, dtype=np.int32) for column in zip(*found, strict=True))
    ids = (*(note.id for note in NOTES), "nobody")
    return Pairs(ids=ids, queries=queries, targets=targets, scores=np.ones(len(found)))


def examples(*found: tuple[int, int]) -> Examples:
    return make_examples(NOTES, LEARNED, pairs(*found))


def test_each_two_notes_are_learned_once_and_empty_or_cold_notes_are_counted() -> None:
    found = examples((0, 1), (1, 0), (1, 2), (2, 3))
    assert [(found.notes[one].id, found.notes[other].id) for one, other in found.pairs] == [("a", "b"), ("b", "c")]
    assert (found.left_out, found.cold, len(found.notes)) == (1, 2, 3)
    assert found.usual == round((6 + 1) / 2)


def test_pairs_that_cannot_be_learned_are_refused() -> None:
    with pytest.raises(RecommendError, match="a pair is of the note 'nobody', and no such note is among these 5"):
        examples((0, 1), (1, 5))
    with pytest.raises(RecommendError, match=r"2 pairs to learn from, 1 have an empty note: .*there must be two"):
        examples((0, 1), (2, 3))


@pytest.fixture(scope="module")
def prompter() -> Prompter:
    return Prompter(open_base("minilm").tokenizer, prompts.named("compression/v1"), note_tokens=96)


def test_a_pair_is_put_into_prompts_by_its_number_alone(prompter: Prompter) -> None:
    found, config = examples((0, 1), (1, 2)), TrainingConfig()
    rows = [row_of(found, number, side, prompter, "notellm", config) for number in (0, 1) for side in (0, 1)]
    again = [row_of(found, number, side, prompter, "notellm", config) for number in (1, 0) for side in (1, 0)]
    assert rows == again[::-1]
    other = [row_of(found, 0, 0, prompter, "notellm", TrainingConfig(seed=seed)) for seed in range(20)]
    assert len(set(other)) >= 5


def test_hashtags_asked_for_are_not_in_the_note_and_are_as_many_as_the_prompt_says(prompter: Prompter) -> None:
    found = examples((0, 1), (0, 2))
    tokenizer = prompter._tokenizer
    for seed in range(30):
        row = row_of(found, 0, 0, prompter, "notellm", TrainingConfig(hashtag_share=1.0, seed=seed))
        written = prompter.read(row.output)
        note: dict[str, Any] = json.loads(tokenizer.decode(row.prompt.ids[slice(*row.prompt.note)]))
        shown = {tag.strip() for name, value in note.items() if name.strip() == "hashtags" for tag in value}
        assert 1 <= len(written) <= 5
        assert shown | set(written) == set(TAGS)
        assert not shown & set(written)
        assert f"{len(written)} hashtags" in tokenizer.decode(row.prompt.ids[row.prompt.place :])


def test_the_share_of_hashtags_is_kept_and_what_a_note_lacks_is_not_asked_for(prompter: Prompter) -> None:
    found = examples((0, 1), (0, 2))
    asked = Counter(
        row_of(found, 0, 0, prompter, "notellm", TrainingConfig(seed=seed)).output == prompter.output(("travel",))
        for seed in range(300)
    )
    assert asked[False] / 300 == pytest.approx(0.4, abs=0.1)
    bare = row_of(found, 1, 1, prompter, "notellm", TrainingConfig())
    assert found.notes[bare.note].id == "c"
    assert bare.output == ()


def test_notes_of_many_pairs_are_made_up_for_by_their_share_of_the_pairs() -> None:
    found = examples((0, 1), (0, 2))
    shares = {"a": 2 / 4, "b": 1 / 4, "c": 1 / 4}
    wanted = [-np.log(shares[note.id]) for note in found.notes]
    assert found.added(1.0) == pytest.approx(wanted, rel=1e-6)
    assert found.added(0.5) == pytest.approx([one / 2 for one in wanted], rel=1e-6)
    assert not found.added(0.0).any()


def test_contrast_alone_writes_nothing(prompter: Prompter) -> None:
    found = examples((0, 1), (0, 2))
    for method in ("contrast", "repllama"):
        assert row_of(found, 0, 0, prompter, method, TrainingConfig()).output == ()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [("steps", 0, "equal to 1"), ("batch", 1, "equal to 2"), ("alpha", -1, "equal to 0"), ("precision", "fp8", "bf16")],
)
def test_settings_outside_their_limits_are_refused(name: str, value: Any, said: str) -> None:
    with pytest.raises(ValidationError, match=rf"(?s){name}.*{said}.*input_value='?{value}"):
        TrainingConfig(**{name: value})
