"""What a function can reach: the tensors and arrays behind its names, and the Python values that a program keeps.

A program holds the numbers, strings and bools that the function read while it was recorded: a rate in an enclosing
scope, ``model.training``, the ``p`` of a layer. So what the function can get at is noted: closures, globals,
attributes of objects, items of containers, and the functions it calls that are not of a library. It is compared
before each replay.

Names lead the way. Of a user's object the attributes count that some code in reach mentions, of a class the methods;
what such a method mentions counts too, until nothing new is found. Where any name may be meant (``getattr``,
``vars``, a library that is handed the object) all of them count, and so does everything of all other objects. What
the walk does not know is refused by name; nothing is skipped.
"""

from __future__ import annotations

import abc
import builtins
import sys
from collections import deque
from collections.abc import Callable, Collection, Iterable
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, NoReturn

import numpy as np

from minigrad.compiler.guards import object_rules, outside, read_tracking, replaced
from minigrad.compiler.guards.arguments import holds_arrays, holds_recorded
from minigrad.compiler.guards.code_names import (
    ANY_NAME,
    asks_for_flags,
    attributes_in,
    globals_in,
    imports_in,
    is_known,
    is_library,
    is_of_package,
    line_of,
    loaded_from,
    module_of,
    names_in,
    spoken_in,
)
from minigrad.compiler.guards.generator_proxies import is_stream, original_of
from minigrad.compiler.guards.guard_set import Guards, is_empty
from minigrad.compiler.guards.holders import Attributes, Members
from minigrad.compiler.guards.model_names import named_by_models
from minigrad.compiler.guards.object_kinds import is_constant, is_outward, is_plain, named_by
from minigrad.compiler.guards.python_state import WINDOW, Carried, Held, Whole, is_input, is_number
from minigrad.compiler.guards.replaced import is_in_library
from minigrad.core.tensor import Tensor
from minigrad.errors import CompileError
from minigrad.optim.optimizer import Optimizer

#: Objects that a walk looks at, at most. More than that are data, and data should be an argument.
_LIMIT = 20_000

#: Modules of Python's own that hold what changes.
_LOOKED_INTO = frozenset({"os", "random", "time", "datetime", "io", "numpy.random"})


