"""What Python's own functions make of numbers of a step: ``math.exp(n / 10)``, ``float(loss)``, ``int(n / 3)``.

They are written in C and want Python's own numbers. So while a step is recorded, others stand in their places: in the
module ``math``, and for ``float`` and ``int`` in the globals of functions that only call them. Of a number of the step
the call is written down, with the condition that it raises no error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.compiler.guards.code_names import globals_in, only_called
from minigrad.compiler.tracing.numeric_arguments import BOUND, WHOLE, Number, computed, is_within
from minigrad.compiler.tracing.recorded_array import Recorded
from minigrad.core.context import recorder
from minigrad.core.detachment import NUMBER, leaves_in_passing
from minigrad.core.tensor import Tensor

if TYPE_CHECKING:
    from minigrad.compiler.guards.reachable import Reach

#: Functions of ``math`` that NumPy has too, of which Python decides by NumPy's answer.
_ASKED = ("isfinite", "isnan", "isinf")

_WIDE = (-700.0, 700.0)

#: Functions of ``math`` that give a number, and where they raise no error.
_CALCULATING: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("exp", "expm1", "cosh", "sinh"), _WIDE),
    **dict.fromkeys(("sin", "cos", "tan"), (-1e300, 1e300)),
    **dict.fromkeys(("tanh", "atan", "fabs"), (-math.inf, math.inf)),
    **dict.fromkeys(("log", "log2", "log10"), (5e-324, math.inf)),
    **dict.fromkeys(("floor", "ceil", "trunc"), WHOLE),
    "log1p": (-0.9999999999999999, math.inf),
    "sqrt": (0.0, math.inf),
}


@contextmanager
def converting(reach: Reach) -> Iterator[None]:
    """Inside, numbers of the step go through these functions."""
    names = [name for name in (*_ASKED, *_CALCULATING) if name in reach.attributes]
    before = {name: getattr(math, name) for name in names}
    places = _places(reach.functions)
    try:
        for name, function in before.items():
            setattr(math, name, _question(name, function) if name in _ASKED else _calculating(name, function))
        for place, name in places:
            place[name] = CONVERTING[name]
        yield
    finally:
        for name, function in before.items():
            setattr(math, name, function)
        for place, name in places:
            del place[name]


def _places(functions: list[FunctionType]) -> list[tuple[dict[str, Any], str]]:
    """The globals of the user's functions that call ``float`` or ``int``, where none of them does anything else."""
    places: dict[tuple[int, str], tuple[dict[str, Any], str]] = {}
    for function in functions:
        place = function.__globals__
        for name in CONVERTING:
            if name in globals_in(function.__code__) and name not in place:
                places[(id(place), name)] = (place, name)
    for function in functions:  # those that no name of a module leads to
        for name in CONVERTING:
            if not only_called(function.__code__, name):
                places.pop((id(function.__globals__), name), None)
    return list(places.values())


class _Kind:
    """Stands for ``float`` or ``int`` in the globals of a module, where other threads may ask for the class itself."""

    def __init__(self, kind: type, convert: Callable[..., Any]) -> None:
        self._kind, self._convert, self.dtype = kind, convert, np.dtype(kind)

    def __call__(self, *args: Any, **named: Any) -> Any:
        return self._convert(*args, **named)

    def __instancecheck__(self, x: object) -> bool:
        return isinstance(x, self._kind)

    def __subclasscheck__(self, kind: type) -> bool:
        return issubclass(kind, self._kind)

    def __eq__(self, other: object) -> bool:
        return other is self or other is self._kind

    def __hash__(self) -> int:
        return hash(self._kind)

    def __or__(self, other: Any) -> Any:
        return self._kind | other

    def __ror__(self, other: Any) -> Any:
        return other | self._kind

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kind, name)


def _number_of(x: Any) -> Any:
    """A number of the step for a tensor or an array of one element that is recorded; else the very thing."""
    if recorder() is None:
        return x
    if isinstance(x, Tensor) and isinstance(x._array, Recorded) and x.size == 1:
        if x._node is not None:
            leaves_in_passing(NUMBER)
        return x._array.item()
    return x.item() if type(x) is Recorded and np.size(x.array) == 1 else x


def _question(name: str, function: Callable[[Any], bool]) -> Callable[[Any], bool]:
    def asked(x: Any) -> bool:
        number = _number_of(x)
        return bool(getattr(np, name)(number)) if type(number) is Number else function(x)

    return asked


def _calculating(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def calculated(x: Any, *rest: Any) -> Any:
        number = _number_of(x)
        if rest or not is_within(number, _CALCULATING[name]):
            return function(number, *rest)
        return computed(number.recording, function, (number,), BOUND if _CALCULATING[name] is WHOLE else 0)

    return calculated


def _as_float(*args: Any) -> Any:
    number: Any = _number_of(*args) if len(args) == 1 else None
    if type(number) is Number and number.is_live:
        is_one = type(number.real_number) is float
        return number if is_one else computed(number.recording, float, (number,), 0)
    return float(*args)


def _as_int(*args: Any, **named: Any) -> Any:
    number: Any = _number_of(*args) if len(args) == 1 and not named else None
    if type(number) is Number and number.is_live and type(number.real_number) in (int, bool):
        return computed(number.recording, int, (number,), 1) if type(number.real_number) is bool else number
    if is_within(number, WHOLE):
        return computed(number.recording, int, (number,), BOUND)
    return int(*args, **named)


#: What stands in the globals of functions, by name.
CONVERTING: dict[str, Callable[..., Any]] = {"float": _Kind(float, _as_float), "int": _Kind(int, _as_int)}
