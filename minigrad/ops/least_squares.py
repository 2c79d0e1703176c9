"""The solution of linear equations with the least squares that are left over."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from minigrad.core.conversion import detached
from minigrad.core.members import is_true
from minigrad.core.table import derived
from minigrad.errors import ShapeError
from minigrad.ops.along import floating
from minigrad.ops.decompositions import svdvals
from minigrad.ops.linalg import pseudo_inverse
from minigrad.ops.products import matmul

__all__ = ["lstsq"]


class LstsqResult(NamedTuple):
    """The results of ``lstsq``, in NumPy's order."""

    solution: Any
    residuals: Any
    rank: Any
    singular_values: Any


@derived(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: float | None = None) -> LstsqResult:
    """The shortest x with the least ``(b - a @ x)**2``, the sums of these squares, the rank of a, its singular values.

    The solution and the residuals have gradients, along matrices of the same rank (so for a of full rank, the
    gradients), and the singular values have those of ``svdvals``; the rank is a plain answer. The residuals are empty,
    as NumPy's, unless a has more rows than columns and full rank. Singular values up to ``rcond`` times the largest
    count as 0; one outside of (0, 1) stands for the precision of the dtype, as in NumPy.
    """
    if np.ndim(a) != 2 or np.ndim(b) not in (1, 2):
        raise ShapeError(
            f"lstsq takes one matrix a, and b of one or two axes, got shapes {np.shape(a)} and {np.shape(b)}: write "
            "mg.linalg.pinv(a) @ b, which takes stacks of matrices too"
        )
    rows, columns = np.shape(a)
    a, b = floating(a), floating(b)
    dtype = np.result_type(a.dtype, b.dtype)  # in which NumPy computes too, also where a is float32 and b is not
    a, b = (x if x.dtype == dtype else x.astype(dtype) for x in (a, b))
    plain = np.linalg.lstsq(detached(a), detached(b), rcond)
    rank = plain[2]
    precision = float(np.finfo(plain[3].dtype).eps)
    if rcond is None:
        rcond = precision * max(rows, columns)
    elif not 0 < rcond < 1:
        rcond = precision
    x = matmul(pseudo_inverse(a, rcond), b)
    residuals: Any = plain[1]
    if columns < rows and is_true(rank == columns):
        rest = b - matmul(a, x)
        squares = np.real(rest * np.conjugate(rest)) if rest.dtype.kind == "c" else np.square(rest)
        residuals = np.atleast_1d(np.sum(squares, 0))
    return LstsqResult(x, residuals, rank, svdvals(a))
