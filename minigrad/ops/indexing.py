"""Indexing by anything NumPy accepts, and its adjoint: ``getitem`` reads, ``put`` adds up what was read."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.primitive import routing
from minigrad.table import Primitive

__all__ = ["getitem", "put"]


def _getitem(x: Any, index: Any) -> Any:
    return np.asarray(x)[index]


def _may_repeat(index: Any) -> bool:
    """Whether an index may name one element twice: ints, slices, None, ... and masks do not."""
    for item in index if isinstance(index, tuple) else (index,):
        if item is None or item is Ellipsis or isinstance(item, (int, np.integer, slice)):
            continue
        if np.asarray(item).dtype != bool:
            return True
    return False


def _put(x: Any, index: Any, shape: tuple[int, ...]) -> Any:
    z = np.zeros(shape, x.dtype)
    if _may_repeat(index):
        np.add.at(z, index, x)  # z[index] += x would lose all but one of repeated elements
    else:
        z[index] = x
    return z


getitem: Primitive = routing(
    _getitem, lambda g, x_shape, index: put(g, index, x_shape),
    analytic=True, view=True, doc="x[index]: ints, slices, None, ..., arrays of ints or bools, and tuples of them.",
)  # fmt: skip
put: Primitive = routing(
    _put, lambda g, index: g[index],
    analytic=True, doc="Zeros of ``shape`` with x added at ``index``: the adjoint of ``getitem``.",
)  # fmt: skip
