"""``odeint``: ordinary differential equations, with gradients by the adjoint equation.

After Pontryagin et al., The Mathematical Theory of Optimal Processes, 1962, and Chen et al., Neural Ordinary
Differential Equations, 2018, https://arxiv.org/abs/1806.07366.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad.core.checks import check_function
from minigrad.core.tensor import Tensor
from minigrad.errors import DivergenceError, DTypeError, GraphError, HyperparameterError, ShapeError
from minigrad.transforms.functions import vjp
from minigrad.transforms.ruled_call import (
    RuledCall,
    floating_tensors,
    has_tensors,
    itself,
    nothing,
    on_arrays,
    refuse_modules,
    with_tensors,
)

__all__ = ["odeint"]


_METHODS = ("RK45", "RK23", "DOP853", "Radau", "BDF", "LSODA")


def odeint(
    f: Callable[..., Any], y0: Any, t: Any, *args: Any, method: str = "RK45", rtol: float = 1e-6, atol: float = 1e-9
) -> Any:
    """The y(t) with dy/dt = f(y, t, *args) and y(t[0]) = y0, at each of the times: (times, *y0.shape).

    ``scipy.integrate.solve_ivp`` finds it, by one of its methods ("RK45", "DOP853", "Radau" ...), with steps that keep
    the local error below ``atol + rtol * |y|``. ``f`` returns an array of the shape of y, or a list of its components;
    ``t`` (times,) ascends or descends. y may be complex, except for "LSODA". Gradients lead to y0, to t, and to the
    Tensors in ``args``, which may be nested structures. They come from the adjoint equation, which is solved backwards
    in time by the same method: memory does not grow with the number of steps, and gradients are as exact as ``rtol``
    and ``atol`` say. Gradients of gradients and ``mg.jvp`` follow.

    >>> def decay(y, t, rate):
    ...     return -rate * y
    >>> mg.grad(lambda rate: mg.odeint(decay, np.array([2.0]), np.array([0.0, 1.0]), rate)[-1, 0])(0.5)
    np.float64(-1.21306...)

    Raises ``GraphError`` where ``f`` uses a tensor that requires a gradient and is no argument, ``DivergenceError``
    where the solver does not get to the last time, ``HyperparameterError`` for times that neither ascend nor descend,
    and ``ShapeError`` and ``DTypeError`` for what does not fit.
    """
    check_function("odeint", f)
    y0, t = (x if isinstance(x, Tensor) else _floating(x, name) for x, name in ((y0, "y0"), (t, "t")))
    if t.ndim != 1 or t.size < 1:
        raise ShapeError(f"odeint: t holds the times (times,), at least the first, got shape {t.shape}")
    if method not in _METHODS:
        raise HyperparameterError(f"odeint: method={method!r} is none of SciPy's: {', '.join(_METHODS)}")
    refuse_modules("odeint", args)
    solve = functools.partial(_solve, method=method, rtol=rtol, atol=atol)
    if not has_tensors((y0, t, args)):
        return solve(f, y0, t, args)

    def run(y0: Any, t: Any, *args: Any) -> tuple[Any, Any]:
        return on_arrays(lambda y0, t, *args: solve(f, y0, t, args), (y0, t, *args)), ()

    def pull(arguments: tuple[Any, ...], ys: Any, _: Any, g: Any) -> Any:
        t, *args = arguments[1:]
        gradients = _adjoint(f, ys, t, args, g, method=method, rtol=rtol, atol=atol)
        return gradients[0], gradients[1], *with_tensors(args, gradients[2:], nothing)

    return RuledCall("odeint", run, pull, (y0, t, *args)).result()


def _solve(f: Callable[..., Any], y0: Any, t: Any, args: Sequence[Any], method: str, rtol: float, atol: float) -> Any:
    """The y at all times, of arrays."""
    try:
        integrate = importlib.import_module("scipy.integrate")
    except ImportError as error:
        raise ImportError("odeint needs SciPy: pip install scipy") from error

    def slope(now: Any, y: Any) -> Any:
        rate = _as_one(f(y.reshape(y0.shape), t.dtype.type(now), *args))
        if isinstance(rate, Tensor) and rate._node is not None:
            raise GraphError(
                "odeint: f uses a tensor that requires a gradient and is none of its arguments, and its gradient would "
                "be lost: pass it behind t, write .detach() to leave it out on purpose, or call odeint in mg.no_grad()"
            )
        rate = rate._array if isinstance(rate, Tensor) else np.asarray(rate)
        if rate.dtype.kind == "c" and y0.dtype.kind != "c":
            raise DTypeError("odeint: f gives complex numbers, and y0 is of real ones: write y0 + 0j, or f(...).real")
        if rate.shape != y0.shape:
            raise ShapeError(f"odeint: f gives dy/dt in the shape of y, expected {y0.shape}, got {rate.shape}")
        return rate.reshape(-1)

    steps = np.diff(t)
    if not ((steps >= 0).all() or (steps <= 0).all()):
        raise HyperparameterError(f"odeint: the times ascend or descend, got {t.tolist()!r:.80}")
    distinct = np.concatenate([[True], steps != 0])
    if distinct.sum() == 1 or y0.size == 0:
        return np.repeat(y0[None], t.size, 0)
    times = t[distinct]
    solution = integrate.solve_ivp(slope, (t[0], t[-1]), y0.reshape(-1), method, t_eval=times, rtol=rtol, atol=atol)
    if not solution.success:
        raise DivergenceError(
            f"odeint: the solver stopped at t = {solution.t[-1] if solution.t.size else t[0]:.6g} of {t[-1]:.6g} "
            f"({solution.message}): where f is stiff, write method='Radau'; where y grows without bound, end earlier"
        )
    ys = solution.y.T.reshape(times.size, *y0.shape).astype(y0.dtype)
    return ys[np.cumsum(distinct) - 1]  # times that stand twice have one y


def _adjoint(f: Callable[..., Any], ys: Any, t: Any, args: Sequence[Any], g: Any, **options: Any) -> list[Any]:
    """The gradients with respect to y0, t and the Tensors in ``args``, given that with respect to ``ys``.

    Between two times the gradient a of y moves by da/dt = -a f_y, and those of the arguments by -a f_args. A time moves
    its own y alone, along f; the first moves all others the other way.
    """
    tensors, size, shape = floating_tensors(args), math.prod(ys.shape[1:]), ys.shape[1:]
    is_complex = any(x.dtype.kind == "c" for x in tensors)
    keep = np.real if is_complex and ys.dtype.kind != "c" else itself  # beside complex gradients a real y is complex

    def at(y: Any, now: Any, *tensors: Any) -> Any:
        return _as_one(f(y, now, *with_tensors(args, tensors)))

    def backwards(state: Any, now: Any, *tensors: Any) -> Any:
        """dy/dt, and how the gradients of y and of the tensors move."""
        y, a = (np.reshape(keep(part), shape) for part in (state[:size], state[size : 2 * size]))
        slope, back = vjp(lambda y, *tensors: at(y, now, *tensors), y, *tensors)
        return np.concatenate([np.reshape(x, -1) for x in (slope, *back(-a))])

    a = g[-1]
    sums: Any = np.zeros(
        sum(x.size for x in tensors), np.result_type(ys.dtype, np.complex64) if is_complex else ys.dtype
    )
    of_times: list[Any] = []
    of_first = np.sum(0 * a)
    for i in range(len(ys) - 1, 0, -1):
        of_times.append(np.sum(g[i] * at(ys[i], t[i], *tensors)))
        state = np.concatenate([np.reshape(ys[i], -1), np.reshape(a, -1), sums])
        state = odeint(backwards, state, np.stack([t[i], t[i - 1]]), *tensors, **options)[1]
        sums = state[2 * size :]
        a = np.reshape(keep(state[size : 2 * size]), shape)
        of_first = -np.sum(a * at(ys[i - 1], t[i - 1], *tensors))  # of the last one: how t[0] moves all others
        a = a + g[i - 1]
    ends = [0, *itertools.accumulate(x.size for x in tensors)]
    of_tensors = [np.reshape(sums[i:j], x.shape) for (i, j), x in zip(itertools.pairwise(ends), tensors, strict=True)]
    return [a, np.stack([of_first, *of_times[::-1]]), *of_tensors]


def _as_one(slope: Any) -> Any:
    """dy/dt as one array or Tensor, where f gave a list of its components."""
    return np.stack(slope) if isinstance(slope, (list, tuple)) else slope


def _floating(x: Any, name: str) -> Any:
    array = np.asarray(x)
    if array.dtype.kind not in ("fiuc" if name == "y0" else "fiu"):
        raise DTypeError(f"odeint: {name} holds {'' if name == 'y0' else 'real '}numbers, got dtype {array.dtype}")
    return array if array.dtype.kind in "fc" else array.astype(np.float64)
