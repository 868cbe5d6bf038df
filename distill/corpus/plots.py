"""Bars as SVG, the same bytes for the same numbers."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

_WIDTH, _LABEL, _BAR, _GAP = 720, 220, 16, 6
_COLOURS = ("#2f6f9f", "#d98b2b", "#4f8f4f")


def bars(title: str, rows: Sequence[tuple[str, Sequence[int]]], parts: Sequence[str] = ()) -> str:
    """Horizontal bars, one a row, of one or several parts.

    Args:
        title: Above them.
        rows: A label and the parts' counts.
        parts: What the parts are called; none where there is one.
    """
    height = 44 + len(rows) * (_BAR + _GAP) + (22 if parts else 0)
    most = max((sum(counts) for _, counts in rows), default=0) or 1
    room = _WIDTH - _LABEL - 90
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="12" y="22" font-size="15" font-weight="bold">{_text(title, 80)}</text>',
    ]
    y = 40
    for label, counts in rows:
        lines.append(f'<text x="{_LABEL - 8}" y="{y + 12}" text-anchor="end">{_text(label, 34)}</text>')
        x = float(_LABEL)
        for count, colour in zip(counts, _COLOURS, strict=False):
            width = room * count / most
            lines.append(f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_BAR}" fill="{colour}"/>')
            x += width
        lines.append(f'<text x="{x + 6:.1f}" y="{y + 12}">{sum(counts):,}</text>')
        y += _BAR + _GAP
    for number, part in enumerate(parts):
        x = _LABEL + number * 130
        lines.append(f'<rect x="{x}" y="{y + 2}" width="12" height="12" fill="{_COLOURS[number]}"/>')
        lines.append(f'<text x="{x + 18}" y="{y + 12}">{_text(part, 20)}</text>')
    return "\n".join([*lines, "</svg>", ""])


def _text(text: str, most: int) -> str:
    shown = "".join(character if character.isprintable() else " " for character in text)
    return escape(shown if len(shown) <= most else f"{shown[: most - 1]}…")
