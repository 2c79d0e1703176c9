"""Every row of minigrad/nn/functional/pooling.py has the properties that a row must have; windows are exact."""

import itertools

import numpy as np
import pytest

import minigrad as mg
import minigrad.nn.functional as F
from minigrad.kernels import pooling as kernels
from minigrad.nn.functional import pooling
from tests.ops.families import properties_of

test_properties = properties_of(pooling)


def windows(size, places):
    return [slice(i * size // places, -(-(i + 1) * size // places)) for i in range(places)]


@pytest.mark.parametrize("size", [1, 3, 7, 8, 13, 14, 16])
@pytest.mark.parametrize("places", [1, 2, 4, 5, 6, 9])
def test_adaptive_windows_are_those_of_the_definition_and_ties_share_evenly(size, places):
    x = np.random.default_rng(0).integers(0, 4, (2, 3, size)).astype(float)
    g = np.random.default_rng(1).standard_normal((2, 3, places))
    for f, reduce in ((F.adaptive_max_pool1d, np.max), (F.adaptive_avg_pool1d, np.mean)):
        want, slope = np.empty_like(g), np.zeros_like(x)
        for i, seen in enumerate(windows(size, places)):
            part = x[..., seen]
            want[..., i] = reduce(part, -1)
            wins = part == want[..., i, None] if reduce is np.max else np.ones_like(part)
            slope[..., seen] += g[..., i, None] * wins / wins.sum(-1, keepdims=True)
        z, pull = mg.vjp(lambda x, f=f: f(x, places), x)
        np.testing.assert_allclose(z, want, 1e-13)
        np.testing.assert_allclose(pull(g)[0], slope, 1e-13, 1e-13)


@pytest.mark.parametrize(
    ("sizes", "places"), [((16, 16), (5, 5)), ((14, 9), (4, 3)), ((8, 5), (3, None)), ((6, 4), (12, 7))], ids=str
)
def test_adaptive_maxima_of_images(sizes, places):
    x = np.random.default_rng(0).standard_normal((2, 3, *sizes))
    axes = [windows(size, count or size) for size, count in zip(sizes, places, strict=True)]
    want = [x[..., rows, columns].max((2, 3)) for rows, columns in itertools.product(*axes)]
    want = np.moveaxis(want, 0, -1).reshape(2, 3, *map(len, axes))
    np.testing.assert_array_equal(F.adaptive_max_pool2d(x, places), want)


@pytest.mark.parametrize(("size", "places", "calls"), [(16, 5, 1), (14, 7, 1), (14, 4, 1), (8, 3, 2), (3, 6, 1)])
def test_alike_windows_are_pooled_in_one_call(size, places, calls, monkeypatch):
    made, max_pool = [], kernels.max_pool
    monkeypatch.setattr(pooling, "max_pool", lambda x, window: made.append(window) or max_pool(x, window))
    F.adaptive_max_pool1d(np.ones((1, 1, size)), places)
    assert len(made) == calls
