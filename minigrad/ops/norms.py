"""Norms of vectors and matrices, and condition numbers. The gradient of a norm at 0 is 0, its smallest subgradient.

Where several elements, rows or singular values are the largest (or smallest), they share the gradient evenly.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.core.primitive import primitive
from minigrad.core.table import derived
from minigrad.errors import HyperparameterError, ShapeError
from minigrad.ops.along import given
from minigrad.ops.decompositions import svdvals
from minigrad.ops.elementwise import power
from minigrad.ops.lengths import per_length
from minigrad.ops.linalg import inv
from minigrad.ops.reductions import axes_of, expanded, of_any_size

__all__ = ["cond", "matrix_norm", "norm", "vector_norm"]


#: ``np.sum`` without the microsecond that it takes to look at its options.
_total: Any = np.add.reduce


euclidean_norm = primitive(
    lambda x, axis=None, keepdims=False:
        of_any_size(x, axis, keepdims, lambda x: np.sqrt(_total(np.square(x), axis, keepdims=keepdims))),
    lambda g, z, x, axis: per_length(x, expanded(g, x.shape, axis), expanded(z, x.shape, axis)),
    name="euclidean_norm", real=True,
    doc="The square root of the sum of squares over ``axis``; its gradient at 0 is 0.",
)


def _p_norm(x: Any, p: float, axis: Any = None, keepdims: bool = False) -> Any:
    def plainly(x: Any) -> Any:
        with np.errstate(divide="ignore"):  # for a negative p, one 0 makes the sum infinite and the norm 0
            return _total(np.abs(x) ** p, axis, keepdims=keepdims) ** (1 / p)

    return of_any_size(x, axis, keepdims, plainly)


def _p_slope(g: Any, z: Any, x: Any, p: float, axis: Any) -> Any:
    """sign(x) (|x| / z)**(p - 1), and 0 for an element that is 0, or where z is."""
    if p % 2 == 0 and p > 0:  # a power of x itself, which is smooth at 0 in every order
        return expanded(g, x.shape, axis) * power(per_length(x, 1.0, expanded(z, x.shape, axis)), p - 1)
    if p > 1:
        share = per_length(np.abs(x), 1.0, expanded(z, x.shape, axis))
        return expanded(g, x.shape, axis) * np.sign(x) * power(share, p - 1)
    none = (x == 0) | (expanded(z, x.shape, axis) == 0)
    share = np.abs(np.where(none, 1, x)) / np.where(none, 1, expanded(z, x.shape, axis))
    # Of a length of 0 the slope is a choice, so its own derivative is NaN: that of a 0 over the length.
    chosen = per_length(0.0, expanded(g, x.shape, axis), expanded(z, x.shape, axis))
    return expanded(g, x.shape, axis) * np.where(none, 0, np.sign(x) * power(share, p - 1)) + chosen


p_norm = primitive(
    _p_norm, lambda g, z, x, p, axis: _p_slope(g, z, x, p, axis),
    name="p_norm",
    doc="sum(abs(x)**p)**(1 / p) over ``axis``, for any p but 0; elements that are 0 have the gradient 0.",
)


# -- of vectors ---------------------------------------------------------------------------------


def _numbers(x: Any) -> Any:
    """x in a dtype that has norms: floating, or complex."""
    x = given(x)
    return x if x.dtype.kind in "fc" else x.astype(np.float64)


def _sizes(x: Any) -> Any:
    """Real numbers of the same absolute values."""
    return np.abs(x) if x.dtype.kind == "c" else x


def _largest(sizes: Any, axis: Any, keepdims: bool) -> Any:
    """The largest of numbers that are not negative, and of none at all 0, as NumPy has it in a norm."""
    empty = any(sizes.shape[a] == 0 for a in axes_of(axis, sizes.ndim))
    return np.sum(sizes, axis, keepdims=keepdims) if empty else np.max(sizes, axis, keepdims=keepdims)


def _of_vectors(x: Any, order: Any, axis: Any, keepdims: bool) -> Any:
    """The norms along ``axis``, any number of axes taken as one."""
    if order is None or order == 2:
        return euclidean_norm(x, axis, keepdims)
    if isinstance(order, str):
        raise HyperparameterError(f"the order of a vector norm is a number, inf, -inf or None, got {order!r}")
    if order == math.inf:
        return _largest(np.abs(x), axis, keepdims)
    if order == -math.inf:
        return np.min(np.abs(x), axis, keepdims=keepdims)
    if order == 0:
        return np.sum(np.abs(np.sign(x)), axis, keepdims=keepdims)
    if order == 1:
        return np.sum(np.abs(x), axis, keepdims=keepdims)
    return p_norm(x, float(order), axis, keepdims)


@derived(np.linalg.vector_norm)
def vector_norm(x: Any, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """The norms of the vectors along ``axis``: an int, several taken as one, or None for all.

    ``ord`` is any number p of sum(abs(x)**p)**(1 / p), inf or -inf for the largest or smallest element, 0 for the
    number of elements that are not 0 (its gradient is 0).
    """
    return _of_vectors(_sizes(_numbers(x)), ord, axis, keepdims)


# -- of matrices --------------------------------------------------------------------------------


def _of_matrices(x: Any, order: Any, axis: tuple[int, int], keepdims: bool) -> Any:
    """The norms of the matrices whose rows are counted along the first of two axes, columns along the second."""
    row, column = axes_of(axis, x.ndim)
    if row == column:
        raise ShapeError(f"a matrix has two different axes, got axis={axis}")
    if order is None or order in ("fro", "f"):
        return euclidean_norm(_sizes(x), (row, column), keepdims)
    if order in (1, -1, math.inf, -math.inf):
        added, chosen = (row, column) if abs(order) == 1 else (column, row)
        sums = np.sum(np.abs(x), added, keepdims=True)
        norms = _largest(sums, chosen, True) if order > 0 else np.min(sums, chosen, keepdims=True)
    elif order in (2, -2, "nuc"):
        others = [a for a in range(x.ndim) if a not in (row, column)]
        values = svdvals(np.transpose(x, (*others, row, column)))
        if order == "nuc":
            norms = np.sum(values, -1)
        else:
            norms = _largest(values, -1, False) if order > 0 else np.min(values, -1)
    else:
        raise HyperparameterError(
            f"the order of a matrix norm is None, 'fro', 'nuc', inf, -inf, 1, -1, 2 or -2, got {order!r}"
        )
    shape = [1 if a in (row, column) else size for a, size in enumerate(x.shape)]
    return np.reshape(norms, shape if keepdims else [size for a, size in enumerate(x.shape) if a not in (row, column)])


@derived(np.linalg.matrix_norm)
def matrix_norm(x: Any, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """The norms of the matrices in the last two axes.

    ``ord`` is "fro" for the root of the sum of squares, "nuc" for the sum of the singular values, 2 or -2 for the
    largest or smallest of them, 1 or -1 for the largest or smallest sum of a column (of absolute values), inf or
    -inf for that of a row.
    """
    return _of_matrices(_numbers(x), ord, (-2, -1), keepdims)


@derived(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """The norm of vectors along one axis, or of matrices along two; without ``ord`` the root of the sum of squares.

    Without ``axis`` x is one vector, or one matrix; without ``ord`` either, it may have any number of axes. The
    orders are those of ``vector_norm`` and ``matrix_norm``.
    """
    x = _numbers(x)
    if axis is None:
        if ord is None:
            return euclidean_norm(_sizes(x), None, keepdims)
        axis = tuple(range(x.ndim))
    axes = axis if isinstance(axis, tuple) else (axis,)
    if len(axes) == 1:
        return _of_vectors(_sizes(x), ord, axes, keepdims)
    if len(axes) == 2:
        return _of_matrices(x, ord, axes, keepdims)
    raise ShapeError(
        f"a norm is of vectors (one axis) or matrices (two), got shape {x.shape} and axis={axis}: name the axes, or "
        "take vector_norm, which takes several axes as one"
    )


@derived(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Any:
    """The condition number of the matrices in the last two axes: norm(x) * norm(inv(x)), in the order ``p``.

    None or 2 is the largest singular value divided by the smallest (inf if that is 0), for matrices of any shape;
    other orders are those of ``matrix_norm``. Raises NumPy's ``LinAlgError`` for a singular matrix in those, and for
    matrices without elements.
    """
    x = _numbers(x)
    if not all(x.shape[-2:]):
        # No word of shapes: what NumPy says of those becomes a ShapeError.
        raise np.linalg.LinAlgError(f"cond is not defined for matrices without elements, got {x.shape}")
    if p is None or p in (2, -2):
        values = svdvals(x)
        largest, smallest = values[..., 0], values[..., -1]
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = smallest / largest if p == -2 else largest / smallest
        return np.where(largest == 0, math.inf, ratio)  # of zeros, as NumPy has it
    return _of_matrices(x, p, (-2, -1), False) * _of_matrices(inv(x), p, (-2, -1), False)
