"""Normalisation: x less its mean, divided by the root of its mean square, over the axes of a layer, group or image.

All of them are two steps. ``centre`` takes the mean off, and is its own adjoint; ``rms_scale`` divides what is left by
the root of its mean square, and multiplies by a weight. RMS normalisation is the second step alone.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.core.members import holds
from minigrad.core.primitive import primitive
from minigrad.core.table import Primitive
from minigrad.ops.reductions import least_square

__all__ = ["centre", "inverse_rms", "rms_scale"]

Axes = tuple[int, ...]

# -- the two steps ------------------------------------------------------------------------------


def _centre(x: Any, axis: Axes) -> Any:
    return x - np.mean(x, axis, keepdims=True) if x.size else x  # the mean of nothing would be NaN, with a warning


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
            square = np.mean(x * x, axis, keepdims=True)
        if (square < math.inf).all():
            return 1 / np.sqrt(square + eps)
    # Squares that overflow, or that vanish beside no eps: of x in units of its largest element.
    largest = np.maximum(np.max(np.abs(x), axis, keepdims=True), math.sqrt(max(eps, 0)))
    unit = np.where((largest > 0) & (largest < math.inf), largest, 1)
    part = x / unit
    return 1 / np.sqrt(np.mean(part * part, axis, keepdims=True) + eps / unit / unit) / unit


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
            fits = np.result_type(z, operand) == z.dtype and np.broadcast_shapes(z.shape, operand.shape) == z.shape
            z = step(z, operand, out=z) if fits and holds(z, operand) else step(z, operand)
    return z, rms


def _weighted(g: Any, weight: Any) -> Any:
    return g if weight is None else g * weight


def _rms_pullback(g: Any, x: Any, rms: Any, axis: Axes) -> Any:
    """rms * (g - x_hat * mean(g * x_hat)), where x_hat is x * rms."""
    if not x.size:
        return g
    # In this order no factor is far from 1, also where x is very large or small.
    return rms * (g - (rms * (rms * np.mean(g * x, axis, keepdims=True))) * x)


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

# -- what the steps are made of -----------------------------------------------------------------


def _rms_scale_by_parts(x: Any, weight: Any, bias: Any, axis: Axes, eps: float) -> Any:
    z = x / np.sqrt(np.mean(x**2, axis, keepdims=True) + eps)
    z = z if weight is None else z * weight
    return z if bias is None else z + bias


#: The plain function that each fused operation equals, on Tensors.
composites: dict[str, Any] = {
    "centre": lambda x, axis: x - np.mean(x, axis, keepdims=True),
    "inverse_rms": lambda x, axis, eps: (np.mean(x**2, axis, keepdims=True) + eps) ** -0.5,
    "rms_scale": _rms_scale_by_parts,
}
