"""Sorting by keys, where elements of equal keys are averaged, and the places of quantiles in sorted rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core.conversion import as_array
from minigrad.core.stands import numpy_function


def _tied_means(x: Any, keys: Any) -> Any:
    """x with its mean over each run of equal sorted keys (or of NaN) along the last axis."""
    tied = (keys[..., 1:] == keys[..., :-1]) | np.isnan(keys[..., :-1])  # NaN comes last: another follows it
    if not tied.any():
        return x
    first = np.concatenate([np.ones((*keys.shape[:-1], 1), bool), ~tied], -1)
    starts = np.flatnonzero(first)
    counts = np.diff(starts, append=first.size)
    wide = x.astype(np.float32) if x.dtype.char == "e" else x  # a sum, or count, may be beyond float16
    means = np.add.reduceat(wide.reshape(-1), starts) / counts.astype(wide.real.dtype)
    return np.repeat(means.astype(x.dtype), counts).reshape(x.shape)


def _order(keys: Any, axis: int | None) -> tuple[Any, int, Any]:
    """The keys as an array, the axis (of the flattened keys for None), and the order that sorts them along it."""
    keys = as_array(keys)
    if axis is None:
        keys, axis = keys.reshape(-1), 0
    return keys, axis, np.argsort(keys, axis)


@numpy_function
def sort_by(x: Any, keys: Any, axis: int | None) -> Any:
    """x in the order in which ``keys``, of its shape, sort along ``axis``."""
    keys, axis, order = _order(keys, axis)
    arranged = np.take_along_axis(np.reshape(x, keys.shape), order, axis)
    means = _tied_means(np.moveaxis(arranged, axis, -1), np.moveaxis(np.take_along_axis(keys, order, axis), axis, -1))
    return np.moveaxis(np.ascontiguousarray(means), -1, axis)  # tied or not, in one layout of memory


#: Sorted places with a gradient, as those of a median, up to which elements equal to these are looked for.
FEW = 8


def _to_equals(x: Any, keys: Any, places: Any, axis: int) -> Any:
    """What stands at a few places of the sorted elements x, shared among the keys that are equal to those there."""
    at_places = np.take(np.partition(keys, places, axis), places, axis)
    given = np.take(x, places, axis)
    z = np.zeros(keys.shape, np.float32 if x.dtype.char == "e" else x.dtype)
    for number in range(len(places)):
        key, part = (np.take(a, [number], axis) for a in (at_places, given))
        equal = keys == key
        if (missing := np.isnan(key)).any():
            equal |= np.isnan(keys) & missing
        share = part / np.add.reduce(equal, axis, z.real.dtype, keepdims=True)
        z += equal * share if np.isfinite(share).all() else np.where(equal, share, 0)
    return z.astype(x.dtype, copy=False)


@numpy_function
def unsort_by(x: Any, keys: Any, axis: int | None) -> Any:
    """Sorted elements back at the places of the ``keys`` they belong to."""
    shape = np.shape(keys)
    keys, along = (np.reshape(keys, -1), 0) if axis is None else (as_array(keys), axis % np.ndim(keys))
    places = np.flatnonzero((x != 0).any(tuple([n for n in range(keys.ndim) if n != along])))
    if len(places) <= FEW and 2 * len(places) < keys.shape[along]:  # sorting takes ten times as long
        return _to_equals(x, keys, places, along).reshape(shape)
    keys, axis, order = _order(keys, axis)
    means = _tied_means(np.moveaxis(x, axis, -1), np.moveaxis(np.take_along_axis(keys, order, axis), axis, -1))
    z = np.empty(keys.shape, x.dtype)
    np.put_along_axis(z, order, np.moveaxis(means, -1, axis), axis)
    return z.reshape(shape)


def quantile_places(count: int, q: Any, scale: str, method: str) -> Any:
    """Where the quantiles of ``count`` sorted elements are: the quantiles of their places 0, 1, 2, ...

    ``scale`` is "quantile" or "percentile", of NumPy: so each method is NumPy's own, and so are the errors.
    """
    return np.reshape(getattr(np, scale)(np.arange(count, dtype=np.float64), q, method=method), -1)


@numpy_function
def quantile_places_by_count(counts: Any, q: Any, scale: str, method: str) -> Any:
    """``quantile_places`` for each of several rows, with their counts of elements; of no elements they are 0."""
    places = np.zeros((len(counts), q.size), np.float64)
    for count in np.unique(counts[counts > 0]):
        places[counts == count] = quantile_places(count, q, scale, method)
    return places


@numpy_function
def weighted_places(a: Any, q: Any, axis: Any, weights: Any, scale: str, leave_out: bool) -> Any:
    """``quantile_places`` of elements with weights, for each row that is reduced: NumPy's choice of ranks."""
    a, weights = np.asarray(a), np.asarray(weights)
    axes = tuple(range(a.ndim)) if axis is None else tuple(np.arange(a.ndim)[np.ravel(axis)])
    others = [n for n in range(a.ndim) if n not in axes]
    if weights.shape != a.shape:
        if axis is None or weights.shape != tuple([a.shape[n] for n in axes]):
            raise ValueError(f"weights have the shape of a or of the axes named, got {weights.shape} for {a.shape}")
        in_order = np.transpose(weights, np.argsort(axes))
        weights = np.broadcast_to(np.reshape(in_order, [s if n in axes else 1 for n, s in enumerate(a.shape)]), a.shape)
    order = (*others, *axes)
    count = int(np.prod([a.shape[n] for n in axes]))
    rows = np.reshape(np.transpose(a, order), (-1, count))
    weights = np.reshape(np.transpose(weights, order), (-1, count))
    if leave_out:
        weights = np.where(np.isnan(rows), 0, weights)
    ranks = np.argsort(np.argsort(rows, -1), -1).astype(np.float64)
    places = np.zeros((len(rows), np.size(q)), np.float64)
    for place, rank, weight in zip(places, ranks, weights, strict=True):
        place[:] = getattr(np, scale)(rank, np.reshape(q, -1), weights=weight, method="inverted_cdf")
    return places
