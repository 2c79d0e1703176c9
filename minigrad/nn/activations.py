"""Activation functions as modules, so that they can stand in a ``Sequential``."""

from __future__ import annotations

from typing import Any

from minigrad.nn import functional as F
from minigrad.nn.module import Module


class ReLU(Module):
    """max(x, 0) for each element; its gradient at 0 is 0."""

    def forward(self, x: Any) -> Any:
        """x (any shape) -> the same shape."""
        return F.relu(x)


class Sigmoid(Module):
    """1 / (1 + exp(-x)) for each element."""

    def forward(self, x: Any) -> Any:
        """x (any shape) -> the same shape."""
        return F.sigmoid(x)


class Tanh(Module):
    """The hyperbolic tangent of each element."""

    def forward(self, x: Any) -> Any:
        """x (any shape) -> the same shape."""
        return F.tanh(x)


class Softmax(Module):
    """exp(x) / sum(exp(x)) along ``axis``: positive numbers that sum to 1."""

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def forward(self, x: Any) -> Any:
        """x (any shape) -> the same shape."""
        return F.softmax(x, self.axis)

    def extra_repr(self) -> str:
        """The axis."""
        return f"axis={self.axis}"
