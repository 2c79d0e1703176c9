"""What a function can reach: the tensors and arrays behind its names, and the Python values that a program keeps.

A program holds the numbers, strings and bools that the function read while it was recorded: a rate in an enclosing
scope, ``model.training``, the ``p`` of a layer. So all names that the function can get at are noted: closures, globals,
attributes of objects, items of lists and dicts, and the functions it calls that are not of a library. Before every
replay they are compared by identity, which costs a few nanoseconds each.
"""

from __future__ import annotations

import dis
import functools
import os
import sys
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from minigrad.arrays import Stand
from minigrad.errors import CompileError
from minigrad.graph import Leaf
from minigrad.nn.module import Module
from minigrad.nn.parameter import Buffer, Parameter
from minigrad.optim.optimizer import Optimizer
from minigrad.tensor import Tensor

#: What the steps of an optimizer change, and a program works out anew: no reason to record again.
_OF_OPTIMIZERS = frozenset({"iterations", "current_lr"})
_RATES = frozenset({"lr", "decay"})
_READS_RATES = frozenset({"lr", "current_lr", "iterations", "param_groups"})

#: So many things are looked at; a list of a million rows is data, and data that a function reads is an argument.
_LIMIT, _DEEPEST = 20_000, 100


_LIBRARY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_MISSING = object()


