"""Linear equations for a matrix, under the names of ``scipy.linalg``: those of Sylvester, Lyapunov and Stein."""

from __future__ import annotations

import importlib
import math
from typing import Any

import numpy as np

from minigrad.core.members import anywhere
from minigrad.core.primitive import primitive
from minigrad.core.stands import numpy_function
from minigrad.core.table import Primitive, derived
from minigrad.errors import ShapeError
from minigrad.ops.along import together
from minigrad.ops.linalg import side, sides, solve, transposed
from minigrad.support.user_warnings import warn

__all__ = ["solve_continuous_lyapunov", "solve_discrete_lyapunov", "solve_sylvester"]


def _of_one(a: Any, b: Any, q: Any) -> Any:
    """The solution of one equation, or NaN where there is no single one."""
    sums = np.linalg.eigvals(a)[:, None] + np.linalg.eigvals(b)
    least = np.finfo(q.dtype).eps ** 0.75 * max(np.abs(a).max(initial=0), np.abs(b).max(initial=0))
    if not np.isfinite(sums).all() or (np.abs(sums) <= least).any():
        return np.full_like(q, math.nan)
    return importlib.import_module("scipy.linalg").solve_sylvester(a, b, q)


@numpy_function
def sylvester_solution(a: Any, b: Any, q: Any) -> Any:
    """The x with a @ x + x @ b = q, for each of a stack. Symmetric a and b need NumPy alone, others SciPy."""
    dtype = np.result_type(a, b, q, np.float32)
    a, b, q = (x.astype(dtype, "C") for x in (a, b, q))  # SciPy rounds by the layout
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2], q.shape[:-2])
    a, b, q = (np.broadcast_to(x, (*batch, *x.shape[-2:])) for x in (a, b, q))
    z = np.empty(q.shape, dtype)
    for at in np.ndindex(batch):
        known = all(np.isfinite(x[at]).all() for x in (a, b, q))
        if known and all((x[at] == np.conjugate(x[at].T)).all() for x in (a, b)):
            (w, v), (s, u) = np.linalg.eigh(a[at]), np.linalg.eigh(b[at])
            sums = w[:, None] + s
            solvable = np.abs(sums) > np.finfo(dtype).eps ** 0.75 * np.abs(np.concatenate([w, s])).max(initial=0)
            turned = np.conjugate(v.T) @ q[at] @ u / np.where(solvable, sums, 1)
            z[at] = v @ np.where(solvable, turned, math.nan) @ np.conjugate(u.T)
        else:
            z[at] = _of_one(a[at], b[at], q[at]) if known else math.nan
    return z


def warned(z: Any, a: Any, reason: str) -> Any:
    """z, with a warning if it has a NaN where a has none."""
    if anywhere(np.isnan(z) & ~np.isnan(a)):
        warn(reason, RuntimeWarning)
    return z


def _sylvester(a: Any, b: Any, q: Any) -> Any:
    return warned(
        sylvester_solution(a, b, q), q,
        "eigenvalues that sum to 0 encountered: then a @ x + x @ b = q has no single solution, and x is NaN (the "
        "root of a singular matrix has no slope)",
    )


sylvester: Primitive = primitive(
    _sylvester,
    lambda g, z, a, b: -(sylvester(transposed(a), transposed(b), g) @ transposed(z)),
    lambda g, z, a, b: -(transposed(z) @ sylvester(transposed(a), transposed(b), g)),
    lambda g, a, b: sylvester(transposed(a), transposed(b), g),
    name="sylvester", holomorphic=True,
    doc="The x with a @ x + x @ b = q; NaN where an eigenvalue of a and one of b sum to 0, to rounding. Needs SciPy "
    "unless a and b are symmetric.",
)


@derived()
def solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    """x with a @ x + x @ b = q, of square a and b, in stacks too.

    NaN, with a warning, where an eigenvalue of a and one of b sum to 0. Needs SciPy unless a and b are symmetric.
    Raises ``ShapeError``.
    """
    m, n = side("solve_sylvester", a), side("solve_sylvester", b)
    if sides("solve_sylvester", q) != (m, n):
        raise ShapeError(f"solve_sylvester of {np.shape(a)} and {np.shape(b)} takes q ({m}, {n}), got {np.shape(q)}")
    return sylvester(a, b, q)


@derived()
def solve_continuous_lyapunov(a: Any, q: Any) -> Any:
    """x with a @ x + x @ a.conj().T = q; see ``solve_sylvester``."""
    return solve_sylvester(a, np.conjugate(transposed(a)), q)


#: Up to this size one linear solve finds all elements of x at once, and no eigenvalue of a need be kept from -1.
_SMALL = 10


@derived()
def solve_discrete_lyapunov(a: Any, q: Any, method: str | None = None) -> Any:
    """x with x = a @ x @ a.conj().T + q, which is the covariance of a linear process with noise of covariance q.

    ``method`` is "direct", one linear solve for all elements, or "bilinear", by way of the continuous equation, where
    no eigenvalue of a may be -1; by default direct up to 9 rows. Raises ``ShapeError``, and NumPy's ``LinAlgError``.
    """
    n = side("solve_discrete_lyapunov", a)
    if sides("solve_discrete_lyapunov", q) != (n, n):
        raise ShapeError(f"solve_discrete_lyapunov of a {np.shape(a)} takes q ({n}, {n}), got {np.shape(q)}")
    if method not in (None, "direct", "bilinear"):
        raise ValueError(f"method is None, 'direct' or 'bilinear', got {method!r}")
    a, q = together(a, q)
    unit = np.eye(n, dtype=a.dtype)
    adjoint = np.conjugate(transposed(a))
    if method == "bilinear" or (method is None and n >= _SMALL):
        plus = transposed(solve(transposed(adjoint + unit), transposed(adjoint - unit)))
        right = transposed(solve(transposed(adjoint + unit), transposed(solve(a + unit, q))))
        return solve_continuous_lyapunov(np.conjugate(transposed(plus)), right * -2)
    both = np.expand_dims(a, (-1, -3)) * np.expand_dims(np.conjugate(a), (-2, -4))  # i, k, j, l
    pairs = np.reshape(both, (*a.shape[:-2], n * n, n * n))
    flat = np.reshape(q, (*q.shape[:-2], n * n, 1))
    x = solve(np.eye(n * n, dtype=a.dtype) - pairs, flat)
    return np.reshape(x, (*x.shape[:-2], n, n))
