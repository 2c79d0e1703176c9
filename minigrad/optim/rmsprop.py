"""RMSProp: a rate for each weight, from a moving average of its squared gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.optim.groups import Parameters
from minigrad.optim.optimizer import Array, Optimizer, Rate


class RMSProp(Optimizer):
    """A rate for each weight, from a moving average of its squared gradients.

    ::

        lr_t = lr / (1 + decay t)                 t = 0, 1, 2, ...
        c   <- rho c + (1 - rho) g²
        w   <- w - lr_t g / (sqrt(c) + eps)

    Tieleman and Hinton, Coursera: Neural networks for machine learning, lecture 6.5, 2012.
    """

    def __init__(
        self,
        params: Parameters,
        lr: Rate = 0.001,
        decay: float = 0.0,
        rho: float = 0.9,
        eps: float = 1e-7,
        *,
        skip_nonfinite: bool = False,
    ) -> None:
        super().__init__(params, skip_nonfinite=skip_nonfinite, lr=lr, decay=decay, rho=rho, eps=eps)

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The moving average of squares."""
        return ("square_mean",)

    def update(
        self, group: dict[str, Any], lr: Any, w: Array, g: Array, scratch: tuple[Array, Array], *state: Array
    ) -> None:
        """c <- rho c + (1 - rho) g²; w <- w - lr g / (sqrt(c) + eps)."""
        (c,) = state
        step, root = scratch
        np.multiply(g, g, out=step)
        step *= 1 - group["rho"]
        c *= group["rho"]
        c += step
        np.sqrt(c, out=root)
        root += group["eps"]
        np.multiply(g, lr, out=step)
        step /= root
        w -= step
