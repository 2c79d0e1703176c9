"""Slopes of smooth units x share(x): on the way back from shares that the forward pass has computed already.

1 - share is then a difference of numbers near 1, whose error is an ulp of 1, as that of a slope near 1 may be. A
curvature is small there, so it is made of functions of x that keep their digits. What ``share`` an argument has is
that of the same x, at hand: where none is given, it is computed.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.core.primitive import elementwise
from minigrad.ops.elementwise import inexact, logistic, sigmoid

__all__: list[str] = []

#: Nearer to infinity every sigmoid is 0 or 1; times infinity that would be NaN, where the limit is a number.
FAR = 1e4


def within(x: Any, low: float = -FAR, high: float = FAR) -> Any:
    """Real x limited to a range; in the complex plane x as it is.

    The method takes half the time of ``np.clip`` on small arrays; without a bound large ones would take three times.
    """
    return x if x.dtype.kind == "c" else x.clip(low, high)


# -- silu ---------------------------------------------------------------------------------------


def _silu_slope(x: Any, share: Any = None) -> Any:
    x = inexact(x)
    s = sigmoid(x) if share is None else share
    return s * (1 + within(x) * (1 - s))


def _silu_curvature(x: Any) -> Any:
    # tanh(x / 2) is sigmoid(x) - sigmoid(-x), also where these are nearly equal.
    return logistic(x) * logistic(-x) * (2 - within(x) * np.tanh(x / 2))


silu_slope = elementwise(
    _silu_slope, lambda g, x: g * _silu_curvature(x),
    name="silu_slope", analytic=True, doc="The derivative of ``silu``: s (1 + x (1 - s)), where s is sigmoid(x).",
)

# -- gelu, approximately ------------------------------------------------------------------------

_LINEAR = 2 * math.sqrt(2 / math.pi)
_CUBIC = _LINEAR * 0.044715

#: Farther out the share is 0 or 1 to the last digit and the slope too, and the cube of x might overflow.
GELU_FAR = 40.0


def _inner(near: Any) -> Any:
    """t, where ``gelu_tanh`` is x sigmoid(t): (1 + tanh(t / 2)) / 2 has no digits left where tanh is near -1."""
    return near * (_LINEAR + _CUBIC * (near * near))


def _inner_slope(near: Any) -> Any:
    return _LINEAR + 3 * _CUBIC * (near * near)


def _gelu_share_slope(x: Any) -> Any:
    near = x.clip(-GELU_FAR, GELU_FAR)
    t = _inner(near)
    return logistic(t) * logistic(-t) * _inner_slope(near)


gelu_tanh_share = elementwise(
    lambda x: sigmoid(_inner(inexact(x).clip(-GELU_FAR, GELU_FAR))), lambda g, x: g * _gelu_share_slope(x),
    name="gelu_tanh_share", analytic=True, real=True, doc="What ``gelu_tanh`` lets through: it is x times this.",
)


def _gelu_tanh_slope(x: Any, share: Any = None) -> Any:
    near = inexact(x).clip(-GELU_FAR, GELU_FAR)
    s = sigmoid(_inner(near)) if share is None else share
    return s * (1 + near * _inner_slope(near) * (1 - s))


def _gelu_tanh_curvature(x: Any) -> Any:
    near = x.clip(-GELU_FAR, GELU_FAR)
    t, slope = _inner(near), _inner_slope(near)
    bent = 2 * slope + near * (6 * _CUBIC * near - np.tanh(t / 2) * (slope * slope))
    return logistic(t) * logistic(-t) * bent


gelu_tanh_slope = elementwise(
    _gelu_tanh_slope, lambda g, x: g * _gelu_tanh_curvature(x),
    name="gelu_tanh_slope", analytic=True, real=True, doc="The derivative of ``gelu_tanh``.",
)

# -- mish ---------------------------------------------------------------------------------------


def _mish_share(x: Any) -> Any:
    # With e = exp(x) it is n / (n + 2), where n = (1 + e)² - 1. To the right of the end it is 1 to the last digit.
    x = inexact(x)
    e = np.exp(x.clip(-math.inf, 5.0 if x.dtype.char == "e" else 20.0))
    n = e * (e + 2)
    return n / (n + 2)


def _mish_share_slope(x: Any) -> Any:
    # With s = sigmoid(x) and c = sigmoid(-x) the share is (1 - c²) / (1 + c²).
    c = logistic(-x)
    part = c / (1 + c * c)
    return 4 * logistic(x) * (part * part)


tanh_softplus = elementwise(
    _mish_share, lambda g, x: g * _mish_share_slope(x),
    name="tanh_softplus", analytic=True, real=True,
    doc="tanh(log(1 + exp(x))), exact in both tails: what ``mish`` lets through.",
)


def _mish_slope(x: Any, share: Any = None) -> Any:
    x = inexact(x)
    t = _mish_share(x) if share is None else share
    rest = 1 - t
    # The slope of t is 2 t (1 - t) / (1 + r), where r = 1 / (1 + exp(x)) squared is (1 - t) / (1 + t).
    return t * (1 + 2 * x.clip(-FAR, FAR) * (rest / (1 + np.sqrt(rest / (1 + t)))))


def _mish_curvature(x: Any) -> Any:
    s, c = logistic(x), logistic(-x)
    d = 1 + c * c
    part = c / d
    slope = 4 * s * (part * part)
    return slope * (2 + x.clip(-FAR, FAR) * (c - 2 * s + 4 * s * c * part))


mish_slope = elementwise(
    _mish_slope, lambda g, x: g * _mish_curvature(x),
    name="mish_slope", analytic=True, real=True, doc="The derivative of ``mish``.",
)
