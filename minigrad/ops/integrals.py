"""Exponential, sine and elliptic integrals and hypergeometric functions, with SciPy. Imported when one is asked for.

Several derivatives are quotients that cancel at a point, such as (E - (1 - m) K) / (2 m (1 - m)) at m = 0. There they
are written as the hypergeometric function that they equal, which stays exact, to every order.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.core.conversion import as_array
from minigrad.core.primitive import REALS, elementwise
from minigrad.core.table import Primitive, derived, no_derivative
from minigrad.ops.elementwise import POSITIVE, inexact
from minigrad.ops.special import of_scipy, scipy_value

__all__ = [
    "ellipe", "ellipeinc", "ellipj", "ellipk", "ellipkinc", "ellipkm1", "exp1", "expi", "expn", "hyp0f1", "hyp1f1",
    "hyp2f1", "shichi", "sici", "spence",
]

BELOW_1 = (-math.inf, 1.0)

# -- hypergeometric functions -------------------------------------------------------------------

hyp0f1: Primitive = elementwise(
    of_scipy("hyp0f1", "b x"), no_derivative, lambda g, b, x: g * (hyp0f1(b + 1.0, x) / b),
    domain=(POSITIVE, REALS), real=True, doc="The confluent limit function, the sum of x^k / ((b)_k k!).",
)
hyp1f1: Primitive = elementwise(
    of_scipy("hyp1f1", "a b x"),
    no_derivative, no_derivative, lambda g, a, b, x: g * (hyp1f1(a + 1.0, b + 1.0, x) * (a / b)),
    domain=(POSITIVE, POSITIVE, REALS), real=True, doc="Kummer's function, the sum of (a)_k x^k / ((b)_k k!).",
)
hyp2f1: Primitive = elementwise(
    of_scipy("hyp2f1", "a b c x"), no_derivative, no_derivative, no_derivative,
    lambda g, a, b, c, x: g * (hyp2f1(a + 1.0, b + 1.0, c + 1.0, x) * (a * b / c)),
    domain=(POSITIVE, POSITIVE, POSITIVE, BELOW_1), real=True,
    doc="Gauss' function, the sum of (a)_k (b)_k x^k / ((c)_k k!), for x below 1.",
)

# -- exponential integrals ----------------------------------------------------------------------


def _expn(n: Any, x: Any) -> Any:
    """Also of orders below 0, which derivatives ask for: gamma(m + 1, x) / x^(m + 1) for n = -m."""
    x = inexact(x)
    n = as_array(n).astype(x.dtype)
    below = np.where(n < 0, 1 - n, 1)  # m + 1
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # inf at 0, NaN below it
        left = scipy_value("gammaincc", below, np.maximum(x, 0)) * scipy_value("gamma", below) / x**below
    return np.where(n < 0, left, scipy_value("expn", np.maximum(n, 0), x))[()]


def _sinh_over(x: Any) -> Any:
    """sinh(x) / x, and 1 at 0: a series whose derivatives are of its kind."""
    return hyp0f1(1.5, x * x / 4)


def _slope_of_spence(x: Any) -> Any:
    """log(x) / (1 - x), which is -1 at 1."""
    near = np.abs(x - 1) < 0.5
    u = np.where(near, 0.5, x)
    return np.where(near, -hyp2f1(1.0, 1.0, 2.0, 1 - np.where(near, x, 1.0)), np.log(u) / (1 - u))


exp1 = elementwise(
    of_scipy("exp1"), lambda g, x: g * (-np.exp(-x) / x),
    domain=(POSITIVE,), real=True, doc="The integral of exp(-t) / t from x to infinity.",
)
expi = elementwise(
    of_scipy("expi"), lambda g, x: g * (np.exp(x) / x),
    domain=(POSITIVE,), real=True, doc="The principal value of the integral of exp(t) / t from -infinity to x.",
)
expn: Primitive = elementwise(
    _expn, no_derivative, lambda g, n, x: g * -expn(np.trunc(n) - 1, x),
    domain=(REALS, POSITIVE), real=True, doc="The integral of exp(-x t) / t^n from 1 to infinity, for whole n.",
)
si = elementwise(
    lambda x: scipy_value("sici", inexact(x), part=0), lambda g, x: g * np.sinc(x / math.pi),
    name="si", real=True, doc="The sine integral, of sin(t) / t from 0 to x.",
)
ci = elementwise(
    lambda x: scipy_value("sici", inexact(x), part=1), lambda g, x: g * (np.cos(x) / x),
    name="ci", domain=(POSITIVE,), real=True, doc="The cosine integral, minus that of cos(t) / t from x to infinity.",
)
shi = elementwise(
    lambda x: scipy_value("shichi", inexact(x), part=0), lambda g, x: g * _sinh_over(x),
    name="shi", real=True, doc="The hyperbolic sine integral, of sinh(t) / t from 0 to x.",
)
chi = elementwise(
    lambda x: scipy_value("shichi", inexact(x), part=1), lambda g, x: g * (np.cosh(x) / x),
    name="chi", domain=(POSITIVE,), real=True, doc="The hyperbolic cosine integral.",
)
spence = elementwise(
    of_scipy("spence"), lambda g, x: g * _slope_of_spence(x),
    domain=(POSITIVE,), real=True, doc="The dilogarithm of Spence, the integral of log(t) / (1 - t) from 1 to x.",
)


@derived(domain=(POSITIVE,))
def sici(x: Any) -> tuple[Any, Any]:
    """The sine and the cosine integral of x."""
    return si(x), ci(x)


@derived(domain=(POSITIVE,))
def shichi(x: Any) -> tuple[Any, Any]:
    """The hyperbolic sine and cosine integral of x."""
    return shi(x), chi(x)


# -- elliptic integrals and functions -----------------------------------------------------------


def _slope_of_ellipkm1(p: Any) -> Any:
    """-(E - p K) / (2 p (1 - p)), whose parts cancel for p near 1."""
    large = p > 0.5
    u = np.where(large, 0.5, p)
    near_0 = (ellipe(1 - u) - u * ellipkm1(u)) / (u * (1 - u) * -2)
    return np.where(large, hyp2f1(1.5, 1.5, 2.0, 1 - np.where(large, p, 1.0)) * (math.pi / -8), near_0)


def _integrand(phi: Any, m: Any) -> Any:
    """1 - m sin²(phi)."""
    return 1 - m * np.square(np.sin(phi))


def _slope_of_ellipj(u: Any, m: Any, part: int) -> Any:
    sn, cn, dn = (ellipj_part(u, m, other) for other in range(3))
    return (cn * dn, -(sn * dn), -(m * sn * cn), dn)[part]


ellipk = elementwise(
    of_scipy("ellipk", "m"), lambda g, m: g * (hyp2f1(1.5, 1.5, 2.0, m) * (math.pi / 8)),
    domain=(BELOW_1,), real=True, doc="The complete elliptic integral of the first kind of the parameter m = k².",
)
ellipe = elementwise(
    of_scipy("ellipe", "m"), lambda g, m: g * (hyp2f1(0.5, 1.5, 2.0, m) * (math.pi / -8)),
    domain=(BELOW_1,), real=True, doc="The complete elliptic integral of the second kind of the parameter m = k².",
)
ellipkm1: Primitive = elementwise(
    of_scipy("ellipkm1", "p"), lambda g, p: g * _slope_of_ellipkm1(p),
    domain=(POSITIVE,), real=True, doc="ellipk(1 - p), exact for small p.",
)
ellipkinc = elementwise(
    of_scipy("ellipkinc", "phi m"), lambda g, phi, m: g / np.sqrt(_integrand(phi, m)), no_derivative,
    domain=(REALS, BELOW_1), real=True, doc="The incomplete elliptic integral of the first kind, from 0 to phi.",
)
ellipeinc = elementwise(
    of_scipy("ellipeinc", "phi m"), lambda g, phi, m: g * np.sqrt(_integrand(phi, m)), no_derivative,
    domain=(REALS, BELOW_1), real=True, doc="The incomplete elliptic integral of the second kind, from 0 to phi.",
)
ellipj_part: Primitive = elementwise(
    lambda u, m, part=0: scipy_value("ellipj", u, m, part=part),
    lambda g, u, m, part: g * _slope_of_ellipj(u, m, part), no_derivative,
    name="ellipj_part", domain=(REALS, (0.0, 1.0)), real=True,
    doc="One of sn, cn, dn and the amplitude at u of the parameter m, by its number from 0 on.",
)


@derived()
def ellipj(u: Any, m: Any) -> tuple[Any, Any, Any, Any]:
    """Jacobi's elliptic functions sn, cn and dn and the amplitude, at u, of the parameter m between 0 and 1."""
    return ellipj_part(u, m, 0), ellipj_part(u, m, 1), ellipj_part(u, m, 2), ellipj_part(u, m, 3)
