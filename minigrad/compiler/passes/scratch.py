"""Scratch arrays become values: nothing outside reads what an optimizer has written into one.

``np.multiply(g, 0.1, out=scratch)`` makes a value as any other call does, and ``scratch *= 2`` another one; buffers are
then planned for them, and calls on them can be fused.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.compiler.passes.aliasing import Memory, identity
from minigrad.compiler.passes.elementwise import loop_dtypes
from minigrad.compiler.passes.lowering import IN_PLACE
from minigrad.compiler.program import CAPTURE, RESULT, Call, Program, Value
from minigrad.core.trees import mapped_all

#: What recordings call such arrays.
SCRATCH = "scratch"


def without_scratch(calls: list[Call], program: Program) -> list[Call]:
    """The calls without writes into scratch arrays, where each is written as a whole before it is read."""
    memory = Memory(calls, program)
    scratch = [value.origin for value in program.of_kind(CAPTURE) if value.name == SCRATCH]
    if not scratch:
        return calls
    now: dict[Any, Value] = {}  # the elements of a scratch array: the value that was written last

    def key(x: Any) -> Any:
        array = memory.fixed.get(x) if isinstance(x, Value) else None
        if not isinstance(array, np.ndarray) or not any(np.may_share_memory(array, one) for one in scratch):
            return None
        return identity(array)

    result: list[Call] = []
    for call in calls:
        if call.results and key(call.results[0]) is not None:
            continue  # a view of a scratch array
        kwargs = dict(call.kwargs)
        target = None
        if len(call.writes) == 1 and key(call.writes[0]) is not None:
            target = call.writes[0]
            if call.function in IN_PLACE:
                function: Any = IN_PLACE[call.function]
            elif isinstance(call.function, np.ufunc) and set(kwargs) == {"out"}:
                function, kwargs = call.function, {}
            else:
                return calls
        read = [x for x in Call(None, call.args, kwargs, [], []).values if key(x) is not None]
        if any(key(x) not in now for x in read) or any(key(x) is not None for x in call.writes if x is not target):
            return calls  # read before it was written: it is no scratch array after all

        if target is None:
            result.append(call.replaced(lambda x: x if key(x) is None else now[key(x)]))
            continue
        args, kwargs = mapped_all(lambda x: x if key(x) is None else now[key(x)], (call.args, kwargs))
        if isinstance(function, np.ufunc) and loop_dtypes(function, args)[-1] != target.dtype:
            return calls
        value = program.new(RESULT, memory.fixed[target])
        fresh = Call(function, args, kwargs, [value], [])
        result.append(fresh.beside(call))
        overlapping = [other for other in now if other != key(target) and _overlap(other, key(target))]
        for other in overlapping:
            del now[other]
        now[key(target)] = value
    return result


def _overlap(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    """Whether two identities may have an element in common. Scratch arrays are contiguous."""
    (a, a_shape, _, a_dtype), (b, b_shape, _, b_dtype) = one, other
    a_end = a + int(np.prod(a_shape)) * a_dtype.itemsize
    b_end = b + int(np.prod(b_shape)) * b_dtype.itemsize
    return bool(a < b_end and b < a_end)
