"""Matrices as products: Cholesky, QR, eigenvalues, singular values.

An op has one output. A decomposition has several, so its op returns them *packed*, flattened one after the other
along the last axis, and a function in front of it takes them apart.

Vectors are determined up to a sign (a factor of absolute value 1 if they are complex), so only what does not depend
on it has a gradient that means something. Where eigenvalues or singular values are equal, to rounding, their vectors
are any of a whole space: what was computed from them has the gradient NaN there (``minigrad.ops.equal_values`` says
why). The values alone have one, which equal values share evenly.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from minigrad.core.conversion import detached
from minigrad.core.members import anywhere
from minigrad.core.primitive import primitive
from minigrad.core.reachability import PACKED
from minigrad.core.table import derived
from minigrad.errors import UnsupportedError
from minigrad.ops.equal_values import of_pairs, on_diagonal, pairs, parts, per_gap, per_phase, rounding, shared, used
from minigrad.ops.linalg import adjoint, conjugated, sides, symmetric_part, transposed
from minigrad.ops.substitution import lower_triangle, substituted
from minigrad.support.user_warnings import warn

__all__ = ["cholesky", "qr", "svd", "svdvals"]

Shape = tuple[int, ...]


def packed(batch: Shape, *parts: Any) -> Any:
    """Arrays of one batch shape, each matrix flattened, one after the other in the last axis."""
    flat = [part.reshape(*batch, math.prod(part.shape[len(batch) :])) for part in parts]
    return np.concatenate(flat, -1)


def diagonal_matrix(values: Any) -> Any:
    """Square matrices with these values on the diagonal."""
    return np.where(on_diagonal(values.shape[-1]), values[..., None, :], 0)


# -- Cholesky -----------------------------------------------------------------------------------


def _from_factor(g: Any, factor: Any) -> Any:
    """Murray, Differentiation of the Cholesky decomposition, 2016; the gradient for a lower factor."""
    upper = adjoint(factor)
    inner = lower_triangle(upper @ conjugated(g))
    halved = (inner + lower_triangle(inner, -1)) / 2  # of a square, an element on the diagonal counts half
    left = substituted(upper, halved, False)
    return conjugated(symmetric_part(adjoint(substituted(upper, adjoint(left), False))))


cholesky = primitive(
    lambda a, *, upper=False: np.linalg.cholesky(symmetric_part(a), upper=upper),
    lambda g, z, upper: _from_factor(transposed(conjugated(g)), adjoint(z)) if upper else _from_factor(g, z),
    name="cholesky", numpy=(np.linalg.cholesky,), holomorphic=True,
    doc="The lower triangular L with L @ L.T equal to the symmetric part of a, or with ``upper`` its adjoint: NumPy "
    "reads one triangle of a, here both count evenly, so the gradient is symmetric. Raises NumPy's ``LinAlgError`` "
    "unless a is positive definite.",
)


# -- QR -----------------------------------------------------------------------------------------


def _from_qr(g: Any, z: Any, a_shape: Shape) -> Any:
    """Walter and Lehmann, On evaluating higher-order derivatives of the QR decomposition, 2010."""
    m, n = a_shape[-2:]
    k = min(m, n)
    q, r = parts(z, (m, k), (k, n))
    g_q, g_r = parts(conjugated(g), (m, k), (k, n))
    if m >= n:
        return conjugated(_from_tall_qr(g_q, g_r, q, r))
    # The first columns alone determine q; its adjoint takes the others to their columns of r.
    others = g_r[..., k:]
    first = _from_tall_qr(g_q + q @ (r[..., k:] @ adjoint(others)), g_r[..., :k], q, r[..., :k])
    return conjugated(np.concatenate([first, q @ others], -1))


def _from_tall_qr(g_q: Any, g_r: Any, q: Any, r: Any) -> Any:
    inner = lower_triangle(r @ adjoint(g_r) - adjoint(g_q) @ q)
    if np.iscomplexobj(inner):  # the diagonal of r is real
        inner = np.where(on_diagonal(inner.shape[-1]), np.real(inner), inner)
    inner = inner + adjoint(lower_triangle(inner, -1))
    slope = adjoint(g_q + q @ inner)
    plain = detached(r)
    sizes, beyond = np.sqrt(np.sum(np.abs(plain) ** 2, -2)), np.abs(np.diagonal(plain, 0, -2, -1))
    short = beyond <= np.finfo(plain.dtype).eps ** 0.75 * sizes
    if not anywhere(short):
        return adjoint(substituted(r, slope, False))
    dependent = np.any(short, -1)[..., None, None]
    warn(
        "dependent columns encountered: of Q, which has a column for each, some are arbitrary, so the gradient of qr "
        "is NaN",
        RuntimeWarning,
    )
    safe = np.where(dependent, np.eye(plain.shape[-1], dtype=plain.dtype), r)
    return adjoint(substituted(safe, slope, False)) * np.where(dependent, math.nan, 1)


packed_qr = primitive(
    lambda a: packed(a.shape[:-2], *np.linalg.qr(a)), lambda g, z, a_shape: _from_qr(g, z, a_shape),
    name="packed_qr", holomorphic=True, doc="The Q and the R of each matrix, packed along the last axis; see ``qr``.",
)


class QRResult(NamedTuple):
    """Orthonormal columns and an upper triangular matrix."""

    Q: Any
    R: Any


@derived(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    """``QRResult(Q, R)`` with a = Q @ R, for matrices whose first columns are independent.

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


