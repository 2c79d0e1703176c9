"""Numbers of Python in a step: arguments that vary, counters, and what ``x.item()`` gives.

While a step is recorded, a ``Number`` stands for each. It calculates with recorded arrays, and with numbers, and that
is written down; where Python decides by it (``if n % 10 == 0``), the decision becomes a condition of the program.
Anything else that Python does with it (``range``, a format, an index) gets the real number, so the step runs as it is
written; but then no program is made of that call, and from there on each value of an argument has a program of its own,
as text has. A number that the step itself computes has no such way out: it is refused (``Recording.leaving``).
"""

from __future__ import annotations

import math
import operator
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.compiler.expressions import ARITHMETIC, COMPARISONS
from minigrad.compiler.guards.python_state import SMALL
from minigrad.compiler.program import RESULT, Call, Value
from minigrad.compiler.tracing.bounds import DIVIDING, base_of, bound_of
from minigrad.compiler.tracing.computed_indices import arrayed, joined, placed, stacked
from minigrad.compiler.tracing.recorded_array import Recorded, is_batched
from minigrad.compiler.tracing.repeating import Nested
from minigrad.core.context import recorder
from minigrad.core.stands import NumberStand
from minigrad.core.trees import flat, mapped_all
from minigrad.kernels import scattering

#: Arithmetic of a number and an array that is recorded: its shape and dtype depend on no value.
_ELEMENTWISE = frozenset(
    [getattr(operator, name) for name in "add sub mul truediv iadd isub imul itruediv lt le gt ge eq ne".split()]
    + [np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum, np.less, np.less_equal, np.greater]
    + [np.greater_equal, np.equal, np.not_equal, np.where, np.clip]
)


#: What writes a number into an array.
_FILLING = frozenset({"fill", np.copyto, np.full_like, np.fill_diagonal, np.place, np.put, np.putmask})

#: Functions that join what is in a list.
_JOINING = frozenset({np.concatenate, np.hstack, np.vstack, np.dstack, np.column_stack, np.stack})

#: Functions of ours that write at an index: their arguments, with arrays in the places of numbers in it.
_INDEXING: dict[Any, Callable[..., tuple[Any, ...]]] = {
    scattering.index_set: lambda x, value, index: (x, value, placed(x.shape, index)),
    scattering.scatter_add: lambda x, index, shape: (x, placed(shape, index), shape),
}

#: Whole numbers of which a product has less than 62 bits.
BOUND = 2**30
WHOLE = (1.0 - BOUND, BOUND - 1.0)

#: Powers by a float: where whole numbers are powers, NumPy raises an error for negative ones.
_POWERS = frozenset({operator.pow, np.power})


#: Whole numbers of the step up to this are ways of it, where Python takes them: ``layers[n % 3]``, at most.
_FEW = 8


#: Items of a dict or set of which Python decides by each of them whether it is a number of the step, at most.
_SHORT = 16

#: Stands among the places of a number for what the step itself computes or draws.
COMPUTED = object()


