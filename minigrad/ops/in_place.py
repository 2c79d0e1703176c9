"""NumPy's functions that write into an array, on tensors: as ``x[index] = v`` does, with a gradient.

``np.copyto``, ``place``, ``put``, ``putmask``, ``put_along_axis`` and ``fill_diagonal``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minigrad.core.conversion import alike, as_array, detached
from minigrad.core.inplace import cast_into, write_at
from minigrad.core.table import writing
from minigrad.errors import DTypeError, HyperparameterError, ShapeError
from minigrad.ops.gathering import index_set
from minigrad.ops.indexing import getitem


def _values(x: Any, values: Any) -> Any:
    """What is written, as an array; Python's numbers take the dtype of x."""
    return alike([x, values])[1]


def _write_flat(x: Any, places: Any, values: Any) -> None:
    """Write values at places in the order of the elements."""
    write_at(x, ..., np.reshape(index_set(np.reshape(x, -1), places, values), x.shape))


def _cycle(values: Any, count: int) -> Any:
    """The first ``count`` of the values, over and over."""
    flat = np.reshape(values, -1)
    if count and not flat.size:
        raise ShapeError("there is nothing to write: values are empty")
    return getitem(flat, np.arange(count) % max(flat.size, 1))


@writing(np.copyto)
def _copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    weak, src = type(src) is int and casting == "same_kind", _values(dst, src)
    if not weak and not np.can_cast(src.dtype, dst.dtype, casting):
        raise DTypeError(f"np.copyto: {src.dtype} does not become {dst.dtype} under casting={casting!r}: write astype")
    src = np.broadcast_to(src.astype(dst.dtype) if casting == "unsafe" else cast_into(src, dst.dtype), dst.shape)
    if where is True:
        write_at(dst, ..., src)
        return
    mask = np.broadcast_to(as_array(detached(where)).astype(bool), dst.shape)
    write_at(dst, ..., np.where(mask, src, dst.copy()))


def _write_chosen(name: str, x: Any, mask: Any, values: Any, numbers_of: Callable[[Any], Any]) -> None:
    """Write where a mask says so, in each place the value of its number; no shape depends on how many there are."""
    chosen = np.reshape(as_array(detached(mask)).astype(bool), -1)
    if chosen.size != x.size:
        raise ShapeError(f"{name} takes a mask of {x.size} elements, got shape {np.shape(mask)}")
    flat = np.reshape(cast_into(_values(x, values), x.dtype), -1)
    if flat.size:
        each = np.reshape(getitem(flat, numbers_of(chosen) % flat.size), x.shape)
        write_at(x, ..., np.where(np.reshape(chosen, x.shape), each, x.copy()))
    elif np.any(chosen):
        raise ShapeError("there is nothing to write: values are empty")


@writing(np.place)
def _place(arr: Any, mask: Any, vals: Any) -> None:
    _write_chosen("np.place", arr, mask, vals, lambda chosen: np.cumsum(chosen) - 1)


@writing(np.putmask)
def _putmask(a: Any, mask: Any, values: Any) -> None:
    _write_chosen("np.putmask", a, mask, values, lambda chosen: np.arange(chosen.size))


@writing(np.put)
def _put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    places = np.reshape(as_array(detached(ind)).astype(np.intp), -1)
    if mode not in ("raise", "wrap", "clip"):
        raise HyperparameterError(f"np.put(mode={mode!r}): expected 'raise', 'wrap' or 'clip'")
    if mode != "raise":
        places = places % a.size if mode == "wrap" else np.clip(places, 0, a.size - 1)
    _write_flat(a, places, _cycle(_values(a, v), len(places)))


@writing(np.put_along_axis)
def _put_along_axis(arr: Any, indices: Any, values: Any, axis: int | None) -> None:
    indices = as_array(detached(indices))
    if axis is None:
        _write_flat(arr, indices, _values(arr, values))
        return
    if indices.ndim != arr.ndim:
        raise ShapeError(f"np.put_along_axis takes indices with {arr.ndim} axes, got shape {indices.shape}")
    axis = normalize_axis_index(axis, arr.ndim)
    mesh = [
        indices if n == axis else np.reshape(np.arange(side), [-1 if m == n else 1 for m in range(arr.ndim)])
        for n, side in enumerate(arr.shape)
    ]
    write_at(arr, tuple(mesh), _values(arr, values))


@writing(np.fill_diagonal)
def _fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    if a.ndim < 2:
        raise ShapeError(f"np.fill_diagonal takes an array of at least two axes, got shape {a.shape}")
    plain = np.zeros(a.shape, bool)
    np.fill_diagonal(plain, True, wrap)
    places = np.flatnonzero(plain)
    _write_flat(a, places, _cycle(_values(a, val), len(places)))
