"""Large data in a step's names: what is read of it is noted while the step is recorded, and only that is watched.

A vocabulary of 50,000 words in ``self`` is no part of a step that looks up two of them. So while a step is recorded,
one that notes which keys are read, and hands writes on, stands wherever a name leads to a large dict, list or set of
numbers and strings. Afterwards each name leads to the very object that it led to before.
"""

from __future__ import annotations

import operator
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from minigrad.core.stands import NumberStand

#: Items from which on reads are noted; a smaller container is compared as a whole.
LARGE = 128

_NOTHING = object()


class Reads:
    """What is read of one container."""

    def __init__(self, name: str, original: Any, holders: Iterable[tuple[Any, Any]] = ()) -> None:
        self.name, self.original = name, original
        self.keys: dict[Any, Any] = {}  # with what was there, or ...
        self.size: int | None = None
        self.whole: list[Any] | None = None
        self.values: list[Any] | None = None
        self.holders = [*holders]  # (what holds it, under which key)
        self.appended = 0  # items, at the end

    @property
    def is_read(self) -> bool:
        """Whether anything of it was read, or written otherwise than at its end."""
        return bool(self.keys) or self.size is not None or self.whole is not None

    def note(self, key: Any) -> None:
        """One key, before it is written if it is."""
        try:
            if key in self.keys:
                return
            if isinstance(self.original, (dict, list)):
                item = self.original.get(key, ...) if isinstance(self.original, dict) else self.original[key]
            else:
                item = key in self.original
            self.keys[key] = item
            if self.appended:
                self.note_all()  # which are its own now
        except (TypeError, IndexError):  # not hashable, or not there
            self.note_all()

    def note_size(self) -> None:
        """How many there are."""
        if self.size is None:
            self.size = len(self.original)

    def note_all(self) -> None:
        """Everything, in its order."""
        if self.whole is None:
            self.whole = list(self.original)
            self.values = list(self.original.values()) if isinstance(self.original, dict) else None


def spy(reads: Reads) -> Any:
    """What stands in a container's place while a step is recorded."""
    kind = next(kind for kind in _KINDS if isinstance(reads.original, kind.__mro__[1]))
    stand = kind(reads.original)
    stand.reads = reads
    return stand


