"""What authors of gradients take from autograd's file of rules: gradients in the shape and kind of their argument.

The rules of NumPy's own functions are not here: they are rows of this package's table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad.core.graph import sum_to_shape

__all__ = ["balanced_eq", "match_complex", "metadata"]
__all__ += ["repeat_to_match_shape", "replace_zero", "unbroadcast", "unbroadcast_f"]


def metadata(x: Any) -> tuple[tuple[int, ...], int, np.dtype, bool]:
    """Shape, number of axes, dtype, and whether it is complex."""
    dtype = np.result_type(x)
    return np.shape(x), np.ndim(x), dtype, dtype.kind == "c"


def unbroadcast(x: Any, target_meta: tuple[Any, ...], broadcast_idx: int = 0) -> Any:
    """``x`` summed over the axes along which an argument of this ``metadata`` was stretched, real where that is real.

    ``broadcast_idx`` says where the axes are that the argument does not have: in front (0), or at the end (-1).
    """
    shape, axes, _, is_complex = target_meta
    extra = np.ndim(x) - axes
    if extra > 0 and broadcast_idx == -1:
        x = np.sum(x, axis=tuple(range(axes, axes + extra)))
    elif extra > 0 and broadcast_idx:
        raise ValueError(f"broadcast_idx is 0 or -1, got {broadcast_idx}: move the axes first, by np.moveaxis")
    if np.shape(x) != shape and np.ndim(x) >= axes:
        x = sum_to_shape(x, shape)
    return np.real(x) if not is_complex and np.iscomplexobj(x) else x


def unbroadcast_f(target: Any, f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """``f``, a function from the gradient of the result to that of ``target``, in the shape of ``target``.

    >>> import minigrad.compat.autograd.numpy as np
    >>> unbroadcast_f(np.ones(3), lambda g: g * np.ones((2, 3)))(1.0)
    array([2., 2., 2.])
    """
    meta = metadata(target)
    return lambda g: unbroadcast(f(g), meta)


def balanced_eq(x: Any, z: Any, y: Any) -> Any:
    """1 where ``x`` is ``z``, half of it where ``y`` is too, else 0."""
    return (x == z) / (1.0 + (x == y))


def replace_zero(x: Any, val: Any) -> Any:
    """``x``, with ``val`` in place of zeros."""
    return np.where(x, x, val)


def match_complex(target: Any, x: Any) -> Any:
    """``x`` as complex as ``target``: its real part for a real one, complex for a complex one."""
    wanted, is_complex = np.iscomplexobj(target), np.iscomplexobj(x)
    return np.real(x) if is_complex and not wanted else x + 0j if wanted and not is_complex else x


def repeat_to_match_shape(
    g: Any, shape: tuple[int, ...], dtype: Any, axis: int | Sequence[int] | None, keepdims: bool
) -> tuple[Any, int]:
    """The gradient of a reduction over ``axis`` in the shape of its argument, and how many elements went into each."""
    axes = range(len(shape)) if axis is None else [axis] if isinstance(axis, int) else axis
    reduced = sorted(i % len(shape) for i in axes)
    if not keepdims:
        for i in reduced:
            g = np.expand_dims(g, i)
    count = int(np.prod([shape[i] for i in reduced], dtype=np.int64))
    return g + np.zeros(shape, np.result_type(dtype, np.float16)), count
