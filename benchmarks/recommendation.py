"""What searching an index costs beside the bare product, and how pairs grow with the interactions.

    python benchmarks/recommendation.py [--notes 1000000] [--interactions 1000000 5000000]

Vectors are 128 numbers drawn around topics, topics around areas, topics unequally large (Zipf), as embeddings of notes
lie; none of the queries is in the index. Exact search is measured in turns with the product of the same 32 queries and
the same matrix; approximate search with the same queries, recall against exact search. Interactions are made up: users
and notes are as unequally active and popular as on real platforms. Each part runs in a process of its own, so that its
peak memory (all that is mapped from disk included) is its own. Prints a table and, last, one line of JSON.
"""

import argparse
import json
import math
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

D, BATCH, K = 128, 32, 100
AREAS, TOPICS = 60, 4000
ROUNDS = 9


def unit(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """At unit length."""
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


class Drawn:
    """A method whose vectors are drawn: what a note says does not matter here."""

    name = "drawn"
    revision = "1"

    def __init__(self, seed: int = 0) -> None:
        fixed = np.random.default_rng(7)
        areas = unit(fixed.standard_normal((AREAS, D)))
        own = unit(fixed.standard_normal((TOPICS, D)))
        self._topics = unit(0.6 * areas[fixed.integers(0, AREAS, TOPICS)] + 0.8 * own)
        weights = np.cumsum(1 / (np.arange(TOPICS) + 10) ** 0.8)
        self._share = weights / weights[-1]
        self._fading = (1 / np.sqrt(1 + np.arange(D) / 16)).astype(np.float32)
        self._chance = np.random.default_rng(seed)

    @classmethod
    def open(cls, model: Path | None, notes: Iterable[Any]) -> Self:
        """Ready at once."""
        return cls()

    def embed(self, notes: Sequence[Any], *, progress: Callable[[int, int], None] | None = None) -> Any:
        """Vectors around topics; the nearest note of a note has a cosine of about 0.8."""
        topic = np.searchsorted(self._share, self._chance.random(len(notes)))
        noise = self._chance.standard_normal((len(notes), D), dtype=np.float32) * self._fading
        return unit(self._topics[topic] + 0.75 * noise / np.linalg.norm(self._fading))

    def save(self, folder: Path) -> None:
        """Nothing to keep."""


def build(folder: Path, notes: int) -> dict[str, Any]:
    """Write an index with an approximate part."""
    from notes import Note
    from recommend.index import write_index

    def made() -> Iterator[Note]:
        return (Note(id=f"note-{number:07d}", title=f"note {number}") for number in range(notes))

    started = time.perf_counter()
    manifest = write_index(folder / "index", made(), Drawn(), approximate=True)
    near = manifest.near
    assert near is not None
    found = {"build_s": round(time.perf_counter() - started, 1), "lists": near.lists, "probed": near.looked_through}
    return found | {"build_peak_mib": peak()}


def search(folder: Path, _: int) -> dict[str, Any]:
    """Exact search beside the bare product, approximate search beside exact search."""
    from recommend.index import open_index

    index = open_index(folder / "index")
    matrix = index.vectors[0]
    queries = [Drawn(seed=100 + number).embed(range(BATCH)) for number in range(ROUNDS)]
    bare, exact, alone, near, single, true = [], [], [], [], [], []
    index.search(queries[0], K, exact=True)
    for asked in queries:
        started = time.perf_counter()
        np.matmul(asked, matrix.T)
        bare.append(time.perf_counter() - started)
        started = time.perf_counter()
        true.append(index.search(asked, K, exact=True).rows)
        exact.append(time.perf_counter() - started)
        started = time.perf_counter()
        index.search(asked[:1], K, exact=True)
        alone.append(time.perf_counter() - started)
    found = []
    index.search(queries[0], K)
    for asked in queries:
        started = time.perf_counter()
        found.append(index.search(asked, K).rows)
        near.append(time.perf_counter() - started)
        started = time.perf_counter()
        for one in asked[:8]:
            index.search(one[None], K)
        single.append((time.perf_counter() - started) / 8)
    both = zip(np.concatenate(true), np.concatenate(found), strict=True)
    recalls = [len(np.intersect1d(*rows)) / K for rows in both]
    return {
        "bare_ms": round(1000 * statistics.median(bare), 1),
        "exact_ms": round(1000 * statistics.median(exact), 1),
        "exact_over_bare": round(statistics.median(e / b for e, b in zip(exact, bare, strict=True)), 2),
        "approximate_ms": round(1000 * statistics.median(near), 2),
        "exact_over_approximate": round(statistics.median(exact) / statistics.median(near), 1),
        "exact_alone_ms": round(1000 * statistics.median(alone), 1),
        "approximate_alone_ms": round(1000 * statistics.median(single), 2),
        "exact_over_approximate_alone": round(statistics.median(alone) / statistics.median(single), 1),
        "recall": round(float(np.mean(recalls)), 4),
        "search_peak_mib": peak(),
    }


def pairs(folder: Path, interactions: int) -> dict[str, Any]:
    """Read interactions and find pairs by both definitions."""
    from recommend import PairOptions
    from recommend.clicks import read_clicks
    from recommend.pairs import find_pairs

    notes = interactions // 25
    file = folder / "clicks.csv"
    started = time.perf_counter()
    clicks = read_clicks(file, [f"note-{number:07d}" for number in range(notes)])
    read = time.perf_counter()
    found = find_pairs(clicks)
    counted = time.perf_counter()
    cosine = find_pairs(clicks, PairOptions(definition="cosine"))
    return {
        "interactions": interactions,
        "notes": notes,
        "users": len(np.unique(clicks.users)),
        "set_aside": clicks.crowded(PairOptions().most_clicks),
        "read_s": round(read - started, 1),
        "pairs_s": round(counted - read, 1),
        "cosine_s": round(time.perf_counter() - counted, 1),
        "seconds": round(counted - started, 1),
        "pairs": len(found),
        "cosine_pairs": len(cosine),
        "pairs_peak_mib": peak(),
    }


def make_clicks(file: Path, interactions: int) -> None:
    """Interactions of users and notes that are unequally active and popular (Zipf), and of one who clicks all."""
    chance = np.random.default_rng(interactions)
    notes, users = interactions // 25, interactions // 30

    def unequal(kinds: int, size: int) -> NDArray[np.int64]:
        weights = np.cumsum(1 / (np.arange(kinds) + 10) ** 0.8)
        return np.searchsorted(weights, chance.random(size) * weights[-1])

    order = chance.permutation(notes)
    with file.open("w", encoding="utf-8") as written:
        written.write("user_id,note_id,timestamp\n")
        written.writelines(f"crawler,note-{number:07d},1700000000\n" for number in range(min(notes, interactions // 5)))
        left = interactions - min(notes, interactions // 5)
        while left > 0:
            size = min(250_000, left)
            times = 1_700_000_000 + chance.integers(0, 31_536_000, size)
            rows = zip(unequal(users, size), order[unequal(notes, size)], times, strict=True)
            written.writelines(f"user{user},note-{note:07d},{moment}\n" for user, note, moment in rows)
            left -= size


def peak() -> int:
    """MiB this process held at most, what it mapped from disk included."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


PARTS: dict[str, Callable[[Path, int], dict[str, Any]]] = {"build": build, "search": search, "pairs": pairs}


def measured(part: str, folder: Path, size: int) -> dict[str, Any]:
    """A part in a process of its own."""
    command = [sys.executable, __file__, "--measure", part, "--folder", str(folder), "--size", str(size)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--notes", type=int, default=1_000_000, help="vectors in the index")
    parser.add_argument("--interactions", type=int, nargs="*", default=[1_000_000, 5_000_000], help="smallest first")
    parser.add_argument("--measure", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure is not None:
        print(json.dumps(PARTS[options.measure](options.folder, options.size)))
        return
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="tagllm-recommend-") as name:
        folder = Path(name)
        if options.notes:
            index = {"vectors": options.notes, **measured("build", folder, options.notes)}
            index |= measured("search", folder, options.notes)
            for key, value in index.items():
                print(f"{key:40}{value:>12,}")
            result["index"] = index
        grown = []
        for size in options.interactions:
            make_clicks(folder / "clicks.csv", size)
            grown.append(measured("pairs", folder, size))
        if grown:
            print()
            for key in grown[0]:
                print(f"{key:40}{''.join(f'{one[key]:>12,}' for one in grown)}")
            result["pairs"] = grown
            first, last = grown[0], grown[-1]
            if len(grown) > 1:
                times = math.log(last["seconds"] / first["seconds"])
                result["growth"] = round(times / math.log(last["interactions"] / first["interactions"]), 2)
                print(f"seconds grow with the power {result['growth']} of the interactions (1 is linear)")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
