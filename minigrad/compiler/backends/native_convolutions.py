"""Convolutions and their gradients as loops in machine code: see ``native_networks`` for what they stand for.

A kernel sees lines: what lies in a row of images, all columns of all members of the batch, is one run of numbers. Which
rows an element of a window sees, in each row of the result, stands in a table; where it begins in a line, in a list. So
axes, steps, distances and padding are data, and few kernels serve all windows. What is not a run, as where a window
moves by more than one column, is copied so that it is, together with the padding of a line.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from minigrad.compiler.arena import address_of
from minigrad.compiler.backends.cache import Compiler
from minigrad.compiler.backends.correlation_loops import (
    block_of_outputs,
    block_of_weights,
    correlation,
    weight_gradient,
)
from minigrad.compiler.backends.kernel_expressions import dtype_name
from minigrad.compiler.backends.machine import Loop, alike, registers, shared
from minigrad.compiler.backends.replay import spanned
from minigrad.compiler.passes.buffers import is_dense, new_array
from minigrad.compiler.program import Value
from minigrad.kernels.convolution import convolution, convolution_kernel, convolution_transpose, phase_of
from minigrad.kernels.image_layout import memory_order
from minigrad.kernels.windows import Sizes, Window
from minigrad.kernels.winograd import is_tiled

#: Bytes of a line of the cache.
LINE = 64

#: A row of the table that is one of zeros.
NOWHERE = np.uint64(2**64 - 1)

#: Bytes of the rows that a part of a weight's gradient is made of, about: they stay in a second-level cache.
PART = 500_000

#: Registers that a sum of such a part adds up at least: its lanes are added up too, and with few BLAS is faster.
LEAST = 24

#: Parts of a weight's gradient at most: each is added up by itself.
PARTS = 64


#: Channels and results from which on tiles (``kernels/winograd.py``) take less time: 0.8 with 256, 1.0 with 128.
TILED = 192

#: Channels times results, and places, beyond which laying the weights anew is a small part: 4 ns for each of them.
DENSE, PLACES = 8_192, 600


class Phase(NamedTuple):
    """What makes every so-many-th column of a result: elements of the window, and where they and the results begin.

    ``taps`` are elements of the last axis; ``starts`` say where in a line what they see begins, in columns.
    """

    taps: slice
    starts: tuple[int, ...]
    places: slice


# -- layouts --------------------------------------------------------------------------------------


def order_strides(shape: Sizes, itemsize: int) -> Sizes:
    """The strides of images (N, C, *sizes) in the order of memory."""
    strides, stride = {}, itemsize
    for axis in reversed(memory_order(len(shape))):
        strides[axis], stride = stride, stride * shape[axis]
    return tuple([strides[axis] for axis in range(len(shape))])


def lies(value: Any) -> bool:
    """Whether images lie in the order of memory, without gaps."""
    lines = zip(value.shape, value.strides, order_strides(value.shape, value.dtype.itemsize), strict=True)
    return all(n == 1 or stride == wanted for n, stride, wanted in lines)


def _line_strides_fit(value: Value) -> bool:
    """Whether columns and members of a batch are runs: rows and channels may lie anywhere."""
    expected = (value.dtype.itemsize, value.shape[0] * value.dtype.itemsize)
    lines = zip((value.shape[0], value.shape[-1]), (value.strides[0], value.strides[-1]), expected, strict=True)
    return all(n == 1 or stride == wanted for n, stride, wanted in lines) and all(s >= 0 for s in value.strides)


def brought(value: Value, low: int = 0, high: int = 0, step: int = 1) -> Callable[[Any], Any]:
    """What brings images into the order of memory, as one run; with zeros on both sides of the last axis.

    With a ``step``, columns that are so far apart stand side by side: an axis of ``step`` before the last one.
    """
    if low == high == 0 and step == 1 and lies(value):
        return spanned
    order, width = memory_order(len(value.shape)), value.shape[-1]
    each = -(-(low + width + high) // step)
    room = _aligned([*[value.shape[axis] for axis in order[:-2]], step, each, value.shape[0]], value.dtype)
    pairs = []
    for phase in range(step):
        first = (phase - low) % step  # the first column that belongs there
        columns = slice(first, None, step)
        place, count = (first + low) // step, len(range(width)[columns])
        pairs.append((room[..., phase, place : place + count, :], (..., columns)))
    run = room.reshape(-1)

    def bring(array: Any) -> Any:
        for to, columns in pairs:
            to[...] = array[columns].transpose(order)
        return run

    return bring


def _aligned(shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
    """Zeros that begin where a line of the cache does: a register that is loaded from two takes twice as long."""
    size = math.prod(shape) * dtype.itemsize
    room = np.zeros(size + LINE, np.uint8)
    start = -address_of(room) % LINE
    return room[start : start + size].view(dtype).reshape(shape)


def _new(value: Value) -> np.ndarray:
    """New memory for a value, which may have gaps."""
    if is_dense(value):
        return new_array(value)
    size = sum((n - 1) * stride for n, stride in zip(value.shape, value.strides, strict=True)) + value.dtype.itemsize
    return np.ndarray(value.shape, value.dtype, np.empty(size, np.uint8), 0, value.strides)


def _rows(sizes: Sizes) -> int:
    return math.prod(sizes[:-1])


@functools.lru_cache(256)
def _seen_rows(window: Window, sizes: Sizes, counts: Sizes) -> np.ndarray:
    """For each row of the result of a convolution, and each row of the window, the row of x that it sees."""
    return _table(window, sizes, counts, lambda place, element, s, d, low: (place * s + element * d - low, 0))


@functools.lru_cache(256)
def _seen_back(window: Window, sizes: Sizes, counts: Sizes) -> np.ndarray:
    """For each row of images, and each row of the window, the row of the result that sees it there."""

    def found(place: Any, element: Any, s: int, d: int, low: int) -> tuple[Any, Any]:
        return (place + low - element * d) // s, (place + low - element * d) % s

    return _table(window, counts, sizes, found)


def _table(window: Window, sizes: Sizes, counts: Sizes, along: Callable[..., tuple[Any, Any]]) -> np.ndarray:
    lead = len(sizes) - 1
    total = np.zeros((*counts[:-1], *window.kernel[:-1]), np.int64)
    outside = np.zeros(total.shape, bool)
    for axis in range(lead):
        place = np.arange(counts[axis]).reshape(-1, *(1,) * (2 * lead - axis - 1))
        element = np.arange(window.kernel[axis]).reshape(-1, *(1,) * (lead - axis - 1))
        seen, rest = along(place, element, window.stride[axis], window.dilation[axis], window.padding[axis][0])
        outside |= (seen < 0) | (seen >= sizes[axis]) | (rest != 0)
        total = total * sizes[axis] + seen
    return np.where(outside, NOWHERE, total.astype(np.uint64)).reshape(-1)


# -- forward, and the gradient of images ------------------------------------------------------------


def _packed(weight: Any, groups: int, block: int) -> Any:
    """A weight (groups * out, in, rows, columns) in the order in which a kernel reads it."""
    shape = weight.shape
    parts = weight.reshape(groups, shape[0] // groups, *shape[1:])
    outputs = parts.shape[1]
    if outputs % block:
        starts = np.minimum(np.arange(0, outputs, block), outputs - block)
        parts = parts[:, (starts[:, None] + np.arange(block)).reshape(-1)]
    parts = parts.reshape(groups, -1, block, *shape[1:])
    return np.ascontiguousarray(parts.transpose(0, 1, 4, 3, 5, 2)).reshape(-1)


def _correlated(
    compiler: Compiler,
    name: str,
    values: tuple[Any, Any, Any, Any],
    groups: int,
    table: np.ndarray,
    phases: Sequence[Phase],
    bring: Callable[[Any], Any],
    x_line: int,
    turned: Callable[[Any], Any],
) -> Loop | None:
    """z = x correlated with a weight: all its phases. ``turned`` gives the weight as (out, in / groups, *kernel)."""
    x, _, _, result = values
    dtype, (batch, outputs, *sizes) = result.dtype, result.shape
    scattered = any((phase.places.step or 1) > 1 for phase in phases)
    room = registers(dtype)
    shortest = min(len(range(sizes[-1])[phase.places]) for phase in phases) * batch
    block = block_of_outputs(outputs // groups, shortest, room)
    if block is None:
        return None
    kernel = compiler.kernel(correlation(block, dtype_name(dtype), scattered))
    itemsize, rows = dtype.itemsize, _rows(tuple(sizes))
    height = len(table) // max(rows, 1)
    strides = result.strides
    lead = np.indices(sizes[:-1]).reshape(len(sizes) - 1, rows)
    starts = (np.array(strides[2:-1], np.int64) @ lead if len(sizes) > 1 else np.zeros(1, np.int64)) // itemsize
    inside = x.shape[1] // groups
    work = math.prod(result.shape) * inside * height * sum(len(p.starts) for p in phases) // len(phases)
    start = shared(kernel, rows, work)
    counts = groups, inside, outputs // groups, height
    lines = math.prod(x.shape[2:-1]), x_line, strides[1] // itemsize
    jobs = [_job(phase, starts, batch, sizes[-1], counts, lines) for phase in phases]
    zeros = np.zeros(outputs, dtype)
    covered = sum(len(range(sizes[-1])[phase.places]) for phase in phases) == sizes[-1]

    def run(x: Any, weight: Any, bias: Any, *_: Any, out: Any = None, **__: Any) -> Any:
        z = _new(result) if out is None else out
        if not covered:
            z[...] = 0 if bias is None else bias.reshape(-1, *(1,) * len(sizes))
        seen, weight = bring(x), turned(weight)
        shift = zeros if bias is None else np.ascontiguousarray(bias)
        for taps, offsets, own, numbers in jobs:
            part = weight[taps].reshape(*weight.shape[:2], height, len(offsets))
            start(seen, _packed(part, groups, block.outputs), shift, spanned(z), table, offsets, own, *numbers)
        return z

    _, offsets, own, numbers = jobs[0]
    return Loop(name, run, kernel, [zeros] * 4 + [table, offsets, own, *numbers], is_dense(result))


def _job(
    phase: Phase, starts: np.ndarray, batch: int, size: int, counts: tuple[int, ...], lines: tuple[int, ...]
) -> tuple[Any, np.ndarray, np.ndarray, tuple[int, ...]]:
    """What one phase asks of the kernel: its taps, where they look and where results begin, and the numbers."""
    elements, columns, places = phase
    count, step = len(range(size)[places]), places.step or 1
    numbers = (*counts, len(columns), *lines, count * batch, batch, batch * step)
    own = (starts + places.start * batch).astype(np.uint64)
    return (slice(None), slice(None), ..., elements), np.array(columns, np.uint64) * np.uint64(batch), own, numbers


def _is_others(window: Window, x: Any, z: Any, groups: int) -> bool:
    """Whether a convolution of x with the result z is better done otherwise.

    One product of matrices is BLAS's. With many channels tiles save more than they cost, and where there are few places
    the weights are laid anew for little.
    """
    if groups == 1 and math.prod(window.kernel) == 1:
        return True
    fewest, places = min(x.shape[1], z.shape[1]), z.shape[0] * math.prod(z.shape[2:])
    if fewest >= TILED and is_tiled(window, x, z.shape[1], z.dtype, groups):
        return True
    return groups == 1 and x.shape[1] * z.shape[1] > DENSE and places < PLACES


def _fits(result: Value, arrays: Sequence[Any]) -> bool:
    return alike(result.dtype, *arrays) and all(math.prod(x.shape) for x in arrays) and _line_strides_fit(result)


def convolved(
    compiler: Compiler, result: Any, x: Any, weight: Any, bias: Any, window: Window, groups: int
) -> Loop | None:
    """The loop for ``convolution``."""
    if _is_others(window, x, result, groups) or not _fits(
        result, [x, weight, result, *([] if bias is None else [bias])]
    ):
        return None
    counts, (low, high), step, distance = (result.shape[2:], window.padding[-1], window.stride[-1], window.dilation[-1])
    each = -(-(low + x.shape[-1] + high) // step)
    starts = tuple([(b * distance) % step * each + b * distance // step for b in range(window.kernel[-1])])
    phase = Phase(slice(None), starts, slice(0, counts[-1], 1))
    table = _seen_rows(window, x.shape[2:], counts)
    bring, x_line = brought(x, low, high, step), each * step * x.shape[0]
    values = x, weight, bias, result
    return _correlated(compiler, "convolution", values, groups, table, [phase], bring, x_line, lambda w: w)


def transposed(
    compiler: Compiler, result: Any, x: Any, weight: Any, bias: Any, window: Window, size: Any, groups: int
) -> Loop | None:
    """The loop for ``convolution_transpose``."""
    if _is_others(window, result, x, groups) or not _fits(
        result, [x, weight, result, *([] if bias is None else [bias])]
    ):
        return None
    size, counts, axis = tuple(size), x.shape[2:], len(size) - 1
    parts = [phase_of(window, axis, phase, counts[-1], size[-1]) for phase in range(window.stride[-1])]
    present = [part for part in parts if part is not None]
    if not present:
        return None
    # What each phase wants before and behind the columns that there are.
    low = max(0, *[padding[0] - seen.start for _, seen, padding, _, _ in present])
    high = max(0, *[padding[1] + seen.stop - counts[-1] for _, seen, padding, _, _ in present])
    phases = []
    for taps, seen, padding, distance, places in present:
        number = len(range(window.kernel[-1])[taps])
        begin = low + seen.start - padding[0]
        phases.append(Phase(taps, tuple([begin + b * distance for b in range(number)]), places))
    table = _seen_back(window, size, counts)
    x_line = (low + counts[-1] + high) * x.shape[0]

    def turned(weight: Any) -> Any:
        parts = weight.reshape(groups, weight.shape[0] // groups, *weight.shape[1:]).swapaxes(1, 2)
        return parts.reshape(-1, *parts.shape[2:])

    values, bring = (x, weight, bias, result), brought(x, low, high)
    return _correlated(compiler, "convolution_transpose", values, groups, table, phases, bring, x_line, turned)


# -- the gradient of the weight ---------------------------------------------------------------------


def kernel_gradient(compiler: Compiler, result: Any, x: Any, y: Any, window: Window, groups: int) -> Loop | None:
    """The loop for ``convolution_kernel``."""
    if _is_others(window, x, y, groups) or not alike(result.dtype, x, y, result) or not math.prod(x.shape + y.shape):
        return None
    dtype, counts, outputs = result.dtype, y.shape[2:], y.shape[1]
    room, line, inside = registers(dtype), counts[-1] * y.shape[0], x.shape[1] // groups
    if line < room.lanes:
        return None
    (low, high), step, distance, width = (window.padding[-1], window.stride[-1], window.dilation[-1], window.kernel[-1])
    each = -(-(low + x.shape[-1] + high) // step)
    starts = [(b * distance) % step * each + b * distance // step for b in range(width)]
    x_line = each * step * x.shape[0]
    taps = np.array([c * x_line + s * x.shape[0] for c in range(inside) for s in starts], np.uint64)
    block = block_of_weights(outputs // groups, len(taps), room)
    kernel = compiler.kernel(weight_gradient(block))
    rows, table = _rows(counts), _seen_rows(window, x.shape[2:], counts)
    height = len(table) // max(rows, 1)
    several = max(1, PART // (outputs * line * dtype.itemsize), -(-rows // PARTS))
    parts = min(rows, 2 * -(-rows // (2 * several)))
    several = -(-rows // parts)
    parts = -(-rows // several)
    if several * line < LEAST * room.lanes:
        return None
    numbers = (
        groups,
        len(taps),
        outputs // groups,
        height,
        math.prod(x.shape[2:-1]),
        inside * x_line,
        rows,
        line,
        several,
    )
    start = shared(kernel, parts, math.prod(y.shape) * len(taps) * height)
    bring_x, bring_y = brought(x, low, high, step), brought(y)
    zero, total = np.zeros(1, dtype), np.empty((parts, math.prod(result.shape)), dtype)

    def run(x: Any, y: Any, *_: Any, out: Any = None, **__: Any) -> Any:
        weight = new_array(result) if out is None else out
        start(bring_x(x), bring_y(y), zero, total.reshape(-1), table, taps, *numbers)
        gradient = np.add.reduce(total, 0).reshape(outputs, *window.kernel[:-1], inside, width)
        weight[...] = np.moveaxis(gradient, -2, 1)
        return weight

    return Loop("convolution_kernel", run, kernel, [zero] * 4 + [table, taps, *numbers], True)


#: What makes a loop for a call of a ``numpy_function``.
CONVOLUTIONS: dict[Any, Callable[..., Loop | None]] = {
    convolution: convolved,
    convolution_transpose: transposed,
    convolution_kernel: kernel_gradient,
}