def was_written_past(stand: Any) -> bool:
    """Whether something written in C has changed what stands for a container without its methods.

    Then the container has the same items afterwards.
    """
    base: Any = type(stand).__mro__[1]
    original = stand.reads.original
    if base is deque:  # has no such functions, and what stands for one has no bounded length
        return False
    now, before = _items(base, stand), _items(base, original)
    if now == before if base is set else len(now) == len(before) and all(map(operator.is_, now, before)):
        return False
    base.clear(original)
    if base is dict:
        now = zip(now[: len(now) // 2], now[len(now) // 2 :], strict=True)
    getattr(base, "extend" if base is list else "update")(original, now)
    return True


def _items(base: Any, x: Any) -> Any:
    """The items of a container by the methods of its base; of a dict the keys, and then the values."""
    return (
        set(base.__iter__(x))
        if base is set
        else [*base.keys(x), *base.values(x)]
        if base is dict
        else [*base.__iter__(x)]
    )


def _by_key(name: str) -> Callable[..., Any]:
    def method(self: Any, key: Any, *rest: Any) -> Any:
        if isinstance(key, NumberStand):
            self.reads.note_all()
            if name == "__contains__":
                return key.is_in(self.reads.original)
            if name == "get" and not key.is_in(self.reads.original):
                return rest[0] if rest else None
            return key.item_of(self.reads.original)
        if isinstance(key, slice):
            self.reads.note_all()
        else:
            self.reads.note(key)
        return getattr(self.__class__.__mro__[1], name)(self.reads.original, key, *rest)

    return method


def _whole(name: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        self.reads.note_all()
        return getattr(self.__class__.__mro__[1], name)(self.reads.original, *args, **kwargs)

    return method


def _write(name: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        self.reads.note_all()  # as it was: what is written now is a change
        base = self.__class__.__mro__[1]
        result = getattr(base, name)(self.reads.original, *args, **kwargs)
        base.clear(self)
        getattr(base, "extend" if base in (list, deque) else "update")(self, self.reads.original)
        return self if name.startswith("__i") else result

    return method


def _append(self: Any, x: Any) -> None:
    self.reads.appended += 1
    for each in (self.reads.original, self):
        self.__class__.__mro__[1].append(each, x)


def _extend(self: Any, items: Any) -> Any:
    for x in list(items):
        _append(self, x)
    return self


def _extended(self: Any, items: Any) -> None:
    _extend(self, items)


def _length(self: Any) -> int:
    self.reads.note_size()
    return len(self.reads.original)


def _reduced(self: Any, _: Any) -> Any:
    self.reads.note_all()
    return (self.__class__.__mro__[1], (self.__class__.__mro__[1](self.reads.original),))


def _methods(base: type, by_key: str, writes: str) -> dict[str, Any]:
    """The methods of a class that notes: those by key, those that write, and all others, which may see everything."""
    methods: dict[str, Any] = {"__len__": _length, "__reduce_ex__": _reduced, "__hash__": None}
    methods |= {name: _by_key(name) for name in by_key.split()}
    methods |= {name: _write(name) for name in writes.split()}
    untouched = set(
        """
        __new__ __init__ __getattribute__ __setattr__ __delattr__ __class__ __doc__ __init_subclass__ __subclasshook__
        __class_getitem__ __sizeof__ __dir__ __getstate__ fromkeys __reduce__
        """.split()
    )
    others = set(dir(base)) - untouched - set(methods)
    return methods | {name: _whole(name) for name in others if callable(getattr(base, name))}


def _reflected(base: type, name: str) -> Callable[..., Any]:
    def method(self: Any, other: Any) -> Any:
        self.reads.note_all()
        return getattr(base, name)(other, self)

    return method


def _class(base: type, by_key: str, writes: str) -> type:
    """The class that stands for containers of a class."""
    methods = _methods(base, by_key, writes)
    if base in (list, deque):
        methods |= {"append": _append, "extend": _extended, "__iadd__": _extend}
    if base is list:
        methods["__radd__"] = _reflected(base, "__add__")
    return type(f"_{base.__name__.capitalize()}", (base,), methods)


#: Container, methods by key, methods that write.
_TRACKED: tuple[tuple[type, str, str], ...] = (
    (dict, "__getitem__ get __contains__", "__setitem__ __delitem__ setdefault pop popitem update clear __ior__"),
    (list, "__getitem__", "__setitem__ __delitem__ insert pop remove clear sort reverse __imul__"),
    (
        set,
        "__contains__",
        """
        add discard remove pop clear update difference_update intersection_update symmetric_difference_update
        __ior__ __iand__ __isub__ __ixor__
        """,
    ),
    (
        deque,
        "",
        "__setitem__ __delitem__ appendleft extendleft insert pop popleft remove clear reverse rotate __imul__",
    ),
)
_KINDS = tuple([_class(*row) for row in _TRACKED])

#: Names by which another set looks into one without asking it.
OF_OTHER_SETS = frozenset(
    """
    issubset issuperset isdisjoint intersection union difference symmetric_difference update difference_update
    intersection_update symmetric_difference_update set frozenset
    """.split()
)


#: Functions of ``heapq``, which read and write the items of a list without its methods.
OF_HEAPS = frozenset("heapify heappop heappush heappushpop heapreplace".split())


def original_of(x: Any) -> Any:
    """What something stands for, or itself."""
    return x.reads.original if type(x) in (*_KINDS, Table) else x


class Table(tuple[Any, ...]):
    """A tuple of numbers, which a number of the step may look up."""

    reads: Reads

    def __new__(cls, reads: Reads) -> Table:
        """Of the tuple that was looked at."""
        table = super().__new__(cls, reads.original)
        table.reads = reads
        return table

    def __getitem__(self, key: Any) -> Any:
        return key.item_of(tuple(self)) if isinstance(key, NumberStand) else super().__getitem__(key)


def is_table(x: Any) -> bool:
    """Whether a container has numbers, or numbers by whole ones, and so few that it is no large data."""
    items = x.values() if type(x) is dict else x if type(x) in (list, tuple) else ()
    keys = x if type(x) is dict else ()
    return len({type(item) for item in items} | {type(key) for key in keys} - {int}) == 1 and all(
        type(item) in (int, float) for item in items
    )


#: Those that something has kept, a cache perhaps, by the id of what they stood for: they hand on what is asked of them,
#: and what they stand for is compared as a whole from then on.
_kept: dict[int, weakref.ref[Any]] = {}


def is_kept(x: Any) -> bool:
    """Whether something still holds what stood for ``x``."""
    container = _kept[id(x)]() if id(x) in _kept else None
    return container is not None and container.reads.original is x


def note_kept(reads: Reads, stand: weakref.ref[Any]) -> None:
    """Note whether something holds what stood for an object, when nobody else does any more."""
    if stand() is not None:
        _kept[id(reads.original)] = stand
        reads.note_all()


@contextmanager
def standing(stands: Sequence[tuple[Reads, Any]]) -> Iterator[None]:
    """Inside, all that holds an object holds what stands for it, afterwards the object again."""
    try:
        for reads, stand in stands:
            _exchange(reads, reads.original, stand)
        yield
    finally:
        for reads, stand in stands:
            _exchange(reads, stand, reads.original)


def _exchange(reads: Reads, before: Any, after: Any) -> None:
    for place, key in reads.holders:
        try:
            if key is None:
                if place.cell_contents is before:
                    place.cell_contents = after
            elif place[key] is before:
                place[key] = after
        except (KeyError, IndexError, ValueError, AttributeError, TypeError):  # not there any more
            pass
