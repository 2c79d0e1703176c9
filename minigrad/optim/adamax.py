"""Adamax: Adam with the largest gradient of late in place of the root of the mean square."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.optim.groups import Parameters
from minigrad.optim.optimizer import Array, Optimizer, Rate


class Adamax(Optimizer):
    """Adam with the largest gradient of late, which fades, in place of the root of the mean square.

    ::

        lr_t = lr / (1 + decay t)                 t = 0, 1, 2, ...
        m   <- β1 m + (1 - β1) g
        u   <- max(β2 u, abs(g) + eps)
        w   <- w - lr_t m / (1 - β1^(t+1)) / u

    Kingma and Ba, Adam: a method for stochastic optimization, 2015, section 7.1, which has no eps. Equals PyTorch's
    ``Adamax`` for the same eps.
    """

    COUNTS_STEPS = True

    def __init__(
        self,
        params: Parameters,
        lr: Rate = 0.002,
        decay: float = 0.0,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-7,
        *,
        skip_nonfinite: bool = False,
    ) -> None:
        super().__init__(params, skip_nonfinite=skip_nonfinite, lr=lr, decay=decay, betas=betas, eps=eps)

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The moving average of gradients, and the largest of late."""
        return ("mean", "largest")

    def rates(self, group: dict[str, Any]) -> float:
        """The rate, with the correction of the momentum."""
        return float(self._rate(group) / (1 - group["betas"][0] ** (self.iterations - self.missed + 1)))

    def update(
        self, group: dict[str, Any], lr: Any, w: Array, g: Array, scratch: tuple[Array, Array], *state: Array
    ) -> None:
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
