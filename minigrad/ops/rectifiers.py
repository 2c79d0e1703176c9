"""Activation functions of pieces that meet, under the names of PyTorch. ``relu`` stands elsewhere.

Where two pieces meet, the gradient is that of the left piece for the leaky and exponential units, and 0 wherever a
piece is flat.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.core.checks import divisor, finite
from minigrad.core.primitive import elementwise, routing
from minigrad.core.table import derived
from minigrad.errors import HyperparameterError, ShapeError
from minigrad.ops.activations import REAL_LINE
from minigrad.ops.along import given, require_real
from minigrad.ops.elementwise import inexact
from minigrad.ops.selection import keep

__all__ = [
    "celu", "elu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "prelu", "relu6", "selu",
    "softshrink", "threshold",
]

# -- units with a bent left half ----------------------------------------------------------------


def _bent(x: Any, scale: float, rate: float) -> Any:
    """1 on the right, scale exp(rate x) where x is at most 0: of expm1 no digits would be left far out."""
    left = x.clip(-math.inf, 0)
    left = np.exp(left if rate == 1 else left * rate)  # 1 on the right already
    return left if scale == 1 else scale * left * (x <= 0) + (x > 0)


def _leaky_relu(x: Any, negative_slope: float = 0.01) -> Any:
    x = inexact(x)
    if negative_slope != 0.01:
        finite("leaky_relu", "negative_slope", negative_slope, such_as="0.01")
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
    if np.ndim(weight) > 1 or (channels != 1 and shape[1:2] != (channels,)):
        raise ShapeError(
            f"prelu: {channels} slopes have the shape ({channels},), and x (N, {channels}, ...), got shapes "
            f"{np.shape(weight)} and {shape}"
        )
    slope = np.reshape(weight, () if channels == 1 else (channels, *(1,) * (len(shape) - 2)))
    return np.where(np.greater(x, 0), x, np.multiply(x, slope))


def _elu(x: Any, alpha: float = 1.0) -> Any:
    x = inexact(x)
    if alpha != 1:
        finite("elu", "alpha", alpha)
    return np.maximum(x, 0) + alpha * np.expm1(np.minimum(x, 0))


elu = elementwise(
    _elu, lambda g, x, alpha: g * _bent(x, alpha, 1.0),
    real=True, doc="x, and alpha (exp(x) - 1) where it is negative (Clevert et al., 2015); at 0 the gradient is alpha.",
)


def _celu(x: Any, alpha: float = 1.0) -> Any:
    x = inexact(x)
    if alpha != 1:
        divisor("celu", "alpha", alpha)
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
    if not min_val <= max_val:
        raise HyperparameterError(f"hardtanh: min_val is at most max_val, got {min_val!r} and {max_val!r}")
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
    if lambd != 0.5:
        finite("softshrink", "lambd", lambd, 0, "0.5")
    return x - np.clip(x, -lambd, lambd)


softshrink = routing(
    _softshrink, lambda g, z: keep(g, z != 0),
    real=True,
    doc="x moved by ``lambd`` towards 0, and 0 nearer than that (Donoho, 1995); at the bounds the gradient is 0.",
)


@derived()
def hardshrink(x: Any, lambd: float = 0.5) -> Any:
    """x, and 0 within ``lambd`` of 0; at the bounds the gradient is 0."""
    require_real("hardshrink", x, lambd)
    return keep(x, np.logical_not(np.less_equal(x, lambd) & np.greater_equal(x, -lambd)))  # NaN stays


@derived()
def threshold(x: Any, threshold: float, value: float) -> Any:
    """x where it is above ``threshold`` (or NaN), else ``value``, with the gradient 0."""
    require_real("threshold", x, threshold, value)
    return np.where(np.less_equal(x, threshold), value, x)
