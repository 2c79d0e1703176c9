"""Adam: momentum, and a rate for each weight, both corrected for their start at zero."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.optim.first_order import Moments, averages_rows
from minigrad.optim.flat import BY_ROWS
from minigrad.optim.hyperparameters import with_hyperparameters
from minigrad.optim.optimizer import Array, Group, Pair

__all__ = ["Adam"]


@with_hyperparameters
class Adam(Moments):
    """Momentum and a rate for each weight, both corrected for their start at zero.

    ::

        lr_t = lr / (1 + decay t)                 t = 0, 1, 2, ...
        m   <- β1 m + (1 - β1) g
        c   <- β2 c + (1 - β2) g²
        m̂   =  m / (1 - β1^(t+1));   ĉ = c / (1 - β2^(t+1))
        w   <- w - lr_t m̂ / (sqrt(ĉ) + eps)

    Kingma and Ba, Adam: a method for stochastic optimization, 2015.

    >>> w = nn.Parameter(np.array([3.0]))
    >>> optimizer = optim.Adam([w], lr=0.5)
    >>> for _ in range(20):
    ...     optimizer.zero_grad()
    ...     ((w - 1) ** 2).sum().backward()
    ...     optimizer.step()
    >>> w.data.round(2)
    array([1.49])
    """

    def rates(self, group: Group) -> tuple[float, ...]:
        """eps and the rate, with both corrections: numbers brought to one factor cost no pass over the arrays."""
        beta1, beta2 = group["betas"]
        steps = self.iterations - self.missed + 1
        root_correction = math.sqrt(1 - beta2**steps)
        return group["eps"] * root_correction, self._rate(group) * root_correction / (1 - beta1**steps)

    def update(self, group: Group, lr: Any, w: Array, g: Array, scratch: Pair, *state: Array) -> None:
        """The formulas of the class, with the numerator and denominator multiplied by sqrt(1 - β2^(t+1))."""
        m, c = state
        step, root = scratch
        self.average(group, g, step, m, c)
        eps, rate = lr
        np.sqrt(c, out=root)
        root += eps
        np.divide(m, root, out=step)
        step *= rate
        w -= step


BY_ROWS[Adam.update] = averages_rows  # the gradient goes to ``average`` alone
