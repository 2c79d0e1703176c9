"""Zeros, and writes into a part of an array, as steps of loops: the gradient of ``x[:, 3:]`` needs no line of Python.

``z[index] = x`` becomes a view and a copy into it, ``np.zeros_like`` a loop that writes a number.
"""

from __future__ import annotations

import operator
from types import EllipsisType
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from minigrad.compiler.passes.buffers import is_dense
from minigrad.compiler.program import RESULT, Call, Program, Value

#: Types of numbers that every loop can write.
_KNOWN = frozenset(map(np.dtype, ("float32", "float64", "int64")))


def with_slices_written(calls: list[Call], program: Program) -> list[Call]:
    """The calls with loops in place of such zeros and writes."""
    result: list[Call] = []
    for call in calls:
        result += _zeros(call) or _written(call, program) or [call]
    return result


def _zeros(call: Call) -> list[Call]:
    """The loop for an array of zeros."""
    if call.function is not np.zeros_like or len(call.results) != 1:
        return []
    (z,) = call.results
    if not z.is_array or not z.shape or z.root is not z or z.dtype not in _KNOWN or not is_dense(z):
        return []
    return [Call(np.positive, (z.dtype.type(0),), {}, [z], []).beside(call)]


def _written(call: Call, program: Program) -> list[Call]:
    """The view and the copy for a write of one array, or of a number, at slices and numbers."""
    if call.function is not operator.setitem or len(call.writes) != 1:
        return []
    z, index, x = call.args
    places = index if isinstance(index, tuple) else (index,)
    is_basic = all(x is None or type(x) is int or isinstance(x, (slice, EllipsisType)) for x in places)
    if not is_basic or z.root.kind != RESULT or z.dtype not in _KNOWN or any(map(_varies, places)):
        return []
    if not isinstance(x, Value) or x.root is z.root or x.dtype != z.dtype:
        return []
    whole = as_strided(np.empty(1, z.dtype), z.shape, z.strides)
    part = whole[index]
    if not part.ndim or not part.size or len(x.shape) > part.ndim or min(part.strides) < 0:
        return []
    view: Value = program.new(RESULT, part)
    view.root = z.root
    return [
        Call(operator.getitem, (z, index), {}, [view], []).beside(call),
        Call(np.positive, (x,), {"out": view}, [], [view]).beside(call),
    ]


def _varies(place: Any) -> bool:
    """Whether a slice has an end that the program computes."""
    ends = (place.start, place.stop, place.step) if isinstance(place, slice) else ()
    return any(isinstance(x, Value) for x in ends)
