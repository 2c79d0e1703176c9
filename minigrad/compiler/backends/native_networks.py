"""The package's own functions for networks as loops in machine code: convolutions, pooling.

Each has the meaning of the ``numpy_function`` that it stands for, and gives its result in the same layout of memory.
What a loop does not cover (steps and distances other than 1, groups, three axes, windows that overlap), and what BLAS
does better, stays the NumPy function.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad import kernels
from minigrad.compiler.backends import network_loops
from minigrad.compiler.backends.cache import Compiler
from minigrad.compiler.backends.machine import Loop, alike, shared
from minigrad.compiler.backends.native_sequences import SEQUENCES
from minigrad.compiler.backends.replay import spanned
from minigrad.compiler.passes.buffers import new_array
from minigrad.compiler.program import Call, Value
from minigrad.kernels.image_layout import memory_order, new_images
from minigrad.kernels.windows import Window

#: Numbers in the inner loop from which on it is worth to be one.
SHORTEST = 32

#: The same for the gradient of a weight, whose loop ends in a sum of each total's lanes: below, BLAS is faster.
SHORTEST_OF_KERNEL = 512

#: A window's width up to which it is written out, and elements of a pooling window.
WIDEST, LARGEST = 12, 16


def native(calls: list[Call], compiler: Compiler) -> tuple[list[Call], list[Loop]]:
    """The calls with loops in place of the functions of ``OWN``, where there is one for the case."""
    made, loops = [], []
    for call in calls:
        maker = None if isinstance(call.function, str) or call.is_host else OWN.get(call.function)
        loop = None if maker is None else maker(compiler, call.results[0], **_arguments(call))
        if loop is None:
            made.append(call)
        else:
            loops.append(loop)
            made.append(Call(loop, call.args, call.kwargs, call.results, call.writes).beside(call))
    return made, loops


def _arguments(call: Call) -> dict[str, Any]:
    """The arguments by name."""
    bound = inspect.signature(call.function.__wrapped__).bind(*call.args, **call.kwargs)
    bound.apply_defaults()
    return bound.arguments


# -- layouts --------------------------------------------------------------------------------------


def _strides(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Those of images (N, C, *sizes) in the order of memory."""
    found, stride = {}, itemsize
    for axis in reversed(memory_order(len(shape))):
        found[axis], stride = stride, stride * shape[axis]
    return tuple([found[axis] for axis in range(len(shape))])


def _lies(value: Value, within: tuple[int, ...] | None = None) -> bool:
    """Whether a value is images in the order of memory, or the interior of such images of the shape ``within``."""
    expected = _strides(within or value.shape, value.dtype.itemsize)
    lines = zip(value.shape, value.strides, expected, strict=True)
    return all(n == 1 or stride == wanted for n, stride, wanted in lines)


def _plane(sizes: tuple[int, ...]) -> tuple[int, int]:
    """One or two sizes as two: (L,) is one row."""
    *first, last = sizes
    return first[0] if first else 1, last


def _brought(value: Value, padding: tuple[int, int]) -> Callable[[Any], Any]:
    """What brings an array into the order of memory, with zeros on both sides of its last axis, as one run."""
    if not any(padding) and _lies(value):
        return spanned
    *lead, width = value.shape
    room = new_images((*lead, width + sum(padding)), value.dtype, np.zeros)
    inside, run = room[..., padding[0] : padding[0] + width], spanned(room)

    def bring(array: Any) -> Any:
        inside[...] = array
        return run

    return bring


def _made(result: Value, within: tuple[int, ...], lows: tuple[int, ...]) -> Callable[[], Any]:
    """What makes new memory for a result, or for the images that it is the interior of."""
    if within == result.shape:
        return lambda: new_array(result)
    inside = tuple([slice(low, low + n) for low, n in zip(lows, result.shape[2:], strict=True)])
    return lambda: new_images(within, result.dtype, np.empty)[(..., *inside)]


# -- convolutions ---------------------------------------------------------------------------------


