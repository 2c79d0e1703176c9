"""The gamma function and its relatives, with SciPy: beta functions, binomials, zeta.

``x`` or ``y`` is where the function is evaluated; the letters before it are parameters. Imported when one is asked for.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.core.primitive import elementwise, routing
from minigrad.core.table import Primitive, derived
from minigrad.ops.along import floating
from minigrad.ops.elementwise import POSITIVE
from minigrad.ops.special import digamma, of_scipy, scipy_value

__all__ = [
    "beta", "binom", "gamma", "gammasgn", "loggamma", "multigammaln", "poch", "rgamma", "zeta",
]


def _slope_of_rgamma(z: Any, x: Any) -> Any:
    """On the left by reflection, 1 / gamma(x) = gamma(1 - x) sin(pi x) / pi, which has no poles there."""
    left = x < 0.5
    u = 1 - np.where(left, x, 0.0)
    angle = math.pi * np.where(left, x, 0.0)
    reflected = gamma(u) * (np.cos(angle) - digamma(u) * np.sin(angle) / math.pi)
    return np.where(left, reflected, -z * digamma(np.where(left, 1.0, x)))


gamma: Primitive = elementwise(
    of_scipy("gamma"), lambda g, z, x: g * (z * digamma(x)),
    domain=(POSITIVE,), real=True, doc="The gamma function; gamma(n + 1) = n!; its poles are NaN or inf, as in SciPy.",
)
loggamma = elementwise(
    of_scipy("loggamma"), lambda g, x: g * digamma(x),
    domain=(POSITIVE,), real=True, doc="log(gamma(x)) for real x, NaN below 0.",
)
gammasgn = routing(
    of_scipy("gammasgn"), lambda g: np.zeros(g.shape, g.dtype),
    domain=(POSITIVE,), real=True, doc="The sign of gamma(x); the gradient is 0.",
)
rgamma = elementwise(
    of_scipy("rgamma"), lambda g, z, x: g * _slope_of_rgamma(z, x),
    real=True, doc="1 / gamma(x), smooth everywhere.",
)


@derived()
def multigammaln(a: Any, d: int) -> Any:
    """The logarithm of the gamma function of d dimensions, for a > (d - 1) / 2 of any shape and a whole number d.

    NaN for smaller a. SciPy's function makes an array of its argument: write this one for tensors. Raises
    ``ValueError`` for another d.
    """
    if d != math.floor(d) or d < 1:
        raise ValueError(f"multigammaln takes a whole number d of dimensions from 1 on, got {d!r}")
    z = d * (d - 1) / 4 * math.log(math.pi)
    for j in range(int(d)):
        z = z + loggamma(floating(a) - j / 2)
    return z


# -- beta functions and binomials ---------------------------------------------------------------

beta = elementwise(
    of_scipy("beta", "x y"),
    lambda g, z, x, y: g * (z * (digamma(x) - digamma(x + y))),
    lambda g, z, x, y: g * (z * (digamma(y) - digamma(x + y))),
    domain=(POSITIVE, POSITIVE), real=True, doc="gamma(x) gamma(y) / gamma(x + y), for positive x and y.",
)
poch = elementwise(
    of_scipy("poch", "x m"),
    lambda g, z, x, m: g * (z * (digamma(x + m) - digamma(x))),
    lambda g, z, x, m: g * (z * digamma(x + m)),
    domain=(POSITIVE, POSITIVE), real=True, doc="gamma(x + m) / gamma(x), the rising factorial.",
)
binom = elementwise(
    of_scipy("binom", "n k"),
    lambda g, z, n, k: g * (z * (digamma(n + 1) - digamma(n - k + 1))),
    lambda g, z, n, k: g * (z * (digamma(n - k + 1) - digamma(k + 1))),
    domain=((3.0, 6.0), (0.0, 3.0)), real=True, doc="n over k of real numbers, smooth for -1 < k < n + 1.",
)


# -- zeta ---------------------------------------------------------------------------------------


#: B_2k / (2k)! for k = 1, 2, ..., the coefficients of Euler's and Maclaurin's sum.
_REMAINDERS = (1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000, 1 / 74724249600)
#: Terms that are added up one by one, so that those behind are smooth enough for these coefficients.
_TERMS = 12


def _slope_of_zeta(x: Any, q: Any) -> Any:
    """The derivative of the sum of (k + q)^-x with respect to x, by Euler and Maclaurin; NaN for x <= 1 or q <= 0."""
    x, q = np.where(x > 1, x, math.nan), np.where(q > 0, q, math.nan)
    total = 0.0
    for k in range(_TERMS):
        total = total - np.log(q + k) * np.power(q + k, -x)
    far = q + _TERMS
    log = np.log(far)
    total = total - np.power(far, 1 - x) * (log + 1 / (x - 1)) / (x - 1) - np.power(far, -x) * log / 2
    rising, rates = x, 1 / x
    for k, coefficient in enumerate(_REMAINDERS):
        total = total + coefficient * rising * np.power(far, -x - (2 * k + 1)) * (rates - log)
        for n in (2 * k + 1, 2 * k + 2):
            rising, rates = rising * (x + n), rates + 1 / (x + n)
    return total


zeta: Primitive = elementwise(
    lambda x, q=1.0: scipy_value("zeta", x, q),
    lambda g, x, q: g * _slope_of_zeta(x, q),
    lambda g, x, q: g * (-x * zeta(x + 1, q)),
    name="zeta", domain=((1.0, math.inf), POSITIVE), real=True,
    doc="The sum of 1 / (k + q)^x over k = 0, 1, ..., for x > 1, q > 0: the zeta function of Hurwitz or Riemann.",
)
