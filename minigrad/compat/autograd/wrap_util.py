"""Operators on functions of one argument, as operators on functions of several; names for functions made of others."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Sequence
from typing import Any

from minigrad.compat.autograd.util import subvals

__all__ = ["get_doc", "get_name", "unary_to_nary", "wrap_nary_f", "wraps"]

Function = Callable[..., Any]


def unary_to_nary(operator: Function) -> Function:
    """``operator(f, x)`` for f of one argument, as ``operator(f, argnum)(*args)`` for f of several.

    With a tuple for ``argnum``, x is the tuple of these arguments.
    """

    @functools.wraps(operator)
    def operate(fun: Function, argnum: int | Sequence[int] = 0, *options: Any, **named: Any) -> Any:
        @functools.wraps(fun, updated=())
        def of_arguments(*args: Any, **kwargs: Any) -> Any:
            places = [argnum] if isinstance(argnum, int) else list(argnum)

            def of_these(x: Any) -> Any:
                replaced = zip(places, [x] if isinstance(argnum, int) else x, strict=True)
                return fun(*subvals(args, replaced), **kwargs)

            x = args[argnum] if isinstance(argnum, int) else tuple([args[place] for place in places])
            return operator(of_these, x, *options, **named)

        return of_arguments

    return operate


def wraps(fun: Any, namestr: str = "{fun}", docstr: str = "{doc}", **words: Any) -> Function:
    """A decorator that gives a function the name and the docstring of ``fun``, or texts with these in their braces.

    >>> from minigrad.compat.autograd.wrap_util import wraps
    >>> @wraps(np.sin, "{op}_of_{fun}", op="grad")
    ... def slope(x):
    ...     return np.cos(x)
    >>> slope.__name__
    'grad_of_sin'
    """

    def named(f: Any) -> Any:
        # A docstring may have braces of its own, and an object without a name to write to keeps the one that it has.
        with contextlib.suppress(AttributeError, KeyError, ValueError, IndexError):
            f.__name__ = namestr.format(fun=get_name(fun), **words)
            f.__doc__ = docstr.format(fun=get_name(fun), doc=get_doc(fun), **words)
        return f

    return named


def wrap_nary_f(fun: Any, op: Any, argnum: int | Sequence[int]) -> Function:
    """``wraps`` for an operator on ``fun``: the name says what it does, to which function, for which argument."""
    return wraps(fun, "{op}_of_{fun}_wrt_argnum_{argnum}", "{op} of {fun}.", op=get_name(op), argnum=argnum)


def get_name(f: Any) -> str:
    """The name of a function, for names of functions made of it."""
    return getattr(f, "__name__", "[unknown name]")


def get_doc(f: Any) -> str:
    """The docstring of a function, empty where it has none."""
    return getattr(f, "__doc__", None) or ""
