"""What the attributes of a module hold: tensors and modules, also inside lists, dicts, dataclasses and the like."""

from __future__ import annotations

import dataclasses
from collections import UserDict, UserList, deque
from collections.abc import Iterator
from types import MappingProxyType, NoneType, SimpleNamespace
from typing import Any

import numpy as np

from minigrad.core.tensor import Tensor
from minigrad.core.trees import is_record
from minigrad.errors import StateError
from minigrad.nn.lazy import Unmade
from minigrad.nn.parameter import Buffer, Parameter

_PLAIN = frozenset({bool, int, float, complex, str, bytes, NoneType})
_MAPPINGS = (dict, UserDict, MappingProxyType)
_SEQUENCES: tuple[type, ...] = (list, tuple, deque, set, frozenset, UserList, type({}.values()))
_HOLDERS = (*_MAPPINGS, *_SEQUENCES, np.ndarray)


class Apart(list[tuple[str, Any, Any]]):
    """(name, collection, member) of what lies in collections that are not searched, such as sets."""

    path = ""  # of the module that is gone through

    def __init__(self, module_type: type) -> None:
        super().__init__()
        self.members = (Tensor, module_type, Unmade)
        self.saved = (Parameter, Buffer, module_type, Unmade)

    def require(self, elsewhere: set[int]) -> None:
        """Raise ``StateError`` for what is found nowhere else, and would be neither learned nor saved."""
        for name, holder, member in self:
            if id(member) not in elsewhere:
                raise StateError(
                    f"{name} is a {type(holder).__name__} with a {type(member).__name__} in it, which would not be "
                    "learned or saved: parameters are found in attributes, lists, tuples, dicts and dataclasses; write "
                    "a list"
                )


def members_in(value: dict[str, Any], apart: Apart) -> Iterator[tuple[str, Any]]:
    """The tensors and modules in attributes, and in the collections there, which may contain themselves."""
    above: list[tuple[str, Any, Iterator[tuple[Any, Any]]]] = [("", value, iter(value.items()))]
    inside = {id(value)}
    while above:
        path, holder, items = above[-1]
        for key, item in items:
            if isinstance(item, apart.members):
                yield f"{path}{key}", item
            elif type(item) not in _PLAIN and _is_holder(item) and id(item) not in inside:
                inside.add(id(item))
                above.append((f"{path}{key}.", item, _items(item, f"{path}{key}", apart)))
                break
        else:
            above.pop()
            inside.discard(id(holder))


def _is_holder(x: Any) -> bool:
    return isinstance(x, (*_HOLDERS, SimpleNamespace)) or (is_record(x) and not isinstance(x, type))


def _items(holder: Any, name: str, apart: Apart) -> Iterator[tuple[Any, Any]]:
    """The items of a collection with their keys; of one that holds only plain values none."""
    if isinstance(holder, SimpleNamespace):
        return iter(vars(holder).items())
    if not isinstance(holder, _HOLDERS):
        fields = [field.name for field in dataclasses.fields(holder)]
        return iter([(field, getattr(holder, field)) for field in fields if hasattr(holder, field)])
    values: Any = holder.values() if isinstance(holder, _MAPPINGS) else holder
    if isinstance(holder, np.ndarray):
        values = holder.ravel().tolist() if holder.dtype == object else ()
    if set(map(type, values)) <= _PLAIN:  # a vocabulary of a million words is passed over in a few milliseconds
        return iter(())
    if isinstance(holder, (list, tuple, dict)):
        return iter(holder.items() if isinstance(holder, dict) else enumerate(holder))
    apart += [(apart.path + name, holder, item) for item in values if isinstance(item, apart.saved)]
    return iter(())
