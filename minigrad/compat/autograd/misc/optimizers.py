"""Gradient descent in three kinds, for structures of arrays: autograd's small optimizers, with its formulas.

``gradient(x, i)`` gives the gradient at x in step i, and ``callback(x, i, gradient)`` is called before each step. They
are plain functions of arrays; ``minigrad.optim`` has the optimizers of this package.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.compat.autograd.misc.flatten import flatten

__all__ = ["adam", "rmsprop", "sgd", "unflatten_optimizer"]

Step = Callable[[Any, int], Any]
Callback = Callable[[Any, int, Any], Any]


def unflatten_optimizer(descend: Callable[..., Any]) -> Callable[..., Any]:
    """``descend(gradient, x, callback, ...)`` of vectors, as an optimizer of any structure of arrays.

    >>> from minigrad.compat.autograd.misc.optimizers import unflatten_optimizer
    >>> @unflatten_optimizer
    ... def one_step(gradient, x, callback=None, step_size=0.5):
    ...     return x - step_size * gradient(x, 0)
    >>> one_step(lambda p, i: {"a": 2 * p["a"]}, {"a": np.ones(2)})
    {'a': array([0., 0.])}
    """

    @functools.wraps(descend)
    def call(grad: Step, x0: Any, callback: Callback | None = None, *args: Any, **kwargs: Any) -> Any:
        x, unflatten = flatten(x0)

        def told(x: Any, i: int, g: Any) -> Any:
            return callback and callback(unflatten(x), i, unflatten(g))

        def step(x: Any, i: int) -> Any:
            return flatten(grad(unflatten(x), i))[0]

        return unflatten(descend(step, x, callback and told, *args, **kwargs))

    return call


def _step(gradient: Step, x: Any, i: int, callback: Callback | None) -> Any:
    """The gradient at x, after the callback has seen it."""
    g = gradient(x, i)
    if callback is not None:
        callback(x, i, g)
    return g


@unflatten_optimizer
def sgd(
    gradient: Step,
    x: Any,
    callback: Callback | None = None,
    num_iters: int = 200,
    step_size: float = 0.1,
    mass: float = 0.9,
) -> Any:
    """Gradient descent with momentum: v = mass v - (1 - mass) g, x = x + step_size v."""
    v = np.zeros(len(x), np.float64)
    for i in range(num_iters):
        v = mass * v - (1.0 - mass) * _step(gradient, x, i, callback)
        x = x + step_size * v
    return x


@unflatten_optimizer
def rmsprop(
    gradient: Step,
    x: Any,
    callback: Callback | None = None,
    num_iters: int = 100,
    step_size: float = 0.1,
    gamma: float = 0.9,
    eps: float = 1e-8,
) -> Any:
    """RMSProp (Tieleman and Hinton, 2012): s = gamma s + (1 - gamma) g², x = x - step_size g / (sqrt(s) + eps)."""
    s = np.ones(len(x))
    for i in range(num_iters):
        g = _step(gradient, x, i, callback)
        s = gamma * s + (1 - gamma) * g**2
        x = x - step_size * g / (np.sqrt(s) + eps)
    return x


@unflatten_optimizer
def adam(
    gradient: Step,
    x: Any,
    callback: Callback | None = None,
    num_iters: int = 100,
    step_size: float = 0.001,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
) -> Any:
    """Adam (Kingma and Ba, 2014, https://arxiv.org/abs/1412.6980)."""
    m, s = np.zeros(len(x), np.float64), np.zeros(len(x), np.float64)
    for i in range(num_iters):
        g = _step(gradient, x, i, callback)
        m = b1 * m + (1 - b1) * g
        s = b2 * s + (1 - b2) * g**2
        x = x - step_size * (m / (1 - b1 ** (i + 1))) / (np.sqrt(s / (1 - b2 ** (i + 1))) + eps)
    return x
