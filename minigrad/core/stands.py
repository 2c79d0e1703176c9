"""What stands in the place of arrays and numbers while a step is recorded, or for the members of a batch."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from minigrad.core.context import recorder
from minigrad.core.members import batched_in, batches_made

F = TypeVar("F", bound=Callable[..., Any])


def give_operators(
    kind: type, binary: Callable[..., Any], in_place: Callable[..., Any], unary: Callable[..., Any]
) -> None:
    """Give a class Python's operators, but for those that it has, made of the functions of ``operator``.

    ``binary(function, reflected)`` gives a method, ``in_place(function, anew)`` one that writes or makes a new value,
    ``unary(function)`` one without another operand.
    """
    methods: dict[str, Any] = {}
    for name in "add sub mul truediv floordiv mod pow matmul and_ or_ xor lshift rshift".split():
        function, plain = getattr(operator, name), name.rstrip("_")
        methods |= {plain: binary(function, False), f"r{plain}": binary(function, True)}
        methods[f"i{plain}"] = in_place(getattr(operator, f"i{plain}"), function)
    methods |= {name: binary(getattr(operator, name), False) for name in "lt le gt ge eq ne".split()}
    methods |= {name: unary(getattr(operator, name)) for name in "neg pos invert abs".split()}
    for name, method in methods.items():
        if f"__{name}__" not in vars(kind):
            setattr(kind, f"__{name}__", method)


class Stand:
    """The base of what may stand in an array's place inside a Tensor: the arrays that ``mg.compile`` records with.

    Such an array answers NumPy's protocols and has an array's attributes. ``np.asarray``, which knows arrays of its own
    kind only, would strip it; ``as_array`` and ``contiguous`` do not.
    """

    __slots__ = ()

    array: Any  # the real one
    astype: Callable[..., Any]  # as an array's
    batch: Any = None  # of an array that stands for all members of a batch (``vmap``): which batch

    def as_array(self) -> Any:
        """The same as an array, where it was a scalar."""
        raise NotImplementedError

    def stacked(self, _: Any) -> Any:
        """A list with such a number as an array, which is recorded; None where this is an array."""
        return None

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError

    def is_true(self, members: Callable[[Any], Any] | None) -> bool:
        """Whether it is true, for a function of the package that looks at data: see ``is_true``."""
        return bool(self)

    @property
    def data(self) -> Any:
        """Itself, as for a Tensor."""
        return self

    def __len__(self) -> int:
        return len(self.array)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    # -- what would leave the arithmetic --------------------------------------------------------

    def _leaving(self) -> Any:
        """The array itself where its numbers are constants, or the error of what is taken out into Python."""
        raise NotImplementedError

    def tolist(self) -> Any:
        """The numbers as lists of Python: refused, since nothing could follow them there, but for constants."""
        return self._leaving().tolist()

    def __float__(self) -> float:
        return float(self._leaving())

    def __int__(self) -> int:
        return int(self._leaving())

    def __complex__(self) -> complex:
        return complex(self._leaving())

    def __index__(self) -> int:
        return operator.index(self._leaving())

    def __round__(self, digits: int | None = None) -> Any:
        return round(self._leaving(), digits)

    def __trunc__(self) -> Any:
        return math.trunc(self._leaving())


class NumberStand:
    """The base of the stand-ins for Python numbers that a compiled function is called with."""

    __slots__ = ()

    def take(self) -> Any:
        """The number itself."""
        raise NotImplementedError

    def arrayed(self) -> Any:
        """The number as an array, which is recorded."""
        raise NotImplementedError

    def decided(self) -> Any:
        """The number itself, by which Python decides: each has a program of its own."""
        raise NotImplementedError

    def stacked(self, items: Any) -> Any:
        """A list with such numbers as an array, which is recorded, or None."""
        raise NotImplementedError

    def item_of(self, items: Any) -> Any:
        """What a list, tuple or dict has in this place."""
        raise NotImplementedError

    def is_in(self, items: Any) -> bool:
        """Whether a list, dict or set has the number."""
        raise NotImplementedError

    def recorded_bound(self, decide: Callable[[], Any]) -> Any:
        """The result of ``decide``, found by bounds of numbers."""
        raise NotImplementedError


def shown(x: Any) -> Any:
    """The array itself, where something stands for one: for what an error says of its numbers."""
    while isinstance(x, Stand):
        x = x.array
    return x


def numpy_function(function: F) -> F:
    """A function on arrays that ``mg.compile`` records as one call, like a function of NumPy's.

    For what needs loops or buffers, or looks at the data, in forwards and adjoints. It is pure: it gives new arrays or
    views of its arguments, and writes into nothing that it did not make. The memory layout of what it gives depends on
    shapes and strides alone. And it stands by itself, since a printed program has its text: at the top level of a
    module, made of NumPy, constants and functions like itself. In place of recorded arrays it gets the real ones.
    ``__wrapped__`` is the plain function.
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if batches_made:
            member = batched_in((*args, *kwargs.values()))
            if member is not None:
                return member.respond(call, args, kwargs)
        recording = recorder()
        if recording is None:
            return function(*args, **kwargs)
        return recording.whole(call, args, kwargs)

    return call  # type: ignore[return-value]
