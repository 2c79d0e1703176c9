"""Matrix products. For matrices z = x @ y: dL/dx = g @ y.T and dL/dy = x.T @ g."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.primitive import primitive
from minigrad.table import derived

__all__ = ["dot", "matmul"]

Shape = tuple[int, ...]


def _columns(y: Any) -> Any:
    """A vector as a matrix of one column; a matrix as it is."""
    return np.expand_dims(y, -1) if len(y.shape) == 1 else y


def _as_matrix(g: Any, x_shape: Shape, y_shape: Shape) -> Any:
    """The gradient of a product with the axes of size 1 that a vector on either side left out."""
    if len(y_shape) == 1:
        g = np.expand_dims(g, -1)
    return np.expand_dims(g, -2) if len(x_shape) == 1 else g


def rows(x: Any) -> Any:
    """The leading axes of an array as one."""
    return x if len(x.shape) == 2 else x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def _left(g: Any, y: Any, x_shape: Shape) -> Any:
    product = np.matmul(_as_matrix(g, x_shape, y.shape), np.swapaxes(_columns(y), -1, -2))
    return product[..., 0, :] if len(x_shape) == 1 else product


def _right(g: Any, x: Any, y_shape: Shape) -> Any:
    g = _as_matrix(g, x.shape, y_shape)
    x = np.expand_dims(x, 0) if len(x.shape) == 1 else x
    if len(y_shape) <= 2:  # one large product instead of a batch of them that the walk would add up
        product = np.matmul(rows(x).T, rows(g))
    else:
        product = np.matmul(np.swapaxes(x, -1, -2), g)
    return product[..., 0] if len(y_shape) == 1 else product


matmul = primitive(
    lambda x, y: np.matmul(x, y),
    lambda g, y, x_shape: _left(g, y, x_shape),
    lambda g, x, y_shape: _right(g, x, y_shape),
    name="matmul", numpy=(np.matmul,), analytic=True,
    doc="x @ y: matrices in the last two axes, leading axes broadcast, a vector is a row or a column.",
)  # fmt: skip


@derived(np.dot, "numpy.dot")  # nnfs.init() puts a function of its own into np.dot's place, which calls the old one
def dot(a: Any, b: Any) -> Any:
    """NumPy's dot product: the sum over the last axis of a and the second-to-last (or only) axis of b."""
    if not np.ndim(a) or not np.ndim(b):
        return np.multiply(a, b)
    if np.ndim(b) <= 2:
        return np.matmul(a, b)
    inner = np.transpose(b, (b.ndim - 2, *range(b.ndim - 2), b.ndim - 1))
    product = np.matmul(a, np.reshape(inner, (inner.shape[0], math.prod(inner.shape[1:]))))
    return np.reshape(product, a.shape[:-1] + inner.shape[1:])
