"""The largest element of each window of images (N, C, *sizes), and what is read and shared out where it stands."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.core.conversion import as_array
from minigrad.core.stands import numpy_function
from minigrad.kernels.windows import Window, framed, reduced


def lowest(dtype: Any) -> Any:
    """The least value of a dtype."""
    return -math.inf if dtype.kind == "f" else False if dtype.kind == "b" else np.iinfo(dtype).min


@numpy_function
def max_pool(x: Any, window: Window) -> Any:
    """The maximum of each window of x."""
    x = as_array(x)
    return reduced(np.maximum, framed(x, window, lowest(x.dtype)), window, window.counts(x.shape[2:]))


def _winners(x: Any, top: Any, window: Window) -> list[tuple[tuple[Any, ...], Any]]:
    """For each element of the windows: where it falls, and at which places it is the maximum."""
    lost = np.isnan(top).any()
    # The padding never wins: NaN equals nothing, and -inf is not NaN.
    whole = framed(x, window, -math.inf if lost else math.nan) if x.dtype.kind == "f" else framed(x, window)
    places = []
    for _, place in window.places(top.shape[2:]):
        part = whole[place]
        places.append((place, (part == top) | np.isnan(part) if lost else part == top))
    return places


def _ties(winners: list[tuple[tuple[Any, ...], Any]], top: Any, dtype: Any) -> Any:
    """How many elements of each window are its maximum."""
    total = np.zeros_like(top, dtype)
    for _, wins in winners:
        total += wins
    return total


def _taken(x: Any, mask: Any) -> Any:
    return np.where(mask, x, 0)


def _are_tiles(window: Window, sizes: Any, counts: Any) -> bool:
    """Whether images of two axes are divided into windows that stand side by side."""
    tiled = tuple([count * size for count, size in zip(counts, window.kernel, strict=True)])
    return len(sizes) == 2 and tiled == sizes and window.stride == window.kernel and {1, *window.dilation} == {1}


def _share_of_tiles(y: Any, x: Any, top: Any, kernel: Any) -> Any:
    """``window_share`` of such windows, in steps over whole images; None where a number is NaN, or y infinite.

    Steps for each element of a window take two to seven times as long.
    """
    order = tuple(sorted(range(4), key=lambda axis: -top.strides[axis]))
    images, tops = x.transpose(order), top.transpose(order)
    if not (images.flags.c_contiguous and tops.flags.c_contiguous) or not top.size:
        return None
    row, column = order.index(2), order.index(3)
    share = np.ascontiguousarray(y.transpose(order))
    if np.isnan(tops).any() or not np.isfinite(share).all():
        return None

    def stretched(numbers: Any) -> Any:
        return np.expand_dims(np.repeat(numbers, kernel[1], column), row + 1)

    shape = (*images.shape[:row], tops.shape[row], kernel[0], *images.shape[row + 1 :])
    wins = images.reshape(shape) == stretched(tops)
    if np.count_nonzero(wins) != top.size:  # some tie
        counts = wins.view(np.uint8) if math.prod(kernel) < 256 else wins.astype(np.int32)
        counts = sum(counts[(*[slice(None)] * (row + 1), k)] for k in range(kernel[0]))
        share = share / sum(counts[(*[slice(None)] * column, slice(k, None, kernel[1]))] for k in range(kernel[1]))
    z = np.empty_like(top, y.dtype, shape=x.shape)
    np.multiply(wins, stretched(share), out=z.transpose(order).reshape(shape))
    return z


@numpy_function
def window_share(y: Any, x: Any, top: Any, window: Window) -> Any:
    """y, one number for each window of x, divided evenly among its elements that equal ``top``, the maximum."""
    if y.dtype.char == "e":  # which counts to 2048
        return window_share(y.astype(np.float32), x, top, window).astype(y.dtype)
    if _are_tiles(window, x.shape[2:], top.shape[2:]) and not any(map(any, window.padding)):
        shared = _share_of_tiles(y, x, top, window.kernel)
        if shared is not None:
            return shared
    winners = _winners(x, top, window)
    share = np.empty_like(top, y.dtype)  # in the layout of top, whatever that of y is
    np.divide(y, _ties(winners, top, y.dtype), out=share)
    take = np.multiply if np.isfinite(share).all() else _taken  # inf * 0 is NaN
    room = np.zeros_like(top, y.dtype, shape=x.shape[:2] + window.padded(x.shape[2:]))
    for place, wins in winners:
        room[place] += take(share, wins)
    return room[window.interior(x.shape[2:])]


@numpy_function
def window_gather(y: Any, x: Any, top: Any, window: Window) -> Any:
    """The mean of y, an array like x, over the elements of each window of x that equal ``top``, the maximum."""
    if y.dtype.char == "e":
        return window_gather(y.astype(np.float32), x, top, window).astype(y.dtype)
    winners, whole = _winners(x, top, window), framed(y, window)
    take = np.multiply if np.isfinite(y).all() else _taken
    total = np.zeros_like(top, y.dtype)
    for place, wins in winners:
        total += take(whole[place], wins)
    return total / _ties(winners, top, y.dtype)
