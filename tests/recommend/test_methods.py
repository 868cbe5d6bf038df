"""Every method keeps what `Embedder` promises."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from notes import Note
from notes.words import terms
from recommend import RecommendError
from recommend.methods import METHODS, Embedder, open_method
from recommend.shown import text_of, with_tags

NOTES = [
    Note(
        id="1", title="Marina Bay night view", content="The skyline at night from the Jubilee Bridge", hashtags=("sg",)
    ),
    Note(id="2", title="Night views in Singapore", content="Where to see the skyline of the bay"),
    Note(id="3", title="Feeding an old cat", content="Kidney food for a senior cat, without grain"),
    Note(id="4", title="老猫肾病饮食", content="肾脏处方粮怎么选，老猫不爱喝水怎么办"),
    Note(id="5", title="猫咪处方粮", content="肾脏不好的老猫吃什么"),
]
READY = ("tfidf", "sbert")
"""Methods that need no trained model."""


@pytest.fixture(params=READY)
def method(request: pytest.FixtureRequest) -> Embedder:
    return open_method(request.param, notes=NOTES)


def test_every_ready_method_is_registered() -> None:
    assert set(READY) <= set(METHODS)


def test_vectors_are_float32_of_unit_length_a_row_a_note(method: Embedder) -> None:
    found = method.embed(NOTES)
    assert found.dtype == np.float32
    assert found.shape[0] == len(NOTES)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-5)
    assert method.embed([]).shape == (0, found.shape[1])


def test_a_note_has_the_same_vector_in_any_company(method: Embedder) -> None:
    together = method.embed(NOTES)
    for row, note in enumerate(NOTES):
        assert method.embed([note])[0] == pytest.approx(together[row], abs=2e-2)


def test_what_is_alike_is_nearer_than_what_is_not(method: Embedder) -> None:
    near = (vectors := method.embed(NOTES)) @ vectors.T
    assert near[0, 1] > near[0, 2]
    assert near[3, 4] > near[3, 0]


def test_a_note_without_words_is_like_nothing(method: Embedder) -> None:
    assert not method.embed([Note(id="picture", images=("a.jpg",))]).any()


def test_hashtags_are_read_where_they_are_shown_and_only_there(method: Embedder) -> None:
    shown, hidden = method.embed(with_tags(NOTES[:1], "hashtags")), method.embed(with_tags(NOTES[:1], "none"))
    same = [note.model_copy(update={"hashtags": ()}) for note in NOTES[:1]]
    assert (hidden == method.embed(same)).all()
    given = method.embed(with_tags(NOTES[:1], {"1": ("skyline at night",)}))
    assert not np.allclose(given, hidden, atol=1e-3)
    assert method.name == "tfidf" or not np.allclose(shown, hidden, atol=1e-3)


def test_a_saved_method_is_the_same_again(method: Embedder, tmp_path: Path) -> None:
    method.save(tmp_path)
    again = open_method(method.name, model=tmp_path if any(tmp_path.iterdir()) else None)
    assert again.revision == method.revision
    assert np.allclose(again.embed(NOTES), method.embed(NOTES), atol=2e-2)


def test_tfidf_is_scikit_learns_with_logarithmic_counts() -> None:
    theirs = TfidfVectorizer(sublinear_tf=True).set_params(analyzer=lambda note: terms(text_of(note)))
    wanted = theirs.fit_transform(NOTES)
    ours = open_method("tfidf", notes=NOTES).embed(NOTES)
    assert ours @ ours.T == pytest.approx((wanted @ wanted.T).toarray(), abs=1e-5)


def test_models_that_cannot_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecommendError, match="sbert has no model of its own"):
        open_method("sbert", model=tmp_path)
    with pytest.raises(RecommendError, match=r"words\.json: .*No such file"):
        open_method("tfidf", model=tmp_path)
    (tmp_path / "words.json").write_text('{"cat": "much"}', "utf-8")
    with pytest.raises(RecommendError, match="no words with their weights"):
        open_method("tfidf", model=tmp_path)
    with pytest.raises(RecommendError, match="0 notes without any"):
        open_method("tfidf")
