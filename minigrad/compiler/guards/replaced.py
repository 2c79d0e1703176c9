"""Functions that somebody may replace: ``np.exp = mine``, ``nn.Linear.forward = mine``.

Of libraries, the functions count that code in reach mentions by name; of this package's classes also what runs by
itself (``forward``, ``update``), with the functions that it calls first. What these call in turn is not compared before
each replay: that would be most of NumPy and of this package. An audit finds it.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from minigrad.compiler.guards.code_names import file_of, globals_in, is_known, is_library, is_of_package, loaded_from
from minigrad.compiler.guards.code_names import module_of as named_module
from minigrad.core.tensor import Tensor

if TYPE_CHECKING:
    from minigrad.compiler.guards.reachable import Reach

#: Methods that run though no code of the user's calls them.
_BY_THEMSELVES = ("forward", "update", "rates", "finish")


def is_in_library(module: ModuleType) -> bool:
    """Whether a module is Python's, this package's or an installed one."""
    path = file_of(module)
    return is_library(path) if path else is_known(module.__name__)


def watch(reach: Reach, seen: list[Any]) -> None:
    """Compare the functions of libraries that code in reach mentions, and methods of this package's classes."""
    modules = {id(x): x for x in seen if isinstance(x, ModuleType) and is_in_library(x)}
    waiting = list(modules.values())
    while waiting:
        module = waiting.pop()
        place = vars(module)
        for key in reach.attributes & place.keys():
            value = place[key]
            if not isinstance(value, ModuleType):
                _compare(reach, module.__name__, place, key, value)
            elif id(value) not in modules and is_in_library(value):  # np.linalg
                modules[id(value)] = value
                waiting.append(value)
    kinds = {type(x) for x in seen} | {Tensor}
    for kind in sorted((kind for kind in kinds if is_of_package(named_module(kind))), key=lambda kind: kind.__name__):
        for owner, key, method in _methods(kind, reach.attributes):
            reach.guards.add(f"{owner.__name__}.{key}", "method", owner, key, method)
            if key == "forward":
                _first_calls(reach, method)


def _compare(reach: Reach, name: str, place: Any, key: str, value: Any) -> None:
    if callable(value) and not key.startswith("__"):
        reach.guards.add(f"{name}.{key}", "entry", place, key, value)


def _methods(kind: type, mentioned: set[str]) -> Iterator[tuple[type, str, FunctionType]]:
    """(class to ask, name, function): for a method that code mentions, the class that defines it, or Tensor."""
    for base in kind.__mro__[:-1]:
        owner = Tensor if issubclass(Tensor, base) else base
        for key in sorted(mentioned & vars(base).keys()):
            if _is_own(vars(base)[key]):
                yield owner, key, vars(base)[key]
    for key in _BY_THEMSELVES:
        method = getattr(kind, key, None)
        if isinstance(method, FunctionType) and _is_own(method):
            yield kind, key, method


def _is_own(method: Any) -> bool:
    return isinstance(method, FunctionType) and is_library(method.__code__.co_filename)


def _first_calls(reach: Reach, method: FunctionType) -> None:
    """The functions of this package that a method of its own names: ``F.linear``."""
    own = method.__globals__
    for key in globals_in(method.__code__):
        if _is_own(own.get(key)):
            _compare(reach, method.__module__, own, key, own[key])
    for key, attribute in sorted(loaded_from(method.__code__)):
        module = own.get(key)
        if isinstance(module, ModuleType) and _is_own(vars(module).get(attribute)):
            _compare(reach, module.__name__, vars(module), attribute, vars(module)[attribute])
