"""Eigenvalues and eigenvectors of the matrices in the last two axes."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from minigrad.core.conversion import detached
from minigrad.core.members import anywhere
from minigrad.core.primitive import primitive
from minigrad.core.reachability import PACKED
from minigrad.core.table import derived
from minigrad.errors import HyperparameterError
from minigrad.ops.along import given
from minigrad.ops.decompositions import diagonal_matrix, packed
from minigrad.ops.equal_values import of_pairs, pairs, parts, per_gap, per_phase, rounding, shared, used
from minigrad.ops.linalg import adjoint, conjugated, pseudo_inverse, side, symmetric_part, transposed
from minigrad.ops.substitution import lower_triangle
from minigrad.support.user_warnings import warn

__all__ = ["eig", "eigh", "eigvals", "eigvalsh", "pinv"]

# -- eigenvalues of symmetric matrices ----------------------------------------------------------


def _packed_eigh(a: Any, UPLO: Any = "L") -> Any:
    # Which triangle LAPACK reads decides the signs of the vectors.
    return packed(a.shape[:-2], *np.linalg.eigh(symmetric_part(a), UPLO))


def _from_eigh(g: Any, z: Any, n: int, reached: Any) -> Any:
    """The vectors turn by V.T @ da @ V / (difference of their values), the values change by its diagonal."""
    w, v = parts(z, (n,), (n, n))
    g_w, g_v = parts(conjugated(g), (n,), (n, n))
    if np.iscomplexobj(z):
        w, g_w = np.real(w), np.real(g_w)
    turning = adjoint(v) @ g_v
    turning = per_phase((turning - adjoint(turning)) / 2, g_v)
    inner = per_gap(turning, pairs(-w, w), w, lambda: _used_pairs(reached, z, n))
    return conjugated(symmetric_part(v @ (inner + diagonal_matrix(shared(g_w, w))) @ adjoint(v)))


def _used_pairs(reached: Any, z: Any, n: int) -> Any:
    """A mask of the pairs of eigenvectors of which at least one was used."""
    vectors = used(reached, z, (n,), (n, n))[1]
    return True if vectors is True else of_pairs(vectors.any(-2))


packed_eigh = primitive(
    _packed_eigh, lambda g, z, a_shape, reached=None: _from_eigh(g, z, a_shape[-1], reached),
    name="packed_eigh", holomorphic=True, flow=PACKED,
    doc="The eigenvalues, then the eigenvectors, of the symmetric part of each matrix, packed along the last axis.",
)


class EighResult(NamedTuple):
    """Eigenvalues in ascending order, and their vectors as columns."""

    eigenvalues: Any
    eigenvectors: Any


@derived(np.linalg.eigh)
def eigh(a: Any, UPLO: str | None = None) -> EighResult:
    """``EighResult(eigenvalues, eigenvectors)`` of symmetric matrices.

    With ``UPLO`` "L" or "U" one triangle is read, as in NumPy, and has all of the gradient; without it both
    count evenly, and the gradient is symmetric. For symmetric a the values are the same. Where eigenvalues are
    equal they share the gradient evenly, and what was computed from their vectors has the gradient NaN, with a
    warning: write ``expm``, ``sqrtm`` or ``polar``, which are exact there.
    """
    n = side("eigh", a)
    if UPLO is not None:
        a = one_triangle(a, UPLO)
    w, v = parts(packed_eigh(a, UPLO or "L"), (n,), (n, n))
    return EighResult(np.real(w) if np.iscomplexobj(w) else w, v)


def one_triangle(a: Any, side: str) -> Any:
    """The symmetric matrix that has this triangle."""
    if side not in ("L", "U", "l", "u"):
        raise HyperparameterError(f"UPLO says which triangle is read, 'L' or 'U', got {side!r}")
    a = a if side in "Ll" else transposed(a)
    if not np.iscomplexobj(a):
        return lower_triangle(a) + transposed(lower_triangle(a, -1))
    # The other triangle is its conjugate, and what is imaginary on the diagonal does not count.
    below = lower_triangle(a, -1)
    whole = below + np.conjugate(transposed(below)) + diagonal_matrix(np.real(np.diagonal(a, 0, -2, -1)))
    return whole if side in "Ll" else transposed(whole)


@derived(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: str | None = None) -> Any:
    """The eigenvalues of symmetric matrices in ascending order; ``UPLO`` as in ``eigh``."""
    return eigh(a, UPLO).eigenvalues


@derived(np.linalg.pinv)
def pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = ...) -> Any:
    """The pseudo-inverse; singular values up to ``rcond`` (or ``rtol``) times the largest count as 0.

    The gradient is that along matrices of the same rank: from one rank to another a pseudo-inverse jumps. With
    ``hermitian`` the lower triangle of symmetric matrices is read, as by ``eigh``.

    >>> mg.linalg.pinv(mg.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5 , 0.  ],
            [0.  , 0.25]])
    """
    return pseudo_inverse(one_triangle(given(a), "L") if hermitian else a, rcond, rtol=rtol)


# -- eigenvalues of any square matrix -----------------------------------------------------------


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
        return np.linalg.solve(transposed(v), (inner + diagonal_matrix(shared(g_w, w))) @ transposed(v))
    # Too few vectors: what all values have in common is a multiple of the identity, and of the rest nothing is known.
    common = np.broadcast_to(np.sum(g_w, -1, keepdims=True) / n, g_w.shape)
    rest = inner + diagonal_matrix(g_w - common)
    unknown = lost & (np.max(np.abs(detached(rest)), (-2, -1), keepdims=True) > rounding(g_w)[..., None])
    if anywhere(unknown):
        warn(
            "too few eigenvectors encountered: the eigenvalues of such a matrix move like a root, so the gradient of "
            "eig is NaN",
            RuntimeWarning,
        )
    safe = np.where(lost, np.eye(n, dtype=plain.dtype), v)
    spanned = np.linalg.solve(transposed(safe), (inner + diagonal_matrix(shared(g_w - common, w))) @ transposed(safe))
    return diagonal_matrix(common) + spanned * np.where(unknown, math.nan, 1)


packed_eig = primitive(
    lambda a: packed(a.shape[:-2], *np.linalg.eig(a)),
    lambda g, z, a_shape, reached=None: _from_eig(g, z, a_shape[-1], reached),
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