def _is_plain(window: Window, groups: int) -> bool:
    """Whether there is a loop for a window; for one of a single element, a matrix product is as good."""
    ones = (1,) * len(window.kernel)
    plain = groups == 1 and len(ones) <= 2 and window.stride == ones == window.dilation
    return plain and window.kernel != ones and window.kernel[-1] <= WIDEST


def _correlated(
    compiler: Compiler,
    name: str,
    x: Any,
    weight: Any,
    bias: Any,
    result: Any,
    turn: Callable[[Any], Any],
    padding: tuple[tuple[int, int], ...],
    lows: tuple[int, ...],
    within: tuple[int, ...],
) -> Loop | None:
    """z = x, with a padding of zeros, correlated with turn(weight). z is the interior of images ``within``."""
    dtype, (batch, outputs, *sizes) = result.dtype, result.shape
    arrays = [x, weight, result, *([] if bias is None else [bias])]
    line, channels = sizes[-1] * batch, x.shape[1]
    if not alike(dtype, *arrays) or not _lies(result, within) or line < SHORTEST or min(padding[-1]) < 0:
        return None
    if not math.prod(x.shape) * math.prod(result.shape):
        return None
    (height, width), (x_rows, x_width), (z_rows, _) = (_plane(s) for s in (weight.shape[2:], x.shape[2:], sizes))
    kernel = compiler.kernel(network_loops.convolution(outputs, channels, width))
    above = padding[0][0] if len(padding) == 2 else 0
    x_line, z_line = (x_width + sum(padding[-1])) * batch, within[-1] * batch
    numbers = (channels, outputs, height, above, x_rows, x_line, z_line * outputs, z_line, line, batch)
    start = shared(kernel, z_rows, math.prod(result.shape) * channels * height * width)
    bring, make, no_bias = _brought(x, padding[-1]), _made(result, within, lows), np.zeros(outputs, dtype)

    def run(x: Any, weight: Any, bias: Any, *_: Any, out: Any = None, **__: Any) -> Any:
        z = make() if out is None else out
        weight = np.ascontiguousarray(turn(weight)).reshape(-1)
        start(bring(x), weight, no_bias if bias is None else np.ascontiguousarray(bias), spanned(z), *numbers)
        return z

    return Loop(name, run, kernel, [no_bias] * 4 + list(numbers), within == result.shape)


def _convolved(
    compiler: Compiler, result: Any, x: Any, weight: Any, bias: Any, window: Window, groups: int
) -> Loop | None:
    if not _is_plain(window, groups):
        return None
    lows = (0,) * len(window.kernel)
    return _correlated(
        compiler, "convolution", x, weight, bias, result, lambda w: w, window.padding, lows, result.shape
    )


def _transposed(
    compiler: Compiler, result: Any, x: Any, weight: Any, bias: Any, window: Window, size: Any, groups: int
) -> Loop | None:
    """With a step of 1 it is a correlation with the weight turned by 180 degrees, in and out exchanged."""
    if not _is_plain(window, groups):
        return None
    turned = (slice(None), slice(None), *[slice(None, None, -1)] * len(window.kernel))
    pads = zip(window.kernel, window.padding, strict=True)
    padding = tuple([(k - 1 - low, k - 1 - high) for k, (low, high) in pads])
    within = result.shape[:2] + window.padded(size)
    lows = tuple([low for low, _ in window.padding])
    return _correlated(
        compiler,
        "convolution_transpose",
        x,
        weight,
        bias,
        result,
        lambda w: w[turned].swapaxes(0, 1),
        padding,
        lows,
        within,
    )


