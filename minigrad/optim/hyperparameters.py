"""The hyperparameters of all optimizers: the range of each, in one table."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from minigrad.errors import HyperparameterError


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


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


def check(optimizer: str, hyperparameters: dict[str, Any]) -> None:
    """Raise ``HyperparameterError`` for the first value outside its range."""
    for name, value in hyperparameters.items():
        allowed, description = RANGES[name]
        if not allowed(value):
            raise HyperparameterError(f"{optimizer}: {name} is {description}; got {value!r}")
