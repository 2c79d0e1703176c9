"""Checks of arguments: questions, and functions that return the value or say what was expected.

True is an int to Python and a slip to everybody else: it is no number here.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from minigrad.errors import HyperparameterError


def is_whole(value: Any, least: int | None = None) -> bool:
    """Whether it is a whole number, of at least ``least``."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    return whole and (least is None or bool(value >= least))


def is_index(value: Any, least: int) -> bool:
    """Whether it can count something, from ``least`` on: a whole number, or what stands for one (``__index__``)."""
    return hasattr(value, "__index__") and not isinstance(value, bool) and operator.index(value) >= least


def is_number(value: Any) -> bool:
    """Whether it is a finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an int that no float can hold
        return False


def is_not_negative(value: Any) -> bool:
    """Whether it is a finite number >= 0."""
    return is_number(value) and value >= 0


def is_positive(value: Any) -> bool:
    """Whether it is a finite number > 0."""
    return is_number(value) and value > 0


def is_fraction(value: Any) -> bool:
    """Whether it is a number in [0, 1)."""
    return is_number(value) and 0 <= value < 1


def whole(owner: str, name: str, value: Any, least: int = 1) -> int:
    """A whole number as an int. Raises ``HyperparameterError``."""
    if not is_whole(value, least):
        raise HyperparameterError(f"{owner}: {name} is a whole number of at least {least}, got {value!r}")
    return int(value)


def wholes(owner: str, name: str, value: Any) -> tuple[int, ...]:
    """One size or several as a tuple. Raises ``HyperparameterError``."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    if not values:
        raise HyperparameterError(f"{owner}: {name} has at least one size, got {value!r}")
    return tuple([whole(owner, name, item) for item in values])


def not_negative(owner: str, name: str, value: Any, such_as: str = "") -> float:
    """A number as a float. Raises ``HyperparameterError`` unless it is finite and at least 0."""
    if not is_not_negative(value):
        example = f", such as {such_as};" if such_as else ","
        raise HyperparameterError(f"{owner}: {name} is a finite number of at least 0{example} got {value!r}")
    return float(value)


def probability(owner: str, name: str, value: Any) -> Any:
    """A number in [0, 1], as it is. Raises ``HyperparameterError``."""
    if not (is_number(value) and 0 <= value <= 1):
        raise HyperparameterError(f"{owner}: {name} is a probability in [0, 1], such as 0.5; got {value!r}")
    return value
