"""Calls that return their argument: copies of values that nobody writes to, and products with an array of ones.

``mg.tensor(x)`` copies an argument, so that a later write to x does not reach it; a sum's gradient is its cotangent
spread out, an array of ones where the sum is the loss. Where neither the result nor its source is written in the
program, and the result does not leave it, the source serves as well. NumPy gives the same bits for ``1 * x``.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from minigrad.compiler.passes.aliasing import Memory
from minigrad.compiler.passes.constants import is_constant
from minigrad.compiler.program import Call, Program, Value


def without_copies(calls: list[Call], program: Program) -> list[Call]:
    """The calls without such copies; what used a copy uses its source."""
    memory = Memory(calls, program)
    writes = [value for call in calls for value in call.writes]
    instead: dict[Value, Value] = {}
    others: list[Call] = []
    for original in calls:
        call = original.replaced(lambda x: instead.get(x, x) if isinstance(x, Value) else x)
        source = _source(call)
        if source is not None:
            (copy,) = call.results
            alike = (source.shape, source.dtype, source.strides) == (copy.shape, copy.dtype, copy.strides)
            is_written = any(memory.overlap(x, one) for x in writes for one in (source, copy))
            if alike and copy not in program.escaping and not is_written:
                instead[copy] = source
                continue
        others.append(call)
    for value in program.values:
        value.root = instead[value.root].root if value.root in instead else value.root
    return others


def _source(call: Call) -> Value | None:
    """What a call gives unchanged, if it is one of these."""
    if call.function == ".copy" and len(call.args) == 1:
        copied: Value = call.args[0]
        return copied
    if call.function in (operator.mul, np.multiply) and not call.kwargs and len(call.results) == 1:
        for one, x in (call.args, call.args[::-1]):
            if isinstance(x, Value) and isinstance(one, Value) and uniform(one) == 1 and call.results[0].is_array:
                return x
    return None


def uniform(value: Value) -> Any:
    """The number that all elements of a constant have, or None."""
    if not is_constant(value) or not value.origin.size:
        return None
    array = value.origin
    first = array.flat[0]
    return first if array.dtype.kind in "bif" and (array == first).all() and not np.signbit(array).any() else None
