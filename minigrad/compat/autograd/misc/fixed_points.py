"""The gradient of a fixed point, by the implicit function theorem: no step of the iteration is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.compat.autograd.differential_operators import make_vjp
from minigrad.compat.autograd.extend import defvjp, primitive

__all__ = ["fixed_point"]


@primitive
def fixed_point(f: Callable[..., Any], a: Any, x0: Any, distance: Callable[[Any, Any], Any], tol: float) -> Any:
    """The x with ``f(a)(x) = x`` that the iteration from ``x0`` comes to, until steps are at most ``tol`` long.

    Its gradient goes to ``a``: with x = f(a)(x), that of x solves the fixed point u = g + J' u, which is found by the
    same iteration, and goes on to ``a`` through f.
    """
    step = f(a)
    x, before = step(x0), x0
    while distance(x, before) > tol:
        x, before = step(x), x
    return x


def _gradient(x: Any, f: Callable[..., Any], a: Any, x0: Any, distance: Callable[[Any, Any], Any], tol: float) -> Any:
    def backward_step(given: Any) -> Callable[[Any], Any]:
        a, x, g = given
        pull, _ = make_vjp(f(a))(x)
        return lambda u: pull(u) + g

    def pull(g: Any) -> Any:
        u = fixed_point(backward_step, (a, x, g), np.zeros(np.shape(x), np.result_type(x))[()], distance, tol)
        return make_vjp(lambda a: f(a)(x))(a)[0](u)

    return pull


defvjp(fixed_point, None, _gradient, None)
