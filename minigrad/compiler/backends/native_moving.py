"""Arrays whose elements move round in a circle, as kernels: ``np.roll`` would end a segment."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.compiler.backends.cache import Compiler
from minigrad.compiler.backends.kernel_expressions import TYPES
from minigrad.compiler.backends.native_products import dense
from minigrad.compiler.backends.segments import Routine
from minigrad.compiler.program import Call, Value

#: Bytes of an array up to which one thread copies it here.
LARGEST = 1 << 24

#: A round is ``size`` blocks of ``inner`` elements: the first ``by`` blocks of z are the last ones of x.
_TEXT = """
def kernel(first, last, rows, step, outer, size, by, inner, x, z):
    ahead = np.uint64(by) * np.uint64(inner)
    behind = (np.uint64(size) - np.uint64(by)) * np.uint64(inner)
    for o in range(np.uint64(outer)):
        start = o * (ahead + behind)
        for k in range(behind):
            z[start + ahead + k] = x[start + k]
        for k in range(ahead):
            z[start + k] = x[start + behind + k]
"""


def _one(x: Any) -> Any:
    """The number in a tuple or list of one; anything else as it is."""
    x = x[0] if isinstance(x, (tuple, list)) and len(x) == 1 else x
    return int(x) if isinstance(x, np.integer) else x


def _rolled(call: Call, compiler: Compiler) -> Routine | None:
    options = dict(zip(("shift", "axis"), call.args[1:], strict=False)) | call.kwargs
    x, z, by, axis = call.args[0], call.results[0], _one(options.get("shift")), _one(options.get("axis"))
    if not isinstance(x, Value) or type(by) is not int or not (axis is None or type(axis) is int):
        return None
    lies = x.is_array and x.strides == dense(x) and z.strides == dense(z) and z.root is z and x.dtype == z.dtype
    if not lies or x.dtype not in TYPES or not 0 < math.prod(x.shape) * x.dtype.itemsize <= LARGEST:
        return None
    shape = (math.prod(x.shape),) if axis is None else x.shape
    at = 0 if axis is None else axis % len(shape)
    numbers = (math.prod(shape[:at]), shape[at], by % shape[at], math.prod(shape[at + 1 :]))
    return Routine("roll", compiler.kernel(_TEXT), numbers, (x, z))


#: What makes a loop for a call of a function.
MOVES: dict[Any, Any] = {np.roll: _rolled}
