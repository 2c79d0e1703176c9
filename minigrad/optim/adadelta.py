"""Adadelta: steps in the units of the weights, without a rate to choose."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.optim.first_order import FirstOrder, average_squares
from minigrad.optim.hyperparameters import with_hyperparameters
from minigrad.optim.optimizer import Array, Group, Pair, Rate

__all__ = ["Adadelta"]


@with_hyperparameters
class Adadelta(FirstOrder):
    """Steps of the size of earlier steps, relative to the gradients.

    ::

        lr_t = lr / (1 + decay t)                 t = 0, 1, 2, ...
        c   <- rho c + (1 - rho) g²
        d    = g sqrt(s + eps) / sqrt(c + eps)
        s   <- rho s + (1 - rho) d²
        w   <- w - lr_t d

    Here eps is under the roots: it is what the first steps are made of. Zeiler, Adadelta: an adaptive learning rate
    method, 2012. Equals PyTorch's ``Adadelta``.

    >>> w = nn.Parameter(np.array([3.0]))
    >>> optimizer = optim.Adadelta([w])
    >>> for _ in range(20):
    ...     optimizer.zero_grad()
    ...     ((w - 1) ** 2).sum().backward()
    ...     optimizer.step()
    >>> w.data.round(2)
    array([2.93])
    """

    STATE = ("square_mean", "step_square_mean")  # the moving averages of the squares of gradients and of steps

    lr: Rate = 1.0
    decay: float = 0.0
    rho: float = 0.9
    eps: float = 1e-6

    def update(self, group: Group, lr: Any, w: Array, g: Array, scratch: Pair, *state: Array) -> None:
        """The formulas of the class."""
        c, s = state
        step, root = scratch
        rho, eps = group["rho"], group["eps"]
        average_squares(c, rho, g, step)
        np.add(c, eps, out=root)
        np.sqrt(root, out=root)
        np.add(s, eps, out=step)
        np.sqrt(step, out=step)
        step /= root
        step *= g
        average_squares(s, rho, step, root)
        step *= lr
        w -= step
