"""Sines and cosines of arrays as steps of loops in machine code, where angles are not too far from 0.

NumPy's functions know all digits of pi that an angle needs. A loop that goes in lanes has pi/2 in five parts, enough up
to 2**29. So the program has a condition that no angle is beyond. Where one is, or is NaN or infinite, the step runs as
it is written. A few angles need no condition: for these C's functions are called.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minigrad.compiler.passes.conditions import with_conditions_first
from minigrad.compiler.program import RESULT, Call, Host, Program, Value


def near_sin(x: Any) -> Any:
    """The sine of angles that are near."""
    return np.sin(x)


def near_cos(x: Any) -> Any:
    """The cosine of angles that are near."""
    return np.cos(x)


_NEAR = {np.sin: near_sin, np.cos: near_cos}


def with_near_angles(calls: list[Call], program: Program, few: int, farthest: float) -> list[Call]:
    """The calls with ``near_sin`` and ``near_cos`` for arrays of more than ``few`` angles, and their conditions."""
    rewritten: list[Call] = []
    looked_at: set[Value] = set()
    for call in calls:
        looked_at -= {x for x in looked_at if any(x.root is value.root for value in call.writes)}
        if isinstance(call.function, np.ufunc) and call.function in _NEAR and _fits(call, few):
            (x,) = call.args
            if x not in looked_at:
                rewritten += _condition(x, farthest, call, program)
                looked_at.add(x)
            rewritten.append(Call(_NEAR[call.function], (x,), {}, call.results, []).beside(call))
        else:
            rewritten.append(call)
    ordered = with_conditions_first(rewritten) if len(rewritten) > len(calls) else None
    if ordered is None:  # there are no such angles, or a condition would depend on what is written
        return calls
    program.may_be_left = True
    return ordered[0]


def _fits(call: Call, few: int) -> bool:
    """Whether a call takes one array of more than ``few`` floats, and gives a new one of the same dtype."""
    if len(call.args) != 1 or call.kwargs or call.writes or len(call.results) != 1:
        return False
    (x,), (z,) = call.args, call.results
    known = isinstance(x, Value) and x.is_array and z.is_array and x.dtype == z.dtype and x.dtype in _KNOWN
    return known and z.root is z and math.prod(z.shape) > few and all(s >= 0 for s in x.strides)


_KNOWN = frozenset(map(np.dtype, ("float32", "float64")))


def _condition(x: Value, farthest: float, call: Call, program: Program) -> list[Call]:
    """The calls of the condition that no angle is beyond ``farthest``, or NaN."""
    sizes = program.new(RESULT, as_strided(np.empty(1, x.dtype), x.shape, np.empty(x.shape, x.dtype).strides))
    largest, holds = program.new(RESULT, x.dtype.type(0)), program.new(RESULT, np.bool_(True))
    return [
        Call(np.absolute, (x,), {}, [sizes], []).beside(call),
        Call(np.max, (sizes,), {}, [largest], []).beside(call),
        Call(np.less_equal, (largest, farthest), {}, [holds], []).beside(call),
        Call(Host("assume", expected=True), (holds,), {}, [], []).beside(call),
    ]
