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

__all__ = ["adam", "rmsprop", "sgd"]

Step = Callable[[Any, int], Any]


def _on_structures(descend: Callable[..., Any]) -> Callable[..., Any]:
    """An optimizer of vectors as one of any structure of arrays."""

    @functools.wraps(descend)
    def call(grad: Step, x0: Any, callback: Callable[..., Any] | None = None, *args: Any, **kwargs: Any) -> Any:
        x, unflatten = flatten(x0)

        def step(x: Any, i: int) -> Any:
            g = flatten(grad(unflatten(x), i))[0]
            if callback is not None:
                callback(unflatten(x), i, unflatten(g))
            return g

        return unflatten(descend(step, x, *args, **kwargs))

    return call


@_on_structures
def sgd(gradient: Step, x: Any, num_iters: int = 200, step_size: float = 0.1, mass: float = 0.9) -> Any:
    """Gradient descent with momentum: v = mass v - (1 - mass) g, x = x + step_size v."""
    v = np.zeros(len(x), np.float64)
    for i in range(num_iters):
        v = mass * v - (1.0 - mass) * gradient(x, i)
        x = x + step_size * v
    return x


@_on_structures
def rmsprop(
    gradient: Step, x: Any, num_iters: int = 100, step_size: float = 0.1, gamma: float = 0.9, eps: float = 1e-8
) -> Any:
    """RMSProp (Tieleman and Hinton, 2012): s = gamma s + (1 - gamma) g², x = x - step_size g / (sqrt(s) + eps)."""
    s = np.ones(len(x))
    for i in range(num_iters):
        g = gradient(x, i)
        s = gamma * s + (1 - gamma) * g**2
        x = x - step_size * g / (np.sqrt(s) + eps)
    return x


@_on_structures
def adam(
    gradient: Step,
    x: Any,
    num_iters: int = 100,
    step_size: float = 0.001,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
) -> Any:
    """Adam (Kingma and Ba, 2014, https://arxiv.org/abs/1412.6980)."""
    m, s = np.zeros(len(x), np.float64), np.zeros(len(x), np.float64)
    for i in range(num_iters):
        g = gradient(x, i)
        m = b1 * m + (1 - b1) * g
        s = b2 * s + (1 - b2) * g**2
        x = x - step_size * (m / (1 - b1 ** (i + 1))) / (np.sqrt(s / (1 - b2 ** (i + 1))) + eps)
    return x
