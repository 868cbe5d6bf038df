"""What looking interests up costs beside the bare product of a note's vector with the interest matrix.

    python benchmarks/retrieval.py [--interests 50000] [--notes 300]

Both in one process, in turns, on vectors memory-mapped from disk. The vectors are random (the cost does not depend on
what they say), the words follow a Zipf law. Prints a table and, last, one line of JSON.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from langchain_core.embeddings import Embeddings

from handbook import Category, Handbook, HandbookIndex, Interest
from handbook.arrays import Arrays

DIMENSION = 384


class RandomEmbeddings(Embeddings):
    """Unit vectors that say nothing."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(7)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One random vector a text."""
        vectors = self._random.standard_normal((len(texts), DIMENSION), dtype=np.float32)
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).tolist()

    def embed_query(self, text: str) -> list[float]:
        """A random vector."""
        return self.embed_documents([text])[0]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--interests", type=int, default=50_000)
    parser.add_argument("--notes", type=int, default=300)
    options = parser.parse_args()
    random = np.random.default_rng(11)
    words = [f"word{number}" for number in range(30_000)]
    share = 1 / np.arange(1, len(words) + 1)
    drawn = iter(random.choice(len(words), size=options.interests * 14 + options.notes * 80, p=share / share.sum()))

    def text(length: int) -> str:
        return " ".join(words[next(drawn)] for _ in range(length))

    interests = tuple(
        Interest(
            id=f"c{number % 40}.i{number}",
            name=text(2),
            tags={text(2): 5, text(2): 3, text(2): 1},
            evidence=(text(6),),
            category=f"c{number % 40}",
        )
        for number in range(options.interests)
    )
    categories = tuple(Category(id=f"c{n}", interests=interests[n::40]) for n in range(40))
    handbook = Handbook(categories=categories)
    encoder = RandomEmbeddings()
    notes = [(text(80), np.asarray(encoder.embed_query(""), dtype=np.float32)) for _ in range(options.notes)]
    with tempfile.TemporaryDirectory() as folder:
        Arrays.make(handbook.active, encoder).save(Path(folder))
        index = HandbookIndex(handbook, encoder, arrays=Arrays.open(Path(folder)))
        matrix = np.load(Path(folder) / "meaning.npy", mmap_mode="r")
        bare, ours = [], []
        for number, (said, vector) in enumerate(notes):
            started = time.perf_counter()
            _ = matrix @ vector
            between = time.perf_counter()
            index.nearest(said, vector, category=f"c{number % 40}", k=24)
            bare.append(between - started)
            ours.append(time.perf_counter() - between)
    half = len(notes) // 10
    result = {
        "interests": options.interests,
        "bare_ms": round(1000 * statistics.median(bare[half:]), 3),
        "retrieval_ms": round(1000 * statistics.median(ours[half:]), 3),
    }
    result["ratio"] = round(result["retrieval_ms"] / result["bare_ms"], 2)
    print(f"{'':24}median ms")
    print(f"{'bare product':24}{result['bare_ms']:9.2f}")
    print(f"{'retrieval, 24 of them':24}{result['retrieval_ms']:9.2f}   {result['ratio']:.2f} x")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
