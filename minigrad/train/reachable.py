"""The state that the rest of a run can depend on: everything in reach of model, loss, data and callbacks.

Their attributes are gone through, what these contain, and of functions the closures, the defaults and the globals that
the code mentions; through the user's own classes and functions, and not into those of other libraries. So a generator
in a helper object is found, a counter in a callback, a frozen weight, a rate in an enclosing scope.
"""

from __future__ import annotations

import argparse
import dis
import functools
import inspect
import io
import random
import weakref
from collections import ChainMap, UserDict, UserList, UserString, deque
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from types import BuiltinMethodType, CodeType, FunctionType, GeneratorType, MethodType, ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from minigrad.compiler.guards.code_names import globals_in, is_foreign, is_library, is_of_package, module_of
from minigrad.core.tensor import Tensor
from minigrad.nn import Module, Parameter
from minigrad.train.attributes import CONTAINERS, PLAIN, NoTreeError, frozen, parts_of
from minigrad.train.described import of_function, of_object
from minigrad.train.generators import GENERATORS, global_generators

_LIMIT, _DEEPEST = 20_000, 100
_SMALL = 1 << 24  # bytes of an array in a dataset: what is larger is data, and is not expected to change
#: Of Python's library, and made to hold what is the user's.
_OPEN = (SimpleNamespace, argparse.Namespace, ChainMap, UserDict, UserList, UserString)
_VALUES: tuple[type, ...] = (np.generic, np.ndarray, Tensor, Enum, *CONTAINERS)


class Place(NamedTuple):
    """Where a value stands: an attribute or an item of ``holder``."""

    holder: Any
    at: str  # the path of the holder
    key: Any
    is_item: bool

    def get(self) -> Any:
        """The present value."""
        return self.holder[self.key] if self.is_item else getattr(self.holder, self.key, None)

    def set(self, value: Any) -> None:
        """Put something else there."""
        if self.is_item:
            self.holder[self.key] = value
        elif getattr(self.holder, self.key, None) is not value:
            setattr(self.holder, self.key, value)


class Root(NamedTuple):
    """Something that a run was given."""

    value: Any
    keeps_itself: bool = False  # its own state_dict says what it must know
    is_data: bool = False


