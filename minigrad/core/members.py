"""Members of a batch: what code that need not know of ``vmap`` asks where an array may stand for all of them.

Nothing here is looked at until a process has used ``vmap``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np

F = TypeVar("F", bound=Callable[..., Any])

#: Holds something once a process has used ``vmap``: until then nobody looks for batches.
batches_made: list[Any] = []


def batched_in(values: Iterable[Any]) -> Any:
    """The first of ``values`` that stands for all members of a batch, also inside tuples and lists; or None."""
    for x in values:
        kind = type(x)
        if kind is tuple or kind is list:
            member = batched_in(x)
            if member is not None:
                return member
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
    batches = set()
    while getattr(x, "batch", None) is not None:
        batches.add(x.batch)
        x = x.array
    return batches


def is_true(condition: Any, members: Callable[[Any], Any] | None = None) -> bool:
    """Whether a condition on data is true. While a step is recorded, the program is one for this answer.

    A user's own ``if condition:`` may be a decision of the step, and cannot be answered for all members of a batch. So
    the package asks in this way, and says by ``members`` whose answer counts where they differ: ``np.any`` or
    ``np.all``.
    """
    answer = getattr(condition, "is_true", None)
    return bool(condition if answer is None else answer(members))


def everywhere(mask: Any) -> bool:
    """Whether a condition holds for all elements, of all members of a batch."""
    if type(mask) is np.ndarray:
        return bool(np.count_nonzero(mask) == mask.size)  # of few elements in a fifth of the time of mask.all()
    return is_true(mask.all() if mask.ndim else mask, np.all)


def anywhere(mask: Any) -> bool:
    """Whether a condition holds for some element, of some member of a batch."""
    if type(mask) is np.ndarray:
        return bool(np.count_nonzero(mask))
    return is_true(mask.any() if mask.ndim else mask, np.any)


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
