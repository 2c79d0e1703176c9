"""Logarithms of shares in both tails, against mpmath; the edges."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.ops import log_shares as rows
from minigrad.testing import check_gradients
from tests.ops.families import properties_of

mp = pytest.importorskip("mpmath")
test_properties = properties_of(rows)

RNG = np.random.default_rng(4)


def exactly(f, *arrays):
    with mp.workdps(500):
        return np.array([float(f(*map(mp.mpf, xs))) for xs in zip(*arrays, strict=True)])


def test_both_tails_of_gamma():
    a = 10 ** RNG.uniform(-2, 3, 25)
    x = a * 10 ** RNG.uniform(-3, 1.5, 25)
    below = exactly(lambda a, x: mp.log(mp.gammainc(a, 0, x, regularized=True)), a, x)
    above = exactly(lambda a, x: mp.log(mp.gammainc(a, x, mp.inf, regularized=True)), a, x)
    assert (below < -800).any()
    assert (above < -800).any()
    np.testing.assert_allclose(rows.log_gammainc(a, x), below, rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(rows.log_gammaincc(a, x), above, rtol=1e-12, atol=1e-300)


def test_the_tail_of_beta():
    a, b = 10 ** RNG.uniform(-1, 3, (2, 60))
    x = a / (a + b) * 10 ** RNG.uniform(-3, 0, 60)
    want = exactly(
        lambda a, b, x: (
            a * mp.log(x) + b * mp.log(1 - x) - mp.log(a * mp.beta(a, b)) + mp.log(mp.hyp2f1(a + b, 1, a + 1, x))
        ),
        a,
        b,
        x,
    )
    assert (want < -800).any()
    np.testing.assert_allclose(rows.log_betainc(a, b, x), want, rtol=1e-12)


def test_gradients_in_the_tails():
    x = np.array([1e-3, 0.5, 30.0, 900.0])
    check_gradients(rows.log_gammaincc, np.array([0.5, 2.0, 3.0, 20.0]), x, order=2)
    check_gradients(rows.log_gammainc, np.array([90.0, 2.0, 300.0, 20.0]), x, order=2)
    check_gradients(rows.log_betainc, np.array([400.0, 2.0]), np.array([3.0, 0.5]), np.array([1e-2, 0.9]), order=2)
    # Far out the slope of log sf is that of -x.
    np.testing.assert_allclose(mg.grad(lambda x: rows.log_gammaincc(2.0, x))(1e5), -1, rtol=1e-4)


def test_the_edges():
    np.testing.assert_array_equal(rows.log_gammainc(np.full(2, 2.0), np.array([0.0, np.inf])), [-np.inf, 0])
    np.testing.assert_array_equal(rows.log_gammaincc(np.full(2, 2.0), np.array([0.0, np.inf])), [0, -np.inf])
    np.testing.assert_array_equal(
        rows.log_betainc(np.full(2, 2.0), np.full(2, 3.0), np.array([0.0, 1.0])), [-np.inf, 0]
    )
    np.testing.assert_allclose(rows.log_gammaincc(1e-7, 5e-8), -13.33098697273623267, rtol=1e-14)  # a small shape
