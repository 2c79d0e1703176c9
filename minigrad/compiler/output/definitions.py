"""The text of plain functions that a program calls, with the names they use: for programs that stand by themselves.

A function of NumPy's, SciPy's or Python's is imported. One that is written in Python elsewhere is copied, with the
functions, classes and constants of its module that it mentions, each once and before its first use.
"""

from __future__ import annotations

import ast
import copy
import inspect
import re
import sys
import textwrap
import types
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from minigrad.compiler.expressions import function_path, literal
from minigrad.core import conversion
from minigrad.errors import CompileError, MinigradError
from minigrad.optim.schedules import Schedule
from minigrad.support.codegen import free_name

#: What some of the package's functions and classes are where there are plain arrays, and no package.
_PLAIN: dict[Any, str] = {
    conversion.as_array: "def as_array(x):\n    return np.asarray(x)",
    conversion.contiguous: "def contiguous(x):\n    return np.ascontiguousarray(x)",
    conversion.zeros: "def zeros(shape, like):\n    return np.zeros(shape, like.dtype)",
    Schedule: (
        'class Schedule:\n    """A function of the step with its numbers."""\n\n'
        "    def __init__(self, function, **numbers):\n        self.function, self.numbers = function, numbers\n\n"
        "    def __call__(self, step):\n        return self.function(step, **self.numbers)"
    ),
}

_INSTALLED = frozenset({"numpy", "scipy", *sys.stdlib_module_names})
_LONGEST = 1_000  # elements of an array that is written out
_MISSING = object()


def is_own(function: Any) -> bool:
    """Whether a function is neither an operator, a method's name nor one that NumPy, SciPy or Python has."""
    return inspect.isfunction(function) and not _is_installed(function)


