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
    """The mean loss of a batch without a row that counts."""


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


def nothing_counts(why: str) -> None:
    """Raise ``NothingCountsError``, but where somebody listens: the loss may have other parts, to which this adds 0."""
    if not is_heard():
        raise NothingCountsError(why)


def counted(loss: Callable[..., Any], *args: Any) -> Counted:
    """``loss(*args)``, and what it is.

    A loss that is made of one mean (also by a factor, or with a penalty added) counts as that does; one of several
    counts like them where they agree. A sum is known as such where it is the result itself. Raises
    ``NothingCountsError`` where no row counts in any of its means.
    """
    heard: list[Counted] = []
    token = _heard.set(heard)
    try:
        value = loss(*args)
    finally:
        _heard.reset(token)
    heard = [one for one in heard if one[0] is value][-1:] or heard  # others were worked out beside the result
    if heard and not any(is_sum or (type(count) is not int) or count for _, count, is_sum in heard):
        raise NothingCountsError(
            "no row of this batch counts in the loss: every label is ignore_index or of a class of weight 0, or there "
            "are no rows at all"
        )
    if heard and heard[-1][0] is value:
        return heard[-1]
    counts = [count for _, count, is_sum in heard if not is_sum]
    alike = len(counts) == 1 or (all(type(count) is int for count in counts) and len({*counts}) == 1)
    return value, counts[0] if alike and len(counts) == len(heard) else None, False
