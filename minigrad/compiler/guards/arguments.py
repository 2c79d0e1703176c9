"""The arguments of a compiled function: which calls share a program, and what its inputs are called."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.compiler.program import Program
from minigrad.core.context import get_default_dtype
from minigrad.core.tensor import Tensor
from minigrad.errors import CompileError


def key_of(args: tuple[Any, ...], kwargs: dict[str, Any], now: Any, arrays: list[Any]) -> Any:
    """What the calls of one program have in common; the arrays are collected."""
    given = _keyed(args, arrays) if args else None
    return (given, _keyed(kwargs, arrays) if kwargs else None, now, get_default_dtype())


def _keyed(tree: Any, arrays: list[Any]) -> Any:
    """What is the same in all calls of a program, hashable; the arrays are collected."""
    kind = type(tree)
    if kind is Tensor or isinstance(tree, Tensor):
        data = tree._data
        arrays.append(data)
        return (kind, tree._node is None, data.shape, data.dtype, data.strides)
    if kind is np.ndarray or kind is np.memmap:
        arrays.append(tree if kind is np.ndarray else np.asarray(tree))
        return (kind, tree.shape, tree.dtype, tree.strides)
    if isinstance(tree, (tuple, list)):
        return (kind, *[_keyed(item, arrays) for item in tree])
    if isinstance(tree, dict):
        return (kind, *[(key, _keyed(item, arrays)) for key, item in tree.items()])
    try:
        hash(tree)
    except TypeError:
        raise CompileError(
            f"mg.compile: an argument of type {kind.__name__} is neither an array nor a value that can be compared: "
            "pass arrays, tensors, numbers and strings"
        ) from None
    return (kind, tree.hex() if kind is float else tree)


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
