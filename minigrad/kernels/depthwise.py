"""Convolutions whose groups are a channel or two: sums over the elements of the window, of whole runs at a time.

A matrix product of one row runs at a fifth of BLAS's speed, and windows would be copied for it. Here each element of
the window is a number that multiplies a run, and ``einsum`` adds the products up where they belong: nothing is copied
but what a stride, or a batch of one, keeps from being a run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minigrad.kernels.image_layout import as_images, framed_images, in_memory
from minigrad.kernels.windows import Sizes, Window

#: Numbers in a run (the width of the result times the batch) below which the runs of all channels are taken as one,
#: with the weights repeated as often: 0.44 instead of 1.43 ms for 8 x 512 x 7 x 7, but 2.9 instead of 2.2 for
#: 8 x 96 x 28 x 28 and 5 x 5 elements.
SHORT = 128

#: Products of a channel and a result that a group has at most.
LARGEST = 2

#: Numbers of such a run that are taken at a time, so that what is added to stays in the cache.
RUN = 8192


def is_depthwise(outputs: int, channels: int, groups: int) -> bool:
    """Whether groups are so small that products of matrices are slower; ``channels`` are those of one group."""
    return groups > 1 and outputs * channels <= LARGEST * groups


def _lines(framed: Any, window: Window, counts: Sizes) -> Any:
    """What the windows see along the last axis: (*padded rows, elements, C, width, N); a view where runs are whole."""
    moved = in_memory(framed)
    *rows, channels, _, batch = moved.shape
    elements, width = window.kernel[-1], counts[-1]
    if window.stride[-1] == 1 and (batch > 1 or elements == 1) and width * batch >= SHORT:
        *between, channel, place, one = moved.strides
        strides = (*between, place * window.dilation[-1], channel, place, one)
        return as_strided(moved, (*rows, elements, channels, width, batch), strides, writeable=False)
    lines = np.empty((*rows, elements, channels, width, batch), moved.dtype)
    for offset in range(elements):
        lines[..., offset, :, :, :] = moved[..., window.line(len(counts) - 1, offset, counts), :]
    return lines


def _seen(lines: Any, window: Window, counts: Sizes) -> Any:
    """(*places, *elements, ...) of lines: what the windows see along all axes but the last, a view."""
    axes = len(counts) - 1
    steps = [s * line for s, line in zip(window.stride[:-1], lines.strides[:axes], strict=True)]
    inside = [d * line for d, line in zip(window.dilation[:-1], lines.strides[:axes], strict=True)]
    shape = (*counts[:-1], *window.kernel[:-1], *lines.shape[axes:])
    return as_strided(lines, shape, (*steps, *inside, *lines.strides[axes:]), writeable=False)


def _names(axes: int) -> tuple[list[int], list[int]]:
    """Numbers for the axes of places, all but the last, and of elements."""
    return list(range(10, 9 + axes)), list(range(20, 20 + axes))


GROUP, OUTPUT, CHANNEL, PLACE = range(4)


def _is_one_run(seen: Any, outputs: int, channels: int, line: int) -> bool:
    return outputs == channels == 1 and line < SHORT and seen.strides[-3] == line * seen.itemsize


#: Numbers in images from which on runs take less time with a stride too: 0.8 forward, 0.5 to 0.6 for the weight.
STRIDED = 16_384

#: Phases of a stride up to which that is so forward.
PHASES = 4

#: Numbers of results of some channels that are worked on at a time.
PIECE = 32_768


class _Runs(NamedTuple):
    """Images with one channel for each group as runs of memory, one for each channel and phase of the strides.

    A phase has the rows and columns that are a stride apart, with the padding. There an element of a window is a fixed
    distance behind the window's first place, in each row alike. So a channel is one long run for each element; what is
    computed where a window would go around the end of a row is left out.
    """

    parts: list[tuple[Any, Any]]  # the index of some elements of a window, and what they see: (C, *elements, places)
    places: int  # from the first to the last
    width: int  # of a row of a phase


def _runs(x: Any, window: Window, counts: Sizes, dtype: Any) -> _Runs:
    batch, channels, *sizes = x.shape
    (down, across), (high, wide), (by_row, by_column) = window.stride, window.kernel, window.dilation
    height, width = (-(-size // step) for size, step in zip(window.padded(tuple(sizes)), window.stride, strict=True))
    places = ((counts[0] - 1) * width + counts[1]) * batch
    runs = _Runs([], places, width)
    for row, column in np.ndindex(min(down, high), min(across, wide)):
        room = np.zeros((channels, height, width, batch), dtype)
        index = [
            (slice((phase - low) % step, None, step), ((phase - low) % step + low) // step)
            for phase, step, (low, _) in zip((row, column), window.stride, window.padding, strict=True)
        ]
        part = x[:, :, index[0][0], index[1][0]].transpose(1, 2, 3, 0)
        top, left = index[0][1], index[1][1]
        room[:, top : top + part.shape[1], left : left + part.shape[2]] = part
        elements = (..., slice(row, None, down), slice(column, None, across))
        shape = (channels, len(range(row, high, down)), len(range(column, wide, across)), places)
        step = room.itemsize * batch
        strides = (room.strides[0], by_row * width * step, by_column * step, room.itemsize)
        runs.parts.append((elements, as_strided(room, shape, strides, writeable=False)))
    return runs


def _has_runs(x: Any, window: Window, outputs: int, channels: int) -> bool:
    if len(window.kernel) != 2 or not outputs == channels == 1 or not x.size:
        return False
    return window.stride == (1, 1) or (window.dilation == (1, 1) and x.size >= STRIDED)


def _are_worth_it(x: Any, window: Window, counts: Sizes) -> bool:
    """Whether sums over runs take less time: 0.5 to 0.9 of it for several images, where rows have little padding.

    For a batch of one, ``einsum`` would go over the window inside and over places outside, in six times the time.
    """
    width = -(-window.padded(x.shape[2:])[-1] // window.stride[-1])
    wide = width > 1.25 * counts[-1] and counts[-1] * len(x) >= SHORT
    return len(x) > 1 and not wide and math.prod(window.stride) <= PHASES


def _pieces(channels: int, length: int) -> Iterator[slice]:
    step = max(1, PIECE // max(length, 1))
    return (slice(start, start + step) for start in range(0, channels, step))


def _convolved_in_runs(x: Any, weight: Any, window: Window, counts: Sizes, dtype: Any) -> Any:
    parts, places, width = _runs(x, window, counts, dtype)
    batch, channels = x.shape[:2]
    z = np.empty((counts[0], channels, counts[1], batch), dtype)
    weight = weight.reshape(channels, *window.kernel).astype(dtype, copy=False)
    for piece in _pieces(channels, places):
        run = np.empty((len(weight[piece]), counts[0] * width * batch), dtype)
        sums = run[:, :places]
        for number, (elements, seen) in enumerate(parts):
            operands = "cijp,cij->cp", seen[piece], weight[piece][elements]
            if number:
                with np.errstate(over="ignore", invalid="ignore"):  # also of what is left out; einsum says nothing
                    sums += np.einsum(*operands)
            else:
                np.einsum(*operands, out=sums)
        z[:, piece] = run.reshape(-1, counts[0], width, batch)[:, :, : counts[1]].swapaxes(0, 1)
    return as_images(z)


def _kernel_in_runs(x: Any, y: Any, window: Window, counts: Sizes, dtype: Any) -> Any:
    parts, places, width = _runs(x, window, counts, dtype)
    batch, channels = x.shape[:2]
    room = np.zeros((channels, counts[0], width, batch), dtype)
    room[:, :, : counts[1]] = y.transpose(1, 2, 3, 0)
    run, total = room.reshape(channels, -1)[:, None, None, :places], np.empty((channels, *window.kernel), dtype)
    for elements, seen in parts:
        total[elements] = np.vecdot(run, seen)
    return total.reshape(channels, 1, *window.kernel)


def depthwise_convolved(x: Any, weight: Any, window: Window, groups: int) -> Any:
    """Each window of x (N, in, *sizes) times weight (out, in / groups, *kernel)."""
    dtype, axes, counts = np.result_type(x, weight), len(window.kernel), window.counts(x.shape[2:])
    places, elements = _names(axes)
    outputs, channels, line = weight.shape[0] // groups, weight.shape[1], counts[-1] * x.shape[0]
    if _has_runs(x, window, outputs, channels) and _are_worth_it(x, window, counts):
        return _convolved_in_runs(x, weight, window, counts, dtype)
    seen = _seen(_lines(framed_images(x, window, dtype), window, counts), window, counts)
    z = np.empty((*counts[:-1], weight.shape[0], counts[-1], x.shape[0]), dtype)
    weight = weight.reshape(groups, outputs, channels, *window.kernel).astype(dtype, copy=False)
    if _is_one_run(seen, outputs, channels, line):
        runs, sums = seen.reshape(*seen.shape[:-3], groups * line), z.reshape(*counts[:-1], groups * line)
        weights = np.repeat(np.moveaxis(weight.reshape(groups, *window.kernel), 0, -1), line, -1)
        for start in range(0, groups * line, RUN):
            part = (..., slice(start, start + RUN))
            left, right = [*places, *elements, PLACE], [*elements, PLACE]
            np.einsum(runs[part], left, weights[part], right, [*places, PLACE], out=sums[part])
        return as_images(z)
    parts = seen.reshape(*seen.shape[:-3], groups, channels, line)  # of strided axes: views
    left, right = [*places, *elements, GROUP, CHANNEL, PLACE], [GROUP, OUTPUT, CHANNEL, *elements]
    sums = z.reshape(*counts[:-1], groups, outputs, line)
    np.einsum(parts, left, weight, right, [*places, GROUP, OUTPUT, PLACE], out=sums)
    return as_images(z)


def depthwise_kernel(x: Any, y: Any, window: Window, groups: int) -> Any:
    """The adjoint with respect to the weight: x (N, in, *sizes) correlated with y (N, out, *places)."""
    dtype, axes, counts = np.result_type(x, y), len(window.kernel), window.counts(x.shape[2:])
    places, elements = _names(axes)
    outputs, channels, line = y.shape[1] // groups, x.shape[1] // groups, counts[-1] * x.shape[0]
    if _has_runs(x, window, outputs, channels):
        with np.errstate(over="ignore", invalid="ignore"):
            weight = _kernel_in_runs(x, y, window, counts, dtype)
        if np.isfinite(weight).all():  # else 0 may have been multiplied by an infinity that no window of y sees there
            return weight
    seen = _seen(_lines(framed_images(x, window, dtype), window, counts), window, counts)
    y = in_memory(y).astype(dtype, copy=False)
    if _is_one_run(seen, outputs, channels, line):
        runs, other = seen.reshape(*seen.shape[:-3], groups * line), y.reshape(*counts[:-1], groups * line)
        total = np.empty((*window.kernel, groups * line), dtype)
        for start in range(0, groups * line, RUN):
            part = (..., slice(start, start + RUN))
            left, right = [*places, *elements, PLACE], [*places, PLACE]
            np.einsum(runs[part], left, other[part], right, [*elements, PLACE], out=total[part])
        total = np.add.reduce(total.reshape(*window.kernel, groups, max(line, 0)), -1)
        return np.ascontiguousarray(np.moveaxis(total, -1, 0)).reshape(groups, 1, *window.kernel)
    parts = seen.reshape(*seen.shape[:-3], groups, channels, line)
    left, right = [*places, *elements, GROUP, CHANNEL, PLACE], [*places, GROUP, OUTPUT, PLACE]
    other = y.reshape(*counts[:-1], groups, outputs, line)
    weight = np.einsum(parts, left, other, right, [GROUP, OUTPUT, CHANNEL, *elements])
    return np.ascontiguousarray(weight).reshape(math.prod((groups, outputs)), channels, *window.kernel)
