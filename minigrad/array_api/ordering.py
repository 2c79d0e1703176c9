"""The standard's functions that differ from NumPy's in their options or results."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.array_api.answers import as_tensors
from minigrad.core.conversion import detached


def sort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """The elements in order along ``axis``."""
    ordered = np.sort(x, axis=axis, stable=stable or None)
    return as_tensors(np.flip(ordered, axis=axis) if descending else ordered)


def argsort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """The indices that sort along ``axis``; equal elements stay in their order, descending too."""
    values = np.asarray(detached(x))
    if not descending:
        return as_tensors(np.argsort(values, axis=axis, kind="stable" if stable else None))
    last = values.shape[axis] - 1  # the order of the mirrored array, mirrored: equal elements keep theirs
    return as_tensors(last - np.flip(np.argsort(np.flip(values, axis), axis=axis, kind="stable"), axis))


def take(x: Any, indices: Any, /, *, axis: int | None = None) -> Any:
    """The elements at ``indices`` along ``axis``."""
    return as_tensors(np.take(x, detached(indices), axis=axis))


def take_along_axis(x: Any, indices: Any, /, *, axis: int = -1) -> Any:
    """For each place in ``indices``, the element there along ``axis``."""
    return as_tensors(np.take_along_axis(x, detached(indices), axis=axis))


def clip(x: Any, /, min: Any = None, max: Any = None) -> Any:
    """The elements limited to [min, max]."""
    return as_tensors(np.clip(x, min, max))


def broadcast_arrays(*arrays: Any) -> list[Any]:
    """Arrays in the shape that they broadcast to, as a list."""
    return [as_tensors(array) for array in np.broadcast_arrays(*arrays)]
