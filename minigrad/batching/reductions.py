"""Rules for functions along axes: counted from the end, an axis of a member is the same axis of all members."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from minigrad.batching.rules import RULES, aligned, made, mine
from minigrad.core.batches import Batch

#: What no axis means: all of them, the elements in a row, the last one.
ALL, FLAT, LAST = "all", "flat", "last"


def from_end(axis: Any, ndim: int) -> Any:
    """An axis, or several, of a member, as counted from the end. Raises ``AxisError`` for one out of range."""
    axes = normalize_axis_tuple(axis, ndim)
    if np.iterable(axis):  # a tuple, a list, a range, an array
        return tuple([a - ndim for a in axes])
    return axes[0] - ndim


def _along(function: Any, position: int, none: str, default: Any = None, key: Any = None) -> None:
    """Register a function of one array with an axis as its argument number ``position``, and what None means."""

    def answer(batch: Batch, *args: Any, **options: Any) -> Any:
        a, rest = args[0], list(args[1:])
        out, where = options.pop("out", None), options.get("where", True)
        if not mine(batch, a) or out is not None:
            return NotImplemented
        if len(rest) >= position:
            axis = rest[position - 1]
        else:
            axis = options.pop("axis", default)
        array = a.array
        if axis is None and none == FLAT:
            if options.get("keepdims"):
                return NotImplemented
            array, axis = np.reshape(array, (array.shape[0], a.size)), -1
        elif axis is None:
            axis = tuple(range(-a.ndim, 0))
        elif not a.ndim:
            return NotImplemented  # NumPy takes axis 0 or -1 of a number
        else:
            axis = from_end(axis, a.ndim)
        if where is not True:
            options["where"] = aligned(batch, (where,), a.ndim)[0]
        if any(mine(batch, x) for x in rest) or mine(batch, options.get("initial")):
            return NotImplemented
        if len(rest) >= position:
            rest[position - 1] = axis
            return made(batch, function(array, *rest, **options))
        return made(batch, function(array, *rest, axis=axis, **options))

    RULES[function if key is None else key] = answer


for _name in """
    sum prod mean var std max min amax amin all any nansum nanprod nanmean nanvar nanstd nanmax nanmin ptp
    count_nonzero median nanmedian
    """.split():
    _along(getattr(np, _name), 1, ALL)
for _name in "argmax argmin nanargmax nanargmin cumsum cumprod nancumsum nancumprod".split():
    _along(getattr(np, _name), 1, FLAT)
for _name in "cumulative_sum cumulative_prod".split():  # of NumPy 2.1
    if hasattr(np, _name):
        _along(getattr(np, _name), 1, FLAT)
for _name in "sort argsort".split():
    _along(getattr(np, _name), 1, FLAT, -1)
for _name in "partition argpartition".split():
    _along(getattr(np, _name), 2, FLAT, -1)
_along(np.flip, 1, ALL)
_along(np.unwrap, 2, ALL, -1)
_along(np.diff, 2, ALL, -1)
for _name in "fft ifft rfft irfft hfft ihfft".split():
    _along(getattr(np.fft, _name), 2, ALL, -1)

#: The reductions of ufuncs: of axis 0 unless another is given.
_UFUNCS = """
    add multiply maximum minimum fmax fmin logical_and logical_or logaddexp bitwise_and bitwise_or bitwise_xor
    """.split()
for _name in _UFUNCS:
    _along(getattr(np, _name).reduce, 1, ALL, 0, (getattr(np, _name), "reduce"))
    _along(getattr(np, _name).accumulate, 1, ALL, 0, (getattr(np, _name), "accumulate"))


def _over_axes(function: Any, default: Any = None) -> None:
    """Register a Fourier transform of several axes, all of them if none is named."""

    def answer(batch: Batch, a: Any, s: Any = None, axes: Any = default, norm: Any = None, out: Any = None) -> Any:
        if not mine(batch, a) or out is not None:
            return NotImplemented
        if axes is None:
            axes = range(-(a.ndim if s is None else len(s)), 0)
        return made(batch, function(a.array, s, from_end(tuple(axes), a.ndim), norm))

    RULES[function] = answer


for _name in "fftn ifftn rfftn irfftn".split():
    _over_axes(getattr(np.fft, _name))
for _name in "fft2 ifft2 rfft2 irfft2".split():
    _over_axes(getattr(np.fft, _name), (-2, -1))
for _name in "fftshift ifftshift".split():
    _along(getattr(np.fft, _name), 1, ALL)
