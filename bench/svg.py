"""Line charts as SVG, without a library: shares of timers over lateness."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

Points = Sequence[tuple[float, float]]

WIDTH, HEIGHT = 720, 360
LEFT, RIGHT, TOP, BOTTOM = 60, 20, 40, 50
COLOURS = ("#1f6feb", "#d1242f", "#1a7f37", "#8250df")


def percentile_chart(title: str, lines: Mapping[str, Points]) -> str:
    """A chart of curves of (percentile, milliseconds): percent up, milliseconds across, the latter by powers of ten."""
    longest = max((value for points in lines.values() for _, value in points), default=1.0)
    decades = max(1, math.ceil(math.log10(max(longest, 1.0))))

    def x(milliseconds: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log10(max(1.0, milliseconds)) / decades

    def y(percent: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * percent / 100

    parts = [_text(WIDTH / 2, 22, title, size=15), _text(WIDTH / 2, HEIGHT - 8, "lateness, ms, each step tenfold")]
    for percent in (0, 25, 50, 75, 100):
        parts += [
            _line(LEFT, y(percent), WIDTH - RIGHT, y(percent)),
            _text(LEFT - 8, y(percent) + 4, f"{percent}%", "end"),
        ]
    for value in (10.0**decade for decade in range(decades + 1)):
        parts += [
            _line(x(value), TOP, x(value), HEIGHT - BOTTOM),
            _text(x(value), HEIGHT - BOTTOM + 18, f"{value:,.0f}"),
        ]
    for index, (name, points) in enumerate(lines.items()):
        colour = COLOURS[index % len(COLOURS)]
        path = " ".join(f"{x(value):.1f},{y(percent):.1f}" for percent, value in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        at = HEIGHT - BOTTOM - 14 - 18 * index
        parts.append(_text(WIDTH - RIGHT - 8, at, name, "end", colour=colour))
    return _document(title, parts)


def _document(title: str, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'role="img" font-family="system-ui, sans-serif"><title>{escape(title)}</title>'
        '<rect width="100%" height="100%" fill="#ffffff"/>'
    )
    return "\n".join([head, *parts, "</svg>", ""])


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#d0d7de"/>'


def _text(x: float, y: float, text: str, anchor: str = "middle", *, size: int = 12, colour: str = "#24292f") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'
    )
