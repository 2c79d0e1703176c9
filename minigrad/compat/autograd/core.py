"""What programs import from autograd's core: derivatives at one argument, and the rules of primitives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigrad.compat.autograd.extend import (
    def_linear,
    defjvp,
    defjvp_argnum,
    defjvp_argnums,
    defvjp,
    defvjp_argnum,
    defvjp_argnums,
    primitive,
)
from minigrad.compat.autograd.spaces import VSpace, vspace
from minigrad.compat.autograd.values import floating, getval, isbox
from minigrad.core.trees import mapped
from minigrad.transforms import functions

__all__ = ["VSpace", "def_linear", "defjvp", "defjvp_argnum", "defjvp_argnums", "getval", "isbox"]
__all__ += ["defvjp", "defvjp_argnum", "defvjp_argnums", "primitive", "vspace"]


def make_vjp(fun: Callable[[Any], Any], x: Any) -> tuple[Callable[[Any], Any], Any]:
    """(pull, fun(x)), where pull(g) is the gradient of <g, fun(x)>."""
    result, pull = functions.vjp(fun, mapped(floating, x))
    return (lambda g: pull(g)[0]), result


def make_jvp(fun: Callable[[Any], Any], x: Any) -> Callable[[Any], tuple[Any, Any]]:
    """push(v) = (fun(x), how it changes as x moves along v)."""
    return lambda v: functions.jvp(fun, (mapped(floating, x),), (v,))
