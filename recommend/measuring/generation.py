"""What generated categories and hashtags are worth: as the NoteLLM paper measures, with BLEU and ROUGE worked out by
sacrebleu and rouge-score on words of their language, and as sets, which is what hashtags are.

For BLEU and ROUGE hashtags are written in their order, normalised (width, case, script), with Chinese cut into words:
white space does not separate words there, and counted as one word a hashtag would be right or wrong as a whole.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from notes.language import chinese_words, has_han
from notes.words import form_key, normalised
from recommend.measuring.retrieval import Estimate
from recommend.methods import Written
from signatures.metrics.intervals import interval

Floats = NDArray[np.float64]
METRICS = ("category_accuracy", "illusory", "BLEU-4", "ROUGE-1", "ROUGE-2", "ROUGE-L", "set-F1", "set-P", "set-R")
_ROUGE = {"ROUGE-1": "rouge1", "ROUGE-2": "rouge2", "ROUGE-L": "rougeL"}
_BLEU_COLUMNS = 10
"""n-grams found and there of each length 1 to 4, words generated, words true."""


@dataclass(frozen=True, kw_only=True)
class Gold:
    """What a note's author wrote."""

    category: str
    """Empty: none, the note says nothing about categories."""
    hashtags: tuple[str, ...]
    """Empty: none, the note says nothing about hashtags."""


def generation(
    written: Sequence[Written],
    gold: Sequence[Gold],
    categories: Collection[str],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Every one of `METRICS` in percent.

    category_accuracy: share of notes whose generated category is the author's. illusory: share whose generated
    category is none of `categories`. BLEU-4: of the corpus, brevity penalty and all. ROUGE: F1, average over notes.
    set-F1 (set-P, set-R): of the hashtags as sets of spellings, average over notes; a note without any generated
    hashtag counts 0.

    Args:
        written: What was generated, a note each.
        gold: What the authors wrote, in the same order.
        categories: All there are.
        resamples: Of the bootstrap over notes.
        seed: Of the bootstrap.

    Raises:
        ValueError: `written` and `gold` are not of the same notes.
    """
    if len(written) != len(gold):
        raise ValueError(f"generated for {len(written)} notes, gold of {len(gold)}")
    known = {normalised(category) for category in categories}
    said = [(normalised(one.category), normalised(true.category)) for one, true in zip(written, gold, strict=True)]
    having = [(one, true) for one, true in zip(written, gold, strict=True) if true.hashtags]
    scores = _rouge(having)
    sets = np.array([_set_scores(one.hashtags, true.hashtags) for one, true in having]).reshape(-1, 3)
    columns = {
        "category_accuracy": np.array([one == true for one, true in said if true], dtype=np.float64),
        "illusory": np.array([one not in known for one, true in said if true], dtype=np.float64),
        **{name: scores[:, column] for column, name in enumerate(_ROUGE)},
        **{name: sets[:, column] for column, name in enumerate(("set-F1", "set-P", "set-R"))},
    }
    found = {
        name: _estimate(100 * column[:, None], lambda sums, count: sums[:, 0] / count, resamples, seed)
        for name, column in columns.items()
    }
    found["BLEU-4"] = _estimate(_bleu_counts(having), lambda sums, _: _bleu(sums), resamples, seed)
    return {name: found[name] for name in METRICS}


def words_of(hashtags: Sequence[str]) -> str:
    """Hashtags as BLEU and ROUGE compare them: words with spaces between."""
    return " ".join(word for hashtag in hashtags for word in _words(normalised(hashtag)))


def _words(text: str) -> list[str]:
    if not has_han(text):
        return text.split()
    return [word.text for word, _ in chinese_words(text) if word.text.strip()]


class _Split:
    """Cuts at spaces; rouge-score's own tokeniser drops everything but a to z and digits."""

    def tokenize(self, text: str) -> list[str]:
        return text.split()


def _rouge(having: Sequence[tuple[Written, Gold]]) -> Floats:
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(list(_ROUGE.values()), tokenizer=_Split())
    found = np.zeros((len(having), len(_ROUGE)))
    for row, (one, true) in enumerate(having):
        scores = scorer.score(words_of(true.hashtags), words_of(one.hashtags))
        found[row] = [scores[kind].fmeasure for kind in _ROUGE.values()]
    return found


def _bleu_counts(having: Sequence[tuple[Written, Gold]]) -> Floats:
    """What BLEU is worked out of, a row a note, shape (n, 10)."""
    from sacrebleu.metrics.bleu import BLEU

    counter = BLEU(tokenize="none", force=True, effective_order=True)
    found = np.zeros((len(having), _BLEU_COLUMNS))
    for row, (one, true) in enumerate(having):
        score = counter.sentence_score(words_of(one.hashtags), [words_of(true.hashtags)])
        found[row] = [*score.counts, *score.totals, score.sys_len, score.ref_len]
    return found


def _bleu(sums: Floats) -> Floats:
    from sacrebleu.metrics.bleu import BLEU

    scores = []
    for row in sums:
        counted: list[Any] = [int(value) for value in row]
        score = BLEU.compute_bleu(counted[:4], counted[4:8], counted[8], counted[9], smooth_method="exp")
        scores.append(score.score)
    return np.array(scores)


def _set_scores(written: Sequence[str], gold: Sequence[str]) -> tuple[float, float, float]:
    """F1, precision and recall; one spelling of a hashtag is as good as another."""
    said, true = ({form_key(tag) for tag in tags} - {""} for tags in (written, gold))
    both = len(said & true)
    if not both:
        return 0.0, 0.0, 0.0
    return 2 * both / (len(said) + len(true)), both / len(said), both / len(true)


def _estimate(rows: Floats, worked_out: Callable[[Floats, int], Floats], resamples: int, seed: int) -> Estimate:
    """A metric that is a function of sums over notes, with the interval of drawing notes again."""
    count = len(rows)
    if not count:
        return Estimate(value=None, low=None, high=None, queries=0)
    random = np.random.default_rng(seed)
    drawn = np.stack([rows[random.integers(0, count, size=count)].sum(axis=0) for _ in range(resamples)])
    ends = interval(worked_out(drawn, count))
    value = float(worked_out(rows.sum(axis=0)[None], count)[0])
    return Estimate(value=value, low=ends[0] if ends else None, high=ends[1] if ends else None, queries=count)
