"""Places in which one object can be put in another's stead, beside dicts, lists and variables of closures.

While a step is recorded, others stand where streams of random numbers and large data are. A tuple cannot be written,
so where it lies another tuple is put; afterwards the very tuple is there again.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Iterator
from operator import is_
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minigrad.compiler.guards.reachable import Reach


class InTuple:
    """The items of a tuple that lies in a place."""

    def __init__(self, place: Any, key: Any) -> None:
        self._place, self._key = place, key
        self._original = self._now()

    def _now(self) -> Any:
        return self._place.cell_contents if self._key is None else self._place[self._key]

    def __getitem__(self, i: int) -> Any:
        return self._now()[i]

    def __setitem__(self, i: int, x: Any) -> None:
        items = [x if j == i else item for j, item in enumerate(self._now())]
        kind: Any = type(self._original)
        same = all(map(is_, items, self._original))
        replacement = self._original if same else kind._make(items) if hasattr(kind, "_make") else tuple(items)
        if self._key is None:
            self._place.cell_contents = replacement
        else:
            self._place[self._key] = replacement


class Attributes:
    """The attributes of an object by their names: of a function (``__defaults__``), or in slots."""

    def __init__(self, holder: Any) -> None:
        self._holder = holder

    def __getitem__(self, name: str) -> Any:
        return getattr(self._holder, name)

    def __setitem__(self, name: str, x: Any) -> None:
        object.__setattr__(self._holder, name, x)  # also of a frozen dataclass


class Members:
    """The attributes of a class, as a dict that is written into by ``setattr``."""

    __slots__ = ("__weakref__", "_kind", "get")

    def __init__(self, kind: type) -> None:
        self._kind = kind
        self.get = vars(kind).get

    def __getitem__(self, name: str) -> Any:
        return vars(self._kind)[name]

    def __setitem__(self, name: str, x: Any) -> None:
        type.__setattr__(self._kind, name, x)

    def __iter__(self) -> Iterator[str]:
        return iter(vars(self._kind))

    def __len__(self) -> int:
        return len(vars(self._kind))


#: By the id of a class: classes may be equal to others, or have no hash. Members keep their class, so no id is reused.
_members: weakref.WeakValueDictionary[int, Members] = weakref.WeakValueDictionary()


def members_of(kind: type) -> Members:
    """The attributes of a class: one object, as long as somebody has it, so they are one place to all recordings."""
    return _members.setdefault(id(kind), Members(kind))


class Static:
    """The function in a ``staticmethod`` of a class, which lies in a place."""

    def __init__(self, place: Any, key: Any) -> None:
        self._place, self._key, self._original = place, key, place[key]

    def __getitem__(self, _: Any) -> Any:
        return self._place[self._key].__func__

    def __setitem__(self, _: Any, x: Any) -> None:
        self._place[self._key] = self._original if x is self._original.__func__ else staticmethod(x)


class Bound:
    """What ``functools.partial`` has bound: ``func`` and ``args``."""

    def __init__(self, holder: functools.partial[Any]) -> None:
        self._holder = holder

    def __getitem__(self, name: str) -> Any:
        return getattr(self._holder, name)

    def __setitem__(self, name: str, x: Any) -> None:
        target: Any = self._holder
        parts = {"func": target.func, "args": target.args, "keywords": target.keywords} | {name: x}
        target.__setstate__((*parts.values(), vars(target)))


def holders_of(reach: Reach, x: Any) -> list[Any]:
    """In what another item can be put in the place of one: a list itself, or where a tuple lies."""
    if not isinstance(x, tuple):
        return [x if type(x) is list else None]
    return [InTuple(place, key) for place, key in reach.holders.get(id(x), ())] or [None]


def is_named(reach: Reach, array: Any) -> bool:
    """Whether an array is of no tensor, and lies where another can stand in its place."""
    return id(array) in reach.holders and any(array is other for _, other in reach.plain_arrays)
