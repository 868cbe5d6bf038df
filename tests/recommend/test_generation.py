"""Generated words are measured as by hand, by sacrebleu and by rouge-score; Chinese word by word."""

import pytest
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics.bleu import BLEU

from recommend.measuring.generation import METRICS, Gold, generation, words_of
from recommend.methods import Written

CATEGORIES = ("Travel", "Food", "宠物")


def values(written: list[Written], gold: list[Gold]) -> dict[str, float | None]:
    return {name: found.value for name, found in generation(written, gold, CATEGORIES, resamples=50).items()}


def test_small_cases_by_hand() -> None:
    gold = [
        Gold(category="Travel", hashtags=("night view", "singapore")),
        Gold(category="Food", hashtags=("miso",)),
        Gold(category="宠物", hashtags=()),
        Gold(category="", hashtags=("a", "b", "c")),
    ]
    written = [
        Written("travel", ("Night Views", "mrt")),
        Written("Foods", ("miso", "noodle", "ten minutes")),
        Written("Food", ("cat",)),
        Written("anything", ()),
    ]
    found = values(written, gold)
    assert list(found) == list(METRICS)
    assert found["category_accuracy"] == pytest.approx(100 / 3)
    assert found["illusory"] == pytest.approx(100 / 3)
    assert found["set-P"] == pytest.approx(100 * (1 / 2 + 1 / 3 + 0) / 3)
    assert found["set-R"] == pytest.approx(100 * (1 / 2 + 1 + 0) / 3)
    assert found["set-F1"] == pytest.approx(100 * (1 / 2 + 1 / 2 + 0) / 3)


def test_bleu_and_rouge_are_those_of_their_libraries() -> None:
    pairs = [
        (
            ("cheap night view hotel in singapore", "three day plan"),
            ("cheap night view hotel", "three day plan", "mrt"),
        ),
        (("how to feed an old cat well",), ("how to feed an old cat",)),
        (("running shoes for flat feet", "marathon"), ("running shoes", "half marathon training plan")),
    ]
    written = [Written("", said) for said, _ in pairs]
    gold = [Gold(category="", hashtags=true) for _, true in pairs]
    found = values(written, gold)
    said, true = [" ".join(one) for one, _ in pairs], [" ".join(one) for _, one in pairs]
    assert found["BLEU-4"] == pytest.approx(BLEU(tokenize="none").corpus_score(said, [true]).score)
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"])
    scores = [scorer.score(one, other) for one, other in zip(true, said, strict=True)]
    for name, kind in (("ROUGE-1", "rouge1"), ("ROUGE-2", "rouge2"), ("ROUGE-L", "rougeL")):
        assert found[name] == pytest.approx(100 * sum(score[kind].fmeasure for score in scores) / 3)


def test_chinese_is_compared_word_by_word() -> None:
    assert words_of(("新加坡夜景攻略", "Night View")) == "新加坡 夜景 攻略 night view"
    found = values([Written("", ("新加坡夜景",))], [Gold(category="", hashtags=("新加坡夜景攻略",))])
    assert found["ROUGE-1"] == pytest.approx(80)
    traditional = values([Written("", ("護膚ＴＩＰＳ",))], [Gold(category="", hashtags=("护肤tips",))])
    assert (traditional["ROUGE-L"], traditional["set-F1"]) == (100, 100)


def test_what_is_all_right_is_a_hundred_and_nothing_to_measure_is_nothing() -> None:
    gold = [Gold(category="Travel", hashtags=("one two three four", "five"))]
    found = values([Written("Travel", gold[0].hashtags)], gold)
    assert {name: value for name, value in found.items() if name != "illusory"} == pytest.approx(
        dict.fromkeys([name for name in METRICS if name != "illusory"], 100)
    )
    assert found["illusory"] == 0
    assert set(values([Written("Travel", ())], [Gold(category="", hashtags=())]).values()) == {None}
    with pytest.raises(ValueError, match="generated for 1 notes, gold of 0"):
        generation([Written("", ())], [], CATEGORIES)


def test_intervals_hold_the_value() -> None:
    gold = [Gold(category="Food", hashtags=("miso soup recipe for two", f"n{number}")) for number in range(40)]
    written = [Written("Food" if n % 3 else "Travel", ("miso soup recipe for " + "two" * (n % 2),)) for n in range(40)]
    for name, found in generation(written, gold, CATEGORIES, resamples=200).items():
        assert found.value is not None, name
        assert found.low is not None
        assert found.high is not None
        assert found.low <= found.value <= found.high
        assert name == "illusory" or found.low < found.high
