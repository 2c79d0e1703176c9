"""Activation functions as modules, so that they can stand in a ``Sequential``: a statement for each.

It names the function of ``minigrad.nn.functional``, whose docstring has the formula and its source, and the options.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minigrad.core.checks import divisor, finite, real, whole
from minigrad.core.conversion import dtype_or_default
from minigrad.errors import HyperparameterError
from minigrad.nn import functional as F
from minigrad.nn.layer import FunctionLayer, layer_of
from minigrad.nn.module import Module
from minigrad.nn.parameter import Parameter

__all__ = ["CELU", "ELU", "GELU", "GLU", "SELU", "Hardsigmoid", "Hardswish"]
__all__ += ["Hardtanh", "LeakyReLU", "LogSigmoid", "LogSoftmax", "Mish", "PReLU"]
__all__ += ["ReLU", "ReLU6", "SiLU", "Sigmoid", "Softmax", "Softplus", "Softsign", "Tanh"]


class Activation(FunctionLayer):
    """The base of the activations."""

    def forward(self, x: Any) -> Any:
        """x (any shape) -> the same shape."""
        if not self._names:  # as fast as the function
            return self._function(x)
        return self._function(x, **self._unusual())


@layer_of(F.relu, flops=1)
class ReLU(Activation):
    """max(x, 0) for each element; its gradient at 0 is 0.

    >>> nn.ReLU()(mg.tensor([-1.0, 0.0, 2.0]))
    tensor([0., 0., 2.])
    """


@layer_of(F.leaky_relu, flops=2)
class LeakyReLU(Activation):
    """x, times ``negative_slope`` where it is negative.

    >>> nn.LeakyReLU(0.1)(mg.tensor([-1.0, 2.0]))
    tensor([-0.1,  2. ])
    """

    negative_slope: float = 0.01


class PReLU(Module):
    """x, times a learned slope where it is negative: one slope, or one for each channel of x (N, C, ...).

    ``weight`` (num_parameters,) begins with ``init``. Raises ``ShapeError`` for another number of channels.

    >>> nn.PReLU()(mg.tensor([[-2.0, 3.0]]))
    tensor([[-0.5,  3. ]], op=where)
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25, dtype: DTypeLike | None = None) -> None:
        count = whole("PReLU", "num_parameters", num_parameters)
        self.weight = Parameter(np.full(count, finite("PReLU", "init", init), dtype_or_default(dtype)))

    def forward(self, x: Any) -> Any:
        """x (N, C, ...) -> the same shape."""
        return F.prelu(x, self.weight)

    def extra_repr(self) -> str:
        """How many slopes."""
        return f"num_parameters={self.weight.size}"


@layer_of(F.elu, flops=4)
class ELU(Activation):
    """x, and alpha (exp(x) - 1) where it is negative.

    >>> nn.ELU()(mg.tensor([-1.0, 0.0, 2.0])).round(4)
    tensor([-0.6321,  0.    ,  2.    ])
    """

    alpha: float = 1.0


@layer_of(F.celu, flops=5)
class CELU(Activation):
    """x, and alpha (exp(x / alpha) - 1) where it is negative. Raises ``HyperparameterError`` for an alpha of 0.

    >>> nn.CELU(alpha=2.0)(mg.tensor([-1.0, 0.0, 2.0])).round(4)
    tensor([-0.7869,  0.    ,  2.    ])
    """

    alpha: float = 1.0

    def _check(self) -> None:
        divisor(type(self).__name__, "alpha", self.alpha)


@layer_of(F.selu, flops=5)
class SELU(Activation):
    """1.0507 ELU(x, 1.6733): the mean 0 and variance 1 of many inputs stay, with weights from "lecun_normal".

    >>> nn.SELU()(mg.tensor([-1.0, 0.0, 2.0])).round(4)
    tensor([-1.1113,  0.    ,  2.1014])
    """


@layer_of(F.gelu, flops=5)  # x / 2 (1 + erf(x / √2))
class GELU(Activation):
    """x P(X <= x) for a standard normal X.

    ``approximate`` is "none" for the function itself, or "tanh", which differs by less than 0.0005.
    Raises ``HyperparameterError`` for anything else.

    >>> nn.GELU()(mg.tensor([-1.0, 0.0, 2.0])).round(4)
    tensor([-0.1587,  0.    ,  1.9545])
    """

    approximate: str = "none"

    def _check(self) -> None:
        if self.approximate not in ("none", "tanh"):
            raise HyperparameterError(f"GELU: approximate is 'none' or 'tanh', got {self.approximate!r}")


@layer_of(F.silu, flops=5)
class SiLU(Activation):
    """x sigmoid(x), also called swish.

    >>> nn.SiLU()(mg.tensor([-1.0, 0.0, 2.0])).round(4)
    tensor([-0.2689,  0.    ,  1.7616])
    """


