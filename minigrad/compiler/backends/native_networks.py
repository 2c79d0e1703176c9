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
from minigrad.compiler.backends.native_convolutions import CONVOLUTIONS, brought, lies
from minigrad.compiler.backends.native_sequences import SEQUENCES
from minigrad.compiler.backends.native_triangular import solved
from minigrad.compiler.backends.replay import spanned
from minigrad.compiler.passes.buffers import new_array
from minigrad.compiler.program import Call
from minigrad.kernels.windows import Window

#: Numbers in the inner loop from which on it is worth to be one.
SHORTEST = 32

#: Elements of a pooling window up to which it is written out.
LARGEST = 16


def native(calls: list[Call], compiler: Compiler) -> tuple[list[Call], list[Loop]]:
    """The calls with loops in place of the functions of ``OWN``, where there is one for the case."""
    result, loops = [], []
    for call in calls:
        maker = None if isinstance(call.function, str) or call.is_host else OWN.get(call.function)
        loop = None if maker is None else maker(compiler, call.results[0], *_arguments(call))
        if loop is None:
            result.append(call)
        else:
            loops.append(loop)
            result.append(Call(loop, call.args, call.kwargs, call.results, call.writes).beside(call))
    return result, loops


def _arguments(call: Call) -> tuple[Any, ...]:
    """The arguments in their order."""
    bound = inspect.signature(call.function.__wrapped__).bind(*call.args, **call.kwargs)
    bound.apply_defaults()
    return bound.args


def _plane(sizes: tuple[int, ...]) -> tuple[int, int]:
    """One or two sizes as two: (L,) is one row."""
    *first, last = sizes
    return first[0] if first else 1, last


# -- pooling --------------------------------------------------------------------------------------


def _is_covered(result: Any, window: Window, *arrays: Any) -> bool:
    small = len(window.kernel) <= 2 and math.prod(window.kernel) <= LARGEST and not any(map(any, window.padding))
    return small and all(map(lies, (*arrays, result))) and arrays[0].shape[0] >= SHORTEST and 0 not in result.shape


def _pooled(compiler: Compiler, result: Any, x: Any, window: Window) -> Loop | None:
    if not _is_covered(result, window, x) or not alike(result.dtype, x, result):
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
    whole = tuple([n * k for n, k in zip(top.shape[2:], window.kernel, strict=True)]) == x.shape[2:]
    if not (apart and whole and alike(result.dtype, y, x, top, result)) or not _is_covered(result, window, x, top):
        return None
    function = compiler.kernel(network_loops.window_share(_plane(window.kernel)))
    (rows, width), batch = _plane(top.shape[2:]), x.shape[0]
    numbers = (x.shape[1], width, x.shape[-1] * batch, batch)
    start, bring = shared(function, rows, math.prod(x.shape)), brought(y)
    zero, one = np.zeros(1, result.dtype), np.ones(1, result.dtype)

    def run(y: Any, x: Any, top: Any, *_: Any, out: Any = None, **__: Any) -> Any:
        z = new_array(result) if out is None else out
        start(bring(y), spanned(x), spanned(top), zero, one, spanned(z), *numbers)
        return z

    return Loop("window_share", run, function, [zero] * 6 + list(numbers), True)


#: What makes a loop for a call of a ``numpy_function``, or None where the case is not covered.
OWN: dict[Any, Callable[..., Loop | None]] = {
    **CONVOLUTIONS,
    kernels.pooling.max_pool: _pooled,
    kernels.pooling.window_share: _pooled_back,
    kernels.triangular.substituted: solved,
    **SEQUENCES,
}
