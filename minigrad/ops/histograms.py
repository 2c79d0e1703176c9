"""Histograms, whose weights have a gradient. What counts into which bin jumps, and has none."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core.conversion import as_array, detached
from minigrad.core.table import derived
from minigrad.errors import ShapeError, UnsupportedError
from minigrad.ops.along import floating
from minigrad.ops.segments import bincount

__all__ = ["histogram", "histogram2d", "histogramdd"]


def _check(name: str, *others: Any) -> None:
    """Raise ``UnsupportedError`` for numbers or edges with a gradient."""
    if any(getattr(x, "_node", None) is not None for x in others):
        raise UnsupportedError(
            f"np.{name}: which bin a number falls into jumps, so only weights have a gradient: write x.detach() for "
            "the numbers, or a sum of smooth bumps around the centres of the bins; x.data leaves the graph on purpose"
        )


def _bins(x: Any, edges: Any) -> Any:
    """The number of the bin of each element, the last one closed on both sides, and -1 outside of all."""
    numbers = np.searchsorted(edges, x, "right") - 1
    numbers = np.where(x == edges[-1], len(edges) - 2, numbers)
    return np.where((x >= edges[0]) & (x <= edges[-1]), numbers, -1)


@derived(np.histogram)
def histogram(a: Any, bins: Any = 10, range: Any = None, density: bool | None = None, weights: Any = None) -> Any:
    """(The sum of the weights in each bin, the edges of the bins); with ``density`` its share for each unit of length.

    The weights have a gradient. Without any the answer is NumPy's. Raises ``UnsupportedError`` for numbers or edges
    with a gradient, ``ShapeError`` for weights of another shape than the numbers.
    """
    _check("histogram", a, bins)
    if not hasattr(weights, "_node"):
        return np.histogram(detached(a), detached(bins), range, density, weights)
    if np.shape(weights) != np.shape(a):
        raise ShapeError(f"histogram: one weight for each number, got shapes {np.shape(weights)} and {np.shape(a)}")
    a = as_array(detached(a))
    edges = np.histogram_bin_edges(a, detached(bins), range, detached(weights))
    place = _bins(np.reshape(a, -1), edges)
    sums = bincount(place + 1, np.reshape(floating(weights), -1), len(edges))[1:]
    if density:
        return sums / np.diff(edges).astype(sums.dtype) / np.sum(sums), edges
    return sums, edges


@derived(np.histogramdd)
def histogramdd(
    sample: Any, bins: Any = 10, range: Any = None, density: bool | None = None, weights: Any = None
) -> Any:
    """(The sum of the weights in each bin of space, the edges along each axis) of points (n, d), or d vectors (n,).

    The weights (n,) have a gradient, as in ``histogram``.
    """
    points = list(sample) if isinstance(sample, (list, tuple)) else [sample]
    _check("histogramdd", *points, *(bins if isinstance(bins, (list, tuple)) else [bins]))
    plain = detached(sample)
    if not hasattr(weights, "_node"):
        return np.histogramdd(plain, detached(bins), range, density, weights)
    flat = np.reshape(floating(weights), -1)
    _, edges = np.histogramdd(plain, detached(bins), range, density=False)
    columns = np.atleast_2d(plain).T if isinstance(plain, (list, tuple)) else np.asarray(plain)
    columns = columns[:, None] if columns.ndim == 1 else columns
    if flat.shape != columns.shape[:1]:
        raise ShapeError(f"histogramdd: one weight for each of {len(columns)} points, got shape {np.shape(weights)}")
    sides = [len(edge) - 1 for edge in edges]
    places = [_bins(columns[:, n], edge) for n, edge in enumerate(edges)]
    inside = np.all([place >= 0 for place in places], 0)
    number = np.ravel_multi_index([np.where(inside, place, 0) for place in places], sides) + 1
    sums = np.reshape(bincount(np.where(inside, number, 0), flat, int(np.prod(sides)) + 1)[1:], sides)
    if not density:
        return sums, edges
    z = sums
    for axis, edge in enumerate(edges):
        z = z / np.reshape(np.diff(edge), [-1 if n == axis else 1 for n in np.arange(len(edges))]).astype(sums.dtype)
    return z / np.sum(sums), edges


@derived(np.histogram2d)
def histogram2d(
    x: Any, y: Any, bins: Any = 10, range: Any = None, density: bool | None = None, weights: Any = None
) -> Any:
    """(The sum of the weights in each cell of the plane, the edges along x, those along y); see ``histogramdd``."""
    if np.ndim(detached(bins)) == 1 and np.size(detached(bins)) not in (1, 2):
        bins = [bins, bins]
    sums, edges = histogramdd([x, y], bins, range, density, weights)
    return sums, edges[0], edges[1]
