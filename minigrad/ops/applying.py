"""Functions of functions: a function of rows along an axis, of several axes in turn, and of parts of an array."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minigrad.core.conversion import alike, as_array, detached
from minigrad.core.inplace import cast_into
from minigrad.core.members import anywhere, batched_in
from minigrad.core.table import derived
from minigrad.errors import BatchError, DTypeError, ShapeError
from minigrad.ops.along import given
from minigrad.ops.gathering import index_set
from minigrad.ops.indexing import getitem

__all__ = ["apply_along_axis", "apply_over_axes", "piecewise"]


@derived(np.apply_along_axis)
def apply_along_axis(func1d: Callable[..., Any], axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """``func1d(row, ...)`` of each row of ``arr`` along ``axis``, its results in the place of that axis.

    A result may be a number or an array of any shape, the same for all rows. Raises ``ShapeError`` where there are no
    rows: then nothing says what a result would be.
    """
    arr = given(arr)
    axis = normalize_axis_index(axis, arr.ndim)
    rows = np.moveaxis(arr, axis, -1)
    leading = rows.shape[:-1]
    if not math.prod(leading):
        raise ShapeError(f"apply_along_axis: along axis {axis} of shape {arr.shape} there are no rows")
    results = alike([func1d(getitem(rows, place), *args, **kwargs) for place in np.ndindex(*leading)])
    shape = np.shape(results[0])
    z = np.reshape(np.stack(results), (*leading, *shape))
    places = range(len(leading), len(leading) + len(shape))
    return np.moveaxis(z, list(places), list(range(axis, axis + len(shape))))


@derived(np.apply_over_axes)
def apply_over_axes(func: Callable[[Any, int], Any], a: Any, axes: Any) -> Any:
    """``func(a, axis)`` for each of the axes in turn; where it reduces an axis, that stays with the size 1.

    Raises ``ShapeError`` for a function that changes the number of axes by more.
    """
    z = given(a)
    ndim = z.ndim
    for given_axis in np.ravel(axes).tolist():
        axis = given_axis + ndim if given_axis < 0 else given_axis
        result = func(z, axis)
        if np.ndim(result) != np.ndim(z):
            result = np.expand_dims(result, axis)
            if np.ndim(result) != np.ndim(z):
                raise ShapeError("apply_over_axes: the function does not return an array of the right shape")
        z = result
    return z


@derived(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Any:
    """Each function of ``funclist`` on the elements of x for which its condition holds; 0 where none does.

    A function gets these elements as a vector, and ``args`` and ``kw``; a number stands for itself. One function more
    than conditions is for the elements without. Of several conditions that hold, the last one counts. The result has
    the dtype of x. Raises ``ShapeError`` for another number of functions.
    """
    x = given(x)
    masks = _conditions(x, condlist)
    count = len(funclist)
    if count == len(masks) + 1:
        masks.append(~np.logical_or.reduce(masks))
    elif count != len(masks):
        raise ShapeError(f"piecewise of {len(masks)} conditions takes as many functions, or one more; got {count}")
    z: Any = np.zeros_like(x)
    for mask, function in zip(masks, funclist, strict=True):
        if not callable(function):
            z = index_set(z, mask, function)
        elif anywhere(mask):
            z = index_set(z, mask, cast_into(function(getitem(x, mask), *args, **kw), x.dtype))
    return z


def _conditions(x: Any, condlist: Any) -> list[Any]:
    """The conditions as masks in the shape of x; one condition need not be in a list."""
    plain = detached(condlist)
    if batched_in((plain,)) is not None:
        raise BatchError(
            "vmap: np.piecewise gives each function the elements for which its condition holds, which differ from "
            "member to member: write np.select(conditions, [f(x), g(x)]), or np.where(condition, f(x), g(x))"
        )
    if np.ndim(plain) == 0 or (not isinstance(plain[0], (list, tuple, np.ndarray)) and np.ndim(x)):
        plain = [plain]
    masks = [as_array(mask) for mask in plain]
    if any(mask.dtype.kind not in "biufc" for mask in masks):
        raise DTypeError(f"conditions are arrays of bools, got {plain!r:.60}")
    return [np.broadcast_to(mask.astype(bool), np.shape(x)) for mask in masks]
