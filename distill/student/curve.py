"""How the losses went, as records and as a drawing that is the same for the same numbers."""

from collections.abc import Iterable, Sequence
from typing import Any

from distill.student.folder import Point

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 720, 360, 64, 40, 44
_LOSS, _HELD_OUT = "#2f6f9f", "#d98b2b"


def points_of(history: Iterable[dict[str, Any]]) -> list[Point]:
    """A trainer's history as points; what was logged before a training went on is in it."""
    points = []
    for entry in history:
        if "eval_loss" in entry:
            values = {"held_out_loss": entry["eval_loss"], "accuracy": entry.get("eval_mean_token_accuracy")}
        elif "loss" in entry:
            values = {
                "loss": entry["loss"],
                "accuracy": entry.get("mean_token_accuracy"),
                "learning_rate": entry.get("learning_rate"),
            }
        else:
            continue
        points.append(Point(step=entry["step"], epoch=round(entry.get("epoch", 0.0), 4), **values))
    return points


def draw(points: Sequence[Point], title: str = "loss by step") -> str:
    """Both losses as SVG, from zero upwards."""
    series = [
        ("learned from", _LOSS, [(p.step, p.loss) for p in points if p.loss is not None]),
        ("held out", _HELD_OUT, [(p.step, p.held_out_loss) for p in points if p.held_out_loss is not None]),
    ]
    steps = max((step for _, _, line in series for step, _ in line), default=1)
    most = max((value for _, _, line in series for _, value in line), default=1.0) or 1.0
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        f'<text x="12" y="22" font-size="15" font-weight="bold">{title}</text>',
    ]
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = _y(share)
        lines.append(f'<line x1="{_LEFT}" x2="{_WIDTH - 20}" y1="{y:.1f}" y2="{y:.1f}" stroke="#dddddd"/>')
        lines.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{share * most:.3g}</text>')
        lines.append(
            f'<text x="{_x(share):.1f}" y="{_HEIGHT - 18}" text-anchor="middle">{round(share * steps):,}</text>'
        )
    for number, (name, colour, line) in enumerate(series):
        if not line:
            continue
        at = " ".join(f"{_x(step / steps):.1f},{_y(value / most):.1f}" for step, value in line)
        lines.append(f'<polyline points="{at}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        lines += [
            f'<circle cx="{_x(step / steps):.1f}" cy="{_y(value / most):.1f}" r="3" fill="{colour}"/>'
            for step, value in (line if len(line) < 60 else line[-1:])
        ]
        lines.append(f'<text x="{_WIDTH - 150}" y="{22 + 16 * number}" fill="{colour}">{name}</text>')
    return "\n".join([*lines, "</svg>", ""])


def _x(share: float) -> float:
    return _LEFT + share * (_WIDTH - 20 - _LEFT)


def _y(share: float) -> float:
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _BOTTOM - _TOP)
