"""The fully connected layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minigrad.context import get_default_dtype
from minigrad.nn import functional as F
from minigrad.nn.init import Initializer, drawn
from minigrad.nn.module import Module
from minigrad.nn.parameter import Parameter
from minigrad.nn.sizes import size_of


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
        self.in_features = size_of("Linear", "in_features", in_features)
        self.out_features = size_of("Linear", "out_features", out_features)
        dtype = dtype or get_default_dtype()
        self.weight = Parameter(drawn("Linear", init, (self.out_features, self.in_features), generator, dtype))
        self.bias = Parameter(np.zeros(self.out_features, dtype)) if bias else None

    def forward(self, x: Any) -> Any:
        """x (..., in_features) -> (..., out_features)."""
        return F.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        """The sizes."""
        bias = "" if self.bias is not None else ", bias=False"
        return f"in_features={self.in_features}, out_features={self.out_features}{bias}"
