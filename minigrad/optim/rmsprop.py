"""RMSProp: a rate for each weight, from a moving average of its squared gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.optim.first_order import FirstOrder, average_squares
from minigrad.optim.hyperparameters import with_hyperparameters
from minigrad.optim.optimizer import Array, Group, Pair, Rate

__all__ = ["RMSProp"]


@with_hyperparameters
class RMSProp(FirstOrder):
    """A rate for each weight, from a moving average of its squared gradients.

    ::

        lr_t = lr / (1 + decay t)                 t = 0, 1, 2, ...
        c   <- rho c + (1 - rho) g²
        w   <- w - lr_t g / (sqrt(c) + eps)

    Tieleman and Hinton, Coursera: Neural networks for machine learning, lecture 6.5, 2012.

    >>> w = nn.Parameter(np.array([3.0]))
    >>> optimizer = optim.RMSProp([w], lr=0.5)
    >>> for _ in range(20):
    ...     optimizer.zero_grad()
    ...     ((w - 1) ** 2).sum().backward()
    ...     optimizer.step()
    >>> w.data.round(2)
    array([1.])
    """

    STATE = ("square_mean",)  # the moving average of squares

    lr: Rate = 0.001
    decay: float = 0.0
    rho: float = 0.9
    eps: float = 1e-7

    def update(self, group: Group, lr: Any, w: Array, g: Array, scratch: Pair, *state: Array) -> None:
        """c <- rho c + (1 - rho) g²; w <- w - lr g / (sqrt(c) + eps)."""
        (c,) = state
        step, root = scratch
        average_squares(c, group["rho"], g, step)
        np.sqrt(c, out=root)
        root += group["eps"]
        np.multiply(g, lr, out=step)
        step /= root
        w -= step
