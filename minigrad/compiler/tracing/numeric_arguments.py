"""Numbers among the arguments that vary: inputs of the program, after their second value.

While a step is recorded, a ``Number`` stands for such an argument. It calculates with recorded arrays, and with
numbers, and that is written down. Anything else that Python does with it (a branch, ``range``, a format, an index)
gets the real number, so the step runs as it is written; but then no program is made of that call, and from there on
each value of this argument has a program of its own, as text has.
"""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from minigrad.compiler.guards.arguments import key_of
from minigrad.compiler.program import ARGUMENT, RESULT, Call, Value
from minigrad.compiler.tracing.recorded_array import Recorded
from minigrad.core.conversion import NumberStand
from minigrad.core.user_warnings import PACKAGE

#: So many kinds of calls are remembered; so many new values of what Python takes in a row, and there is a warning.
_KINDS, _WASTED = 64, 6

#: What is recorded of a number and an array: arithmetic of which the shape and dtype depend on no value.
_ELEMENTWISE = frozenset(
    {operator.add, operator.sub, operator.mul, operator.truediv, operator.iadd, operator.isub, operator.imul,
     operator.itruediv, operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne, np.add,
     np.subtract, np.multiply, np.divide, np.maximum, np.minimum, np.less, np.less_equal, np.greater,
     np.greater_equal, np.equal, np.not_equal, np.where, np.clip}
)  # fmt: skip


class Number(NumberStand):
    """A Python number, and its value in the program that is being recorded."""

    __slots__ = ("places", "real_number", "recording", "value")

    def __init__(self, recording: Any, real_number: Any, value: Value, places: frozenset[Any]) -> None:
        self.recording = recording
        self.real_number = real_number
        self.value = value
        self.places = places  # the arguments that it is made of
        recording.all_numbers.append(self)

    def take(self) -> Any:
        """The number, for Python: of this call no program is made."""
        if self.recording.active:
            self.recording.taken |= self.places
        return self.real_number

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """A number's, for ``isinstance``."""
        return type(self.real_number)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if any(hasattr(type(x), "_node") for x in inputs):
            return NotImplemented
        own = sys._getframe(1).f_code.co_filename.startswith(PACKAGE)  # a formula, on a gradient that begins with ones
        if self.recording.active and method == "__call__" and (own or any(isinstance(x, Recorded) for x in inputs)):
            return self.recording.call(ufunc, inputs, kwargs, writes=kwargs.get("out") or ())
        return getattr(ufunc, method)(*map(taken, inputs), **{key: taken(x) for key, x in kwargs.items()})

    def __array_function__(self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        if function in (np.shape, np.ndim):
            return function(self.real_number)
        if any(hasattr(kind, "backward") for kind in types):
            return NotImplemented
        return function(*map(taken, args), **{key: taken(x) for key, x in kwargs.items()})

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.take(), dtype)

    def __getattr__(self, name: str) -> Any:
        held = getattr(self.real_number, name)
        self.take()
        return held

    def __reduce_ex__(self, _: Any) -> Any:
        return (type(self.real_number), (self.take(),))


class Over:
    """The recording of numbers that a step has kept: they are numbers like others."""

    active = False
    taken: frozenset[Any] = frozenset()


def taken(x: Any) -> Any:
    """A number as the real one, also in tuples and lists."""
    if type(x) is Number:
        return x.take()
    return type(x)(map(taken, x)) if type(x) in (tuple, list) else x


