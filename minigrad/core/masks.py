"""Masks of bools as indices of what is written, where no shape has to depend on how many places they choose."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core.conversion import detached


def mask_over(index: Any, shape: tuple[int, ...], value: Any) -> Any:
    """A mask in an index as one over all of an array, for ``np.where(mask, value, array)``.

    So a program, or a batch, takes a mask that differs from call to call, or by member. None for other indices, for a
    value that is not one for all places, and where nothing is gained: of a plain mask and a value without a gradient,
    whose elements would be added up in another order.
    """
    items = index if type(index) is tuple else (index,)
    mask: Any = items[-1] if items else None
    kind = getattr(getattr(mask, "dtype", None), "kind", None)
    if kind != "b" or not all(map(_is_whole, items[:-1])):
        return None
    mask = detached(mask)
    if type(mask) is np.ndarray and getattr(value, "_node", None) is None:
        return None
    before, behind = len(items) - 1, len(shape) - len(items) + 1 - mask.ndim
    if not mask.ndim or behind < value.ndim or shape[before : before + mask.ndim] != mask.shape:
        return None
    if any(size not in (1, own) for size, own in zip(value.shape[::-1], shape[::-1], strict=False)):
        return None  # it does not fit, which the write says
    return np.reshape(mask, mask.shape + (1,) * behind)


def _is_whole(item: Any) -> bool:
    return type(item) is slice and item == slice(None)
