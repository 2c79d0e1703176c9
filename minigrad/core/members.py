"""Members of a batch: what code that need not know of ``vmap`` asks where an array may stand for all of them.

Nothing here is looked at until a process has used ``vmap``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

#: Holds something once a process has used ``vmap``: until then nobody looks for batches.
batches_made: list[Any] = []


def batched_in(values: Iterable[Any]) -> Any:
    """The first of ``values`` that stands for all members of a batch, also inside tuples and lists; or None."""
    for x in values:
        kind = type(x)
        if kind is tuple or kind is list:
            found = batched_in(x)
            if found is not None:
                return found
        elif getattr(kind, "batch", None) is not None:
            return x
    return None


def memberwise(function: Callable[..., Any], *arrays: Any) -> Any:
    """``function(*arrays)``, for code that knows plain arrays alone: of a batch, one member after the other."""
    if batches_made:
        member = batched_in(arrays)
        if member is not None:
            return member.respond(functools.partial(memberwise, function), arrays, {})
    return function(*arrays)


def for_all(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """A function of NumPy's that does not look at all of its arguments for arrays of a batch, as np.take does not."""
    if batches_made:
        member = batched_in(args)
        if member is not None:
            return member.respond(function, args, options)
    return function(*args, **options)


def holds(z: Any, x: Any) -> bool:
    """Whether ``out=z`` can take in x: not where x differs from member to member of a batch, and z does not."""
    return getattr(x, "batch", None) is None or _batches(x) <= _batches(z)


def _batches(x: Any) -> set[Any]:
    """All batches, one within the other, whose members x stands for."""
    found = set()
    while getattr(x, "batch", None) is not None:
        found.add(x.batch)
        x = x.array
    return found


def at(x: Any, index: Any) -> Any:
    """``x[index]``, also where x is plain, and the index is of a batch."""
    if batches_made and not hasattr(x, "_node"):  # a Tensor, as in an adjoint, keeps its graph: its op knows batches
        member = batched_in((index,))
        if member is not None:
            return member.index(x, index)
    return x[index]


def member_by_member(function: F) -> F:
    """A function of somebody else, on arrays, that need not know of batches: it runs in a loop where it does not.

    It gets the arrays of a batch first, since what is written with NumPy's functions alone works on them at once.
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if batches_made:
            member = batched_in((*args, *kwargs.values()))
            if member is not None:
                try:
                    return function(*args, **kwargs)
                except Exception:  # noqa: BLE001 - what is wrong apart from the batch raises again
                    return member.by_members(call, args, kwargs)
        return function(*args, **kwargs)

    return call  # type: ignore[return-value]
