"""Diagonals and triangles of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core.conversion import zeros
from minigrad.core.primitive import moving, routing
from minigrad.core.table import Primitive, derived
from minigrad.errors import ShapeError
from minigrad.ops.along import given

__all__ = ["diag", "diagflat", "diagonal", "trace", "tril", "triu"]

Shape = tuple[int, ...]


def _put_diagonal(x: Any, shape: Shape, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    z = zeros(shape, x)
    last = np.moveaxis(z, (axis1, axis2), (-2, -1))
    number = np.arange(x.shape[-1])
    last[..., number + max(-offset, 0), number + max(offset, 0)] = x
    return z


diagonal: Primitive = routing(
    lambda a, offset=0, axis1=0, axis2=1: np.diagonal(a, offset, axis1, axis2),
    lambda g, a_shape, offset, axis1, axis2: put_diagonal(g, a_shape, offset, axis1, axis2),
    name="diagonal", numpy=(np.diagonal,), analytic=True, view=True,
    doc="The elements of the planes of two axes with equal indices (the second larger by ``offset``), as last axis.",
)
put_diagonal: Primitive = moving(
    _put_diagonal, lambda g, offset, axis1, axis2: np.diagonal(g, offset, axis1, axis2),
    analytic=True, doc="Zeros of ``shape`` with the last axis of x on a diagonal: the adjoint of ``diagonal``.",
)


@derived(np.diag)
def diag(v: Any, k: int = 0) -> Any:
    """A matrix with the vector v on its diagonal ``k``, or the diagonal of a matrix. Raises ``ShapeError`` else."""
    if np.ndim(v) == 2:
        return np.diagonal(v, k)
    if np.ndim(v) != 1:
        raise ShapeError(f"diag takes a vector or a matrix, got shape {np.shape(v)}: write mg.diagonal(x) or diagflat")
    side = np.size(v) + abs(k)
    return put_diagonal(v, (side, side), k)


@derived(np.diagflat)
def diagflat(v: Any, k: int = 0) -> Any:
    """A matrix with the elements of v, in order, on its diagonal ``k``."""
    return diag(np.ravel(v), k)


@derived(np.trace)
def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The sum over a diagonal, as ``diagonal`` gives it."""
    return np.sum(np.diagonal(a, offset, axis1, axis2), -1)


@derived(np.tril)
def tril(m: Any, k: int = 0) -> Any:
    """Matrices with 0 above the diagonal ``k``; of a vector, a matrix with it in each row."""
    m = given(m)
    return np.where(_below(m, k, "tril"), m, np.zeros(1, m.dtype))


@derived(np.triu)
def triu(m: Any, k: int = 0) -> Any:
    """Matrices with 0 below the diagonal ``k``; of a vector, a matrix with it in each row."""
    m = given(m)
    return np.where(_below(m, k - 1, "triu"), np.zeros(1, m.dtype), m)


def _below(m: Any, k: int, name: str) -> Any:
    if not m.ndim:
        raise ShapeError(f"{name} takes an array of at least one axis, got a single number")
    rows, columns = (m.shape * 2)[-2:]  # a vector is each row of a square
    return np.tri(rows, columns, k, bool)
