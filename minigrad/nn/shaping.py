"""Layers that only move what they get: ``Identity`` and ``Flatten``."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.core.checks import integer
from minigrad.errors import ShapeError
from minigrad.nn.module import Module

__all__ = ["Flatten", "Identity"]


class Identity(Module):
    """x as it is: what stands where a layer was taken out.

    >>> nn.Identity()(mg.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """

    def forward(self, x: Any) -> Any:
        """x (anything) -> x."""
        return x


class Flatten(Module):
    """The axes from ``start_axis`` to ``end_axis``, both included, as one: (N, C, H, W) becomes (N, C * H * W).

    Raises ``ShapeError`` for axes that x does not have, or in the wrong order.

    >>> nn.Flatten()(mg.ones((2, 3, 4, 4))).shape
    (2, 48)
    """

    def __init__(self, start_axis: int = 1, end_axis: int = -1) -> None:
        self.start_axis = integer("Flatten", "start_axis", start_axis)
        self.end_axis = integer("Flatten", "end_axis", end_axis)

    def forward(self, x: Any) -> Any:
        """x (..., a, ..., b, ...) -> (..., a * ... * b, ...)."""
        shape = np.shape(x)
        axes = range(len(shape))
        start, end = (axis + len(shape) if axis < 0 else axis for axis in (self.start_axis, self.end_axis))
        if start not in axes or end not in axes or start > end:
            raise ShapeError(
                f"Flatten joins the axes from {self.start_axis} to {self.end_axis}, which x of shape {shape} does not "
                "have in this order: give start_axis and end_axis"
            )
        return np.reshape(x, (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))

    def extra_repr(self) -> str:
        """The axes."""
        return f"start_axis={self.start_axis}, end_axis={self.end_axis}"
