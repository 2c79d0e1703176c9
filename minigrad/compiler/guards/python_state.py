"""What a step keeps in Python from one call to the next: counters, totals, lists of losses.

A number that a name leads to and that changes from call to call (``self.n += 1``, ``total += loss.item()``) is an input
of the program: it is read before each run. What the step puts there, or appends to a list, leaves the program with its
results, and is put there after each run. So nothing of it is looked at in between, and every backend can do it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from copy import copy
from operator import is_
from typing import Any

import numpy as np

from minigrad.core.tensor import Tensor

#: Whole numbers that come in are smaller: in a backend they have 64 bits, and so has what is computed of them.
SMALL = 2**31

_NOTHING = object()

#: Stands for all items of a deque of bounded length that is full, and that a step reads and appends to.
WINDOW = object()


class Held:
    """A number in an attribute, a global, an item of a dict or list, or a variable of a closure (``key`` is None)."""

    __slots__ = ("key", "name", "place")

    def __init__(self, name: str, place: Any, key: Any) -> None:
        self.name, self.place, self.key = name, place, key

    def get(self) -> Any:
        """The value in the place, or an object that is no number where it was deleted."""
        try:
            if self.key is None:
                return self.place.cell_contents
            return self.place[self.key] if is_sequence(self.place) else self.place.get(self.key, _NOTHING)
        except (ValueError, IndexError):  # deleted
            return _NOTHING

    given = get  # what a run takes

    def put(self, x: Any) -> None:
        """Let it hold something else."""
        if self.key is None:
            self.place.cell_contents = x
        else:
            self.place[self.key] = x

    @property
    def id(self) -> Any:
        """What tells two of them apart."""
        return (id(self.place), self.key)

    def is_like(self, other: Any) -> bool:
        """Whether both are the same place."""
        return type(other) is type(self) and self.id == other.id

    def state(self) -> Any:
        """What an audit puts back."""
        return self.get()

    put_back = settle = put

    def made(self, _: Any) -> Any:
        """What a run has left here, to be compared."""
        return self.get()


class Carried(Held):
    """Tensors, arrays, and lists, tuples and dicts of such and of numbers: others in each call, of one kind."""

    def given(self) -> Any:
        """The array."""
        return data_of(self.get())


class Part:
    """One item of a container in such a place."""

    __slots__ = ("held", "id", "name", "path")

    def __init__(self, held: Held, path: tuple[Any, ...]) -> None:
        self.held, self.path, self.id = held, path, held.id
        self.name = ".".join([held.name, *map(str, path)])

    def get(self) -> Any:
        """The item."""
        x = self.held.get()
        for key in self.path:
            x = x[key]
        return x

    def given(self) -> Any:
        """The number or array."""
        return data_of(self.get())

    def is_like(self, other: Any) -> bool:
        """Whether both are the same item."""
        return type(other) is Part and self.held.is_like(other.held) and self.path == other.path


class Grown:
    """A list or deque that a step appends to and does not read."""

    __slots__ = ("name", "place")

    def __init__(self, name: str, place: Any) -> None:
        self.name, self.place = name, place

    def put(self, items: Iterable[Any]) -> None:
        """Append what a run has made."""
        self.place.extend(items)

    @property
    def id(self) -> Any:
        """What tells two of them apart."""
        return id(self.place)

    def settle(self, items: list[Any]) -> None:
        """Put real things in the place of those that a recording has appended."""
        for _ in items:
            self.place.pop()
        self.place.extend(items)

    def is_like(self, other: Any) -> bool:
        """Whether both are the same list."""
        return type(other) is Grown and self.place is other.place

    def state(self) -> list[Any]:
        """What an audit puts back."""
        return list(self.place)

    def put_back(self, state: list[Any]) -> None:
        """The items as they were."""
        self.place.clear()
        self.place.extend(state)

    def made(self, count: int) -> list[Any]:
        """What a run has left here: the last ``count`` items."""
        return list(self.place)[-count:]


class Whole:
    """An object from outside among what leaves a step: the very object, not another with the same contents."""

    __slots__ = ("held",)

    def __init__(self, held: Any) -> None:
        self.held = held

    def now(self) -> Any:
        """The object."""
        return self.held


class Fresh:
    """A set or a bytearray that a step makes and returns: each run gives another one, for the user to change."""

    __slots__ = ("like",)

    def __init__(self, like: Any) -> None:
        self.like = copy(like)

    def now(self) -> Any:
        """Another one with the same items."""
        return copy(self.like)


class Steps:
    """How many steps an optimizer has made: read alone."""

    __slots__ = ("id", "key", "name", "place")

    def __init__(self, name: str, optimizer: Any) -> None:
        self.name, self.place, self.key, self.id = name, optimizer, "iterations", id(optimizer)

    def get(self) -> Any:
        """The count when the run begins."""
        return self.place._iterations

    given = get

    def is_like(self, other: Any) -> bool:
        """Whether both are those of one optimizer."""
        return type(other) is Steps and self.place is other.place


def has_grown(now: Any, before: list[Any]) -> bool:
    """Whether a list or deque has the items that it had, and more behind them."""
    return type(now) in (list, deque) and len(now) > len(before) and all(map(is_, now, before))


def is_number(x: Any) -> bool:
    """Whether something can be an input: a float, or a whole number that is not too large."""
    return type(x) is float or (type(x) is int and abs(x) < SMALL)


def is_sequence(x: Any) -> bool:
    """Whether something holds items by their numbers."""
    return type(x) in (list, deque)


def data_of(x: Any) -> Any:
    """What a program gets of a tensor, number or array: of a tensor an array, whether somebody has looked at it or not.

    One number is a scalar of NumPy's until then.
    """
    if not isinstance(x, Tensor):
        return x
    return np.asarray(x._array) if issubclass(type(x._array), np.generic) else x._array


#: Items of containers that are inputs, of all their depths together, at most.
_ITEMS = 64


def like_of(x: Any) -> Any:
    """The kind of value that one program takes from a place: types, shapes, dtypes. None where it is no input."""
    if type(x) in (float, int):
        return (type(x),) if is_number(x) else None
    if is_container(x):
        return _like_of_items(x)
    data = data_of(x) if type(x) is Tensor and x._node is None else x
    if type(data) is np.ndarray or isinstance(data, np.generic):
        return (type(x), type(data), data.shape, data.dtype, data.strides) if data.dtype.kind in "biufc" else None
    return None


def is_container(x: Any) -> bool:
    """Whether the items of something may be inputs: of a list, a tuple, a named one too, or a dict."""
    return type(x) in (list, tuple, dict) or (isinstance(x, tuple) and hasattr(type(x), "_make"))


def _like_of_items(x: Any) -> Any:
    if len(x) > _ITEMS:
        return None
    likes = [(item,) if item is None or type(item) in (str, bool) else like_of(item) for item in items_of(x)]
    return None if None in likes else (type(x), tuple(x) if type(x) is dict else len(x), *likes)


def items_of(x: Any) -> Iterable[Any]:
    """What a list, tuple or dict holds."""
    return x.values() if type(x) is dict else x


def is_input(x: Any) -> bool:
    """Whether something can be an input of a program: a number, an array, a tensor without a graph, these in a list."""
    return like_of(x) is not None


def are_of_one_kind(one: Any, other: Any) -> bool:
    """Whether two things that can be inputs may be what one place holds in turn."""
    if is_number(one) or is_number(other):
        return is_number(one) and is_number(other)
    return type(one) is type(other) and is_input(one) and is_input(other)
