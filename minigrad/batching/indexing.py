"""Rules for indexing: the index of a member becomes one of all members, whoever of array and index differs in them."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minigrad.batching.moving import physical
from minigrad.batching.reductions import from_end
from minigrad.batching.rules import made, mine, rank, rule, unwritable, written
from minigrad.core.batches import Batch
from minigrad.core.conversion import as_array
from minigrad.core.members import at, batched_in
from minigrad.errors import BatchError
from minigrad.kernels import scattering

Shape = tuple[int, ...]
_INTEGERS = (int, np.integer)


class Place(NamedTuple):
    """An index of all members: ``key`` into the real array, and what it takes to have the batch axis in front.

    The axes of what is read are (those of the arrays in the index, those before them, the others) where ``before`` is
    not 0: NumPy puts the arrays' axes in front as soon as the batch axis is among them.
    """

    key: tuple[Any, ...]
    arrays: int  # the number of axes that the arrays in the index have together
    before: int  # the number of axes that come before these in what a member reads

    def front(self, z: Any) -> Any:
        """What was read, as the arrays of all members."""
        if not self.before or not self.arrays:
            return z
        return np.moveaxis(z, range(1, 1 + self.arrays), range(1 + self.before, 1 + self.before + self.arrays))

    def back(self, z: Any) -> Any:
        """What all members write, as the real array takes it."""
        if not self.before or not self.arrays:
            return z
        return np.moveaxis(z, range(1 + self.before, 1 + self.before + self.arrays), range(1, 1 + self.arrays))


def place(batch: Batch, index: Any, ndim: int, batched: bool) -> Place:
    """The index of all members for that of one, into an array with ``ndim`` axes that is ``batched`` or not."""
    items = _full_index(batch, index if isinstance(index, tuple) else (index,), ndim)
    differs = any(mine(batch, item) for item in items)
    if not differs and batched and (all(map(_is_basic, items)) or _are_adjacent(items)):
        return Place((slice(None), *items), 0, 0)
    arrays = [item for item in items if not _is_slice(item)]
    axes = max(map(rank, arrays))
    taken = iter([_members_of(batch, item, axes) for item in arrays])
    where = [number for number, item in enumerate(items) if not _is_slice(item)]
    before = where[0] if where[-1] - where[0] + 1 == len(where) else 0
    physical_index = tuple([item if _is_slice(item) else next(taken) for item in items])
    members = np.arange(batch.size).reshape((-1,) + (1,) * axes)
    if batched:
        return Place((members, *physical_index), axes, before)
    return Place(physical_index, axes, before)


def _members_of(batch: Batch, item: Any, axes: int) -> Any:
    if mine(batch, item):
        array = item.array
        missing = axes - item.ndim
        return array[(slice(None), *(None,) * missing)] if missing else array
    return item


def _full_index(batch: Batch, items: tuple[Any, ...], ndim: int) -> list[Any]:
    """An index with a slice for each axis that an ellipsis, or nothing, stands for, and places instead of masks."""
    full: list[Any] = []
    for item in items:
        if _varies(item) and item.dtype == bool:
            raise BatchError(
                "vmap: a mask of bools that differs from member to member reads as many elements as are true, and what "
                "comes out would have another shape for each: choose with mg.where(mask, x, 0) instead"
            )
        plain = as_array(item) if isinstance(item, (list, np.ndarray)) and not mine(batch, item) else None
        if plain is None:
            full.append(item)
        elif plain.dtype == bool and plain.ndim:
            full += plain.nonzero()
        else:
            full.append(plain if plain.dtype.kind != "f" else plain.astype(np.intp))  # an empty list is of floats
    used = sum([item is not None and item is not Ellipsis for item in full])
    rest = [slice(None)] * (ndim - used)
    places = [number for number, item in enumerate(full) if item is Ellipsis]
    cut = places[0] if places else len(full)
    if len(places) > 1 or used > ndim:
        np.empty((1,) * ndim)[tuple([0 if _varies(item) else item for item in items])]  # raises NumPy's error
    return [*full[:cut], *rest, *full[cut + 1 :]]


def _varies(item: Any) -> bool:
    """Whether an item differs from member to member of this batch, or of one around it."""
    return batched_in((item,)) is not None


def _is_slice(item: Any) -> bool:
    return item is None or isinstance(item, slice)


def _is_basic(item: Any) -> bool:
    return _is_slice(item) or isinstance(item, _INTEGERS) or (isinstance(item, np.ndarray) and not item.ndim)


def _are_adjacent(items: Sequence[Any]) -> bool:
    """Whether the arrays and numbers of an index stand side by side, so that their axes stay in place."""
    where = [number for number, item in enumerate(items) if not _is_slice(item)]
    return where[-1] - where[0] + 1 == len(where)


def _members_at(batch: Batch, x: Any, index: Any) -> tuple[Any, Place]:
    """What all members read, with the batch axis in front but for ``Place.front``; and the place."""
    batched = mine(batch, x)
    full = place(batch, index, x.ndim, batched)
    z = at(x.array if batched else x, full.key)  # the index may be of a batch around this one, and the array plain
    if batched or not _are_adjacent(full.key):
        return z, full
    first = next(number for number, item in enumerate(full.key) if not _is_slice(item))
    return np.moveaxis(z, range(first, first + 1 + full.arrays), range(1 + full.arrays)), full


@rule(operator.getitem)
def _getitem(batch: Batch, x: Any, index: Any) -> Any:
    z, full = _members_at(batch, x, index)
    return made(batch, full.front(z))


@rule(operator.setitem)
def _setitem(batch: Batch, x: Any, index: Any, value: Any) -> None:
    if not mine(batch, x):
        written(x, value)
    full = place(batch, index, x.ndim, True)
    if batched_in((full.key,)) is not None and batched_in((x.array,)) is None:
        raise unwritable()
    shape = full.front(x.array[full.key]).shape[1:]
    if not mine(batch, value) and not full.before:
        x.array[full.key] = value
        return
    x.array[full.key] = full.back(physical(batch, np.broadcast_to(_without_ones(value, len(shape)), shape)))


def _without_ones(value: Any, ndim: int) -> Any:
    """A value without axes of size 1 in front that what it is written to does not have."""
    while rank(value) > ndim and np.shape(value)[0] == 1:
        value = value[0]
    return value


def _shape_at(index: Any, shape: Shape) -> Shape:
    """The shape of what a member's index reads of an array of ``shape``."""
    items = index if isinstance(index, tuple) else (index,)
    one = tuple([np.zeros(item.shape, np.intp) if _varies(item) else item for item in items])
    return np.broadcast_to(np.empty(()), shape)[one].shape


