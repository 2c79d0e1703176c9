"""Stochastic gradient descent, plain or with momentum."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.errors import HyperparameterError
from minigrad.optim.first_order import FirstOrder
from minigrad.optim.hyperparameters import with_hyperparameters
from minigrad.optim.optimizer import Array, Group, Pair, Rate

__all__ = ["SGD"]


@with_hyperparameters
class SGD(FirstOrder):
    """Stochastic gradient descent, plain or with momentum.

    ::

        lr_t = lr / (1 + decay t)                 t = 0, 1, 2, ...
        g   <- g + weight_decay w                 an L2 penalty, where it is not 0
        w   <- w - lr_t g                         without momentum
        v   <- momentum v - lr_t g;  w <- w + v   with momentum
        w   <- w + momentum v - lr_t g            with Nesterov's momentum, after v

    The rate is inside the momentum, as in the notebook: when it decays, steps already in v keep
    their length. PyTorch's ``v <- momentum v + g; w <- w - lr_t v`` scales them too, and equals this
    only for a constant rate. Polyak, 1964; Nesterov, 1983; Sutskever et al., 2013.

    >>> w = nn.Parameter(np.array([3.0]))
    >>> optimizer = optim.SGD([w], lr=0.5)
    >>> for _ in range(20):
    ...     optimizer.zero_grad()
    ...     ((w - 1) ** 2).sum().backward()
    ...     optimizer.step()
    >>> w.data.round(2)
    array([1.])
    """

    lr: Rate = 1.0
    momentum: float = 0.0
    decay: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0

    def _take(self, **values: Any) -> None:
        super()._take(**values)
        if any(group["nesterov"] and not group["momentum"] for group in self.param_groups):
            raise HyperparameterError(
                "SGD: nesterov=True is a kind of momentum, got momentum=0: write momentum=0.9, or leave nesterov away"
            )

    def state_names(self, group: Group) -> tuple[str, ...]:
        """The momentum, where there is one."""
        return ("momentum",) if group["momentum"] else ()

    def update(self, group: Group, lr: Any, w: Array, g: Array, scratch: Pair, *state: Array) -> None:
        """w <- w - lr g, or with momentum."""
        step, penalised = scratch
        if group["weight_decay"]:
            np.multiply(w, group["weight_decay"], out=penalised)
            g = np.add(penalised, g, out=penalised)
        np.multiply(g, lr, out=step)
        if state:
            (v,) = state
            v *= group["momentum"]
            v -= step
            if group["nesterov"]:
                w -= step
                w += np.multiply(v, group["momentum"], out=step)
            else:
                w += v
        else:
            w -= step
