"""NAdam: Adam that looks ahead along its momentum."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.optim.first_order import Moments
from minigrad.optim.hyperparameters import with_hyperparameters
from minigrad.optim.optimizer import Array, Group, Pair, Rate

__all__ = ["NAdam"]

#: Below this a product does not change 1 - product any more.
_NOTHING = 2.0**-54


@with_hyperparameters
class NAdam(Moments):
    """Adam with Nesterov's momentum, which grows during the first steps.

    ::

        lr_t = lr / (1 + decay t)                 t = 0, 1, 2, ...
        μ_t  = β1 (1 - 0.96^((t+1) momentum_decay) / 2);   M_t = μ_0 μ_1 ... μ_t
        m   <- β1 m + (1 - β1) g
        c   <- β2 c + (1 - β2) g²
        m̂   =  μ_(t+1) m / (1 - M_(t+1)) + (1 - μ_t) g / (1 - M_t);   ĉ = c / (1 - β2^(t+1))
        w   <- w - lr_t m̂ / (sqrt(ĉ) + eps)

    Dozat, Incorporating Nesterov momentum into Adam, 2016. Equals PyTorch's ``NAdam`` for the same eps, as long as the
    betas do not change: M_t is computed from the current betas, while PyTorch stores the product of the past ones.

    >>> w = nn.Parameter(np.array([3.0]))
    >>> optimizer = optim.NAdam([w], lr=0.5)
    >>> for _ in range(20):
    ...     optimizer.zero_grad()
    ...     ((w - 1) ** 2).sum().backward()
    ...     optimizer.step()
    >>> w.data.round(2)
    array([0.95])
    """

    lr: Rate = 0.002
    momentum_decay: float = 0.004

    def _take(self, **values: Any) -> None:
        super()._take(**values)
        self._products: dict[tuple[float, float], list[float]] = {}  # M_0, M_1, ... of each setting

    def rates(self, group: Group) -> tuple[float, float, float]:
        """eps, the rate of the gradient and that of the momentum, with the corrections."""
        (beta1, beta2), t, psi = group["betas"], self.iterations - self.missed, group["momentum_decay"]
        root_correction = math.sqrt(1 - beta2 ** (t + 1))
        rate = self._rate(group) * root_correction
        product, ahead = self._product(beta1, psi, t), _momentum(beta1, psi, t + 1)
        of_gradient = rate * (1 - _momentum(beta1, psi, t)) / (1 - product)
        return group["eps"] * root_correction, of_gradient, rate * ahead / (1 - product * ahead)

    def _product(self, beta1: float, psi: float, t: int) -> float:
        """M_t; from where it is nothing to 1, the last one."""
        products = self._products.setdefault((beta1, psi), [_momentum(beta1, psi, 0)])
        while len(products) <= t and products[-1] > _NOTHING:
            products.append(products[-1] * _momentum(beta1, psi, len(products)))
        return products[min(t, len(products) - 1)]

    def update(self, group: Group, lr: Any, w: Array, g: Array, scratch: Pair, *state: Array) -> None:
        """The formulas of the class, with the numerator and denominator multiplied by sqrt(1 - β2^(t+1))."""
        m, c = state
        step, root = scratch
        eps, of_gradient, of_momentum = lr
        self.average(group, g, step, m, c)
        np.sqrt(c, out=root)
        root += eps
        np.multiply(g, of_gradient, out=step)
        step /= root
        w -= step
        np.multiply(m, of_momentum, out=step)
        step /= root
        w -= step


def _momentum(beta1: float, psi: float, t: int) -> float:
    return float(beta1 * (1 - 0.5 * 0.96 ** ((t + 1) * psi)))
