"""Indexing by anything NumPy accepts, and its adjoint: ``take`` reads, ``put`` adds up what was read."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from minigrad.paths import ROUTING
from minigrad.primitive import primitive
from minigrad.table import Primitive

__all__ = ["getitem", "put"]

routing = functools.partial(primitive, flow=ROUTING)  # the formulas only move, repeat or share out g


def _getitem(x: Any, index: Any) -> Any:
    return np.asarray(x)[index]


def _may_repeat(index: Any) -> bool:
    """Whether an index may name one element twice: only arrays of integers do."""
    for item in index if isinstance(index, tuple) else (index,):
        if isinstance(item, (np.ndarray, list)) and np.asarray(item).dtype.kind in "iu":
            return True
    return False


def _put(g: Any, index: Any, shape: tuple[int, ...]) -> Any:
    z = np.zeros(shape, g.dtype)
    if _may_repeat(index):
        np.add.at(z, index, g)  # z[index] += g would lose all but one of repeated elements
    else:
        z[index] = g
    return z


getitem: Primitive = routing(
    _getitem, lambda g, x_shape, index: put(g, index, x_shape),
    analytic=True, doc="x[index]: ints, slices, None, ..., arrays of ints or bools, and tuples of them.",
)  # fmt: skip
put: Primitive = routing(
    _put, lambda g, index: g[index],
    analytic=True, doc="Zeros of ``shape`` with g added at ``index``: the adjoint of ``getitem``.",
)  # fmt: skip
