"""Matrices with a pattern, under the names of ``scipy.linalg``: made of a few numbers, and solved by them.

ab holds the diagonals of a banded matrix as rows: ab[u + i - j, j] is a[i, j]
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from minigrad.core.primitive import primitive
from minigrad.core.stands import numpy_function
from minigrad.core.table import Primitive, derived, ops
from minigrad.errors import ShapeError
from minigrad.ops.along import together
from minigrad.ops.fourier import fft, ifft
from minigrad.ops.linalg import solve, transposed

__all__ = [
    "block_diag", "circulant", "companion", "hankel", "khatri_rao", "solve_banded", "solve_circulant", "solve_toeplitz",
    "solveh_banded", "toeplitz",
]


# -- made of a few numbers ----------------------------------------------------------------------


def _array(x: Any) -> Any:
    """Arrays and Tensors as they are, and lists as NumPy has them."""
    return x if hasattr(x, "dtype") else ops["stack"](*x) if _tensors(x) else np.asarray(x)


def _tensors(x: Any) -> bool:
    return isinstance(x, (list, tuple)) and any(hasattr(item, "_node") for item in x)


def _line(name: str, x: Any) -> Any:
    x = _array(x)
    if x.ndim < 1:
        raise ShapeError(f"{name} takes vectors in the last axis, got a number")
    return x


def _edges(c: Any, r: Any) -> tuple[Any, Any, Any, Any]:
    """The first column and a row of a matrix with the batches of both, and the numbers of its rows and columns."""
    m, n = c.shape[-1], r.shape[-1]
    batch = np.broadcast_shapes(c.shape[:-1], r.shape[:-1])
    return np.broadcast_to(c, (*batch, m)), np.broadcast_to(r, (*batch, n)), np.arange(m)[:, None], np.arange(n)


@derived()
def toeplitz(c: Any, r: Any = None) -> Any:
    """The matrix whose diagonals are constant, of its first column c and its first row r: by default conjugate(c).

    ``r[0]`` does not count. Vectors lie in the last axis, and may be stacks.
    """
    c = _line("toeplitz", c)
    c, r, i, j = _edges(c, np.conjugate(c) if r is None else _line("toeplitz", r))
    line = np.concatenate([c[..., ::-1], r[..., 1:]], -1)
    return line[..., (c.shape[-1] - 1) - i + j]


@derived()
def hankel(c: Any, r: Any = None) -> Any:
    """The matrix whose anti-diagonals are constant, of its first column c and its last row r: by default zeros.

    ``r[0]`` does not count. Vectors lie in the last axis, and may be stacks.
    """
    c = _line("hankel", c)
    c, r, i, j = _edges(c, np.zeros_like(c) if r is None else _line("hankel", r))
    return np.concatenate([c, r[..., 1:]], -1)[..., i + j]


@derived()
def circulant(c: Any) -> Any:
    """The square matrix whose first column is c, each next one moved down by one place, round and round."""
    c = _line("circulant", c)
    n = np.arange(c.shape[-1])
    return c[..., (n[:, None] - n) % max(len(n), 1)]


@derived()
def companion(a: Any) -> Any:
    """The matrix whose eigenvalues are the roots of a polynomial, of its coefficients with the highest first."""
    (a,) = together(_line("companion", a))
    n = a.shape[-1] - 1
    if n < 1:
        raise ShapeError(f"companion takes two coefficients or more, got shape {a.shape}")
    first = np.expand_dims(-a[..., 1:] / a[..., :1], -2)
    return np.concatenate([first, np.broadcast_to(np.eye(n - 1, n, dtype=a.dtype), (*a.shape[:-1], n - 1, n))], -2)


@derived()
def block_diag(*arrs: Any) -> Any:
    """Matrices one after the other on the diagonal, zeros elsewhere; vectors and numbers count as one row.

    Leading axes are those of a stack, and broadcast together.
    """
    blocks = [_array(x) for x in arrs] or [np.zeros((1, 0), np.float64)]
    blocks = [np.reshape(x, (1,) * (2 - x.ndim) + x.shape) if x.ndim < 2 else x for x in blocks]
    batch = np.broadcast_shapes(*[x.shape[:-2] for x in blocks])
    columns = sum(x.shape[-1] for x in blocks)
    rows, before = [], 0
    for x in blocks:
        m, n = x.shape[-2:]
        sides = [np.zeros((*batch, m, k), x.dtype) for k in (before, columns - before - n)]
        rows.append(np.concatenate([sides[0], np.broadcast_to(x, (*batch, m, n)), sides[1]], -1))
        before += n
    return np.concatenate(rows, -2)


@derived()
def khatri_rao(a: Any, b: Any) -> Any:
    """The Kronecker products of the columns of a with those of b, side by side. Raises ``ShapeError``."""
    (m, n), (k, other) = np.shape(a)[-2:] or (0, 0), np.shape(b)[-2:] or (0, 1)
    if n != other:
        raise ShapeError(f"khatri_rao takes matrices with as many columns, got shapes {np.shape(a)} and {np.shape(b)}")
    z = np.expand_dims(a, -2) * np.expand_dims(b, -3)
    return np.reshape(z, (*z.shape[:-3], m * k, n))


# -- solved by them -----------------------------------------------------------------------------


@numpy_function
def banded_solution(ab: Any, b: Any, lower: int, upper: int) -> Any:
    """The x with a @ x = b, by SciPy, for each of a stack; ``b`` holds columns."""
    dtype = np.result_type(ab, b, np.float32)
    batch = np.broadcast_shapes(ab.shape[:-2], b.shape[:-2])
    ab, b = (np.broadcast_to(x, (*batch, *x.shape[-2:])) for x in (ab, b))
    z = np.empty(b.shape, dtype)
    for at in np.ndindex(batch):
        z[at] = importlib.import_module("scipy.linalg").solve_banded((lower, upper), ab[at], b[at], check_finite=False)
    return z


def _bands(rows: int, columns: int, upper: int) -> tuple[Any, Any]:
    """For each element of ab the row of the matrix that it is in, and whether there is one."""
    i = np.arange(rows)[:, None] + np.arange(columns) - upper
    inside = (i >= 0) & (i < columns)
    return np.where(inside, i, 0), inside


def _transposed_bands(ab: Any, upper: int) -> Any:
    """The bands of the transposed matrix: the diagonals in reverse, each moved to its new columns."""
    rows, columns = ab.shape[-2:]
    lower = rows - 1 - upper
    i, inside = _bands(rows, columns, lower)
    turned = ab[..., ::-1, :]
    return np.where(inside, turned[..., np.arange(rows)[:, None], i], 0)


def _of_bands(w: Any, x: Any, upper: int, ab_shape: tuple[int, ...]) -> Any:
    """The elements of w @ x.T that are in the bands."""
    rows, columns = ab_shape[-2:]
    i, inside = _bands(rows, columns, upper)
    products = np.sum(w[..., i, :] * np.expand_dims(x, -3), -1)
    return np.where(inside, products, 0)


banded: Primitive = primitive(
    banded_solution,
    lambda g, z, ab, lower, upper, ab_shape: -_of_bands(
        banded(_transposed_bands(ab, upper), g, upper, lower), z, upper, ab_shape
    ),
    lambda g, ab, lower, upper: banded(_transposed_bands(ab, upper), g, upper, lower),
    name="banded", holomorphic=True,
    doc="x with a @ x = b for a banded a, given by its diagonals. Needs SciPy.",
)


@derived()
def solve_banded(l_and_u: tuple[int, int], ab: Any, b: Any) -> Any:
    """x with a @ x = b for a matrix with l diagonals below the main one and u above: ``ab[u + i - j, j]`` is a[i, j].

    ``b`` is a vector if it has one axis, else matrices of columns; both may be stacks. Elements of ab that lie outside
    of a do not count. Takes time linear in the size of a. Needs SciPy. Raises ``ShapeError``, and ``LinAlgError`` for
    a singular a.
    """
    lower, upper = l_and_u
    ab, b = together(ab, b)
    vector = b.ndim == 1
    if ab.ndim < 2 or ab.shape[-2] != lower + upper + 1 or b.ndim < 1 or b.shape[-1 if vector else -2] != ab.shape[-1]:
        raise ShapeError(
            f"solve_banded with l = {lower} and u = {upper} takes ab of {lower + upper + 1} rows, and b with as many "
            f"rows as ab has columns, got shapes {ab.shape} and {b.shape}"
        )
    x = banded(ab, np.expand_dims(b, -1) if vector else b, lower, upper)
    return x[..., 0] if vector else x


@derived()
def solveh_banded(ab: Any, b: Any, lower: bool = False) -> Any:
    """x with a @ x = b for a symmetric (Hermitian) a, given by its main diagonal and those above, or below.

    As ``solve_banded`` does it: the matrix need not be positive definite. Gradients go to the diagonals that are given.
    """
    (ab,) = together(ab)
    half = ab[..., ::-1, :] if lower else ab
    u = ab.shape[-2] - 1
    if lower:  # half[u - d, j] is a[j + d, j], which belongs above the diagonal at column j + d
        given_below = ab
        above = np.conjugate(_transposed_bands(np.concatenate([np.zeros_like(ab[..., 1:, :]), ab], -2), u))
        full = np.concatenate([above[..., :u, :], given_below], -2)
    else:
        below = np.conjugate(_transposed_bands(np.concatenate([half, np.zeros_like(ab[..., 1:, :])], -2), u))
        full = np.concatenate([half, below[..., u + 1 :, :]], -2)
    return solve_banded((u, u), full, b)


@derived()
def solve_toeplitz(c_or_cr: Any, b: Any) -> Any:
    """x with ``toeplitz(c, r) @ x = b``, of a column c or a pair ``(c, r)``: by elimination, with pivots.

    ``b`` is a vector if it has one axis, else matrices of columns. Raises ``LinAlgError`` for a singular matrix.
    """
    c, r = c_or_cr if isinstance(c_or_cr, tuple) else (c_or_cr, None)
    return solve(*together(toeplitz(c, r), b))


@derived()
def solve_circulant(c: Any, b: Any) -> Any:
    """x with ``circulant(c) @ x = b`` for vectors, or b of columns, by Fourier transforms: real for real c and b.

    A c whose transform has a 0 stands for a singular matrix, and x is inf or NaN.
    """
    c, b = _line("solve_circulant", c), _line("solve_circulant", b)
    vector = b.ndim == 1
    x = ifft(fft(b if vector else transposed(b)) / (fft(c) if vector else np.expand_dims(fft(c), -2)))
    x = x if np.iscomplexobj(c) or np.iscomplexobj(b) else np.real(x)
    return x if vector else transposed(x)
