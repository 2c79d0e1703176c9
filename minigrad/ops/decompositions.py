"""Matrices as products: Cholesky, QR, eigenvalues, singular values.

An op has one output. A decomposition has several, so its op returns them *packed*, flattened one after the other
along the last axis, and a function in front of it takes them apart.

Vectors are determined up to a sign (a factor of absolute value 1 if they are complex), so only what does not depend
on it has a gradient that means something. Where eigenvalues or singular values are equal, to rounding, their vectors
may turn into each other and have no derivative. That turning counts as 0 here, so gradients stay finite. Those of
functions of the values that treat equal ones alike, such as their sum, are right there; second ones leave it out.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from minigrad.arrays import detached
from minigrad.errors import HyperparameterError, ShapeError, UnsupportedError
from minigrad.ops.linalg import transposed
from minigrad.primitive import primitive
from minigrad.table import derived

__all__ = [
    "cholesky", "eig", "eigh", "eigvals", "eigvalsh", "packed_eig", "packed_eigh", "packed_qr", "packed_svd", "qr",
    "svd", "svdvals",
]  # fmt: skip

Shape = tuple[int, ...]


def _packed(batch: Shape, *parts: Any) -> Any:
    """Arrays of one batch shape, each matrix flattened, one after the other in the last axis."""
    flat = [part.reshape(*batch, math.prod(part.shape[len(batch) :])) for part in parts]
    return np.concatenate(flat, -1)


def _parts(z: Any, *shapes: Shape) -> list[Any]:
    """The arrays that were packed, of these shapes behind those of the batch."""
    parts, start = [], 0
    for shape in shapes:
        stop = start + math.prod(shape)
        parts.append(np.reshape(z[..., start:stop], (*z.shape[:-1], *shape)))
        start = stop
    return parts


def _by_gaps(numerator: Any, values: Any) -> Any:
    """Element i, j divided by ``values[j] - values[i]``; 0 where these are equal, to rounding."""
    gaps = values[..., None, :] - values[..., :, None]
    equal = np.abs(detached(gaps)) <= _rounding(values)[..., None]
    return np.where(equal, 0, numerator) / np.where(equal, 1, gaps)


def _rounding(values: Any) -> Any:
    """What the errors of eigenvalues or singular values may come to: plain numbers, along an axis of size 1."""
    sizes = np.abs(detached(values))
    return sizes.shape[-1] * np.finfo(sizes.dtype).eps * np.max(sizes, -1, keepdims=True, initial=0)


def _diagonal(values: Any) -> Any:
    """Square matrices with these values on the diagonal."""
    return np.where(np.eye(values.shape[-1], dtype=bool), values[..., None, :], 0)


def _even(a: Any) -> Any:
    """The symmetric (of complex numbers, Hermitian) part of each matrix."""
    return (a + np.conjugate(transposed(a))) / 2 if np.iscomplexobj(a) else (a + transposed(a)) / 2


def _lower(a: Any, k: int = 0) -> Any:
    """The elements on and below a diagonal, zeros above."""
    return np.where(np.tri(a.shape[-2], a.shape[-1], k, dtype=bool), a, 0)


def _sides(name: str, a: Any) -> Shape:
    """The sizes of the last two axes. Raises ``ShapeError`` where there are none."""
    shape: Shape = np.shape(a)
    if len(shape) < 2:
        raise ShapeError(f"{name} takes matrices in the last two axes, got shape {shape}")
    return shape[-2:]


def _size(name: str, a: Any) -> int:
    """The size of square matrices. Raises ``ShapeError`` for others."""
    m, n = _sides(name, a)
    if m != n:
        raise ShapeError(f"{name} takes square matrices in the last two axes, got shape {np.shape(a)}")
    return n


# -- Cholesky -----------------------------------------------------------------------------------


def _cholesky(a: Any, *, upper: bool = False) -> Any:
    return np.linalg.cholesky(_even(a), upper=upper)


def _from_factor(g: Any, factor: Any) -> Any:
    """Murray, Differentiation of the Cholesky decomposition, 2016; the gradient for a lower factor."""
    inner = _lower(transposed(factor) @ g)
    halved = (inner + _lower(inner, -1)) / 2  # of a square, an element on the diagonal counts half
    left = np.linalg.solve(transposed(factor), halved)
    return _even(transposed(np.linalg.solve(transposed(factor), transposed(left))))


cholesky = primitive(
    _cholesky,
    lambda g, z, upper: _from_factor(transposed(g), transposed(z)) if upper else _from_factor(g, z),
    numpy=(np.linalg.cholesky,),
    doc="The lower triangular L with L @ L.T equal to the symmetric part of a, or with ``upper`` L.T: NumPy reads one "
    "triangle of a, here both count evenly, so the gradient is symmetric. Raises NumPy's ``LinAlgError`` unless a is "
    "positive definite.",
)  # fmt: skip


# -- QR -----------------------------------------------------------------------------------------


def _packed_qr(a: Any) -> Any:
    return _packed(a.shape[:-2], *np.linalg.qr(a))


def _from_qr(g: Any, z: Any, a_shape: Shape) -> Any:
    """Walter and Lehmann, On evaluating higher-order derivatives of the QR decomposition, 2010."""
    m, n = a_shape[-2:]
    k = min(m, n)
    q, r = _parts(z, (m, k), (k, n))
    g_q, g_r = _parts(g, (m, k), (k, n))
    if m >= n:
        return _from_tall_qr(g_q, g_r, q, r)
    # The first columns alone determine q; q.T takes the others to their columns of r.
    others = g_r[..., k:]
    first = _from_tall_qr(g_q + q @ (r[..., k:] @ transposed(others)), g_r[..., :k], q, r[..., :k])
    return np.concatenate([first, q @ others], -1)


def _from_tall_qr(g_q: Any, g_r: Any, q: Any, r: Any) -> Any:
    inner = _lower(r @ transposed(g_r) - transposed(g_q) @ q)
    inner = inner + transposed(_lower(inner, -1))
    return transposed(np.linalg.solve(r, transposed(g_q + q @ inner)))


packed_qr = primitive(
    _packed_qr, lambda g, z, a_shape: _from_qr(g, z, a_shape),
    name="packed_qr", doc="The Q and the R of each matrix, packed along the last axis; see ``qr``.",
)  # fmt: skip


class QRResult(NamedTuple):
    """Orthonormal columns and an upper triangular matrix."""

    Q: Any
    R: Any


@derived(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    """``QRResult(Q, R)`` with a = Q @ R, for matrices of which the first columns are independent.

    ``mode`` is "reduced", "r" (R alone), or "complete" unless a has more rows than columns: the columns
    that Q would have beyond those of a are any that are orthogonal, without a derivative. Backward raises
    NumPy's ``LinAlgError`` where the first columns are dependent.
    """
    m, n = _sides("qr", a)
    if mode not in ("reduced", "r", "complete"):
        raise UnsupportedError(f"qr with mode={mode!r} has no gradient formula: write mode='reduced' or mode='r'")
    if mode == "complete" and m > n:
        raise UnsupportedError(
            f"qr with mode='complete' of {m} rows and {n} columns: the last {m - n} columns of Q are arbitrary, so "
            "they have no gradient; write mode='reduced'"
        )
    q, r = _parts(packed_qr(a), (m, min(m, n)), (min(m, n), n))
    return r if mode == "r" else QRResult(q, r)


# -- eigenvalues of symmetric matrices ----------------------------------------------------------


def _packed_eigh(a: Any) -> Any:
    return _packed(a.shape[:-2], *np.linalg.eigh(_even(a)))


def _from_eigh(g: Any, z: Any, n: int) -> Any:
    """The vectors turn by V.T @ da @ V / (difference of their values), the values change by its diagonal."""
    w, v = _parts(z, (n,), (n, n))
    g_w, g_v = _parts(g, (n,), (n, n))
    inner = _by_gaps(transposed(v) @ g_v, w) + _diagonal(g_w)
    return _even(v @ inner @ transposed(v))


packed_eigh = primitive(
    _packed_eigh, lambda g, z, a_shape: _from_eigh(g, z, a_shape[-1]),
    name="packed_eigh",
    doc="The eigenvalues, then the eigenvectors, of the symmetric part of each matrix, packed along the last axis.",
)  # fmt: skip


class EighResult(NamedTuple):
    """Eigenvalues in ascending order, and their vectors as columns."""

    eigenvalues: Any
    eigenvectors: Any


@derived(np.linalg.eigh)
def eigh(a: Any, UPLO: str | None = None) -> EighResult:  # noqa: N803 - NumPy's name
    """``EighResult(eigenvalues, eigenvectors)`` of symmetric matrices.

    With ``UPLO`` "L" or "U" one triangle is read, as in NumPy, and has all of the gradient; without it both
    count evenly, and the gradient is symmetric. For symmetric a the values are the same. Eigenvectors have no
    derivative where their eigenvalues are equal: what they would contribute is left out of the gradient.
    """
    n = _size("eigh", a)
    if UPLO is not None:
        a = _one_triangle(a, UPLO)
    w, v = _parts(packed_eigh(a), (n,), (n, n))
    return EighResult(np.real(w) if np.iscomplexobj(w) else w, v)


def _one_triangle(a: Any, side: str) -> Any:
    """The symmetric matrix that has this triangle."""
    if side not in ("L", "U", "l", "u"):
        raise HyperparameterError(f"UPLO says which triangle is read, 'L' or 'U', got {side!r}")
    a = a if side in "Ll" else transposed(a)
    return _lower(a) + transposed(_lower(a, -1))


@derived(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: str | None = None) -> Any:  # noqa: N803 - NumPy's name
    """The eigenvalues of symmetric matrices in ascending order; ``UPLO`` as in ``eigh``."""
    return eigh(a, UPLO).eigenvalues


# -- eigenvalues of any square matrix -----------------------------------------------------------


def _packed_eig(a: Any) -> Any:
    return _packed(a.shape[:-2], *np.linalg.eig(a))


def _from_eig(g: Any, z: Any, n: int) -> Any:
    """As for symmetric matrices, with the inverse of V for its transpose; a vector keeps its length 1."""
    w, v = _parts(z, (n,), (n, n))
    g_w, g_v = _parts(g, (n,), (n, n))
    g_v = g_v - np.conjugate(v) * np.real(np.sum(g_v * v, -2, keepdims=True))
    inner = _by_gaps(transposed(v) @ g_v, w) + _diagonal(g_w)
    return np.linalg.solve(transposed(v), inner @ transposed(v))


packed_eig = primitive(
    _packed_eig, lambda g, z, a_shape: _from_eig(g, z, a_shape[-1]),
    name="packed_eig", holomorphic=True,
    doc="The eigenvalues, then the eigenvectors, of each square matrix, packed along the last axis.",
)  # fmt: skip


class EigResult(NamedTuple):
    """Eigenvalues in no order, and their vectors as columns."""

    eigenvalues: Any
    eigenvectors: Any


@derived(np.linalg.eig)
def eig(a: Any) -> EigResult:
    """``EigResult(eigenvalues, eigenvectors)`` of square matrices: complex, unless all eigenvalues are real.

    Vectors have the length 1, and any factor of absolute value 1. Backward raises NumPy's ``LinAlgError`` for
    a matrix with too few eigenvectors.
    """
    n = _size("eig", a)
    return EigResult(*_parts(packed_eig(a), (n,), (n, n)))


@derived(np.linalg.eigvals)
def eigvals(a: Any) -> Any:
    """The eigenvalues of square matrices, complex unless all are real; see ``eig``."""
    return eig(a).eigenvalues


# -- singular values ----------------------------------------------------------------------------


def _packed_svd(a: Any) -> Any:
    return _packed(a.shape[:-2], *np.linalg.svd(a, full_matrices=False))


def _inverse(s: Any) -> Any:
    """1 / s, and 0 for a singular value that is 0 to rounding."""
    none = detached(s) <= _rounding(s)
    return np.where(none, 0, 1 / np.where(none, 1, s))


def _from_svd(g: Any, z: Any, a_shape: Shape) -> Any:
    """Townsend, Differentiating the singular value decomposition, 2016."""
    m, n = a_shape[-2:]
    k = min(m, n)
    u, s, vh = _parts(z, (m, k), (k,), (k, n))
    g_u, g_s, g_vh = _parts(g, (m, k), (k,), (k, n))
    turned_u, turned_v = transposed(u) @ g_u, vh @ transposed(g_vh)
    column, row = s[..., :, None], s[..., None, :]
    sums = np.where(column + row == 0, 1, column + row)  # times the gaps of s, those of its squares
    of_u = _by_gaps(turned_u - transposed(turned_u), s) / sums * row
    of_v = column * _by_gaps(turned_v - transposed(turned_v), s) / sums
    slope = u @ (of_u + of_v + _diagonal(g_s)) @ vh
    # A vector may turn out of the space of all of them, where that is not the whole space.
    if m > k:
        slope = slope + ((g_u - u @ turned_u) * _inverse(s)[..., None, :]) @ vh
    if n > k:
        slope = slope + (u * _inverse(s)[..., None, :]) @ (g_vh - transposed(turned_v) @ vh)
    return slope


packed_svd = primitive(
    _packed_svd, lambda g, z, a_shape: _from_svd(g, z, a_shape),
    name="packed_svd", doc="U, the singular values and Vh of each matrix, packed along the last axis; see ``svd``.",
)  # fmt: skip


class SVDResult(NamedTuple):
    """Orthonormal columns, singular values in descending order, orthonormal rows."""

    U: Any
    S: Any
    Vh: Any


@derived(np.linalg.svd)
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """``SVDResult(U, S, Vh)`` with a = (U * S) @ Vh; S alone without ``compute_uv``.

    ``full_matrices``, which NumPy has by default, is refused unless a is square: the vectors beyond the
    singular values are any that are orthogonal, without a derivative. Write ``svd(a, full_matrices=False)``.
    """
    m, n = _sides("svd", a)
    k = min(m, n)
    if compute_uv and full_matrices and m != n:
        raise UnsupportedError(
            f"svd of {m} rows and {n} columns: beyond the first {k} the singular vectors are arbitrary, so they have "
            "no gradient; write svd(a, full_matrices=False)"
        )
    u, s, vh = _parts(packed_svd(a), (m, k), (k,), (k, n))
    s = np.real(s) if np.iscomplexobj(s) else s
    return SVDResult(u, s, vh) if compute_uv else s


@derived(np.linalg.svdvals)
def svdvals(x: Any) -> Any:
    """The singular values of each matrix in descending order.

    Their gradient is right where they are distinct, and for a function that treats equal ones alike.
    """
    return svd(x, compute_uv=False)