def _kernel_gradient(compiler: Compiler, result: Any, x: Any, y: Any, window: Window, groups: int) -> Loop | None:
    dtype, line, channels, outputs = result.dtype, y.shape[-1] * y.shape[0], x.shape[1], y.shape[1]
    if not _is_plain(window, groups) or not alike(dtype, x, y, result) or line < SHORTEST_OF_KERNEL:
        return None
    if not math.prod(x.shape) * math.prod(y.shape):
        return None
    (height, width), (x_rows, x_width), (y_rows, _) = (_plane(s) for s in (window.kernel, x.shape[2:], y.shape[2:]))
    kernel = compiler.kernel(network_loops.kernel_gradient(outputs, channels, width))
    above = window.padding[0][0] if len(window.kernel) == 2 else 0
    x_line = (x_width + sum(window.padding[-1])) * x.shape[0]
    numbers = (channels, outputs, height, above, x_rows, x_line, y_rows, line, x.shape[0])
    start = shared(
        kernel, network_loops.shares(outputs, channels, width), math.prod(result.shape) * math.prod(y.shape) // outputs
    )
    bring_x, bring_y = _brought(x, window.padding[-1]), _brought(y, (0, 0))
    zero = np.zeros(1, dtype)

    def run(x: Any, y: Any, *_: Any, out: Any = None, **__: Any) -> Any:
        weight = np.empty(result.shape, dtype) if out is None else out
        start(bring_x(x), bring_y(y), zero, weight.reshape(-1), *numbers)
        return weight

    return Loop("convolution_kernel", run, kernel, [zero] * 4 + list(numbers), True)


# -- pooling --------------------------------------------------------------------------------------


def _pooled(compiler: Compiler, result: Any, x: Any, window: Window) -> Loop | None:
    covered = len(window.kernel) <= 2 and not any(map(any, window.padding)) and math.prod(window.kernel) <= LARGEST
    if not covered or not alike(result.dtype, x, result) or not (_lies(x) and _lies(result)):
        return None
    if x.shape[0] < SHORTEST or not math.prod(result.shape):
        return None
    kernel, stride, dilation = (_plane(part) for part in (window.kernel, window.stride, window.dilation))
    function = compiler.kernel(network_loops.max_pool(kernel, stride, dilation))
    (rows, width), batch = _plane(result.shape[2:]), x.shape[0]
    numbers = (x.shape[1], width, x.shape[-1] * batch, batch)
    start = shared(function, rows, math.prod(x.shape))

    def run(x: Any, *_: Any, out: Any = None, **__: Any) -> Any:
        z = new_array(result) if out is None else out
        start(spanned(x), spanned(z), *numbers)
        return z

    return Loop("max_pool", run, function, [np.empty(1, result.dtype)] * 2 + list(numbers), True)


def _pooled_back(compiler: Compiler, result: Any, y: Any, x: Any, top: Any, window: Window) -> Loop | None:
    """For windows side by side that leave no element out."""
    apart = window.stride == window.kernel and window.dilation == (1,) * len(window.kernel)
    covered = len(window.kernel) <= 2 and not any(map(any, window.padding)) and math.prod(window.kernel) <= LARGEST
    whole = tuple([n * k for n, k in zip(top.shape[2:], window.kernel, strict=True)]) == x.shape[2:]
    if not (apart and covered and whole and alike(result.dtype, y, x, top, result)):
        return None
    if not (_lies(x) and _lies(top) and _lies(result)) or x.shape[0] < SHORTEST or not math.prod(result.shape):
        return None
    function = compiler.kernel(network_loops.window_share(_plane(window.kernel)))
    (rows, width), batch = _plane(top.shape[2:]), x.shape[0]
    numbers = (x.shape[1], width, x.shape[-1] * batch, batch)
    start, bring = shared(function, rows, math.prod(x.shape)), _brought(y, (0, 0))
    zero, one = np.zeros(1, result.dtype), np.ones(1, result.dtype)

    def run(y: Any, x: Any, top: Any, *_: Any, out: Any = None, **__: Any) -> Any:
        z = new_array(result) if out is None else out
        start(bring(y), spanned(x), spanned(top), zero, one, spanned(z), *numbers)
        return z

    return Loop("window_share", run, function, [zero] * 6 + list(numbers), True)


#: What makes a loop for a call of a ``numpy_function``, or None where the case is not covered.
OWN: dict[Any, Callable[..., Loop | None]] = {
    kernels.convolution.convolution: _convolved,
    kernels.convolution.convolution_transpose: _transposed,
    kernels.convolution.convolution_kernel: _kernel_gradient,
    kernels.pooling.max_pool: _pooled,
    kernels.pooling.window_share: _pooled_back,
    **SEQUENCES,
}