class Reached:
    """The objects in reach of ``roots``, each once and under its shortest path.

    - ``values``: {path: (place, what compares equal while it is unchanged)}: what a checkpoint holds where it changes;
    - ``generators``: those of random numbers, without the global ones; ``units``: objects with a ``state_dict``;
    - ``kinds``: the types of objects and what functions do; ``data``: arrays of the data; ``settings``: other values.
      A run and the one that resumes it have the same;
    - ``places``: {another path to an object: the first}, since whoever changes it there changes it here;
    - ``unsaved``: what decides, or can decide, how a run goes on, and cannot be saved: {path: why}.
    """

    def __init__(self, roots: Mapping[str, Root], apart: Iterable[Any] = ()) -> None:
        self.values: dict[str, tuple[Place, Any]] = {}
        self.settings: dict[str, Any] = {}
        self.generators: dict[str, Any] = {}
        self.drawn_from: dict[str, str] = {}  # by whom: {path of a function or an attribute: generator}
        self.units: dict[str, Any] = {}
        self.kinds: dict[str, str] = {}
        self.places: dict[str, str] = {}
        self.shadows: set[str] = set()  # paths of functions that an object has in the place of its class's
        self.data: dict[str, Any] = {}
        self.holders: dict[str, Any] = {}
        self.unsaved: dict[str, str] = {}
        self._seen = {id(x): x for x in apart}  # what is saved by others
        self._first_path: dict[int, str] = {}
        self._bits: dict[int, str] = {}
        self._known = {
            id(t)
            for root in roots.values()
            if isinstance(root.value, Module) and not root.is_data
            for t in root.value._state().values()
        }
        self._waiting: deque[tuple[Any, str, Place | None, bool, int]] = deque()
        for name, root in roots.items():
            place = None if root.keeps_itself else Place(roots, "", name, True)
            self._waiting.append((root.value, name, place, root.is_data, 0))
        self._first = {id(root.value) for root in roots.values()}
        while self._waiting:
            self._look(*self._waiting.popleft())

    def _look(self, x: Any, path: str, place: Place | None, is_data: bool, depth: int) -> None:
        if isinstance(x, GENERATORS):
            self._generator(x, path)
            return
        is_root = depth == 0
        if isinstance(x, Tensor) and id(x) in self._known:
            self.kinds[path] = f"{x.dtype} {x.shape}"
            if isinstance(x, Parameter) or x.requires_grad:
                self._value(x.requires_grad, f"{path}.requires_grad", Place(x, path, "requires_grad", False), False)
            return
        if type(x) in PLAIN or isinstance(x, _VALUES) or parts_of(type(x)):
            if self._value(x, path, None if is_root else place, is_data):
                return
        elif place is not None:
            self.holders.setdefault(path, x)
        if id(x) in self._seen:
            if path != (first := self._first_path.get(id(x), path)) and not isinstance(x, (type, FunctionType)):
                self.places[path] = first
            return
        if len(self._seen) >= _LIMIT or depth > _DEEPEST:
            self.unsaved.setdefault(path, f"lies beyond the {_LIMIT:,} objects that are looked at")
            return
        self._seen[id(x)] = x
        self._first_path[id(x)] = path
        for item, name, holder, inner_is_data in self._inside(x, path, place, is_data):
            self._waiting.append((item, f"{path}.{name}" if name else path, holder, inner_is_data, depth + 1))

    # -- values ---------------------------------------------------------------------------------

    def _value(self, x: Any, path: str, place: Place | None, is_data: bool) -> bool:
        """Note a value; False for a container with objects in it, which are looked at one by one."""
        if isinstance(x, CONTAINERS):
            self.holders.setdefault(path, x)
            if id(x) in self._seen:
                return True
        if is_data and not isinstance(x, Tensor) and type(x) not in PLAIN and (place is None or size(x) > _SMALL):
            if isinstance(x, CONTAINERS) and not _is_data(x):
                return False
            self.data[path] = x
            return True
        try:
            taken = frozen(x, self._known)
        except NoTreeError:
            if not isinstance(x, CONTAINERS):
                is_array = isinstance(x, np.ndarray)
                self.unsaved[path] = "an array of objects" if is_array else f"a {type(x).__name__} of other parts"
            return not isinstance(x, CONTAINERS)
        if isinstance(x, CONTAINERS):
            self._seen[id(x)] = x
            self._known.add(id(x))
        path = _free(path, self.values)
        self.settings[path] = taken
        if place is not None:
            self.values[path] = place, taken
        return True

    def _generator(self, x: Any, path: str) -> None:
        path = _free(path, self.generators)
        self.drawn_from[path] = type(x).__name__
        key = id(x.bit_generator) if isinstance(x, np.random.Generator) else id(x)
        if isinstance(x, random.SystemRandom):
            self.unsaved[path] = "a SystemRandom, which has no state"
        elif key not in self._bits and key not in global_generators():
            self._bits[key] = path
            self.generators[path] = x

    # -- objects --------------------------------------------------------------------------------

    def _inside(
        self, x: Any, path: str, place: Place | None, is_data: bool
    ) -> Iterator[tuple[Any, str, Place | None, bool]]:
        """(value, name, its place, whether it is data) of all in an object."""
        is_root = id(x) in self._first
        if isinstance(x, CONTAINERS):
            can_be_set = place is not None and not isinstance(x, (set, frozenset))  # of a tuple what is in the items
            if path.startswith("model."):
                self.kinds[path] = f"{type(x).__name__} of {len(x)}"
            for key, item in x.items() if isinstance(x, dict) else enumerate(x):
                yield item, str(key), Place(x, path, key, True) if can_be_set else None, is_data
        elif isinstance(x, GeneratorType):
            if not (is_root and is_data):
                self.unsaved[path] = "a generator function that is under way"
            if x.gi_frame is not None:  # what it was made with: its other names come and go
                for name in (*x.gi_code.co_varnames[: x.gi_code.co_argcount], *x.gi_code.co_freevars):
                    if name in x.gi_frame.f_locals:
                        yield x.gi_frame.f_locals[name], name, None, True
                yield from self._of_code(x.gi_code, x.gi_frame.f_globals, path)
        elif isinstance(x, MethodType):
            yield x.__self__, "", place, is_data
            yield x.__func__, x.__name__, place, is_data
        elif isinstance(x, BuiltinMethodType):
            if not isinstance(x.__self__, (ModuleType, type(None))):
                yield x.__self__, "", Place(x, path, "__self__", False), is_data
            self.kinds[path] = x.__qualname__
        elif isinstance(x, functools.partial):
            for part in ("func", "args", "keywords"):
                yield getattr(x, part), part, Place(x, path, part, False), is_data
        elif isinstance(x, weakref.ref):
            yield x(), "", place, is_data
        elif isinstance(x, functools._lru_cache_wrapper):
            yield x.__wrapped__, "", place, is_data
        elif isinstance(x, FunctionType):
            self.kinds[path] = of_function(x)
            self.holders.setdefault(path, x)
            if not is_library(x.__code__.co_filename):
                yield from self._of_function(x, path)
            elif hasattr(x, "__wrapped__"):
                yield x.__wrapped__, "wrapped", None, is_data
        elif isinstance(x, type):
            self.kinds[path] = x.__qualname__
            yield from self._of_class(x)
        elif not isinstance(x, ModuleType):
            yield from self._of_object(x, path, place, is_data, is_root)

    def _of_object(
        self, x: Any, path: str, place: Place | None, is_data: bool, is_root: bool
    ) -> Iterator[tuple[Any, str, Place | None, bool]]:
        kind: Any = type(x)
        self.kinds[path] = kind.__qualname__
        if is_foreign(kind) and kind not in _OPEN:
            self.kinds[path] = of_object(x)
            self._foreign(x, path, is_root and is_data)
            for key, item in getattr(x, "__dict__", {}).items():  # np.vectorize
                if isinstance(item, FunctionType):
                    yield item, key, None, is_data
            return
        if module_of(kind).startswith("minigrad.compiler."):
            yield x.__wrapped__, "", place, is_data
            return
        own = is_of_package(module_of(kind)) and not isinstance(x, Module)
        saves = callable(getattr(kind, "state_dict", None)) and callable(getattr(kind, "load_state_dict", None))
        if saves and not is_root and not isinstance(x, Module):
            self.units[path] = x
        keeps = own or (is_root and place is None) or path in self.units
        arguments, inherited = _of_package(kind)
        loads = any(module_of(base).startswith("minigrad.data.") for base in kind.__mro__)
        for key, item in list(_attributes(x)):
            is_own_business = own or key in inherited
            if is_own_business and key not in arguments and key != "arrays":
                continue
            if own and not loads and type(item) not in PLAIN:
                continue
            holder = None if keeps or key in inherited else Place(x, path, key, False)
            if callable(item) and callable(getattr(kind, key, None)):
                self.shadows.add(f"{path}.{key}")
            yield item, key, holder, is_data or loads
        if not is_of_package(module_of(kind)):
            yield kind, "class", None, is_data

    def _foreign(self, x: Any, path: str, is_train: bool) -> None:
        """An object of a library: only what is known to draw or to move on is of interest."""
        kind = type(x)
        module = kind.__module__.partition(".")[0]
        if isinstance(x, io.IOBase):
            if x.readable() and not x.writable():
                self.unsaved[path] = "a file that is being read"
        elif hasattr(kind, "__next__") and not is_train:
            self.unsaved[path] = f"an iterator ({kind.__name__}), whose position is not known"
        elif module == "torch" and (kind.__name__ == "Generator" or is_train):
            self.unsaved[path] = f"a {kind.__name__} of PyTorch, whose random numbers no checkpoint has"

    def _of_class(self, kind: type) -> Iterator[tuple[Any, str, Place | None, bool]]:
        for base in kind.__mro__:
            if module_of(base) == "builtins" or is_of_package(module_of(base)) or is_foreign(base):
                continue
            for key, item in list(vars(base).items()):
                function = getattr(item, "fget", None) or getattr(item, "__func__", item)
                if isinstance(function, FunctionType) or not key.startswith("_"):
                    place = None if isinstance(function, FunctionType) else Place(base, "", key, False)
                    yield function, key if base is kind else f"{base.__qualname__}.{key}", place, False

    def _of_function(self, f: FunctionType, path: str) -> Iterator[tuple[Any, str, Place | None, bool]]:
        for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
            try:
                yield cell.cell_contents, name, Place(cell, path, "cell_contents", False), False
            except ValueError:  # a name that has no value yet
                continue
        for i, value in enumerate(f.__defaults__ or ()):
            yield value, f"default {i}", Place(f.__defaults__, path, i, True), False
        for name, value in (f.__kwdefaults__ or {}).items():
            yield value, name, Place(f.__kwdefaults__, path, name, True), False
        for name, value in vars(f).items():  # f.calls += 1
            yield value, name, Place(f, path, name, False), False
        yield from self._of_code(f.__code__, f.__globals__, path)

    def _of_code(
        self, code: CodeType, names: dict[str, Any], path: str
    ) -> Iterator[tuple[Any, str, Place | None, bool]]:
        """The globals in reach of code."""
        mentioned = set(_names_in(code))
        for name in globals_in(code):
            if name not in names:
                continue
            value = names[name]
            if not isinstance(value, ModuleType):
                yield value, name, Place(names, path, name, True), False
            elif drawn := mentioned & _NOT_HELD.get(value.__name__, frozenset()):
                if not path.startswith("callbacks."):  # where a name or a token is made, more often than not
                    said = f"a source of random numbers ({', '.join(sorted(drawn))}) that no checkpoint has"
                    self.unsaved[f"{path}.{name}"] = said
            elif value is np.random or value is random or (value is np and "random" in mentioned):
                if value is random or mentioned & _DRAWS:
                    self.drawn_from[f"{path}.{name}"] = f"{value.__name__}'s global generator"
            elif not is_library(getattr(value, "__file__", None) or "<frozen builtin>"):
                for inner in sorted(mentioned & vars(value).keys()):
                    item = vars(value)[inner]
                    if not isinstance(item, ModuleType):
                        yield item, f"{name}.{inner}", Place(vars(value), path, inner, True), False


