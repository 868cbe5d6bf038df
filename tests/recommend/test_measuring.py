"""Ranks and metrics are those worked out by hand and by scikit-learn, whatever the order of anybody's rows."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import label_ranking_average_precision_score, ndcg_score

from recommend import PairOptions, RecommendError, Vectors
from recommend.clicks import read_clicks
from recommend.measuring import Ranking, Task, compare, make_task, metric_names, ranks
from recommend.splitting import split


def units(rows: int, d: int, seed: int = 0) -> Vectors:
    vectors = np.random.default_rng(seed).standard_normal((rows, d)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def task(pool: int, pairs: Sequence[tuple[int, int]]) -> Task:
    queries, targets = (np.array(column) for column in zip(*sorted(pairs), strict=True))
    everything = np.ones(len(pairs), dtype=np.bool_)
    return Task(
        pool=tuple(f"{number:04}" for number in range(pool)),
        queries=queries,
        targets=targets,
        slices={"warm": everything, "cold": ~everything},
        exposure=(0, 0),
        options=PairOptions(),
    )


def test_a_rank_counts_what_is_nearer_than_the_target_but_not_the_query_itself() -> None:
    angles = np.radians([0, 10, 20, 30, 90])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    assert ranks(vectors, np.array([0, 0, 2, 2]), np.array([1, 4, 0, 3])).tolist() == [1, 4, 3, 2]


def test_notes_exactly_as_near_are_ordered_by_id() -> None:
    vectors = np.array([[1, 0], [0.6, 0.8], [0.6, 0.8], [0.6, 0.8], [0, 1]], dtype=np.float32)
    assert ranks(vectors, np.array([0, 0, 0, 4]), np.array([1, 2, 3, 3])).tolist() == [1, 2, 3, 3]


def test_ranks_are_those_of_sorting_and_do_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(1)
    vectors = (chance.integers(-4, 5, (300, 16)) / 16).astype(np.float32)  # products without rounding, many equal
    queries = np.sort(chance.integers(0, 300, 500))
    targets = (queries + chance.integers(1, 300, 500)) % 300
    wanted = []
    for query, target in zip(queries, targets, strict=True):
        near = vectors @ vectors[query]
        near[query] = -np.inf
        wanted.append(1 + np.argsort(-near, kind="stable").tolist().index(target))
    for at_once in (1, 1000, 1 << 25):
        monkeypatch.setattr("recommend.measuring.ranking._AT_ONCE", at_once)
        assert ranks(vectors, queries, targets).tolist() == wanted


def test_a_query_cannot_be_its_own_target() -> None:
    with pytest.raises(ValueError, match="no target of its own"):
        ranks(units(3, 4), np.array([1]), np.array([1]))


def test_metrics_of_two_queries_by_hand() -> None:
    ranking = Ranking(task=task(50, [(0, 1), (0, 2), (3, 4)]), ranks=np.array([2, 11, 4]), ks=(1, 3, 10))
    table = dict(zip(metric_names((1, 3, 10)), ranking.table().T.tolist(), strict=True))
    assert table["Recall@1"] == [0, 0]
    assert table["Recall@3"] == [50, 0]
    assert table["Recall@10"] == [50, 100]
    assert table["MRR"] == [50, 25]
    two = 1 / np.log2(2) + 1 / np.log2(3)
    assert table["NDCG@3"] == pytest.approx([100 / np.log2(3) / two, 0])
    assert table["NDCG@10"] == pytest.approx([100 / np.log2(3) / two, 100 / np.log2(5)])


@pytest.mark.parametrize("several", [1, 4])
def test_metrics_are_scikit_learns(several: int) -> None:
    vectors = units(120, 8, seed=5)
    chance = np.random.default_rng(6)
    pairs = {(q, int(t)) for q in range(0, 60) for t in chance.choice(120, several, replace=False) if t != q}
    asked = task(120, sorted(pairs))
    found = dict(zip(metric_names((10, 50)), Ranking.of(asked, vectors, ks=(10, 50)).table().T, strict=True))
    for row, query in enumerate(np.unique(asked.queries)):
        others = np.delete(np.arange(120), query)
        true = np.isin(others, asked.targets[asked.queries == query])[None].astype(int)
        near = (vectors[others] @ vectors[query])[None]
        for k in (10, 50):
            assert found[f"NDCG@{k}"][row] == pytest.approx(100 * ndcg_score(true, near, k=k))
            top = np.argsort(-near[0])[:k]
            assert found[f"Recall@{k}"][row] == pytest.approx(100 * true[0, top].sum() / true.sum())
        if several == 1:
            assert found["MRR"][row] == pytest.approx(100 * label_ranking_average_precision_score(true, near))


def test_a_random_order_finds_as_much_as_chance() -> None:
    pairs = [(query, (query * 7 + 3) % 800) for query in range(800) if (query * 7 + 3) % 800 != query]
    asked = task(800, pairs)
    found = Ranking.of(asked, units(800, 64, seed=8), ks=(100,)).estimates(resamples=200)["all"]["Recall@100"]
    assert found.low is not None
    assert found.high is not None
    assert found.low < 100 * 100 * asked.chance < found.high


def test_two_methods_are_compared_on_the_same_queries_drawn_together() -> None:
    asked = task(400, [(query, query + 200) for query in range(200)])
    noise = units(400, 64, seed=9)
    good = noise.copy()
    good[200:] = (noise[:200] + 0.4 * units(200, 64, seed=10)) / np.sqrt(1.16)
    one, other = Ranking.of(asked, good), Ranking.of(asked, noise)
    found = compare(one, other)["all"]["Recall@10"]
    assert found.clear
    assert found.value == pytest.approx(
        (one.estimates()["all"]["Recall@10"].value or 0) - (other.estimates()["all"]["Recall@10"].value or 0)
    )
    same = compare(one, one)["all"]["Recall@10"]
    assert (same.value, same.low, same.high, same.clear) == (0, 0, 0, False)
    with pytest.raises(ValueError, match="of one task"):
        compare(one, Ranking.of(task(400, [(0, 1)]), noise))


def clicked(folder: Path, name: str, rows: Sequence[str]) -> Path:
    file = folder / name
    file.write_text("user_id,note_id,timestamp\n" + "".join(rows), "utf-8")
    return file


@pytest.fixture
def rows() -> list[str]:
    chance = np.random.default_rng(11)
    drawn = zip(
        chance.integers(0, 50, 2000), chance.geometric(0.03, 2000), chance.integers(0, 10_000, 2000), strict=True
    )
    return [f"u{user},n{note},{time}\n" for user, note, time in drawn]


@pytest.mark.parametrize("definition", ["cooccurrence", "cosine"])
def test_recall_does_not_depend_on_the_order_of_clicks_or_notes(
    tmp_path: Path, rows: list[str], definition: str
) -> None:
    vectors = {f"n{number}": vector for number, vector in enumerate(units(400, 6, seed=12))}
    for number in range(0, 400, 3):  # many notes exactly alike
        vectors[f"n{number}"] = vectors["n0"]
    options = PairOptions.model_validate({"definition": definition})
    found = []
    for seed in (None, 1, 2):
        ids = list(vectors)
        if seed is not None:
            np.random.default_rng(seed).shuffle(rows)
            np.random.default_rng(seed).shuffle(ids)
        clicks = read_clicks(clicked(tmp_path, f"{seed}.csv", rows), ids)
        asked = make_task(split(clicks, "time"), options, targets=3)
        ranking = Ranking.of(asked, np.stack([vectors[id] for id in asked.pool]))
        found.append((asked.pool, asked.targets.tolist(), ranking.ranks.tolist(), ranking.estimates(resamples=20)))
    assert found[0] == found[1] == found[2]


def test_a_task_ranks_the_notes_of_the_test_and_knows_which_are_cold(tmp_path: Path, rows: list[str]) -> None:
    clicks = read_clicks(clicked(tmp_path, "clicks.csv", rows), [f"n{number}" for number in range(400)])
    parts = split(clicks, "time", share=0.3)
    asked = make_task(parts)
    tested = {clicks.ids[note] for note in parts.test.notes}
    learned = {clicks.ids[note] for note in parts.train.notes}
    assert set(asked.pool) == tested
    for pair, target in enumerate(asked.targets):
        cold = asked.pool[target] not in learned
        assert asked.slices["cold"][pair] == cold
        assert asked.slices["both_cold"][pair] == (cold and asked.pool[asked.queries[pair]] not in learned)
    assert (asked.slices["cold"] ^ asked.slices["warm"]).all()
    assert not (asked.slices["low_exposure"] & asked.slices["high_exposure"]).any()


def test_notes_that_do_not_belong_together_are_no_task(tmp_path: Path) -> None:
    file = clicked(tmp_path, "clicks.csv", ["u,a,1\n", "v,b,2\n"])
    with pytest.raises(
        RecommendError, match="no two of the 2 test notes belong together by cooccurrence; lower --lowest"
    ):
        make_task(split(read_clicks(file, "ab"), "none"))
