"""Scans along an axis in log2(n) passes over whole arrays: recurrences, and sums that start again."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core.stands import numpy_function

#: Numbers beside each other from which on rows are combined one by one.
LONG = 256


def accumulated(ufunc: Any, x: Any, axis: Any) -> Any:
    """``ufunc.accumulate(x, axis)``, bit for bit: of a plain array row by row, where the rows lie across the memory.

    Products of complex rows are not, which NumPy rounds otherwise than single ones.
    NumPy goes down each column by itself: 0.41 instead of 2.3 ms for 1000 x 256, 0.03 instead of 1.5 for 32 x 4096.
    """
    if not _has_long_rows(x, axis) or (x.dtype.kind == "c" and ufunc is not np.add):
        return ufunc.accumulate(x, axis)
    z = np.empty(x.shape, x.dtype)
    rows, source = np.moveaxis(z, axis, 0), np.moveaxis(x, axis, 0)
    last = rows[0]
    last[...] = source[0]
    for row, term in zip(rows[1:], source[1:], strict=True):
        last = ufunc(last, term, out=row)
    return z


def _has_long_rows(x: Any, axis: Any) -> bool:
    if type(x) is not np.ndarray or x.ndim < 2 or x.dtype.kind not in "fc" or type(axis) is not int:
        return False
    if not -x.ndim <= axis < x.ndim or x.size < LONG * x.shape[axis] or not x.size:
        return False
    is_last = x.strides[axis] in (x.itemsize, -x.itemsize)
    return not is_last and (x.flags.c_contiguous or np.flip(x, axis).flags.c_contiguous)  # so is what NumPy gives


@numpy_function
def linear_recurrence(x: Any, w: Any, axis: int = -1) -> Any:
    """z[i] = x[i] + w[i] z[i - 1] along ``axis``, where z[-1] = 0."""
    x, w = np.broadcast_arrays(x, w)
    z, w = np.moveaxis(x, axis, 0), np.moveaxis(w, axis, 0)
    z = z.astype(np.result_type(z, w))  # a copy
    # Windows of 1, 2, 4, ... elements: log2(n) passes over whole arrays in place of n small steps.
    step = 1
    while step < len(z):
        z = np.concatenate([z[:step], z[step:] + w[step:] * z[:-step]])
        w = np.concatenate([w[:step], w[step:] * w[:-step]])
        step *= 2
    return np.moveaxis(z, 0, axis)


@numpy_function
def run_cumsum(x: Any, keys: Any, axis: int, reverse: bool) -> Any:
    """The cumulative sum of x that starts again wherever the next key differs from the last."""
    z, keys = np.moveaxis(x, axis, 0), np.moveaxis(keys, axis, 0)
    changes = (keys[1:] != keys[:-1]) & ~(np.isnan(keys[1:]) & np.isnan(keys[:-1]))
    runs = np.cumsum(np.concatenate([np.zeros(keys[:1].shape, bool), changes]), 0)
    if reverse:
        z, runs = z[::-1], runs[::-1]
    step = 1
    while (same := runs[step:] == runs[:-step]).any():  # windows of 1, 2, 4, ... elements inside runs
        z = np.concatenate([z[:step], z[step:] + np.where(same, z[:-step], 0)])
        step *= 2
    return np.moveaxis(np.array(z[::-1] if reverse else z, order="C"), 0, axis)
