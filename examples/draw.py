"""Draw every picture of the example notes into examples/images.

Usage:
    python examples/draw.py [--font PATH] [--only TEXT]

Needs Pillow and a font with Chinese characters, such as Noto Sans CJK.
The same font and Pillow give the same files.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from drawing import goods, indoors, outdoors  # noqa: E402, F401
from drawing.canvas import FontError, use_font  # noqa: E402
from drawing.registry import PICTURES  # noqa: E402


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Draw the pictures of the example notes.")
    parser.add_argument("--font", type=Path, help="a CJK font file; its Bold neighbour is used too")
    parser.add_argument("--only", default="", help="draw only the pictures whose name contains this")
    args = parser.parse_args(argv)
    try:
        use_font(args.font)
    except FontError as error:
        print(error, file=sys.stderr)
        return 1
    folder = HERE / "images"
    folder.mkdir(exist_ok=True)
    total = count = 0
    for name, item in PICTURES.items():
        if args.only not in name:
            continue
        path = folder / name
        item.draw().save(path)
        count, total = count + 1, total + path.stat().st_size
    print(f"{count} pictures, {total / 1024:.0f} KB in {folder.name}/")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
