"""The smallest workloads, where all time is overhead: logistic regression, and an ODE solved by a loop."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from . import networks
from .networks import Problem
from .peers import Builders
from .timing import Step

STEPS, PACE = 60, 0.05


def regression() -> Problem:
    """Two classes of 64 points in 20 dimensions."""
    rng = np.random.default_rng(0)
    return networks.problem((20, 2), rng.standard_normal((64, 20)), rng.integers(0, 2, 64))


def logistic(lr: float) -> Builders:
    """A step of logistic regression with Adam."""
    task = regression()
    return {
        "minigrad": partial(networks.minigrad_step, task, lr),
        "torch": partial(networks.torch_step, task, lr),
        "torch-fused": partial(networks.torch_step, task, lr, fused=True),
        "mygrad": partial(networks.mygrad_step, task, lr),
        "autograd": partial(networks.autograd_step, task, lr),
    }


def _end(x: Any, y: Any, a: Any, b: Any) -> Any:
    """Prey and predators after 60 steps of Runge and Kutta, from x and y, as one number."""

    def slope(x: Any, y: Any) -> tuple[Any, Any]:
        return a * x - x * y, x * y - b * y

    for _ in range(STEPS):
        k1, l1 = slope(x, y)
        k2, l2 = slope(x + PACE / 2 * k1, y + PACE / 2 * l1)
        k3, l3 = slope(x + PACE / 2 * k2, y + PACE / 2 * l2)
        k4, l4 = slope(x + PACE * k3, y + PACE * l3)
        x = x + PACE / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        y = y + PACE / 6 * (l1 + 2 * l2 + 2 * l3 + l4)
    return x * x + y * y


START = (1.0, 0.5, 1.1, 0.9)


def predators() -> Builders:
    """Value and gradient of ``_end`` in both starts and both rates, in float64."""
    return {"minigrad": _minigrad, "torch": _torch, "autograd": _autograd}


def _minigrad() -> Step:
    import minigrad as mg

    return _of_leaves(partial(mg.tensor, dtype="float64", requires_grad=True))


def _torch() -> Step:
    import torch

    return _of_leaves(partial(torch.tensor, dtype=torch.float64, requires_grad=True))


def _of_leaves(leaf: Callable[[float], Any]) -> Step:
    leaves = [leaf(number) for number in START]

    def step() -> Any:
        for x in leaves:
            x.grad = None
        z = _end(*leaves)
        z.backward()
        return z, *[x.grad for x in leaves]

    return step


def _autograd() -> Step:
    from autograd import value_and_grad

    with_gradient = value_and_grad(_end, (0, 1, 2, 3))

    def step() -> Any:
        z, gradients = with_gradient(*START)
        return z, *gradients

    return step
