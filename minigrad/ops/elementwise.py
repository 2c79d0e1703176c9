"""Operations on each element: z = f(x) or z = f(x, y), with NumPy's broadcasting.

``g`` is dL/dz. A formula returns dL/d(its argument) in z's shape; the walk sums over what was
broadcast and casts to the argument's dtype.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from minigrad.core.conversion import as_array
from minigrad.core.primitive import REALS, elementwise
from minigrad.core.table import Primitive, derived
from minigrad.ops.along import given
from minigrad.ops.lengths import per_length
from minigrad.support.idioms import Count

__all__ = [
    "add", "astype", "cbrt", "divide", "divmod", "exp", "exp2", "expm1", "fabs", "float_power", "fmod", "hypot",
    "ldexp", "log", "log1p", "log2", "log10", "logaddexp", "logaddexp2", "mod", "modf", "multiply", "negative",
    "positive", "pow", "power", "reciprocal", "remainder", "sigmoid", "sqrt", "square", "subtract", "tanh",
    "true_divide",
]

POSITIVE = (0.0, math.inf)
LN2, LN10 = math.log(2), math.log(10)


# -- arithmetic ---------------------------------------------------------------------------------

add = elementwise(
    np.add, lambda g: g, lambda g: g,
    operator=operator.add, analytic=True, doc="x + y",
)
subtract = elementwise(
    np.subtract, lambda g: g, lambda g: -g,
    operator=operator.sub, analytic=True, doc="x - y",
)
multiply = elementwise(
    np.multiply, lambda g, y: g * y, lambda g, x: g * x,
    operator=operator.mul, analytic=True, doc="x * y",
)
divide = elementwise(
    np.divide, lambda g, y: g / y, lambda g, z, y: -g * z / y,
    operator=operator.truediv, domain=(REALS, POSITIVE), analytic=True, doc="x / y",
)
true_divide = divide
negative = elementwise(
    np.negative, lambda g: -g,
    operator=operator.neg, analytic=True, doc="-x",
)
positive = elementwise(np.positive, lambda g: g, analytic=True, doc="x itself, as a new value.")
reciprocal = elementwise(
    np.reciprocal, lambda g, z: -g * (z * z),
    domain=(POSITIVE,), analytic=True, doc="1 / x",
)


#: Exponents that are numbers of Python's: x.size is one too.
_NUMBERS = (int, float, Count)

#: Exponents for which two products do.
_SHORT = (3, 4, -2, -3, -4)


def _power_slope(x: Any, y: Any) -> Any:
    """y * x**(y - 1). For y = 0 it is 0, also where 1 / x is infinite: 1 stands in for x there."""
    if type(y) in _NUMBERS:
        if not y:
            return np.where(False, x, 0.0)  # with a derivative of 0 again
        return 2 * x if y == 2 else y * power(x, y - 1)  # squares are most of all powers, and x ** 1 costs a pass
    zero = y == 0
    if getattr(y, "requires_grad", False):  # with respect to y the derivative is 1 / x there, where that is a number
        zero = zero & (np.abs(x) < np.finfo(x.dtype).tiny)
    return y * np.where(zero, 1, x) ** (y - 1)


def _power(x: Any, y: Any) -> Any:
    if type(y) not in _NUMBERS:
        return np.power(x, y)
    # NumPy's ** has short cuts for squares and roots, its power has none. Between two scalars ** is the C library's
    # pow, which rounds otherwise than the vector code of arrays: one op would give two values.
    x = as_array(x)
    if y not in _SHORT or x.dtype.kind not in "fc":
        return x**y
    # By products: of negative numbers, NumPy's power takes 60 ns each.
    x = x if y > 0 else 1 / x  # first, so that no product overflows that the result would not
    product = x * x
    return product if y == -2 else product * (x if abs(y) == 3 else product)


power = elementwise(
    _power,
    lambda g, x, y: g * _power_slope(x, y),
    # At x = 0 < y, z is 0 whatever y is: log(1) stands in for log(0), since 0 * -inf is no number.
    lambda g, z, x: g * (z * np.log(np.where(x == 0, 1, x))),
    numpy=(np.power,), domain=(POSITIVE, REALS), analytic=True,
    doc="x ** y. With respect to x at 0: 0 for y = 0, 1 for y = 1, 0 for y > 1, inf for 0 < y < 1.",
)
pow = power
square = elementwise(np.square, lambda g, x: 2 * (g * x), analytic=True, doc="x * x")


@derived(np.float_power, domain=(POSITIVE, REALS))
def float_power(x: Any, y: Any) -> Any:
    """x ** y in float64, or complex128, as NumPy's: for float32 too, whose gradient comes back in float32."""
    return np.power(_double(x), _double(y))


def _double(x: Any) -> Any:
    """x in float64 or wider. A Python number is one already, which an array of the default dtype would round."""
    x = np.float64(x) if isinstance(x, (int, float)) else given(x)
    return x.astype(np.promote_types(x.dtype, np.float64)) if hasattr(x, "dtype") else x


# -- exponentials and roots ---------------------------------------------------------------------

