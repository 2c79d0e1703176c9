"""Filters with feedback: each output is an input less weighted outputs before it."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from minigrad.core.primitive import primitive
from minigrad.core.stands import numpy_function
from minigrad.core.table import Primitive

__all__: list[str] = []


@numpy_function
def fed_back(x: Any, a: Any) -> Any:
    """``y[n] = x[n] - a[0] y[n-1] - a[1] y[n-2] - ...`` along the last axis, by SciPy."""
    dtype = np.result_type(x, a, np.float32)
    full = np.concatenate([np.ones(1, dtype), a.astype(dtype)])
    z = importlib.import_module("scipy.signal").lfilter(full[:1], full, x.astype(dtype, "C"))
    return np.ascontiguousarray(z)


def _of_coefficients(w: Any, z: Any, a_shape: tuple[int, ...]) -> Any:
    """For each coefficient the sum of the gradient of the input times outputs that many places before."""
    count, n = a_shape[0], z.shape[-1]
    before = np.concatenate([np.zeros((*z.shape[:-1], count), z.dtype), z], -1)
    moved = before[..., (count - 1) - np.arange(count)[:, None] + np.arange(n)]
    products = np.expand_dims(w, -2) * moved
    return -np.sum(products, (*range(z.ndim - 1), z.ndim))


recursive: Primitive = primitive(
    fed_back,
    lambda g, a: recursive(g[..., ::-1], a)[..., ::-1],
    lambda g, z, a, a_shape: _of_coefficients(recursive(g[..., ::-1], a)[..., ::-1], z, a_shape),
    name="recursive", holomorphic=True,
    doc="y[n] = x[n] - a[0] y[n-1] - a[1] y[n-2] - ... along the last axis, for a vector a. Needs SciPy.",
)
