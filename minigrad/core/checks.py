"""Checks of arguments: questions, and functions that return the value or say what was expected.

True is an int to Python and a slip to everybody else: it is no number here.
"""

from __future__ import annotations

import functools
import inspect
import math
import operator
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.errors import DTypeError, HyperparameterError


def is_whole(value: Any, least: int | None = None) -> bool:
    """Whether it is a whole number, of at least ``least``."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    return whole and (least is None or bool(value >= least))


def is_index(value: Any, least: int) -> bool:
    """Whether it can count something, from ``least`` on: a whole number, or what stands for one (``__index__``)."""
    return hasattr(value, "__index__") and not isinstance(value, bool) and operator.index(value) >= least


_LARGEST = sys.float_info.max


def is_number(value: Any) -> bool:
    """Whether it is a finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        return False
    plain = value.item() if isinstance(value, np.generic) else value
    return bool(-_LARGEST <= plain <= _LARGEST)  # not an int that no float can hold


def is_not_negative(value: Any) -> bool:
    """Whether it is a finite number >= 0."""
    return is_number(value) and value >= 0


def is_positive(value: Any) -> bool:
    """Whether it is a finite number > 0."""
    return is_number(value) and value > 0


def is_fraction(value: Any) -> bool:
    """Whether it is a number in [0, 1)."""
    return is_number(value) and 0 <= value < 1


def as_path(path: Any, call: str) -> Path:
    """The path. Raises ``DTypeError`` for what is none: a number would be a file that is open already."""
    if not isinstance(path, (str, os.PathLike)) or not str(path) or "\0" in str(path):
        raise DTypeError(f"{call}: expected a path (a str or pathlib.Path), got {type(path).__name__} {path!r:.60}")
    return Path(path)


def check_function(owner: str, *functions: Any) -> None:
    """Raise ``DTypeError`` for what cannot be called, such as the result of a function in place of it."""
    for f in functions:
        if not callable(f):
            raise DTypeError(f"{owner} takes a function, got {f!r:.60}: pass f itself rather than f(x)")


def whole(owner: str, name: str, value: Any, least: int = 1) -> int:
    """A whole number as an int. Raises ``HyperparameterError``."""
    if not is_whole(value, least):
        raise HyperparameterError(f"{owner}: {name} is a whole number of at least {least}, got {value!r}")
    return int(value)


def integer(owner: str, name: str, value: Any) -> int:
    """A whole number of any sign, as an int. Raises ``HyperparameterError``."""
    if not is_whole(value):
        raise HyperparameterError(f"{owner}: {name} is a whole number, got {value!r}")
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


def real(owner: str, name: str, value: Any) -> Any:
    """A number or an infinity, as it is. Raises ``HyperparameterError`` for anything else, NaN too."""
    if not (is_number(value) or (isinstance(value, (float, np.floating)) and abs(value) == math.inf)):
        raise HyperparameterError(f"{owner}: {name} is a number, got {value!r}")
    return value


def lies_between(value: Any, low: float, high: float) -> bool:
    """Whether low <= value <= high; False for what cannot be compared: text, a complex number, several numbers."""
    try:
        return bool(low <= value <= high)
    except (TypeError, ValueError):
        return False


def finite(owner: str, name: str, value: Any, least: float = -math.inf, such_as: str = "1.0") -> Any:
    """An option of a function, as it is. Raises ``HyperparameterError`` unless a finite number of at least ``least``.

    It is asked by comparing, so a number of a recorded step, or a 0-d tensor, will do.
    """
    if lies_between(value, least, math.inf) and -math.inf < value < math.inf:
        return value
    bound = "" if least == -math.inf else f" of at least {least:g}"
    raise HyperparameterError(f"{owner}: {name} is a finite number{bound}, such as {such_as}; got {value!r}")


def divisor(owner: str, name: str, value: Any) -> Any:
    """What a function divides by, as it is. Raises ``HyperparameterError`` unless a finite number other than 0."""
    if not finite(owner, name, value):
        raise HyperparameterError(
            f"{owner} divides by {name}, which is a number other than 0, such as 1.0; got {value!r}"
        )
    return value


def is_flag(value: Any) -> bool:
    """Whether it is True or False, or the 1 or 0 that stands for them."""
    return isinstance(value, (bool, np.bool_)) or (is_whole(value) and value in (0, 1))


def flag(owner: str, name: str, value: Any) -> bool:
    """True or False. Raises ``HyperparameterError`` for anything else: every text is true to Python, "no" as well."""
    if not is_flag(value):
        raise HyperparameterError(f"{owner}: {name} is True or False, got {value!r}")
    return bool(value)


@functools.cache
def _flags(function: Callable[..., Any]) -> dict[str, int]:
    """The parameters of a method that are annotated as bools, and their places behind ``self``."""
    parameters = inspect.signature(function).parameters.values()
    return {p.name: place for place, p in enumerate(parameters, -1) if p.annotation == "bool"}


def check_flags(owner: str, method: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> None:
    """Raise ``HyperparameterError`` where a method gets something else for a parameter that is annotated as a bool."""
    for name, place in _flags(method).items():
        if name in options:
            flag(owner, name, options[name])
        elif place < len(args):
            flag(owner, name, args[place])


def probability(owner: str, name: str, value: Any) -> Any:
    """A number in [0, 1], as it is. Raises ``HyperparameterError``."""
    if not (is_number(value) and 0 <= value <= 1):
        raise HyperparameterError(f"{owner}: {name} is a probability in [0, 1], such as 0.5; got {value!r}")
    return value
