"""Operations that choose between elements: maximum, clip, where. What was not chosen gets no gradient.

At a kink a formula gives a value inside the subdifferential: 0 for ``relu`` and ``abs``, an even share for
tied ``maximum`` and ``minimum``, 1 for ``clip`` at its bounds.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad.core.conversion import as_array, read_only
from minigrad.core.members import is_true
from minigrad.core.primitive import elementwise, routing
from minigrad.core.table import Primitive, derived
from minigrad.errors import DTypeError, ShapeError
from minigrad.ops.along import given
from minigrad.ops.lengths import per_length

__all__ = [
    "abs", "clip", "copysign", "fmax", "fmin", "maximum", "minimum", "nan_to_num", "relu", "select", "where",
]


def _keep(x: Any, mask: Any) -> Any:
    flat = as_array(x).ravel("K")  # a view in any layout without gaps
    if is_true(np.vdot(flat, flat) < math.inf, np.all):
        return x * mask  # three times faster than np.where on a random mask, and equal to it ...
    return np.where(mask, x, 0)  # ... unless there is an inf or NaN to be masked: inf * 0 is NaN


keep: Primitive = routing(
    _keep, lambda g, mask: keep(g, mask),
    name="keep", doc="x where mask holds, else 0, with nothing of what is masked.",
)


def _relu(x: Any) -> Any:
    # Two arrays are compared with SIMD; np.maximum with a scalar 0 takes twice as long.
    x = x if type(x) is np.ndarray else as_array(x)
    if not x.flags.c_contiguous:  # in x's layout of memory: after a convolution the batch comes last, and stays there
        return np.maximum(x, np.zeros_like(x))
    return np.maximum(x, _zeros(x.shape, x.dtype) if x.size <= _KEPT else np.zeros(x.shape, x.dtype))


#: Elements up to which zeros are kept for the next call: to make them anew takes a quarter of the time of ``relu``.
_KEPT = 65_536


@functools.lru_cache(maxsize=8)
def _zeros(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    return read_only(np.zeros(shape, dtype))


#: Not z > 0: where NaN is the result, it has the gradient.
relu = routing(_relu, lambda g, z: keep(g, z != 0), real=True, doc="max(x, 0)")


def _share(g: Any, x: Any, y: Any, wins: Any) -> Any:
    """The share of ``g`` for x against y: all where it wins, half where they are equal, else nothing."""
    return np.where(x == y, g / 2, keep(g, wins))


maximum = routing(
    np.maximum,
    lambda g, x, y: _share(g, x, y, (x > y) | np.isnan(x)), lambda g, x, y: _share(g, y, x, (y > x) | np.isnan(y)),
    doc="The larger of x and y; NaN if one is. Where they are equal, each has half of the gradient.",
)
minimum = routing(
    np.minimum,
    lambda g, x, y: _share(g, x, y, (x < y) | np.isnan(x)), lambda g, x, y: _share(g, y, x, (y < x) | np.isnan(y)),
    doc="The smaller of x and y; NaN if one is. Where they are equal, each has half of the gradient.",
)
fmax = routing(
    np.fmax,
    lambda g, x, y: _share(g, x, y, (x > y) | np.isnan(y)), lambda g, x, y: _share(g, y, x, (y > x) | np.isnan(x)),
    doc="The larger of x and y, the other one if one is NaN. Where they are equal, each has half of the gradient.",
)
fmin = routing(
    np.fmin,
    lambda g, x, y: _share(g, x, y, (x < y) | np.isnan(y)), lambda g, x, y: _share(g, y, x, (y < x) | np.isnan(x)),
    doc="The smaller of x and y, the other one if one is NaN. Where they are equal, each has half of the gradient.",
)


def _outward(g: Any, x: Any) -> Any:
    """g times the slope of |x|: the sign of x, 0 at 0; in the complex plane its conjugate, since dL = Re(g dz)."""
    return per_length(np.conjugate(x), g, np.abs(x)) if x.dtype.kind == "c" else g * np.sign(x)


abs = elementwise(
    np.absolute, lambda g, x: _outward(g, x),
    name="abs", holomorphic=True, doc="The absolute value of x.",
)


def _below(x: Any, bound: Any) -> Any:
    """Whether x < bound, where no bound at all is never above x."""
    return False if bound is None else x < bound


def _above(x: Any, bound: Any) -> Any:
    """Whether x > bound, where no bound at all is never below x, nor x above it."""
    return False if bound is None or x is None else x > bound


clip = routing(
    lambda a, a_min=None, a_max=None: np.clip(a, a_min, a_max),
    lambda g, a, a_min, a_max: np.where(_below(a, a_min) | _above(a, a_max), 0, g),
    lambda g, a, a_min, a_max: np.where(_below(a, a_min) & np.logical_not(_above(a_min, a_max)), g, 0),
    lambda g, a, a_min, a_max: np.where(_above(a, a_max) | _above(a_min, a_max), g, 0),
    name="clip", numpy=(np.clip,),
    doc="a limited to [a_min, a_max]; a bound of None is none. The gradient at a bound goes to a.",
)


copysign = elementwise(
    np.copysign, lambda g, z, x: g * (np.sign(x) * np.sign(z)), lambda g: np.zeros(g.shape, g.dtype),
    doc="The size of x with the sign of y. The gradient with respect to x at 0 is 0, that with respect to y always.",
)


nan_to_num = routing(
    lambda x, *, nan=0.0, posinf=None, neginf=None: np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf),
    lambda g, x: keep(g, np.isfinite(x)),
    name="nan_to_num", numpy=(np.nan_to_num,),
    doc="x with numbers for NaN (0) and infinity (the largest of the dtype); what was replaced has the gradient 0.",
)

# -- by conditions ------------------------------------------------------------------------------


_either = routing(
    lambda condition, x, y: np.where(condition, x, y),
    None, lambda g, condition: np.where(condition, g, 0), lambda g, condition: np.where(condition, 0, g),
    name="where", analytic=True, doc="x where the condition holds, else y.",
)


@derived(np.where)
def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    """x where the condition holds, else y; of a condition alone the indices where it holds, as ``np.nonzero`` has them.

    The three broadcast together. Raises ``DTypeError`` for one of x and y without the other.

    >>> mg.where(np.array([True, False]), mg.tensor([1.0, 2.0]), 0.0)
    tensor([1., 0.])
    """
    if x is None and y is None:
        return np.nonzero(condition)
    if x is None or y is None:
        raise DTypeError("where takes both x and y, or neither: write where(condition, x, y)")
    return _either(condition, x, y)


@derived(np.select)
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    """For each element the choice of the first condition that holds, else ``default``; all broadcast together.

    Raises ``ShapeError`` for lists that are empty or of different lengths, ``DTypeError`` for a condition that is not
    of bools.
    """
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ShapeError(
            f"select takes one choice for each condition, got {len(condlist)} conditions and {len(choicelist)} choices"
        )
    for number, dtype in enumerate([given(condition).dtype for condition in condlist]):
        if dtype.kind != "b":
            raise DTypeError(f"select: condition {number} is of dtype {dtype}, expected bool: write x != 0")
    z = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        z = where(condition, choice, z)
    return z
