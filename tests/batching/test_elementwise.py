"""Elementwise functions of members, with what is the same for all."""

import operator

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import BatchError
from tests.batching.loops import check_gradients_of_squares, check_values

X = np.random.default_rng(0).normal(size=(5, 3, 4))
FUNCTIONS = {
    "exp": lambda x: np.exp(x),
    "a number": lambda x: x * 2 + 1,
    "a row that is the same for all": lambda x: x + np.arange(4.0),
    "a choice": lambda x: np.where(x > 0, x, 0.1 * x),
    "clip": lambda x: np.clip(x, -0.5, 0.5),
    "maximum": lambda x: np.maximum(x, x[::-1]),
    "power": lambda x: np.abs(x) ** 1.5,
    "a member of its own": lambda x: x * x.sum(),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_batch_is_a_loop_over_its_members(name):
    check_values(FUNCTIONS[name], X)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_of_members_are_those_of_the_loop(name):
    check_gradients_of_squares(FUNCTIONS[name], X)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.zeros_like(x, np.float32),
        lambda x: np.ones_like(x, int, "C"),
        lambda x: np.ones_like(x, None, "K", True, (2, 2)),
        lambda x: np.full_like(x, 3, np.int64),
        lambda x: np.full_like(x, fill_value=2.5, dtype="f4"),
        lambda x: np.copy(x, "F"),
    ],
)
def test_options_by_position_are_numpys(f):
    x = np.random.default_rng(0).normal(size=(4, 2, 3))
    got, want = mg.vmap(f)(x), np.stack([np.asarray(f(member)) for member in x])
    got = np.asarray(got)
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("name", "iadd isub imul ifloordiv imod ipow iand ior ixor ilshift irshift".split())
def test_what_writes_in_place_is_seen_under_other_names(name):
    def written(x, y):
        made = x + 1
        view = made[:2]
        return [getattr(operator, name)(made, y), view * 1][1]

    x, y = np.arange(24).reshape(2, 3, 4) % 5, np.arange(24).reshape(2, 3, 4) % 3 + 1
    np.testing.assert_array_equal(mg.vmap(written)(x, y), [written(*pair) for pair in zip(x, y, strict=True)])


@pytest.mark.parametrize("of", [lambda x: x, lambda x: getattr(x, "_array", x)], ids=["tensor", "data"])
def test_a_product_in_place_is_seen_under_other_names(of):
    def written(x, y):
        made = of(x + 1)
        view = made[:2].T
        kept = made
        made @= of(y)
        return kept * 1, view * 1

    x, y = np.random.default_rng(0).normal(size=(2, 3, 4, 4))
    found, expected = mg.vmap(written)(x, y), [written(*pair) for pair in zip(x, y, strict=True)]
    for got, want in zip(found, zip(*expected, strict=True), strict=True):
        np.testing.assert_allclose(got, np.stack(want), rtol=1e-12)
    with pytest.raises(ValueError, match="shape"):
        mg.vmap(written)(x, y[..., :2])


def test_counts_of_each_member():
    x = np.random.default_rng(0).normal(size=(3, 20))
    for f in (np.histogram, lambda x: np.histogram(x, [-1.0, 0.0, 2.0]), lambda x: np.histogram2d(x, x[::-1], 4)):
        for got, want in zip(mg.vmap(f)(x), zip(*map(f, x), strict=True), strict=True):
            np.testing.assert_array_equal(got, np.stack(want))
    with pytest.raises(BatchError, match=r"np\.histogram gives arrays of different shapes"):
        mg.vmap(lambda x: np.histogram(x, "auto")[0])(x**3)


@pytest.mark.parametrize("shift", [lambda x: x << 2, lambda x: 2 << x, lambda x: x >> 1, lambda x: 99 >> x.max()])
def test_shifts_of_bits(shift):
    x = np.arange(12).reshape(2, 2, 3)
    np.testing.assert_array_equal(mg.vmap(shift)(x), [shift(part) for part in x])