class Reach:
    """All that ``function`` can reach now, by its names and by the objects among its arguments."""

    def __init__(
        self,
        function: Callable[..., Any],
        given: Iterable[Any] = (),
        changing: Collection[Any] = (),
        tables: bool = False,
    ) -> None:
        self.tables = tables  # whether what is read of lists of numbers is noted too, since numbers look them up
        self._changing = changing  # the ids of places of numbers, and of lists, that change from call to call
        self.counters: dict[Any, Held] = {}  # those that a program reads before each run
        self.tensors: list[Tensor] = []
        self.arrays: list[tuple[str, np.ndarray]] = []
        self.plain_arrays: list[tuple[str, np.ndarray]] = []  # those of no tensor
        self.optimizers: list[Optimizer] = []
        self.generators: list[tuple[str, Any]] = []
        self.sources: list[tuple[str, Callable[[], str]]] = []  # of random numbers, of other kinds
        self.names: dict[int, str] = {}  # of arrays, leaves and modules, by id
        self.mentioned: set[str] = set()
        self.attributes: set[str] = set()  # that are mentioned as such
        self.speaks = False  # whether code in reach prints, logs or writes
        self.asks_for_flags = False  # whether it has a line like ``flag is True``, or ``a is b``
        self.guards = Guards()
        self.caches = False  # whether results are kept where no name leads: they may hold anything
        self._any_name = False
        self._seen: dict[Any, Any] = {}
        self._queue: deque[tuple[Any, str]] = deque()
        self.weak: list[tuple[Any, str]] = []  # what weak references lead to
        self._partial: list[tuple[Any, str, Callable[[str], bool], set[str]]] = []  # whose mentioned names count
        self.spied: dict[int, read_tracking.Reads] = {}
        self.drawn_from: dict[int, read_tracking.Reads] = {}  # generators, and what holds them
        self.holders: dict[
            int, list[tuple[Any, Any]]
        ] = {}  # of tuples, arrays, functions: (what has them, under which key)
        for x in (function, *given):
            self.look(x, "")
        self.go_on()
        object_rules.rates(self)
        outside.refuse_time(self)
        named_by_models(self._seen.values(), self.names)

    # -- looking around -----------------------------------------------------------------------

    def compare(self, name: str, kind: str, place: Any, key: Any, held: Any) -> bool:
        """Compare what a name leads to before each replay; what changes from call to call is an input, if it can be.

        Answers whether it is one.
        """
        is_one = (id(place), key) in self._changing and is_input(held) and "type" not in self.mentioned
        if is_one:
            kind_of = Held if is_number(held) else Carried
            self.counters.setdefault((id(place), key), kind_of(name, place, key))
            self.guards.kind_of(name, place, key, held)
        else:
            self.guards.add(name, kind, place, key, held)
        return is_one

    def has_inputs(self, x: Any) -> bool:
        """Whether items of a list are inputs, by their numbers."""
        return len(x) < read_tracking.LARGE and any((id(x), i) in self._changing for i in range(len(x)))

    def look(self, x: Any, name: str, holder: Any = None, key: Any = None) -> None:
        """Look at an object, later; ``holder`` and ``key`` say where another one can be put in its place."""
        x = read_tracking.original_of(x)  # a step may have kept what stood for it
        if holder is not None and (isinstance(x, (tuple, np.ndarray, ModuleType)) or callable(x)):
            self.holders.setdefault(id(x), []).append((holder, key))
        if holder is not None and is_stream(x):
            self.drawn_from.setdefault(id(x), read_tracking.Reads(name, x)).holders.append((holder, key))
        known = self.spied.get(id(x))
        if known is not None:
            if holder is None:
                del self.spied[id(x)]  # it cannot be exchanged: compared as a whole
                object_rules.compared(self, x, name)
            else:
                known.holders.append((holder, key))
            return
        if id(x) in self._seen:
            return
        if is_constant(x):
            if isinstance(x, ModuleType):
                self._module(x)
            elif is_outward(x) and self.is_new(x):
                object_rules.outward(self, x, name)
            elif named_by(x):
                self.mentioned |= named_by(x)
            elif isinstance(x, (BuiltinFunctionType, type)):
                outside.refuse_changing(self, x)
            else:
                self.mentioned |= outside.OF_PROCESS & {type(x).__name__}  # numbers of decimal
            return
        self._seen[id(x)] = x
        if isinstance(x, type):
            outside.refuse_changing(self, x)
        if type(x) in (dict, list, set) and len(x) >= read_tracking.LARGE and read_tracking.is_kept(x):
            object_rules.compared(self, x, name)
            return
        grows = type(x) in (list, deque) and id(x) in self._changing and (id(x), WINDOW) not in self._changing
        counters = sum((id(x), i) in self._changing for i in range(len(x))) if self.tables and type(x) is list else 0
        is_table = self.tables and read_tracking.is_table(x) and counters * 4 < len(x)
        is_large = type(x) in (dict, list, set) and (is_table or (len(x) >= read_tracking.LARGE and is_plain(x)))
        if holder is not None and (grows or is_large):
            reads = self.spied[id(x)] = read_tracking.Reads(name, x)
            reads.holders.append((holder, key))
            return
        if len(self._seen) > _LIMIT:
            self.refuse(
                f"the step reaches more than {_LIMIT} objects, the latest by {name or 'its arguments'}",
                "pass as an argument what it needs of them",
            )
        self._queue.append((x, name))

    def go_on(self) -> None:
        """Look at everything, until no new name is mentioned."""
        while True:
            while self._queue:
                object_rules.at(self, *self._queue.popleft())
            before = len(self._seen), len(self.mentioned), len(self.guards)
            if self.mentioned & ANY_NAME:
                self._any_name = True
            outside.watch(self)
            for place, name, counts, done in self._partial:
                for key in list(place):
                    if key not in done and counts(key):
                        done.add(key)
                        object_rules.entry(self, place, key, name)
            if not self._queue and before == (len(self._seen), len(self.mentioned), len(self.guards)):
                break
        replaced.watch(self, list(self._seen.values()))
        for weak, name in self.weak:
            if id(weak) not in self._seen:
                self.refuse(
                    f"{name or 'a weak reference'} leads to what no other name leads to, and a program would keep it "
                    "alive",
                    "hold it by a name that the step can reach, or pass it as an argument",
                )
        sets, heaps = (self.mentioned & names for names in (read_tracking.OF_OTHER_SETS, read_tracking.OF_HEAPS))
        for key, reads in list(self.spied.items()):
            of_c = (sets and isinstance(reads.original, set)) or (heaps and isinstance(reads.original, list))
            if self.caches or of_c:
                del self.spied[key]
                object_rules.compared(self, reads.original, reads.name)

    def is_mentioned(self, key: Any) -> bool:
        """Whether some code in reach names it."""
        return self._any_name or key in self.mentioned

    def any_name(self) -> None:
        """From here on every name counts."""
        self._any_name = True

    def mentioned_of(self, place: Any, name: str, counts: Callable[[str], bool]) -> None:
        """Of a dict of attributes: those that are mentioned, now or later, and those that ``counts`` says."""
        self.guards.size(name or "an attribute", place)
        self._partial.append((place, name, lambda key: self.is_mentioned(key) or counts(key), set()))

    def is_new(self, x: Any) -> bool:
        """Whether an object was not looked at before."""
        known = ("walked", id(x)) in self._seen
        self._seen[("walked", id(x))] = x
        return not known

    def data_of(self, place: dict[str, Any], name: str) -> None:
        """Of a dict of attributes: numbers, strings and arrays that code mentions."""
        self._partial.append(
            (place, name, lambda key: key in self.attributes and object_rules.is_data(place[key]), set())
        )

    def makes(self, kind: type) -> bool:
        """Whether code in reach may make objects of a class."""
        return id(kind) in self._seen or bool(self.mentioned & {"__class__", "type"})

    def holder_of(self, place: Any) -> Any:
        """Where something else can be put in the place of an entry: a dict, or the attributes of a class."""
        return place if type(place) in (dict, Members) else None

    def refuse(self, what: str, rewrite: str, names: frozenset[str] = frozenset()) -> NoReturn:
        """Raise ``CompileError``, with the line that mentions one of ``names``."""
        line = self.line_of(names)
        raise CompileError(f"mg.compile: {what}:\n  {line}\n{rewrite}" if line else f"mg.compile: {what}: {rewrite}")

    def line_of(self, names: frozenset[str]) -> str:
        """The first line of the user's code that mentions one of ``names``, or ""."""
        return next(filter(None, (line_of(x.__code__, names) for x in self.functions if names)), "")

    # -- functions ----------------------------------------------------------------------------

    def function(self, function: FunctionType, name: str) -> None:
        """Look at the code of a function, its defaults and the names that it reads."""
        code, label = function.__code__, function.__name__
        cells = list(zip(code.co_freevars, function.__closure__ or (), strict=True))
        attributes = vars(function)
        if is_library(code.co_filename):
            self.mentioned |= outside.asked_by(code)  # os.getenv, by whatever name
            self._library(function, cells, attributes, name)
            return
        for part in ("__code__", "__defaults__", "__kwdefaults__"):
            self.guards.add(f"{part} of {label}", "attribute", function, part, getattr(function, part))
        self.mentioned |= names_in(code)
        self.attributes |= attributes_in(code)
        self._cells(cells)
        self.look(function.__defaults__, "default", Attributes(function), "__defaults__")
        self.look(function.__kwdefaults__, "default")
        self.guards.size(f"an attribute of {label}", attributes)
        for key in list(attributes):
            object_rules.entry(self, attributes, key, label)
        for key in globals_in(code):
            object_rules.entry(self, function.__globals__, key, "", missing=True)
            if key not in function.__globals__ and hasattr(builtins, key):
                if callable(value := getattr(builtins, key)):
                    self.guards.add(key, "entry", vars(builtins), key, value)
                self.look(value, key)
        inside = {key: cell.cell_contents for key, cell in cells if not is_empty(cell)}
        names = {**vars(builtins), **function.__globals__, **inside}
        said = [(names.get(key), attribute) for key, attribute in spoken_in(code)]
        self.speaks = self.speaks or any(_says(value, attribute) for value, attribute in said)
        self.asks_for_flags = self.asks_for_flags or asks_for_flags(code)
        # sys.modules["settings"]; a module that is merely called as something else here is no matter
        named = names_in(code) & sys.modules.keys() if names_in(code) & _BY_NAME else set()
        for key, attribute in sorted(loaded_from(code)):
            module = inside.get(key, function.__globals__.get(key))
            if module is not sys or attribute != "modules" or not named:  # which are named is known: looked at below
                self._of_library(module, attribute)
        for key in imports_in(code):
            self.guards.add(key, "entry", sys.modules, key, sys.modules.get(key, ...))
            if key in sys.modules:
                self.look(sys.modules[key], key)
            if "." in key and key.partition(".")[0] in sys.modules:
                self.look(sys.modules[key.partition(".")[0]], key.partition(".")[0])
        for key in named:
            if not is_in_library(sys.modules[key]):
                self.look(sys.modules[key], key)
        if {"isinstance", "issubclass"} & set(globals_in(code)):  # a class may be registered with another one
            token = abc.get_cache_token
            self.guards.add("what is registered with a class", "content", token, None, token())
        if {"eval", "exec", "globals"} & set(globals_in(code)):  # any name may be meant
            for key, value in list(function.__globals__.items()):
                if isinstance(value, (int, float, str)):
                    self.guards.add(key, "entry", function.__globals__, key, value)

    def _of_library(self, module: Any, attribute: str) -> None:
        """What is read of a library's module directly, ``np.exp``: somebody may put another function there."""
        if isinstance(module, ModuleType) and is_in_library(module) and attribute in vars(module):
            value, name = vars(module)[attribute], f"{module.__name__}.{attribute}"
            self.guards.add(name, "entry", vars(module), attribute, value)
            own = isinstance(value, FunctionType) and not is_library(value.__code__.co_filename)
            if own or isinstance(value, (list, dict, set)):
                self.look(value, name)

    def _library(self, function: FunctionType, cells: Any, attributes: dict[str, Any], name: str) -> None:
        """Of a library's function: what it wraps, and an op's own formulas. What its code reads is its own."""
        op: Any = attributes.get("op")
        if is_of_package(module_of(type(op))):
            for part in (op.forward, *op.formulas):
                self.look(part, name)
        elif not function.__code__.co_filename.startswith("<"):
            self._cells([(f"{name}.{key}" if name else key, cell) for key, cell in cells])
            for key in list(attributes):
                self.look(attributes[key], f"{name}.{key}")
            self.look(function.__defaults__, name)
        if not is_known(function.__module__):
            self._any_name = True  # it may read any attribute of what it is given

    def _cells(self, cells: Iterable[tuple[str, Any]]) -> None:
        for name, cell in cells:
            try:
                content = cell.cell_contents
            except ValueError:  # a name that has no value yet
                self.guards.add(name, "empty", cell, None, True)
                continue
            if not self.compare(name, "cell", cell, None, content):
                self.look(content, name.removeprefix("."), cell)

    # -- modules ------------------------------------------------------------------------------

    def _module(self, module: ModuleType) -> None:
        """The names of a module that code mentions: ``settings.scale``."""
        if not self.is_new(module):
            return
        place, attributes = vars(module), self.attributes

        def is_data(key: str) -> bool:
            return object_rules.is_data(place[key]) and not key.startswith("__")

        def counts(key: str) -> bool:
            if key == "__getattr__":
                return not is_in_library(module)
            if isinstance(place[key], ModuleType) and place[key].__name__ == "numpy.random":
                return key in attributes
            if is_known(module.__name__) and is_in_library(module):
                return key in attributes and (module.__name__ in _LOOKED_INTO or is_data(key))
            return key in attributes or (self._any_name and is_data(key))

        self._partial.append((place, module.__name__, counts, set()))

    # -- the end ------------------------------------------------------------------------------

    def seen(self) -> list[Any]:
        """All that the walk has looked at."""
        return list(self._seen.values())

    @property
    def functions(self) -> list[FunctionType]:
        """Those that are no library's."""
        plain = [x for x in self._seen.values() if isinstance(x, FunctionType)]
        return [function for function in plain if not is_library(function.__code__.co_filename)]

    def outside(self, x: Any) -> Any:
        """A container from outside of the step as a ``Whole``, what stood for something as this; else ``x``."""
        real = read_tracking.original_of(original_of(x))
        if real is not x and not isinstance(real, (list, dict, set, deque)):
            return real
        known = isinstance(real, (list, dict, set, deque)) and self._seen.get(id(real)) is real
        return Whole(real) if real is not x or (known and not (holds_arrays(real) or holds_recorded(real))) else x

    @property
    def streams(self) -> list[Any]:
        """What the step may draw from by itself."""
        sources = [reads.original for reads in self.drawn_from.values()]
        return [getattr(x, "__self__", x) for x in sources]


def _says(held: Any, attribute: str) -> bool:
    """Whether a variable, or an attribute of one, is no function of numbers such as ``np.log``, and no list."""
    module = held.__name__ if isinstance(held, ModuleType) else getattr(held, "__module__", None) or ""
    is_of_numbers = module.partition(".")[0] in ("numpy", "math", "cmath", "scipy", "minigrad")
    return not is_of_numbers and (attribute != "" or callable(held))


#: What finds a module by its name.
_BY_NAME = frozenset({"modules", "import_module", "__import__"})
