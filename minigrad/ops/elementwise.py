"""Operations on each element: z = f(x) or z = f(x, y), with NumPy's broadcasting.

``g`` is dL/dz. A formula returns dL/d(its argument) in z's shape; the walk sums over what was
broadcast and casts to the argument's dtype. At a kink a formula gives a value inside the
subdifferential: 0 for ``relu`` and ``abs``, an even share for tied ``maximum`` and ``minimum``, 1
for ``clip`` at its bounds.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from minigrad.primitive import REALS, elementwise, routing
from minigrad.table import Primitive

__all__ = [
    "abs", "add", "astype", "clip", "divide", "exp", "log", "maximum", "minimum", "multiply", "negative", "power",
    "relu", "select", "sigmoid", "sign", "sqrt", "square", "subtract", "tanh", "where",
]  # fmt: skip

POSITIVE = (0.0, math.inf)


# -- arithmetic ---------------------------------------------------------------------------------

add = elementwise(
    np.add, lambda g: g, lambda g: g,
    operator=operator.add, analytic=True, doc="x + y",
)  # fmt: skip
subtract = elementwise(
    np.subtract, lambda g: g, lambda g: -g,
    operator=operator.sub, analytic=True, doc="x - y",
)  # fmt: skip
multiply = elementwise(
    np.multiply, lambda g, y: g * y, lambda g, x: g * x,
    operator=operator.mul, analytic=True, doc="x * y",
)  # fmt: skip
divide = elementwise(
    np.divide, lambda g, y: g / y, lambda g, z, y: -g * z / y,
    operator=operator.truediv, domain=(REALS, POSITIVE), analytic=True, doc="x / y",
)  # fmt: skip
negative = elementwise(
    np.negative, lambda g: -g,
    operator=operator.neg, analytic=True, doc="-x",
)  # fmt: skip


def _power_slope(x: Any, y: Any) -> Any:
    """y * x**(y - 1), with 1 in place of x where both are 0: there it is 0, not 0 * inf."""
    if type(y) in (int, float) and y:
        return 2 * x if y == 2 else y * x ** (y - 1)  # squares are most of all powers, and x ** 1 costs a pass
    return y * np.where((x == 0) & (y == 0), 1, x) ** (y - 1)


def _power(x: Any, y: Any) -> Any:
    # NumPy's ** has short cuts for squares and roots, its power has none. Between two scalars ** is the C library's
    # pow, which rounds otherwise than the vector code of arrays: one op would give two values.
    return np.asarray(x) ** y if type(y) in (int, float) else np.power(x, y)


power = elementwise(
    _power,
    lambda g, x, y: g * _power_slope(x, y),
    # At x = 0 < y, z is 0 whatever y is: log(1) stands in for log(0), since 0 * -inf is no number.
    lambda g, z, x: g * (z * np.log(np.where(x == 0, 1, x))),
    numpy=(np.power,), domain=(POSITIVE, REALS), analytic=True,
    doc="x ** y. With respect to x at 0: 0 for y = 0, 1 for y = 1, 0 for y > 1, inf for 0 < y < 1.",
)  # fmt: skip
square = elementwise(np.square, lambda g, x: 2 * (g * x), analytic=True, doc="x * x")

# -- exponentials and roots ---------------------------------------------------------------------

exp = elementwise(np.exp, lambda g, z: g * z, analytic=True, doc="e ** x")
log = elementwise(np.log, lambda g, x: g / x, domain=(POSITIVE,), analytic=True, doc="The natural logarithm of x.")
sqrt = elementwise(np.sqrt, lambda g, z: g / (2 * z), domain=(POSITIVE,), analytic=True, doc="The square root of x.")
tanh = elementwise(np.tanh, lambda g, z: g * (1 - z * z), analytic=True, doc="The hyperbolic tangent of x.")


def inexact(x: Any) -> Any:
    """x as an array of a floating dtype: of integers, -x and sums may wrap."""
    x = np.asarray(x)
    return x.astype(np.float64) if x.dtype.kind in "iub" else x


def _sigmoid(x: Any) -> Any:
    x = inexact(x)
    with np.errstate(over="ignore"):  # exp(-x) = inf gives 0, which is right
        return 1 / (1 + np.exp(-x))


sigmoid = elementwise(_sigmoid, lambda g, z: g * (z * (1 - z)), analytic=True, doc="1 / (1 + exp(-x))")

# -- choices ------------------------------------------------------------------------------------


def _select(x: Any, mask: Any) -> Any:
    kept = x * mask  # three times faster than np.where on a random mask, and equal to it ...
    flat = kept.ravel()
    if math.isfinite(np.vdot(flat, flat)):
        return kept
    return np.where(mask, x, 0)  # ... unless an inf or NaN is masked: inf * 0 is NaN


select: Primitive = routing(
    _select, lambda g, mask: select(g, mask),
    name="select", doc="x where mask holds, else 0, with nothing of what is masked.",
)  # fmt: skip


def _relu(x: Any) -> Any:
    # Two arrays are compared with SIMD; np.maximum with a scalar 0 takes twice as long.
    x = np.asarray(x)
    return np.maximum(x, np.zeros(x.shape, x.dtype))


relu = routing(_relu, lambda g, z: select(g, z > 0), doc="max(x, 0)")


def _share(g: Any, x: Any, y: Any, wins: Any) -> Any:
    """The share of ``g`` for x against y: all where it wins or is NaN, half where they are equal, else nothing."""
    return np.where(x == y, g / 2, select(g, wins | np.isnan(x)))


maximum = routing(
    np.maximum, lambda g, x, y: _share(g, x, y, x > y), lambda g, x, y: _share(g, y, x, y > x),
    doc="The larger of x and y; NaN if one is. Where they are equal, each has half of the gradient.",
)  # fmt: skip
minimum = routing(
    np.minimum, lambda g, x, y: _share(g, x, y, x < y), lambda g, x, y: _share(g, y, x, y < x),
    doc="The smaller of x and y; NaN if one is. Where they are equal, each has half of the gradient.",
)  # fmt: skip
abs = elementwise(np.absolute, lambda g, x: g * np.sign(x), name="abs", doc="The absolute value of x.")
sign = elementwise(np.sign, lambda g: np.zeros(g.shape, g.dtype), doc="-1, 0 or 1; the gradient is 0.")


def _clip(a: Any, a_min: Any = None, a_max: Any = None) -> Any:
    return np.clip(a, a_min, a_max)


def _below(x: Any, bound: Any) -> Any:
    """Whether x < bound, where no bound at all is never above x."""
    return False if bound is None else x < bound


def _above(x: Any, bound: Any) -> Any:
    """Whether x > bound, where no bound at all is never below x, nor x above it."""
    return False if bound is None or x is None else x > bound


clip = routing(
    _clip,
    lambda g, a, a_min, a_max: np.where(_below(a, a_min) | _above(a, a_max), 0, g),
    lambda g, a, a_min, a_max: np.where(_below(a, a_min) & np.logical_not(_above(a_min, a_max)), g, 0),
    lambda g, a, a_min, a_max: np.where(_above(a, a_max) | _above(a_min, a_max), g, 0),
    numpy=(np.clip,),
    doc="a limited to [a_min, a_max]; a bound of None is none. The gradient at a bound goes to a.",
)  # fmt: skip


def _where(condition: Any, x: Any, y: Any) -> Any:
    return np.where(condition, x, y)


where = routing(
    _where, None, lambda g, condition: np.where(condition, g, 0), lambda g, condition: np.where(condition, 0, g),
    numpy=(np.where,), analytic=True,
    doc="x where the condition holds, else y.",
)  # fmt: skip


def _astype(x: Any, dtype: Any) -> Any:
    return np.asarray(x).astype(dtype)


cast = elementwise(_astype, lambda g: g, name="astype", doc="The elements of x in another dtype.")


def astype(x: Any, dtype: Any) -> Any:
    """The elements of x in another dtype; the gradient comes back in x's. Only floats have one."""
    return x.astype(dtype)
