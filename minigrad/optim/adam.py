"""Adam: momentum, and a rate for each weight, both corrected for their start at zero."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.optim.groups import Parameters
from minigrad.optim.optimizer import Array, Optimizer, Rate


class Adam(Optimizer):
    """Momentum and a rate for each weight, both corrected for their start at zero.

    ::

        lr_t = lr / (1 + decay t)                 t = 0, 1, 2, ...
        m   <- β1 m + (1 - β1) g
        c   <- β2 c + (1 - β2) g²
        m̂   =  m / (1 - β1^(t+1));   ĉ = c / (1 - β2^(t+1))
        w   <- w - lr_t m̂ / (sqrt(ĉ) + eps)

    Kingma and Ba, Adam: a method for stochastic optimization, 2015.
    """

    COUNTS_STEPS = True

    def __init__(
        self,
        params: Parameters,
        lr: Rate = 0.001,
        decay: float = 0.0,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-7,
        *,
        skip_nonfinite: bool = False,
    ) -> None:
        super().__init__(params, skip_nonfinite=skip_nonfinite, lr=lr, decay=decay, betas=betas, eps=eps)

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The moving averages of gradients and of their squares."""
        return ("mean", "square_mean")

    def rates(self, group: dict[str, Any]) -> tuple[float, ...]:
        """eps and the rate, with both corrections: numbers brought to one factor cost no pass over the arrays."""
        beta1, beta2 = group["betas"]
        steps = self.iterations - self.missed + 1
        root_correction = math.sqrt(1 - beta2**steps)
        return group["eps"] * root_correction, self._rate(group) * root_correction / (1 - beta1**steps)

    def update(
        self, group: dict[str, Any], lr: Any, w: Array, g: Array, scratch: tuple[Array, Array], *state: Array
    ) -> None:
        """The formulas of the class, with the numerator and denominator multiplied by sqrt(1 - β2^(t+1))."""
        m, c = state
        step, root = scratch
        beta1, beta2 = group["betas"]
        m *= beta1
        m += np.multiply(g, 1 - beta1, out=step)
        np.multiply(g, g, out=step)
        step *= 1 - beta2
        c *= beta2
        c += step
        eps, rate = lr
        np.sqrt(c, out=root)
        root += eps
        np.divide(m, root, out=step)
        step *= rate
        w -= step
