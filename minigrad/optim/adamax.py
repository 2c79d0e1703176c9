"""Adamax: Adam with the largest gradient of late in place of the root of the mean square."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.optim.first_order import FirstOrder
from minigrad.optim.hyperparameters import with_hyperparameters
from minigrad.optim.optimizer import Array, Group, Pair, Rate

__all__ = ["Adamax"]


@with_hyperparameters
class Adamax(FirstOrder):
    """Adam with the largest gradient of late, which fades, in place of the root of the mean square.

    ::

        lr_t = lr / (1 + decay t)                 t = 0, 1, 2, ...
        m   <- β1 m + (1 - β1) g
        u   <- max(β2 u, abs(g) + eps)
        w   <- w - lr_t m / (1 - β1^(t+1)) / u

    Kingma and Ba, Adam: a method for stochastic optimization, 2015, section 7.1, which has no eps. Equals PyTorch's
    ``Adamax`` for the same eps.

    >>> w = nn.Parameter(np.array([3.0]))
    >>> optimizer = optim.Adamax([w], lr=0.5)
    >>> for _ in range(20):
    ...     optimizer.zero_grad()
    ...     ((w - 1) ** 2).sum().backward()
    ...     optimizer.step()
    >>> w.data.round(2)
    array([0.83])
    """

    COUNTS_STEPS = True
    STATE = ("mean", "largest")  # the moving average of gradients, and the largest of late

    lr: Rate = 0.002
    decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-7

    def rates(self, group: Group) -> float:
        """The rate, with the correction of the momentum."""
        return float(self._rate(group) / (1 - group["betas"][0] ** (self.iterations - self.missed + 1)))

    def update(self, group: Group, lr: Any, w: Array, g: Array, scratch: Pair, *state: Array) -> None:
        """The formulas of the class."""
        m, u = state
        step, _ = scratch
        beta1, beta2 = group["betas"]
        m *= beta1
        m += np.multiply(g, 1 - beta1, out=step)
        np.abs(g, out=step)
        step += group["eps"]
        u *= beta2
        np.maximum(u, step, out=u)
        np.divide(m, u, out=step)
        step *= lr
        w -= step