exp = elementwise(np.exp, lambda g, z: g * z, analytic=True, doc="e ** x")
log = elementwise(np.log, lambda g, x: g / x, domain=(POSITIVE,), analytic=True, doc="The natural logarithm of x.")
sqrt = elementwise(np.sqrt, lambda g, z: g / (2 * z), domain=(POSITIVE,), analytic=True, doc="The square root of x.")
tanh = elementwise(np.tanh, lambda g, z: g * (1 - z * z), analytic=True, doc="The hyperbolic tangent of x.")
expm1 = elementwise(
    np.expm1, lambda g, x: g * np.exp(x),  # z + 1 would have no digits left below -17
    analytic=True, doc="exp(x) - 1, exact for small x.",
)
log1p = elementwise(
    np.log1p, lambda g, x: g / (1 + x),
    domain=((-1.0, math.inf),), analytic=True, doc="log(1 + x), exact for small x.",
)
exp2 = elementwise(np.exp2, lambda g, z: g * (z * LN2), analytic=True, doc="2 ** x")
log2 = elementwise(
    np.log2, lambda g, x: g / LN2 / x,
    domain=(POSITIVE,), analytic=True, doc="The logarithm of x to base 2.",
)
log10 = elementwise(
    np.log10, lambda g, x: g / LN10 / x,
    domain=(POSITIVE,), analytic=True, doc="The logarithm of x to base 10.",
)
cbrt = elementwise(
    np.cbrt, lambda g, z: g / (3 * (z * z)),
    doc="The cube root of x, also of negative x; its gradient at 0 is inf.",
)


hypot = elementwise(
    np.hypot, lambda g, z, x: per_length(x, g, z), lambda g, z, y: per_length(y, g, z),
    doc="sqrt(x² + y²) without overflow; the gradient at the origin is 0.",
)


def inexact(x: Any) -> Any:
    """x as an array of a floating dtype: of integers, -x and sums may wrap."""
    x = as_array(x)
    return x.astype(np.float64) if x.dtype.kind in "iub" else x


def _sigmoid(x: Any) -> Any:
    x = inexact(x)
    with np.errstate(over="ignore"):  # exp(-x) = inf gives 0, which is right
        return 1 / (1 + np.exp(-x))


sigmoid = elementwise(_sigmoid, lambda g, z: g * (z * (1 - z)), analytic=True, doc="1 / (1 + exp(-x))")
#: For formulas: their own derivatives keep their digits where 1 - z has none left, and the first order costs nothing.
logistic: Primitive = elementwise(
    _sigmoid, lambda g, x, z: g * (z * logistic(-x)),
    name="logistic", analytic=True,
    doc="``sigmoid`` with a gradient that is exact where the value is near 1 too, for one more exp on the way back.",
)


def _lead(x: Any, y: Any) -> Any:
    """x - y; -inf where both are -inf: as in ``logsumexp``, such a sum of nothing has the gradient 0."""
    with np.errstate(over="ignore"):  # a difference beyond the largest float is inf, whose sigmoid is 0 or 1
        return x - np.where((x == -math.inf) & (y == -math.inf), 0, y)


logaddexp = elementwise(
    np.logaddexp, lambda g, x, y: g * logistic(_lead(x, y)), lambda g, x, y: g * logistic(_lead(y, x)),
    doc="log(exp(x) + exp(y)) without overflow; the gradient where both are -inf is 0.",
)
logaddexp2 = elementwise(
    np.logaddexp2, lambda g, x, y: g * logistic(_lead(x, y) * LN2), lambda g, x, y: g * logistic(_lead(y, x) * LN2),
    doc="log2(2**x + 2**y) without overflow; the gradient where both are -inf is 0.",
)

# -- sizes and remainders -----------------------------------------------------------------------

fabs = elementwise(
    np.fabs, lambda g, x: g * np.sign(x),
    doc="The absolute value of real x, in floating point; its gradient at 0 is 0.",
)
ldexp = elementwise(
    np.ldexp, lambda g, y: np.ldexp(g, y), None,
    doc="x * 2**y for integers y, exactly.",
)
remainder = elementwise(
    np.remainder, lambda g: g, lambda g, x, y: -g * np.floor_divide(x, y),
    doc="x - floor(x / y) * y, with the sign of y. At a jump the gradient is that of the side it belongs to.",
)
mod = remainder
fmod = elementwise(
    # The quotient without its fraction is x - z over y, which is whole but for rounding.
    np.fmod, lambda g: g, lambda g, z, x, y: -g * np.rint((x - z) / y),
    doc="x - trunc(x / y) * y, with the sign of x. At a jump the gradient is that of the side it belongs to.",
)


@derived(np.divmod)
def divmod(x: Any, y: Any) -> tuple[Any, Any]:
    """(floor(x / y), the remainder): the first is constant between its jumps, so its gradient is 0."""
    return np.floor_divide(x, y), np.remainder(x, y)


@derived(np.modf)
def modf(x: Any) -> tuple[Any, Any]:
    """(the fraction of x, its whole part), both with the sign of x; the gradient of the whole part is 0."""
    x = np.multiply(x, 1.0)  # of integers too the parts are floats
    finite = np.where(np.isinf(x), 0, x)  # infinity is whole
    return np.fmod(finite, 1.0), np.trunc(x)


# -- dtypes -------------------------------------------------------------------------------------


cast = elementwise(
    lambda x, dtype: as_array(x).astype(dtype), lambda g: g,
    name="astype", holomorphic=True, doc="The elements of x in another dtype.",
)


@derived(*([np.astype] if hasattr(np, "astype") else []))
def astype(x: Any, dtype: Any, copy: bool = True) -> Any:
    """The elements of x in another dtype; the gradient comes back in x's. Only floats have one.

    With ``copy=False`` what is of this dtype is given back as it is.

    >>> mg.astype(mg.tensor([1.0, 2.0]), "float64")
    tensor([1., 2.], dtype=float64)
    """
    x = given(x)
    return x if not copy and x.dtype == dtype else x.astype(dtype)
