"""Approximate search: faiss looks through the lists of vectors nearest to a query, not through all.

How many lists are looked through is found when the index is made: as few as give the recall asked for, measured against
exact search with vectors of the index itself.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from notes.records import Record
from recommend.index.exact import Found, search_exact
from recommend.records import RecommendError, Vectors

FEWEST = 1000
"""Notes below which there is nothing to gain."""
_TRAINED_ON = 64
"""Vectors a list that the lists' centres are found from."""
_ASKED, _NEIGHBOURS = 256, 100
"""Queries recall is measured with, and neighbours of each."""
_ADDED = 1 << 16


class Near(Record):
    """The approximate part of an index."""

    file: str = Field(pattern=r"^near-\d{5}\.faiss$")
    notes: int
    """The first rows of the index that it holds; later ones are searched exactly."""
    lists: int
    """Lists the vectors are divided into."""
    looked_through: int
    """Lists a query is compared with."""
    wanted: float
    """Recall asked for, 0 to 1."""
    recall: float
    """Share of the exact 100 nearest found, 0 to 1, measured when it was made."""


def make_near(
    vectors: NDArray[np.floating], file: Path, *, recall: float, progress: Callable[[str, int, int], None] | None = None
) -> Near:
    """Write the approximate part for `vectors`, unit vectors of shape (n, d), to `file`.

    Raises:
        RecommendError: there are too few vectors.
    """
    faiss = load_faiss()
    count, dimension = vectors.shape
    if count < FEWEST:
        raise RecommendError(f"approximate search wants {FEWEST:,} notes or more, got {count:,}; use --exact")
    lists = max(16, min(65_536, int(4 * np.sqrt(count)), count // 40))
    index = faiss.index_factory(dimension, f"IVF{lists},SQfp16", faiss.METRIC_INNER_PRODUCT)
    index.cp.min_points_per_centroid = 1  # its warning at fewer goes to nobody
    index.cp.max_points_per_centroid = _TRAINED_ON
    random = np.random.default_rng(0)
    sample = np.sort(random.choice(count, size=min(count, _TRAINED_ON * lists), replace=False))
    if progress is not None:
        progress("dividing into lists", 0, count)
    index.train(np.asarray(vectors[sample], dtype=np.float32))
    for start in range(0, count, _ADDED):
        index.add(np.asarray(vectors[start : start + _ADDED], dtype=np.float32))
        if progress is not None:
            progress("dividing into lists", min(start + _ADDED, count), count)
    faiss.write_index(index, str(file))
    rows = np.sort(random.choice(count, size=min(count, _ASKED), replace=False))
    asked = np.asarray(vectors[rows], dtype=np.float32)
    wanted = search_exact(asked, [vectors], min(_NEIGHBOURS, count)).rows
    looked = 1
    reached = _recall(faiss, index, asked, wanted, looked)
    while reached < recall and looked < lists:
        looked = min(lists, max(looked + 1, looked * 5 // 4))
        reached = _recall(faiss, index, asked, wanted, looked)
    return Near(file=file.name, notes=count, lists=lists, looked_through=looked, wanted=recall, recall=reached)


def _recall(faiss: Any, index: Any, asked: Vectors, wanted: NDArray[np.int64], looked: int) -> float:
    _, rows = index.search(asked, wanted.shape[1], params=faiss.SearchParametersIVF(nprobe=looked))
    return float(np.mean([len(np.intersect1d(*both)) / wanted.shape[1] for both in zip(wanted, rows, strict=True)]))


def open_near(file: Path) -> Any:
    """faiss' index in `file`, its lists memory-mapped.

    Raises:
        RecommendError: faiss is not installed, or cannot read it.
    """
    faiss = load_faiss()
    try:
        return faiss.read_index(str(file), faiss.IO_FLAG_MMAP)
    except RuntimeError as error:
        raise RecommendError(f"{file}: {' '.join(str(error).split())[:200]}; make the index again") from None


def search_near(index: Any, queries: Vectors, k: int, looked: int, gone: NDArray[np.int64]) -> Found:
    """The k nearest among the lists looked through; scores as float16 vectors give them."""
    faiss = load_faiss()
    absent = faiss.IDSelectorBatch(gone) if len(gone) else None
    others = faiss.IDSelectorNot(absent) if absent is not None else None
    chosen = faiss.SearchParametersIVF(nprobe=looked, sel=others)
    scores, rows = index.search(np.ascontiguousarray(queries, dtype=np.float32), k, params=chosen)
    return Found(rows, np.where(rows >= 0, scores, -np.inf).astype(np.float32))


def load_faiss() -> Any:
    """faiss, which only approximate search needs.

    Raises:
        RecommendError: it is not installed.
    """
    try:
        import faiss
    except ImportError:
        raise RecommendError(
            "approximate search needs faiss; install it: pip install 'tagllm[recommend]', or use --exact"
        ) from None
    return faiss
