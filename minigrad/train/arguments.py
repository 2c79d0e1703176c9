"""What arguments of the loop may be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from minigrad.errors import DTypeError


def is_count(value: Any, least: int) -> bool:
    """Whether it is a whole number, of at least ``least``; True and False are none."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and int(value) >= least


def listed(values: Any, name: str) -> Iterable[Any]:
    """``values``, which are several. Raises ``DTypeError`` for one alone."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise DTypeError(f"{name} are a list, got {values!r:.60}: write {name}=[...]")
    return values
