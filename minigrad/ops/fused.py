"""Whole expressions as one operation: faster, or more exact, than the parts they are made of.

The same functions written with the parts stand in ``tests/ops/composites.py``, which holds the two against each other.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minigrad.core.conversion import contiguous, read_only
from minigrad.core.members import holds
from minigrad.core.primitive import primitive
from minigrad.errors import ShapeError
from minigrad.ops.along import summable, widened
from minigrad.ops.elementwise import inexact
from minigrad.ops.products import rows

__all__ = ["log_softmax", "softmax"]


# -- softmax and its logarithm ------------------------------------------------------------------

# NumPy reduces a short last axis slowly. Up to this length it is several times faster to copy the
# classes to the front, where the reductions run along the samples.
NARROW = 64


def _along_first(f: Any, x: Any, axis: int) -> Any:
    """``f`` of x along ``axis``, computed along axis 0 of a copy when the axis is short."""
    x = inexact(x)
    if x.dtype.char == "e":  # a sum of many would leave its range
        return _along_first(f, x.astype(np.float32), axis).astype(np.float16)
    axis = normalize_axis_index(axis, x.ndim)
    if not x.size:  # there is no largest element, and nothing to compute
        return np.exp(x)
    if x.ndim < 2 or x.shape[axis] > NARROW:
        return f(x, axis)
    return np.swapaxes(f(contiguous(np.swapaxes(x, 0, axis)), 0), 0, axis)


def shifted_down(x: Any, axis: int) -> Any:
    """x less its maximum, so that exp does not overflow; softmax does not change."""
    with np.errstate(over="ignore"):  # a difference beyond the largest float is -inf, whose exp is 0
        return x - np.maximum.reduce(x.real, axis, keepdims=True)


def _normalised(x: Any, axis: int) -> Any:
    e = np.exp(shifted_down(x, axis))
    return e / np.add.reduce(e, axis, keepdims=True)


def softmax_pullback(g: Any, p: Any, axis: int) -> Any:
    """The product of g with the Jacobian diag(p) - p pT, without building it."""
    if p.dtype == np.float16:  # a sum of many leaves its range
        return softmax_pullback(widened(g), widened(p), axis).astype(np.float16)
    return p * (g - np.sum(g * p, axis, keepdims=True))


softmax = primitive(
    lambda x, axis=-1: _along_first(_normalised, x, axis), lambda g, z, axis: softmax_pullback(g, z, axis),
    name="softmax", analytic=True, doc="exp(x) / sum(exp(x)) along ``axis``: positive numbers that sum to 1.",
)


def _log_normalised(x: Any, axis: int) -> Any:
    shifted = shifted_down(x, axis)
    return shifted - np.log(np.add.reduce(np.exp(shifted), axis, keepdims=True))


def _log_softmax_pullback(g: Any, z: Any, axis: int) -> Any:
    if z.dtype == np.float16:
        return _log_softmax_pullback(widened(g), widened(z), axis).astype(np.float16)
    return g - np.exp(z) * np.sum(g, axis, keepdims=True)


log_softmax = primitive(
    lambda x, axis=-1: _along_first(_log_normalised, x, axis),
    lambda g, z, axis: _log_softmax_pullback(g, z, axis),
    name="log_softmax", analytic=True, doc="log(softmax(x)) along ``axis``, exact where softmax underflows to 0.",
)

# -- linear -------------------------------------------------------------------------------------


def _linear(x: Any, weight: Any, bias: Any) -> Any:
    product = _all_rows(x, weight.T)
    if np.shape(bias) != weight.shape[:1] or weight.ndim != 2:  # a bias (1,) would broadcast
        raise ShapeError(
            "linear takes a weight of shape (out_features, in_features) and a bias (out_features,), got shapes "
            f"{weight.shape} and {np.shape(bias)}: write bias.reshape(-1) if it holds these numbers"
        )
    if product.dtype.kind not in "fc":
        product = _all_rows(summable(x), summable(weight).T)
    if len(x.shape) > 2 and product.dtype == bias.dtype and holds(product, bias):
        return np.add(product, bias, out=product)  # a second array of this size costs more than the sum
    return product + bias


def _all_rows(x: Any, matrix: Any) -> Any:
    """x @ matrix as one product: NumPy multiplies a stack of matrices one by one."""
    if len(x.shape) <= 2:
        return np.matmul(x, matrix)
    return np.matmul(rows(x), matrix).reshape((*x.shape[:-1], matrix.shape[-1]))


@functools.lru_cache(maxsize=64)
def _ones(count: int, dtype: np.dtype) -> np.ndarray:
    return read_only(np.ones(count, dtype))


def sum_of_rows(g: Any) -> Any:
    """The sum over all axes but the last, as a product with ones: BLAS sums rows faster than np.sum."""
    flat = rows(g)
    return np.matmul(_ones(flat.shape[0], flat.dtype), flat)


linear = primitive(
    _linear,
    lambda g, weight: _all_rows(g, weight),
    lambda g, x: np.matmul(rows(g).T, rows(x)),
    lambda g: sum_of_rows(g),
    analytic=True,
    doc="x @ weight.T + bias: x of shape (..., in), weight (out, in), bias (out,), the result (..., out).",
)
