"""``convolve`` over chosen axes, with gradients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import minigrad.compat.autograd.numpy as anp
from minigrad.errors import ShapeError, UnsupportedError
from minigrad.nn import functional as F

__all__ = ["convolve"]

Axes = Sequence[Sequence[int]]


def convolve(A: Any, B: Any, axes: Axes | None = None, dot_axes: Axes = ((), ()), mode: str = "full") -> Any:
    """The convolution of ``A`` and ``B`` over up to three axes, with autograd's arguments.

    ``axes`` are the axes of A and those of B to convolve, by default all; ``dot_axes`` those to sum over in pairs. The
    result has the axes of A that are left, then those of B, then the convolved ones. ``mode`` is "full", "valid" (the
    smaller inside the larger) or "same" (the sizes of A).
    """
    A, B = anp.array(A), anp.array(B)
    if anp.iscomplexobj(A) or anp.iscomplexobj(B):
        parts = [[convolve(a, b, axes, dot_axes, mode) for b in _parts(B)] for a in _parts(A)]
        return parts[0][0] - parts[1][1] + 1j * (parts[0][1] + parts[1][0])
    chosen = (range(A.ndim), range(A.ndim)) if axes is None else axes
    x, kept_x = _in_groups(A, chosen[0], dot_axes[0])
    w, kept_w = _in_groups(B, chosen[1], dot_axes[1])
    count, sizes, widths = x.ndim - 2, x.shape[2:], w.shape[2:]
    if not count:
        return anp.reshape(x @ w.T, (*kept_x, *kept_w))
    if count > 3 or len(sizes) != len(widths):
        raise UnsupportedError(f"convolve goes over up to three axes of both arrays, got axes={axes}")
    smaller = [width <= size for size, width in zip(sizes, widths, strict=True)]
    if mode == "valid" and not all(smaller):
        if any(width < size for size, width in zip(sizes, widths, strict=True)):
            raise ShapeError(f"with mode='valid' one array is inside the other, got sizes {sizes} and {widths}")
        result = anp.swapaxes(_slid(w, x, [(0, 0)] * count), 0, 1)
    else:
        result = _slid(x, w, [_padding(width, mode) for width in widths])
    return anp.reshape(result, (*kept_x, *kept_w, *result.shape[2:]))


def _parts(x: Any) -> list[Any]:
    return [anp.real(x), anp.imag(x)]


def _in_groups(x: Any, convolved: Sequence[int], summed: Sequence[int]) -> tuple[Any, tuple[int, ...]]:
    """``x`` of shape (what is left, what is summed, *sizes), and the sizes of what is left."""
    convolved, summed = [axis % x.ndim for axis in convolved], [axis % x.ndim for axis in summed]
    left = [axis for axis in range(x.ndim) if axis not in convolved and axis not in summed]
    free, gone, sizes = ([x.shape[axis] for axis in group] for group in (left, summed, convolved))
    grouped = anp.reshape(anp.transpose(x, (*left, *summed, *convolved)), (math.prod(free), math.prod(gone), *sizes))
    return grouped, tuple(free)


def _padding(width: int, mode: str) -> tuple[int, int]:
    """Zeros before and after an axis of the first array."""
    before = {"full": width - 1, "valid": 0, "same": width // 2}
    if mode not in before:
        raise ValueError(f"mode is 'full', 'valid' or 'same', got {mode!r}")
    return before[mode], width - 1 if mode == "full" else (width - 1) // 2 if mode == "same" else 0


def _slid(x: Any, w: Any, padding: list[tuple[int, int]]) -> Any:
    """The windows of x times w, backwards."""
    x = anp.pad(x, [(0, 0), (0, 0), *padding]) if any(map(any, padding)) else x
    slide = (F.conv1d, F.conv2d, F.conv3d)[len(padding) - 1]
    return slide(x, np.flip(w, tuple(range(2, w.ndim))))
