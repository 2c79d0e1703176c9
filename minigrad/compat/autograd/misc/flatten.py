"""Structures of arrays as one vector, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import minigrad.compat.autograd.numpy as anp

__all__ = ["flatten", "flatten_func"]


def flatten(value: Any) -> tuple[Any, Callable[[Any], Any]]:
    """(vector, unflatten): the numbers of lists, tuples and dicts of arrays, and the function that puts them back.

    The keys of dicts are sorted. Tensors give a tensor, through which gradients go, both ways.

    >>> from minigrad.compat.autograd.misc import flatten
    >>> vector, unflatten = flatten({"w": np.ones((2, 2)), "b": 3.0})
    >>> vector
    array([3., 1., 1., 1., 1.])
    >>> unflatten(vector)["w"].shape
    (2, 2)
    """
    parts = list(_parts(value))
    vector = anp.concatenate([anp.ravel(part) for part in parts]) if parts else anp.array([])

    def unflatten(numbers: Any) -> Any:
        if anp.shape(numbers) != anp.shape(vector):
            raise ValueError(f"unflatten takes a vector of shape {anp.shape(vector)}, got {anp.shape(numbers)}")
        return _put_back(value, numbers, 0)[0]

    return vector, unflatten


def flatten_func(func: Callable[..., Any], example: Any) -> tuple[Callable[..., Any], Callable[[Any], Any], Any]:
    """(f, unflatten, vector): ``func`` as a function of vectors, and ``example``, its argument, as one."""
    vector, unflatten = flatten(example)
    return (lambda x, *args: flatten(func(unflatten(x), *args))[0]), unflatten, vector


def _parts(value: Any) -> Any:
    if type(value) is dict:
        value = [value[key] for key in sorted(value)]
    elif type(value) not in (list, tuple):
        yield value
        return
    for item in value:
        yield from _parts(item)


def _put_back(value: Any, numbers: Any, start: int) -> tuple[Any, int]:
    """The structure of ``value`` with the numbers from ``start`` on, and where it ends."""
    kind = type(value)
    if kind is dict:
        filled = {}
        for key in sorted(value):
            filled[key], start = _put_back(value[key], numbers, start)
        return {key: filled[key] for key in value}, start
    if kind in (list, tuple):
        items = []
        for item in value:
            whole_part, start = _put_back(item, numbers, start)
            items.append(whole_part)
        return kind(items), start
    end = start + anp.size(value)
    part = anp.reshape(numbers[start:end], anp.shape(value))
    part = part if anp.iscomplexobj(value) else anp.real(part)
    return (part if anp.ndim(part) else part[()]), end
