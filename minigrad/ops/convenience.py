"""Divergences, robust losses, Box and Cox's transforms, Lambert's W, angles in degrees: SciPy's smaller functions.

They have SciPy's values, and are imported when one is asked for.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.core.primitive import REALS, elementwise
from minigrad.core.table import Primitive
from minigrad.ops.elementwise import LN10, POSITIVE, inexact
from minigrad.ops.integrals import hyp1f1, hyp2f1
from minigrad.ops.special import of_scipy

__all__ = [
    "boxcox", "boxcox1p", "cosdg", "cosm1", "cotdg", "exp10", "exprel", "huber", "inv_boxcox", "inv_boxcox1p",
    "kl_div", "lambertw", "powm1", "pseudo_huber", "radian", "rel_entr", "sindg", "tandg",
]

DEGREE = math.pi / 180

# -- divergences and losses ---------------------------------------------------------------------


def _rel_entr(x: Any, y: Any) -> Any:
    return of_scipy("rel_entr", x, y)


def _kl_div(x: Any, y: Any) -> Any:
    return of_scipy("kl_div", x, y)


def _huber(delta: Any, r: Any) -> Any:
    return of_scipy("huber", delta, r)


def _pseudo_huber(delta: Any, r: Any) -> Any:
    return of_scipy("pseudo_huber", delta, r)


def _stretch(delta: Any, r: Any) -> Any:
    """sqrt(1 + (r / delta)²)."""
    return np.hypot(1.0, r / delta)


rel_entr = elementwise(
    _rel_entr, lambda g, x, y: g * (np.log(x / y) + 1), lambda g, x, y: g * -(x / y),
    domain=(POSITIVE, POSITIVE), real=True, doc="x log(x / y): 0 for x = 0, inf outside of positive numbers.",
)
kl_div = elementwise(
    _kl_div, lambda g, x, y: g * np.log(x / y), lambda g, x, y: g * ((y - x) / y),
    domain=(POSITIVE, POSITIVE), real=True, doc="x log(x / y) - x + y, which is convex in both.",
)
huber = elementwise(
    _huber,
    lambda g, delta, r: g * np.maximum(np.abs(r) - delta, 0.0),
    lambda g, delta, r: g * np.clip(r, -delta, delta),
    domain=((2.0, 3.0), (-1.5, 1.5)), real=True,
    doc="r² / 2 up to |r| = delta, and from there on the line delta (|r| - delta / 2), for delta from 0 on.",
)
pseudo_huber = elementwise(
    _pseudo_huber,
    lambda g, delta, r: g * (delta * np.square((r / delta) ** 2 / (_stretch(delta, r) + 1)) / _stretch(delta, r)),
    lambda g, delta, r: g * (r / _stretch(delta, r)),
    domain=(POSITIVE, REALS), real=True, doc="delta² (sqrt(1 + (r / delta)²) - 1), for positive delta.",
)

# -- powers -------------------------------------------------------------------------------------


def _exprel(x: Any) -> Any:
    return of_scipy("exprel", x)


def _powm1(x: Any, y: Any) -> Any:
    return of_scipy("powm1", x, y)


def _boxcox(x: Any, lmbda: Any) -> Any:
    return of_scipy("boxcox", x, lmbda)


def _boxcox1p(x: Any, lmbda: Any) -> Any:
    return of_scipy("boxcox1p", x, lmbda)


def _inv_boxcox(y: Any, lmbda: Any) -> Any:
    return of_scipy("inv_boxcox", y, lmbda)


def _inv_boxcox1p(y: Any, lmbda: Any) -> Any:
    return of_scipy("inv_boxcox1p", y, lmbda)


def _by_exponent(log_x: Any, lmbda: Any) -> Any:
    """The derivative of (exp(lmbda log_x) - 1) / lmbda by lmbda, exact around lmbda = 0 too."""
    return np.square(log_x) * hyp1f1(2.0, 3.0, lmbda * log_x) / 2


def _by_root(y: Any, lmbda: Any) -> Any:
    """The derivative of log(1 + lmbda y) / lmbda by lmbda, exact around lmbda = 0 too."""
    return np.square(y) * hyp2f1(2.0, 2.0, 3.0, lmbda * -y) / -2


exprel = elementwise(
    _exprel, lambda g, x: g * (hyp1f1(2.0, 3.0, x) / 2),
    real=True, doc="(exp(x) - 1) / x, and 1 at 0.",
)
powm1 = elementwise(
    _powm1,
    lambda g, x, y: g * (y * np.power(x, y - 1)),  # the operator has other bits for scalars than for arrays
    lambda g, x, y: g * (np.power(x, y) * np.log(x)),
    domain=(POSITIVE, REALS), real=True, doc="x**y - 1, exact where the power is near 1, for positive x.",
)
boxcox = elementwise(
    _boxcox,
    lambda g, x, lmbda: g * np.power(x, lmbda - 1),
    lambda g, x, lmbda: g * _by_exponent(np.log(x), lmbda),
    domain=(POSITIVE, REALS), real=True, doc="(x**lmbda - 1) / lmbda, and log(x) for lmbda = 0.",
)
boxcox1p = elementwise(
    _boxcox1p,
    lambda g, x, lmbda: g * np.exp((lmbda - 1) * np.log1p(x)),
    lambda g, x, lmbda: g * _by_exponent(np.log1p(x), lmbda),
    domain=((-1.0, math.inf), REALS), real=True, doc="boxcox(1 + x, lmbda), exact for small x.",
)
inv_boxcox: Primitive = elementwise(
    _inv_boxcox,
    lambda g, z, y, lmbda: g * (z / (1 + lmbda * y)),
    lambda g, z, y, lmbda: g * (z * _by_root(y, lmbda)),
    domain=(POSITIVE, POSITIVE), real=True, doc="The x with boxcox(x, lmbda) = y, for 1 + lmbda y > 0.",
)
inv_boxcox1p: Primitive = elementwise(
    _inv_boxcox1p,
    lambda g, z, y, lmbda: g * ((z + 1) / (1 + lmbda * y)),
    lambda g, z, y, lmbda: g * ((z + 1) * _by_root(y, lmbda)),
    domain=(POSITIVE, POSITIVE), real=True, doc="The x with boxcox1p(x, lmbda) = y, for 1 + lmbda y > 0.",
)


def _exp10(x: Any) -> Any:
    return of_scipy("exp10", x)


exp10 = elementwise(
    _exp10, lambda g, z: g * (z * LN10),
    real=True, doc="10 ** x",
)


def _lambertw(x: Any, k: Any = 0, tol: float = 1e-8) -> Any:
    x = inexact(x)
    narrow = x.dtype.itemsize < (16 if x.dtype.kind == "c" else 8)  # SciPy has it in double precision alone
    return of_scipy("lambertw", x.astype(np.complex128), k, tol).astype(np.complex64 if narrow else np.complex128)


lambertw = elementwise(
    _lambertw, lambda g, z: g * (np.exp(-z) / (1 + z)),
    name="lambertw", domain=((-0.3, math.inf),), holomorphic=True,
    doc="The w with w exp(w) = x, on branch k, as a complex number: its real part is the function of real numbers.",
)

# -- angles -------------------------------------------------------------------------------------


def _cosm1(x: Any) -> Any:
    return of_scipy("cosm1", x)


def _radian(d: Any, m: Any, s: Any) -> Any:
    return of_scipy("radian", d, m, s)


def _sindg(x: Any) -> Any:
    return of_scipy("sindg", x)


def _cosdg(x: Any) -> Any:
    return of_scipy("cosdg", x)


def _tandg(x: Any) -> Any:
    return of_scipy("tandg", x)


def _cotdg(x: Any) -> Any:
    return of_scipy("cotdg", x)


cosm1 = elementwise(
    _cosm1, lambda g, x: g * -np.sin(x),
    real=True, doc="cos(x) - 1, exact for small x.",
)
radian = elementwise(
    _radian, lambda g: g * DEGREE, lambda g: g * (DEGREE / 60), lambda g: g * (DEGREE / 3600),
    real=True, doc="An angle of degrees d, minutes m and seconds s in radians.",
)
sindg: Primitive = elementwise(
    _sindg, lambda g, x: g * (cosdg(x) * DEGREE),
    real=True, doc="The sine of x degrees.",
)
cosdg: Primitive = elementwise(
    _cosdg, lambda g, x: g * (sindg(x) * -DEGREE),
    real=True, doc="The cosine of x degrees.",
)
tandg = elementwise(
    _tandg, lambda g, z: g * ((1 + z * z) * DEGREE),
    domain=((-80.0, 80.0),), real=True, doc="The tangent of x degrees.",
)
cotdg = elementwise(
    _cotdg, lambda g, z: g * ((1 + z * z) * -DEGREE),
    domain=((10.0, 170.0),), real=True, doc="The cotangent of x degrees.",
)
