"""Logarithms of the probabilities of Poisson and binomial: what the densities of a dozen distributions are made of.

Written with gammaln they are small differences of large numbers. Loader, Fast and accurate computation of binomial
probabilities, 2000, has those differences as functions of their own, ``deviance`` and ``stirling``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.core.primitive import elementwise
from minigrad.core.table import derived
from minigrad.ops.elementwise import POSITIVE
from minigrad.ops.special import gammaln, of_one_dtype, xlog1py, xlogy

__all__: list[str] = []

#: From here on the series of ``stirling`` has all digits of a float64.
_LARGE = 16.0
_HALF_LOG = 0.5 * math.log(2 * math.pi)

#: Bernoulli's numbers B(2k) / (2k (2k - 1)), the terms of Stirling's series.
_TERMS = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)


def _deviance(x: Any, m: Any) -> Any:
    x, m = of_one_dtype(x, m)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        d = (x - m) / m
        near = np.abs(d) < 0.5
        r = np.where(near, d / (2 + d), 0)
        y = r * r
        series: Any = 1 / 31
        for k in range(29, 1, -2):
            series = series * y + 1 / k
        small = (x - m) * r + 2 * x * r * y * series  # x log1p(d) - (x - m)
        return np.where(near, small, np.where(x == 0, m, x * np.log(x / m) - (x - m)))


deviance = elementwise(
    _deviance, lambda g, x, m: g * np.log(x / m), lambda g, x, m: g * ((m - x) / m),
    domain=(POSITIVE, POSITIVE), real=True, doc="x log(x / m) - x + m, exact for x near m too.",
)


@derived(domain=((0.0, math.inf),))
def stirling(x: Any) -> Any:
    """``gammaln(x) - (x - 1/2) log(x) + x - log(2 pi) / 2``, exact for large x too, where it is 1 / (12 x)."""
    large = x >= _LARGE
    u = 1 / np.where(large, x, _LARGE)
    series: Any = _TERMS[-1]
    for term in _TERMS[-2::-1]:
        series = series * (u * u) + term
    near = np.where(large, 1.0, x)
    return np.where(large, series * u, gammaln(near) - (near - 0.5) * np.log(near) + near - _HALF_LOG)


def log_poisson(k: Any, m: Any) -> Any:
    """k log(m) - m - gammaln(k + 1), for real k above -1 and m from 0 on."""
    large = (k > 10) & (m > 0) & (m < math.inf)
    many, mean = np.where(large, k, 11.0), np.where(large, m, 11.0)
    few = np.where(large, 0.0, k)
    saddle = -deviance(many, mean) - stirling(many) - np.log(many) / 2 - _HALF_LOG
    m = np.where(large, 1.0, m)
    with np.errstate(divide="ignore"):  # of m = 0 it is -inf, which is right
        return np.where(large, saddle, xlogy(few, m) - m - gammaln(few + 1))


def _saddle(k: Any, rest: Any, p: Any, q: Any) -> Any:
    """``log_binomial`` of counts that are large both."""
    n = k + rest
    z = stirling(n) - stirling(k) - stirling(rest) - deviance(k, n * p) - deviance(rest, n * q)
    return z + np.log(n / k / rest) / 2 - _HALF_LOG


def log_binomial(k: Any, n: Any, p: Any, q: Any = None) -> Any:
    """The logarithm of n over k times p^k q^(n - k), for real n and k with -1 < k < n + 1; q is by default 1 - p."""
    q = 1 - p if q is None else q
    rest = n - k
    large = (k > 10) & (rest > 10) & (p > 0) & (q > 0)
    many = _saddle(*[np.where(large, x, safe) for x, safe in ((k, 11.0), (rest, 11.0), (p, 0.5), (q, 0.5))])
    k, rest, p, q = (np.where(large, safe, x) for x, safe in ((k, 1.0), (rest, 1.0), (p, 0.5), (q, 0.5)))
    return np.where(large, many, log_choose(k, rest) + _xlog(k, p, q) + _xlog(rest, q, p))


def log_beta(a: Any, b: Any, x: Any, y: Any = None) -> Any:
    """The logarithm of the density x^(a - 1) y^(b - 1) / beta(a, b), for positive a and b; y is by default 1 - x."""
    y = 1 - x if y is None else y
    large = (a > 11) & (b > 11) & (x > 0) & (y > 0)
    k, rest, p, q = (np.where(large, z, safe) for z, safe in ((a, 12.0), (b, 12.0), (x, 0.5), (y, 0.5)))
    many = _saddle(k - 1, rest - 1, p, q) + np.log(k + rest - 1)
    a, b, x, y = (np.where(large, safe, z) for z, safe in ((a, 1.0), (b, 1.0), (x, 0.5), (y, 0.5)))
    powers = _xlog(a - 1, x, y) + _xlog(b - 1, y, x)
    return np.where(large, many, log_choose(a, b) + np.log(a * b / (a + b)) + powers)


def _xlog(k: Any, p: Any, q: Any) -> Any:
    """k log(p), where p = 1 - q, by the smaller of the two."""
    small = p < 0.5
    with np.errstate(divide="ignore"):  # of p = 0 it is -inf, which is right
        return np.where(small, xlogy(k, np.where(small, p, 1.0)), xlog1py(k, -np.where(small, 0.0, q)))


def log_choose(k: Any, rest: Any) -> Any:
    """The logarithm of gamma(k + rest + 1) / gamma(k + 1) / gamma(rest + 1), exact where one is small."""
    swap = k > rest
    low, high = np.where(swap, rest, k), np.where(swap, k, rest)
    large = high > _LARGE
    n = np.where(large, high, _LARGE) + 1
    # gammaln(n + low) - gammaln(n), whose large parts cancel
    rise = (n - 0.5) * np.log1p(low / n) + low * np.log(n + low) - low + stirling(n + low) - stirling(n)
    near = np.where(large, 1.0, high)
    small = np.where(large, 0.0, low)
    return np.where(large, rise, gammaln(near + small + 1) - gammaln(near + 1)) - gammaln(low + 1)


