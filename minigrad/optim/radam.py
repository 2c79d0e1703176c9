"""RAdam: Adam that waits with its rates for each weight until their variance is small enough."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.optim.first_order import Moments
from minigrad.optim.hyperparameters import with_hyperparameters
from minigrad.optim.optimizer import Array, Group, Pair

__all__ = ["RAdam"]


@with_hyperparameters
class RAdam(Moments):
    """Adam with a rectified rate: plain momentum in the first steps, in which the mean square is unreliable.

    ::

        lr_t = lr / (1 + decay t);   n = t + 1    t = 0, 1, 2, ...
        m, c, m̂, ĉ as in Adam
        ρ∞ = 2 / (1 - β2) - 1;   ρ = ρ∞ - 2 n β2^n / (1 - β2^n)
        w <- w - lr_t m̂                                         while ρ <= 5, then
        w <- w - lr_t r m̂ / (sqrt(ĉ) + eps / sqrt(1 - β2^n)),
             r = sqrt((ρ - 4) (ρ - 2) ρ∞ / ((ρ∞ - 4) (ρ∞ - 2) ρ))

    Liu et al., On the variance of the adaptive learning rate and beyond, 2020. Equals PyTorch's ``RAdam`` for the same
    eps, which it adds to the uncorrected root.

    >>> w = nn.Parameter(np.array([3.0]))
    >>> optimizer = optim.RAdam([w], lr=0.5)
    >>> for _ in range(20):
    ...     optimizer.zero_grad()
    ...     ((w - 1) ** 2).sum().backward()
    ...     optimizer.step()
    >>> w.data.round(2)
    array([0.63])
    """

    def rates(self, group: Group) -> tuple[float, float, float]:
        """eps, and the rates with and without the root of squares; one of the two is 0."""
        beta1, beta2 = group["betas"]
        n = self.iterations - self.missed + 1
        rate, correction = self._rate(group) / (1 - beta1**n), 1 - beta2**n
        limit = 2 / (1 - beta2) - 1
        length = limit - 2 * n * beta2**n / correction
        if length <= 5:
            return 1.0, 0.0, rate  # not eps: nothing is to be divided by 0
        rectified = (length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length)
        return group["eps"], rate * math.sqrt(rectified * correction), 0.0

    def update(self, group: Group, lr: Any, w: Array, g: Array, scratch: Pair, *state: Array) -> None:
        """The formulas of the class, both steps added up."""
        m, c = state
        step, root = scratch
        eps, adaptive, plain = lr
        self.average(group, g, step, m, c)
        np.sqrt(c, out=root)
        root += eps
        np.divide(adaptive, root, out=root)
        root += plain
        np.multiply(m, root, out=step)
        w -= step