# -- singular values ----------------------------------------------------------------------------


def _from_svd(g: Any, z: Any, a_shape: Shape, reached: Any) -> Any:
    """Townsend, Differentiating the singular value decomposition, 2016.

    Vectors on both sides that turn alike do so by the gap of their values, against each other by the sum.
    """
    m, n = a_shape[-2:]
    k = min(m, n)
    shapes = ((m, k), (k,), (k, n))
    u, s, vh = parts(z, *shapes)
    g_u, g_s, g_vh = parts(conjugated(g), *shapes)
    if np.iscomplexobj(z):
        s, g_s = np.real(s), np.real(g_s)

    def vectors() -> Any:
        left, _, right = used(reached, z, *shapes)
        return np.ones(s.shape, bool) if left is True else left.any(-2) | right.any(-1)

    turned_u, turned_v = adjoint(u) @ g_u, vh @ adjoint(g_vh)
    of_u, of_v = turned_u - adjoint(turned_u), turned_v - adjoint(turned_v)
    alike = per_gap(per_phase((of_u + of_v) / 2, g_u, g_vh), pairs(-s, s), s, lambda: of_pairs(vectors()))
    against = per_gap((of_u - of_v) / 2, pairs(s, s), s, lambda: of_pairs(vectors()))
    if np.iscomplexobj(z):  # the phases of a left and a right vector together are those of the matrix
        turn = np.diagonal(of_u - of_v, 0, -2, -1)[..., None, :] / 4
        turn = per_gap(turn, s[..., None, :], s, lambda: vectors()[..., None, :])
        against = against + diagonal_matrix(turn[..., 0, :])
    none = detached(s) <= rounding(s)  # values that are 0 have a kink, and 0 is the smallest subgradient
    slope = u @ (alike + against + diagonal_matrix(np.where(none, 0, shared(g_s, s)))) @ vh
    # A vector may turn out of the space of all of them, where that is not the whole space.
    if m > k:
        slope = slope + per_gap(g_u - u @ turned_u, s[..., None, :], s, lambda: vectors()[..., None, :]) @ vh
    if n > k:
        beyond = g_vh - adjoint(turned_v) @ vh
        slope = slope + u @ per_gap(beyond, s[..., :, None], s, lambda: vectors()[..., :, None])
    return conjugated(slope)


packed_svd = primitive(
    lambda a: packed(a.shape[:-2], *np.linalg.svd(a, full_matrices=False)),
    lambda g, z, a_shape, reached=None: _from_svd(g, z, a_shape, reached),
    name="packed_svd", holomorphic=True, flow=PACKED,
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
