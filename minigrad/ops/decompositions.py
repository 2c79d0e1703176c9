"""Matrices as products: Cholesky, QR, eigenvalues, singular values.

An op has one output. A decomposition has several, so its op returns them *packed*, flattened one after the other
along the last axis, and a function in front of it takes them apart.

Vectors are determined up to a sign (a factor of absolute value 1 if they are complex), so only what does not depend
on it has a gradient that means something. Where eigenvalues or singular values are equal, to rounding, their vectors
are any of a whole space: what was computed from them has the gradient NaN there (``minigrad.ops.equal_values`` says
why). The values alone have one, of which equal ones share evenly.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from minigrad.core.conversion import detached
from minigrad.core.primitive import primitive
from minigrad.core.reachability import PACKED
from minigrad.core.table import derived
from minigrad.core.user_warnings import warn
from minigrad.errors import HyperparameterError, ShapeError, UnsupportedError
from minigrad.ops.along import anywhere
from minigrad.ops.equal_values import of_pairs, on_diagonal, pairs, parts, per_gap, rounding, shared, used
from minigrad.ops.linalg import side, sides, symmetric_part, transposed

__all__ = ["cholesky", "eig", "eigh", "eigvals", "eigvalsh", "qr", "svd", "svdvals"]

Shape = tuple[int, ...]


def _packed(batch: Shape, *parts: Any) -> Any:
    """Arrays of one batch shape, each matrix flattened, one after the other in the last axis."""
    flat = [part.reshape(*batch, math.prod(part.shape[len(batch) :])) for part in parts]
    return np.concatenate(flat, -1)


def _diagonal(values: Any) -> Any:
    """Square matrices with these values on the diagonal."""
    return np.where(on_diagonal(values.shape[-1]), values[..., None, :], 0)


def _lower(a: Any, k: int = 0) -> Any:
    """The elements on and below a diagonal, zeros above."""
    return np.where(np.tri(a.shape[-2], a.shape[-1], k, dtype=bool), a, 0)


# -- Cholesky -----------------------------------------------------------------------------------


def _cholesky(a: Any, *, upper: bool = False) -> Any:
    return np.linalg.cholesky(symmetric_part(a), upper=upper)


def _from_factor(g: Any, factor: Any) -> Any:
    """Murray, Differentiation of the Cholesky decomposition, 2016; the gradient for a lower factor."""
    inner = _lower(transposed(factor) @ g)
    halved = (inner + _lower(inner, -1)) / 2  # of a square, an element on the diagonal counts half
    left = np.linalg.solve(transposed(factor), halved)
    return symmetric_part(transposed(np.linalg.solve(transposed(factor), transposed(left))))


cholesky = primitive(
    _cholesky,
    lambda g, z, upper: _from_factor(transposed(g), transposed(z)) if upper else _from_factor(g, z),
    numpy=(np.linalg.cholesky,),
    doc="The lower triangular L with L @ L.T equal to the symmetric part of a, or with ``upper`` L.T: NumPy reads one "
    "triangle of a, here both count evenly, so the gradient is symmetric. Raises NumPy's ``LinAlgError`` unless a is "
    "positive definite.",
)


# -- QR -----------------------------------------------------------------------------------------


def _packed_qr(a: Any) -> Any:
    return _packed(a.shape[:-2], *np.linalg.qr(a))


def _from_qr(g: Any, z: Any, a_shape: Shape) -> Any:
    """Walter and Lehmann, On evaluating higher-order derivatives of the QR decomposition, 2010."""
    m, n = a_shape[-2:]
    k = min(m, n)
    q, r = parts(z, (m, k), (k, n))
    g_q, g_r = parts(g, (m, k), (k, n))
    if m >= n:
        return _from_tall_qr(g_q, g_r, q, r)
    # The first columns alone determine q; q.T takes the others to their columns of r.
    others = g_r[..., k:]
    first = _from_tall_qr(g_q + q @ (r[..., k:] @ transposed(others)), g_r[..., :k], q, r[..., :k])
    return np.concatenate([first, q @ others], -1)


def _from_tall_qr(g_q: Any, g_r: Any, q: Any, r: Any) -> Any:
    inner = _lower(r @ transposed(g_r) - transposed(g_q) @ q)
    inner = inner + transposed(_lower(inner, -1))
    slope = transposed(g_q + q @ inner)
    plain = detached(r)
    sizes, beyond = np.sqrt(np.sum(plain * plain, -2)), np.abs(np.diagonal(plain, 0, -2, -1))
    short = beyond <= np.finfo(plain.dtype).eps ** 0.75 * sizes
    if not anywhere(short):
        return transposed(np.linalg.solve(r, slope))
    dependent = np.any(short, -1)[..., None, None]
    warn(
        "dependent columns encountered: of Q, which has a column for each, some are arbitrary, so the gradient of qr "
        "is NaN",
        RuntimeWarning,
    )
    safe = np.where(dependent, np.eye(plain.shape[-1], dtype=plain.dtype), r)
    return transposed(np.linalg.solve(safe, slope)) * np.where(dependent, math.nan, 1)


packed_qr = primitive(
    _packed_qr, lambda g, z, a_shape: _from_qr(g, z, a_shape),
    name="packed_qr", doc="The Q and the R of each matrix, packed along the last axis; see ``qr``.",
)


class QRResult(NamedTuple):
    """Orthonormal columns and an upper triangular matrix."""

    Q: Any
    R: Any


@derived(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    """``QRResult(Q, R)`` with a = Q @ R, for matrices of which the first columns are independent.

    ``mode`` is "reduced", "r" (R alone), or "complete" unless a has more rows than columns: the columns
    that Q would have beyond those of a are any that are orthogonal, without a derivative. Where the
    first columns are dependent, to rounding, the gradient is NaN, with a warning.
    """
    m, n = sides("qr", a)
    if mode not in ("reduced", "r", "complete"):
        raise UnsupportedError(f"qr with mode={mode!r} has no gradient formula: write mode='reduced' or mode='r'")
    if mode == "complete" and m > n:
        raise UnsupportedError(
            f"qr with mode='complete' of {m} rows and {n} columns: the last {m - n} columns of Q are arbitrary, so "
            "they have no gradient; write mode='reduced'"
        )
    q, r = parts(packed_qr(a), (m, min(m, n)), (min(m, n), n))
    return r if mode == "r" else QRResult(q, r)


# -- eigenvalues of symmetric matrices ----------------------------------------------------------


def _packed_eigh(a: Any, UPLO: Any = "L") -> Any:  # noqa: N803 - NumPy's name
    # Which triangle LAPACK reads decides the signs of the vectors.
    return _packed(a.shape[:-2], *np.linalg.eigh(symmetric_part(a), UPLO))


def _from_eigh(g: Any, z: Any, n: int, reached: Any) -> Any:
    """The vectors turn by V.T @ da @ V / (difference of their values), the values change by its diagonal."""
    w, v = parts(z, (n,), (n, n))
    g_w, g_v = parts(g, (n,), (n, n))
    turning = transposed(v) @ g_v
    inner = per_gap((turning - transposed(turning)) / 2, pairs(-w, w), w, lambda: _used_pairs(reached, z, n))
    return symmetric_part(v @ (inner + _diagonal(shared(g_w, w))) @ transposed(v))


def _used_pairs(reached: Any, z: Any, n: int) -> Any:
    """Of which pairs of eigenvectors one was used."""
    vectors = used(reached, z, (n,), (n, n))[1]
    return True if vectors is True else of_pairs(vectors.any(-2))


packed_eigh = primitive(
    _packed_eigh, lambda g, z, a_shape, reached=None: _from_eigh(g, z, a_shape[-1], reached),
    name="packed_eigh", flow=PACKED,
    doc="The eigenvalues, then the eigenvectors, of the symmetric part of each matrix, packed along the last axis.",
)


class EighResult(NamedTuple):
    """Eigenvalues in ascending order, and their vectors as columns."""

    eigenvalues: Any
    eigenvectors: Any


@derived(np.linalg.eigh)
def eigh(a: Any, UPLO: str | None = None) -> EighResult:  # noqa: N803 - NumPy's name
    """``EighResult(eigenvalues, eigenvectors)`` of symmetric matrices.

    With ``UPLO`` "L" or "U" one triangle is read, as in NumPy, and has all of the gradient; without it both
    count evenly, and the gradient is symmetric. For symmetric a the values are the same. Where eigenvalues are
    equal they share the gradient evenly, and what was computed from their vectors has the gradient NaN, with a
    warning: write ``expm``, ``sqrtm`` or ``polar``, which are exact there.
    """
    n = side("eigh", a)
    if UPLO is not None:
        a = _one_triangle(a, UPLO)
    w, v = parts(packed_eigh(a, UPLO or "L"), (n,), (n, n))
    return EighResult(np.real(w) if np.iscomplexobj(w) else w, v)


def _one_triangle(a: Any, side: str) -> Any:
    """The symmetric matrix that has this triangle."""
    if side not in ("L", "U", "l", "u"):
        raise HyperparameterError(f"UPLO says which triangle is read, 'L' or 'U', got {side!r}")
    a = a if side in "Ll" else transposed(a)
    if not np.iscomplexobj(a):
        return _lower(a) + transposed(_lower(a, -1))
    below = _lower(a, -1)  # the other triangle is its conjugate, and what is imaginary on the diagonal does not count
    whole = below + np.conjugate(transposed(below)) + _diagonal(np.real(np.diagonal(a, 0, -2, -1)))
    return whole if side in "Ll" else transposed(whole)


@derived(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: str | None = None) -> Any:  # noqa: N803 - NumPy's name
    """The eigenvalues of symmetric matrices in ascending order; ``UPLO`` as in ``eigh``."""
    return eigh(a, UPLO).eigenvalues


# -- eigenvalues of any square matrix -----------------------------------------------------------


def _packed_eig(a: Any) -> Any:
    return _packed(a.shape[:-2], *np.linalg.eig(a))


def _from_eig(g: Any, z: Any, n: int, reached: Any) -> Any:
    """As for symmetric matrices, with the inverse of V for its transpose; a vector keeps its length 1."""
    w, v = parts(z, (n,), (n, n))
    g_w, g_v = parts(g, (n,), (n, n))
    g_v = g_v - np.conjugate(v) * np.real(np.sum(g_v * v, -2, keepdims=True))
    turning = transposed(v) @ g_v
    inner = per_gap(turning, pairs(-w, w), w, lambda: _used_pairs(reached, z, n))
    plain = detached(v)
    lost = np.linalg.svd(plain, compute_uv=False)[..., -1:, None] <= np.finfo(plain.dtype).eps ** 0.75
    if not anywhere(lost):
        return np.linalg.solve(transposed(v), (inner + _diagonal(shared(g_w, w))) @ transposed(v))
    # Too few vectors: what all values have in common is a multiple of the identity, and of the rest nothing is known.
    common = np.broadcast_to(np.sum(g_w, -1, keepdims=True) / n, g_w.shape)
    rest = inner + _diagonal(g_w - common)
    unknown = lost & (np.max(np.abs(detached(rest)), (-2, -1), keepdims=True) > rounding(g_w)[..., None])
    if np.any(unknown):
        warn(
            "too few eigenvectors encountered: the eigenvalues of such a matrix move like a root, so the gradient of "
            "eig is NaN",
            RuntimeWarning,
        )
    safe = np.where(lost, np.eye(n, dtype=plain.dtype), v)
    spanned = np.linalg.solve(transposed(safe), (inner + _diagonal(shared(g_w - common, w))) @ transposed(safe))
    return _diagonal(common) + spanned * np.where(unknown, math.nan, 1)


packed_eig = primitive(
    _packed_eig, lambda g, z, a_shape, reached=None: _from_eig(g, z, a_shape[-1], reached),
    name="packed_eig", holomorphic=True, flow=PACKED,
    doc="The eigenvalues, then the eigenvectors, of each square matrix, packed along the last axis.",
)


class EigResult(NamedTuple):
    """Eigenvalues in no order, and their vectors as columns."""

    eigenvalues: Any
    eigenvectors: Any


@derived(np.linalg.eig)
def eig(a: Any) -> EigResult:
    """``EigResult(eigenvalues, eigenvectors)`` of square matrices: complex, unless all eigenvalues are real.

    Vectors have the length 1, and any factor of absolute value 1. For equal eigenvalues see ``eigh``; of a matrix
    with too few eigenvectors the gradient is NaN, with a warning.
    """
    n = side("eig", a)
    return EigResult(*parts(packed_eig(a), (n,), (n, n)))


@derived(np.linalg.eigvals)
def eigvals(a: Any) -> Any:
    """The eigenvalues of square matrices, complex unless all are real; see ``eig``."""
    return eig(a).eigenvalues


# -- singular values ----------------------------------------------------------------------------


def _packed_svd(a: Any) -> Any:
    return _packed(a.shape[:-2], *np.linalg.svd(a, full_matrices=False))


def _from_svd(g: Any, z: Any, a_shape: Shape, reached: Any) -> Any:
    """Townsend, Differentiating the singular value decomposition, 2016.

    Vectors on both sides that turn alike do so by the gap of their values, against each other by the sum.
    """
    m, n = a_shape[-2:]
    k = min(m, n)
    shapes = ((m, k), (k,), (k, n))
    u, s, vh = parts(z, *shapes)
    g_u, g_s, g_vh = parts(g, *shapes)

    def vectors() -> Any:
        left, _, right = used(reached, z, *shapes)
        return np.ones(s.shape, bool) if left is True else left.any(-2) | right.any(-1)

    turned_u, turned_v = transposed(u) @ g_u, vh @ transposed(g_vh)
    of_u, of_v = turned_u - transposed(turned_u), turned_v - transposed(turned_v)
    alike = per_gap((of_u + of_v) / 2, pairs(-s, s), s, lambda: of_pairs(vectors()))
    against = per_gap((of_u - of_v) / 2, pairs(s, s), s, lambda: of_pairs(vectors()))
    none = detached(s) <= rounding(s)  # values that are 0 have a kink, and 0 is the smallest subgradient
    slope = u @ (alike + against + _diagonal(np.where(none, 0, shared(g_s, s)))) @ vh
    # A vector may turn out of the space of all of them, where that is not the whole space.
    if m > k:
        slope = slope + per_gap(g_u - u @ turned_u, s[..., None, :], s, lambda: vectors()[..., None, :]) @ vh
    if n > k:
        beyond = g_vh - transposed(turned_v) @ vh
        slope = slope + u @ per_gap(beyond, s[..., :, None], s, lambda: vectors()[..., :, None])
    return slope


packed_svd = primitive(
    _packed_svd, lambda g, z, a_shape, reached=None: _from_svd(g, z, a_shape, reached),
    name="packed_svd", flow=PACKED,
    doc="U, the singular values and Vh of each matrix, packed along the last axis; see ``svd``.",
)


class SVDResult(NamedTuple):
    """Orthonormal columns, singular values in descending order, orthonormal rows."""

    U: Any
    S: Any
    Vh: Any


@derived(np.linalg.svd)
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """``SVDResult(U, S, Vh)`` with a = (U * S) @ Vh; S alone without ``compute_uv``.

    ``full_matrices``, which NumPy has by default, is refused unless a is square: the vectors beyond the
    singular values are any that are orthogonal, without a derivative. Write ``svd(a, full_matrices=False)``. Without
    a gradient the answer is NumPy's, in plain arrays.
    """
    m, n = sides("svd", a)
    k = min(m, n)
    if compute_uv and full_matrices and m != n:
        if getattr(a, "_node", None) is None:
            return np.linalg.svd(detached(a))
        raise UnsupportedError(
            f"svd of {m} rows and {n} columns: beyond the first {k} the singular vectors are arbitrary, so they have "
            "no gradient; write svd(a, full_matrices=False)"
        )
    u, s, vh = parts(packed_svd(a), (m, k), (k,), (k, n))
    s = np.real(s) if np.iscomplexobj(s) else s
    return SVDResult(u, s, vh) if compute_uv else s


@derived(np.linalg.svdvals)
def svdvals(x: Any) -> Any:
    """The singular values of each matrix in descending order.

    Equal ones share the gradient evenly, and those that are 0, to rounding, have the gradient 0, the smallest
    subgradient.
    """
    return svd(x, compute_uv=False)
