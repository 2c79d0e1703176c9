"""Arrays of one number that are only operands, zeros or a number spread out: in a loop the number serves as well.

``relu`` compares with an array, since NumPy's loop over two arrays is the faster one. Where a loop is written anew, the
array costs its memory and nothing else.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.compiler.passes.lowering import OPERATORS
from minigrad.compiler.program import Call, Program, Value


def without_zeros(calls: list[Call], program: Program) -> list[Call]:
    """The calls with 0 in place of such arrays."""
    users: dict[Value, list[Call]] = {}
    for call in calls:
        for value in {x.root for x in (*call.values, *call.writes)}:
            users.setdefault(value, []).append(call)
    leaving = program.escaping
    zeros: dict[Value, Any] = {}
    others = []
    for call in calls:
        number = _number_of(call)
        if number is not None:
            (result,) = call.results
            if result not in leaving and all(_may_take_a_number(user, result) for user in users.get(result, [])):
                zeros[result] = zeros.get(number, number)
                continue
        takes = any(value in zeros for value in call.values)
        others.append(call.replaced(lambda x: zeros.get(x, x) if isinstance(x, Value) else x) if takes else call)
    return others


def _number_of(call: Call) -> Any:
    """The number that all elements of a result are, or None."""
    if call.function is np.zeros_like and len(call.results) == 1:
        return call.results[0].dtype.type(0)
    if call.function is np.broadcast_to and isinstance(call.args[0], Value) and not call.args[0].is_array:
        return call.args[0] if call.args[0].dtype == call.results[0].dtype else None
    return None


def _may_take_a_number(call: Call, zeros: Value) -> bool:
    """Whether a call is a ufunc of the array and of another one, which by itself has the result's shape and layout."""
    ufunc = call.function if isinstance(call.function, np.ufunc) else OPERATORS.get(call.function)
    if ufunc is None or ufunc.signature is not None or call.kwargs or len(call.args) != 2 or len(call.results) != 1:
        return False
    others = [x for x in call.args if x is not zeros]
    if len(others) != 1 or not isinstance(others[0], Value) or others[0].dtype != zeros.dtype:
        return False
    (other,), (result,) = others, call.results
    # In elements: the result may be of bools.
    places = [[stride // x.dtype.itemsize for stride in x.strides] for x in (other, result) if x.is_array]
    return len(places) == 2 and other.shape == result.shape and places[0] == places[1]
