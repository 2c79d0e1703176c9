"""Special functions. Some need SciPy, which is imported when one of them is called and not before."""

from __future__ import annotations

import importlib
import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.core.conversion import as_array
from minigrad.core.primitive import REALS, elementwise
from minigrad.core.table import Primitive, derived, no_derivative
from minigrad.errors import DTypeError
from minigrad.kernels.normal import error_function, normal_cdf
from minigrad.ops.along import floating, nowhere, require_real
from minigrad.ops.elementwise import POSITIVE, inexact, sigmoid

__all__ = [
    "betaln", "digamma", "entr", "erf", "erfc", "erfinv", "expit", "gammaln", "i0", "iv", "logit", "ndtr", "polygamma",
    "xlog1py", "xlogy",
]

UNIT = (-1.0, 1.0)


def scipy_value(name: str, *arrays: Any, part: int | None = None) -> Any:
    """A function of ``scipy.special``, or one of its results. Raises ``ImportError`` without SciPy, with the way."""
    try:
        function = getattr(importlib.import_module("scipy.special"), name)
    except ImportError:
        raise ImportError("this function needs SciPy: pip install scipy") from None
    dtype = np.result_type(*arrays)
    if dtype.char in "fe":  # beside a number of Python's, SciPy answers float64
        arrays = tuple(dtype.type(x) if type(x) in (int, float) else x for x in arrays)
    z = function(*arrays) if part is None else function(*arrays)[part]
    return z.astype(np.float16) if dtype.char == "e" else z  # SciPy answers in a wider dtype


def of_scipy(name: str, arguments: str = "x", value: Callable[..., Any] = scipy_value) -> Callable[..., Any]:
    """A function of ``scipy.special`` as the forward of a row; its arguments are named here, as a ufunc names none.

    ``value(name, *arrays)`` calculates it, where SciPy is not called with the arrays as they are.
    """

    def forward(*arrays: Any) -> Any:
        return value(name, *arrays)

    forward.__name__ = forward.__qualname__ = name
    parameters = [inspect.Parameter(a, inspect.Parameter.POSITIONAL_OR_KEYWORD) for a in arguments.split()]
    vars(forward)["__signature__"] = inspect.Signature(parameters)
    return forward


# -- the error function and the normal distribution ---------------------------------------------


def real(f: Any, x: Any, **options: Any) -> Any:
    """``f``, which takes float32 and float64, of x in any real dtype; integers give float64."""
    x = inexact(as_array(x))
    require_real("the normal distribution", x)
    if x.dtype.kind != "f":  # astype would read numbers from text, and give text back
        raise DTypeError(f"the normal distribution takes numbers, got dtype {x.dtype}")
    if x.dtype in (np.float32, np.float64):
        z = f(x, **options)
        return z if z.ndim else z[()]
    narrow = x.dtype == np.float16
    return f(x.astype(np.float32 if narrow else np.float64), **options).astype(x.dtype)[()]


def _bell(x: Any, width: float) -> Any:
    """exp(-width x²)."""
    with np.errstate(over="ignore"):  # exp(-inf) is 0, which is right
        return np.exp(x * x * -width)


def density(x: Any) -> Any:
    """The density of the standard normal distribution."""
    return _bell(x, 0.5) * (1 / math.sqrt(2 * math.pi))


erf = elementwise(
    lambda x: scipy_value("erf", x) if x.dtype.kind == "c" else real(error_function, x, complement=False),
    lambda g, x: g * (2 / math.sqrt(math.pi) * _bell(x, 1.0)),
    name="erf", analytic=True, doc="The error function, 2 / sqrt(pi) times the integral of exp(-t²) from 0 to x.",
)
erfc = elementwise(
    lambda x: scipy_value("erfc", x) if x.dtype.kind == "c" else real(error_function, x, complement=True),
    lambda g, x: g * (-2 / math.sqrt(math.pi) * _bell(x, 1.0)),
    name="erfc", analytic=True, doc="1 - erf(x), exact for large x too.",
)
erfinv = elementwise(
    of_scipy("erfinv"), lambda g, z: g * (math.sqrt(math.pi) / 2 * np.exp(z * z)),
    domain=(UNIT,), real=True, doc="The number with error function x; inf, with its gradient, at 1. Needs SciPy.",
)
ndtr = elementwise(
    lambda x: real(normal_cdf, x), lambda g, x: g * density(x),
    name="ndtr", real=True, doc="The share of the standard normal distribution below x, exact in both tails.",
)

# -- the gamma function -------------------------------------------------------------------------


def _polygamma(n: Any, x: Any) -> Any:
    # SciPy's own polygamma gives float64 for float32.
    x = inexact(x)
    order = as_array(n).astype(x.dtype) + 1
    sign = np.where(order % 2 == 0, 1, -1).astype(x.dtype)
    derivative = sign * scipy_value("gamma", order) * scipy_value("zeta", np.maximum(order, 2), x)
    return np.where(order == 1, scipy_value("digamma", x), derivative)


