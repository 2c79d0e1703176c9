"""Functions of NumPy whose results are tensors: what the standard asks of a namespace."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from minigrad.core import table
from minigrad.core.tensor import Tensor

Function = Callable[..., Any]


def as_tensors(result: Any) -> Any:
    """Arrays and NumPy's scalars as tensors, in tuples too; anything else as it is."""
    if type(result) is int:  # a count, before NumPy 2.2
        result = np.intp(result)
    if isinstance(result, (np.ndarray, np.generic)):
        return Tensor(result)
    if isinstance(result, (tuple, list)):
        parts = [as_tensors(part) for part in result]
        return type(result)(*parts) if hasattr(result, "_fields") else tuple(parts)
    return result


def answering(function: Function) -> Function:
    """``function`` with tensors for results. Where it has no gradient, as comparisons have none, they are constants."""

    @functools.wraps(function, updated=())
    def call(*args: Any, **kwargs: Any) -> Any:
        return as_tensors(function(*args, **kwargs))

    return call


def named(module: ModuleType, names: str) -> dict[str, Function]:
    """The functions of these names: NumPy's, or this package's where this NumPy does not have them yet."""
    return {name: answering(getattr(module, name, None) or table.ops[name]) for name in names.split()}
