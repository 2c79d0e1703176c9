"""The intermediate form: a flat list of NumPy calls over values.

A *value* is what a call made, or what came in from outside: an argument, an array that the function holds by reference
(a *capture*: weights, momenta, constants), a gradient from before the step, a number that is worked out anew for each
step (a rate of an optimizer). A *call* is a NumPy function, an operator, or a method with its arguments, among which
values stand in any place and nesting. Views know the value whose memory they look at, their *root*; a call that writes
says where.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from minigrad.compiler.arena import Arena
from minigrad.core.trees import is_record, mapped_all
from minigrad.core.watching import Place

ARGUMENT, CAPTURE, GRADIENT, RATE, RESULT = "argument", "capture", "gradient", "rate", "result"


class Value:
    """One value of a program: where it comes from, what it looks like, and what it is called in the source."""

    __slots__ = (
        "__weakref__",
        "dtype",
        "is_array",
        "is_new",
        "kind",
        "name",
        "number",
        "origin",
        "root",
        "shape",
        "strides",
    )

    def __init__(self, number: int, kind: str, sample: Any, origin: Any = None) -> None:
        self.number = number
        self.kind = kind
        self.origin = origin  # a capture's array, an argument's number, a gradient's leaf
        self.root: Value = self  # the value whose memory this one looks at
        self.name = ""
        self.is_array = isinstance(sample, np.ndarray)
        self.is_new = False  # of a capture: whether the second recording found the same bits in other memory
        self.shape: tuple[int, ...] = getattr(sample, "shape", ())
        self.dtype: Any = getattr(sample, "dtype", type(sample))
        self.strides: Any = getattr(sample, "strides", ())

    def __repr__(self) -> str:
        return f"<{self.kind} {self.number} {self.name} {self.dtype} {self.shape}>"


class Out:
    """An output: whether it is a Tensor, or a number of Python's (its type), else an array; and its value."""

    __slots__ = ("again", "is_tensor", "number", "place", "value")

    def __init__(self, is_tensor: bool, value: Value, number: Any = None) -> None:
        self.is_tensor = is_tensor
        self.number = number
        self.value = value
        self.place: Any = None  # its number among the outputs, the last where it comes out in several places
        self.again = False  # whether it does


class Call:
    """One call. ``function`` is NumPy's or one of ``operator``, ".name" for a method, "name" for an attribute."""

    __slots__ = ("args", "errors", "function", "kwargs", "layer", "op", "origin", "phase", "place", "results", "writes")

    def __init__(
        self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], results: list[Value], writes: list[Value]
    ) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.results = results
        self.writes = writes  # values that it writes into
        self.errors: dict[str, Any] = {}  # NumPy's handling of floating-point errors, where it is not the usual
        self.phase = "forward"
        self.layer = ""
        self.op = ""
        self.place = Place("?", 0)
        self.origin = self  # the call that was recorded

    def replaced(self, replace: Callable[[Any], Any]) -> Call:
        """The same call on other values: passes leave the recording as it is."""
        args, kwargs = mapped_all(replace, self.args), mapped_all(replace, self.kwargs)
        return Call(self.function, args, kwargs, self.results, [replace(x) for x in self.writes]).beside(self)

    def beside(self, other: Call) -> Call:
        """Itself, in the place of another call."""
        self.errors, self.phase, self.layer, self.op = other.errors, other.phase, other.layer, other.op
        self.place, self.origin = other.place, other.origin
        return self

    @property
    def values(self) -> Iterator[Value]:
        """The values among the arguments."""
        yield from values_in(self.args)
        yield from values_in(self.kwargs)

    def given(self, look: Callable[[Value], Any]) -> tuple[Any, Any]:
        """The arguments, and those by name, with what ``look`` gives in the place of each value."""
        args, kwargs = mapped_all(lambda x: look(x) if isinstance(x, Value) else x, (self.args, self.kwargs))
        return args, kwargs

    def run(self, look: Callable[[Value], Any]) -> Any:
        """What NumPy gives for these arguments."""
        return on_numpy(self.function, *self.given(look))

    @property
    def is_host(self) -> bool:
        """Whether it is a piece of Python around the arithmetic: a step of an optimizer, a condition to check."""
        return isinstance(self.function, Host)


