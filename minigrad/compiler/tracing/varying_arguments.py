"""Which arguments of a compiled function are numbers that vary: these are inputs of its programs.

What a number is in the first call is part of the program. From its second value on it is an input, a ``Number``, or an
array of one element where it is one of NumPy's. Where Python takes it, each value has a program of its own again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from minigrad.compiler.guards.arguments import key_of
from minigrad.compiler.guards.python_state import is_number

#: At most 64 kinds of calls are remembered. After 6 new values in a row of a number that Python takes, a warning comes.
_KINDS, _WASTED = 64, 6


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
        numbers: list[Any] = []
        places = places_of(args, kwargs)
        kind = key_of(*_without(args, kwargs, places), now, numbers)
        seen = self._kinds.get(kind) if places else None
        inputs = {place: x for place, x in places.items() if place in seen.inputs} if seen is not None else {}
        arrays += numbers
        return kind if len(inputs) == len(places) else key_of(*_without(args, kwargs, inputs), now, []), inputs

    def note(self, args: tuple[Any, ...], kwargs: dict[str, Any], now: Any, programs: dict[Any, Any]) -> bool:
        """Note the numbers of a call that is to be recorded.

        One that differs from the last call's is an input from now on. Answers whether there were too many new values
        of what Python takes, with no replay between them.
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

    def take_back(self, inputs: Iterable[Any], args: tuple[Any, ...], kwargs: dict[str, Any], now: Any) -> None:
        """These are inputs again."""
        if inputs:
            seen = self._kinds[key_of(*_without(args, kwargs, places_of(args, kwargs)), now, [])]
            seen.taken -= set(inputs)
            seen.inputs |= set(inputs)


def places_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[Any, Any]:
    """The arguments that are numbers, by position or name; those in lists, tuples and dicts by a path."""
    places: dict[Any, Any] = {}
    for root, x in (*enumerate(args), *kwargs.items()):
        if _may_vary(x):
            places[root] = x
        elif type(x) in _CONTAINERS:
            _look_into(x, (root,), places)
    return places


#: Numbers in these are inputs too, at most so deep.
_CONTAINERS, _DEPTH = (list, tuple, dict), 4


def _look_into(tree: Any, path: tuple[Any, ...], found: dict[Any, Any]) -> None:
    for key, x in tree.items() if type(tree) is dict else enumerate(tree):
        if _may_vary(x):
            found[(*path, key)] = x
        elif type(x) in _CONTAINERS and len(path) < _DEPTH:
            _look_into(x, (*path, key), found)


def _may_vary(x: Any) -> bool:
    return is_number(x) or (isinstance(x, np.generic) and x.dtype.kind in "iufc")


def name_of(place: Any) -> str:
    """What the program calls a number among the arguments."""
    path = place if isinstance(place, tuple) else (place,)
    return "_".join(["number", *map(str, path)]) if isinstance(path[0], int) else "_".join(map(str, path))


def replaced(args: tuple[Any, ...], kwargs: dict[str, Any], new: dict[Any, Any]) -> tuple[Any, Any]:
    """The arguments with other ones at some places."""
    inner: dict[Any, dict[Any, Any]] = {}
    for place, x in new.items():
        if type(place) is tuple:
            inner.setdefault(place[0], {})[place[1:]] = x

    def at(root: Any, x: Any) -> Any:
        return _put(x, inner[root]) if root in inner else new.get(root, x)

    return tuple([at(i, x) for i, x in enumerate(args)]), {name: at(name, x) for name, x in kwargs.items()}


def _put(tree: Any, new: dict[Any, Any]) -> Any:
    """A container like another, with other items at some paths."""
    inner: dict[Any, dict[Any, Any]] = {}
    for (key, *rest), x in new.items():
        inner.setdefault(key, {})[tuple(rest)] = x
    items = tree.items() if type(tree) is dict else enumerate(tree)
    items_now = {key: x if key not in inner else inner[key].get((), x) for key, x in items}
    items_now |= {key: _put(items_now[key], paths) for key, paths in inner.items() if () not in paths}
    return items_now if type(tree) is dict else type(tree)(items_now.values())


class _Mark:
    """What stands for a number in a key."""


_MARKS: dict[type, _Mark] = {}


def _without(args: Any, kwargs: Any, places: dict[Any, Any]) -> tuple[Any, Any]:
    return replaced(args, kwargs, {place: _MARKS.setdefault(type(x), _Mark()) for place, x in places.items()})
