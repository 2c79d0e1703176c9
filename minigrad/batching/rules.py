"""How NumPy's functions answer for a batch: by a rule, or in a loop over the members, which is right for any function.

A rule is found by the NumPy function. It gets the batch and the arguments, some of which stand for all members
(``mine``), and may answer ``NotImplemented`` to leave a call to the loop.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from minigrad.core.batches import Batch
from minigrad.core.table import standing_for
from minigrad.core.trees import flat, mapped_all
from minigrad.errors import BatchError

Rule = Callable[..., Any]

#: The rules by NumPy function, operator or kernel; those of ufuncs' methods by ufunc and name.
RULES: dict[Any, Rule] = {}

#: Functions whose results have a shape that depends on the numbers, which differ from member to member.
DATA_SHAPED = frozenset(
    getattr(np, name)
    for name in """
    where nonzero argwhere flatnonzero unique extract compress trim_zeros
    union1d intersect1d setdiff1d unique_all unique_counts unique_inverse unique_values
    """.split()
    if hasattr(np, name)
)

#: Functions that write into their first argument.
_IN_PLACE = frozenset({np.copyto, np.fill_diagonal, np.place, np.put, np.put_along_axis, np.putmask})


class Made:
    """Where the class of arrays of a batch is found, which is made of these rules."""

    kind: Any = None


def rule(*functions: Any) -> Callable[[Rule], Rule]:
    """Register a rule for these functions."""

    def register(function: Rule) -> Rule:
        for key in functions:
            RULES[key] = function
        return function

    return register


def composed(*functions: Any) -> None:
    """Register as rules what tensors answer these functions with: made of others, they run on a member's arrays.

    A function that somebody has put in NumPy's place, as ``nnfs.init()`` does, is nothing that tensors answer.
    """
    for function in functions:
        answer = standing_for(function)
        if answer is not None:
            rule(function)(_by_others(answer))


def _by_others(answer: Any) -> Rule:
    names = inspect.signature(answer).parameters.keys()

    def by_others(_batch: Batch, *args: Any, **options: Any) -> Any:
        return answer(*args, **options) if options.keys() <= names else NotImplemented

    return by_others


def mine(batch: Batch, x: Any) -> bool:
    """Whether ``x`` stands for all members of this batch."""
    return type(x) is Made.kind and x.batch is batch


def made(batch: Batch, result: Any) -> Any:
    """A result of a NumPy function on the arrays of all members, or a tuple of them, as what stands for it."""
    if isinstance(result, (tuple, list)):
        items = [made(batch, item) for item in result]
        return type(result)(*items) if hasattr(result, "_fields") else type(result)(items)
    return Made.kind(batch, result)


def innermost(values: Iterable[Any]) -> Batch | None:
    """The batch that lies within all others among the arguments."""
    last: Batch | None = None
    for x in values:
        kind = type(x)
        if kind is tuple or kind is list or kind is dict:
            batch = innermost(x.values() if kind is dict else x)
        elif kind is Made.kind:
            batch = x.batch
        else:
            continue
        if batch is not None and (last is None or batch.number > last.number):
            last = batch
    return last


def respond(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], key: Any = None) -> Any:
    """The result of a function for all members of the innermost batch among its arguments."""
    batch = innermost(args)
    if kwargs:
        named = innermost(kwargs.values())
        batch = named if batch is None or (named is not None and named.number > batch.number) else batch
    if batch is None:
        return function(*args, **kwargs)
    known = RULES.get(function if key is None else key)
    if known is None and isinstance(function, np.ufunc) and function.signature is None:
        known = RULES[np.ufunc]
        args = (function, *args)
    if known is not None:
        result = known(batch, *args, **kwargs)
        if result is not NotImplemented:
            return result
    if function in DATA_SHAPED:
        raise _of_function(
            f"np.{function.__name__}",
            "vmap: the shape of {}'s result depends on the numbers, which differ from member to member: use "
            "mg.where, or compute it outside",
        )
    return by_members(batch, function, args, kwargs)


# -- the loop -----------------------------------------------------------------------------------


def by_members(batch: Batch, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The results of ``function`` for one member after the other, joined."""
    if function in _IN_PLACE:
        if not mine(batch, args[0]):
            raise unwritable()
        for i in range(batch.size):
            function(*_member(batch, args, i), **_member(batch, kwargs, i))
        return None
    if kwargs.get("out") is not None:
        raise unwritable()
    if not batch.size:  # one of ones says what the results of none look like
        result = function(*_member(batch, args, 0), **_member(batch, kwargs, 0))
        return mapped_all(lambda x: made(batch, np.zeros((0, *np.shape(x)), np.asarray(x).dtype)), result)
    results = [function(*_member(batch, args, i), **_member(batch, kwargs, i)) for i in range(batch.size)]
    return joined(batch, function, results)