class Reach:
    """What ``function`` can reach now, also by way of objects that it is given as arguments."""

    def __init__(self, function: Callable[..., Any], given: Iterable[Any] = ()) -> None:
        self.tensors: list[Tensor] = []
        self.arrays: list[tuple[str, np.ndarray]] = []
        self.plain_arrays: list[tuple[str, np.ndarray]] = []  # those of no tensor
        self.optimizers: list[Optimizer] = []
        self.generators: list[tuple[str, Any]] = []
        self.names: dict[int, str] = {}  # of arrays, leaves and modules, by id
        self._cells: list[tuple[str, Any, Any]] = []
        self._entries: list[tuple[str, dict[str, Any], str, Any]] = []
        self._attributes: list[tuple[str, Any, str, Any]] = []  # of slots, and what a function is made of
        self._sizes: list[tuple[str, Any, int]] = []
        self._items: list[tuple[str, Any, list[Any]]] = []
        self._seen: dict[int, Any] = {}
        self._mentioned: set[str] = set()
        self._look(function, "", 0)
        for x in given:
            self._look(x, "", 0)
        if self._mentioned & _READS_RATES:
            self._fix_rates()
        self._named_by_models()

    # -- looking around -----------------------------------------------------------------------

    def _look(self, x: Any, name: str, depth: int) -> None:
        if isinstance(x, (int, float, str, bytes, bool, type(None), np.generic, np.dtype, Stand)):
            return
        if id(x) in self._seen or len(self._seen) > _LIMIT or depth > _DEEPEST:
            return
        self._seen[id(x)] = x
        deeper = depth + 1
        if isinstance(x, type):
            self._class(x, deeper)
        elif isinstance(x, Tensor):
            self.tensors.append(x)
            if isinstance(x, (Parameter, Buffer)) and isinstance(x._data, np.generic):
                x._data = np.asarray(x._data)  # a counter that the step writes to is one array from here on
            if type(x._data) is np.ndarray:
                self._array(name, x._data)
            if isinstance(x._node, Leaf):
                self.names.setdefault(id(x._node), name)
        elif isinstance(x, np.ndarray):
            self._array(name, x)
            self.plain_arrays.append((name, x))
        elif isinstance(x, np.random.Generator):
            self.generators.append((name, x.bit_generator))
        elif isinstance(x, (list, tuple, set, frozenset, deque)):
            if not isinstance(x, (tuple, frozenset)):
                self._items.append((name, x, list(x)))
            for i, item in enumerate(x):
                self._look(item, f"{name}.{i}", deeper)
        elif isinstance(x, dict):
            self._items.append((name, x, list(x)))  # their order may count
            self._dict(x, name, deeper, frozenset())
        elif isinstance(x, MethodType):
            self._look(x.__self__, name, deeper)
            self._look(x.__func__, name, deeper)
        elif isinstance(x, functools.partial):
            self._look((x.func, x.args, x.keywords), name, deeper)
        elif isinstance(x, FunctionType):
            self._function(x, deeper)
        elif isinstance(x, weakref.ref):
            self._look(x(), name, deeper)
        elif isinstance(x, functools._lru_cache_wrapper):
            self._look(x.__wrapped__, name, deeper)
        elif type(x).__module__.startswith("minigrad.compiler"):
            self._look(x.__wrapped__, name, deeper)  # a compiled function inside this one is part of it
        elif not isinstance(x, ModuleType) and not _is_foreign(type(x)):
            self._slots(x, name, deeper)
            if not hasattr(x, "__dict__"):
                self._class(type(x), deeper)
                return
            if isinstance(x, Module):
                self.names.setdefault(id(x), name)
            if isinstance(x, Optimizer):
                self.optimizers.append(x)
                for group in x.param_groups:
                    self._dict(group, f"{name}.param_groups", deeper, _RATES)
                self._entries.append((f"{name}._flats", vars(x), "_flats", x._flats))
                return
            self._dict(vars(x), name, deeper, _OF_OPTIMIZERS if isinstance(x, Optimizer) else frozenset())
            self._class(type(x), deeper)

    def _slots(self, x: Any, name: str, depth: int) -> None:
        """The attributes of an object that are not in its dict."""
        for base in type(x).__mro__:
            slots = [] if base.__module__.startswith("minigrad") else vars(base).get("__slots__", ())
            for key in [slots] if isinstance(slots, str) else slots:
                held = getattr(x, key, None)
                if not key.startswith("__"):
                    self._attributes.append((f"{name}.{key}", x, key, held))
                    self._look(held, f"{name}.{key}", depth)

    def _fix_rates(self) -> None:
        """Where the function itself reads a rate or counts steps, a program keeps what it read."""
        for number, optimizer in enumerate(self.optimizers):
            for key in sorted(_OF_OPTIMIZERS):
                self._entries.append((f"{key} of optimizer {number}", vars(optimizer), key, vars(optimizer)[key]))
            for group in optimizer.param_groups:
                for key in sorted(_RATES & set(group)):
                    self._entries.append((f"{key} of optimizer {number}", group, key, group[key]))

    def _array(self, name: str, array: np.ndarray) -> None:
        self.names.setdefault(id(array), name)
        self.arrays.append((name, array))

    def _dict(self, x: dict[str, Any], name: str, depth: int, varying: frozenset[str]) -> None:
        self._sizes.append((name, x, len(x)))
        for key, item in list(x.items()):
            if key in varying:
                continue
            inner = f"{name}.{key}" if name else str(key)
            self._entries.append((inner, x, key, item))
            self._look(item, inner, depth)

    def _class(self, kind: type, depth: int) -> None:
        """The attributes of a user's class, and what its methods can reach."""
        for base in kind.__mro__:
            if base.__module__ == "builtins" or base.__module__.startswith("minigrad") or _is_foreign(base):
                continue
            self._sizes.append((base.__name__, vars(base), len(vars(base))))
            for key, item in list(vars(base).items()):
                function = getattr(item, "fget", None) or getattr(item, "__func__", item)
                if isinstance(function, FunctionType) or not key.startswith("__"):
                    self._entries.append((f"{base.__name__}.{key}", vars(base), key, item))  # type: ignore[arg-type]
                    self._look(function, f"{base.__name__}.{key}", depth)

    def _function(self, function: FunctionType, depth: int) -> None:
        if _is_library(function.__code__.co_filename) or id(function.__code__) in self._seen:
            return
        self._seen[id(function.__code__)] = function
        for part in ("__code__", "__defaults__"):
            self._attributes.append((f"{part} of {function.__name__}", function, part, getattr(function, part)))
        self._mentioned.update(_names_in(function.__code__))
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            try:
                held = cell.cell_contents
            except ValueError:  # a name that has no value yet
                continue
            self._cells.append((name, cell, held))
            self._named(held, name, function.__code__, depth)
        self._look((function.__defaults__, function.__kwdefaults__), "default", depth)
        for name in _globals_in(function.__code__):
            held = function.__globals__.get(name, _MISSING)
            if held is _MISSING:
                continue
            self._entries.append((name, function.__globals__, name, held))
            self._named(held, name, function.__code__, depth)
        for name in _imports_in(function.__code__):
            if name in sys.modules:
                self._named(sys.modules[name], name, function.__code__, depth)
        if {"eval", "exec", "globals"} & set(_globals_in(function.__code__)):  # any name may be meant
            for name, held in list(function.__globals__.items()):
                if isinstance(held, (int, float, str)):
                    self._entries.append((name, function.__globals__, name, held))

    def _named(self, held: Any, name: str, code: CodeType, depth: int) -> None:
        """What a function has a name for."""
        if isinstance(held, ModuleType):
            self._module(held, code, depth)
        elif isinstance(held, Iterator):
            raise CompileError(
                f"mg.compile: the step may take the next item from {name}, a {type(held).__name__}, which a program "
                "would not do: take the item outside, and pass it to the compiled function as an argument"
            )
        else:
            self._look(held, name, depth)

    def _module(self, module: ModuleType, code: CodeType, depth: int) -> None:
        """The names of a user's module that a function mentions: ``settings.scale``."""
        path = getattr(module, "__file__", None)
        if module.__name__ in sys.builtin_module_names if path is None else _is_library(path):
            return
        for name in _names_in(code):
            if name in vars(module):
                self._entries.append((f"{module.__name__}.{name}", vars(module), name, vars(module)[name]))
                self._look(vars(module)[name], name, depth)

    def _named_by_models(self) -> None:
        """Names as the model has them: ``hidden.weight`` rather than ``model.hidden.weight``."""
        modules = [x for x in self._seen.values() if isinstance(x, Module) and x.parameters()]
        inside = {id(child) for module in modules for child in module.modules()[1:]}
        models = [module for module in modules if id(module) not in inside]
        for module in models:
            prefix = f"{self.names[id(module)]}." if len(models) > 1 else ""
            self.names[id(module)] = prefix.rstrip(".")
            for name, child in module.named_modules()[1:]:
                self.names[id(child)] = prefix + name
            for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
                self.names[id(tensor._data)] = self.names[id(tensor._node)] = prefix + name

    # -- what must be as it was ---------------------------------------------------------------

    def changed(self) -> str:
        """The first name that holds something else now, or ""."""
        for name, cell, held in self._cells:
            if cell.cell_contents is not held:
                return name
        for name, place, key, held in self._entries:
            if not _same_value(place.get(key, _MISSING), held):
                return name
        for name, x, attribute, held in self._attributes:
            if getattr(x, attribute, None) is not held:
                return name
        for name, place, size in self._sizes:
            if len(place) != size:
                return name
        for name, items, before in self._items:
            if len(items) != len(before) or any(a is not b for a, b in zip(items, before, strict=True)):
                return name
        return ""

    def same(
        self,
        tensors: Iterable[tuple[Tensor, Any, Any]] = (),
        entry: Iterable[tuple[Any, bool]] = (),
        watched: Iterable[tuple[np.ndarray, bytes]] = (),
    ) -> Callable[[], bool]:
        """``not changed()``, written out as one expression: it runs before every replay.

        With it, whether tensors have the data and the node that they had, leaves a gradient or none, and arrays
        the bytes.
        """
        bound: dict[str, Any] = {}

        def named(x: Any) -> str:
            bound[f"x{len(bound)}"] = x
            return f"x{len(bound) - 1}"

        tests = []
        for tensor, data, node in tensors:
            at = named(tensor)
            tests += [f"{at}._data is {named(data)}", f"{at}._node is {named(node)}"]
        tests += [f"{named(leaf)}.grad is {'' if was_none else 'not '}None" for leaf, was_none in entry]
        tests += [f"{named(cell)}.cell_contents is {named(held)}" for _, cell, held in self._cells]
        places: dict[int, str] = {}
        for _, place, key, held in self._entries:
            at = places.get(id(place)) or places.setdefault(id(place), named(place))
            spelled = repr(key) if isinstance(key, str) else named(key)
            of = named(held)
            again = f" or same_value({at}.get({spelled}), {of})" if isinstance(held, _VALUES) else ""
            tests.append(f"({at}.get({spelled}) is {of}{again})")
        for _, x, attribute, held in self._attributes:
            tests.append(f"getattr({named(x)}, {attribute!r}, None) is {named(held)}")
        for _, place, size in self._sizes:
            tests.append(f"len({places.get(id(place)) or named(place)}) == {size}")
        for _, items, before in self._items:
            tests.append(f"same_items({named(items)}, {named(before)})")
        tests += [f"{named(array.tobytes)}() == {named(held)}" for array, held in watched]
        lines = [f"def make({', '.join([*bound, 'same_items', 'same_value'])}):", "    def same():", "        return ("]
        lines += [f"            {test} and" for test in tests] + ["            True)", "    return same"]
        namespace: dict[str, Any] = {}
        exec(compile("\n".join(lines), "<reach>", "exec"), namespace)  # noqa: S102 - written just above
        same: Callable[[], bool] = namespace["make"](*bound.values(), _same_items, _same_value)
        return same


