"""What the embedded description of a picture costs beside RapidOCR's defaults, and how often each finds text.

    python benchmarks/pictures.py [FOLDER] [--limit N]

FOLDER holds JPEG or PNG files (default: the example pictures). The two sides take turns on small blocks of pictures
within one run. Ours is all of it: opening, resizing, reading, colours; the defaults only read.
"""

import argparse
import json
import logging
import os
import time
from pathlib import Path

import numpy as np

from notes.pictures import PictureStore
from teachers.embedded import Perceiver

EXAMPLES = Path(__file__).parent.parent / "examples" / "images"
BLOCK = 8


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=EXAMPLES)
    parser.add_argument("--limit", type=int, help="only this many pictures, evenly chosen")
    options = parser.parse_args()
    files = sorted(p for p in options.folder.iterdir() if p.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))
    if options.limit:
        files = files[:: max(1, len(files) // options.limit)][: options.limit]
    from concurrent.futures import ThreadPoolExecutor

    from PIL import Image
    from rapidocr import RapidOCR

    defaults = RapidOCR()
    logging.getLogger("RapidOCR").setLevel(logging.CRITICAL)
    store = PictureStore(options.folder)
    perceiver = Perceiver()

    def ours(name: str) -> bool:
        picture = store.open(name)
        return picture.refused is None and bool(perceiver.perceive(picture).text.strip())

    def theirs(file: Path) -> bool:
        with Image.open(file) as image:
            pixels = np.asarray(image.convert("RGB"))[:, :, ::-1]
        return any(text.strip() for text in getattr(defaults(pixels), "txts", None) or ())

    seconds = {"ours": 0.0, "defaults": 0.0}
    found = {"ours": 0, "defaults": 0}
    theirs(files[0])  # both load their models before the clock runs
    ours(files[-1].name)
    perceiver = Perceiver()
    with ThreadPoolExecutor(8) as pool:
        for start in range(0, len(files), BLOCK):
            block = files[start : start + BLOCK]
            begin = time.perf_counter()
            found["ours"] += sum(pool.map(ours, [file.name for file in block]))
            seconds["ours"] += time.perf_counter() - begin
            begin = time.perf_counter()
            found["defaults"] += sum(theirs(file) for file in block)
            seconds["defaults"] += time.perf_counter() - begin
    perceived = perceiver.perceived
    for file in files:  # nothing is perceived twice
        ours(file.name)
    result = {
        "pictures": len(files),
        "ours_ms_a_picture": round(1000 * seconds["ours"] / len(files), 1),
        "defaults_ms_a_picture": round(1000 * seconds["defaults"] / len(files), 1),
        "cost_ratio": round(seconds["ours"] / seconds["defaults"], 3),
        "ours_with_text": found["ours"],
        "defaults_with_text": found["defaults"],
        "perceived": perceived,
        "perceived_again": perceiver.perceived - perceived,
        "cores": os.cpu_count(),
    }
    for name, value in result.items():
        print(f"{name:24} {value}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
