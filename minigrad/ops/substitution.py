"""Systems with a triangular matrix: what the gradients of other decompositions are made of.

a is triangular, x solves a @ x = b
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core.primitive import primitive
from minigrad.core.table import Primitive
from minigrad.kernels import triangular as kernels
from minigrad.ops.linalg import transposed


def lower_triangle(a: Any, k: int = 0) -> Any:
    """The elements on and below a diagonal, zeros above."""
    return np.where(np.tri(a.shape[-2], a.shape[-1], k, dtype=bool), a, 0)


def _substituted(a: Any, b: Any, lower: bool = True, unit: bool = False) -> Any:
    dtype = np.result_type(a, b, np.float16)
    a, b = a.astype(dtype), b.astype(dtype)
    if unit:
        a = np.where(np.eye(a.shape[-1], dtype=bool), np.ones((), dtype), a)
    return kernels.substituted(a, b, lower)


def _of_triangle(w: Any, x: Any, lower: bool, unit: bool) -> Any:
    """The elements of -w @ x.T that the triangle has, and zeros."""
    first, second = (w, x) if lower else (x, w)
    below = lower_triangle(first @ transposed(second), -int(unit))
    return -below if lower else -transposed(below)


substituted: Primitive = primitive(
    _substituted,
    lambda g, z, a, lower, unit: _of_triangle(substituted(transposed(a), g, not lower, unit), z, lower, unit),
    lambda g, a, lower, unit: substituted(transposed(a), g, not lower, unit),
    name="substituted", holomorphic=True,
    doc="x with a @ x = b for triangular a: what is beyond the triangle does not count, and with ``unit`` the diagonal "
    "is ones. ``b`` holds columns.",
)
