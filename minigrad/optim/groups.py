"""The first argument of an optimizer, checked: Parameters, pairs with names, or groups of either."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from minigrad.core.tensor import Tensor
from minigrad.errors import DTypeError, HyperparameterError

Parameters = Iterable[Any]


def given_groups(kind: str, params: Any) -> list[dict[str, Any]]:
    """The groups that were given, or one of all parameters."""
    if isinstance(params, (Tensor, np.ndarray, dict)) or not hasattr(params, "__iter__"):
        raise DTypeError(f"{kind} takes a list of parameters, got one {type(params).__name__}: pass model.parameters()")
    if hasattr(params, "names"):
        return [{"params": params}]
    items = _in_order(kind, params)
    if not items or not all(isinstance(item, dict) for item in items):
        return [{"params": items}]
    for item in items:
        if "params" not in item:
            raise HyperparameterError(f"{kind}: a group of parameters has the key 'params'; got {', '.join(item)}")
    return items


def _in_order(kind: str, params: Any) -> list[Any]:
    """The parameters as a list. A set has another order in each process, and the state is saved by place."""
    if isinstance(params, (set, frozenset)):
        raise DTypeError(
            f"{kind} takes parameters in an order, by which its state is saved and loaded, got a "
            f"{type(params).__name__}: pass model.parameters(), or a list"
        )
    return list(params)


def named(kind: str, params: Any, before: list[Tensor], taken: list[list[str]]) -> tuple[tuple[Tensor, ...], list[str]]:
    """The parameters of one group and their names, checked.

    ``before`` are the parameters of the groups before it, ``taken`` the names in each of these.
    """
    items = [params] if isinstance(params, Tensor) else _in_order(kind, params)
    known = getattr(params, "names", ())
    if len(known) == len(items):
        items = [*zip(known, items, strict=True)]
    elsewhere = {name for names in taken for name in names}
    tensors: list[Tensor] = []
    names: list[str] = []
    for item in items:
        pair = isinstance(item, tuple) and len(item) == 2 and not isinstance(item[0], Tensor)
        name, p = (str(item[0]), item[1]) if pair else (str(len(before) + len(tensors)), item)
        if not isinstance(p, Tensor):
            raise DTypeError(
                f"{kind} takes Tensors that require a gradient, got {type(p).__name__}: pass model.parameters()"
            )
        if not p.is_leaf or p.dtype.kind not in "fc":
            raise DTypeError(
                f"{kind} takes tensors of a floating dtype that were not computed from others; "
                f"got one of dtype {p.dtype}{'' if p.is_leaf else ', which is the result of an operation'}"
            )
        if any(p is other for other in (*before, *tensors)):
            raise HyperparameterError(f"{kind}: parameter {name!r} is given twice")
        if name in elsewhere:  # two models in two groups may well use the same names
            name = f"{len(taken)}.{name}"
        if name in names:
            raise HyperparameterError(f"{kind}: two parameters are called {name!r}; their state is saved by name")
        tensors.append(p)
        names.append(name)
    return tuple(tensors), names
