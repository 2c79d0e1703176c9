"""Inverses, solutions and determinants of square matrices in the last two axes, and pseudo-inverses of others."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from minigrad.core.conversion import detached
from minigrad.core.members import is_true
from minigrad.core.primitive import primitive
from minigrad.core.table import derived
from minigrad.errors import ShapeError
from minigrad.ops.products import matmul

__all__ = ["inv", "matrix_power", "matrix_rank", "multi_dot", "solve", "tensorinv", "tensorsolve"]

Shape = tuple[int, ...]


def transposed(a: Any) -> Any:
    """Each matrix in the last two axes the other way round."""
    return np.swapaxes(a, -1, -2)


def adjoint(a: Any) -> Any:
    """Each matrix the other way round, complex ones conjugated."""
    return np.conjugate(transposed(a)) if np.iscomplexobj(a) else transposed(a)


def conjugated(a: Any) -> Any:
    """The conjugate; of real numbers, a itself. Of a gradient g with dL = Re(g dz) it is that with dL = Re<g, dz>."""
    return np.conjugate(a) if np.iscomplexobj(a) else a


def symmetric_part(a: Any) -> Any:
    """The symmetric (of complex numbers, Hermitian) part of each matrix."""
    return (a + np.conjugate(transposed(a))) / 2 if np.iscomplexobj(a) else (a + transposed(a)) / 2


def sides(name: str, a: Any) -> Shape:
    """The sizes of the last two axes. Raises ``ShapeError`` where there are none."""
    shape: Shape = np.shape(a)
    if len(shape) < 2:
        raise ShapeError(f"{name} takes matrices in the last two axes, got shape {shape}")
    return shape[-2:]


def side(name: str, a: Any) -> int:
    """The size of square matrices. Raises ``ShapeError`` for others."""
    m, n = sides(name, a)
    if m != n:
        raise ShapeError(f"{name} takes square matrices in the last two axes, got shape {np.shape(a)}")
    return n


# -- inverses and solutions ---------------------------------------------------------------------


inv = primitive(
    lambda a: np.linalg.inv(a), lambda g, z: -(transposed(z) @ g @ transposed(z)),
    name="inv", numpy=(np.linalg.inv,), analytic=True,
    doc="The inverse of each matrix. Raises NumPy's ``LinAlgError`` for a singular one.",
)


def _column(x: Any, b_shape: Shape) -> Any:
    """The side or the solution of one system as a matrix: b is a vector only if it has one axis."""
    return np.expand_dims(x, -1) if len(b_shape) == 1 else x


def _solved_back(g: Any, a: Any, b_shape: Shape) -> Any:
    """The gradient of the right side, with its columns as a matrix."""
    return np.linalg.solve(transposed(a), _column(g, b_shape))


solve = primitive(
    lambda a, b: np.linalg.solve(a, b),
    lambda g, z, a, b_shape: -(_solved_back(g, a, b_shape) @ transposed(_column(z, b_shape))),
    lambda g, a, b_shape: _solved_back(g, a, b_shape)[..., 0] if len(b_shape) == 1 else _solved_back(g, a, b_shape),
    name="solve", numpy=(np.linalg.solve,), analytic=True,
    doc="x with a @ x = b: b is a vector if it has one axis, else matrices of columns. Raises NumPy's ``LinAlgError`` "
    "for a singular a.",
)


def _pinv_slope(g: Any, z: Any, a: Any) -> Any:
    """Golub and Pereyra, The differentiation of pseudo-inverses, 1973; ``z`` is the pseudo-inverse of ``a``."""
    g = conjugated(g)
    z_t, g_t = adjoint(z), adjoint(g)
    left, right = g_t @ z @ z_t, z_t @ z @ g_t
    return conjugated((left - a @ (z @ left)) + (right - (right @ z) @ a) - z_t @ g @ z_t)


pseudo_inverse = primitive(
    lambda a, rcond=None, *, rtol=...: np.linalg.pinv(a, rcond) if rtol is ... else np.linalg.pinv(a, rtol=rtol),
    lambda g, z, a: _pinv_slope(g, z, a),
    name="pinv", holomorphic=True,
    doc="The pseudo-inverse; singular values up to ``rcond`` (or ``rtol``) times the largest count as 0. The gradient "
    "is that along matrices of the same rank: from one rank to another a pseudo-inverse jumps.",
)


# -- powers and chains --------------------------------------------------------------------------


@derived(np.linalg.matrix_power)
def matrix_power(a: Any, n: int) -> Any:
    """A square matrix times itself, n times; for a negative n its inverse. ``n`` is an integer."""
    n = operator.index(n)
    size = side("matrix_power", a)
    if n == 0:
        return np.where(False, a, np.eye(size, dtype=a.dtype))
    if n < 0:
        a, n = inv(a), -n
    if n == 1:
        return np.multiply(a, 1)  # what comes out is never the argument itself
    half = matrix_power(a, n // 2) if n > 3 else a
    square = matmul(half, half)
    return matmul(square, a) if n % 2 else square


@derived(np.linalg.multi_dot)
def multi_dot(arrays: Any) -> Any:
    """The product of several matrices, in the order that takes the least work; the ends may be vectors.

    Raises ``ShapeError`` for fewer than two, or for other dimensions.
    """
    shapes = [np.shape(x) for x in arrays]
    inside = all(len(shape) == 2 for shape in shapes[1:-1])
    if len(shapes) < 2 or not inside or not {len(shapes[0]), len(shapes[-1])} <= {1, 2}:
        raise ShapeError(f"multi_dot takes two or more matrices (at the ends also vectors), got shapes {shapes}")
    first = shapes[0] if len(shapes[0]) == 2 else (1, *shapes[0])
    sizes = [first[0], first[1], *[shape[1] if len(shape) == 2 else 1 for shape in shapes[1:]]]
    splits = _splits(sizes)

    def product(i: int, j: int) -> Any:
        """The product of the arrays from number i to number j."""
        return arrays[i] if i == j else matmul(product(i, splits[i, j]), product(splits[i, j] + 1, j))

    return product(0, len(shapes) - 1)


def _splits(sizes: list[int]) -> dict[tuple[int, int], int]:
    """Where to part each run of a chain of matrices, array k being of shape ``sizes[k : k + 2]``.

    Cormen, Leiserson, Rivest and Stein, Introduction to Algorithms, on matrix-chain multiplication.
    """
    count = len(sizes) - 1
    cost = {(i, i): 0 for i in range(count)}
    splits = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            cost[i, j], splits[i, j] = min(
                (cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)
            )
    return splits


# -- tensors as matrices ------------------------------------------------------------------------


@derived(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """x with ``tensordot(a, x, x.ndim) == b``; ``axes`` of a are moved behind the others first."""
    if axes is not None:
        last = [axis % np.ndim(a) for axis in axes]
        a = np.transpose(a, [axis for axis in range(np.ndim(a)) if axis not in last] + last)
    shape = np.shape(a)[np.ndim(b) :]
    size = math.prod(shape)
    if size * size != math.prod(np.shape(a)) or size != np.size(b):
        raise ShapeError(
            f"tensorsolve takes a of shape b.shape + x.shape with as many elements in b as in x, got {np.shape(a)} "
            f"and b of {np.shape(b)}"
        )
    return np.reshape(solve(np.reshape(a, (size, size)), np.reshape(b, size)), shape)


@derived(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Any:
    """The inverse of tensordot with a: ``tensordot(tensorinv(a), tensordot(a, x, ...), ind)`` is x."""
    shape = np.shape(a)
    size = math.prod(shape[ind:])
    if ind <= 0 or size != math.prod(shape[:ind]):
        raise ShapeError(
            f"tensorinv takes an array whose first ind axes have as many elements as the others, got shape {shape} "
            f"and ind={ind}"
        )
    return np.reshape(inv(np.reshape(a, (size, size))), (*shape[ind:], *shape[:ind]))


# -- plain answers ------------------------------------------------------------------------------


@derived(np.linalg.matrix_rank)
def matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Any:
    """How many singular values are not 0, to rounding: a plain array of integers, without a gradient."""
    return np.linalg.matrix_rank(detached(A), detached(tol), hermitian, rtol=rtol)