def by_all_members(batches: tuple[Batch, ...], function: Any, args: tuple[Any, ...]) -> Any:
    """The results of ``function``, one array each, for the members of batches that lie in one another, joined."""
    sizes = [batch.size for batch in batches]

    def result_of(numbers: tuple[int, ...]) -> Any:
        own = args
        for batch, number in zip(reversed(batches), reversed(numbers), strict=True):
            own = _member(batch, own, number)
        return function(*own)

    if 0 in sizes:
        one = result_of((0,) * len(sizes))
        results = np.zeros((*sizes, *np.shape(one)), one.dtype)
    else:
        each = np.stack([result_of(numbers) for numbers in np.ndindex(*sizes)])
        results = np.reshape(each, (*sizes, *each.shape[1:]))
    for batch in batches:
        results = Made.kind(batch, results)
    return results


def joined(batch: Batch, function: Any, results: list[Any]) -> Any:
    """One result of all members for the results of each."""
    parts = zip(*map(flat, results), strict=True)
    return mapped_all(lambda _: _joined_leaves(batch, function, next(parts)), results[0])


def _joined_leaves(batch: Batch, function: Any, results: Sequence[Any]) -> Any:
    first = results[0]
    if first is None or isinstance(first, (str, np.dtype)):
        return first
    if len({np.shape(x) for x in results}) > 1:
        raise _of_function(
            getattr(function, "__name__", str(function)),
            "vmap: {} gives arrays of different shapes for the members of the batch: use mg.where, or call the "
            "function in a loop over the members",
        )
    return Made.kind(batch, np.stack(results))


def _of_function(name: str, message: str) -> BatchError:
    """An error that names a function, until one that called it puts its name there."""
    error = BatchError(message.format(name))
    error.template = message
    return error


def _member(batch: Batch, tree: Any, i: int) -> Any:
    """The arguments of member ``i``; where there is none, of ones."""

    def member(x: Any) -> Any:
        if not mine(batch, x):
            return x
        return x.array[i] if batch.size else np.ones(x.shape, x.dtype)

    return mapped_all(member, tree)


# -- what rules have in common ------------------------------------------------------------------


def rank(x: Any) -> int:
    """The number of axes of a member, an array, a number or a nested list."""
    count: int = x.ndim if hasattr(x, "ndim") else np.ndim(x)
    return count


def aligned(batch: Batch, values: Iterable[Any], ranks: int | None = None) -> list[Any]:
    """The arrays of all members with axes of size 1 behind the batch axis, so that all broadcast as members do."""
    values = list(values)
    most = max([rank(x) for x in values] if ranks is None else [ranks])
    results = []
    for x in values:
        if type(x) is Made.kind and x.batch is batch:
            array = x.array
            missing = most + 1 - array.ndim
            results.append(array[(slice(None), *(None,) * missing)] if missing else array)
        else:
            results.append(x)
    return results


def written(target: Any, value: Any) -> tuple[Batch, Any, Any]:
    """The batch of a target that is written in place, its array, and the value with axes that fit."""
    batch = innermost((target, value))
    if batch is None or not mine(batch, target):
        raise unwritable()
    array, values = aligned(batch, (target, value), max(rank(target), rank(value)))
    return batch, array, values


def unwritable() -> BatchError:
    """The error of a write that differs from member to member, into what does not."""
    return BatchError(
        "vmap: what differs from member to member is written into an array that is one for all: make it with "
        "np.zeros_like of an array of the batch, or use mg.index_set, mg.index_add or mg.where"
    )


def outputs(batch: Batch, out: Any) -> Any:
    """The arrays of all members for an ``out=`` option."""
    if not all(mine(batch, x) for x in flat(out)):
        raise unwritable()
    return mapped_all(lambda x: x.array, out)
