"""Poisson's and binomial probabilities: digits for counts of any size, against mpmath."""

import numpy as np
import pytest

from minigrad.ops import densities as rows
from minigrad.testing import check_gradients
from tests.ops.families import properties_of

mp = pytest.importorskip("mpmath")
test_properties = properties_of(rows)

RNG = np.random.default_rng(2)


def exactly(f, *arrays):
    with mp.workdps(40):
        return np.array([float(f(*map(mp.mpf, xs))) for xs in zip(*arrays, strict=True)])


def test_poisson_probabilities_have_all_digits():
    k = 10 ** RNG.uniform(-1, 6, 200)
    m = k * np.exp(RNG.normal(size=200) * RNG.choice([1e-3, 0.1, 1], 200))
    want = exactly(lambda k, m: k * mp.log(m) - m - mp.loggamma(k + 1), k, m)
    np.testing.assert_allclose(rows.log_poisson(k, m), want, rtol=1e-14)
    check_gradients(rows.log_poisson, np.array([0.5, 3.0, 20.0, 400.0]), np.array([2.0, 1.0, 25.0, 390.0]), order=2)


def test_binomial_probabilities_have_all_digits():
    k, rest = 10 ** RNG.uniform(-1, 6, (2, 200))
    n = k + rest
    p = k / n
    want = exactly(
        lambda k, n, p: (
            mp.loggamma(n + 1) - mp.loggamma(k + 1) - mp.loggamma(n - k + 1) + k * mp.log(p) + (n - k) * mp.log(1 - p)
        ),
        k,
        n,
        p,
    )
    np.testing.assert_allclose(rows.log_binomial(k, n, p), want, rtol=1e-13)
    check_gradients(
        rows.log_binomial, np.array([0.5, 3.0, 20.0]), np.array([4.0, 50.0, 60.0]), np.array([0.2, 0.1, 0.4])
    )


def test_densities_of_beta_have_all_digits():
    a, b = 10 ** RNG.uniform(-2, 5, (2, 200))
    x = np.clip(RNG.beta(np.maximum(a, 0.3), np.maximum(b, 0.3)), 1e-12, 1 - 1e-12)
    want = exactly(
        lambda a, b, x: (
            (a - 1) * mp.log(x) + (b - 1) * mp.log(1 - x) - mp.loggamma(a) - mp.loggamma(b) + mp.loggamma(a + b)
        ),
        a,
        b,
        x,
    )
    np.testing.assert_allclose(rows.log_beta(a, b, x), want, rtol=3e-14, atol=1e-15)
    check_gradients(rows.log_beta, np.array([0.5, 3.0, 20.0]), np.array([4.0, 0.3, 60.0]), np.array([0.2, 0.9, 0.3]))


def test_the_edges():
    zero = np.zeros(3)
    np.testing.assert_array_equal(rows.log_poisson(np.array([0.0, 1.0, -0.5]), zero), [0, -np.inf, np.inf])
    np.testing.assert_array_equal(rows.log_binomial(np.array([0.0, 1.0]), np.array([3.0, 3.0]), zero[:2]), [0, -np.inf])
    np.testing.assert_array_equal(rows.log_beta(np.array([1.0, 2.0, 0.5]), np.ones(3), zero), [0, -np.inf, np.inf])
