"""Checks of the loop's arguments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from minigrad.errors import DTypeError


def listed(values: Any, name: str) -> Iterable[Any]:
    """``values``, which are several. Raises ``DTypeError`` for one alone."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise DTypeError(f"{name} are a list, got {values!r:.60}: write {name}=[...]")
    return values
