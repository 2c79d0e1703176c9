"""The parameters of functions, read off their code.

``inspect.signature`` takes ten microseconds: the thousand functions of the table would slow the import.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

#: The default of a parameter that has none.
REQUIRED: Any = object()

#: A ufunc has no signature: these stand in for it, by the number of its arrays.
UFUNCS: dict[int, Callable[..., Any]] = {1: lambda x: x, 2: lambda x, y: (x, y), 3: lambda x, y, w: (x, y, w)}


class Parameter(NamedTuple):
    """One parameter of a function."""

    name: str
    default: Any = REQUIRED
    keyword_only: bool = False
    variadic: bool = False


def parameters(function: Callable[..., Any]) -> list[Parameter]:
    """The parameters of a function, in order; those of a ufunc are called x and y."""
    if isinstance(function, np.ufunc):
        function = UFUNCS[function.nin]
    written = function
    while hasattr(written, "__wrapped__") and not hasattr(written, "__signature__"):
        written = written.__wrapped__
    code = getattr(written, "__code__", None)
    if code is None or hasattr(written, "__signature__"):
        return _inspected(function)
    positional, total = code.co_argcount, code.co_argcount + code.co_kwonlyargcount
    names = code.co_varnames
    defaults = written.__defaults__ or ()
    defaulted = (REQUIRED,) * (positional - len(defaults)) + defaults
    listed = [Parameter(name, default) for name, default in zip(names[:positional], defaulted, strict=True)]
    if code.co_flags & inspect.CO_VARARGS:
        listed.append(Parameter(names[total], variadic=True))
    keyword_defaults = written.__kwdefaults__ or {}
    return listed + [Parameter(name, keyword_defaults.get(name, REQUIRED), True) for name in names[positional:total]]


def _inspected(function: Callable[..., Any]) -> list[Parameter]:
    declared = inspect.signature(function).parameters.values()
    defaults = [REQUIRED if p.default is p.empty else p.default for p in declared]
    return [
        Parameter(p.name, default, p.kind is p.KEYWORD_ONLY, p.kind is p.VAR_POSITIONAL)
        for p, default in zip(declared, defaults, strict=True)
    ]
