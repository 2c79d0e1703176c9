"""Triangular matrices, under the names of ``scipy.linalg``: systems by substitution, Cholesky factors, L and U.

f is L below the diagonal and U on and above it
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core.conversion import detached
from minigrad.core.primitive import primitive
from minigrad.core.table import derived
from minigrad.errors import ShapeError
from minigrad.kernels import triangular as kernels
from minigrad.ops.decompositions import cholesky
from minigrad.ops.linalg import side, sides, transposed
from minigrad.ops.substitution import lower_triangle, substituted

__all__ = ["cho_factor", "cho_solve", "lu", "solve_triangular"]

Shape = tuple[int, ...]


@derived()
def solve_triangular(
    a: Any, b: Any, trans: int | str = 0, lower: bool = False, unit_diagonal: bool = False
) -> Any:
    """x with a @ x = b for a triangular: upper, or with ``lower`` lower; its other elements do not count.

    ``trans`` 1 or "T" takes a.T, 2 or "C" the conjugate of that. With ``unit_diagonal`` the diagonal of a counts as
    ones. ``b`` is a vector if it has one axis, else matrices of columns; both may be stacks. Raises ``ShapeError``, and
    NumPy's ``LinAlgError`` for a singular a.
    """
    n = side("solve_triangular", a)
    vector = np.ndim(b) == 1
    if np.ndim(b) == 0 or np.shape(b)[-1 if vector else -2] != n:
        raise ShapeError(f"solve_triangular of a of shape {np.shape(a)} takes {n} rows of b, got shape {np.shape(b)}")
    if trans not in _TRANSPOSED:
        raise ValueError(f"trans is 0, 1, 2, 'N', 'T' or 'C', got {trans!r}")
    turned, conjugated = _TRANSPOSED[trans]
    a = np.conjugate(a) if conjugated else a
    a, lower = (transposed(a), not lower) if turned else (a, lower)
    x = substituted(a, np.expand_dims(b, -1) if vector else b, lower, unit_diagonal)
    return x[..., 0] if vector else x


#: Whether the matrix is transposed, and whether conjugated.
_TRANSPOSED: dict[int | str, tuple[bool, bool]] = {
    0: (False, False), "N": (False, False), 1: (True, False), "T": (True, False), 2: (True, True), "C": (True, True),
}


# -- Cholesky factors ---------------------------------------------------------------------------


@derived()
def cho_factor(a: Any, lower: bool = False) -> tuple[Any, bool]:
    """``(c, lower)`` for ``cho_solve``: the Cholesky factor of the symmetric part of a, upper unless ``lower``.

    SciPy leaves what it finds beyond the triangle; here there are zeros. Raises NumPy's ``LinAlgError`` unless a is
    positive definite.
    """
    return cholesky(a, upper=not lower), lower


@derived()
def cho_solve(c_and_lower: Any, b: Any) -> Any:
    """x with a @ x = b, by the ``(c, lower)`` that ``cho_factor(a)`` gave. ``b`` as in ``solve_triangular``."""
    c, lower = c_and_lower
    first, second = ("N", "C") if lower else ("C", "N")
    vector = np.ndim(b) == 1
    columns = np.expand_dims(b, -1) if vector else b
    x = solve_triangular(c, solve_triangular(c, columns, first, lower), second, lower)
    return x[..., 0] if vector else x


# -- elimination --------------------------------------------------------------------------------


def _from_eliminated(g: Any, z: Any) -> Any:
    """De Hoog, Anderssen and Lukas, Differentiation of matrix functionals using triangular factorization, 2011."""
    upper = transposed(lower_triangle(transposed(z)))
    below = lower_triangle(z, -1)
    of_l, of_u = lower_triangle(g, -1), g - lower_triangle(g, -1)
    inner = transposed(below) @ of_l + of_l  # L is below + 1
    outer = of_u @ transposed(upper)
    middle = lower_triangle(inner, -1) + outer - lower_triangle(outer, -1)
    left = substituted(transposed(z), middle, False, True)
    return transposed(substituted(z, transposed(left), False))


eliminated = primitive(
    kernels.eliminated, lambda g, z: _from_eliminated(g, z),
    name="eliminated", holomorphic=True,
    doc="L and U of square matrices that need no pivots, in one: the ones of L are left out.",
)


@derived()
def lu(a: Any, permute_l: bool = False, *, p_indices: bool = False) -> tuple[Any, ...]:
    """``(p, l, u)`` with a = p @ l @ u: p swaps rows, l is lower triangular with ones, u upper triangular.

    With ``permute_l`` the results are ``p @ l`` and u; with ``p_indices`` p holds numbers of rows, and a is
    ``l[p] @ u``. The permutation is a plain array. Gradients need independent first columns. Takes stacks.
    """
    m, n = sides("lu", a)
    k = min(m, n)
    order = kernels.row_order(detached(a))
    rows = np.take_along_axis(a, order[..., None], -2)
    f = eliminated(rows[..., :k, :k])
    below, upper = lower_triangle(f, -1), transposed(lower_triangle(transposed(f)))
    left = below + np.eye(k, dtype=f.dtype)
    if m > k:
        rest = substituted(transposed(f), transposed(rows[..., k:, :]), True)
        left = np.concatenate([left, transposed(rest)], -2)
    if n > k:
        upper = np.concatenate([upper, substituted(f, rows[..., k:], True, True)], -1)
    places = np.argsort(order, -1)
    if permute_l:
        return np.take_along_axis(left, places[..., None], -2), upper
    if p_indices:
        return places, left, upper
    return (places[..., None] == np.arange(m)).astype(np.finfo(f.dtype).dtype), left, upper
