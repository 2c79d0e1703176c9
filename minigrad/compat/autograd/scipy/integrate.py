"""``odeint`` with gradients, by the adjoint equation: no step of the solver is kept.

With L a function of y(t_0), ..., y(t_n), its gradient a(t) with respect to y(t) obeys da/dt = -a df/dy, and those with
respect to t_0 and the parameters are integrals of a df/dt and a df/dp, all solved backwards from t_n. After Chen et
al., Neural Ordinary Differential Equations (2018), https://arxiv.org/abs/1806.07366.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.integrate

import minigrad.compat.autograd.numpy as anp
from minigrad.compat.autograd.differential_operators import make_vjp
from minigrad.compat.autograd.extend import defvjp_argnum, primitive
from minigrad.compat.autograd.misc.flatten import flatten

__all__ = ["odeint"]


@primitive
def odeint(func: Callable[..., Any], y0: Any, t: Any, args: tuple[Any, ...] = (), **options: Any) -> Any:
    """``scipy.integrate.odeint``: y of shape (times, variables), y' = func(y, t, *args).

    Gradients go to ``y0``, ``t`` and ``args``, which are given by position; a tensor that ``func`` takes from
    elsewhere is refused.
    """
    return scipy.integrate.odeint(func, y0, t, args, **options)


def _gradient(argnum: int, y: Any, given: Any, options: dict[str, Any]) -> Callable[[Any], Any]:
    func, y0, t, *rest = given
    parameters, unflatten = flatten(rest[0] if rest else ())
    size = anp.size(y0)

    def slope(y: Any, t: Any, parameters: Any) -> Any:
        return anp.array(func(y, t, *unflatten(parameters)))

    def backwards(state: Any, t: Any, parameters: Any) -> Any:
        pull, change = make_vjp(slope, (0, 1, 2))(state[:size], t, parameters)
        return anp.concatenate([change, *[anp.ravel(part) for part in pull(-state[size : 2 * size])]])

    def pull(g: Any) -> Any:
        a, start, totals = g[-1], 0.0, np.zeros(len(parameters), np.float64)
        times: list[Any] = []
        for i in range(len(t) - 1, 0, -1):
            moved = slope(y[i], t[i], parameters) @ g[i]  # a later time sees a later y
            times.insert(0, moved)
            state = anp.concatenate([y[i], a, anp.reshape(start - moved, 1), totals])
            state = odeint(backwards, state, anp.array([t[i], t[i - 1]]), (parameters,), **options)[1]
            a, start, totals = state[size : 2 * size] + g[i - 1], state[2 * size], state[2 * size + 1 :]
        by_argument = {
            1: lambda: anp.reshape(a, anp.shape(y0)),
            2: lambda: anp.array([start, *times]),
            3: lambda: unflatten(totals),
        }
        return by_argument[argnum]()

    return pull


defvjp_argnum(odeint, _gradient)
