"""Convolutions of arrays of any number of axes, with the arguments of ``scipy.signal``."""

from __future__ import annotations

import math
import operator
from typing import Any, Literal

import numpy as np

from minigrad.core.failures import named
from minigrad.errors import ShapeError
from minigrad.ops.along import together
from minigrad.typing import Ints

__all__ = ["convolve", "correlate", "fftconvolve"]

Mode = Literal["full", "same", "valid"]
Method = Literal["auto", "direct", "fft"]

#: Up to as many elements of the smaller array they are added up one by one, which keeps all digits.
_FEW = 64


def _quick(n: int) -> int:
    """The next product of factors 2, 3 and 5: a Fourier transform of that size is quick."""
    while True:
        rest = n
        for factor in (2, 3, 5):
            while rest % factor == 0 and rest > 1:
                rest //= factor
        if rest <= 1:
            return n
        n += 1


def _arrays(a: Any, v: Any) -> list[Any]:
    """Two arrays; whole numbers stay whole."""
    if all(np.asarray(x).dtype.kind in "iub" if not hasattr(x, "dtype") else x.dtype.kind in "iub" for x in (a, v)):
        return [np.asarray(x) if not hasattr(x, "dtype") else x for x in (a, v)]
    return together(a, v)


def _check_shapes(name: str, a: Any, v: Any, mode: str) -> None:
    if a.ndim != v.ndim:
        raise ShapeError(f"{name} takes arrays of as many axes, got shapes {a.shape} and {v.shape}")
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"mode is 'full', 'same' or 'valid', got {mode!r}")


def _part(full: Any, a_shape: Any, v_shape: Any, mode: str, axes: Any) -> Any:
    """The part of a full convolution: all of it, the middle of the size of a, or where both overlap wholly."""
    if mode == "full":
        return full
    index = [slice(None)] * full.ndim
    larger = all(a_shape[axis] >= v_shape[axis] for axis in axes)
    if mode == "valid" and not larger and not all(v_shape[axis] >= a_shape[axis] for axis in axes):
        raise ShapeError(
            f"mode='valid' takes one array that is at least as large along every axis, got {a_shape} and {v_shape}"
        )
    for axis in axes:
        m, n = a_shape[axis], v_shape[axis]
        size = m if mode == "same" else max(m, n) - min(m, n) + 1
        start = (full.shape[axis] - size) // 2
        index[axis] = slice(start, start + size)
    return full[tuple(index)]


@named
def fftconvolve(in1: Any, in2: Any, mode: Mode = "full", axes: Ints | None = None) -> Any:
    """The convolution of two arrays by Fourier transforms, along ``axes`` or all; others broadcast.

    ``mode`` "same" gives the middle, along ``axes`` of the size of ``in1``, and "valid" where both overlap wholly.
    Errors are those of rounding, relative to the largest element. Raises ``ShapeError``.

    >>> mg.signal.fftconvolve(mg.ones((4, 4)), mg.ones((2, 2)), mode="valid").shape
    (3, 3)
    """
    a, v = together(in1, in2)
    _check_shapes("fftconvolve", a, v, mode)
    if a.ndim == 0:
        return a * v
    chosen = range(a.ndim) if axes is None else np.atleast_1d(axes)
    along = [operator.index(axis) % a.ndim for axis in chosen]
    if not math.prod(a.shape) or not math.prod(v.shape):
        return np.zeros(0, np.result_type(a.dtype, v.dtype))
    sizes = [a.shape[axis] + v.shape[axis] - 1 for axis in along]
    quick = [_quick(n) for n in sizes]
    full: Any
    if np.iscomplexobj(a) or np.iscomplexobj(v):
        full = np.fft.ifftn(np.fft.fftn(a, quick, along) * np.fft.fftn(v, quick, along), quick, along)
    else:
        full = np.fft.irfftn(np.fft.rfftn(a, quick, along) * np.fft.rfftn(v, quick, along), quick, along)
    index = [slice(None)] * a.ndim
    for axis, n in zip(along, sizes, strict=True):
        index[axis] = slice(0, n)
    dtype = np.result_type(a.dtype, v.dtype)
    return _part(full[tuple(index)].astype(dtype), a.shape, v.shape, mode, along)


@named
def convolve(in1: Any, in2: Any, mode: Mode = "full", method: Literal["auto", "direct", "fft"] = "auto") -> Any:
    """The convolution of two arrays of as many axes, by sums of products or by Fourier transforms.

    ``method`` "auto" takes transforms unless one array is small. Whole numbers are added up as they are. ``mode`` and
    errors as in ``fftconvolve``.

    >>> mg.signal.convolve(mg.tensor([1.0, 2.0, 3.0]), mg.tensor([1.0, 1.0]), mode="same")
    tensor([1., 3., 5.])
    """
    a, v = _arrays(in1, in2)
    _check_shapes("convolve", a, v, mode)
    if method not in ("auto", "direct", "fft"):
        raise ValueError(f"method is 'auto', 'direct' or 'fft', got {method!r}")
    few = min(math.prod(a.shape), math.prod(v.shape)) <= _FEW
    whole = a.dtype.kind in "iub" and v.dtype.kind in "iub"
    if method == "fft" or (method == "auto" and not few and not whole):
        return fftconvolve(a, v, mode)
    if a.ndim == 0:
        return a * v
    if not math.prod(a.shape) or not math.prod(v.shape):
        return np.zeros(0, np.result_type(a.dtype, v.dtype))
    axes = range(a.ndim)
    full = np.convolve(a, v) if a.ndim == 1 else _sum_of_shifts(a, v)
    return _part(full, a.shape, v.shape, mode, axes)


def _sum_of_shifts(a: Any, v: Any) -> Any:
    """The larger array, moved and multiplied, once for each element of the smaller."""
    if math.prod(v.shape) > math.prod(a.shape):
        a, v = v, a
    total: Any = 0
    for index in np.ndindex(v.shape):
        room = [(i, n - 1 - i) for i, n in zip(index, v.shape, strict=True)]
        total = total + np.pad(a, room) * v[index]
    return total


@named
def correlate(in1: Any, in2: Any, mode: Mode = "full", method: Literal["auto", "direct", "fft"] = "auto") -> Any:
    """The correlation of two arrays: the convolution of ``in1`` with ``in2`` reversed and conjugated.

    >>> mg.signal.correlate(mg.tensor([1.0, 2.0, 3.0]), mg.tensor([1.0, 1.0]), mode="valid")
    tensor([3., 5.])
    """
    a, v = _arrays(in1, in2)
    return convolve(a, np.conjugate(v[(slice(None, None, -1),) * v.ndim]), mode, method)
