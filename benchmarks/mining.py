"""How mining grows with notes and interactions: seconds and peak memory at two sizes, each in a process of its own.

    python benchmarks/mining.py [--notes 50000 200000] [--json]

Notes and interactions are made up: users and notes are as unequally active and popular as on real platforms (Zipf),
every note carries hashtags of a few themes, every theme has its vocabulary; 25 acts a note. The phrases mean nothing,
but the encoder does not know that: it reads them as it would read real ones.
"""

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

ACTS_A_NOTE = 25
CATEGORIES, PHRASES = 16, 24
"""Of all, and of a theme; themes grow with the square root of the notes, as vocabularies do."""
KINDS = ("click", "click", "click", "click", "like", "save", "comment", "share")
SYLLABLES = "ba ce di fo gu ha je ki lo mu na pe qui ro su ta ve wi xo yu za bro cli dre fla gri plu sta tri".split()


def words(count: int, chance: np.random.Generator) -> list[str]:
    """Different words that no language has."""
    found: dict[str, None] = {}
    while len(found) < count:
        found["".join(chance.choice(SYLLABLES, size=int(chance.integers(2, 5))))] = None
    return list(found)


def unequal(kinds: int, size: int, chance: np.random.Generator) -> NDArray[np.int64]:
    """`size` draws out of `kinds`, the first ones far more often (Zipf with exponent 0.8)."""
    weights = np.cumsum(1 / (np.arange(kinds) + 10) ** 0.8)
    return np.searchsorted(weights, chance.random(size) * weights[-1])


def make(folder: Path, notes: int) -> None:
    """Write `notes.parquet` and `acts.csv`."""
    chance = np.random.default_rng(notes)
    per_category = max(4, round(20 * math.sqrt(notes / 50_000)))
    themes = CATEGORIES * per_category
    nouns = words(themes * 8, chance)
    vocabulary = []
    for theme in range(themes):
        own = nouns[theme * 8 : theme * 8 + 8]
        vocabulary.append([f"{own[n % 8]} {own[(n * 3 + 1) % 8]}" if n >= 8 else own[n] for n in range(PHRASES)])
    theme_of = chance.permutation(themes)[unequal(themes, notes, chance)]
    picks = np.minimum(chance.geometric(0.15, size=(notes, 6)) - 1, PHRASES - 1)
    other = chance.integers(0, themes, size=notes)
    filler = words(400, chance)
    with pq.ParquetWriter(folder / "notes.parquet", NOTES, compression="zstd") as writer:
        for start in range(0, notes, 10_000):
            rows = []
            for n in range(start, min(start + 10_000, notes)):
                own = vocabulary[theme_of[n]]
                tags = [own[p] for p in picks[n]] + [vocabulary[other[n]][0]]
                text = " ".join(chance.choice(filler, size=40))
                rows.append(
                    {
                        "id": f"note-{n:07d}",
                        "title": f"{tags[0]} with {filler[n % 400]} and {filler[n * 7 % 400]}",
                        "content": text,
                        "category": f"category {theme_of[n] // per_category}" if n % 20 else "",
                        "hashtags": list(dict.fromkeys(tags)),
                        "lang": "en",
                    }
                )
            writer.write_table(pa.Table.from_pylist(rows, NOTES))
    order = chance.permutation(notes)
    with (folder / "acts.csv").open("w", encoding="utf-8") as file:
        file.write("user_id,note_id,timestamp,kind,strength,query\n")
        for start in range(0, notes * ACTS_A_NOTE, 250_000):
            size = min(250_000, notes * ACTS_A_NOTE - start)
            users = unequal(notes // 2, size, chance)
            acted = order[unequal(notes, size, chance)]
            seconds = 1_700_000_000 + chance.integers(0, 31_536_000, size=size)
            kinds = chance.integers(0, len(KINDS), size=size)
            asked = chance.random(size) < 0.02
            file.writelines(
                f"user{u},note-{n:07d},{t},{KINDS[k]},1.0,{vocabulary[theme_of[n]][1] if a else ''}\n"
                for u, n, t, k, a in zip(users, acted, seconds, kinds, asked, strict=True)
            )


NOTES = pa.schema(
    [
        ("id", pa.string()),
        ("title", pa.string()),
        ("content", pa.string()),
        ("category", pa.string()),
        ("hashtags", pa.list_(pa.string())),
        ("lang", pa.string()),
    ]
)


def measure(folder: Path) -> None:
    """Mine what lies in `folder`, and print what it took."""
    from handbook.mine import cluster, interests, mine
    from notes.reading import read_notes
    from teachers.embedded import Encoder

    encoder = Encoder()
    encoder.embed_query("warm")
    out = folder / "handbook"
    out.mkdir()
    started = time.perf_counter()
    gathered = mine(read_notes(folder / "notes.parquet"), folder / "acts.csv", folder=out)
    counted = time.perf_counter()
    clusters = cluster(gathered, encoder)
    made = interests(clusters, categories=gathered.categories)
    done = time.perf_counter()
    result = {
        "notes": gathered.counts["notes"],
        "interactions": gathered.counts["interactions"],
        "phrases": len(gathered.phrases),
        "interests": len(made.interests),
        "mine_s": round(counted - started, 1),
        "cluster_s": round(done - counted, 1),
        "seconds": round(done - started, 1),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(json.dumps(result))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--notes", type=int, nargs="+", default=[50_000, 200_000], help="sizes, smallest first")
    parser.add_argument("--json", action="store_true", help="only the line of JSON")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure is not None:
        measure(options.measure)
        return
    results = []
    for notes in options.notes:
        with tempfile.TemporaryDirectory(prefix="tagllm-mining-") as folder:
            make(Path(folder), notes)
            command = [sys.executable, __file__, "--measure", folder]
            environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
            found = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
            results.append(json.loads(found.stdout.splitlines()[-1]))
    first, last = results[0], results[-1]
    growth = None
    if last["notes"] > first["notes"]:
        growth = round(math.log(last["seconds"] / first["seconds"]) / math.log(last["notes"] / first["notes"]), 2)
    if not options.json:
        names = list(first)
        print("  ".join(f"{name:>12}" for name in names))
        for result in results:
            print("  ".join(f"{result[name]:>12,}" for name in names))
        print(f"seconds grow with the power {growth} of the size (1 is linear)\n")
    print(json.dumps({"sizes": results, "growth": growth}))


if __name__ == "__main__":
    main()
