"""Functions of a whole matrix: its exponential, its square root, and the rotation that is nearest to it.

Each is smooth where ``V f(w) V.T``, computed from eigenvectors, has no gradient: at equal eigenvalues. None of these
formulas divides by a difference of values, and each is made of functions of this file, so every order is exact there.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.core.conversion import detached
from minigrad.core.members import anywhere, everywhere
from minigrad.core.primitive import primitive
from minigrad.core.stands import numpy_function
from minigrad.core.table import Primitive
from minigrad.errors import ShapeError
from minigrad.ops.equal_values import least
from minigrad.ops.linalg import side, symmetric_part, transposed
from minigrad.ops.matrix_equations import sylvester, warned
from minigrad.support.user_warnings import warn

__all__ = ["expm", "polar", "sqrtm"]

# -- the exponential ----------------------------------------------------------------------------

#: The coefficients of the Padé approximation of order 13, and the norm up to which it has all digits of a float64.
_PADE = tuple(math.comb(13, k) * math.factorial(26 - k) for k in range(14))
_NEAR = 5.371920351148152


def _expm(a: Any) -> Any:
    """Higham, The scaling and squaring method for the matrix exponential revisited, 2005."""
    n = side("expm", a)
    unit = np.eye(n, dtype=a.dtype)
    norms = np.max(np.sum(np.abs(a), -2), -1, keepdims=True, initial=0)[..., None]
    halvings = np.ceil(np.log2(np.maximum(np.where(np.isfinite(norms), norms, 0) / _NEAR, 1)))
    x = a / np.exp2(halvings).astype(norms.dtype)
    b = [c / _PADE[0] for c in _PADE]
    x2 = x @ x
    x4 = x2 @ x2
    x6 = x4 @ x2
    odd = x @ (x6 @ (b[13] * x6 + b[11] * x4 + b[9] * x2) + b[7] * x6 + b[5] * x4 + b[3] * x2 + b[1] * unit)
    even = x6 @ (b[12] * x6 + b[10] * x4 + b[8] * x2) + b[6] * x6 + b[4] * x4 + b[2] * x2 + unit
    z = np.linalg.solve(even - odd, even + odd)
    done = 0
    while anywhere(halvings > done):  # those that need fewer squarings wait
        z = np.where(halvings > done, z @ z, z)
        done += 1
    return z


def corner(f: Primitive, a: Any, direction: Any) -> Any:
    """How f(a) changes along a direction: the corner of f([[a, direction], [0, a]])."""
    n = a.shape[-1]
    upper = np.concatenate([a, direction], -1)
    lower = np.concatenate([np.zeros_like(a), a], -1)
    return f(np.concatenate([upper, lower], -2))[..., :n, n:]


expm: Primitive = primitive(
    _expm, lambda g, a: corner(expm, transposed(a), g),
    name="expm", analytic=True,
    doc="The exponential of each square matrix, the sum of a**k / k!; not that of its elements. Gradients of every "
    "order are exact, also at equal eigenvalues. Raises ``ShapeError``.",
)


# -- roots -------------------------------------------------------------------------------------


def _lyapunov(h: Any, c: Any) -> Any:
    n = side("lyapunov", h)
    known = np.all(np.isfinite(h), (-2, -1), keepdims=True)
    w, v = np.linalg.eigh(symmetric_part(np.where(known, h, np.eye(n, dtype=h.dtype))))
    sums = w[..., :, None] + w[..., None, :]
    solvable = known & (np.abs(sums) > least(w)[..., None])
    if not everywhere(solvable):
        warn(
            "eigenvalues that sum to 0 encountered: then h @ x + x @ h = c has no single solution, and x is NaN (a "
            "root has no slope at 0, and below full rank the polar factor is arbitrary)",
            RuntimeWarning,
        )
    solved = transposed(v) @ c @ v / np.where(solvable, sums, 1) * np.where(solvable, 1, math.nan).astype(w.dtype)
    return v @ solved @ transposed(v)


lyapunov: Primitive = primitive(
    _lyapunov,
    lambda g, z, h: -symmetric_part(_slope_in_h(lyapunov(h, g), z)),
    lambda g, h: lyapunov(h, g),
    name="lyapunov", real=True,
    doc="The matrix x with h @ x + x @ h = c, for symmetric positive definite h: its symmetric part counts. Gradients "
    "of every order are exact, also at equal eigenvalues. NaN where two eigenvalues sum to 0, to rounding.",
)


def _slope_in_h(y: Any, x: Any) -> Any:
    """The derivative of <y, dh @ x + x @ dh> with respect to dh."""
    return y @ transposed(x) + transposed(x) @ y


def _root_of_one(a: Any) -> Any:
    """The principal root of one matrix; NaN where that of a real one is complex."""
    if not np.isfinite(a).all():
        return np.full_like(a, math.nan)
    if not (a == np.conjugate(a.T)).all():
        z = importlib.import_module("scipy.linalg").sqrtm(a)
        return z if a.dtype.kind == "c" or z.dtype.kind == "f" else np.full_like(a, math.nan)
    w, v = np.linalg.eigh(a)
    w = np.where(np.abs(w) <= len(w) * np.finfo(w.dtype).eps * np.abs(w).max(initial=0), 0, w)
    root = np.sqrt(w.astype(a.dtype) if a.dtype.kind == "c" else np.where(w < 0, math.nan, w))
    return (v * root) @ np.conjugate(v.T)


def each(function: Callable[[Any], Any], a: Any) -> Any:
    """A function of one matrix, of each of a stack."""
    a = a.astype(np.result_type(a, np.float32), "C")  # SciPy rounds by the layout
    z = np.empty(a.shape, a.dtype)
    for at in np.ndindex(a.shape[:-2]):
        z[at] = function(a[at])
    return z


@numpy_function
def square_root(a: Any) -> Any:
    """The principal square root of each matrix. Symmetric ones need NumPy alone, others SciPy."""
    return each(_root_of_one, a)


def _sqrtm(a: Any) -> Any:
    side("sqrtm", a)
    return warned(
        square_root(a), a,
        "negative eigenvalues encountered in sqrtm: the root of a real matrix is complex there, and NaN here. Write "
        "sqrtm(a.astype(complex))",
    )


sqrtm: Primitive = primitive(
    _sqrtm, lambda g, z: sylvester(transposed(z), transposed(z), g),
    name="sqrtm", holomorphic=True,  # SciPy loses digits of a complex step
    doc="The principal square root: the matrix with the square a whose eigenvalues have positive real parts. Gradients "
    "of every order are exact, also at equal eigenvalues; where one is 0 they are NaN. Of real a with negative "
    "eigenvalues the root is complex, and NaN here: write sqrtm(a.astype(complex)). A matrix that is not symmetric "
    "(Hermitian) needs SciPy. Raises ``ShapeError``.",
)


def _polar(a: Any) -> Any:
    shape = np.shape(a)
    if len(shape) < 2 or shape[-2] < shape[-1]:
        raise ShapeError(f"polar takes matrices with at least as many rows as columns, got shape {shape}: transpose it")
    u, _, vh = np.linalg.svd(a, full_matrices=False)
    return u @ vh


def _polar_slope(g: Any, z: Any, a: Any) -> Any:
    """With a = z h: within the space of z it turns by an antisymmetric matrix, and out of it by the inverse of h."""
    h = transposed(z) @ a
    values = np.linalg.svd(detached(a), compute_uv=False)
    if not everywhere(values > least(values)):  # some vector may turn any way
        h = np.where(np.all(values > least(values), -1)[..., None, None], h, math.nan)
    turned = transposed(z) @ g
    within = z @ lyapunov(h, turned - transposed(turned))
    if a.shape[-1] == a.shape[-2]:
        return within
    return within + transposed(np.linalg.solve(symmetric_part(h), transposed(g - z @ turned)))


polar = primitive(
    _polar, lambda g, z, a: _polar_slope(g, z, a),
    name="polar", real=True,
    doc="U of a = U @ H with H symmetric positive definite: of all matrices with orthonormal columns the nearest to a, "
    "which has full rank and no more columns than rows. Gradients of every order are exact, also at equal singular "
    "values; below full rank they are NaN. Raises ``ShapeError``.",
)