@rule(scattering.index_set)
def _index_set(batch: Batch, x: Any, value: Any, index: Any) -> Any:
    full = place(batch, index, x.ndim, True)
    selected = _shape_at(index, x.shape)
    values = np.broadcast_to(_without_ones(value, len(selected)), selected)
    return made(batch, scattering.index_set(physical(batch, x), full.back(physical(batch, values)), full.key))


@rule(scattering.scatter_add)
def _scatter_add(batch: Batch, x: Any, index: Any, shape: Shape) -> Any:
    full = place(batch, index, len(shape), True)
    selected = _shape_at(index, shape)
    values = full.back(physical(batch, np.broadcast_to(_without_ones(x, len(selected)), selected)))
    return made(batch, scattering.scatter_add(values, full.key, (batch.size, *shape)))


@rule(np.take)
def _take(batch: Batch, a: Any, indices: Any, axis: int | None = None, out: Any = None, mode: Any = "raise") -> Any:
    if out is not None:
        return NotImplemented
    if axis is None:
        a, axis = np.ravel(a), 0
    if not _varies(indices):
        return made(batch, np.take(a.array, indices, from_end(axis, a.ndim), mode=mode))
    axis = normalize_axis_index(axis, a.ndim)
    side = np.shape(a)[axis]
    if mode == "wrap":
        indices = indices % side
    elif mode == "clip":
        indices = np.clip(indices, 0, side - 1)
    return _getitem(batch, a, (*[slice(None)] * axis, indices))


@rule(np.take_along_axis)
def _take_along_axis(batch: Batch, arr: Any, indices: Any, axis: int | None = -1) -> Any:
    if axis is None:
        arr, indices, axis = np.ravel(arr), np.ravel(indices), 0
    axis = from_end(axis, rank(arr))
    return made(batch, np.take_along_axis(physical(batch, arr), physical(batch, indices), axis))
