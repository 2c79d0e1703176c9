"""Sizes that a layer is given, checked where it is made, so that a slip shows in the line that holds it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.errors import HyperparameterError


def size_of(layer: str, name: str, value: Any) -> int:
    """The size as an int. Raises ``HyperparameterError`` unless it is a whole number of at least 1."""
    # True is an int to Python and a slip to everybody else.
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise HyperparameterError(f"{layer}: {name} is a whole number of at least 1, got {value!r}")
    return int(value)


def shape_of(layer: str, name: str, value: Any) -> tuple[int, ...]:
    """One size or several as a tuple. Raises ``HyperparameterError``."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    if not values:
        raise HyperparameterError(f"{layer}: {name} has at least one size, got {value!r}")
    return tuple([size_of(layer, name, v) for v in values])


def eps_of(layer: str, value: Any) -> float:
    """The number that keeps a root away from 0. Raises ``HyperparameterError`` unless it is finite and >= 0."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.floating)) or not 0 <= value < math.inf:
        raise HyperparameterError(f"{layer}: eps is a finite number of at least 0, such as 1e-5; got {value!r}")
    return float(value)