@layer_of(F.mish, flops=5)
class Mish(Activation):
    """x tanh(softplus(x)).

    >>> nn.Mish()(mg.tensor([-1.0, 0.0, 2.0])).round(4)
    tensor([-0.3034,  0.    ,  1.944 ])
    """


@layer_of(F.softplus, flops=3)  # log(1 + exp x)
class Softplus(Activation):
    """log(1 + exp(beta x)) / beta, exact for any x. Raises ``HyperparameterError`` for a beta of 0.

    >>> nn.Softplus()(mg.tensor([-1000.0, 0.0])).round(4)
    tensor([0.    , 0.6931])
    """

    beta: float = 1.0

    def _check(self) -> None:
        divisor(type(self).__name__, "beta", self.beta)


@layer_of(F.softsign, flops=3)
class Softsign(Activation):
    """x / (1 + |x|).

    >>> nn.Softsign()(mg.tensor([-1.0, 0.0, 3.0]))
    tensor([-0.5 ,  0.  ,  0.75])
    """


@layer_of(F.sigmoid, flops=4)  # 1 / (1 + exp(-x))
class Sigmoid(Activation):
    """1 / (1 + exp(-x)) for each element.

    >>> nn.Sigmoid()(mg.tensor([-2.0, 0.0, 2.0])).round(4)
    tensor([0.1192, 0.5   , 0.8808])
    """


@layer_of(F.logsigmoid, flops=4)
class LogSigmoid(Activation):
    """log(sigmoid(x)), exact for any x.

    >>> nn.LogSigmoid()(mg.tensor([-1000.0, 0.0])).round(4)
    tensor([-1.000e+03, -6.931e-01])
    """


@layer_of(F.tanh, flops=1)
class Tanh(Activation):
    """The hyperbolic tangent of each element.

    >>> nn.Tanh()(mg.tensor([-1.0, 0.0, 1.0])).round(4)
    tensor([-0.7616,  0.    ,  0.7616])
    """


@layer_of(F.hardtanh, flops=2)
class Hardtanh(Activation):
    """x limited to [min_val, max_val]. Raises ``HyperparameterError`` unless min_val < max_val.

    >>> nn.Hardtanh()(mg.tensor([-2.0, 0.5, 3.0]))
    tensor([-1. ,  0.5,  1. ])
    """

    min_val: float = -1.0
    max_val: float = 1.0

    def _check(self) -> None:
        low, high = real("Hardtanh", "min_val", self.min_val), real("Hardtanh", "max_val", self.max_val)
        if not low < high:
            raise HyperparameterError(f"Hardtanh: min_val is less than max_val, got {low!r} and {high!r}")


@layer_of(F.relu6, flops=2)
class ReLU6(Activation):
    """x limited to [0, 6].

    >>> nn.ReLU6()(mg.tensor([-1.0, 3.0, 8.0]))
    tensor([0., 3., 6.])
    """


@layer_of(F.hardsigmoid, flops=4)
class Hardsigmoid(Activation):
    """(x + 3) / 6 limited to [0, 1].

    >>> nn.Hardsigmoid()(mg.tensor([-4.0, 0.0, 1.5]))
    tensor([0.  , 0.5 , 0.75])
    """


@layer_of(F.hardswish, flops=5)
class Hardswish(Activation):
    """x times (x + 3) / 6 limited to [0, 1].

    >>> nn.Hardswish()(mg.tensor([-4.0, 0.0, 3.0]))
    tensor([-0.,  0.,  3.])
    """


@layer_of(F.glu, flops=5)
class GLU(Activation):
    """The first half of ``axis`` times the sigmoid of the second: x (..., 2 n, ...) -> (..., n, ...).

    Raises ``ShapeError`` for an odd size.

    >>> nn.GLU()(mg.ones((5, 6))).shape
    (5, 3)
    """

    axis: int = -1


@layer_of(F.softmax, flops=5)  # maximum, difference, exp, sum, division
class Softmax(Activation):
    """exp(x) / sum(exp(x)) along ``axis``: positive numbers that sum to 1.

    >>> nn.Softmax()(mg.tensor([[0.0, 0.0], [0.0, 1000.0]]))
    tensor([[0.5, 0.5],
            [0. , 1. ]])
    """

    axis: int = -1


@layer_of(F.log_softmax, flops=5)
class LogSoftmax(Activation):
    """log(softmax(x)) along ``axis``, exact where softmax underflows to 0; what ``NLLLoss`` takes.

    >>> nn.LogSoftmax()(mg.tensor([[0.0, 0.0]])).round(4)
    tensor([[-0.6931, -0.6931]])
    """

    axis: int = -1
