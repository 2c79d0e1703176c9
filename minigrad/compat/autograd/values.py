"""Values behind tensors."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.core.tensor import Tensor as Box

__all__ = ["Box", "floating", "getval", "isbox", "notrace_primitive"]


def isbox(x: Any) -> bool:
    """Whether this is a Tensor, which stands for a value while a function is differentiated."""
    return isinstance(x, Box)


def getval(x: Any) -> Any:
    """The value behind a tensor, as an array or NumPy's scalar; anything else as it is.

    >>> from minigrad.compat.autograd import grad
    >>> grad(lambda x: x * getval(x))(3.0)
    np.float64(3.0)
    """
    if not isinstance(x, Box):
        return x
    value = x.data
    return value if np.ndim(value) else value[()]


def floating(x: Any) -> Any:
    """An array of integers as one of float64, as it counts where it is differentiated; anything else as it is."""
    return x.astype(np.float64) if isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind in "iub" else x


def notrace_primitive(f: Callable[..., Any]) -> Callable[..., Any]:
    """``f`` on the values behind its arguments: no gradient goes through it, on purpose."""

    @functools.wraps(f)
    def call(*args: Any, **kwargs: Any) -> Any:
        return f(*[getval(arg) for arg in args], **{name: getval(arg) for name, arg in kwargs.items()})

    return call
