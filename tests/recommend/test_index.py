"""An index finds what a plain product finds, stays sound through additions, and is refused when it is not."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import pytest

import recommend.index.exact
from notes import Note
from recommend import RecommendError, Vectors
from recommend.index import Manifest, NoteIndex, add_notes, open_index, write_index
from recommend.index.exact import search_exact
from recommend.methods import Progress


class Drawn:
    """A method whose vectors are drawn around a few centres by the note's id."""

    name = "drawn"
    revision = "1"
    d = 24

    @classmethod
    def open(cls, model: Path | None, notes: Iterable[Note]) -> Self:
        return cls()

    def embed(self, notes: Sequence[Note], *, progress: Progress | None = None) -> Vectors:
        found = np.zeros((len(notes), self.d), dtype=np.float32)
        for row, note in enumerate(notes):
            number = int(note.id)
            centre = np.random.default_rng(number % 37).standard_normal(self.d)
            found[row] = centre + 0.5 * np.random.default_rng(number + 1000).standard_normal(self.d)
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    def save(self, folder: Path) -> None:
        (folder / "seed.json").write_text("1")


def made(numbers: Iterable[int]) -> list[Note]:
    return [Note(id=str(number), title=f"note {number}", hashtags=(f"tag {number % 7}",)) for number in numbers]


def plain(vectors: Vectors, queries: Vectors, k: int) -> list[list[int]]:
    return np.argsort(-(queries @ vectors.T), axis=1, kind="stable")[:, :k].tolist()


QUERIES = Drawn().embed(made(range(5000, 5010)))


@pytest.mark.parametrize("scores", [1, 70, 1000, 1 << 21])
@pytest.mark.parametrize("k", [1, 10, 400])
def test_exact_search_is_sorting(monkeypatch: pytest.MonkeyPatch, scores: int, k: int) -> None:
    monkeypatch.setattr(recommend.index.exact, "_SCORES", scores)
    monkeypatch.setattr(recommend.index.exact, "_FIRST", 5)
    vectors = Drawn().embed(made(range(300)))
    found = search_exact(QUERIES, [vectors[:130], vectors[130:]], k)
    assert found.rows[:, :300].tolist() == plain(vectors, QUERIES, k)
    assert (found.rows[:, 300:] == -1).all()
    alone = search_exact(QUERIES[3:4], [vectors], k)
    assert alone.rows.tolist() == found.rows[3:4].tolist()
    near = QUERIES @ vectors.T
    assert found.scores[:, :300] == pytest.approx(-np.sort(-near, axis=1)[:, :k], abs=1e-6)
    gone = np.array(sorted({int(row) for row in found.rows[:, 0]}))
    left = search_exact(QUERIES, [vectors[:130], vectors[130:]], 5, gone)
    vectors[gone] = 0
    near = np.where(np.isin(np.arange(300), gone), -np.inf, QUERIES @ vectors.T)
    assert left.rows.tolist() == np.argsort(-near, axis=1, kind="stable")[:, :5].tolist()


def test_notes_exactly_as_near_come_in_the_order_of_their_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recommend.index.exact, "_FIRST", 4)
    vectors = np.tile(np.array([[1, 0], [0.6, 0.8]], dtype=np.float32), (10, 1))
    assert search_exact(vectors[:1], [vectors], 7).rows.tolist() == [[0, 2, 4, 6, 8, 10, 12]]


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_an_index_is_found_again_on_disk_with_its_notes(tmp_path: Path, dtype: str) -> None:
    folder = tmp_path / "index"
    manifest = write_index(folder, made(range(300)), Drawn(), shown="hashtags", dtype=dtype)  # pyright: ignore[reportArgumentType]
    index = open_index(folder)
    assert index.manifest == manifest
    assert (len(index), manifest.method, manifest.revision, manifest.shown) == (300, "drawn", "1", "hashtags")
    assert (folder / "embedder" / "seed.json").is_file()
    best = index.neighbours(index.search(Drawn().embed(made([17])), 3))[0]
    assert (best[0].id, best[0].title, best[0].tags) == ("17", "note 17", ("tag 3",))
    assert best[0].score == pytest.approx(1, abs=1e-3)
    row = index.row_of("250")
    assert row is not None
    assert index.note(row).id == "250"
    assert index.row_of("300") is None
    itself = index.neighbours(index.search(index.vectors_of(np.array([row])), 2), without=(row,))[0]
    assert "250" not in {one.id for one in itself}


@pytest.fixture(scope="module")
def approximate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("near") / "index"
    write_index(folder, made(range(3000)), Drawn(), approximate=True, recall=0.95)
    return folder


def recall(index: NoteIndex, queries: Vectors, k: int = 20) -> float:
    found, exact = (index.search(queries, k, exact=exact).rows for exact in (False, True))
    return float(np.mean([len(np.intersect1d(*rows)) / k for rows in zip(found, exact, strict=True)]))


def test_approximate_search_looks_through_as_much_as_the_recall_wants(approximate: Path) -> None:
    index = open_index(approximate)
    near = index.manifest.near
    assert near is not None
    assert near.recall >= 0.95
    assert near.looked_through < near.lists
    assert recall(index, Drawn().embed(made(range(9000, 9100)))) >= 0.9
    found = index.search(QUERIES, 10)
    assert (np.diff(found.scores, axis=1) <= 0).all()
    for query, rows, scores in zip(QUERIES, found.rows, found.scores, strict=True):
        assert scores == pytest.approx((index.vectors_of(rows) @ query).tolist(), abs=1e-6)