def settled(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The arguments of a call that is recorded: with numbers as they are where these are inputs of it, else real."""
    if function not in _ELEMENTWISE:
        args = taken(args)
    return args, {key: taken(x) for key, x in kwargs.items()}


def _arithmetic(name: str, reflected: bool) -> Callable[..., Any]:
    function = getattr(operator, name)

    def method(self: Number, other: Any) -> Any:
        if hasattr(type(other), "_node"):
            return NotImplemented  # a Tensor knows what to do
        pair = (other, self) if reflected else (self, other)
        if self.recording.active and isinstance(other, Recorded):
            return self.recording.call(function, pair, {}) if function in _ELEMENTWISE else function(*map(taken, pair))
        if self.recording.active and _stays_a_number(name, reflected, self, other):
            value = self.recording.program.new(RESULT, function(*map(_real, pair)))
            given = tuple([x.value if type(x) is Number else x for x in pair])
            self.recording.note(Call(function, given, {}, [value], []))
            places = self.places | (other.places if type(other) is Number else frozenset())
            return Number(self.recording, function(*map(_real, pair)), value, places)
        return function(*map(taken, pair))

    return method


def _stays_a_number(name: str, reflected: bool, number: Number, other: Any) -> bool:
    """Whether arithmetic with another number gives one of the same type, whatever the numbers are, and no error."""
    kinds = {type(number.real_number), type(_real(other))}
    if not kinds <= {float, int}:
        return False
    if name == "pow":  # 0.99 ** step
        return reflected and type(other) is float and other > 0
    if name == "truediv":
        return not reflected and type(other) is not Number and other != 0
    if name not in ("add", "sub", "mul"):
        return False
    # Whole numbers have no more than 64 bits in a backend.
    return kinds != {int} or (number.value.kind == ARGUMENT and type(other) is int and abs(other) < 2**16)


def _real(x: Any) -> Any:
    return x.real_number if type(x) is Number else x


def _negative(self: Any) -> Any:
    return self * -1


def _by(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Number, *rest: Any) -> Any:
        return function(self.take(), *map(taken, rest))

    return method


_BINARY = ("add", "sub", "mul", "truediv", "pow", "floordiv", "mod", "and_", "or_", "xor", "lshift", "rshift", "matmul")
for _name in _BINARY:
    setattr(Number, f"__{_name.rstrip('_')}__", _arithmetic(_name, False))
    setattr(Number, f"__r{_name.rstrip('_')}__", _arithmetic(_name, True))
for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    setattr(Number, f"__{_name}__", _arithmetic(_name, False))
_OTHERS: dict[str, Callable[..., Any]] = {
    "pos": operator.pos, "abs": abs, "invert": operator.invert, "bool": bool, "int": int, "float": float,
    "index": operator.index, "complex": complex, "hash": hash, "str": str, "repr": repr, "format": format,
    "round": round, "trunc": math.trunc, "floor": math.floor, "ceil": math.ceil, "divmod": divmod,
    "rdivmod": lambda x, y: divmod(y, x),
}  # fmt: skip
for _name, _function in _OTHERS.items():
    setattr(Number, f"__{_name}__", _by(_function))
setattr(Number, "__neg__", _negative)  # noqa: B010 - as the others are set


class Seen:
    """The direct arguments of one kind of calls that are numbers."""

    def __init__(self) -> None:
        self.values: dict[Any, Any] = {}  # the latest, by place
        self.inputs: set[Any] = set()  # places of those that are inputs
        self.taken: set[Any] = set()  # and of those that Python takes
        self.misses = self.replayed = 0  # new values in a row of what is taken, and how many replays there were


class Varying:
    """Which arguments of a compiled function are numbers that vary."""

    def __init__(self) -> None:
        self._kinds: dict[Any, Seen] = {}
        self.any = False  # whether some are inputs

    def key(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], now: Any, arrays: list[Any]
    ) -> tuple[Any, dict[Any, Any]]:
        """The key of a call without its inputs, and these, by place; the arrays are collected."""
        found: list[Any] = []
        places = places_of(args, kwargs)
        kind = key_of(*_without(args, kwargs, places), now, found)
        seen = self._kinds.get(kind) if places else None
        inputs = {place: x for place, x in places.items() if place in seen.inputs} if seen is not None else {}
        arrays += found
        return kind if len(inputs) == len(places) else key_of(*_without(args, kwargs, inputs), now, []), inputs

    def note(self, args: tuple[Any, ...], kwargs: dict[str, Any], now: Any, programs: dict[Any, Any]) -> bool:
        """Note the numbers of a call that is to be recorded: what is another one than before is an input from here on.

        Answers whether there were too many new values of what Python takes, with no replay between them.
        """
        places = places_of(args, kwargs)
        if not places:
            return False
        replayed = sum(ready.calls for group in programs.values() for ready in group)
        kind = key_of(*_without(args, kwargs, places), now, [])
        seen = self._kinds[kind] = self._kinds.pop(kind, Seen())
        while len(self._kinds) > _KINDS:
            del self._kinds[next(iter(self._kinds))]
        differ = {place for place, x in places.items() if repr(seen.values.get(place, x)) != repr(x)}
        seen.inputs |= differ - seen.taken
        seen.misses = bool(differ & seen.taken) + (seen.misses if seen.replayed == replayed else 0)
        seen.values, seen.replayed = places, replayed
        self.any = self.any or bool(seen.inputs)
        return seen.misses > _WASTED

    def give_up(self, taken: Iterable[Any], args: tuple[Any, ...], kwargs: dict[str, Any], now: Any) -> None:
        """From here on each value of these has a program of its own."""
        if taken:
            seen = self._kinds[key_of(*_without(args, kwargs, places_of(args, kwargs)), now, [])]
            seen.taken |= set(taken)
            seen.inputs -= seen.taken


def places_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[Any, Any]:
    """The arguments that are numbers of Python, by position or name."""
    found: dict[Any, Any] = {i: x for i, x in enumerate(args) if type(x) in (float, int)}
    found |= {name: x for name, x in kwargs.items() if type(x) in (float, int)}
    return {place: x for place, x in found.items() if type(x) is float or abs(x) < 2**31}


def replaced(args: tuple[Any, ...], kwargs: dict[str, Any], new: dict[Any, Any]) -> tuple[Any, Any]:
    """The arguments with other ones at some places."""
    return tuple([new.get(i, x) for i, x in enumerate(args)]), {name: new.get(name, x) for name, x in kwargs.items()}


class _Mark:
    """What stands for a number in a key."""


_MARKS = {float: _Mark(), int: _Mark()}


def _without(args: Any, kwargs: Any, places: dict[Any, Any]) -> tuple[Any, Any]:
    return replaced(args, kwargs, {place: _MARKS[type(x)] for place, x in places.items()})
