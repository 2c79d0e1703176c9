"""What one of several processes loads of a batch: its own rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Share(NamedTuple):
    """A part of a batch, in the structure of one: arrays of rows ``first`` to ``last``, or of all ``rows``."""

    batch: Any
    rows: int
    first: int
    last: int
    #: Loads all rows; None where ``batch`` has them.
    whole: Callable[[], Any] | None


def own_rows(rows: int, rank: int, size: int, devices: int) -> tuple[int, int]:
    """The rows of a batch that a rank needs: those of its devices; all where they do not divide by all ``devices``.

    >>> from minigrad.data.shares import own_rows
    >>> own_rows(32, 1, 4, 8), own_rows(30, 1, 4, 8)
    ((8, 16), (0, 30))
    """
    if rows % devices or devices % size:
        return 0, rows
    each = rows // size
    return rank * each, (rank + 1) * each
