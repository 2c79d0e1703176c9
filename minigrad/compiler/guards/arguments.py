"""The arguments of a compiled function: which calls share a program, and what its inputs are called."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from minigrad.compiler.guards.object_kinds import is_constant
from minigrad.compiler.program import Program
from minigrad.core.context import get_default_dtype
from minigrad.core.stands import NumberStand, Stand
from minigrad.core.tensor import Tensor
from minigrad.core.trees import flat, is_record, mapped_all
from minigrad.errors import CompileError

#: Of these there is nothing but their value.
_PLAIN = frozenset({int, float, complex, bool, str, bytes, type(None)})


def key_of(args: tuple[Any, ...], kwargs: dict[str, Any], now: Any, arrays: list[Any]) -> Any:
    """What the calls of one program have in common; the arrays are collected."""
    positional = _keyed(args, arrays) if args else None
    return (positional, _keyed(kwargs, arrays) if kwargs else None, now, get_default_dtype())


def _keyed(tree: Any, arrays: list[Any]) -> Any:
    """What is the same in all calls of a program, hashable; the arrays are collected."""
    kind = type(tree)
    if kind is Tensor or isinstance(tree, Tensor):
        data = tree._array
        arrays.append(data)
        # One number is a NumPy scalar, or an array once somebody has looked at ``.data``.
        return (kind, type(data), tree._node is None, data.shape, data.dtype, data.strides)
    if kind is np.ndarray or kind is np.memmap:
        arrays.append(tree if kind is np.ndarray else np.asarray(tree))
        return (kind, tree.shape, tree.dtype, tree.strides)
    if isinstance(tree, np.ndarray):
        raise CompileError(
            f"mg.compile: an argument is a {kind.__name__}, an array with a meaning of its own (a mask, another "
            "product), of which a program would keep the numbers alone: pass np.asarray(x), and a mask as an array "
            "beside it"
        )
    if isinstance(tree, (tuple, list)):
        return (kind, *[_keyed(item, arrays) for item in tree])
    if isinstance(tree, dict):
        return (kind, *[(key, _keyed(item, arrays)) for key, item in tree.items()])
    if kind in _PLAIN:
        return (kind, tree.hex() if kind is float else tree)
    if is_record(tree) and (holds_arrays(tree) or kind.__dataclass_params__.frozen):
        return (kind, *[_keyed(getattr(tree, name, None), arrays) for name in kind.__dataclass_fields__])
    own = isinstance(kind.__hash__, (FunctionType, type(None)))  # two that are equal may hold different things
    return (kind, Same(tree) if own and not is_constant(tree) else tree)


class Same:
    """An object as a key: only itself is equal to it. Its contents are watched like those of any object."""

    __slots__ = ("held",)

    def __init__(self, held: Any) -> None:
        self.held = held

    def __hash__(self) -> int:
        return id(self.held)

    def __eq__(self, other: object) -> bool:
        return type(other) is Same and self.held is other.held


def holds_arrays(tree: Any) -> bool:
    """Whether there are arrays in an argument."""
    if isinstance(tree, (Tensor, np.ndarray)):
        return not isinstance(tree, Tensor) or not tree.requires_grad
    if isinstance(tree, (tuple, list)):
        return any(map(holds_arrays, tree))
    if isinstance(tree, dict):
        return any(map(holds_arrays, tree.values()))
    return is_record(tree) and any(holds_arrays(getattr(tree, name, None)) for name in tree.__dataclass_fields__)


def holds_recorded(x: Any) -> bool:
    """Whether something is, or a container holds, an array or a number that is recorded."""
    return any(
        isinstance(leaf, (Stand, NumberStand)) or (isinstance(leaf, Tensor) and isinstance(leaf._array, Stand))
        for leaf in flat(x)
    )


def is_structure(x: Any) -> bool:
    """Whether a dataclass among the arguments is taken apart. Without arrays it is an object like others."""
    return is_record(x) and holds_arrays(x)


def taken_apart(function: Callable[[Any], Any], tree: Any) -> Any:
    """The same nesting of arguments with ``function`` of each leaf."""
    return mapped_all(function, tree, is_structure)


def arrays_among(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """The tensors and arrays among arguments, in the order in which ``key_of`` collects their data."""
    arrays: list[Any] = []
    taken_apart(lambda x: arrays.append(x) if isinstance(x, (Tensor, np.ndarray)) else None, (args, kwargs))
    return arrays


def objects_of(tree: Any) -> list[Any]:
    """What is no array among arguments, and the classes of dataclasses: code in reach may look into them."""
    objects: list[Any] = []

    def looked(x: Any) -> bool:
        if is_structure(x):
            objects.append(type(x))
        return is_structure(x)

    mapped_all(lambda x: None if isinstance(x, (Tensor, np.ndarray)) else objects.append(x), tree, looked)
    return objects


def contents(tree: Any) -> Any:
    """The contents of arguments, at any depth, to be compared with those after the step."""
    if isinstance(tree, Tensor):
        return (tree, tree._array, tree._node)
    if isinstance(tree, (tuple, list)):
        return (tree, *map(contents, tree))
    if isinstance(tree, dict):
        return (tree, list(tree), *map(contents, tree.values()))
    if is_structure(tree):
        return (tree, *[contents(getattr(tree, name, None)) for name in tree.__dataclass_fields__])
    return tree


def check_unwritten(before: Any, arguments: Any) -> None:
    """Raise ``CompileError`` where the step has put something else into an argument than what it held before."""
    changed = _other(before, contents(arguments))
    if isinstance(changed, Tensor):
        raise CompileError(
            "mg.compile: an argument requires a gradient from within the step on, and its .grad would be that of one "
            "call: write x = x.detach().requires_grad_(), and return x.grad"
        )
    if changed is not None:
        raise CompileError(
            f"mg.compile: the step puts something into, or takes something out of, a {type(changed).__name__} that it "
            "is called with, and in later runs that would not happen: work on a copy of it (dict(x), list(x), "
            "copy.copy(x)), and return what is new"
        )


def _other(before: Any, after: Any) -> Any:
    """The innermost argument that differs between two ``contents``, or None."""
    holder, *items = before
    others = after[1:]
    if len(items) == len(others):
        for one, other in zip(items, others, strict=True):
            if type(one) is tuple and type(other) is tuple and one[0] is other[0]:
                difference = _other(one, other)
                if difference is not None:
                    return difference
            elif one is not other and not (type(one) is list and one == other):
                return holder
        return None
    return holder


def name_arguments(function: Callable[..., Any], args: tuple[Any, ...], program: Program) -> None:
    """Call the arguments as the function does, where each is one array."""
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return
    flat = [name for name, x in zip(names, args, strict=False) if hasattr(x, "dtype")]
    if len(flat) == len(program.values):
        for name, value in zip(flat, program.values, strict=True):
            value.name = name
