"""Triangular systems by substitution, and elimination with pivots: of stacks of matrices, on NumPy alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core.stands import numpy_function

#: Rows that are solved at once, and the columns from which on an inverse of these rows pays.
_BLOCK, _MANY = 32, 16


@numpy_function
def substituted(a: Any, b: Any, lower: bool = True) -> Any:
    """The x with tril(a) @ x = b, or with triu(a) unless ``lower``; ``b`` is a matrix of columns.

    Most of the work is products of blocks. Of many columns a block on the diagonal is inverted, and what the product
    with the inverse leaves over is solved for once more: that has the errors of substitution, an inverse alone has not.
    """
    n, columns = a.shape[-1], b.shape[-1]
    x = np.empty((*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), n, columns), np.result_type(a, b))
    starts = range(0, n, _BLOCK)
    for start in starts if lower else reversed(starts):
        rows = slice(start, min(n, start + _BLOCK))
        known = slice(0, start) if lower else slice(rows.stop, n)
        rest = b[..., rows, :]
        if known.stop > known.start:
            rest = rest - a[..., rows, known] @ x[..., known, :]
        block = (np.tril if lower else np.triu)(a[..., rows, rows])
        if columns < _MANY:
            x[..., rows, :] = np.linalg.solve(block, rest)
            continue
        inverse = np.linalg.inv(block)
        solution = np.matmul(inverse, rest)
        x[..., rows, :] = solution + inverse @ (rest - block @ solution)
    return x


def _swap(x: Any, one: Any, other: Any) -> None:
    """Swap two rows in place, their numbers differing along the batch."""
    first, second = (np.take_along_axis(x, i, 0) for i in (one, other))
    np.put_along_axis(x, one, second, 0)
    np.put_along_axis(x, other, first, 0)


@numpy_function
def row_order(a: Any) -> Any:
    """The rows in the order in which elimination with partial pivoting takes them."""
    m, n = a.shape[-2:]
    x = np.moveaxis(a, (-2, -1), (0, 1)).copy()  # rows, columns, batch
    order = np.broadcast_to(np.arange(m).reshape(m, *(1,) * (x.ndim - 1)), (m, 1, *x.shape[2:])).copy()
    for k in range(min(m - 1, n)):
        column = x[k:, k : k + 1]
        best = k + np.argmax(np.abs(column.real) + np.abs(column.imag), 0, keepdims=True)  # LAPACK's size
        here = np.full(best.shape, k)
        _swap(order, here, best)
        _swap(x, np.broadcast_to(here, (1, *x.shape[1:])), np.broadcast_to(best, (1, *x.shape[1:])))
        pivot = x[k : k + 1, k : k + 1]
        x[k + 1 :, k + 1 :] -= x[k + 1 :, k : k + 1] / np.where(pivot == 0, 1, pivot) * x[k : k + 1, k + 1 :]
    return np.moveaxis(order[:, 0], 0, -1)


@numpy_function
def eliminated(a: Any) -> Any:
    """Square matrices as L and U in one: L below the diagonal, where its ones are left out, U on and above it."""
    x = np.array(a)
    for k in range(x.shape[-1] - 1):
        pivot = x[..., k : k + 1, k : k + 1]
        x[..., k + 1 :, k : k + 1] /= np.where(pivot == 0, 1, pivot)
        x[..., k + 1 :, k + 1 :] -= x[..., k + 1 :, k : k + 1] * x[..., k : k + 1, k + 1 :]
    return x
