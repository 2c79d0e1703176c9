"""Checks of the loop's arguments."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from typing import Any

from minigrad.errors import DTypeError
from minigrad.nn import Module

_TARGETS = re.compile(r"(y_)?(true|targets?|labels?|truth|actual|expected)")
_PREDICTIONS = re.compile(r"(y_)?(pred|preds|predicted|predictions?|outputs?|logits|hat)|yhat")


def listed(values: Any, name: str) -> Iterable[Any]:
    """``values``, which are several. Raises ``DTypeError`` for one alone."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise DTypeError(f"{name} are a list, got {values!r:.60}: write {name}=[...]")
    return values


def takes_targets_first(function: Any) -> bool:
    """Whether the names of a function's parameters say that targets come before predictions, as (y_true, y_pred) do.

    >>> from minigrad.train.arguments import takes_targets_first
    >>> [takes_targets_first(f) for f in (lambda y_true, y_pred: 0, lambda y_pred, y_true: 0, lambda p, t: 0)]
    [True, False, False]
    """
    try:
        parameters = inspect.signature(function.forward if isinstance(function, Module) else function).parameters
    except (TypeError, ValueError):  # a function without a signature
        return False
    first, second = [*parameters, "", ""][:2]
    return bool(_TARGETS.fullmatch(first) and _PREDICTIONS.fullmatch(second))
