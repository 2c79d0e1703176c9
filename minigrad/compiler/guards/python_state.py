"""What a step keeps in Python from one call to the next: counters, totals, lists of losses.

A number that a name leads to and that changes from call to call (``self.n += 1``, ``total += loss.item()``) is an input
of the program: it is read before each run. What the step puts there, or appends to a list, leaves the program with its
results, and is put there after each run. So nothing of it is looked at in between, and every backend can do it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from operator import is_
from typing import Any

#: Whole numbers that come in are smaller: in a backend they have 64 bits, and so has what is computed of them.
SMALL = 2**31

_NOTHING = object()


class Held:
    """A number in an attribute, a global, an item of a dict, or a variable of a closure (then ``key`` is None)."""

    __slots__ = ("key", "name", "place")

    def __init__(self, name: str, place: Any, key: Any) -> None:
        self.name, self.place, self.key = name, place, key

    def get(self) -> Any:
        """What is there, or something else that is no number."""
        try:
            return self.place.cell_contents if self.key is None else self.place.get(self.key, _NOTHING)
        except ValueError:  # deleted
            return _NOTHING

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
        return type(other) is Held and self.id == other.id

    def state(self) -> Any:
        """What an audit puts back."""
        return self.get()

    put_back = settle = put

    def made(self, _: Any) -> Any:
        """What a run has left here, to be compared."""
        return self.get()


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
    """A container from outside among what leaves a step: the very object, not another with the same items."""

    __slots__ = ("held",)

    def __init__(self, held: Any) -> None:
        self.held = held


class Steps:
    """How many steps an optimizer has made: read alone."""

    __slots__ = ("id", "key", "name", "place")

    def __init__(self, name: str, optimizer: Any) -> None:
        self.name, self.place, self.key, self.id = name, optimizer, "iterations", id(optimizer)

    def get(self) -> Any:
        """The count when the run begins."""
        return self.place._iterations

    def is_like(self, other: Any) -> bool:
        """Whether both are those of one optimizer."""
        return type(other) is Steps and self.place is other.place


def has_grown(now: Any, before: list[Any]) -> bool:
    """Whether a list or deque has the items that it had, and more behind them."""
    return type(now) in (list, deque) and len(now) > len(before) and all(map(is_, now, before))


def is_number(x: Any) -> bool:
    """Whether something can be an input: a float, or a whole number that is not too large."""
    return type(x) is float or (type(x) is int and abs(x) < SMALL)
