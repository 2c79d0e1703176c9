"""Trigonometric and hyperbolic functions, their inverses, and angles."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.core.conversion import as_array
from minigrad.core.primitive import elementwise
from minigrad.core.table import Primitive
from minigrad.ops.along import nowhere
from minigrad.ops.elementwise import inexact

__all__ = [
    "acos", "acosh", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "asin", "asinh",
    "atan", "atan2", "atanh", "cos", "cosh", "deg2rad", "degrees", "rad2deg", "radians", "sin", "sinc", "sinh",
    "tan", "unwrap",
]

UNIT = (-1.0, 1.0)


# -- of an angle --------------------------------------------------------------------------------

sin = elementwise(np.sin, lambda g, x: g * np.cos(x), analytic=True, doc="The sine of x.")
cos = elementwise(np.cos, lambda g, x: -g * np.sin(x), analytic=True, doc="The cosine of x.")
tan = elementwise(
    np.tan, lambda g, z: g * (1 + z * z),
    domain=((-math.pi / 2, math.pi / 2),), analytic=True, doc="The tangent of x.",
)

# -- their inverses -----------------------------------------------------------------------------

#: The value keeps the digits near the ends that 1 - x * x loses; a product rule of it would lose those near 0.
one_less_square = elementwise(
    lambda x: (1 - inexact(x)) * (1 + inexact(x)), lambda g, x: -2 * (g * x),
    name="one_less_square", analytic=True, doc="1 - x * x, exact near 1 and -1 too.",
)
arcsin = elementwise(
    np.arcsin, lambda g, x: g / np.sqrt(one_less_square(x)),
    domain=(UNIT,), analytic=True, doc="The angle in [-pi/2, pi/2] with sine x; its gradient at -1 and 1 is inf.",
)
arccos = elementwise(
    np.arccos, lambda g, x: -g / np.sqrt(one_less_square(x)),
    domain=(UNIT,), analytic=True, doc="The angle in [0, pi] with cosine x; its gradient at -1 and 1 is -inf.",
)


def _square_plus_one(x: Any) -> Any:
    with np.errstate(over="ignore"):  # 1 / inf is 0, which is right
        return x * x + 1


arctan = elementwise(
    np.arctan, lambda g, x: g / _square_plus_one(x),
    analytic=True, doc="The angle in [-pi/2, pi/2] with tangent x.",
)


def _per_radius(side: Any, x: Any, y: Any) -> Any:
    """side / (x² + y²) without overflow; 0 at the origin."""
    radius = np.hypot(x, y)
    origin = radius == 0
    radius = np.where(origin, 1, radius)
    return np.where(origin, 0, side) / radius / radius


arctan2 = elementwise(
    np.arctan2, lambda g, x, y: g * _per_radius(y, x, y), lambda g, x, y: -g * _per_radius(x, x, y),
    doc="The angle in [-pi, pi] of the point with ordinate x and abscissa y; its gradient at the origin is 0.",
)

# -- hyperbolic functions (tanh is in elementwise) ----------------------------------------------

sinh = elementwise(np.sinh, lambda g, x: g * np.cosh(x), analytic=True, doc="The hyperbolic sine of x.")
cosh = elementwise(np.cosh, lambda g, x: g * np.sinh(x), analytic=True, doc="The hyperbolic cosine of x.")


def _slant(x: Any) -> Any:
    """sqrt(1 + x²), without overflow for real x: from some size on it is |x| to the last digit."""
    if x.dtype.kind == "c":
        return np.sqrt(1 + x * x)
    size = np.abs(x)
    far = size > 2 / math.sqrt(np.finfo(x.dtype).eps)
    if nowhere(far):
        return np.sqrt(1 + x * x)
    near = np.where(far, 0, x)
    return np.where(far, size, np.sqrt(1 + near * near))


arcsinh = elementwise(
    np.arcsinh, lambda g, x: g / _slant(x),
    analytic=True, doc="The number with hyperbolic sine x.",
)
arccosh = elementwise(
    np.arccosh, lambda g, x: g / (np.sqrt(x - 1) * np.sqrt(x + 1)),
    domain=((1.0, math.inf),), analytic=True,
    doc="The number from 0 up with hyperbolic cosine x; its gradient at 1 is inf.",
)
arctanh = elementwise(
    np.arctanh, lambda g, x: g / one_less_square(x),
    domain=(UNIT,), analytic=True, doc="The number with hyperbolic tangent x; inf, with its gradient, at 1.",
)

acos, asin, atan, atan2 = arccos, arcsin, arctan, arctan2
acosh, asinh, atanh = arccosh, arcsinh, arctanh

# -- angles -------------------------------------------------------------------------------------

deg2rad = elementwise(
    np.deg2rad, lambda g: g * (math.pi / 180),
    numpy=(np.radians,), doc="Degrees in radians.",
)
rad2deg = elementwise(
    np.rad2deg, lambda g: g * (180 / math.pi),
    numpy=(np.degrees,), doc="Radians in degrees.",
)
radians, degrees = deg2rad, rad2deg


unwrap = elementwise(
    lambda p, discont=None, axis=-1, *, period=2 * math.pi: np.unwrap(p, discont, axis, period=period),
    lambda g: g,  # whole periods are added, constants
    name="unwrap", numpy=(np.unwrap,),
    doc="Angles without jumps along ``axis``: whole periods added wherever one is passed; the gradient is 1.",
)

# -- the cardinal sine --------------------------------------------------------------------------


def _sinc(x: Any, n: int = 0) -> Any:
    x = as_array(x)
    return np.sinc(x) if n == 0 else math.pi**n * _sinc_derivative(x * math.pi, n)


def _sinc_derivative(t: Any, n: int) -> Any:
    """The n-th derivative of f(t) = sin(t) / t.

    f t = sin(t), derived n times, leads from one order to the next: f⁽ⁿ⁾ t + n f⁽ⁿ⁻¹⁾ = sin⁽ⁿ⁾(t). For small t the
    difference of the two cancels, and the sum of powers is exact instead.
    """
    near = np.abs(t) < n + 1
    far = np.where(near, n + 1, t)
    sine, cosine = np.sin(far), np.cos(far)
    derivative = sine / far
    for order in range(1, n + 1):
        of_sine = (sine, cosine, -sine, -cosine)[order % 4]
        derivative = (of_sine - order * derivative) / far
    return np.where(near, _sum_of_powers(np.where(near, t, 0), n), derivative)


def _sum_of_powers(t: Any, n: int) -> Any:
    """The n-th derivative of 1 - t² / 3! + t⁴ / 5! - ..., to as many powers as |t| < n + 1 needs."""
    square, total = t * t, 0.0
    for k in reversed(range((n + 1) // 2, 2 * n + 15)):
        total = total * square + (-1) ** k / ((2 * k + 1) * math.factorial(2 * k - n))
    return total * t if n % 2 else total


sinc: Primitive = elementwise(
    _sinc, lambda g, x, n: g * sinc(x, n + 1),
    numpy=(np.sinc,), analytic=True,
    doc="sin(pi x) / (pi x), 1 at 0; for ``n`` above 0 its n-th derivative, exact near 0 too.",
)