class Number(NumberStand):
    """A Python number, and its value in the program that is being recorded."""

    __slots__ = ("__weakref__", "bound", "places", "real_number", "recording", "value")

    def __init__(
        self, recording: Any, real_number: Any, value: Value, places: frozenset[Any], bound: int = SMALL
    ) -> None:
        self.recording = recording
        self.real_number = real_number
        self.value = value
        self.places = places  # the arguments and counters that it is made of, and COMPUTED
        self.bound = bound  # of a whole number: its size is at most this, whatever comes in
        recording.all_numbers.append(weakref.ref(self))

    @property
    def is_live(self) -> bool:
        """Whether its recording goes on, in this thread: another one may read a counter meanwhile.

        The body of a loop is recorded inside of it, and has the number as one of its inputs.
        """
        now = recorder()
        while now is not None and now is not self.recording:
            now = getattr(now, "outer", None)
        return now is not None and self.recording.active

    def take(self) -> Any:
        """The number, for Python: of this call no program is made, but for a flag, and one of few that it can be."""
        if self.is_live and type(self.real_number) is bool:
            return bool(self)
        if self.is_live and type(self.real_number) is int and self.bound <= _FEW:
            return self.decided()
        if self.is_live:
            self.recording.leaving(self.places)
        return self.real_number

    def decided(self) -> Any:
        """The number, for Python, which decides by it: each value is a way of the step."""
        self.recording.decide(compared(operator.eq, self, self.real_number), True)
        self.recording.program.decisions.append(self.real_number)
        return self.real_number

    def arrayed(self) -> Any:
        """The number as an array, see ``computed_indices``."""
        kind = type(self.real_number)
        return self + np.zeros((), kind) if self.is_live and kind in (int, float) else self

    def stacked(self, items: Any) -> Any:
        """A list of numbers as an array, see ``computed_indices``."""
        return stacked(items) if self.is_live else None

    def item_of(self, items: Any) -> Any:
        """What a list, tuple or dict has in this place: of numbers, one that the program looks up."""
        if isinstance(items, dict) and list(items) != list(range(len(items))):
            keys = [key for key in items if len(items) <= _SHORT and self == key]
            return items[keys[0] if keys else self.take()]
        values = list(items.values()) if isinstance(items, dict) else list(items)
        is_there = (0 if isinstance(items, dict) else -len(values)) <= self.real_number < len(values)
        kinds = {type(x) for x in values}
        if not self.is_live or not is_there or kinds not in ({int}, {float}) or np.array(values).dtype == object:
            return items[self.take()]
        return self.recording.capture(np.array(values))[self].item()

    def is_in(self, items: Any) -> bool:
        """Whether a list, dict or set has the number, by decisions of Python."""
        return any(self == x for x in items) if len(items) <= _SHORT else self.take() in items

    def recorded_bound(self, decide: Callable[[], Any]) -> Any:
        """The result of ``decide``, found by bounds of the step's numbers rather than by its ways."""
        before = len(self.recording.program.decisions)
        answer = decide()
        self.recording.bounds += len(self.recording.program.decisions) - before
        return answer

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """A number's, for ``isinstance``."""
        return type(self.real_number)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if any(hasattr(type(x), "_node") or is_batched(type(x)) for x in inputs):
            return NotImplemented
        own = self.is_live and self.recording.in_formula  # on a gradient that begins with ones
        scalars = ufunc.nout == 1 and not kwargs and all(map(_is_scalar, inputs))  # np.isfinite(loss.item())
        arrays = (Recorded, np.ndarray) if _is_elementwise(ufunc, inputs) else Recorded
        recorded = own or scalars or any(isinstance(x, arrays) for x in inputs)
        if self.is_live and method == "__call__" and recorded:
            return self.recording.call(ufunc, inputs, kwargs, writes=kwargs.get("out") or ())
        return getattr(ufunc, method)(*map(taken, inputs), **{key: taken(x) for key, x in kwargs.items()})

    def __array_function__(self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        if function in (np.shape, np.ndim):
            return function(self.real_number)
        self._meets_arrays()
        if self.is_live and function in (np.linspace, np.logspace):
            return function(*map(arrayed, args[:2]), *args[2:], **{key: arrayed(x) for key, x in kwargs.items()})
        if any(hasattr(kind, "backward") for kind in types) or (function in _ELEMENTWISE and Recorded in types):
            return NotImplemented
        return function(*map(taken, args), **{key: taken(x) for key, x in kwargs.items()})

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        self._meets_arrays()
        return np.asarray(self.take(), dtype)

    def _meets_arrays(self) -> None:
        """A plain array may take it, as an item or an index: that is seen once it is recorded."""
        if self.is_live:
            self.recording.wants_arrays = True

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self.real_number, name)
        self.take()
        return attribute

    def __deepcopy__(self, _: Any) -> Any:
        return self

    def __reduce_ex__(self, _: Any) -> Any:
        return (type(self.real_number), (self.take(),))


class Over:
    """The recording of numbers that a step has kept: they are numbers like others."""

    active = False
    taken: frozenset[Any] = frozenset()


def _is_elementwise(function: Any, args: Any) -> bool:
    """Whether neither shape nor dtype of what a function gives depend on the numbers among its arguments."""
    if function in _POWERS:
        return type(real_of(args[1])) is float
    return function in _ELEMENTWISE


def _is_scalar(x: Any) -> bool:
    return type(x) in (Number, float, int, bool) or isinstance(x, np.generic)


def taken(x: Any) -> Any:
    """A number as the real one, also in tuples and lists."""
    if type(x) is Number:
        return x.take()
    return type(x)(map(taken, x)) if type(x) in (tuple, list) else x


