"""AdaGrad: a rate for each weight, from the sum of its squared gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.optim.first_order import FirstOrder
from minigrad.optim.hyperparameters import with_hyperparameters
from minigrad.optim.optimizer import Array, Group, Pair, Rate

__all__ = ["AdaGrad"]


@with_hyperparameters
class AdaGrad(FirstOrder):
    """A rate for each weight, from the sum of its squared gradients.

    ::

        lr_t = lr / (1 + decay t)                 t = 0, 1, 2, ... of this parameter
        c   <- c + g²
        w   <- w - lr_t g / (sqrt(c) + eps)

    Duchi, Hazan and Singer, Adaptive subgradient methods for online learning, 2011.

    >>> w = nn.Parameter(np.array([3.0]))
    >>> optimizer = optim.AdaGrad([w], lr=0.5)
    >>> for _ in range(20):
    ...     optimizer.zero_grad()
    ...     ((w - 1) ** 2).sum().backward()
    ...     optimizer.step()
    >>> w.data.round(2)
    array([1.06])
    """

    COUNTS_STEPS = True
    STATE = ("square_sum",)  # the sum of squares

    lr: Rate = 1.0
    decay: float = 0.0
    eps: float = 1e-7

    def rates(self, group: Group) -> float:
        """The rate, which decays with the steps of a parameter."""
        return self._rate(group, self.missed)

    def update(self, group: Group, lr: Any, w: Array, g: Array, scratch: Pair, *state: Array) -> None:
        """c <- c + g²; w <- w - lr g / (sqrt(c) + eps)."""
        (c,) = state
        step, root = scratch
        c += np.multiply(g, g, out=step)
        np.sqrt(c, out=root)
        root += group["eps"]
        np.multiply(g, lr, out=step)
        step /= root
        w -= step