gammaln = elementwise(
    of_scipy("gammaln"), lambda g, x: g * digamma(x),
    domain=(POSITIVE,), real=True, doc="log(|gamma(x)|), where gamma(n + 1) = n! Needs SciPy, "
    "whose value at -inf, where there is no limit, is -inf (C and PyTorch have inf).",
)
digamma: Primitive = elementwise(
    of_scipy("digamma"), lambda g, x: g * polygamma(1, x),
    domain=(POSITIVE,), real=True, doc="The derivative of gammaln. Needs SciPy.",
)
polygamma: Primitive = elementwise(
    _polygamma, no_derivative, lambda g, n, x: g * polygamma(n + 1, x),
    real=True, doc="The n-th derivative of digamma, for integers n from 0 on, and positive x if n > 0. Needs SciPy.",
)
betaln = elementwise(
    of_scipy("betaln", "x y"),
    lambda g, x, y: g * (digamma(x) - digamma(x + y)), lambda g, x, y: g * (digamma(y) - digamma(x + y)),
    domain=(POSITIVE, POSITIVE), real=True,
    doc="gammaln(x) + gammaln(y) - gammaln(x + y), for positive x and y. Needs SciPy.",
)

# -- Bessel functions ---------------------------------------------------------------------------


#: SciPy's ``iv`` has no value at infinity, and below this size 0 or NaN: there the first power alone is exact.
_LARGEST, _SMALL = 1e300, 1e-8


def _i0(x: Any) -> Any:
    x = inexact(as_array(x))
    with np.errstate(over="ignore"):  # inf is right there; in float32 NumPy's exp would be inf too early
        return np.i0(np.clip(x.astype(np.float64), -_LARGEST, _LARGEST)).astype(x.dtype)[()]


def _iv(n: Any, x: Any) -> Any:
    x = inexact(x)
    n = as_array(n).astype(x.dtype)  # integers would promote float32
    small = np.abs(x) < _SMALL
    end = _LARGEST if x.dtype == np.float64 else float(np.finfo(x.dtype).max)
    if nowhere(small):
        return scipy_value("iv", n, x.clip(-end, end))
    order = np.where(n == np.rint(n), np.abs(n), n)  # a negative integer order is the positive one
    with np.errstate(divide="ignore", invalid="ignore"):  # inf at 0 of a negative order, NaN below 0, as in SciPy
        power = np.where(small, x / 2, 1) ** order / scipy_value("gamma", order + 1)
    return np.where(small, power, scipy_value("iv", n, np.where(small, 1, np.clip(x, -end, end))))


i0 = elementwise(
    _i0, lambda g, x: g * iv(1, x),
    numpy=(np.i0,), real=True,
    doc="The modified Bessel function of the first kind of order 0; its gradient needs SciPy.",
)
iv: Primitive = elementwise(
    _iv, no_derivative, lambda g, n, x: g * ((iv(n - 1.0, x) + iv(n + 1.0, x)) / 2),
    real=True, doc="The modified Bessel function of the first kind of order n. Needs SciPy.",
)

# -- logarithms and entropies -------------------------------------------------------------------

expit = sigmoid


@derived(domain=((0.0, 1.0),))
def logit(x: Any, eps: float | None = None) -> Any:
    """log(x / (1 - x)), the inverse of the sigmoid; with ``eps``, x is first limited to [eps, 1 - eps].

    Without it the value is -inf at 0 and inf at 1, and the gradient inf at both.
    """
    x = floating(x)
    x = x if eps is None else np.clip(x, eps, 1 - eps)
    return np.subtract(np.log(x), np.log1p(np.negative(x)))


def of_one_dtype(*xs: Any) -> list[Any]:
    """Two arrays of the floating dtype that they have together; a Python number beside float32 is one too."""
    arrays = [as_array(x) for x in xs]
    if arrays[0].dtype is arrays[-1].dtype and arrays[0].dtype.kind == "f":
        return arrays
    dtype = np.result_type(*xs)
    dtype = np.dtype(np.float64) if dtype.kind in "iub" else dtype
    return [x if x.dtype == dtype else x.astype(dtype) for x in arrays]


def _xlogy(x: Any, y: Any) -> Any:
    x, y = of_one_dtype(x, y)
    return x * np.log(np.where((x == 0) & np.logical_not(np.isnan(y)), 1, y))


def _xlog1py(x: Any, y: Any) -> Any:
    x, y = of_one_dtype(x, y)
    return x * np.log1p(np.where((x == 0) & np.logical_not(np.isnan(y)), 0, y))


xlogy = elementwise(
    _xlogy,
    lambda g, x, y: g * np.log(np.where((x == 0) & (y <= 0), 1, y)),
    lambda g, x, y: g * (x / np.where((x == 0) & (y == 0), 1, y)),
    domain=(REALS, POSITIVE), real=True,
    doc="x log(y), and 0 for x = 0 whatever y is; both gradients at x = y = 0 are 0.",
)
xlog1py = elementwise(
    _xlog1py,
    lambda g, x, y: g * np.log1p(np.where((x == 0) & (y <= -1), 0, y)),
    lambda g, x, y: g * (x / np.where((x == 0) & (y == -1), 1, 1 + y)),
    domain=(REALS, (-1.0, math.inf)),
    real=True, doc="x log(1 + y), and 0 for x = 0 whatever y is; both gradients at x = 0, y = -1 are 0.",
)


def _entr(x: Any) -> Any:
    x = inexact(x)
    return np.where(x < 0, -math.inf, -_xlogy(x, np.abs(x)))


entr = elementwise(
    _entr, lambda g, x: -g * (np.log(x) + 1),
    domain=(POSITIVE,), real=True,
    doc="-x log(x), the entropy of a share x: 0 at 0, where its gradient is inf; -inf below.",
)
