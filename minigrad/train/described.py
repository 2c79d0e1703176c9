"""What a function or an object of a library is, in short: the parts that must be alike for a run to go on."""

from __future__ import annotations

import functools
import hashlib
import operator
import re
from types import CodeType, FunctionType
from typing import Any

from minigrad.compiler.guards.code_names import is_library

_SHOWS_ALL = (re.Pattern, operator.itemgetter, operator.attrgetter, operator.methodcaller)


def of_function(f: FunctionType) -> str:
    """A function by its name and, if it is the user's, by what it does: comments and line numbers do not count."""
    if is_library(f.__code__.co_filename):
        return f.__qualname__
    return f"{f.__qualname__} (code {_code_digest(f.__code__, f.__doc__)})"


def of_object(x: Any) -> str:
    """An object of a library by its type; one that is called, such as ``np.tanh``, by its name too."""
    kind = type(x)
    if isinstance(x, _SHOWS_ALL):
        return f"{kind.__qualname__} {x!r}"
    name = getattr(x, "__name__", None) if callable(x) else None
    return f"{kind.__qualname__} {name}" if isinstance(name, str) else kind.__qualname__


@functools.cache
def _code_digest(code: CodeType, doc: str | None) -> str:
    constants = [
        _code_digest(c, c.co_consts[0] if c.co_consts and isinstance(c.co_consts[0], str) else None)
        if isinstance(c, CodeType)
        else repr(sorted(c, key=repr) if isinstance(c, frozenset) else c)
        for c in code.co_consts
        if c is None or c != doc
    ]
    said = repr((code.co_code, code.co_names, constants))
    return hashlib.sha256(said.encode()).hexdigest()[:16]
