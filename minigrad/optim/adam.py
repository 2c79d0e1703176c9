"""Adam: momentum, and a rate for each weight, both corrected for their start at zero."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.optim.flat import bias_correction
from minigrad.optim.optimizer import Optimizer, Parameters


class Adam(Optimizer):
    """Adam::

        lr_t = lr / (1 + decay t)                 t = 0, 1, 2, ...
        m   <- β1 m + (1 - β1) g
        c   <- β2 c + (1 - β2) g²
        m̂   =  m / (1 - β1^(t+1));   ĉ = c / (1 - β2^(t+1))
        w   <- w - lr_t m̂ / (sqrt(ĉ) + eps)

    Kingma and Ba, Adam: a method for stochastic optimization, 2015.
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 0.001,
        decay: float = 0.0,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-7,
    ) -> None:
        super().__init__(params, lr=lr, decay=decay, betas=betas, eps=eps)

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The moving averages of gradients and of their squares."""
        return ("mean", "square_mean")

    def update(
        self, group: dict[str, Any], lr: float, w: np.ndarray, g: np.ndarray, scratch: np.ndarray, *state: np.ndarray
    ) -> None:
        """The formulas of the class, with lr_t / (1 - β1^(t+1)) taken together."""
        m, c = state
        step, root = scratch
        beta1, beta2 = group["betas"]
        m *= beta1
        m += np.multiply(g, 1 - beta1, out=step)
        np.multiply(g, g, out=step)
        step *= 1 - beta2
        c *= beta2
        c += step
        np.divide(c, bias_correction(beta2, self.iterations), out=root)
        np.sqrt(root, out=root)
        root += group["eps"]
        np.multiply(m, lr / bias_correction(beta1, self.iterations), out=step)
        step /= root
        w -= step
