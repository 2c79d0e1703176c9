"""What ``Linear`` and convolutions share: a weight and a bias, made now or at the first call, and their penalties."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minigrad.context import get_default_dtype
from minigrad.nn.init import Initializer, drawn, initializer
from minigrad.nn.lazy import UNMADE
from minigrad.nn.module import Module
from minigrad.nn.parameter import Parameter
from minigrad.nn.penalties import PENALTIES, penalty_of


class Weighted(Module):
    """A layer with ``weight`` and ``bias``. A subclass says which shape the weight is drawn in, and how it lies."""

    weight: Parameter
    bias: Parameter | None

    def _prepare(
        self,
        inputs: int | None,
        bias: bool,
        init: str | Initializer,
        generator: np.random.Generator | None,
        dtype: DTypeLike | None,
        penalties: tuple[float, float, float, float],
    ) -> None:
        """Make weight and bias, or note how to, where the number of inputs is None."""
        names = [name for pair in PENALTIES.values() for name in pair]
        for name, value in zip(names, penalties, strict=True):
            setattr(self, name, penalty_of(type(self).__name__, name, value))
        self.weight = UNMADE
        self.bias = UNMADE if bias else None
        self._recipe = (initializer(init), generator, np.dtype(dtype or get_default_dtype()))
        if inputs is not None:
            self._make(inputs)

    def _make(self, inputs: int) -> None:
        init, generator, dtype = self._recipe
        shape = self._shape(inputs)
        weight = self._laid_out(drawn(type(self).__name__, init, shape, generator, dtype))
        self.weight = Parameter(weight)
        if self.bias is not None:
            self.bias = Parameter(np.zeros(shape[0], dtype))
        del self._recipe

    def _shape(self, inputs: int) -> tuple[int, ...]:
        """(out, in) or (out, in, *kernel), of which initialisers count the fans."""
        raise NotImplementedError

    def _laid_out(self, weight: Any) -> Any:
        """The weight, drawn in that shape, as the layer holds it."""
        return weight
