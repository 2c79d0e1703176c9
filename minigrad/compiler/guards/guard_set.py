"""What must be as it was for a replay: a list of tests, which run before every replay as one expression.

A test is a name to tell, a kind, a place, a key in it and what is held there. Each costs some ten nanoseconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from operator import is_, itemgetter
from typing import Any, NamedTuple

import numpy as np

from minigrad.compiler.guards.holders import Members
from minigrad.compiler.guards.python_state import are_of_one_kind, has_grown, is_number, is_sequence, like_of
from minigrad.compiler.guards.read_tracking import LARGE
from minigrad.core.away import has_gradient
from minigrad.core.tensor import Tensor
from minigrad.support.codegen import Names, define

_MISSING = object()

#: What is compared by its value where it is another object.
_VALUES = (int, float, complex, str, bytes, tuple)

#: More tests than this are gone through one by one: an expression of many thousand terms takes long to compile.
_WRITTEN = 3_000


class Test(NamedTuple):
    """That ``place`` holds under ``key`` what it held."""

    name: str
    kind: str
    place: Any
    key: Any
    held: Any


def same_value(x: Any, before: Any) -> bool:
    """Whether two objects are one, or numbers or strings of one type with the same bits, or tuples of such."""
    if x is before:
        return True
    if type(x) is not type(before) or type(x) not in _VALUES:
        return False
    if type(x) is tuple:
        return len(x) == len(before) and all(map(same_value, x, before))
    if type(x) is complex:
        return same_value((x.real, x.imag), (before.real, before.imag))
    return x.hex() == before.hex() if type(x) is float else bool(x == before)


def _same_items(items: Any, before: list[Any]) -> bool:
    return len(items) == len(before) and all(map(is_, items, before))


def _are_same(one: Any, other: Any) -> bool:
    return type(one) is type(other) is list and _same_items(one, other)


#: Kind: the test in Python, where p is the place, k the key and h what is held; ``Ellipsis`` stands for nothing there.
_TEXTS = {
    "cell": "p.cell_contents is h",
    "empty": "is_empty(p)",
    "entry": "p.get(k, M) is h",
    "got": "p(k, M) is h",
    "class": "type(p) is h",
    "attribute": "getattr(p, k, M) is h",
    "method": "p.k is h",
    "size": "len(p) == h",
    "items": "same_items(p, h)",
    "values": "same_items(p.values(), h)",
    "item": "p[k] is h",
    "member": "(k in p) is h",
    "missing": "k not in p",
    "result": "p() is h",
    "content": "p() == h",
    "number at": "type(p.get(k)) is h",
    "number in": "type(p.cell_contents) is h",
    "small at": "is_number(p.get(k))",
    "small in": "is_number(p.cell_contents)",
    "number of": "type(p[k]) is h",
    "small of": "is_number(p[k])",
    "like at": "like_of(p.get(k)) == h",
    "like in": "like_of(p.cell_contents) == h",
    "like of": "like_of(p[k]) == h",
}
#: What the kinds that compare an object find in its place now.
_SEEN = ("cell", "entry", "got", "attribute", "item", "result")


def _functions() -> dict[str, Any]:
    """``TESTS``, of (place, key, what is held), and ``NOW``, of (place, key), by kind."""
    texts = _TEXTS | {"method": _TEXTS["attribute"]}
    tests = "".join(f"    {kind!r}: lambda p, k, h: {text},\n" for kind, text in texts.items())
    now = "".join(f"    {kind!r}: lambda p, k: {_TEXTS[kind].removesuffix(' is h')},\n" for kind in _SEEN)
    return define(f"TESTS = {{\n{tests}}}\nNOW = {{\n{now}}}", "tests", _names())


def _names() -> dict[str, Any]:
    """What the texts use."""
    used = (same_value, is_empty, is_number, like_of)
    return {"M": _MISSING, "same_items": _same_items, **{function.__name__: function for function in used}}


class Guards:
    """The tests of one program."""

    def __init__(self) -> None:
        self._tests: dict[tuple[Any, ...], Test] = {}

    def add(self, name: str, kind: str, place: Any, key: Any, held: Any) -> None:
        """Another test; what is held is ``...`` where nothing is."""
        of = key if isinstance(key, (str, int)) else id(key)
        self._tests.setdefault((kind, id(place), of), Test(name, kind, place, key, _MISSING if held is ... else held))

    def size(self, name: str, place: Any) -> None:
        """That a container has as many items."""
        self.add(name, "size", place, None, len(place))

    def items(self, name: str, place: Any) -> None:
        """That a container has the same items, or keys, in the same order."""
        self.add(name, "items", place, None, list(place))

    def kind_of(self, name: str, place: Any, key: Any, held: Any) -> None:
        """That a place holds a number of the same type, or an array of the same shape; see ``Held`` for places."""
        where = "in" if key is None else "of" if is_sequence(place) else "at"
        if not is_number(held):
            self.add(name, f"like {where}", place, key, like_of(held))
            return
        self.add(name, f"number {where}", place, key, type(held))
        if type(held) is int:
            self.add(name, f"small {where}", place, key, None)

    def failing(self) -> Iterator[tuple[Test, Any]]:
        """Each name that has another value now, with that value."""
        for test in self._tests.values():
            if not _holds(test):
                try:
                    now = test.place if test.kind in ("items", "size") else _NOW[test.kind](test.place, test.key)
                    yield test, now
                except Exception:  # noqa: BLE001, S112 - nothing there
                    continue

    def changing(self) -> dict[Any, Any]:
        """Where there is another number or array now, or a list that has grown: the places by their ids."""
        pairs_now: dict[Any, Any] = {}
        for test, now in self.failing():
            if test.kind in ("entry", "cell", "item") and are_of_one_kind(test.held, now):
                pairs_now[(id(test.place), test.key)] = test.place
            elif test.kind == "items" and has_grown(now, test.held):
                pairs_now[id(now)] = now
            elif test.kind == "items" and is_sequence(now) and len(now) == len(test.held) < LARGE:
                pairs = enumerate(zip(test.held, now, strict=True))
                pairs_now |= {(id(now), i): now for i, (x, y) in pairs if x is not y and are_of_one_kind(x, y)}
        return pairs_now

    @property
    def may_be_put_back(self) -> bool:
        """Whether ``put_back`` is all that there is to undo."""
        return all(
            test.kind == "cell"
            or (test.kind == "entry" and isinstance(test.place, (dict, Members)) and test.held is not _MISSING)
            or (test.kind == "items" and type(now) is list)
            for test, now in self.failing()
        )

    def put_back(self) -> None:
        """What variables, attributes and lists held."""
        for test, now in list(self.failing()):
            if test.kind == "cell":
                test.place.cell_contents = test.held
            elif test.kind == "entry" and isinstance(test.place, (dict, Members)) and test.held is not _MISSING:
                test.place[test.key] = test.held
            elif test.kind == "items" and type(now) is list:
                now[:] = test.held

    def are_like(self, other: Guards) -> bool:
        """Whether these tests are those of another walk over the same names, with the same held."""
        pairs = zip(self._tests.values(), other._tests.values(), strict=False)
        return len(self) == len(other) and all(
            (a.name, a.kind) == (b.name, b.kind) and (same_value(a.held, b.held) or _are_same(a.held, b.held))
            for a, b in pairs
        )

    def __len__(self) -> int:
        return len(self._tests)

    def changed(self, but: Collection[Any] = ()) -> str:
        """The first name that holds something else now, but for places by their ids; or ""."""
        tests = self._tests.values()
        names = (test.name for test in tests if not _holds(test) and (id(test.place), test.key) not in but)
        return next(names, "")

    def holding(
        self,
        tensors: Iterable[tuple[Tensor, Any, Any]] = (),
        entry: Iterable[tuple[Any, bool]] = (),
        watched: Iterable[tuple[np.ndarray, bytes]] = (),
        holds: Callable[[], bool] | None = None,
    ) -> Callable[[], bool]:
        """``not changed()``, written out as one expression: it runs before every replay.

        With it, whether tensors have the data and the node that they had, leaves a gradient or none, and arrays
        the bytes, and what else ``holds``. Data that is ``...`` is not compared.
        """
        named = Names(**_names())
        terms = []
        for tensor, data, node in tensors:
            at = named(tensor)
            terms += [f"{at}._array is {named(data)}"] * (data is not ...) + [f"{at}._node is {named(node)}"]
        gradient = f"{named(has_gradient)}({{}})" if holds is not None else "{}.grad is not None"
        terms += [f"{'not ' * was_none}({gradient.format(named(leaf))})" for leaf, was_none in entry]
        tests = list(self._tests.values())
        for test in tests[:_WRITTEN]:
            key = repr(test.key) if type(test.key) in (str, int) else named(test.key)
            key = test.key if test.kind == "method" else key
            spelled = {"p": named(test.place), "k": key, "h": named(test.held)}
            kind = test.kind
            if kind == "entry" and type(test.place) is dict:  # without a call, and a missing key is an error
                kind = "item" if test.held is not _MISSING else "missing"
            text = _spelled(_TEXTS[kind], spelled)
            if isinstance(test.held, _VALUES) and test.kind in _NOW:
                now, _, of = text.rpartition(" is ")
                text = f"({text} or same_value({now}, {of}))"
            terms.append(text)
        saved = [(array, array.tobytes, bits) for array, bits in watched]  # the arrays live as long as the test
        terms += [f"{named(tobytes)}() == {named(bits)}" for _, tobytes, bits in saved]
        if holds is not None:
            terms.append(f"{named(holds)}()")
        if tests[_WRITTEN:]:
            named.bound.update(rest=tests[_WRITTEN:], holds=_holds)
            terms.append("all(map(holds, rest))")
        lines = [f"def make({', '.join(named.bound)}):", "    def same():", "        try:", "            return ("]
        lines += [f"                {term} and" for term in terms] + ["                True)"]
        lines += ["        except Exception:", "            return False  # a name without a value", "    return same"]
        make = define("\n".join(lines), "guards", {})["make"]
        same: Callable[[], bool] = make(*named.bound.values())
        return same


def _spelled(text: str, names: dict[str, str]) -> str:
    return re.sub(r"\b[pkh]\b", lambda found: names[found[0]], text)


def is_empty(cell: Any) -> bool:
    """Whether a variable of a closure has no value."""
    try:
        _ = cell.cell_contents
    except ValueError:
        return True
    return False


_TESTS, _NOW = itemgetter("TESTS", "NOW")(_functions())


def _holds(test: Test) -> bool:
    try:
        if _TESTS[test.kind](test.place, test.key, test.held):
            return True
        return test.kind in _NOW and same_value(_NOW[test.kind](test.place, test.key), test.held)
    except Exception:  # noqa: BLE001 - a closure variable that was deleted, an object that answers no more
        return False
