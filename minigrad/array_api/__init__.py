"""The Python array API standard (2024.12) over tensors: what ``x.__array_namespace__()`` gives to other libraries.

Every result is a Tensor, so that a library finds one namespace for all that it computes: ``minigrad.array_api.less(x,
y)`` is a Tensor of bools, where ``x < y`` is a plain array. Numbers become what NumPy makes of them, float64 and int64,
whatever the default dtype of the package is. A function without a gradient formula refuses a tensor that requires one.

>>> x = mg.tensor([1.0, 2.0], requires_grad=True)
>>> xp = x.__array_namespace__()
>>> xp.sum(xp.exp(x)).requires_grad
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import (
    bool,
    complex64,
    complex128,
    e,
    finfo,
    float32,
    float64,
    iinfo,
    inf,
    int8,
    int16,
    int32,
    int64,
    isdtype,
    nan,
    newaxis,
    pi,
    uint8,
    uint16,
    uint32,
    uint64,
)

from minigrad.array_api import fft, linalg, special
from minigrad.array_api.answers import named
from minigrad.array_api.creation import *
from minigrad.array_api.dtypes import astype, can_cast, result_type
from minigrad.array_api.inspection import __array_namespace_info__
from minigrad.array_api.ordering import argsort, broadcast_arrays, clip, sort, take, take_along_axis

_NUMPYS = named(
    np,
    """
    abs acos acosh add asin asinh atan atan2 atanh bitwise_and bitwise_invert bitwise_left_shift bitwise_or
    bitwise_right_shift bitwise_xor ceil conj copysign cos cosh divide equal exp expm1 floor floor_divide greater
    greater_equal hypot imag isfinite isinf isnan less less_equal log log10 log1p log2 logaddexp logical_and logical_not
    logical_or logical_xor maximum minimum multiply negative nextafter not_equal positive pow real reciprocal remainder
    round sign signbit sin sinh sqrt square subtract tan tanh trunc
    matmul matrix_transpose tensordot vecdot
    broadcast_to concat expand_dims flip moveaxis permute_dims repeat reshape roll squeeze stack tile unstack
    argmax argmin count_nonzero nonzero searchsorted where unique_all unique_counts unique_inverse unique_values
    cumulative_prod cumulative_sum max mean min prod std sum var all any diff isin
    """,
)
globals().update(_NUMPYS)

__array_api_version__ = "2024.12"
if TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """The functions that are made by name."""
