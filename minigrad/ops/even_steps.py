"""Numbers in even steps, and arrays full of one number, where the numbers are tensors."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from minigrad.core.conversion import alike, as_dtype
from minigrad.core.inplace import cast_into
from minigrad.core.members import anywhere
from minigrad.core.table import derived
from minigrad.errors import HyperparameterError, UnsupportedError
from minigrad.ops.along import given, narrowed, widened
from minigrad.ops.arranging import copy
from minigrad.ops.elementwise import astype

__all__ = ["full_like", "geomspace", "logspace"]


def _ends(start: Any, stop: Any, num: Any) -> tuple[Any, Any, int]:
    """Both ends in one floating dtype, in one shape, and the number of samples."""
    num = operator.index(num)
    if num < 0:
        raise HyperparameterError(f"the number of samples is 0 or more, got {num}")
    start, stop = alike([start, stop])
    dtype = np.result_type(start.dtype, stop.dtype)
    dtype = dtype if dtype.kind in "fc" else np.dtype(float)
    start, stop = np.broadcast_arrays(start, stop)
    return astype(start, dtype), astype(stop, dtype), num


def _samples(z: Any, dtype: Any, axis: int) -> Any:
    """Samples along the first axis, as they were asked for."""
    z = np.moveaxis(z, 0, axis) if axis else z
    if dtype is None:
        return z
    if as_dtype(dtype).kind not in "fc":
        raise UnsupportedError(f"samples of dtype {as_dtype(dtype)} have no gradient: leave the graph with x.data")
    return z.astype(as_dtype(dtype))


@derived(np.linspace)
def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None,
    axis: int = 0,
) -> Any:
    """``num`` numbers at equal distances from ``start`` to ``stop``, along a new ``axis``; both have a gradient.

    ``stop`` is the last of them, or with ``endpoint=False`` the one after. With ``retstep`` the distance comes second.
    Raises ``HyperparameterError`` for a negative number.
    """
    start, stop, num = _ends(start, stop, num)
    ends = start, stop
    start, stop = widened(start), widened(stop)  # as is what adds up all samples' gradients
    divisions = num - 1 if endpoint else num
    real = np.empty(0, start.dtype).real.dtype
    steps = np.arange(num).astype(real).reshape((-1,) + (1,) * start.ndim)
    step = (stop - start) / divisions if divisions > 0 else (stop - start) * math.nan
    if divisions <= 0:
        z = start + steps * (stop - start)
    else:
        # By shares of both ends, so that the last sample is stop itself.
        share = steps / divisions
        z = np.where(share == 1, stop, start + steps * step)
    z, step = _samples(narrowed(z, *ends), dtype, axis), narrowed(step, *ends)
    return (z, step) if retstep else z


@derived(np.logspace)
def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None, axis: int = 0
) -> Any:
    """``base`` to the powers of ``linspace(start, stop, num)``, along a new ``axis``; all three have a gradient."""
    if np.ndim(base):
        base = given(base)
        start, stop, _ = np.broadcast_arrays(*alike([start, stop, base]))
        base = np.expand_dims(np.reshape(base, (1,) * (start.ndim - base.ndim) + base.shape), axis)
    z = np.power(base, linspace(start, stop, num, endpoint, axis=axis))
    return _samples(z, dtype, 0)


@derived(np.geomspace)
def geomspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> Any:
    """``num`` numbers from ``start`` to ``stop`` at equal ratios, along a new ``axis``; both ends have a gradient.

    Both are of one sign, or complex. Raises ``HyperparameterError`` for an end of 0.
    """
    start, stop, num = _ends(start, stop, num)
    if anywhere(start == 0) or anywhere(stop == 0):
        raise HyperparameterError("geomspace goes by ratios, and no ratio leads to 0: give ends that are not 0")
    ratio = stop / start  # of one sign it is positive
    z = start * np.power(ratio, linspace(0.0, np.ones_like(np.real(ratio)), num, endpoint).astype(start.dtype))
    return _samples(z, dtype, axis)


@derived(np.full_like)
def full_like(a: Any, fill_value: Any, dtype: Any = None, order: str = "K", shape: Any = None) -> Any:
    """An array in the shape and dtype of a, or those given, full of ``fill_value``, which has a gradient.

    Like a tensor it is a tensor, which can be filled in place.
    """
    like, a = a, given(a)
    dtype = a.dtype if dtype is None else as_dtype(dtype)
    fill = cast_into(fill_value, dtype) if type(fill_value) is int else astype(alike([a, fill_value])[1], dtype)
    if hasattr(like, "_node") and not hasattr(fill, "_node"):
        fill = np.where(True, fill, np.zeros_like(like, fill.dtype, shape=np.shape(fill)))
    z = np.broadcast_to(fill, a.shape if shape is None else shape)
    return copy(z, "C" if order in ("K", "A") else order)
