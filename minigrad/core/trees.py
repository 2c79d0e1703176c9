"""Nested structures: lists, tuples, named tuples, dicts and dataclasses of leaves, taken apart and put together again.

None is a structure without leaves. Everything else is a leaf, a Module too.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from minigrad.errors import ShapeError

_CONTAINERS = (dict, list, tuple)


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(path, leaf) for every leaf, in order; a path reads like the Python that leads there: ``['w'][0]``."""
    if value is None:
        return
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{path}[{key!r}]")
    elif isinstance(value, (list, tuple)):
        fields = getattr(value, "_fields", None)
        for i, item in enumerate(value):
            yield from leaves(item, f"{path}.{fields[i]}" if fields else f"{path}[{i}]")
    elif _is_record(value):
        for field in dataclasses.fields(value):
            yield from leaves(getattr(value, field.name), f"{path}.{field.name}")
    else:
        yield path, value


def rebuilt(value: Any, items: Iterator[Any]) -> Any:
    """The structure of ``value`` with the next of ``items`` in place of each leaf."""
    if value is None:
        return None
    if _is_leaf(value):
        return next(items)
    if isinstance(value, dict):
        entries = copy.copy(value)  # a subclass stays what it is, whatever its __init__ takes
        entries.update({key: rebuilt(item, items) for key, item in value.items()})
        return entries
    if isinstance(value, list):
        elements = copy.copy(value)
        elements[:] = [rebuilt(item, items) for item in value]
        return elements
    if isinstance(value, tuple):
        parts = [rebuilt(item, items) for item in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    record = copy.copy(value)  # not by way of __init__, which may take other arguments or compute
    for field in dataclasses.fields(value):
        object.__setattr__(record, field.name, rebuilt(getattr(value, field.name), items))  # frozen ones too
    return record


def _is_leaf(value: Any) -> bool:
    """Whether this is no structure; asked first, as most values are none."""
    return not isinstance(value, _CONTAINERS) and not _is_record(value)


def _is_record(value: Any) -> bool:
    """Whether this is a dataclass that stands for its fields; one that is a Module stands for its parameters."""
    if not hasattr(type(value), "__dataclass_fields__"):  # is_dataclass takes three times as long to say so
        return False
    return dataclasses.is_dataclass(value) and not isinstance(value, type) and not hasattr(value, "named_parameters")


def mapped(function: Callable[[Any], Any], value: Any) -> Any:
    """The structure of ``value`` with ``function`` of each leaf."""
    if value is not None and _is_leaf(value):
        return function(value)
    return rebuilt(value, (function(leaf) for _, leaf in leaves(value)))


def mapped_by_path(function: Callable[[str, Any], Any], value: Any, path: str) -> Any:
    """The same with a function of each leaf's path, which begins with ``path``, and the leaf."""
    if value is not None and _is_leaf(value):
        return function(path, value)
    return rebuilt(value, (function(place, leaf) for place, leaf in leaves(value, path)))


def aligned(given: Any, like: Any, name: str) -> Iterator[tuple[str, Any, Any]]:
    """(path, item of ``given``, leaf of ``like``) for every leaf of ``like``, where ``given`` has its structure.

    Lists and tuples stand for each other. Raises ``ShapeError`` where the structures differ; ``name`` is
    what ``given`` is called there.
    """
    if like is None:
        if given is not None:
            raise _other_structure(name, "None", given)
    elif isinstance(like, dict):
        if not isinstance(given, Mapping) or given.keys() != like.keys():
            raise _other_structure(name, f"a dict with the keys {', '.join(map(repr, like))}", given)
        for key, item in like.items():
            yield from aligned(given[key], item, f"{name}[{key!r}]")
    elif isinstance(like, (list, tuple)):
        if not isinstance(given, (list, tuple)) or len(given) != len(like):
            raise _other_structure(name, f"a {type(like).__name__} of {len(like)}", given)
        for i, item in enumerate(like):
            yield from aligned(given[i], item, f"{name}[{i}]")
    elif _is_record(like):
        if type(given) is not type(like):
            raise _other_structure(name, f"a {type(like).__name__}", given)
        for field in dataclasses.fields(like):
            path = f"{name}.{field.name}"
            yield from aligned(getattr(given, field.name), getattr(like, field.name), path)
    else:
        yield name, given, like


def _other_structure(name: str, expected: str, given: Any) -> ShapeError:
    got = type(given).__name__
    if isinstance(given, Mapping):
        got += f" with the keys {', '.join(map(repr, given))}"
    elif isinstance(given, (list, tuple)):
        got += f" of {len(given)}"
    return ShapeError(f"{name} must have the structure of what it goes with: expected {expected}, got {got}")