def _free(path: str, taken: Mapping[str, Any]) -> str:
    """The path, or where a key with a dot in it spells another one, that with a mark."""
    while path in taken:
        path += "'"
    return path


def _attributes(x: Any) -> Iterator[tuple[str, Any]]:
    yield from getattr(x, "__dict__", {}).items()
    for base in type(x).__mro__:
        slots = () if is_of_package(module_of(base)) else vars(base).get("__slots__", ())
        for slot in [slots] if isinstance(slots, str) else slots:
            is_private = slot.startswith("__") and not slot.endswith("__")
            key = f"_{base.__name__.lstrip('_')}{slot}" if is_private else slot
            if slot not in ("__dict__", "__weakref__") and hasattr(x, key):
                yield key, getattr(x, key)


@functools.cache
def _of_package(kind: Any) -> tuple[frozenset[str], frozenset[str]]:
    """(what the class of the package that ``kind`` is or is derived from is made with; all attributes that it sets).

    The others of these are its own business: what counts of them is in its ``state_dict``. Of modules all count.
    """
    bases = [base for base in kind.__mro__ if is_of_package(module_of(base))]
    if issubclass(kind, Module):
        return frozenset(), frozenset()
    arguments = {name for base in bases for name in inspect.signature(base.__init__).parameters}
    functions = [f for base in bases for f in vars(base).values() if isinstance(f, FunctionType)]
    assigned = {x.argval for f in functions for x in dis.get_instructions(f.__code__) if x.opname == "STORE_ATTR"}
    return frozenset({"generator", *arguments}), frozenset(assigned)


