"""Functions with two results in one array, as two calls: each can then be a step of a loop.

``gelu_and_slope`` makes both from one exponential, which is right for NumPy. In a loop of machine code the exponential
is cheap and passing over memory is not.
"""

from __future__ import annotations

import operator
from typing import Any

from minigrad.compiler.program import Call, Program, Value, values_in
from minigrad.kernels.normal import gelu_and_slope


def gelu(x: Any) -> Any:
    """x P(X <= x)."""
    return gelu_and_slope(x)[0]


def gelu_slope(x: Any) -> Any:
    """The derivative of ``gelu``."""
    return gelu_and_slope(x)[1]


def unpacked(calls: list[Call], program: Program) -> list[Call]:
    """The calls with one for each part that is taken of such an array."""
    users: dict[Value, list[Call]] = {}
    for call in calls:
        for value in [*call.values, *call.writes]:
            users.setdefault(value.root, []).append(call)
    leaving = {value.root for value in values_in((program.outputs, [value for _, value in program.gradients]))}
    parts: dict[int, Call] = {}
    dropped: set[int] = set()
    for call in calls:
        if call.function is not gelu_and_slope:
            continue
        (both,) = call.results
        taken = [user for user in users.get(both, []) if both in user.values]
        if both in leaving or not all(_is_part(user, both) for user in taken):
            continue
        dropped.add(id(call))
        for user in taken:
            (part,) = user.results
            function = (gelu, gelu_slope)[user.args[1]]
            parts[id(user)] = Call(function, call.args, {}, [part], []).beside(user)
            part.root = part
        for user in users.get(both, []):  # views of a part, in their order
            for view in user.results:
                if view.root is both:
                    view.root = next(x.root for x in user.values if x.is_array and x.root is not both)
    return [parts.get(id(call), call) for call in calls if id(call) not in dropped]


def _is_part(call: Call, both: Value) -> bool:
    return call.function is operator.getitem and call.args[0] is both and call.args[1] in (0, 1)
