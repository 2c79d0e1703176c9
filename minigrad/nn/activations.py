"""Activation functions as modules, so that they can stand in a ``Sequential``.

Each holds the options of its function in ``minigrad.nn.functional``, whose docstring has the formula and its source.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minigrad.core.context import get_default_dtype
from minigrad.errors import HyperparameterError
from minigrad.nn import functional as F
from minigrad.nn.module import Module
from minigrad.nn.parameter import Parameter
from minigrad.nn.sizes import size_of


class _Activation(Module):
    def extra_repr(self) -> str:
        """The options."""
        return ", ".join(f"{name}={value!r}" for name, value in vars(self).items() if name != "training")


class ReLU(_Activation):
    """max(x, 0) for each element; its gradient at 0 is 0."""

    def forward(self, x: Any) -> Any:
        """x (any shape) -> the same shape."""
        return F.relu(x)


class LeakyReLU(_Activation):
    """x, times ``negative_slope`` where it is negative."""

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope

    def forward(self, x: Any) -> Any:
        """x (any shape) -> the same shape."""
        return F.leaky_relu(x, self.negative_slope)


class PReLU(_Activation):
    """x, times a learned slope where it is negative: one slope, or one for each channel of x (N, C, ...).

    ``weight`` (num_parameters,) begins with ``init``. Raises ``ShapeError`` for another number of channels.
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25, dtype: DTypeLike | None = None) -> None:
        count = size_of("PReLU", "num_parameters", num_parameters)
        self.weight = Parameter(np.full(count, init, dtype or get_default_dtype()))

    def forward(self, x: Any) -> Any:
        """x (N, C, ...) -> the same shape."""
        return F.prelu(x, self.weight)

    def extra_repr(self) -> str:
        """How many slopes."""
        return f"num_parameters={self.weight.size}"


class ELU(_Activation):
    """x, and alpha (exp(x) - 1) where it is negative."""

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def forward(self, x: Any) -> Any:
        """x (any shape) -> the same shape."""
        return F.elu(x, self.alpha)


class CELU(_Activation):
    """x, and alpha (exp(x / alpha) - 1) where it is negative. Raises ``HyperparameterError`` for an alpha of 0."""

    def __init__(self, alpha: float = 1.0) -> None:
        if not alpha:
            raise HyperparameterError(
                f"CELU divides by alpha, which is a number other than 0, such as 1.0; got {alpha!r}"
            )
        self.alpha = alpha

    def forward(self, x: Any) -> Any:
        """x (any shape) -> the same shape."""
        return F.celu(x, self.alpha)


class SELU(_Activation):
    """1.0507 ELU(x, 1.6733): the mean 0 and variance 1 of many inputs stay, with weights from "lecun_normal"."""

    def forward(self, x: Any) -> Any:
        """x (any shape) -> the same shape."""
        return F.selu(x)


class GELU(_Activation):
    """x P(X <= x) for a standard normal X.

    ``approximate`` is "none" for the function itself, or "tanh", which differs by less than 0.0005.
    Raises ``HyperparameterError`` for anything else.
    """

    def __init__(self, approximate: str = "none") -> None:
        if approximate not in ("none", "tanh"):
            raise HyperparameterError(f"GELU: approximate is 'none' or 'tanh', got {approximate!r}")
        self.approximate = approximate

    def forward(self, x: Any) -> Any:
        """x (any shape) -> the same shape."""
        return F.gelu(x, self.approximate)


class SiLU(_Activation):
    """x sigmoid(x), also called swish."""

    def forward(self, x: Any) -> Any:
        """x (any shape) -> the same shape."""
        return F.silu(x)


class Mish(_Activation):
    """x tanh(softplus(x))."""

    def forward(self, x: Any) -> Any:
        """x (any shape) -> the same shape."""
        return F.mish(x)


class Softplus(_Activation):
    """log(1 + exp(beta x)) / beta, exact for any x. Raises ``HyperparameterError`` for a beta of 0."""

    def __init__(self, beta: float = 1.0) -> None:
        if not beta:
            raise HyperparameterError(
                f"Softplus divides by beta, which is a number other than 0, such as 1.0; got {beta!r}"
            )
        self.beta = beta

    def forward(self, x: Any) -> Any:
        """x (any shape) -> the same shape."""
        return F.softplus(x, self.beta)


class Softsign(_Activation):
    """x / (1 + |x|)."""

    def forward(self, x: Any) -> Any:
        """x (any shape) -> the same shape."""
        return F.softsign(x)


class Sigmoid(_Activation):
    """1 / (1 + exp(-x)) for each element."""

    def forward(self, x: Any) -> Any:
        """x (any shape) -> the same shape."""
        return F.sigmoid(x)


class LogSigmoid(_Activation):
    """log(sigmoid(x)), exact for any x."""

    def forward(self, x: Any) -> Any:
        """x (any shape) -> the same shape."""
        return F.logsigmoid(x)


class Tanh(_Activation):
    """The hyperbolic tangent of each element."""

    def forward(self, x: Any) -> Any:
        """x (any shape) -> the same shape."""
        return F.tanh(x)


class Hardtanh(_Activation):
    """x limited to [min_val, max_val]. Raises ``HyperparameterError`` unless min_val < max_val."""

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0) -> None:
        if not min_val < max_val:
            raise HyperparameterError(f"Hardtanh: min_val is less than max_val, got {min_val!r} and {max_val!r}")
        self.min_val = min_val
        self.max_val = max_val

    def forward(self, x: Any) -> Any:
        """x (any shape) -> the same shape."""
        return F.hardtanh(x, self.min_val, self.max_val)


class ReLU6(_Activation):
    """x limited to [0, 6]."""

    def forward(self, x: Any) -> Any:
        """x (any shape) -> the same shape."""
        return F.relu6(x)


class Hardsigmoid(_Activation):
    """(x + 3) / 6 limited to [0, 1]."""

    def forward(self, x: Any) -> Any:
        """x (any shape) -> the same shape."""
        return F.hardsigmoid(x)


class Hardswish(_Activation):
    """x times (x + 3) / 6 limited to [0, 1]."""

    def forward(self, x: Any) -> Any:
        """x (any shape) -> the same shape."""
        return F.hardswish(x)


class GLU(_Activation):
    """The first half of ``axis`` times the sigmoid of the second. Raises ``ShapeError`` for an odd size."""

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def forward(self, x: Any) -> Any:
        """x (..., 2 n, ...) -> (..., n, ...)."""
        return F.glu(x, self.axis)


class Softmax(_Activation):
    """exp(x) / sum(exp(x)) along ``axis``: positive numbers that sum to 1."""

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def forward(self, x: Any) -> Any:
        """x (any shape) -> the same shape."""
        return F.softmax(x, self.axis)


class LogSoftmax(_Activation):
    """log(softmax(x)) along ``axis``, exact where softmax underflows to 0; what ``NLLLoss`` takes."""

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def forward(self, x: Any) -> Any:
        """x (any shape) -> the same shape."""
        return F.log_softmax(x, self.axis)
