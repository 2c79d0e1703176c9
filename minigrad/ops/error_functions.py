"""Relatives of the error function, with SciPy: scaled, imaginary, inverse; Dawson's, Fresnel's and Owen's integrals.

Imported when one is asked for.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.core.primitive import elementwise
from minigrad.core.table import Primitive, derived
from minigrad.ops.elementwise import inexact
from minigrad.ops.special import density, erf, of_scipy, scipy_value

__all__ = ["dawsn", "erfcinv", "erfcx", "erfi", "fresnel", "log_ndtr", "ndtri", "ndtri_exp", "owens_t"]

_ROOT_PI = math.sqrt(math.pi)

#: From here on the first terms of an asymptotic series are exact, and the short formula has lost digits.
_FAR = 12.0

#: (2k + 1)!! / 2^k, the terms of those series.
_TERMS = tuple(math.prod(range(1, 2 * k + 2, 2)) / 2**k for k in range(13))


def _tail(x: Any, sign: float) -> Any:
    """The sum of terms (sign / x²)^k, over x²; for x = 12 and beyond."""
    u = 1 / (x * x)
    total: Any = _TERMS[-1]
    for term in _TERMS[-2::-1]:
        total = term + sign * u * total
    return u * total


def _slope_of_erfcx(z: Any, x: Any) -> Any:
    """2 x z - 2 / sqrt(pi), whose parts cancel for large x."""
    far = x > _FAR
    near = 2 * np.where(far, 0.0, x) * np.where(far, 0.0, z) - 2 / _ROOT_PI
    return np.where(far, _tail(np.where(far, x, _FAR), -1.0) * (-1 / _ROOT_PI), near)


def _slope_of_dawsn(z: Any, x: Any) -> Any:
    """1 - 2 x z, whose parts cancel for large x."""
    far = np.abs(x) > _FAR
    near = 1 - 2 * np.where(far, 0.0, x) * np.where(far, 0.0, z)
    return np.where(far, _tail(np.where(far, x, _FAR), 1.0) * -0.5, near)


def _ndtri_exp(x: Any) -> Any:
    x = inexact(x)
    return scipy_value("ndtri_exp", x)


def _square_exp(x: Any, width: float) -> Any:
    """exp(width x²)."""
    with np.errstate(over="ignore"):  # inf is right
        return np.exp(x * x * width)


erfcx: Primitive = elementwise(
    of_scipy("erfcx"), lambda g, z, x: g * _slope_of_erfcx(z, x),
    real=True, doc="exp(x²) erfc(x), which does not underflow.",
)
erfi = elementwise(
    of_scipy("erfi"), lambda g, x: g * (2 / _ROOT_PI * _square_exp(x, 1.0)),
    real=True, doc="The imaginary error function, 2 / sqrt(pi) times the integral of exp(t²) from 0 to x.",
)
erfcinv = elementwise(
    of_scipy("erfcinv"), lambda g, z: g * (-_ROOT_PI / 2 * _square_exp(z, 1.0)),
    domain=((0.0, 2.0),), real=True, doc="The number with erfc x; inf at 0.",
)
dawsn = elementwise(
    of_scipy("dawsn"), lambda g, z, x: g * _slope_of_dawsn(z, x),
    real=True, doc="Dawson's integral, exp(-x²) times the integral of exp(t²) from 0 to x.",
)
log_ndtr = elementwise(
    of_scipy("log_ndtr"), lambda g, x: g * (math.sqrt(2 / math.pi) / erfcx(x * -math.sqrt(0.5))),
    real=True, doc="log(ndtr(x)), exact in the tail; its gradient is the ratio of density and share.",
)
ndtri = elementwise(
    of_scipy("ndtri"), lambda g, z: g * (math.sqrt(2 * math.pi) * _square_exp(z, 0.5)),
    domain=((0.0, 1.0),), real=True, doc="The number below which a share x of the standard normal distribution is.",
)
ndtri_exp = elementwise(
    _ndtri_exp, lambda g, z: g * (math.sqrt(math.pi / 2) * erfcx(z * -math.sqrt(0.5))),
    domain=((-math.inf, 0.0),), real=True, doc="The number with log_ndtr x, for x below 0.",
)
owens_t = elementwise(
    of_scipy("owens_t", "h a"),
    lambda g, h, a: g * (-0.5 * density(h) * erf(a * h * math.sqrt(0.5))),
    lambda g, h, a: g * (_square_exp(h, -0.5) * _square_exp(h * a, -0.5) / (2 * math.pi * (1 + a * a))),
    real=True, doc="Owen's T function: the chance that X > h and 0 < Y < a X, for X and Y standard normal.",
)


fresnel_s = elementwise(
    lambda x: scipy_value("fresnel", inexact(x), part=0), lambda g, x: g * np.sin(math.pi / 2 * (x * x)),
    name="fresnel_s", real=True, doc="The integral of sin(pi t² / 2) from 0 to x.",
)
fresnel_c = elementwise(
    lambda x: scipy_value("fresnel", inexact(x), part=1), lambda g, x: g * np.cos(math.pi / 2 * (x * x)),
    name="fresnel_c", real=True, doc="The integral of cos(pi t² / 2) from 0 to x.",
)


@derived(domain=((-math.inf, math.inf),))
def fresnel(x: Any) -> tuple[Any, Any]:
    """The integrals of sin(pi t² / 2) and of cos(pi t² / 2) from 0 to x."""
    return fresnel_s(x), fresnel_c(x)
