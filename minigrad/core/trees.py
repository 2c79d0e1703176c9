"""Nested structures: lists, tuples, named tuples, dicts and dataclasses of leaves, taken apart and put together again.

None is a structure without leaves. Everything else is a leaf, a Module too.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from minigrad.errors import ShapeError

_CONTAINERS = (dict, list, tuple)
_Array = np.ndarray


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
    elif is_record(value):
        for field in dataclasses.fields(value):
            yield from leaves(getattr(value, field.name), f"{path}.{field.name}")
    else:
        yield path, value


def flat(tree: Any) -> Iterator[Any]:
    """Every leaf, in order, without its path; here None is one."""
    if isinstance(tree, dict):
        tree = tree.values()
    elif is_record(tree):
        tree = [getattr(tree, name) for name in _names(tree)]
    elif not isinstance(tree, (list, tuple)):
        yield tree
        return
    for item in tree:
        yield from flat(item)


def is_record(value: Any) -> bool:
    """Whether this is a dataclass that stands for its fields; one that is a Module stands for its parameters."""
    return hasattr(type(value), "__dataclass_fields__") and not hasattr(value, "named_parameters")


def _is_leaf(value: Any) -> bool:
    """Whether this is a leaf and not a structure; asked first, as most values are leaves."""
    return type(value) is _Array or (not isinstance(value, _CONTAINERS) and not is_record(value) and value is not None)


def attributes_of(record: Any) -> dict[str, Any]:
    """What a dataclass holds by name: its fields, and what its methods have put beside them."""
    return {name: getattr(record, name) for name in _names(record)} | getattr(record, "__dict__", {})


def _names(record: Any) -> list[str]:
    """The fields that have a value."""
    return [field.name for field in dataclasses.fields(record) if hasattr(record, field.name)]


def mapped_all(
    function: Callable[[Any], Any],
    tree: Any,
    is_structure: Callable[[Any], bool] = is_record,
    is_leaf: Callable[[Any], bool] | None = None,
) -> Any:
    """The structure with ``function`` of each leaf; here None is one.

    ``is_structure`` says which dataclasses are taken apart, ``is_leaf`` which containers are not.
    """
    if is_leaf is not None and is_leaf(tree):
        return function(tree)
    if isinstance(tree, tuple):
        parts = [mapped_all(function, item, is_structure, is_leaf) for item in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else tuple(parts)
    if isinstance(tree, list):
        elements = [mapped_all(function, item, is_structure, is_leaf) for item in tree]
        return elements if type(tree) is list else _filled(tree, elements)
    if isinstance(tree, dict):
        entries = {key: mapped_all(function, item, is_structure, is_leaf) for key, item in tree.items()}
        return entries if type(tree) is dict else _filled(tree, entries)
    if is_structure(tree):
        record = copy.copy(tree)  # not by way of __init__, which may take other arguments or compute
        for name in _names(tree):
            item = mapped_all(function, getattr(tree, name), is_structure, is_leaf)
            object.__setattr__(record, name, item)  # frozen ones too
        for name, item in attributes_of(tree).items():
            if name not in type(tree).__dataclass_fields__ and isinstance(item, (list, dict, set)):
                object.__setattr__(record, name, copy.copy(item))
        return record
    return function(tree)


def mapped_once(function: Callable[[Any], Any], tree: Any, is_leaf: Callable[[Any], bool] = lambda _: False) -> Any:
    """As ``mapped_all``; what lies in two places, a leaf or a container, is one object in the new structure too."""
    copies: dict[int, Any] = {}

    def look(x: Any) -> Any:
        if id(x) not in copies:
            copies[id(x)] = mapped_all(
                lambda y: function(y) if y is x else look(y), x, is_leaf=lambda y: y is not x or is_leaf(y)
            )
        return copies[id(x)]

    return look(tree)


def _filled(tree: Any, items: Any) -> Any:
    """A list or dict of a derived class with other items: it stays what it is, whatever its ``__init__`` takes."""
    other = copy.copy(tree)
    if isinstance(tree, list):
        other[:] = items
    else:
        for key, item in items.items():
            dict.__setitem__(other, key, item)
    return other


def rebuilt(value: Any, items: Iterator[Any]) -> Any:
    """The structure of ``value`` with the next of ``items`` in place of each leaf."""
    if _is_leaf(value):
        return next(items)
    return mapped_all(lambda leaf: None if leaf is None else next(items), value)


def mapped(function: Callable[[Any], Any], value: Any) -> Any:
    """The structure of ``value`` with ``function`` of each leaf."""
    if _is_leaf(value):
        return function(value)
    return mapped_all(lambda leaf: None if leaf is None else function(leaf), value)


def mapped_by_path(function: Callable[[str, Any], Any], value: Any, path: str) -> Any:
    """The same with a function of each leaf's path, which begins with ``path``, and the leaf."""
    if _is_leaf(value):
        return function(path, value)
    return rebuilt(value, (function(place, leaf) for place, leaf in leaves(value, path)))


def aligned(tree: Any, like: Any, name: str) -> Iterator[tuple[str, Any, Any]]:
    """(path, item of ``given``, leaf of ``like``) for every leaf of ``like``, where ``given`` has its structure.

    Lists and tuples stand for each other. Raises ``ShapeError`` where the structures differ; ``name`` is
    what ``given`` is called there.
    """
    if like is None:
        if tree is not None:
            raise _other_structure(name, "None", tree)
    elif isinstance(like, dict):
        if not isinstance(tree, Mapping) or tree.keys() != like.keys():
            raise _other_structure(name, f"a dict with the keys {', '.join(map(repr, like))}", tree)
        for key, item in like.items():
            yield from aligned(tree[key], item, f"{name}[{key!r}]")
    elif isinstance(like, (list, tuple)):
        if not isinstance(tree, (list, tuple)) or len(tree) != len(like):
            raise _other_structure(name, f"a {type(like).__name__} of {len(like)}", tree)
        for i, item in enumerate(like):
            yield from aligned(tree[i], item, f"{name}[{i}]")
    elif is_record(like):
        if type(tree) is not type(like):
            raise _other_structure(name, f"a {type(like).__name__}", tree)
        for field in dataclasses.fields(like):
            path = f"{name}.{field.name}"
            yield from aligned(getattr(tree, field.name), getattr(like, field.name), path)
    else:
        yield name, tree, like


def _other_structure(name: str, expected: str, given: Any) -> ShapeError:
    got = type(given).__name__
    if isinstance(given, Mapping):
        got += f" with the keys {', '.join(map(repr, given))}"
    elif isinstance(given, (list, tuple)):
        got += f" of {len(given)}"
    return ShapeError(f"{name} must have the structure of what it goes with: expected {expected}, got {got}")