def settled(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The arguments of a call that is recorded: with numbers as they are where these are inputs of it, else real."""
    if function in _FILLING or getattr(function, "__name__", "") == "at":
        args = tuple(map(arrayed, args))
        kwargs = {key: arrayed(x) if key == "fill_value" else x for key, x in kwargs.items()}
    if function in _JOINING and any(type(x) is Number for x in flat(args[:1])):
        args = (joined(args[0]), *args[1:])
    if function in _INDEXING:
        args = tuple(mapped_all(arrayed, _INDEXING[function](*args)))
    is_body = isinstance(function, Nested)  # of a loop: what it uses of the step is an input of its own program
    scalars = isinstance(function, np.ufunc) and all(map(_is_scalar, args))
    if not (is_body or scalars or _is_elementwise(function, args)):
        args = taken(args)
    return args, {key: taken(x) for key, x in kwargs.items()}


def _arithmetic(name: str, reflected: bool) -> Callable[..., Any]:
    function = getattr(operator, name)

    def method(self: Number, other: Any) -> Any:
        if hasattr(type(other), "_node") or is_batched(type(other)):
            return NotImplemented  # a Tensor knows what to do, and an array of vmap
        pair = (other, self) if reflected else (self, other)
        if self.is_live and isinstance(other, (Recorded, np.ndarray)):
            is_one = _is_elementwise(function, pair)
            return self.recording.call(function, pair, {}) if is_one else function(*map(taken, pair))
        bound = bound_of(name, *pair) if self.is_live else None
        if bound is None or (name == "pow" and pair[0] is self and not is_within(self, base_of(*pair))):
            return function(*map(taken, pair))
        if name in DIVIDING and type(pair[1]) is Number:
            pair[1].recording.decide(compared(operator.ne, pair[1], 0), True)  # else Python raises an error
        return computed(self.recording, function, pair, bound)

    return method


def computed(recording: Any, function: Callable[..., Any], pair: tuple[Any, ...], bound: int) -> Number:
    """A call on numbers, written down."""
    try:
        real = function(*map(real_of, pair))
    except ArithmeticError:  # division by 0: the step may handle it, and other numbers go another way
        recording.leave_out()
        raise
    value = recording.program.new(RESULT, real)
    recording.note(Call(function, tuple([x.value if type(x) is Number else x for x in pair]), {}, [value], []))
    places: frozenset[Any] = frozenset().union(*[x.places for x in pair if type(x) is Number])
    return Number(recording, real, value, places, bound)


def compared(function: Callable[..., Any], one: Any, other: Any) -> Number:
    """A comparison, written down once: Python's decision by it is a condition of the program."""
    pair = (one, other)
    recording = next(x for x in pair if type(x) is Number).recording
    key = (function, *[x.value if type(x) is Number else (type(x), x) for x in pair])
    if key not in recording.comparisons:
        recording.comparisons[key] = computed(recording, function, pair, 1)
    comparison: Number = recording.comparisons[key]
    return comparison


def is_within(number: Any, bounds: tuple[float, float]) -> bool:
    """Whether a number of the step lies there, ends included: a condition from here on."""
    if type(number) is not Number or not number.is_live or type(number.real_number) not in (float, int):
        return False
    low, high = bounds
    if not low <= number.real_number <= high:
        return False

    def decide(x: Any = number) -> bool:
        return bool((low == -math.inf or x >= low) and (high == math.inf or x <= high))

    return bool(number.recorded_bound(decide))


def _comparison(name: str) -> Callable[..., Any]:
    function = getattr(operator, name)

    def method(self: Number, other: Any) -> Any:
        if hasattr(type(other), "_node") or is_batched(type(other)):
            return NotImplemented
        if self.is_live and isinstance(other, Recorded):
            return self.recording.call(function, (self, other), {})
        if self.is_live and type(real_of(other)) in (float, int) and type(self.real_number) in (float, int):
            answer = compared(function, self, other)
            return bool(answer) if self.recording.reach.asks_for_flags else answer  # nothing else is True itself
        return function(*map(taken, (self, other)))

    return method


def _truth(self: Number) -> bool:
    if not self.is_live:
        return bool(self.real_number)
    condition = self if type(self.real_number) is bool else compared(operator.ne, self, 0)
    return bool(self.recording.decide(condition, condition.real_number))


def _absolute(self: Number) -> Any:
    if self.is_live and type(self.real_number) in (float, int):
        return computed(self.recording, abs, (self,), self.bound)
    return abs(self.take())


def _rounded(self: Number, digits: int | None = None) -> Any:
    if not self.is_live or type(self.real_number) not in (float, int) or type(digits) not in (int, type(None)):
        return round(self.take(), taken(digits))
    if type(self.real_number) is int and (digits is None or digits >= 0):
        return self
    if type(self.real_number) is float and digits is not None:
        return computed(self.recording, round, (self, digits), 0)
    if is_within(self, WHOLE):
        return computed(self.recording, round, (self,), BOUND)
    return round(self.take(), digits)


def real_of(x: Any) -> Any:
    """A number without what stands for it; nothing is noted."""
    return x.real_number if type(x) is Number else x


def _by(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Number, *rest: Any) -> Any:
        if function in (float, operator.index, hash):
            self._meets_arrays()
        return function(self.take(), *map(taken, rest))

    return method


for _name in ARITHMETIC:
    setattr(Number, f"__{_name.rstrip('_')}__", _arithmetic(_name, False))
    setattr(Number, f"__r{_name.rstrip('_')}__", _arithmetic(_name, True))
for _name in COMPARISONS:
    setattr(Number, f"__{_name}__", _comparison(_name))
_OTHERS: dict[str, Callable[..., Any]] = {
    "pos": operator.pos,
    "invert": operator.invert,
    "int": int,
    "float": float,
    "index": operator.index,
    "complex": complex,
    "hash": hash,
    "str": str,
    "repr": repr,
    "format": format,
    "trunc": math.trunc,
    "floor": math.floor,
    "ceil": math.ceil,
    "divmod": divmod,
    "rdivmod": lambda x, y: divmod(y, x),
}
_METHODS = {
    "neg": lambda self: self * -1,
    "abs": _absolute,
    "round": _rounded,
    "bool": _truth,
    **{name: _by(function) for name, function in _OTHERS.items()},
}
for _name, _method in _METHODS.items():
    setattr(Number, f"__{_name}__", _method)
