"""How much a batch counts in a loss: what its mean was divided by.

A mean over all rows is the sum of the means of batches, each times its number of rows, divided by all rows. With
weights of classes or labels that are ignored it is not the number of rows that counts, and only the loss knows what
does. So each loss notes it, for whoever listens: the training loop.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from minigrad.errors import TargetError


class NothingCountsError(TargetError):
    """The mean loss of rows, none of which counts."""


#: A loss, what its mean was divided by (None where nobody said), and whether it is a sum instead.
Counted = tuple[Any, Any, bool]

_heard: ContextVar[list[Counted] | None] = ContextVar("minigrad_counts", default=None)


def is_heard() -> bool:
    """Whether anybody listens."""
    return _heard.get() is not None


def noted(value: Any, count: Any, is_sum: bool = False) -> Any:
    """``value``, after whoever listens has heard what it is."""
    heard = _heard.get()
    if heard is not None:
        heard.append((value, count, is_sum))
    return value


def counted(loss: Callable[..., Any], *args: Any) -> Counted:
    """``loss(*args)``, and what it is.

    A loss that is made of one mean (also by a factor, or with a penalty added) counts as that does; one of several
    counts like them where they agree. A sum is known as such where it is the result itself.
    """
    heard: list[Counted] = []
    token = _heard.set(heard)
    try:
        value = loss(*args)
    finally:
        _heard.reset(token)
    if len(heard) == 1 and heard[0][0] is value:
        return heard[0]
    counts = [count for _, count, is_sum in heard if not is_sum]
    alike = len(counts) == 1 or (all(type(count) is int for count in counts) and len({*counts}) == 1)
    return value, counts[0] if alike and len(counts) == len(heard) else None, False
