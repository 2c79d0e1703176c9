"""Functions that do two things, as two calls: each can then be a step of a loop.

``clip`` is a maximum and a minimum. ``gelu_and_slope`` makes both from one exponential, which is right for NumPy. In a
loop of machine code the exponential is cheap and passing over memory is not.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from minigrad.compiler.program import RESULT, Call, Program, Value
from minigrad.kernels.normal import gelu_and_slope


def gelu(x: Any) -> Any:
    """x P(X <= x)."""
    return gelu_and_slope(x)[0]


def gelu_slope(x: Any) -> Any:
    """The derivative of ``gelu``."""
    return gelu_and_slope(x)[1]


def in_steps(calls: list[Call], program: Program) -> list[Call]:
    """The calls with a maximum and a minimum in place of ``x.clip(low, high)``, and a copy for ``x[...] = y``.

    Whole powers of moderate size become products: the function ``pow`` takes fifty times as long.
    """
    steps: list[Call] = []
    for call in calls:
        if call.function in _POWERS and _is_whole_power(call):
            steps += _products(call, program)
            continue
        if call.function is operator.setitem and _is_copy(*call.args):
            x, _, y = call.args
            steps.append(Call(np.positive, (y,), {"out": x}, [], call.writes).beside(call))
            continue
        bounds = _bounds(call)
        if not bounds:
            steps.append(call)
            continue
        value, target = call.args[0], call.results[0]
        for k, (function, bound) in enumerate(bounds):
            result = target if k == len(bounds) - 1 else _like(target, program)
            steps.append(Call(function, (value, bound), {}, [result], []).beside(call))
            value = result
    return steps


def _like(target: Value, program: Program) -> Value:
    """A value that lies as another one."""
    value: Value = program.new(RESULT, np.empty(0, target.dtype) if target.is_array else target.dtype.type(0))
    value.shape, value.strides = target.shape, target.strides
    return value


#: NumPy's operator takes short cuts for a square, and is left alone there.
_POWERS = {operator.pow: (1, 2, -1), np.power: (0,)}

#: The largest whole power that is made of products: each is rounded.
_HIGHEST = 8


def _is_whole_power(call: Call) -> bool:
    """Whether a call is a power of floats by a number that stays the same, and is whole."""
    if len(call.args) != 2 or call.kwargs or call.writes or len(call.results) != 1:
        return False
    (x, power), (target,) = call.args, call.results
    floats = isinstance(x, Value) and isinstance(x.dtype, np.dtype) and x.dtype.kind == "f" and x.dtype == target.dtype
    if not floats or type(power) not in (int, float) or not 0 < abs(power) <= _HIGHEST or power != int(power):
        return False
    alike = (x.shape, x.strides) == (target.shape, target.strides)
    return alike and target.root is target and (power not in _POWERS[call.function] or not target.is_array)


def _products(call: Call, program: Program) -> list[Call]:
    """The power as squares, and products of them."""
    (x, power), (target,) = call.args, call.results
    result: list[Call] = []

    def then(function: Any, *args: Any) -> Value:
        result.append(Call(function, args, {}, [_like(target, program)], []).beside(call))
        return result[-1].results[0]

    left, square, value = abs(int(power)), x, None
    while left:
        if left & 1:
            value = square if value is None else then(np.multiply, value, square)
        left >>= 1
        square = then(np.multiply, square, square) if left else square
    if power < 0:
        then(np.reciprocal, value)
    if not result:
        then(np.positive, x)
    result[-1].results[0] = target
    return result


def _is_copy(x: Value, index: Any, y: Any) -> bool:
    """Whether all of an array is written, from one like it in other memory."""
    alike = index is Ellipsis and isinstance(y, Value) and y.is_array and (x.shape, x.dtype) == (y.shape, y.dtype)
    return alike and x.dtype.kind in "fi" and RESULT in (x.root.kind, y.root.kind) and x.root is not y.root


def _bounds(call: Call) -> list[tuple[Any, Any]]:
    """What a clip of floats does, one after the other; nothing where it is none, or has bounds of another kind."""
    if call.function not in (np.clip, ".clip") or len(call.args) != 3 or call.kwargs or len(call.results) != 1:
        return []
    x, *bounds = call.args
    (target,) = call.results
    fits = isinstance(x, Value) and x.is_array and x.dtype == target.dtype and target.dtype.kind == "f"
    if not fits or target.root is not target or not all(type(b) in (int, float) for b in bounds if b is not None):
        return []
    low, high = bounds
    limits = [(np.maximum, low)] if low is not None and low != -math.inf else []
    return [*limits, *([(np.minimum, high)] if high is not None and high != math.inf else [])]


def unpacked(calls: list[Call], program: Program) -> list[Call]:
    """The calls with one for each part that is taken of such an array."""
    users: dict[Value, list[Call]] = {}
    for call in calls:
        for value in [*call.values, *call.writes]:
            users.setdefault(value.root, []).append(call)
    leaving = program.escaping
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
