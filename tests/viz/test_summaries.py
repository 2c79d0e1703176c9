"""Arrays in small."""

import base64

import numpy as np
import pytest

from minigrad.viz.summaries import BARS, SIDE, summary


def test_a_small_array_is_there_whole():
    x = np.array([[-1.0, 0.0], [0.5, 2.0]])
    found = summary(x)
    assert (found["lo"], found["hi"], found["mean"]) == (-1, 2, 0.375)
    assert (found["w"], found["h"], found["all"]) == (2, 2, [2, 2])
    assert list(base64.b64decode(found["map"])) == [128 - 64, 128, 128 + 32, 255]
    assert sum(found["hist"]) == 4
    assert len(found["hist"]) == BARS


def test_a_large_one_is_spread_over():
    found = summary(np.arange(200.0).reshape(100, 2).repeat(50, 1))
    assert (found["w"], found["h"], found["all"]) == (SIDE, SIDE, [100, 100])
    assert len(found["map"]) < 1400
    assert base64.b64decode(found["map"])[-1] == 255


@pytest.mark.parametrize(
    ("x", "bad"),
    [
        (np.array([np.nan, 1.0, np.inf]), 2),
        (np.array([np.nan]), 1),
        (np.array(3.0), 0),
        (np.empty((0, 3)), 0),
        (np.zeros((3, 4, 5)), 0),
        (np.array([1e300, -1e300]), 0),
        (np.array([1e-320, 0.0]), 0),
        (np.array([1 + 2j, 3]), 0),
        (np.array([1, 2], "int8"), 0),
        (np.array([True, False]), 0),
    ],
)
def test_any_array(x, bad):
    found = summary(x)
    assert found["bad"] == bad
    assert found["n"] == x.size
    if bad and "map" in found:
        assert base64.b64decode(found["map"])[0] == 0


def test_the_mean_of_the_largest_numbers_is_one_of_them():
    made = summary(np.full((9, 9), 1.7e308))
    assert made["mean"] == made["hi"] == 1.7e308
