"""Plots as SVG: horizontal bars, and lines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

Points = Sequence[tuple[float, float]]

COLOURS = ("#1668b8", "#d9730d", "#2e8b57", "#a83279", "#6b6b6b", "#b8860b")

WIDTH, HEIGHT = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 50, 50
BAR, LABELS, NUMBERS = 26, 200, 80


def bars(title: str, values: Mapping[str, float], format: str = ",.0f") -> str:
    """Draw horizontal bars, each with its name and its value."""
    top, height = 40, 50 + BAR * len(values)
    scale = (WIDTH - LABELS - NUMBERS) / (max(values.values(), default=0) or 1)
    parts = [_text(WIDTH / 2, 24, title, "middle", size=15)]
    for row, (name, value) in enumerate(values.items()):
        length, at = value * scale, top + row * BAR
        colour = COLOURS[row % len(COLOURS)]
        parts += [
            _text(LABELS - 8, at + 17, name, "end"),
            f'<rect x="{LABELS}" y="{at + 3}" width="{length:.1f}"'
            f' height="{BAR - 6}" fill="{colour}"/>',
            _text(LABELS + length + 6, at + 17, f"{value:{format}}"),
        ]
    return _drawing(title, height, parts)


def lines(
    title: str, x: str, y: str, series: Mapping[str, Points], *, log: bool = False
) -> str:
    """
    Draw lines with a y axis that starts at zero.

    @param x: The label of the x axis, as C{y} is of the y axis.
    @param log: Whether the x axis is logarithmic.
    """
    points = [point for each in series.values() for point in each]
    right, left = max(at for at, _ in points), min(at for at, _ in points)
    top = _round(max(value for _, value in points))
    scaled = math.log10 if log else float
    span = scaled(right) - scaled(left) or 1

    def across(at: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (scaled(at) - scaled(left)) / span

    def up(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top

    parts = [
        _text(WIDTH / 2, 24, title, "middle", size=15),
        _text(WIDTH / 2, HEIGHT - 10, x, "middle"),
        _text(10, TOP - 8, y),
    ]
    for value in (top * step / 4 for step in range(5)):
        parts += [
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{up(value):.1f}"'
            f' y2="{up(value):.1f}" stroke="#ddd"/>',
            _text(LEFT - 6, up(value) + 4, f"{value:,g}", "end"),
        ]
    marks = sorted({at for at, _ in points})
    for at in marks if len(marks) < 8 else (left, (left + right) / 2, right):
        parts.append(_text(across(at), HEIGHT - BOTTOM + 18, f"{at:,g}", "middle"))
    for number, (name, each) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(f"{across(at):.1f},{up(value):.1f}" for at, value in each)
        parts += [
            f'<polyline points="{path}" fill="none" stroke="{colour}"'
            ' stroke-width="2"/>',
            _text(LEFT + 10, TOP + 14 + 18 * number, name, colour=colour),
        ]
    return _drawing(title, HEIGHT, parts)


def _round(value: float) -> float:
    """Return the end of an axis: 1, 2, 4 or 8 times a power of ten."""
    power: float = 10 ** math.floor(math.log10(value)) if value > 0 else 1
    return next(step * power for step in (1, 2, 4, 8, 10) if step * power >= value)


def _text(
    x: float,
    y: float,
    text: str,
    anchor: str = "start",
    *,
    size: int = 13,
    colour: str = "#222",
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"'
        f' fill="{colour}">{escape(text)}</text>'
    )


def _drawing(title: str, height: int, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
        f' width="{WIDTH}" height="{height}" font-family="sans-serif" role="img">'
    )
    ground = f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>'
    named = f"<title>{escape(title)}</title>"
    return "\n".join([head, named, ground, *parts, "</svg>", ""])
