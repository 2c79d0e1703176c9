"""The functions of ``np.linalg`` that have a namesake in ``np`` with other rules: they act on the last axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core.table import derived
from minigrad.errors import ShapeError
from minigrad.ops import products, vector_products

__all__ = ["cross", "diagonal", "matmul", "matrix_transpose", "outer", "tensordot", "trace", "vecdot"]

matmul = derived("numpy.linalg.matmul")(products.matmul)
tensordot = derived("numpy.linalg.tensordot")(products.tensordot)
vecdot = derived("numpy.linalg.vecdot")(products.vecdot)


@derived("numpy.linalg.matrix_transpose")
def matrix_transpose(x: Any) -> Any:
    """Each matrix in the last two axes the other way round."""
    if np.ndim(x) < 2:
        raise ShapeError(f"matrix_transpose takes matrices in the last two axes, got shape {np.shape(x)}")
    return np.swapaxes(x, -1, -2)


@derived("numpy.linalg.trace")
def trace(x: Any, *, offset: int = 0) -> Any:
    """The sums of the diagonals of the matrices in the last two axes.

    >>> mg.linalg.trace(mg.ones((5, 3, 3)))
    tensor([3., 3., 3., 3., 3.])
    """
    return np.trace(x, offset, -2, -1)


@derived("numpy.linalg.diagonal")
def diagonal(x: Any, *, offset: int = 0) -> Any:
    """The diagonals of the matrices in the last two axes.

    >>> mg.linalg.diagonal(mg.ones((5, 3, 3))).shape
    (5, 3)
    """
    return np.diagonal(x, offset, -2, -1)


@derived("numpy.linalg.outer")
def outer(x1: Any, x2: Any) -> Any:
    """Every element of one vector times every element of another.

    >>> mg.linalg.outer(mg.tensor([1.0, 2.0]), mg.tensor([3.0, 4.0]))
    tensor([[3., 4.],
            [6., 8.]])
    """
    if np.ndim(x1) != 1 or np.ndim(x2) != 1:
        raise ShapeError(
            f"linalg.outer takes two vectors, got shapes {np.shape(x1)} and {np.shape(x2)}: np.outer flattens them"
        )
    return products.outer(x1, x2)


@derived("numpy.linalg.cross")
def cross(x1: Any, x2: Any, *, axis: int = -1) -> Any:
    """The cross products of the vectors of three elements along ``axis``.

    >>> mg.linalg.cross(mg.tensor([1.0, 0.0, 0.0]), mg.tensor([0.0, 1.0, 0.0]))
    tensor([0., 0., 1.])
    """
    if {np.shape(x1)[axis], np.shape(x2)[axis]} != {3}:
        raise ShapeError(f"linalg.cross takes vectors of 3 elements, got shapes {np.shape(x1)} and {np.shape(x2)}")
    return vector_products.cross(x1, x2, axis=axis)
