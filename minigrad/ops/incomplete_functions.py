"""Incomplete gamma and beta functions, their inverses and logarithms, with derivatives in the parameters, with SciPy.

``x`` or ``y`` is where the function is evaluated; the letters before it are parameters. The values are SciPy's. No
formula is known for a derivative in a parameter: it is an integral, which is added up over fixed points, to rounding.
Imported when one is asked for.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from minigrad.core.primitive import elementwise
from minigrad.ops.densities import log_beta, log_poisson
from minigrad.ops.elementwise import POSITIVE
from minigrad.ops.special import digamma, of_scipy

__all__ = [
    "betainc", "betaincc", "betainccinv", "betaincinv", "gammainc", "gammaincc", "gammainccinv", "gammaincinv",
]

SHARES = (0.0, 1.0)

# -- integrals over fixed points ----------------------------------------------------------------

#: The step of the points, as logarithms; from half of it on no digit changes.
_STEP = 1 / 16


@functools.cache
def points(dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """Points from 0 to infinity and their weights: Takahasi and Mori, Double exponential formulas, 1974."""
    t = np.arange(-3.6, 9.01, _STEP)
    v = np.exp(t - np.exp(-t))
    pair = v.astype(dtype), (_STEP * v * (1 + np.exp(-t))).astype(dtype)
    for array in pair:
        array.flags.writeable = False
    return pair


def _spread(*numbers: Any) -> list[Any]:
    """Numbers with one more axis, along which the points lie."""
    return [np.expand_dims(x, -1) for x in numbers]


def _integrals(exponent: Any, weight: Any, *factors: Any) -> list[Any]:
    """The integrals of exp(exponent), and of that times each factor."""
    with np.errstate(under="ignore", over="ignore"):
        mass = np.exp(exponent) * weight
        return [np.sum(mass, -1), *[np.sum(mass * factor, -1) for factor in factors]]


def gamma_parts(a: Any, x: Any) -> tuple[Any, list[Any]]:
    """On which side of x the integrals are taken (1: below, -1: above), and the integrals.

    They are those of t^(a - 1) exp(-t), and of that times log(t) - digamma(a), both relative to x^a exp(-x): so they
    neither overflow nor vanish.
    """
    below = x < a
    v, weight = points(x.dtype)
    width = 1 / (np.abs(x - a) + np.sqrt(a))
    s, (side, a_, x_, width) = np.where(below, 1.0, -1.0).astype(x.dtype), _spread(below, a, x, width)
    v, weight = v * width, weight * width
    log_t = np.where(side, -v, np.log1p(v))
    exponent = np.where(side, a_ * log_t - x_ * np.expm1(-v), (a_ - 1) * log_t - x_ * v)
    return s, _integrals(exponent, weight, np.log(x_ / a_) + log_t + (np.log(a_) - digamma(a_)))


def where_known(x: Any, known: Any, f: Any, *arguments: Any) -> Any:
    """f of the arguments where x is between its ends, 0 at the ends, NaN where there is no value."""
    inside = known & (x > 0) & (x < math.inf)
    z = f(*[np.where(inside, y, safe) for y, safe in arguments])
    return np.where(inside, z, np.where(known, 0.0, math.nan).astype(z.dtype))


def _by_shape(a: Any, x: Any) -> Any:
    """The derivative of gammainc by a."""

    def slope(a: Any, x: Any) -> Any:
        side, (_, of_log) = gamma_parts(a, x)
        return side * np.exp(log_poisson(a, x) + np.log(a)) * of_log

    return where_known(x, (a > 0) & (x >= 0), slope, (a, 1.0), (x, 1.0))


def _beta_parts(a: Any, b: Any, x: Any, y: Any) -> list[Any]:
    """Integrals from 0 to x, which is at most a / (a + b), relative to the integrand times x; y is 1 - x.

    They are those of t^(a - 1) (1 - t)^(b - 1), and of that times the derivatives of its logarithm by a and by b.
    """
    v, weight = points(x.dtype)
    r = x / y
    width = 1 / (np.abs(a - b * r + r) + np.sqrt(b * r * (1 + r)))
    both = digamma(a + b)
    log_x, log_y = np.log(x) - (digamma(a) - both), np.log(y) - (digamma(b) - both)
    a, b, r, width, log_x, log_y = _spread(a, b, r, width, log_x, log_y)
    v, weight = v * width, weight * width
    rest = np.log1p(r * -np.expm1(-v))
    return _integrals((b - 1) * rest - a * v, weight, log_x - v, log_y + rest)


def beta_sides(a: Any, b: Any, x: Any, y: Any = None) -> tuple[Any, Any, list[Any]]:
    """Whether x is below the mean, the logarithm of the integrand there, and the integrals of the side of x."""
    y = 1 - x if y is None else y
    below = x * (a + b) < a
    turned = [np.where(below, p, q) for p, q in ((a, b), (b, a), (x, y), (y, x))]
    mass, of_a, of_b = _beta_parts(*turned)
    log_density = log_beta(*turned) + np.log(turned[2])
    return below, log_density, [mass, np.where(below, of_a, of_b), np.where(below, of_b, of_a)]


def by_shape_of_beta(a: Any, b: Any, x: Any, number: int, y: Any = None) -> Any:
    """The derivative of betainc by a (number 1) or b (number 2); y is 1 - x, exact where x is near 1."""
    y = 1 - x if y is None else y

    def slope(a: Any, b: Any, x: Any, y: Any) -> Any:
        below, log_density, integrals = beta_sides(a, b, x, y)
        z = np.exp(log_density) * integrals[number]
        return np.where(below, z, -z)

    known = (a > 0) & (b > 0) & (x >= 0) & (x <= 1)
    return where_known(np.where(y == 0, math.inf, x), known, slope, (a, 1.0), (b, 1.0), (x, 0.5), (y, 0.5))


def _gamma_density(a: Any, x: Any) -> Any:
    """The derivative of gammainc in x: the density of the gamma distribution."""
    return np.exp(log_poisson(a - 1, x))


def _beta_density(a: Any, b: Any, x: Any) -> Any:
    """The derivative of betainc in x: the density of the beta distribution."""
    return np.exp(log_beta(a, b, x))


# -- shares -------------------------------------------------------------------------------------

gammainc = elementwise(
    of_scipy("gammainc", "a x"), lambda g, a, x: g * _by_shape(a, x), lambda g, a, x: g * _gamma_density(a, x),
    domain=(POSITIVE, POSITIVE), real=True, doc="The share of the gamma distribution of shape a below x.",
)
gammaincc = elementwise(
    of_scipy("gammaincc", "a x"), lambda g, a, x: -g * _by_shape(a, x), lambda g, a, x: -g * _gamma_density(a, x),
    domain=(POSITIVE, POSITIVE), real=True, doc="1 - gammainc(a, x), exact in the tail.",
)
gammaincinv = elementwise(
    of_scipy("gammaincinv", "a y"),
    lambda g, z, a: -g * (_by_shape(a, z) / _gamma_density(a, z)),
    lambda g, z, a: g / _gamma_density(a, z),
    domain=(POSITIVE, SHARES), real=True, doc="The x with gammainc(a, x) = y.",
)
gammainccinv = elementwise(
    of_scipy("gammainccinv", "a y"),
    lambda g, z, a: -g * (_by_shape(a, z) / _gamma_density(a, z)),
    lambda g, z, a: -g / _gamma_density(a, z),
    domain=(POSITIVE, SHARES), real=True, doc="The x with gammaincc(a, x) = y.",
)
betainc = elementwise(
    of_scipy("betainc", "a b x"),
    lambda g, a, b, x: g * by_shape_of_beta(a, b, x, 1),
    lambda g, a, b, x: g * by_shape_of_beta(a, b, x, 2),
    lambda g, a, b, x: g * _beta_density(a, b, x),
    domain=(POSITIVE, POSITIVE, SHARES), real=True, doc="The share of the beta distribution of a and b below x.",
)
betaincc = elementwise(
    of_scipy("betaincc", "a b x"),
    lambda g, a, b, x: -g * by_shape_of_beta(a, b, x, 1),
    lambda g, a, b, x: -g * by_shape_of_beta(a, b, x, 2),
    lambda g, a, b, x: -g * _beta_density(a, b, x),
    domain=(POSITIVE, POSITIVE, SHARES), real=True, doc="1 - betainc(a, b, x), exact in the tail.",
)
betaincinv = elementwise(
    of_scipy("betaincinv", "a b y"),
    lambda g, z, a, b: -g * (by_shape_of_beta(a, b, z, 1) / _beta_density(a, b, z)),
    lambda g, z, a, b: -g * (by_shape_of_beta(a, b, z, 2) / _beta_density(a, b, z)),
    lambda g, z, a, b: g / _beta_density(a, b, z),
    domain=(POSITIVE, POSITIVE, SHARES), real=True, doc="The x with betainc(a, b, x) = y.",
)
betainccinv = elementwise(
    of_scipy("betainccinv", "a b y"),
    lambda g, z, a, b: -g * (by_shape_of_beta(a, b, z, 1) / _beta_density(a, b, z)),
    lambda g, z, a, b: -g * (by_shape_of_beta(a, b, z, 2) / _beta_density(a, b, z)),
    lambda g, z, a, b: -g / _beta_density(a, b, z),
    domain=(POSITIVE, POSITIVE, SHARES), real=True, doc="The x with betaincc(a, b, x) = y.",
)