def test_added_notes_are_found_at_once_and_take_the_place_of_those_with_their_ids(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    write_index(folder, made(range(2000)), Drawn(), approximate=True)
    changed = [Note(id="5", title="five again"), *made(range(2000, 2050))]

    class Moved(Drawn):
        def embed(self, notes: Sequence[Note], *, progress: Progress | None = None) -> Vectors:
            return super().embed([note.model_copy(update={"id": "9999"}) if note.id == "5" else note for note in notes])

    add_notes(folder, changed, Moved())
    index = open_index(folder)
    assert len(index) == 2050
    for exact in (False, True):
        found = index.neighbours(index.search(Drawn().embed(made([9999, 2030])), 5, exact=exact))
        assert [one.title for one in found[0] if one.id == "5"] == ["five again"]
        assert found[1][0].id == "2030"
        old = index.neighbours(index.search(Drawn().embed(made([5])), 5, exact=exact))[0]
        assert "5" not in {one.id for one in old}
    row = index.row_of("5")
    assert row is not None
    assert index.note(row).title == "five again"
    add_notes(folder, changed, Moved())
    assert len(open_index(folder)) == 2050
    add_notes(folder, made(range(3000, 3800)), Drawn())  # more than a quarter: put together
    index = open_index(folder)
    assert (len(index), len(index.manifest.parts), index.manifest.gone) == (2850, 1, "")
    assert index.manifest.near is not None
    assert index.manifest.near.notes == 2850
    assert sorted(path.name for path in folder.iterdir() if path.is_file()) == sorted(
        [*(name for name in index.manifest.files if "/" not in name), "index.json"]
    )
    found = index.neighbours(index.search(Drawn().embed(made([9999, 2030, 3333])), 5, exact=True))
    assert [one[0].title for one in found] == ["five again", "note 2030", "note 3333"]


def test_an_interrupted_addition_leaves_the_index_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    write_index(folder, made(range(50)), Drawn())

    def breaks() -> Iterable[Note]:
        yield from made(range(50, 60))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        add_notes(folder, breaks(), Drawn())
    assert len(open_index(folder)) == 50
    add_notes(folder, made(range(50, 60)), Drawn())
    assert len(open_index(folder)) == 60


@pytest.mark.parametrize("name", ["vectors-00000.f32", "notes-00000.arrow", "embedder/seed.json"])
def test_a_damaged_or_missing_file_is_named(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "index"
    write_index(folder, made(range(50)), Drawn())
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(bytes(data))
    with pytest.raises(RecommendError, match=f"{name} is damaged: its SHA-256 .*make it again: tagllm recommend index"):
        open_index(folder)
    (folder / name).unlink()
    with pytest.raises(RecommendError, match=f"{name} is missing"):
        open_index(folder)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"version": 9}, "version 9, this program reads 1"),
        ({"files": {"../../etc/passwd": "0"}}, r"names a file outside the folder: '../../etc/passwd'"),
        ({"files": {}}, "gives no SHA-256 of 'vectors-00000.f32'"),
        ({"dimension": 12_000}, "cannot be used"),
        ({"colour": "red"}, "colour: Extra inputs"),
    ],
)
def test_a_manifest_that_cannot_be_is_refused(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    folder = tmp_path / "index"
    write_index(folder, made(range(50)), Drawn())
    manifest = json.loads((folder / "index.json").read_text())
    (folder / "index.json").write_text(json.dumps(manifest | changes))
    with pytest.raises(RecommendError, match=said):
        open_index(folder)


def test_another_method_another_dimension_and_nothing_to_write_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    write_index(folder, made(range(50)), Drawn())

    class Other(Drawn):
        revision = "2"

    class Long(Drawn):
        def embed(self, notes: Sequence[Note], *, progress: Progress | None = None) -> Vectors:
            return 3 * super().embed(notes)

    with pytest.raises(RecommendError, match=r"made with drawn \(1\), this is drawn \(2\)"):
        add_notes(folder, made([1]), Other())
    with pytest.raises(RecommendError, match="the query has 3 numbers, the index 24"):
        open_index(folder).search(np.zeros((1, 3), np.float32), 1)
    with pytest.raises(RecommendError, match="no note to put into the index"):
        write_index(tmp_path / "empty", [], Drawn())
    with pytest.raises(RecommendError, match="gives the note '1' a vector of length 3"):
        write_index(tmp_path / "long", made([1]), Long())
    assert not (tmp_path / "long").exists()
    with pytest.raises(RecommendError, match="is there; add to it with --add, replace it with --overwrite"):
        write_index(folder, made([1]), Drawn())
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(RecommendError, match="is there and is no index"):
        write_index(tmp_path / "mine", made([1]), Drawn(), overwrite=True)
    with pytest.raises(RecommendError, match="approximate search wants 1,000 notes or more, got 50"):
        write_index(tmp_path / "few", made(range(50)), Drawn(), approximate=True)
    with pytest.raises(RecommendError, match="is no index"):
        open_index(tmp_path / "gone")
    assert isinstance(write_index(folder, made([1]), Drawn(), overwrite=True), Manifest)
    assert len(open_index(folder)) == 1
