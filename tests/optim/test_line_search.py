"""The line search: what it finds fulfils the strong Wolfe conditions."""

import math

import numpy as np
import pytest

from minigrad.optim.line_search import Point, strong_wolfe

FUNCTIONS = {
    "a parabola": (lambda t: (t - 3) ** 2, lambda t: 2 * (t - 3)),
    "steep, then flat": (lambda t: t**4 - 8 * t, lambda t: 4 * t**3 - 8),
    "waves": (lambda t: -t / (t * t + 2), lambda t: (t * t - 2) / (t * t + 2) ** 2),
    "nearly a kink": (lambda t: math.sqrt((t - 1) ** 2 + 1e-4), lambda t: (t - 1) / math.sqrt((t - 1) ** 2 + 1e-4)),
}


def searched(name, t, limit=25, **options):
    loss, slope = FUNCTIONS[name]
    calls = []

    def at(t):
        calls.append(t)
        return Point(t, loss(t), np.array([slope(t)]), slope(t))

    start = Point(0.0, loss(0), np.array([slope(0)]), slope(0))
    found, count = strong_wolfe(at, start, t, 1e-9, limit, **options)
    assert count == len(calls)
    return start, found


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("t", [1e-3, 0.1, 1.0, 10.0, 1e3])
def test_the_loss_falls_enough_and_the_slope_is_small(name, t):
    start, found = searched(name, t)
    assert found.loss <= start.loss + 1e-4 * found.t * start.slope
    assert abs(found.slope) <= -0.9 * start.slope


def test_infinite_losses_turn_it_back():
    def at(t):
        loss = (t - 1) ** 2 if t < 2 else math.inf
        slope = 2 * (t - 1) if t < 2 else math.nan
        return Point(t, loss, np.array([slope]), slope)

    found, _ = strong_wolfe(at, at(0.0), 100.0, 1e-9, 60)
    assert found.t < 2
    assert found.loss < 1


def test_after_the_last_evaluation_it_gives_the_best_it_has():
    start, found = searched("a parabola", 1e3, limit=1)
    assert found.loss <= start.loss