#: Functions of modules whose generators cannot be put back.
_NOT_HELD = {
    "torch": frozenset({"rand", "randn", "randint", "randperm", "rand_like", "randn_like", "bernoulli", "normal"}),
    "os": frozenset({"urandom"}),
    "secrets": frozenset({"randbelow", "randbits", "choice", "token_bytes", "token_hex"}),
    "uuid": frozenset({"uuid1", "uuid4"}),
}
#: Functions of np.random that draw from its global generator; default_rng and the classes do not.
_DRAWS = frozenset(name for name in dir(np.random) if hasattr(np.random.RandomState, name))


def _names_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant)


def size(x: Any) -> int:
    """Bytes of the arrays in a value; of one of many parts more than is worth counting."""
    if isinstance(x, np.ndarray):
        return x.nbytes
    if not isinstance(x, CONTAINERS) or isinstance(x, (set, frozenset)):
        return 0
    if len(x) > 1000:
        return _SMALL + 1
    return sum(map(size, x.values() if isinstance(x, dict) else x))


def _is_data(x: Any, depth: int = 0) -> bool:
    """Whether a container holds plain values and arrays alone, as far as its first items show."""
    if not isinstance(x, CONTAINERS):
        return type(x) in PLAIN or isinstance(x, (np.ndarray, np.generic, Tensor))
    items = x.values() if isinstance(x, dict) else x
    return depth < 8 and all(_is_data(item, depth + 1) for _, item in zip(range(100), items, strict=False))
