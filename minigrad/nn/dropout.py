"""Dropout: noise that a network cannot learn by heart."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core.checks import probability
from minigrad.nn import functional as F
from minigrad.nn.module import Module
from minigrad.random import generator_or_default

__all__ = ["Dropout"]


class Dropout(Module):
    """In training each element is 0 with probability ``p``, else x / (1 - p); in evaluation x itself.

    What is dropped is drawn from ``generator``, or from the package's own (``mg.manual_seed``). Source: Srivastava and
    others, 2014. Raises ``HyperparameterError`` unless p is in [0, 1], and for a generator that is none; ``DTypeError``
    for x of integers.

    >>> nn.Dropout(0.5).eval()(mg.ones(4))
    tensor([1., 1., 1., 1.])
    """

    def __init__(self, p: float = 0.5, generator: np.random.Generator | None = None) -> None:
        probability("Dropout", "p", p)
        if generator is not None:
            generator = generator_or_default(generator)  # refuses a seed now rather than at the first batch
        self.p = p
        self.generator = generator

    def forward(self, x: Any) -> Any:
        """x (any shape) -> the same shape."""
        return F.dropout(x, self.p, self.training, self.generator)

    def extra_repr(self) -> str:
        """The probability."""
        return f"p={self.p}"
