"""Operations on each element: z = f(x) or z = f(x, y), with NumPy's broadcasting.

``g`` is dL/dz. A formula returns dL/d(its argument) in z's shape; the walk sums over what was
broadcast and casts to the argument's dtype.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from minigrad.primitive import REALS, elementwise

__all__ = [
    "add", "astype", "divide", "exp", "log", "multiply", "negative", "power", "sigmoid", "sqrt", "square", "subtract",
    "tanh",
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


def _astype(x: Any, dtype: Any) -> Any:
    return np.asarray(x).astype(dtype)


cast = elementwise(_astype, lambda g: g, name="astype", doc="The elements of x in another dtype.")


def astype(x: Any, dtype: Any) -> Any:
    """The elements of x in another dtype; the gradient comes back in x's. Only floats have one."""
    return x.astype(dtype)
