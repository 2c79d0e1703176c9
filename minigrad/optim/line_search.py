"""A line search for the strong Wolfe conditions, with cubic interpolation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Point(NamedTuple):
    """A point w + t d of the search: the loss, its gradient, and its slope along d."""

    t: float
    loss: float
    gradient: np.ndarray
    slope: float


def strong_wolfe(
    at: Callable[[float], Point], start: Point, t: float, smallest: float, limit: int, c1: float = 1e-4, c2: float = 0.9
) -> tuple[Point, int]:
    """A point where the loss has fallen enough and its slope is small, and the number of evaluations.

    ::

        loss(t) <= loss(0) + c1 t slope(0)   and   abs(slope(t)) <= c2 abs(slope(0))

    ``t`` is tried first. When ``limit`` further evaluations do not do, or the bracket gets smaller than ``smallest``,
    it is the best point known at which the loss has fallen enough, or the start. Where the loss is not finite it counts
    as infinite: the search turns back there. Nocedal and Wright, Numerical optimization, algorithms 3.5 and 3.6; bounds
    of the interpolation as in Schmidt's minFunc and PyTorch, which may also go on from a point that is lower than the
    others but not low enough, and then miss the minimum.
    """

    def high(point: Point) -> bool:
        return point.loss > start.loss + c1 * point.t * start.slope

    def flat(point: Point) -> bool:
        return abs(point.slope) <= -c2 * start.slope

    # First go out until the minimum lies between the two latest points.
    before, now, tries = start, at(t), 0
    while True:
        if high(now) or (tries and now.loss >= before.loss):
            low, other = before, now
            break
        if flat(now) or tries == limit:
            return now, tries + 1
        if now.slope >= 0:
            low, other = now, before
            break
        further = _minimum(before, now, now.t + 0.01 * (now.t - before.t), now.t * 10)
        before, now, tries = now, at(further), tries + 1
    # Then make the interval between ``low``, the best end at which the loss has fallen enough, and ``other`` smaller.
    stuck = False
    while tries < limit and abs(other.t - low.t) > smallest:
        t, stuck = _inside(low, other, stuck)
        now, tries = at(t), tries + 1
        if high(now) or now.loss >= low.loss:
            other = now
            continue
        if flat(now):
            low = now
            break
        if now.slope * (other.t - low.t) >= 0:
            other = low
        low = now
    return low, tries + 1


def _inside(low: Point, other: Point, stuck: bool) -> tuple[float, bool]:
    """The next point to try between two ends, and whether it lies close to one of them."""
    left, right = min(low.t, other.t), max(low.t, other.t)
    t, margin = _minimum(low, other, left, right), 0.1 * (right - left)
    if min(right - t, t - left) >= margin:
        return t, False
    if stuck or t >= right or t <= left:  # once may be chance, twice the interpolation does not get on
        return (right - margin if right - t < t - left else left + margin), False
    return t, True


def _minimum(a: Point, b: Point, left: float, right: float) -> float:
    """The minimum in [left, right] of the cubic through both points with their slopes, or the middle without one."""
    if a.t > b.t:
        a, b = b, a
    if not (math.isfinite(a.loss + a.slope) and math.isfinite(b.loss + b.slope)):
        return (left + right) / 2
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d1 * d1 - a.slope * b.slope
    if square < 0:
        return (left + right) / 2
    d2 = math.sqrt(square)
    below = b.slope - a.slope + 2 * d2
    if below == 0:
        return (left + right) / 2
    return min(max(b.t - (b.t - a.t) * ((b.slope + d2 - d1) / below), left), right)
