"""How many parameters and results of public functions are typed ``Any``: ``python -m tests.annotations`` prints it.

With a module's name after it, the places of that module. Methods of public classes count, inherited ones once; where a
function has a stub (``tests/stubs.py``), that is what counts, each parameter once for all overloads.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator
from typing import Any

from tests import stubs
from tests.api_page import MODULES

NOTHING = ("Any", None, inspect.Signature.empty, Any)

#: A place, such as "minigrad.zeros(dtype)" or "minigrad.zeros ->", and whether its type says nothing.
Place = tuple[str, bool]


def places() -> dict[str, list[Place]]:
    """The parameters and results of each public module. What several modules have counts in the first."""
    written = dict(_written())
    seen: set[int] = set()
    found: dict[str, list[Place]] = {}
    for module in MODULES:
        names = importlib.import_module(module)
        found[module] = []
        for name in names.__all__:
            for path, function in _functions(f"{module}.{name}", getattr(names, name)):
                if id(function) not in seen:
                    seen.add(id(function))
                    found[module] += (
                        _of_stub(path, written[id(function)]) if id(function) in written else _of(path, function)
                    )
    return found


def _written() -> Iterator[tuple[int, list[ast.FunctionDef]]]:
    """The overloads of each function that has a stub, by the function's id."""
    for module in stubs.MODULES:
        names = importlib.import_module(module)
        overloads: dict[str, list[ast.FunctionDef]] = {}
        protocols: dict[str, list[ast.FunctionDef]] = {}
        for node in ast.parse(stubs.path_of(module).read_text()).body:
            if isinstance(node, ast.FunctionDef):
                overloads.setdefault(node.name, []).append(node)
            elif isinstance(node, ast.ClassDef):
                protocols[node.name] = [call for call in node.body if isinstance(call, ast.FunctionDef)]
            elif isinstance(node, ast.AnnAssign):
                overloads[ast.unparse(node.target)] = protocols[ast.unparse(node.annotation)]
        yield from ((id(getattr(names, name)), nodes) for name, nodes in overloads.items())


def _functions(path: str, value: Any) -> Iterator[tuple[str, Callable[..., Any]]]:
    """A function itself, or the methods of a class that are the package's."""
    if not inspect.isclass(value):
        if inspect.isfunction(value) or isinstance(value, functools.partial) or hasattr(value, "op"):
            yield path, value
        return
    for name in dir(value):
        method = inspect.getattr_static(value, name)
        method = getattr(method, "fget", None) or getattr(method, "__func__", method)
        public = not name.startswith("_") or name in ("__init__", "__call__", "__getitem__", "__add__", "__radd__")
        if public and inspect.isfunction(method) and method.__module__.startswith("minigrad"):
            yield f"{path}.{name}", method


def _of_stub(path: str, overloads: list[ast.FunctionDef]) -> list[Place]:
    found: dict[str, bool] = {}
    for node in overloads:
        every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
        types = [(f"{path}({a.arg})", a.annotation) for a in every if a and a.arg != "self"]
        for place, annotation in [*types, (f"{path} ->", node.returns)]:
            text = annotation and ast.unparse(annotation)
            found[place] = found.get(place, False) or text in NOTHING
    return list(found.items())


def _of(path: str, function: Callable[..., Any]) -> list[Place]:
    signature = inspect.signature(function)
    types = [
        (f"{path}({p.name})", p.annotation) for p in signature.parameters.values() if p.name not in ("self", "cls")
    ]
    return [(place, t in NOTHING) for place, t in [*types, (f"{path} ->", signature.return_annotation)]]


def shares() -> dict[str, tuple[int, int]]:
    """For each module how many places are Any, and of how many."""
    return {module: (sum(nothing for _, nothing in found), len(found)) for module, found in places().items()}


if __name__ == "__main__":
    if sys.argv[1:]:
        print("\n".join(place for place, nothing in places()[sys.argv[1]] if nothing))
    else:
        table = shares()
        table["all"] = (sum(n for n, _ in table.values()), sum(n for _, n in table.values()))
        for name, (count, total) in table.items():
            print(f"{name:30} {count:5} of {total:5}  {count / max(total, 1):4.0%}")
