"""Activation functions, under the names of PyTorch. ``relu``, ``tanh``, ``sigmoid`` and ``softmax`` stand elsewhere.

Where two pieces meet, the gradient is that of the left piece for the leaky and exponential units, and 0 wherever a
piece is flat.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.core.conversion import as_array
from minigrad.core.idioms import refuse_keywords
from minigrad.core.primitive import elementwise, routing
from minigrad.core.table import derived
from minigrad.errors import HyperparameterError, ShapeError
from minigrad.kernels.normal import gelu_and_slope
from minigrad.ops.along import floating, given, part, require_real
from minigrad.ops.elementwise import inexact, logistic, sigmoid
from minigrad.ops.selection import keep
from minigrad.ops.special import density, real

__all__ = [
    "celu", "elu", "gelu", "gelu_tanh", "glu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu",
    "log_expit", "logsigmoid", "mish", "prelu", "relu6", "selu", "silu", "softplus", "softshrink", "softsign",
    "tanhshrink", "threshold",
]

REAL_LINE = ((-math.inf, math.inf),)

# -- smooth units -------------------------------------------------------------------------------


def _softplus(x: Any, beta: float = 1.0) -> Any:
    t = inexact(x) * beta
    # log(1 + exp(t)) = max(t, 0) + log(1 + exp(-|t|)): no exp of a large number, and no digit lost for small results.
    return (np.maximum(t, 0) + np.log1p(np.exp(-np.abs(t)))) / beta


_exact_softplus = elementwise(
    _softplus, lambda g, x, beta: g * logistic(x * beta),
    name="softplus", real=True, doc="log(1 + exp(beta x)) / beta",
)


def softplus(x: Any, beta: float = 1.0, threshold: float | None = None) -> Any:
    """log(1 + exp(beta x)) / beta, a smooth ``relu`` (Dugas et al., 2001), exact for any x.

    With ``threshold`` it is x itself where beta x is above that: PyTorch has 20 there, against an overflow that this
    form does not know.
    """
    z = _exact_softplus(x, beta)
    return z if threshold is None else np.where(np.greater(np.multiply(x, beta), threshold), x, z)


@derived(domain=REAL_LINE)
def logsigmoid(x: Any) -> Any:
    """log(sigmoid(x)) = -softplus(-x), exact for any x."""
    return np.negative(_exact_softplus(np.negative(floating(x))))  # of small integers -x wraps


log_expit = logsigmoid


#: Nearer to infinity every sigmoid is 0 or 1; times infinity that would be NaN, where the limit is a number.
FAR = 1e4


def _within(x: Any, low: float = -FAR, high: float = FAR) -> Any:
    """Real x limited to a range; in the complex plane x as it is.

    The method takes half the time of ``np.clip`` on small arrays; without a bound large ones would take three times.
    """
    return x if x.dtype.kind == "c" else x.clip(low, high)


def _silu(x: Any) -> tuple[Any, Any]:
    x = inexact(x)
    s = sigmoid(x)
    return _within(x, high=math.inf) * s, s


silu = elementwise(
    _silu, lambda g, x, s: g * (s * (1 + _within(x) * logistic(-x))),
    residuals={"s": logistic}, analytic=True,
    doc="x sigmoid(x), also called swish (Elfwing et al., 2017; Ramachandran et al., 2017).",
)


def _gelu(x: Any) -> tuple[Any, Any]:
    """The value and the slope."""
    both = real(gelu_and_slope, x)
    return both[0], both[1]


def _gelu_curvature(x: Any) -> Any:
    near = x.clip(-_GELU_FAR, _GELU_FAR)  # beyond, the density is 0, which inf would turn into NaN
    return density(near) * (2 - near * near)


gelu_slope = elementwise(
    lambda x: _gelu(x)[1], lambda g, x: g * _gelu_curvature(x),
    name="gelu_slope", real=True, doc="The derivative of ``gelu``: P(X <= x) + x p(x), where p is the density of X.",
)

_exact_gelu = elementwise(
    _gelu, lambda g, x, slope: g * slope,
    name="gelu", residuals={"slope": gelu_slope},
    real=True, doc="x times the share of the standard normal distribution below x.",
)

_GELU_LINEAR = 2 * math.sqrt(2 / math.pi)
_GELU_CUBIC = _GELU_LINEAR * 0.044715


#: Farther out the share is 0 or 1 to the last digit and the slope too, and the cube of x might overflow.
_GELU_FAR = 40.0


def _gelu_tanh(x: Any) -> Any:
    x = as_array(x)
    near = x.clip(-_GELU_FAR, _GELU_FAR)
    # (1 + tanh(t)) / 2 is sigmoid(2 t), which keeps its digits where tanh(t) is near -1.
    return x.clip(-_GELU_FAR, math.inf) * sigmoid(near * (_GELU_LINEAR + _GELU_CUBIC * (near * near)))


def _gelu_tanh_slope(x: Any) -> Any:
    near = x.clip(-_GELU_FAR, _GELU_FAR)
    square = near * near
    t = near * (_GELU_LINEAR + _GELU_CUBIC * square)
    return logistic(t) * (1 + logistic(-t) * (near * (_GELU_LINEAR + 3 * _GELU_CUBIC * square)))


gelu_tanh = elementwise(
    _gelu_tanh, lambda g, x: g * _gelu_tanh_slope(x),
    analytic=True, real=True, doc="``gelu`` with approximate=\"tanh\".",
)


def gelu(x: Any, approximate: str = "none") -> Any:
    """x P(X <= x) for a standard normal X (Hendrycks and Gimpel, 2016).

    ``approximate="tanh"`` is x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x³))) / 2, which differs by less than 0.0005.
    Raises ``HyperparameterError`` for anything else.
    """
    if approximate not in ("none", "tanh"):
        raise HyperparameterError(f"gelu: approximate is 'none' or 'tanh', got {approximate!r}")
    return gelu_tanh(x) if approximate == "tanh" else _exact_gelu(x)


def _share_of_mish(x: Any) -> Any:
    # With s = sigmoid(x) and c = sigmoid(-x) it is (1 - c²) / (1 + c²), in which 1 - c is s.
    x = inexact(x)
    c = sigmoid(-x)
    return sigmoid(x) * (1 + c) / (1 + c * c)


def _slope_of_share(x: Any) -> Any:
    c = logistic(-x)
    part = c / (1 + c * c)
    return 4 * logistic(x) * (part * part)


tanh_softplus = elementwise(
    _share_of_mish, lambda g, x: g * _slope_of_share(x),
    name="tanh_softplus", analytic=True, real=True,
    doc="tanh(log(1 + exp(x))), exact in both tails: what ``mish`` lets through.",
)


def _mish(x: Any) -> tuple[Any, Any]:
    x = as_array(x)
    share = tanh_softplus(x)
    return x.clip(-FAR, math.inf) * share, share


mish = elementwise(
    _mish, lambda g, x, share: g * (share + x.clip(-FAR, FAR) * _slope_of_share(x)),
    residuals={"share": tanh_softplus}, analytic=True, real=True, doc="x tanh(softplus(x)) (Misra, 2019).",
)


def _softsign(x: Any) -> Any:
    x = inexact(x)
    end = float(np.finfo(x.dtype).max)
    near = x.clip(-end, end)
    return near / (1 + np.abs(near))


def _softsign_slope(x: Any) -> Any:
    part = 1 / (1 + np.abs(x))
    return part * part


softsign = elementwise(
    _softsign, lambda g, x: g * _softsign_slope(x),
    real=True, doc="x / (1 + |x|) (Turian et al., 2009).",
)


def _tanh_squared(x: Any) -> Any:
    t = np.tanh(x)
    return t * t


tanhshrink = elementwise(
    lambda x: inexact(x) - np.tanh(inexact(x)), lambda g, x: g * _tanh_squared(x),
    name="tanhshrink", analytic=True, doc="x - tanh(x).",
)


@derived()
def glu(x: Any, axis: int = -1, dim: Any = None) -> Any:
    """The first half of ``axis`` times the sigmoid of the second (Dauphin et al., 2016).

    Raises ``ShapeError`` where ``axis`` cannot be halved.
    """
    if dim is not None:
        refuse_keywords("glu", ["dim"])
    shape = np.shape(x)
    if not -len(shape) <= axis < len(shape) or shape[axis] % 2:
        raise ShapeError(f"glu halves axis {axis}, which must have an even size, of an input of shape {shape}")
    x, half = given(x), shape[axis] // 2
    return np.multiply(part(x, axis, None, half), sigmoid(part(x, axis, half, None)))


# -- units with a bent left half ----------------------------------------------------------------


def _bent(x: Any, scale: float, rate: float) -> Any:
    """1 on the right, scale exp(rate x) where x is at most 0: of expm1 no digits would be left far out."""
    left = x.clip(-math.inf, 0)
    left = np.exp(left if rate == 1 else left * rate)  # 1 on the right already
    return left if scale == 1 else scale * left * (x <= 0) + (x > 0)


def _leaky_relu(x: Any, negative_slope: float = 0.01) -> Any:
    x = inexact(x)
    other = x * negative_slope
    return np.maximum(x, other) if negative_slope <= 1 else np.minimum(x, other)


def _leak(x: Any, negative_slope: float, dtype: Any) -> Any:
    # Arithmetic on the mask is eight times faster than np.where, which mispredicts its branches.
    right = (x > 0).astype(dtype)
    return right + negative_slope * (1 - right)


leaky_relu = elementwise(
    _leaky_relu, lambda g, x, negative_slope: g * _leak(x, negative_slope, g.dtype),
    real=True,
    doc="x, times ``negative_slope`` where it is negative (Maas et al., 2013); at 0 the gradient is that slope.",
)


@derived()
def prelu(x: Any, weight: Any) -> Any:
    """x, times ``weight`` where it is negative (He et al., 2015): ``leaky_relu`` with a slope that is learned.

    ``x`` (samples, channels, ...), ``weight`` (channels,); or x of any shape, ``weight`` (1,). Raises ``ShapeError``.
    """
    require_real("prelu", x, weight)
    channels, shape = np.size(weight), np.shape(x)
    if channels != 1 and shape[1:2] != (channels,):
        raise ShapeError(f"prelu: {channels} slopes take x of shape (N, {channels}, ...), got shape {shape}")
    slope = np.reshape(weight, () if channels == 1 else (channels, *(1,) * (len(shape) - 2)))
    return np.where(np.greater(x, 0), x, np.multiply(x, slope))


def _elu(x: Any, alpha: float = 1.0) -> Any:
    x = inexact(x)
    return np.maximum(x, 0) + alpha * np.expm1(np.minimum(x, 0))


elu = elementwise(
    _elu, lambda g, x, alpha: g * _bent(x, alpha, 1.0),
    real=True, doc="x, and alpha (exp(x) - 1) where it is negative (Clevert et al., 2015); at 0 the gradient is alpha.",
)


def _celu(x: Any, alpha: float = 1.0) -> Any:
    x = inexact(x)
    return np.maximum(x, 0) + alpha * np.expm1(np.minimum(x, 0) / alpha)


celu = elementwise(
    _celu, lambda g, x, alpha: g * _bent(x, 1.0, 1 / alpha),
    real=True, doc="x, and alpha (exp(x / alpha) - 1) where it is negative (Barron, 2017): the gradient has no jump.",
)

#: With these, the mean 0 and variance 1 of many inputs stay (Klambauer et al., Self-normalizing neural networks, 2017).
SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


@derived(domain=REAL_LINE)
def selu(x: Any) -> Any:
    """scale elu(x, alpha), for the constants of Klambauer et al., 2017; at 0 the gradient is 1.7581, scale alpha."""
    return SELU_SCALE * elu(x, SELU_ALPHA)


# -- units made of straight lines ---------------------------------------------------------------


def _hardtanh(x: Any, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    return np.clip(x, min_val, max_val)


hardtanh = routing(
    _hardtanh, lambda g, z, min_val, max_val: keep(g, (z != min_val) & (z != max_val)),  # NaN has its gradient
    real=True, doc="x limited to [min_val, max_val]; at the bounds the gradient is 0.",
)


@derived(domain=REAL_LINE)
def relu6(x: Any) -> Any:
    """x limited to [0, 6] (Howard et al., 2017); at the bounds the gradient is 0."""
    return hardtanh(x, 0.0, 6.0)


@derived()
def hardsigmoid(x: Any) -> Any:
    """(x + 3) / 6 limited to [0, 1] (Howard et al., 2019); at the bounds the gradient is 0."""
    return hardtanh(np.add(given(x), 3.0), 0.0, 6.0) / 6


def _hardswish(x: Any) -> Any:
    x = inexact(x)
    return x.clip(-3.0, math.inf) * ((x + 3).clip(0.0, 6.0) / 6)


def _hardswish_slope(x: Any) -> Any:
    right = x >= 3
    return keep((2 * x + 3) / 6, np.logical_not(right | (x <= -3))) + right  # NaN is in the middle


hardswish = elementwise(
    _hardswish, lambda g, x: g * _hardswish_slope(x),
    real=True, doc="x hardsigmoid(x) (Howard et al., 2019); at -3 the gradient is 0, at 3 it is 1.",
)


def _softshrink(x: Any, lambd: float = 0.5) -> Any:
    return x - np.clip(x, -lambd, lambd)


softshrink = routing(
    _softshrink, lambda g, z: keep(g, z != 0),
    real=True,
    doc="x moved by ``lambd`` towards 0, and 0 nearer than that (Donoho, 1995); at the bounds the gradient is 0.",
)


@derived()
def hardshrink(x: Any, lambd: float = 0.5) -> Any:
    """x, and 0 within ``lambd`` of 0; at the bounds the gradient is 0."""
    require_real("hardshrink", x)
    return keep(x, np.logical_not(np.less_equal(x, lambd) & np.greater_equal(x, -lambd)))  # NaN stays


@derived()
def threshold(x: Any, threshold: float, value: float) -> Any:
    """x where it is above ``threshold`` (or NaN), else ``value``, with the gradient 0."""
    require_real("threshold", x)
    return np.where(np.less_equal(x, threshold), value, x)
