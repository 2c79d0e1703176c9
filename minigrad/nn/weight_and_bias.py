"""The base of ``Linear`` and convolutions: a weight and a bias, made now or at the first call, and their penalties."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minigrad.core.conversion import dtype_or_default
from minigrad.nn.init import Initializer, drawn, initializer
from minigrad.nn.lazy import UNMADE
from minigrad.nn.module import Module
from minigrad.nn.parameter import Parameter
from minigrad.nn.penalties import PENALTIES, penalty_of


class Weighted(Module):
    """A layer with ``weight``, drawn in the shape (out, in) or (out, in, *kernel), and ``bias`` (out,)."""

    weight: Parameter
    bias: Parameter | None

    def _prepare(
        self,
        shape: tuple[int, int | None, *tuple[int, ...]],
        bias: bool,
        init: str | Initializer,
        generator: np.random.Generator | None,
        dtype: DTypeLike | None,
        penalties: tuple[float, float, float, float],
    ) -> None:
        """Make weight and bias, or note how to, where the second size is None."""
        names = [name for pair in PENALTIES.values() for name in pair]
        for name, value in zip(names, penalties, strict=True):
            setattr(self, name, penalty_of(type(self).__name__, name, value))
        self.weight = UNMADE
        self.bias = UNMADE if bias else None
        self._recipe = (initializer(init), shape, generator, dtype_or_default(dtype))
        if shape[1] is not None:
            self._make(shape[1])

    def _make(self, inputs: int) -> None:
        init, (outputs, _, *kernel), generator, dtype = self._recipe
        weight = drawn(type(self).__name__, init, (outputs, inputs, *kernel), generator, dtype)
        self.weight = Parameter(self._stored_weight(weight))
        if self.bias is not None:
            self.bias = Parameter(np.zeros(outputs, dtype))
        del self._recipe

    def _stored_weight(self, weight: Any) -> Any:
        """The weight as the layer holds it."""
        return weight