class Definitions:
    """Names for objects that a text mentions, and the lines that define them. ``taken`` are names it has already."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)
        self._names: dict[Any, str] = {}  # by id; constants by name, type and text
        self._objects: list[tuple[Any, str]] = []
        self.imports: list[str] = []
        self.texts: list[str] = []
        self._written = 0

    def name(self, x: Any, wish: str = "") -> str:
        """The name of an object in the text."""
        if id(x) not in self._names:
            wish = wish or str(getattr(x, "__name__", "x"))
            if not wish.isidentifier():
                raise CompileError(f"a program calls {wish}, which has no name: write it as a function, with def")
            self._names[id(x)] = self.reserve(wish)
            self._objects.append((x, self._names[id(x)]))
        return self._names[id(x)]

    def complete(self) -> Definitions:
        """Write ``imports`` and ``texts`` for all names given so far.

        Raises ``CompileError`` for what cannot be written.
        """
        while self._written < len(self._objects):
            x, name = self._objects[self._written]
            self._written += 1
            self._define(x, name, "the program")
        return self

    def reserve(self, wish: str) -> str:
        """A name that nothing else has."""
        return free_name(wish, self._taken)

    def used(self, x: Any, wish: str, user: str) -> str:
        """The name of an object that a definition uses; the object is defined before it."""
        if x is np:
            return "np"
        key = id(x) if isinstance(x, types.ModuleType) or callable(x) else (wish, type(x).__name__, repr(x))
        if key not in self._names:
            imported = getattr(x, "__name__", "") == wish and (isinstance(x, types.ModuleType) or x is Any)
            self._names[key] = wish if imported else self.reserve(wish)  # math is math in an exported file too
            self._define(x, self._names[key], user)
        return self._names[key]

    def _define(self, x: Any, name: str, user: str) -> None:
        x = getattr(getattr(x, "op", None), "forward", x)  # on plain arrays an op is its forward
        written = _literal(x)
        if written is not None:
            self.texts.append(f"{name} = {written}")
        elif isinstance(x, type) and issubclass(x, MinigradError):  # what a NumPy user would catch
            plain = [base for base in x.__mro__ if base.__module__ == "builtins"]
            self.texts.append(f"{name} = {plain[0].__name__}")
        elif isinstance(x, (types.GenericAlias, types.UnionType)):
            self.texts.append(f"{name} = {self._type(x, user)}")  # Sizes = int | tuple[int, ...]
        elif isinstance(x, np.ufunc):
            self.texts.append(f"{name} = {function_path(x)}")
        elif isinstance(x, types.ModuleType) and x.__name__.partition(".")[0] in _INSTALLED:
            self.imports.append(f"import {x.__name__}" + f" as {name}" * (x.__name__ != name))
        elif _is_installed(x):
            path = str(getattr(x, "__name__", name))
            self.imports.append(f"from {_home(x, path)} import {path}" + f" as {name}" * (path != name))
        elif callable(x) and x in _PLAIN:
            self.texts.append(_renamed(_PLAIN[x], {x.__name__: name}))
        elif callable(x) and isinstance(inspect.unwrap(x), (types.FunctionType, type)):
            self._copy(inspect.unwrap(x), name)
        else:
            raise CompileError(
                f"{user} uses {name}, a {type(x).__name__}, which cannot be written as text: use numbers, strings, "
                "tuples, functions and classes that are defined in a file"
            )

    def _type(self, x: Any, user: str) -> str:
        """A type as an annotation has it, with the names that this text has for its parts."""
        if x is Ellipsis or x is type(None):
            return "..." if x is Ellipsis else "None"
        if isinstance(x, types.UnionType):
            return " | ".join(self._type(part, user) for part in x.__args__)
        origin = getattr(x, "__origin__", x)
        if origin.__module__ != "builtins":  # Callable is enough for Callable[[int], float]
            return self.used(origin, origin.__name__, user)
        parts = ", ".join(self._type(part, user) for part in getattr(x, "__args__", ()))
        return f"{origin.__name__}[{parts}]" if parts else str(origin.__name__)

    def _copy(self, x: Any, name: str) -> None:
        """The text of a function or class as it stands in its file."""
        scope = vars(sys.modules[x.__module__]) if isinstance(x, type) else _scope(x)
        self.texts.append(self.adapted(source_of(x), scope, {x.__name__: name}))

    def adapted(self, text: str, scope: Mapping[str, Any], instead: dict[str, str]) -> str:
        """A definition, in which the names it uses are those of this text; they are defined before."""
        for wish in names_in(text):
            value = scope.get(wish, _MISSING)
            if value is not _MISSING and wish not in instead:
                instead[wish] = self.used(value, wish, next(iter(instead)))
        return _renamed(text, instead)

    def method(self, function: types.FunctionType) -> str:
        """The text of a method, as it stands in its class."""
        text = self.adapted(source_of(function), _scope(function), {function.__name__: function.__name__})
        return textwrap.indent(text, "    ")

    def extended(self) -> Definitions:
        """Another of the same content, to which more may be added."""
        other = copy.copy(self)
        other._taken, other._names = set(self._taken), dict(self._names)
        other._objects, other.imports, other.texts = [*self._objects], [*self.imports], [*self.texts]
        return other


def _scope(function: types.FunctionType) -> dict[str, Any]:
    """The globals of a function, and what it closes over."""
    return {**function.__globals__, **inspect.getclosurevars(function).nonlocals}


def source_of(x: Any) -> str:
    """The text of a function or class, without the decorators of others than ``functools``."""
    try:
        text = textwrap.dedent(inspect.getsource(x))
        (node,) = ast.parse(text).body
    except (OSError, TypeError, SyntaxError, ValueError):
        node = None
    if not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        raise CompileError(
            f"a program calls {getattr(x, '__qualname__', x)}, which has no source text: define it in a file, with def"
        )
    lines = text.splitlines()
    texts: list[str] = []
    for decorator in node.decorator_list:
        if ast.unparse(decorator).startswith(("functools.", "property", "staticmethod", "classmethod", "dataclass")):
            texts += lines[decorator.lineno - 1 : decorator.end_lineno]
    return without_remarks("\n".join([*texts, *lines[node.lineno - 1 :]]).rstrip())


def without_remarks(text: str) -> str:
    """The text without what linters are told in it."""
    return re.sub(r"  # (type: ignore|noqa|pragma).*", "", text)


def names_in(text: str) -> list[str]:
    """The names that a definition mentions, each once, without those that are always local."""
    tree = ast.parse(text).body[0]
    local = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    local |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    mentioned = [node.id for node in _mentions(tree)]
    return [name for name in dict.fromkeys(mentioned) if name not in local]


def _mentions(tree: ast.AST) -> Iterator[ast.Name]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Name))


def _renamed(text: str, instead: dict[str, str]) -> str:
    """The text with other names where that is needed: two files may each have a ``_size``."""
    if all(old == new for old, new in instead.items()):
        return text
    tree = ast.parse(text).body[0]
    lines = [line.encode() for line in text.splitlines()]  # columns are counted in bytes
    local = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    places = [(node.lineno, node.col_offset, node.id) for node in _mentions(tree) if node.id not in local]
    if isinstance(tree, (ast.FunctionDef, ast.ClassDef)):
        start = lines[tree.lineno - 1].index(tree.name.encode(), tree.col_offset + 4)
        places.append((tree.lineno, start, tree.name))
    for line, column, name in sorted(places, reverse=True):
        if name in instead:
            row = lines[line - 1]
            lines[line - 1] = row[:column] + instead[name].encode() + row[column + len(name.encode()) :]
    return b"\n".join(lines).decode()


def _is_installed(x: Any) -> bool:
    return str(getattr(x, "__module__", None)).partition(".")[0] in _INSTALLED


def _home(x: Any, path: str) -> str:
    """The public module that has a function: ``numpy.lib.array_utils`` rather than where NumPy keeps its code."""
    module = str(x.__module__)
    public = [numbered for numbered in sys.modules if numbered.startswith(module.partition(".")[0])]
    for candidate in sorted(public, key=len):
        hidden = any(part.startswith("_") or part == "core" for part in candidate.split("."))
        if not hidden and vars(sys.modules[candidate] or types).get(path) is x:
            return candidate
    return module


def _literal(x: Any) -> str | None:
    def text(item: Any) -> str:
        written = literal(item, text)
        if written is None:
            raise _Unwritable
        return written

    try:
        if type(x) is dict:
            return "{" + ", ".join(f"{text(key)}: {text(item)}" for key, item in x.items()) + "}"
        if type(x) in (set, frozenset):
            inner = ", ".join(sorted(map(text, x)))
            return f"{type(x).__name__}([{inner}])"
        if isinstance(x, np.ndarray) and x.size <= _LONGEST and np.isfinite(x).all():
            return f"np.array({x.tolist()!r}, {literal(x.dtype, text)})"
        return text(x)
    except _Unwritable:
        return None


class _Unwritable(Exception):  # noqa: N818 - no error: it ends a walk
    pass
