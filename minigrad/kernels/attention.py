"""Attention in tiles: softmax(q @ k.T * scale) @ v, forward and backward, without the whole matrix of scores.

A tile is some queries of some heads and all keys that they see, so a softmax is done with in one tile, which stays in
the cache. Memory grows with the length, not with its square. Keys that a mask hides from all queries of a tile are left
out. Backwards the scores are computed again.

``query`` is (..., L, E), ``key`` (..., S, E), ``value`` (..., S, V), of one dtype; leading axes broadcast. ``mask`` is
None, or has two axes or more that broadcast to (..., L, S): bools (True: attend) or floats that are added. With
``causal`` query i sees the keys up to i, as far as the mask lets it.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from minigrad.core.stands import numpy_function

#: Elements of a tile. Rows of one, where rows see different keys: at least these, or a part of all.
_ELEMENTS = 256 * 1024
_FEW_ROWS, _PARTS = 64, 16


class _Tile(NamedTuple):
    heads: slice
    rows: slice
    keys: slice

    @property
    def shape(self) -> tuple[int, int, int]:
        heads, rows, keys = [part.stop - part.start for part in self]
        return heads, rows, keys


def _lead(*arrays: Any) -> tuple[int, ...]:
    """The leading axes of all, broadcast."""
    return np.broadcast_shapes(*[x.shape[:-2] for x in arrays if x is not None])


def _flat(x: Any, lead: tuple[int, ...]) -> Any:
    """An array as (heads, rows, columns)."""
    return np.broadcast_to(x, (*lead, *x.shape[-2:])).reshape(math.prod(lead), *x.shape[-2:])


def _tiles(q: Any, k: Any, mask: Any, causal: bool) -> list[_Tile]:
    """Tiles that cover all scores but those that no query of theirs sees."""
    (heads, queries, _), keys = q.shape, k.shape[-2]
    visible = None
    if mask is not None:
        seen = mask if mask.dtype == bool else mask != -math.inf
        visible = np.any(seen, tuple(range(mask.ndim - 2))) if mask.ndim > 2 else seen
        visible = np.broadcast_to(visible, (visible.shape[0], keys))
    room = max(1, _ELEMENTS // max(keys, 1))
    few = max(_FEW_ROWS, queries // _PARTS) if causal or visible is not None else queries
    count = max(1, min(queries, room, few))
    together = max(1, min(heads, room // count))
    ranges = []
    for start in range(0, queries, count):
        stop = min(queries, start + count)
        first, last = 0, min(keys, stop) if causal else keys
        if visible is not None:
            rows = visible if len(visible) == 1 else visible[start:stop]
            columns = np.flatnonzero(np.any(rows[:, :last], 0))
            first, last = (columns[0], columns[-1] + 1) if len(columns) else (0, 0)
        ranges.append((slice(start, stop), slice(int(first), int(last))))
    groups = [slice(first, min(heads, first + together)) for first in range(0, heads, together)]
    return [_Tile(group, rows, seen) for group in groups for rows, seen in ranges]


def _hide(scores: Any, mask: Any, causal: bool, lead: tuple[int, ...], tile: _Tile) -> None:
    """Add the mask to the scores of a tile, and make those of hidden keys -inf."""
    heads, rows, keys = tile
    if causal:
        start = max(keys.start, rows.start)  # keys before that are seen by all rows
        corner = scores[..., start - keys.start :]
        later = np.arange(start, start + corner.shape[-1]) > np.arange(rows.start, rows.stop)[:, None]
        np.copyto(corner, -math.inf, where=later)
    if mask is None:
        return
    part = mask if mask.shape[-2] == 1 else mask[..., rows, :]
    part = part if mask.shape[-1] == 1 else part[..., keys]
    if math.prod(part.shape[:-2]) > 1:
        places = np.unravel_index(np.arange(heads.start, heads.stop), lead)
        part = np.broadcast_to(part, (*lead, *part.shape[-2:]))[places]
    else:
        part = part.reshape(part.shape[-2:])
    if part.dtype == bool:
        np.copyto(scores, -math.inf, where=~part)
    else:
        scores += part


def _part(buffer: Any, *shape: int) -> Any:
    """The first elements of a buffer, which is used again and again: new memory costs more than the product in it."""
    return buffer[: math.prod(shape)].reshape(shape)


@numpy_function
def attention(query: Any, key: Any, value: Any, mask: Any, causal: bool, scale: float) -> Any:
    """(..., L, V), and the logarithms (..., L, 1) of the sums of exp(scores); a row that sees nothing has 0 and inf."""
    lead = _lead(query, key, value, mask)
    q, k, v = _flat(query, lead) * scale, _flat(key, lead), _flat(value, lead)
    across = np.swapaxes(k, -1, -2).copy()
    z, logs = np.empty((*q.shape[:-1], v.shape[-1]), q.dtype), np.empty((*q.shape[:-1], 1), q.dtype)
    ones = np.ones((k.shape[-2], 1), q.dtype)
    tiles = _tiles(q, k, mask, causal)
    buffer = np.empty(max([math.prod(tile.shape) for tile in tiles], default=0), q.dtype)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for tile in tiles:
            heads, rows, keys = tile
            scores = np.matmul(q[heads, rows], across[heads, :, keys], out=_part(buffer, *tile.shape))
            _hide(scores, mask, causal, lead, tile)
            top = np.max(scores, -1, keepdims=True, initial=-math.inf)
            top = np.where(np.isfinite(top), top, 0)
            scores -= top
            np.exp(scores, out=scores)
            total = np.matmul(scores, ones[keys])  # BLAS sums rows faster than np.sum
            part = np.matmul(scores, v[heads, keys], out=z[heads, rows])
            part /= np.where(total == 0, 1, total)
            logs[heads, rows] = np.where(total == 0, math.inf, np.log(total) + top)
    return z.reshape(*lead, *z.shape[-2:]), logs.reshape(*lead, *logs.shape[-2:])


def _packed(*arrays: Any) -> tuple[Any, list[Any]]:
    """Zeros for arrays of (heads, rows, columns) in one array, and views of the parts."""
    ends = np.cumsum([0, *[math.prod(x.shape[1:]) for x in arrays]])
    packed = np.zeros((len(arrays[0]), ends[-1]), arrays[0].dtype)
    pairs = zip(arrays, ends[:-1], ends[1:], strict=True)
    return packed, [packed[:, start:stop].reshape(x.shape) for x, start, stop in pairs]


@numpy_function
def attention_back(
    g: Any, z: Any, logs: Any, query: Any, key: Any, value: Any, mask: Any, causal: bool, scale: float
) -> Any:
    """The gradients of query, key and value with all leading axes, flat, one after the other in the last axis.

    ``z`` and ``logs`` are what ``attention`` gave.
    """
    lead = _lead(g, query, key, value, mask)
    q, k, v, g, z, logs = [_flat(x, lead) for x in (query, key, value, g, z, logs)]
    q = q * scale
    across, values = np.swapaxes(k, -1, -2).copy(), np.swapaxes(v, -1, -2).copy()
    inner = np.sum(g * z, -1, keepdims=True)
    packed, (of_q, of_k, of_v) = _packed(q, k, v)
    ones = np.ones((k.shape[-2], 1), q.dtype)
    tiles = _tiles(q, k, mask, causal)
    first, second = np.empty((2, max([math.prod(tile.shape) for tile in tiles], default=0)), q.dtype)
    most = max([tile.shape[0] for tile in tiles], default=0)
    third = np.empty(most * k.shape[-2] * max(k.shape[-1], v.shape[-1]), q.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        for tile in tiles:
            heads, rows, keys = tile
            p = np.matmul(q[heads, rows], across[heads, :, keys], out=_part(first, *tile.shape))
            _hide(p, mask, causal, lead, tile)
            p -= logs[heads, rows]
            np.exp(p, out=p)
            total = np.matmul(p, ones[keys])  # 1, unless scores are so large that the logarithm beside them is lost
            total[total == 0] = 1
            part = g[heads, rows] / total
            slope = np.matmul(part, values[heads, :, keys], out=_part(second, *tile.shape))
            slope -= inner[heads, rows] / total
            slope *= p
            np.matmul(slope, k[heads, keys], out=of_q[heads, rows])
            for gradient, weights, other in ((of_v, p, part), (of_k, slope, q[heads, rows])):
                product = _part(third, *weights.shape[::2], other.shape[-1])
                gradient[heads, keys] += np.matmul(np.swapaxes(weights, -1, -2), other, out=product)
    of_q *= scale
    return packed.reshape(*lead, packed.shape[-1])
