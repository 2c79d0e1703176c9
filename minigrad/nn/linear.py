"""The fully connected layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minigrad.context import get_default_dtype
from minigrad.errors import HyperparameterError, ShapeError
from minigrad.nn import functional as F
from minigrad.nn.init import Initializer, initializer
from minigrad.nn.module import Module
from minigrad.nn.parameter import Parameter


class Linear(Module):
    """y = x W^T + b: x of shape (..., in_features), y of shape (..., out_features).

    ``weight`` is (out_features, in_features), drawn by ``init`` (a name from ``nn.init`` such as
    "glorot_uniform", "he_normal" or the notebook's "notebook", or a function) from ``generator``;
    ``bias`` is (out_features,), zeros at first, or None without one.

    Raises ``HyperparameterError`` for sizes below 1 and unknown initialisers, ``ShapeError`` for an
    input with another number of features.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        init: str | Initializer = "glorot_uniform",
        generator: np.random.Generator | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        for name, size in (("in_features", in_features), ("out_features", out_features)):
            if not isinstance(size, (int, np.integer)) or size < 1:
                raise HyperparameterError(f"Linear: {name} is a whole number of at least 1, got {size!r}")
        self.in_features = int(in_features)
        self.out_features = int(out_features)
        dtype = dtype or get_default_dtype()
        shape = (self.out_features, self.in_features)
        weight = initializer(init)(shape, generator, dtype)
        if np.shape(weight) != shape:
            raise ShapeError(f"Linear: init gave shape {np.shape(weight)} for a weight of shape {shape}")
        self.weight = Parameter(weight)
        self.bias = Parameter(np.zeros(self.out_features, dtype)) if bias else None

    def forward(self, x: Any) -> Any:
        """x (..., in_features) -> (..., out_features)."""
        return F.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        """The sizes."""
        bias = "" if self.bias is not None else ", bias=False"
        return f"in_features={self.in_features}, out_features={self.out_features}{bias}"
