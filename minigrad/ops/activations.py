"""Smooth activation functions, under the names of PyTorch. ``tanh``, ``sigmoid`` and ``softmax`` stand elsewhere."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.core.checks import divisor
from minigrad.core.conversion import detached
from minigrad.core.primitive import elementwise
from minigrad.core.table import derived
from minigrad.errors import HyperparameterError, ShapeError
from minigrad.kernels.normal import gelu_and_slope
from minigrad.ops.along import floating, given, part, require_real
from minigrad.ops.elementwise import inexact, logistic, sigmoid
from minigrad.ops.slopes import (
    FAR,
    GELU_FAR,
    gelu_tanh_share,
    gelu_tanh_slope,
    mish_slope,
    silu_slope,
    tanh_softplus,
    within,
)
from minigrad.ops.special import density, real

__all__ = ["gelu", "gelu_tanh", "glu", "log_expit", "logsigmoid", "mish", "silu", "softplus", "softsign", "tanhshrink"]

REAL_LINE = ((-math.inf, math.inf),)

# -- smooth units -------------------------------------------------------------------------------


def _softplus(x: Any, beta: float = 1.0) -> Any:
    if beta != 1:
        divisor("softplus", "beta", beta)
    x = inexact(x)
    # log(1 + exp(t)) = max(t, 0) + log(1 + exp(-|t|)): no exp of a large number, and no digit lost for small results.
    # The first part is x itself, as beta x may leave the range where x does not.
    bent = np.maximum(x, 0) if beta > 0 else np.minimum(x, 0)
    return bent + np.log1p(np.exp(-np.abs(_times(x, beta)))) / beta


def _times(x: Any, beta: float) -> Any:
    """beta x, of x no farther out than where a sigmoid of it is 0 or 1: it might overflow."""
    return (x if abs(beta) <= 1 else x.clip(-FAR / abs(beta), FAR / abs(beta))) * beta


_exact_softplus = elementwise(
    _softplus, lambda g, x, beta: g * logistic(_times(x, beta)),
    name="softplus", real=True, doc="log(1 + exp(beta x)) / beta",
)


def softplus(x: Any, beta: float = 1.0, threshold: float | None = None) -> Any:
    """log(1 + exp(beta x)) / beta, a smooth ``relu`` (Dugas et al., 2001), exact for any x.

    With ``threshold`` it is x itself where beta x is above that: PyTorch has 20 there, against an overflow that this
    form does not know.

    >>> mg.softplus(mg.tensor([-1000.0, 0.0, 1.0])).round(4)
    tensor([0.    , 0.6931, 1.3133])
    """
    z = _exact_softplus(x, beta)
    require_real("softplus", threshold)
    return z if threshold is None else np.where(np.greater(np.multiply(x, beta), threshold), x, z)


@derived(domain=REAL_LINE)
def logsigmoid(x: Any) -> Any:
    """log(sigmoid(x)) = -softplus(-x), exact for any x."""
    return np.negative(_exact_softplus(np.negative(floating(x))))  # of small integers -x wraps


log_expit = logsigmoid


def _silu(x: Any) -> tuple[Any, Any]:
    x = inexact(x)
    s = sigmoid(x)
    return within(x, high=math.inf) * s, s


silu = elementwise(
    _silu, lambda g, x, s: g * silu_slope(x, detached(s)),
    residuals={"s": logistic}, analytic=True,
    doc="x sigmoid(x), also called swish (Elfwing et al., 2017; Ramachandran et al., 2017).",
)


def _gelu(x: Any) -> tuple[Any, Any]:
    """The value and the slope."""
    both = real(gelu_and_slope, x)
    return both[0], both[1]


def _gelu_curvature(x: Any) -> Any:
    near = x.clip(-GELU_FAR, GELU_FAR)  # beyond, the density is 0, which inf would turn into NaN
    return density(near) * (2 - near * near)


gelu_slope = elementwise(
    lambda x: _gelu(x)[1], lambda g, x: g * _gelu_curvature(x),
    name="gelu_slope", real=True, doc="The derivative of ``gelu``: P(X <= x) + x p(x), where p is the density of X.",
)

_exact_gelu = elementwise(
    _gelu, lambda g, x, slope: g * slope,
    name="gelu", residuals={"slope": gelu_slope},
    real=True, doc="x times the share of the standard normal distribution below x.",
)


def _gelu_tanh(x: Any) -> tuple[Any, Any]:
    x = inexact(x)
    share = gelu_tanh_share(x)
    return x.clip(-GELU_FAR, math.inf) * share, share


gelu_tanh = elementwise(
    _gelu_tanh, lambda g, x, share: g * gelu_tanh_slope(x, detached(share)), residuals={"share": gelu_tanh_share},
    analytic=True, real=True, doc="``gelu`` with approximate=\"tanh\".",
)


def gelu(x: Any, approximate: str = "none") -> Any:
    """x P(X <= x) for a standard normal X (Hendrycks and Gimpel, 2016).

    ``approximate="tanh"`` is x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x³))) / 2, which differs by less than 0.0005.
    Raises ``HyperparameterError`` for anything else.

    >>> mg.gelu(mg.tensor([-1.0, 0.0, 2.0])).round(4)
    tensor([-0.1587,  0.    ,  1.9545])
    """
    if approximate not in ("none", "tanh"):
        raise HyperparameterError(f"gelu: approximate is 'none' or 'tanh', got {approximate!r}")
    return gelu_tanh(x) if approximate == "tanh" else _exact_gelu(x)


def _mish(x: Any) -> tuple[Any, Any]:
    x = inexact(x)
    share = tanh_softplus(x)
    return x.clip(-FAR, math.inf) * share, share


mish = elementwise(
    _mish, lambda g, x, share: g * mish_slope(x, detached(share)),
    residuals={"share": tanh_softplus}, analytic=True, real=True, doc="x tanh(softplus(x)) (Misra, 2019).",
)


def _softsign(x: Any) -> Any:
    x = inexact(x)
    end = float(np.finfo(x.dtype).max)
    near = x.clip(-end, end)
    return near / (1 + np.abs(near))


def _softsign_slope(x: Any) -> Any:
    part = 1 / (1 + np.abs(x))
    return part * part


softsign = elementwise(
    _softsign, lambda g, x: g * _softsign_slope(x),
    real=True, doc="x / (1 + |x|) (Turian et al., 2009).",
)


def _tanh_squared(x: Any) -> Any:
    t = np.tanh(x)
    return t * t


tanhshrink = elementwise(
    lambda x: inexact(x) - np.tanh(inexact(x)), lambda g, x: g * _tanh_squared(x),
    name="tanhshrink", analytic=True, doc="x - tanh(x).",
)


@derived()
def glu(x: Any, axis: int = -1) -> Any:
    """The first half of ``axis`` times the sigmoid of the second (Dauphin et al., 2016).

    Raises ``ShapeError`` where ``axis`` cannot be halved.
    """
    shape = np.shape(x)
    if not -len(shape) <= axis < len(shape) or shape[axis] % 2:
        raise ShapeError(f"glu halves axis {axis}, which must have an even size, of an input of shape {shape}")
    x, half = given(x), shape[axis] // 2
    return np.multiply(part(x, axis, None, half), sigmoid(part(x, axis, half, None)))
