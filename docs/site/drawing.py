"""Figures of the pages as SVG inside of a page: curves, matrices and regions, in the colours of the page.

Text and axes have the page's own colour, so a figure is readable in light and dark. No library of pictures is needed.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

Array = np.ndarray
Curve = tuple[Array, Array]

COLOURS = ("#3b82d6", "#e0762a", "#2f9e6e", "#b155c9", "#c9a227")
WIDTH, HEIGHT = 440, 260
LEFT, RIGHT, TOP, BOTTOM = 52, 20, 12, 42


def lines(
    curves: Mapping[str, Curve], x: str, y: str, *, logarithmic: bool = False, dots: Mapping[str, Curve] | None = None
) -> str:
    """Curves by name over one pair of axes; ``dots`` are points in the same plane."""
    drawn = [*curves.values(), *(dots or {}).values()]
    across, up = (np.concatenate([np.asarray(one[axis], float).ravel() for one in drawn]) for axis in (0, 1))
    up = np.log10(up) if logarithmic else up
    low, high = (across.min(), up.min()), (across.max(), up.max())
    low, high = (low[0], low[1] - 0.05 * (high[1] - low[1])), (high[0], high[1] + 0.05 * (high[1] - low[1]))

    def place(one: Curve) -> list[tuple[float, float]]:
        values = np.log10(one[1]) if logarithmic else np.asarray(one[1], float)
        return [
            (
                LEFT + (a - low[0]) / (high[0] - low[0]) * (WIDTH - LEFT - RIGHT),
                HEIGHT - BOTTOM - (b - low[1]) / (high[1] - low[1]) * (HEIGHT - TOP - BOTTOM),
            )
            for a, b in zip(one[0], values, strict=True)
        ]

    parts = [*_axes(low, high, x, y, logarithmic)]
    for colour, one in zip(COLOURS, curves.values(), strict=False):
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in place(one))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8"/>')
    for colour, one in zip(COLOURS[len(curves) :], (dots or {}).values(), strict=False):
        parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.2" fill="{colour}"/>' for a, b in place(one)]
    names = [*curves, *(dots or {})]
    return _svg(parts, HEIGHT) + (_key(names) if len(names) > 1 else "")


def matrices(shown: Mapping[str, Array]) -> str:
    """Matrices side by side, each number on a ground whose strength is its size; orange is below 0."""
    cell = (44, 24)
    parts: list[str] = []
    left = top = 0
    lowest = 0
    for title, matrix in shown.items():
        rows, columns = matrix.shape
        wide = max(columns * cell[0], 7 * len(title))
        if left and left + wide > WIDTH:
            left, top = 0, lowest + 18
        parts.append(f'<text x="{left}" y="{top + 14}" font-size="12" fill="currentColor">{escape(title)}</text>')
        largest = float(np.abs(matrix).max()) or 1.0
        digits = 2 if (matrix % 1).any() else 0
        for i, j in np.ndindex(rows, columns):
            value = float(matrix[i, j])
            a, b = left + j * cell[0], top + 22 + i * cell[1]
            colour = COLOURS[1] if value < 0 else COLOURS[0]
            parts += [
                (
                    f'<rect x="{a}" y="{b}" width="{cell[0] - 2}" height="{cell[1] - 2}" rx="3" fill="{colour}" '
                    f'fill-opacity="{0.05 + 0.5 * abs(value) / largest:.2f}"/>'
                ),
                (
                    f'<text x="{a + cell[0] / 2 - 1}" y="{b + 15}" font-size="11" text-anchor="middle" '
                    f'fill="currentColor">{value:.{digits}f}</text>'
                ),
            ]
        lowest = max(lowest, top + 22 + rows * cell[1])
        left += wide + 16
    return _svg(parts, lowest + 4)


def bars(groups: Mapping[str, Array], labels: Sequence[str]) -> str:
    """Bars from 0 on, those of one label beside each other."""
    values = np.array(list(groups.values()), float)
    low, high = min(0.0, values.min()), max(0.0, values.max())
    parts = [*_axes((0, low), (1, high), "", "", False, across=False)]
    wide = (WIDTH - LEFT - RIGHT) / len(labels)
    scale = (HEIGHT - TOP - BOTTOM) / (high - low)
    zero = HEIGHT - BOTTOM + low * scale
    for i, label in enumerate(labels):
        for number, colour in zip(range(len(values)), COLOURS, strict=False):
            size = values[number, i] * scale
            a = LEFT + i * wide + wide * (0.12 + 0.76 * number / len(values))
            parts.append(
                f'<rect x="{a:.1f}" y="{zero - max(size, 0):.1f}" width="{0.7 * wide / len(values):.1f}" '
                f'height="{max(abs(size), 0.5):.1f}" fill="{colour}" rx="2"/>'
            )
        parts.append(
            f'<text x="{LEFT + (i + 0.5) * wide:.1f}" y="{HEIGHT - BOTTOM + 18}" font-size="12" text-anchor="middle" '
            f'fill="currentColor">{escape(label)}</text>'
        )
    return _svg(parts, HEIGHT) + (_key(list(groups)) if len(groups) > 1 else "")


def regions(points: Array, labels: Array, decided: Array) -> str:
    """Points in the plane, over the class that was decided for each cell of a square grid, from its lower left."""
    count = len(decided)
    side, size = 300, 300 / count
    parts = []
    for row, classes in enumerate(decided):
        starts = [0, *(np.flatnonzero(np.diff(classes)) + 1), count]
        for begin, end in itertools.pairwise(starts):
            parts.append(
                f'<rect x="{begin * size:.1f}" y="{(count - 1 - row) * size:.1f}" width="{(end - begin) * size:.1f}" '
                f'height="{size:.1f}" fill="{COLOURS[classes[begin]]}" fill-opacity="0.3"/>'
            )
    low, high = points.min(0), points.max(0)
    placed = (points - low + 0.04 * (high - low)) / (1.08 * (high - low)) * side
    parts += [
        f'<circle cx="{a:.1f}" cy="{side - b:.1f}" r="2.6" fill="{COLOURS[kind]}"/>'
        for (a, b), kind in zip(placed, labels, strict=True)
    ]
    return _svg(parts, side, side)


def chain(boxes: Sequence[tuple[str, str]], joined: int) -> str:
    """Boxes below each other, each a name and a line of text, with ``joined`` arrows from one to the next."""
    high, gap, left, wide = 44, 40, 90, 260
    parts = []
    for place, (name, told) in enumerate(boxes):
        top, middle = 2 + place * (high + gap), left + wide / 2
        ground = f'fill="{COLOURS[0]}" fill-opacity="0.12"'
        centred = 'text-anchor="middle" fill="currentColor"'
        parts += [
            f'<rect x="{left}" y="{top}" width="{wide}" height="{high}" rx="6" {ground}/>',
            f'<text x="{middle}" y="{top + 18}" font-size="13" {centred}>{escape(name)}</text>',
            f'<text x="{middle}" y="{top + 35}" font-size="11" {centred}>{escape(told)}</text>',
        ]
        for arrow in range(joined if place + 1 < len(boxes) else 0):
            a, b = left + wide * (arrow + 1) / (joined + 1), top + high
            parts.append(
                f'<path d="M{a:.0f},{b + 4}V{b + gap - 6}M{a - 4:.0f},{b + gap - 12}L{a:.0f},{b + gap - 5}'
                f'L{a + 4:.0f},{b + gap - 12}" fill="none" stroke="{COLOURS[1]}" stroke-width="1.8"/>'
            )
    return _svg(parts, len(boxes) * (high + gap) - gap + 4)


def grid_over(points: Array, count: int = 75) -> Array:
    """The points (count², 2) at which ``regions`` wants the classes, row by row from below."""
    low, high = points.min(0), points.max(0)
    sides = [
        np.linspace(*ends, count) for ends in zip(low - 0.04 * (high - low), high + 0.04 * (high - low), strict=True)
    ]
    return np.stack(np.meshgrid(*sides), -1).reshape(-1, 2)


def _axes(
    low: tuple[float, float], high: tuple[float, float], x: str, y: str, logarithmic: bool, across: bool = True
) -> list[str]:
    """The frame, its ticks with numbers, and what is on each axis."""
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    parts = [
        f'<path d="M{LEFT},{TOP}V{bottom}H{right}" fill="none" stroke="currentColor" stroke-opacity="0.6"/>',
        f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 6}" {_SMALL} text-anchor="middle">{escape(x)}</text>',
        (
            f'<text x="12" y="{(TOP + bottom) / 2}" {_SMALL} text-anchor="middle" '
            f'transform="rotate(-90 12 {(TOP + bottom) / 2})">{escape(y)}</text>'
        ),
    ]
    for tick in ticks(low[0], high[0]) if across else ():
        a = LEFT + (tick - low[0]) / (high[0] - low[0]) * (right - LEFT)
        parts.append(f'<text x="{a:.1f}" y="{bottom + 15}" {_SMALL} text-anchor="middle">{tick:g}</text>')
    for tick in ticks(low[1], high[1], whole=logarithmic):
        b = bottom - (tick - low[1]) / (high[1] - low[1]) * (bottom - TOP)
        shown = f"{10.0**tick:g}" if logarithmic else f"{tick:g}"
        parts += [
            f'<path d="M{LEFT},{b:.1f}H{right}" stroke="currentColor" stroke-opacity="0.12"/>',
            f'<text x="{LEFT - 5}" y="{b + 4:.1f}" {_SMALL} text-anchor="end">{shown}</text>',
        ]
    return parts


_SMALL = 'font-size="11" fill="currentColor"'


def ticks(low: float, high: float, *, whole: bool = False) -> list[float]:
    """Round numbers between two bounds, about five of them."""
    step = 10.0 ** math.floor(math.log10((high - low) / 4))
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= 6)
    step = max(1.0, round(step)) if whole else step
    first = math.ceil(low / step - 1e-9)
    return [round(step * k, 12) for k in range(first, math.floor(high / step + 1e-9) + 1)]


def _key(names: Sequence[str]) -> str:
    """Which colour is whose."""
    entries = "".join(
        f'<span style="color:{colour}">●</span> {escape(name)} &#160; '
        for name, colour in zip(names, COLOURS, strict=False)
    )
    return f'<div style="font-size:0.85rem">{entries}</div>'


def _svg(parts: Sequence[str], height: float, width: float = WIDTH) -> str:
    body = "\n".join(parts)
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" style="max-width:100%;height:auto" '
        f'aria-hidden="true" xmlns="http://www.w3.org/2000/svg">\n{body}\n</svg>'
    )
