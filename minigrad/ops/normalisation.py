"""Normalisation: x less its mean, divided by the root of its mean square, over the axes of a layer, group or image.

All of them are two steps. ``centre`` takes the mean off, and is its own adjoint; ``rms_scale`` divides what is left by
the root of its mean square, and multiplies by a weight. RMS normalisation is the second step alone.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.core.members import everywhere, holds
from minigrad.core.primitive import primitive
from minigrad.core.table import Primitive
from minigrad.kernels import normalisation as kernels
from minigrad.ops.reductions import average, least_square

Axes = tuple[int, ...]

# -- the two steps ------------------------------------------------------------------------------


def _centre(x: Any, axis: Axes) -> Any:
    return x - average(x, axis, True) if x.size else x  # the mean of nothing would be NaN, with a warning


centre: Primitive = primitive(
    _centre, lambda g, axis: centre(g, axis),  # a symmetric projection
    analytic=True, doc="x less its mean over ``axis``, a tuple of axes.",
)


def _size(shape: tuple[int, ...], axis: Axes) -> int:
    return math.prod([shape[a] for a in axis])


def _inverse_rms(x: Any, axis: Axes, eps: float) -> Any:
    if not x.size:  # there is nothing to scale
        return 1 + np.sum(x, axis, keepdims=True)
    if not 0 <= eps <= least_square(x.dtype):
        with np.errstate(over="ignore"):
            square = average(x * x, axis, True)
        if everywhere(square < math.inf):
            return 1 / np.sqrt(square + eps)
    # Squares that overflow, or that vanish beside no eps: of x in units of its largest element.
    largest = np.maximum(np.max(np.abs(x), axis, keepdims=True), math.sqrt(max(eps, 0)))
    unit = np.where((largest > 0) & (largest < math.inf), largest, 1)
    part = x / unit
    return 1 / np.sqrt(average(part * part, axis, True) + eps / unit / unit) / unit


inverse_rms: Primitive = primitive(
    _inverse_rms, lambda g, z, x, axis: -(g * z / _size(x.shape, axis)) * (z * (z * x)),
    analytic=True, real=True,
    doc="1 / sqrt(mean(x * x) + eps) over ``axis``, a tuple of axes that stay as axes of size 1.",
)


def _rms_scale(x: Any, weight: Any, bias: Any, axis: Axes, eps: float) -> tuple[Any, Any]:
    rms = _inverse_rms(x, axis, eps)
    z = x * rms
    # z is new here: the rest is written over it, unless another dtype or shape comes in.
    for operand, step in ((weight, np.multiply), (bias, np.add)):
        if operand is not None:
            z = step(z, operand, out=z) if _fits(operand, z) and holds(z, operand) else step(z, operand)
    return z, rms


def _fits(operand: Any, z: Any) -> bool:
    """Whether z with an operand has the dtype and shape of z."""
    shape: tuple[int, ...] = operand.shape
    if operand.dtype != z.dtype and np.result_type(z, operand) != z.dtype:
        return False
    is_trailing: bool = shape == z.shape[len(z.shape) - len(shape) :]
    return is_trailing or np.broadcast_shapes(z.shape, shape) == z.shape


def _weighted(g: Any, weight: Any) -> Any:
    return g if weight is None else g * weight


def _rms_pullback(g: Any, x: Any, rms: Any, axis: Axes) -> Any:
    """rms * (g - x_hat * mean(g * x_hat)), where x_hat is x * rms."""
    if not x.size:
        return g
    # In this order no factor is far from 1, also where x is very large or small.
    return rms * (g - (rms * (rms * average(g * x, axis, True))) * x)


rms_scale: Primitive = primitive(
    _rms_scale,
    lambda g, x, rms, weight, axis: _rms_pullback(_weighted(g, weight), x, rms, axis),
    lambda g, x, rms, axis: g * (x * rms),
    lambda g: g,
    residuals={"rms": inverse_rms}, analytic=True, real=True,
    doc="""x / sqrt(mean(x * x) + eps) * weight + bias; the mean is over ``axis``, a tuple of axes.

    ``weight`` and ``bias`` broadcast to x, and may be None.
    """,
)
rms_scale.op.optional = frozenset({"weight", "bias"})

# -- both steps at once, for each channel of images (N, C, *sizes) --------------------------------


def _wide(numbers: Any, shape: tuple[int, ...]) -> Any:
    """One number for each channel, as images of this shape take it."""
    return np.reshape(numbers, (-1, *(1,) * (len(shape) - 2)))


def _total(x: Any) -> Any:
    """The sum of each channel."""
    return np.sum(x, (0, *range(2, len(x.shape))))


def _count(shape: tuple[int, ...]) -> int:
    """How many numbers a channel has."""
    return max(shape[0] * math.prod(shape[2:]), 1)


def _deviations(x: Any, mean: Any) -> Any:
    return x - _wide(mean, x.shape)


channel_mean: Primitive = primitive(
    lambda x: kernels.channel_moments(x)[0],
    lambda g, x: np.broadcast_to(_wide(g / _count(x.shape), x.shape), x.shape),
    name="channel_mean", real=True, doc="The mean of each channel of x (N, C, *sizes): an array (C,).",
)
channel_rms: Primitive = primitive(
    lambda x, eps: kernels.channel_norm(x, None, None, eps)[2],
    lambda g, z, x: _wide(-(g * z / _count(x.shape)) * (z * z), x.shape) * _deviations(x, channel_mean(x)),
    name="channel_rms", real=True, doc="1 / sqrt(var + eps) of each channel of x (N, C, *sizes): an array (C,).",
)
channel_product: Primitive = primitive(
    kernels.channel_product,
    lambda g, x, mean, rms: _wide(g * rms, x.shape) * _deviations(x, mean),
    lambda g, y, rms: _wide(g * rms, y.shape) * y,
    lambda g, y, rms: -(g * rms) * _total(y),
    lambda g, y, x, mean: g * _total(y * _deviations(x, mean)),
    real=True,
    doc="The sum of y * (x - mean) * rms for each channel of y and x (N, C, *sizes): an array (C,), as mean and rms.",
)


def _pullback_by_x(g: Any, y: Any, x: Any, mean: Any, rms: Any, weight: Any) -> Any:
    y, part = _weighted(y, None if weight is None else _wide(weight, x.shape)), _deviations(x, mean)
    cube, n = rms * (rms * rms), _count(x.shape)
    return -(_wide(cube * _total(y * part) / n, x.shape) * g + _wide(cube * _total(g * part) / n, x.shape) * y)


def _pullback_by_rms(g: Any, y: Any, x: Any, mean: Any, rms: Any, weight: Any) -> Any:
    y, part, n = _weighted(y, None if weight is None else _wide(weight, x.shape)), _deviations(x, mean), _count(x.shape)
    products = _total(g * part) * (_total(y * part) / n)
    return _total(g * y) - _total(g) * (_total(y) / n) - 3 * (rms * (rms * products))


channel_pullback: Primitive = primitive(
    kernels.channel_pullback,
    lambda g, x, mean, rms, weight: channel_pullback(g, x, mean, rms, weight),  # the same for y and g
    _pullback_by_x,
    lambda g, y, x, mean, rms, weight: -_total(_pullback_by_x(g, y, x, mean, rms, weight)),
    _pullback_by_rms,
    lambda g, y, x, mean, rms: _total(y * channel_pullback(g, x, mean, rms, None)),
    real=True,
    doc="""rms * weight * (y - mean(y) - x_hat * mean(y * x_hat)) for each channel, where x_hat is (x - mean) * rms.

    y and x (N, C, *sizes), mean, rms and weight (C,), or None for a weight of 1: the gradient of channel_norm.
    """,
)
channel_pullback.op.optional = frozenset({"weight"})
channel_norm: Primitive = primitive(
    kernels.channel_norm,
    lambda g, x, mean, rms, weight: channel_pullback(g, x, mean, rms, weight),
    lambda g, x, mean, rms: channel_product(g, x, mean, rms),
    lambda g: _total(g),
    residuals={"mean": channel_mean, "rms": channel_rms}, real=True,
    doc="""(x - mean) / sqrt(var + eps) * weight + bias for each channel of x (N, C, *sizes), over N and sizes.

    ``weight`` and ``bias`` (C,) may be None.
    """,
)
channel_norm.op.optional = frozenset({"weight", "bias"})