#: What is compared by its value where it is another object.
_VALUES = (int, float, str, bytes, tuple)


def _same_value(x: Any, before: Any) -> bool:
    """Whether two objects are one, or numbers or strings of one type with the same bits, or tuples of such."""
    if x is before:
        return True
    if type(x) is not type(before) or type(x) not in _VALUES:
        return False
    if type(x) is tuple:
        return len(x) == len(before) and all(map(_same_value, x, before))
    return x.hex() == before.hex() if type(x) is float else bool(x == before)


def _same_items(items: Any, before: list[Any]) -> bool:
    return len(items) == len(before) and all(a is b for a, b in zip(items, before, strict=True))


@functools.cache
def _globals_in(code: CodeType) -> tuple[str, ...]:
    """The globals that code reads: its names without those of attributes."""
    names = [x.argval for x in dis.get_instructions(code) if x.opname in ("LOAD_GLOBAL", "LOAD_NAME")]
    inner = [name for x in code.co_consts if isinstance(x, CodeType) for name in _globals_in(x)]
    return tuple(dict.fromkeys([*names, *inner]))


@functools.cache
def _imports_in(code: CodeType) -> tuple[str, ...]:
    """The modules that code imports when it runs."""
    names = [x.argval for x in dis.get_instructions(code) if x.opname == "IMPORT_NAME"]
    inner = [name for x in code.co_consts if isinstance(x, CodeType) for name in _imports_in(x)]
    return tuple(dict.fromkeys([*names, *inner]))


def _names_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant)


#: What this package and NumPy compile from text.
_GENERATED = frozenset(
    {"<op>", "<program>", "<replay>", "<blocks>", "<kernel>", "<reach>", "<__array_function__ internals>"}
)


@functools.cache
def _is_library(path: str) -> bool:
    """Whether a file is of this package, of Python or of an installed one."""
    full = os.path.abspath(path)
    if path.startswith("<"):  # typed in, in a session or a notebook, if it is not made by Python or this package
        return path.startswith("<frozen ") or path in _GENERATED
    # Not all that is below sys.prefix: a project may lie in /usr/src.
    installed = {"site-packages", "dist-packages"} & set(full.split(os.sep))
    return not path or bool(installed) or full.startswith((_LIBRARY + os.sep, os.path.dirname(os.__file__) + os.sep))


def _is_foreign(kind: type) -> bool:
    """Whether a class is of a library other than this one: what its objects hold is their business."""
    if kind.__name__ in ("SimpleNamespace", "Namespace"):  # Python's own, made to hold settings
        return False
    module = sys.modules.get(kind.__module__)
    path = getattr(module, "__file__", None) or "?"
    return not kind.__module__.startswith("minigrad") and path != "?" and _is_library(path)
