"""Rows, which the last axes of an array hold, with mean 0 and variance 1: what layers and groups are normalised by.

The gradients of the first order are kernels, few passes over memory; their own gradients are the formulas written out.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.core.members import everywhere
from minigrad.core.primitive import primitive
from minigrad.core.table import Primitive
from minigrad.kernels import row_norms as kernels

__all__: list[str] = []


def _total(x: Any, axes: int) -> Any:
    """The sum of each row, in the shape that a mean has."""
    return np.sum(x, tuple(range(-axes, 0)), keepdims=True)


def _length(shape: tuple[int, ...], axes: int) -> int:
    """How many numbers a row has."""
    return max(math.prod(shape[len(shape) - axes :]), 1)


def _weighted(y: Any, weight: Any) -> Any:
    return y if weight is None else y * weight


row_mean: Primitive = primitive(
    lambda x, axes: kernels.row_norm(x, None, None, axes, 1.0)[1],
    lambda g, x, axes: np.broadcast_to(g / _length(x.shape, axes), x.shape),
    name="row_mean", real=True, doc="The mean over the last ``axes`` of x, which stay as axes of size 1.",
)
row_rms: Primitive = primitive(
    lambda x, axes, eps: kernels.row_norm(x, None, None, axes, eps)[2],
    lambda g, z, x, axes: -(g * z / _length(x.shape, axes)) * (z * z) * (x - row_mean(x, axes)),
    name="row_rms", real=True, doc="1 / sqrt(var + eps) over the last ``axes`` of x, which stay as axes of size 1.",
)
row_product: Primitive = primitive(
    kernels.row_product,
    lambda g, x, mean, rms: g * (rms * (x - mean)),
    lambda g, y, rms: g * (rms * y),
    lambda g, y, rms, axes: -_total(g * (rms * y), axes),
    lambda g, y, x, mean, axes: _total(g * (y * (x - mean)), axes),
    real=True,
    doc="""The sum of y * (x - mean) * rms for each number of a weight: of ``shape``, which broadcasts to x.

    y and x of one shape, mean and rms with sizes of 1 in the last ``axes``: a part of the gradient of row_norm.
    """,
)


def _by_x(g: Any, y: Any, x: Any, mean: Any, rms: Any, weight: Any, axes: int) -> Any:
    y, part = _weighted(y, weight), x - mean
    cube, n = rms * (rms * rms), _length(x.shape, axes)
    return -(cube * _total(y * part, axes) / n * g + cube * _total(g * part, axes) / n * y)


def _by_rms(g: Any, y: Any, x: Any, mean: Any, rms: Any, weight: Any, axes: int) -> Any:
    y, part, n = _weighted(y, weight), x - mean, _length(x.shape, axes)
    products = _total(g * part, axes) * (_total(y * part, axes) / n)
    return _total(g * y, axes) - _total(g, axes) * (_total(y, axes) / n) - 3 * (rms * (rms * products))


row_pullback: Primitive = primitive(
    kernels.row_pullback,
    lambda g, x, mean, rms, weight, axes: _weighted(row_pullback(g, x, mean, rms, None, axes), weight),
    _by_x,
    lambda g, y, x, mean, rms, weight, axes: -_total(_by_x(g, y, x, mean, rms, weight, axes), axes),
    _by_rms,
    lambda g, y, x, mean, rms, axes: y * row_pullback(g, x, mean, rms, None, axes),
    real=True,
    doc="""rms * (v - mean(v) - x_hat * mean(v * x_hat)) over the last ``axes``: v = y * weight,
    x_hat = (x - mean) * rms.

    y and x of one shape, mean and rms with sizes of 1 in these axes, a weight that broadcasts to x, or None: the
    gradient of row_norm.
    """,
)
row_pullback.op.optional = frozenset({"weight"})
def _row_norm(x: Any, weight: Any, bias: Any, axes: int, eps: float) -> tuple[Any, Any, Any]:
    z, mean, rms = kernels.row_norm(x, weight, bias, axes, eps)
    if type(rms) is not np.ndarray:  # a program in machine code takes plain squares, whose sum may overflow
        everywhere(rms > 0)
    return z, mean, rms


row_norm: Primitive = primitive(
    _row_norm,
    lambda g, x, mean, rms, weight, axes: row_pullback(g, x, mean, rms, weight, axes),
    lambda g, x, mean, rms, axes, weight_shape: row_product(g, x, mean, rms, axes, weight_shape),
    lambda g: g,
    name="row_norm", residuals={"mean": row_mean, "rms": row_rms}, real=True,
    doc="""(x - mean) / sqrt(var + eps) * weight + bias over the last ``axes`` of x.

    ``weight`` and ``bias`` broadcast to x and may be None: some neighbouring sizes of x, and then sizes of 1.
    """,
)
row_norm.op.optional = frozenset({"weight", "bias"})
