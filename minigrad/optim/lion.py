"""Lion: the sign of a momentum, so that every weight moves by the rate."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.optim.first_order import FirstOrder
from minigrad.optim.hyperparameters import with_hyperparameters
from minigrad.optim.optimizer import Array, Group, Pair, Rate

__all__ = ["Lion"]


@with_hyperparameters
class Lion(FirstOrder):
    """The sign of the momentum as the step, with decoupled weight decay.

    ::

        lr_t = lr / (1 + decay t)                 t = 0, 1, 2, ...
        w   <- w - lr_t weight_decay w
        w   <- w - lr_t sign(β1 m + (1 - β1) g)
        m   <- β2 m + (1 - β2) g

    If the sum is 0, so is its sign: a weight that has never had a gradient does not move. A rate three to ten times
    smaller than Adam's is usual. Chen et al., Symbolic discovery of optimization algorithms, 2023. PyTorch has no such
    optimizer.

    >>> w = nn.Parameter(np.array([3.0]))
    >>> optimizer = optim.Lion([w], lr=0.5)
    >>> for _ in range(20):
    ...     optimizer.zero_grad()
    ...     ((w - 1) ** 2).sum().backward()
    ...     optimizer.step()
    >>> w.data.round(2)
    array([1.])
    """

    STATE = ("mean",)  # the momentum

    lr: Rate = 1e-4
    decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.0

    def rates(self, group: Group) -> tuple[float, float]:
        """The rate, and what is left of the weights."""
        rate = self._rate(group)
        return rate, 1 - rate * group["weight_decay"]

    def update(self, group: Group, lr: Any, w: Array, g: Array, scratch: Pair, *state: Array) -> None:
        """The formulas of the class."""
        (m,) = state
        step, part = scratch
        beta1, beta2 = group["betas"]
        rate, left = lr
        if group["weight_decay"]:
            w *= left
        np.multiply(m, beta1, out=step)
        step += np.multiply(g, 1 - beta1, out=part)
        np.sign(step, out=step)
        step *= rate
        w -= step
        m *= beta2
        m += np.multiply(g, 1 - beta2, out=part)
