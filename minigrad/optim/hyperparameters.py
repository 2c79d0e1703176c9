"""The hyperparameters of all optimizers: the range of each, in one table."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar, dataclass_transform

import numpy as np

from minigrad.core.checks import is_flag, is_fraction, is_not_negative, is_whole
from minigrad.errors import HyperparameterError
from minigrad.support.fields import take_fields


def fractions(value: Any) -> bool:
    """Whether they are two numbers in [0, 1)."""
    return isinstance(value, (tuple, list)) and len(value) == 2 and all(map(is_fraction, value))


def count(value: Any) -> bool:
    """Whether it is a whole number >= 1."""
    return is_whole(value, 1)


def _rate(value: Any) -> bool:
    return is_not_negative(value) or callable(value)


#: name -> (whether a value is allowed, what is allowed)
Ranges = dict[str, tuple[Callable[[Any], bool], str]]

_NOT_NEGATIVE = (is_not_negative, "a finite number >= 0, such as 1e-4")
_FRACTION = (is_fraction, "a number in [0, 1), such as 0.9")
_BOOL = (is_flag, "True or False")

RANGES: Ranges = {
    "lr": (_rate, "a finite number >= 0, such as 0.001, or a schedule: a function of the step"),
    "current_lr": (is_not_negative, "a finite number >= 0, such as 0.001"),
    "decay": _NOT_NEGATIVE,
    "eps": (is_not_negative, "a finite number >= 0, such as 1e-7"),
    "weight_decay": _NOT_NEGATIVE,
    "momentum": _FRACTION,
    "momentum_decay": (is_not_negative, "a finite number >= 0, such as 0.004"),
    "rho": _FRACTION,
    "betas": (fractions, "two numbers in [0, 1), such as (0.9, 0.999)"),
    "nesterov": _BOOL,
    "skip_nonfinite": _BOOL,
    "max_iter": (count, "a whole number >= 1, such as 20"),
    "max_eval": (lambda value: value is None or count(value), "a whole number >= 1, such as 25, or None"),
    "tolerance_grad": (is_not_negative, "a finite number >= 0, such as 1e-7"),
    "tolerance_change": (is_not_negative, "a finite number >= 0, such as 1e-9"),
    "history_size": (count, "a whole number >= 1, such as 100"),
    "line_search_fn": (lambda value: value in (None, "strong_wolfe"), "None or 'strong_wolfe'"),
}


def rate_of(owner: str, schedule: Callable[[int], float], step: int) -> float:
    """The rate of a step as a Python number, which promotes nothing."""
    try:
        rate: Any = schedule(step)
    except OverflowError:
        rate = math.inf
    if not is_not_negative(rate):
        raise HyperparameterError(
            f"{owner}: the schedule {schedule!r} gave {rate!r} in step {step}; a rate is a finite number >= 0"
        )
    return float(rate)


def storable(value: Any) -> bool:
    """Whether a state dict can hold it: a number, True or False, a string, None, or several of these."""
    if isinstance(value, (tuple, list)):
        return all(map(storable, value))
    return value is None or isinstance(value, (bool, int, float, str, np.bool_, np.integer, np.floating))


#: Of a name that only an optimizer of the user's own has.
_OWN = (storable, "a number, a string, True, False, None or a tuple of these, which a state dict can hold")


def checked(owner: str, hyperparameters: dict[str, Any], ranges: Ranges = RANGES) -> dict[str, Any]:
    """The hyperparameters as Python numbers. Raises ``HyperparameterError`` for one outside its range."""
    for name, value in hyperparameters.items():
        allowed, description = ranges.get(name, _OWN)
        if not allowed(value):
            raise HyperparameterError(f"{owner}: {name} is {description}; got {value!r}")
    plain = {name: _plain(value) for name, value in hyperparameters.items()}
    return {name: bool(value) if ranges.get(name) is _BOOL else value for name, value in plain.items()}


def _plain(value: Any) -> Any:
    """A NumPy number as a Python one, which promotes nothing."""
    if isinstance(value, (tuple, list)):
        return tuple(_plain(item) for item in value)
    return value.item() if isinstance(value, np.generic) else value


# -- stated in a class ----------------------------------------------------------------------------


class Hyperparameter:
    """A hyperparameter as an attribute of its optimizer: that of the first group; assigning sets it in all groups."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, optimizer: Any, owner: type) -> Any:
        return self if optimizer is None else optimizer.param_groups[0][self._name]

    def __set__(self, optimizer: Any, value: Any) -> None:
        settings = checked(type(optimizer).__name__, {self._name: value})
        for group in optimizer.param_groups:
            group.update(settings)


Kind = TypeVar("Kind", bound=type)


@dataclass_transform(eq_default=False)  # a type checker reads the attributes as what __init__ takes
def with_hyperparameters(cls: Kind) -> Kind:
    """Make the annotated attributes of an optimizer, and of those it derives from, what its ``__init__`` takes.

    Each is a hyperparameter with its default; the range is that of its name in ``RANGES``.
    """
    for name in take_fields(cls):
        if name not in ("params", "skip_nonfinite"):
            setattr(cls, name, Hyperparameter(name))
    return cls
