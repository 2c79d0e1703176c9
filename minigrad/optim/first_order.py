"""The common parts of these optimizers: their arguments, and moving averages of gradients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, InitVar
from typing import Any, ClassVar

import numpy as np

from minigrad.optim.flat import FewRows
from minigrad.optim.groups import Parameters
from minigrad.optim.hyperparameters import with_hyperparameters
from minigrad.optim.optimizer import Array, Optimizer, Rate


@with_hyperparameters
class FirstOrder(Optimizer):
    """The base of the optimizers that look at gradients alone; each states its hyperparameters as attributes."""

    #: The names of the arrays that are kept for each parameter.
    STATE: ClassVar[tuple[str, ...]] = ()

    params: InitVar[Parameters]
    _: KW_ONLY
    skip_nonfinite: bool = False

    def state_names(self, group: dict[str, Any]) -> Sequence[str]:
        """The names of the arrays that are kept for each parameter of a group."""
        return self.STATE


del FirstOrder.skip_nonfinite  # its default: as an attribute it is the property of ``Optimizer``


@with_hyperparameters
class Moments(FirstOrder):
    """The base of Adam and its relatives: moving averages m of gradients and c of their squares, which begin at 0.

    ::

        m   <- β1 m + (1 - β1) g
        c   <- β2 c + (1 - β2) g²
    """

    COUNTS_STEPS = True
    STATE = ("mean", "square_mean")  # the moving averages of gradients and of their squares

    lr: Rate = 0.001
    decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-7

    def average(self, group: dict[str, Any], g: Array | FewRows, step: Array, m: Array, c: Array) -> None:
        """Both formulas of the class; ``step`` is overwritten."""
        beta1, beta2 = group["betas"]
        if isinstance(g, FewRows):  # where the gradient is 0, nothing is to be added
            m *= beta1
            g.add(m, g.values * (1 - beta1))
            c *= beta2
            g.add(c, g.values * g.values * (1 - beta2))
            return
        m *= beta1
        m += np.multiply(g, 1 - beta1, out=step)
        average_squares(c, beta2, g, step)


def averages_rows(optimizer: Any, group: dict[str, Any]) -> bool:
    """Whether ``average`` of a few rows leaves the bits that the whole gradient would.

    Else -0.0 stays where 0 is added to it. With β1 above a half no momentum becomes that: the smallest number rounds
    back to itself.
    """
    return type(optimizer).average is Moments.average and group["betas"][0] > 0.5


def average_squares(c: Array, beta: float, g: Array, scratch: Array) -> None:
    """c <- beta c + (1 - beta) g²; ``scratch`` is overwritten."""
    np.multiply(g, g, out=scratch)
    scratch *= 1 - beta
    c *= beta
    c += scratch
