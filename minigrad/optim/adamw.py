"""AdamW: Adam with weight decay beside the gradient instead of in it."""

from __future__ import annotations

from typing import Any

from minigrad.optim.adam import Adam
from minigrad.optim.first_order import averages_rows
from minigrad.optim.flat import BY_ROWS
from minigrad.optim.hyperparameters import with_hyperparameters
from minigrad.optim.optimizer import Array, Group, Pair

__all__ = ["AdamW"]


@with_hyperparameters
class AdamW(Adam):
    """Adam with decoupled weight decay: each step first shrinks the weights by a fixed part of the rate.

    ::

        w   <- w - lr_t weight_decay w
        w   <- Adam's step from there, with the gradient as it is

    An L2 penalty in Adam's gradient would be divided by sqrt(ĉ) like the rest of it, and decay least where gradients
    are large. Equals PyTorch's ``AdamW`` for the same eps. Loshchilov and Hutter, Decoupled weight decay
    regularization, 2019.

    >>> w = nn.Parameter(np.array([3.0]))
    >>> optimizer = optim.AdamW([w], lr=0.5, weight_decay=0.1)
    >>> for _ in range(20):
    ...     optimizer.zero_grad()
    ...     ((w - 1) ** 2).sum().backward()
    ...     optimizer.step()
    >>> w.data.round(2)
    array([1.27])
    """

    weight_decay: float = 0.01

    def rates(self, group: Group) -> tuple[float, ...]:
        """Adam's two numbers, and what is left of the weights."""
        return *super().rates(group), 1 - self._rate(group) * group["weight_decay"]

    def update(self, group: Group, lr: Any, w: Array, g: Array, scratch: Pair, *state: Array) -> None:
        """w <- (1 - lr weight_decay) w, then as Adam."""
        eps, rate, left = lr
        w *= left
        super().update(group, (eps, rate), w, g, scratch, *state)


BY_ROWS[AdamW.update] = averages_rows
