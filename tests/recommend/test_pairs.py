"""Pairs are those worked out by hand, whatever the order of the rows, and the same as by another way of counting."""

import random
from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import pytest

import recommend.pairs
from recommend import Pair, PairOptions, RecommendError
from recommend.clicks import Clicks, read_clicks
from recommend.pairs import find_pairs, read_pairs, write_pairs

Rows = Sequence[tuple[str, str]]


def clicks(folder: Path, rows: Rows) -> Clicks:
    file = folder / "clicks.csv"
    file.write_text("user_id,note_id\n" + "".join(f"{user},{note}\n" for user, note in rows), "utf-8")
    return read_clicks(file, {note for _, note in rows})


SMALL = [("u", "a"), ("u", "b"), ("v", "a"), ("v", "b"), ("v", "c"), ("w", "b"), ("w", "c"), ("x", "d")]
"""u clicked a b, v a b c, w b c, x d: s(a,b) = 1/2 + 1/3, s(a,c) = 1/3, s(b,c) = 1/3 + 1/2."""


def said(found: recommend.pairs.Pairs) -> list[tuple[str, str, float]]:
    return [(pair.query, pair.target, round(pair.score, 6)) for pair in found]


def test_cooccurrence_is_the_sum_of_one_over_what_each_user_clicked(tmp_path: Path) -> None:
    assert said(find_pairs(clicks(tmp_path, SMALL))) == [
        ("a", "b", 0.833333),
        ("a", "c", 0.333333),
        ("b", "a", 0.833333),
        ("b", "c", 0.833333),
        ("c", "b", 0.833333),
        ("c", "a", 0.333333),
    ]


def test_cosine_divides_by_the_popularity_of_both_and_wants_support(tmp_path: Path) -> None:
    found = find_pairs(clicks(tmp_path, SMALL), PairOptions(definition="cosine", support=2))
    both = round(2 / (2 * 3) ** 0.5, 6)
    assert said(found) == [("a", "b", both), ("b", "a", both), ("b", "c", both), ("c", "b", both)]
    alone = find_pairs(clicks(tmp_path, SMALL), PairOptions(definition="cosine", support=1))
    assert ("a", "c", 0.5) in said(alone)


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        (PairOptions(lowest=0.34), {"ab", "ba", "bc", "cb"}),
        (PairOptions(highest=0.5), {"ac", "ca"}),
        (PairOptions(most=1), {"ab", "ba", "cb"}),
        (PairOptions(lowest=round(1 / 3, 9), highest=round(1 / 3, 9)), {"ac", "ca"}),
    ],
)
def test_thresholds_include_their_ends_and_ties_go_by_id(tmp_path: Path, options: PairOptions, kept: set[str]) -> None:
    assert {pair.query + pair.target for pair in find_pairs(clicks(tmp_path, SMALL), options)} == kept


def test_a_user_of_a_hundred_clicks_alone_reaches_the_lowest_score_and_one_more_does_not(tmp_path: Path) -> None:
    for count, pairs in ((100, 100 * 10), (101, 0)):
        assert len(find_pairs(clicks(tmp_path, [("u", f"n{number}") for number in range(count)]))) == pairs


def many(seed: int, users: int = 60, notes: int = 80) -> list[tuple[str, str]]:
    chance = random.Random(seed)
    return [(f"u{u}", f"n{min(int(chance.expovariate(0.05)), notes - 1)}") for u in range(users) for _ in range(u + 1)]


@pytest.mark.parametrize("block", [1, 500, 1 << 23])
def test_pairs_are_those_of_plain_counting_in_blocks_of_any_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(recommend.pairs, "BLOCK", block)
    rows = many(1)
    of_user: dict[str, set[str]] = defaultdict(set)
    for user, note in rows:
        of_user[user].add(note)
    score: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for held in of_user.values():
        for one, other in combinations(sorted(held), 2):
            score[one][other] += 1 / len(held)
            score[other][one] += 1 / len(held)
    options = PairOptions(lowest=0.05, highest=2.0, most=7)
    wanted = {}
    for query, others in score.items():
        inside = {other: round(s, 9) for other, s in others.items() if 0.05 <= round(s, 9) <= 2.0}
        for target in sorted(inside, key=lambda other, inside=inside: (-inside[other], other))[:7]:
            wanted[query, target] = inside[target]
    found = {(pair.query, pair.target): pair.score for pair in find_pairs(clicks(tmp_path, rows), options)}
    assert found == pytest.approx(wanted, abs=2e-9)


def test_the_order_of_the_rows_and_clicks_again_change_nothing(tmp_path: Path) -> None:
    rows = many(2)
    options = PairOptions(most=5)
    first = list(find_pairs(clicks(tmp_path, rows), options))
    random.Random(3).shuffle(rows)
    assert list(find_pairs(clicks(tmp_path, rows + rows[:100]), options)) == first


def test_a_user_who_clicks_everything_is_set_aside_and_counted(tmp_path: Path) -> None:
    rows = [*SMALL, *(("crawler", f"n{number}") for number in range(3000)), *(("crawler", note) for note in "abcd")]
    found = clicks(tmp_path, rows)
    assert found.crowded(PairOptions().most_clicks) == 1
    assert said(find_pairs(found)) == said(find_pairs(clicks(tmp_path, SMALL)))


def test_notes_that_share_no_user_make_no_pair(tmp_path: Path) -> None:
    assert len(find_pairs(clicks(tmp_path, [("u", "a"), ("v", "b")]))) == 0


def test_pairs_are_read_as_they_were_written_and_what_is_no_pair_is_named(tmp_path: Path) -> None:
    file = tmp_path / "pairs.jsonl"
    pairs = [Pair(query="a", target="b", score=0.5), Pair(query="b", target="红", score=0.25)]
    assert write_pairs(file, pairs) == 2
    assert list(read_pairs(file)) == pairs
    file.write_text('{"query": "a"}\n', "utf-8")
    with pytest.raises(RecommendError, match=r"pairs.jsonl:1: no pair: .*; make the pairs again"):
        list(read_pairs(file))
    with pytest.raises(RecommendError, match=r"gone\.jsonl: No such file"):
        list(read_pairs(tmp_path / "gone.jsonl"))
