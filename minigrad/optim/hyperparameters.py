"""The hyperparameters of all optimizers: the range of each, in one table."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.errors import HyperparameterError


def _number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an int that no float can hold
        return False


def _not_negative(value: Any) -> bool:
    return _number(value) and value >= 0


def _fraction(value: Any) -> bool:
    return _number(value) and 0 <= value < 1


def _fractions(value: Any) -> bool:
    return isinstance(value, (tuple, list)) and len(value) == 2 and all(map(_fraction, value))


#: name -> (whether a value is allowed, what is allowed)
RANGES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "lr": (_not_negative, "a finite number >= 0, such as 0.001"),
    "decay": (_not_negative, "a finite number >= 0, such as 1e-4"),
    "eps": (_not_negative, "a finite number >= 0, such as 1e-7"),
    "weight_decay": (_not_negative, "a finite number >= 0, such as 1e-4"),
    "momentum": (_fraction, "a number in [0, 1), such as 0.9"),
    "rho": (_fraction, "a number in [0, 1), such as 0.9"),
    "betas": (_fractions, "two numbers in [0, 1), such as (0.9, 0.999)"),
    "nesterov": (lambda value: isinstance(value, bool), "True or False"),
}


def checked(optimizer: str, hyperparameters: dict[str, Any]) -> dict[str, Any]:
    """The hyperparameters as Python numbers. Raises ``HyperparameterError`` for one outside its range."""
    for name, value in hyperparameters.items():
        allowed, description = RANGES[name]
        if not allowed(value):
            raise HyperparameterError(f"{optimizer}: {name} is {description}; got {value!r}")
    return {name: _plain(value) for name, value in hyperparameters.items()}


def _plain(value: Any) -> Any:
    """A NumPy number as a Python one, which promotes nothing."""
    if isinstance(value, (tuple, list)):
        return tuple(_plain(item) for item in value)
    return value.item() if isinstance(value, np.generic) else value
