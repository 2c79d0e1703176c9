"""Operators on functions of one argument, as operators on functions of several."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any


def unary_to_nary(operator: Callable[..., Any]) -> Callable[..., Any]:
    """``operator(f, x)`` for f of one argument, as ``operator(f, argnum)(*args)`` for f of several.

    With a tuple for ``argnum``, x is the tuple of these arguments.
    """

    @functools.wraps(operator)
    def operate(fun: Callable[..., Any], argnum: int | Sequence[int] = 0, *options: Any, **named: Any) -> Any:
        @functools.wraps(fun, updated=())
        def of_arguments(*args: Any, **kwargs: Any) -> Any:
            places = [argnum] if isinstance(argnum, int) else list(argnum)

            def of_these(x: Any) -> Any:
                whole = list(args)
                for place, value in zip(places, [x] if isinstance(argnum, int) else x, strict=True):
                    whole[place] = value
                return fun(*whole, **kwargs)

            x = args[argnum] if isinstance(argnum, int) else tuple([args[place] for place in places])
            return operator(of_these, x, *options, **named)

        return of_arguments

    return operate
