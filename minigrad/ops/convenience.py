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
from minigrad.ops.special import of_scipy, scipy_value

__all__ = [
    "boxcox", "boxcox1p", "cosdg", "cosm1", "cotdg", "exp10", "exprel", "huber", "inv_boxcox", "inv_boxcox1p",
    "kl_div", "lambertw", "powm1", "pseudo_huber", "radian", "rel_entr", "sindg", "tandg",
]

DEGREE = math.pi / 180

# -- divergences and losses ---------------------------------------------------------------------


def _stretch(delta: Any, r: Any) -> Any:
    """sqrt(1 + (r / delta)²)."""
    return np.hypot(1.0, r / delta)


rel_entr = elementwise(
    of_scipy("rel_entr", "x y"), lambda g, x, y: g * (np.log(x / y) + 1), lambda g, x, y: g * -(x / y),
    domain=(POSITIVE, POSITIVE), real=True, doc="x log(x / y): 0 for x = 0, inf outside of positive numbers.",
)
kl_div = elementwise(
    of_scipy("kl_div", "x y"), lambda g, x, y: g * np.log(x / y), lambda g, x, y: g * ((y - x) / y),
    domain=(POSITIVE, POSITIVE), real=True, doc="x log(x / y) - x + y, which is convex in both.",
)
huber = elementwise(
    of_scipy("huber", "delta r"),
    lambda g, delta, r: g * np.maximum(np.abs(r) - delta, 0.0),
    lambda g, delta, r: g * np.clip(r, -delta, delta),
    domain=((2.0, 3.0), (-1.5, 1.5)), real=True,
    doc="r² / 2 up to |r| = delta, and from there on the line delta (|r| - delta / 2), for delta from 0 on.",
)
pseudo_huber = elementwise(
    of_scipy("pseudo_huber", "delta r"),
    lambda g, delta, r: g * (delta * np.square((r / delta) ** 2 / (_stretch(delta, r) + 1)) / _stretch(delta, r)),
    lambda g, delta, r: g * (r / _stretch(delta, r)),
    domain=(POSITIVE, REALS), real=True, doc="delta² (sqrt(1 + (r / delta)²) - 1), for positive delta.",
)

# -- powers -------------------------------------------------------------------------------------


def _by_exponent(log_x: Any, lmbda: Any) -> Any:
    """The derivative of (exp(lmbda log_x) - 1) / lmbda by lmbda, exact around lmbda = 0 too."""
    return np.square(log_x) * hyp1f1(2.0, 3.0, lmbda * log_x) / 2


def _by_root(y: Any, lmbda: Any) -> Any:
    """The derivative of log(1 + lmbda y) / lmbda by lmbda, exact around lmbda = 0 too."""
    return np.square(y) * hyp2f1(2.0, 2.0, 3.0, lmbda * -y) / -2


exprel = elementwise(
    of_scipy("exprel"), lambda g, x: g * (hyp1f1(2.0, 3.0, x) / 2),
    real=True, doc="(exp(x) - 1) / x, and 1 at 0.",
)
powm1 = elementwise(
    of_scipy("powm1", "x y"),
    lambda g, x, y: g * (y * np.power(x, y - 1)),  # the operator has other bits for scalars than for arrays
    lambda g, x, y: g * (np.power(x, y) * np.log(x)),
    domain=(POSITIVE, REALS), real=True, doc="x**y - 1, exact where the power is near 1, for positive x.",
)
boxcox = elementwise(
    of_scipy("boxcox", "x lmbda"),
    lambda g, x, lmbda: g * np.power(x, lmbda - 1),
    lambda g, x, lmbda: g * _by_exponent(np.log(x), lmbda),
    domain=(POSITIVE, REALS), real=True, doc="(x**lmbda - 1) / lmbda, and log(x) for lmbda = 0.",
)
boxcox1p = elementwise(
    of_scipy("boxcox1p", "x lmbda"),
    lambda g, x, lmbda: g * np.exp((lmbda - 1) * np.log1p(x)),
    lambda g, x, lmbda: g * _by_exponent(np.log1p(x), lmbda),
    domain=((-1.0, math.inf), REALS), real=True, doc="boxcox(1 + x, lmbda), exact for small x.",
)
inv_boxcox: Primitive = elementwise(
    of_scipy("inv_boxcox", "y lmbda"),
    lambda g, z, y, lmbda: g * (z / (1 + lmbda * y)),
    lambda g, z, y, lmbda: g * (z * _by_root(y, lmbda)),
    domain=(POSITIVE, POSITIVE), real=True, doc="The x with boxcox(x, lmbda) = y, for 1 + lmbda y > 0.",
)
inv_boxcox1p: Primitive = elementwise(
    of_scipy("inv_boxcox1p", "y lmbda"),
    lambda g, z, y, lmbda: g * ((z + 1) / (1 + lmbda * y)),
    lambda g, z, y, lmbda: g * ((z + 1) * _by_root(y, lmbda)),
    domain=(POSITIVE, POSITIVE), real=True, doc="The x with boxcox1p(x, lmbda) = y, for 1 + lmbda y > 0.",
)
exp10 = elementwise(
    of_scipy("exp10"), lambda g, z: g * (z * LN10),
    real=True, doc="10 ** x",
)


def _lambertw(x: Any, k: Any = 0, tol: float = 1e-8) -> Any:
    x = inexact(x)
    narrow = x.dtype.itemsize < (16 if x.dtype.kind == "c" else 8)  # SciPy has it in double precision alone
    return scipy_value("lambertw", x.astype(np.complex128), k, tol).astype(np.complex64 if narrow else np.complex128)


lambertw = elementwise(
    _lambertw, lambda g, z: g * (np.exp(-z) / (1 + z)),
    name="lambertw", domain=((-0.3, math.inf),), holomorphic=True,
    doc="The w with w exp(w) = x, on branch k, as a complex number: its real part is the function of real numbers.",
)

# -- angles -------------------------------------------------------------------------------------

cosm1 = elementwise(
    of_scipy("cosm1"), lambda g, x: g * -np.sin(x),
    real=True, doc="cos(x) - 1, exact for small x.",
)
radian = elementwise(
    of_scipy("radian", "d m s"), lambda g: g * DEGREE, lambda g: g * (DEGREE / 60), lambda g: g * (DEGREE / 3600),
    real=True, doc="An angle of degrees d, minutes m and seconds s in radians.",
)
sindg: Primitive = elementwise(
    of_scipy("sindg"), lambda g, x: g * (cosdg(x) * DEGREE),
    real=True, doc="The sine of x degrees.",
)
cosdg: Primitive = elementwise(
    of_scipy("cosdg"), lambda g, x: g * (sindg(x) * -DEGREE),
    real=True, doc="The cosine of x degrees.",
)
tandg = elementwise(
    of_scipy("tandg"), lambda g, z: g * ((1 + z * z) * DEGREE),
    domain=((-80.0, 80.0),), real=True, doc="The tangent of x degrees.",
)
cotdg = elementwise(
    of_scipy("cotdg"), lambda g, z: g * ((1 + z * z) * -DEGREE),
    domain=((10.0, 170.0),), real=True, doc="The cotangent of x degrees.",
)