def on_numpy(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A recorded call, on NumPy's arrays."""
    if isinstance(function, str):
        member = getattr(args[0], function.removeprefix("."))
        return member(*args[1:], **kwargs) if function.startswith(".") else member
    return function(*args, **kwargs)


class Host:
    """Python that runs in a program between the calls: by name, with the objects it needs."""

    def __init__(
        self,
        kind: str,
        run: Callable[..., Any] | None = None,
        expected: bool = True,
        owner: Any = None,
        function: Callable[..., Any] | None = None,
        work: Any = None,
    ) -> None:
        self.kind = kind  # "rates", "finish", "assume" or "draw"
        self.run = run
        self.expected = expected  # of a condition
        self.owner = owner  # the optimizer, or the generator (None for the package's own)
        self.function = function  # that draws: function(generator, *args) of the call is its result
        self.work = work  # of the rates: the flat arrays that they are for, see ``optimizer.Work``

    def __repr__(self) -> str:
        return f"<host {self.kind}>"


class Program:
    """What one recording found."""

    def __init__(self) -> None:
        self.values: list[Value] = []
        self.calls: list[Call] = []
        self.outputs: Any = None  # a tree: values, and Python objects that are always the same
        self.gradients: list[tuple[Any, Value]] = []  # (leaf, what its .grad is after the step)
        self.leaf_names: dict[Any, str] = {}
        self.cleared: list[Any] = []  # leaves whose gradient is None after the step
        self.tensors: list[tuple[Any, Any, Any]] = []  # (tensor, its data, its node): as they must still be
        self.watched: list[tuple[Any, bytes]] = []  # (array, its bytes), of arrays that are read but not captured
        self.arena = Arena()  # where it has its buffers, once it is ready to run
        self.is_undone = False  # whether a condition is looked at after writes, so that they may have to be undone
        self.is_whole = False  # whether nothing is written before the last call that may raise an error
        self.heeds_errors = False  # whether NumPy does more than warn of errors of its arithmetic: then it is to run it
        self.may_be_left = False  # whether a backend has added conditions of its own
        self.assigned: list[tuple[Any, Any]] = []  # tensors that the step gives other data, and their memory
        self.shows_old_data = False  # whether data from before that leaves the step
        self.entry: dict[Any, bool] = {}  # leaf: whether its .grad was None when the step began
        self.decisions: list[Any] = []  # what Python decided by numbers of the step, in order: conditions of a run
        self.grown = ""  # the name of a list that the step appends to and reads
        self.reads: list[Any] = []  # where numbers come from that are read before each run, see ``python_state``
        self.set: set[Any] = set()  # the ids of those places where each run puts the same True, False, None or text
        self.effects: list[Any] = []  # where the second of the outputs go after each run, if there are any

    def new(self, kind: str, sample: Any, origin: Any = None) -> Value:
        """Another value."""
        value = Value(len(self.values), kind, sample, origin)
        self.values.append(value)
        return value

    def of_kind(self, kind: str) -> list[Value]:
        """The values of one kind, in order."""
        return [value for value in self.values if value.kind == kind]

    @property
    def escaping(self) -> set[Value]:
        """The roots of what leaves the program: no later run may write over their memory."""
        return {value.root for value in values_in(self.outputs)} | {value.root for _, value in self.gradients}


def values_in(tree: Any) -> Iterator[Value]:
    """The values in nested tuples, lists, dicts and dataclasses."""
    if isinstance(tree, Value):
        yield tree
    elif isinstance(tree, Out):
        yield tree.value
    elif isinstance(tree, (tuple, list)):
        for item in tree:
            yield from values_in(item)
    elif isinstance(tree, dict):
        for item in tree.values():
            yield from values_in(item)
    elif is_record(tree):
        for name in tree.__dataclass_fields__:
            yield from values_in(getattr(tree, name, None))
