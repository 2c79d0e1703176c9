"""Windows that see all of an image, as sums and copies, which then share loops with what stands around them.

Global pooling is such a window. NumPy's form adds up one axis after the other; in a loop of machine code one pass over
memory is enough, and what comes before and after joins it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minigrad.compiler.program import RESULT, Call, Program, Value
from minigrad.kernels.windows import Window, window_spread, window_sum


def with_whole_windows(calls: list[Call], program: Program) -> list[Call]:
    """The calls with such sums in place of those over windows, for floats."""
    result: list[Call] = []
    for call in calls:
        if call.function in (window_sum, window_spread) and not call.kwargs and _is_whole(*call.args):
            result += _parts(call, program)
        else:
            result.append(call)
    return result


def _is_whole(x: Any, window: Window, size: Any = None) -> bool:
    sizes = tuple(x.shape[2:] if size is None else size)
    return window.kernel == sizes and not any(map(any, window.padding)) and set(window.dilation) == {1}


def _parts(call: Call, program: Program) -> list[Call]:
    x, result = call.args[0], call.results[0]
    if x.dtype.kind != "f" or result.dtype != x.dtype or result.root is not result or not result.is_array:
        return [call]
    axes = tuple(range(2, len(x.shape)))
    if call.function is window_sum:
        return [Call(np.sum, (x,), {"axis": axes, "keepdims": True}, [result], []).beside(call)]
    if result in program.escaping:  # new memory of its own, in a layout of its own
        return [call]
    strides = tuple([0 if axis in axes else stride for axis, stride in enumerate(x.strides)])
    view: Value = program.new(RESULT, as_strided(np.empty(1, x.dtype), result.shape, strides))
    view.root = x.root
    return [
        Call(np.broadcast_to, (x, result.shape), {}, [view], []).beside(call),
        Call(np.positive, (view,), {}, [result], []).beside(call),
    ]
