"""Tuples with some of their values replaced, as autograd has them for operators on functions of several arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["func", "subval", "subvals"]


def subvals(values: Iterable[Any], replaced: Iterable[tuple[int, Any]]) -> tuple[Any, ...]:
    """``values`` as a tuple, with ``value`` at ``place`` for each pair (place, value).

    >>> from minigrad.compat.autograd.util import subvals
    >>> subvals((1, 2, 3), [(0, 10), (2, 30)])
    (10, 2, 30)
    """
    whole = list(values)
    for place, value in replaced:
        whole[place] = value
    return tuple(whole)


def subval(values: Iterable[Any], place: int, value: Any) -> tuple[Any, ...]:
    """``values`` as a tuple, with one of them replaced."""
    return subvals(values, [(place, value)])


def func(f: Callable[..., Any]) -> Callable[..., Any]:
    """``f`` itself: autograd's name for a function without what Python 2 bound to it."""
    return f
