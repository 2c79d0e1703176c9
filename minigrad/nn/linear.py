"""The fully connected layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minigrad.core.checks import whole
from minigrad.errors import ShapeError
from minigrad.nn import functional as F
from minigrad.nn.init import Initializer
from minigrad.nn.penalties import penalties_shown
from minigrad.nn.weight_and_bias import Weighted

__all__ = ["Linear"]


class Linear(Weighted):
    """y = x W^T + b: x of shape (..., in_features), y of shape (..., out_features).

    ``weight`` is (out_features, in_features), drawn by ``init`` (a name from ``nn.init`` such as
    "glorot_uniform", "he_normal" or the notebook's "notebook", or a function) from ``generator``;
    ``bias`` is (out_features,), zeros at first, or None without one. Where ``in_features`` is None, the
    first call says how many there are, and the weight is made then. The regularizers are the factors of
    this layer's part of ``model.regularization_loss()``.

    Raises ``HyperparameterError`` for sizes below 1 and unknown initialisers, ``ShapeError`` for an
    input with another number of features.

    >>> layer = nn.Linear(2, 3)
    >>> layer(mg.ones((5, 2))).shape
    (5, 3)
    >>> layer.weight.shape, layer.bias.shape
    ((3, 2), (3,))
    """

    def __init__(
        self,
        in_features: int | None,
        out_features: int,
        bias: bool = True,
        init: str | Initializer = "glorot_uniform",
        generator: np.random.Generator | None = None,
        dtype: DTypeLike | None = None,
        *,
        weight_regularizer_l1: float = 0.0,
        weight_regularizer_l2: float = 0.0,
        bias_regularizer_l1: float = 0.0,
        bias_regularizer_l2: float = 0.0,
    ) -> None:
        self.in_features = None if in_features is None else whole("Linear", "in_features", in_features)
        self.out_features = whole("Linear", "out_features", out_features)
        penalties = (weight_regularizer_l1, weight_regularizer_l2, bias_regularizer_l1, bias_regularizer_l2)
        self._prepare((self.out_features, self.in_features), bias, init, generator, dtype, penalties)

    def forward(self, x: Any) -> Any:
        """x (..., in_features) -> (..., out_features)."""
        if self.in_features is None:
            self._learn_size(np.shape(x))
        return F.linear(x, self.weight, self.bias)

    def _learn_size(self, shape: tuple[int, ...]) -> None:
        if not shape or not shape[-1]:
            raise ShapeError(f"Linear learns in_features from the last axis of its first input, got shape {shape}")
        self._make(shape[-1])
        self.in_features = shape[-1]

    def extra_repr(self) -> str:
        """The sizes."""
        bias = "" if self.bias is not None else ", bias=False"
        return f"in_features={self.in_features}, out_features={self.out_features}{bias}{penalties_shown(self)}"
