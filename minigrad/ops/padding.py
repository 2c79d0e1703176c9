"""Arrays with a border, in every way of NumPy to fill it.

Modes that copy elements into the border are an index, whose gradient adds up; the others are made of
the operations that calculate what they put there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.core.conversion import as_array, detached, numbers_of
from minigrad.core.primitive import moving
from minigrad.core.table import derived, ops
from minigrad.errors import DTypeError, ShapeError, UnsupportedError
from minigrad.ops.along import given, part
from minigrad.ops.elementwise import astype

__all__ = ["pad"]

Pair = tuple[Any, Any]

_padded: Any = np.pad  # its stub knows the modes one by one


def _inside(shape: tuple[int, ...], pairs: Any) -> tuple[slice, ...]:
    """The index of what was padded, in the result of this shape."""
    return tuple([slice(before, side - after) for side, (before, after) in zip(shape, pairs, strict=True)])


def _pad_constant(array: Any, pad_width: Any, constant_values: Any = 0) -> Any:
    if not np.ndim(array):  # NumPy takes a list of no pairs for one of fractions
        return as_array(array).copy()
    return np.pad(array, pad_width, constant_values=constant_values)


pad_constant = moving(
    _pad_constant, lambda g, array_shape, pad_width: g[_inside(g.shape, _pairs(pad_width, len(array_shape)))],
    analytic=True, doc="The array in a border of constants: ``pad`` in its mode \"constant\".",
)


@derived(np.pad)
def pad(
    array: Any,
    pad_width: Any,
    mode: str = "constant",
    *,
    constant_values: Any = 0,
    end_values: Any = 0,
    stat_length: Any = None,
    reflect_type: str | None = "even",
) -> Any:
    """The array with ``pad_width`` elements before and after it along each axis, filled according to ``mode``.

    ``pad_width`` is an int, (before, after), one pair for each axis, or a dict from axes to either; so are
    ``constant_values`` (mode "constant"; a 0-d tensor too, which then has a gradient), ``end_values``
    ("linear_ramp") and ``stat_length`` ("maximum", "mean", "median", "minimum"). Other modes are "edge", "reflect"
    and "symmetric" (with ``reflect_type`` "even" or "odd"), "wrap", and "empty", here zeros.

    Raises ``ShapeError`` for widths that do not fit the array or are negative, ``DTypeError`` for widths that are not
    integers and values that are no numbers, ``UnsupportedError`` for another mode, or for an option of another mode.
    """
    options = {
        "constant_values": constant_values, "end_values": end_values, "stat_length": stat_length,
        "reflect_type": reflect_type,
    }
    _check_mode(mode, options)
    array = given(array)
    if mode in ("linear_ramp", "mean", "median") and array.dtype.kind not in "fc":
        raise DTypeError(f"np.pad in mode {mode!r} calculates, and the array is of {array.dtype}: write astype(float)")
    pairs = _pairs(pad_width, np.ndim(array))
    if getattr(constant_values, "requires_grad", False) and constant_values.size == 1:
        inside = pad_constant(np.ones(array.shape, bool), pairs)
        return np.where(inside, pad_constant(array, pairs), np.reshape(astype(constant_values, array.dtype), ()))
    if mode in ("constant", "empty"):
        return pad_constant(array, pairs, _checked(constant_values, array.dtype))
    if mode == "linear_ramp":
        ends = _per_axis(_checked(end_values, array.dtype), np.ndim(array))
        return _by_axis(array, pairs, lambda x, axis, pair: _ramp(x, axis, pair, ends[axis]))
    if mode in _STATISTICS:
        lengths = [(None, None)] * np.ndim(array) if stat_length is None else _per_axis(stat_length, np.ndim(array))
        return _by_axis(array, pairs, lambda x, axis, pair: _statistic(x, axis, pair, lengths[axis], mode))
    if reflect_type == "odd":
        return _by_axis(array, pairs, lambda x, axis, pair: _reflect_odd(x, axis, pair, mode))
    return _by_axis(array, pairs, lambda x, axis, pair: _copies(x, axis, pair, mode))


#: What each mode of NumPy may be told.
_OPTIONS: dict[str, str | None] = {
    "constant": "constant_values", "linear_ramp": "end_values", "reflect": "reflect_type", "symmetric": "reflect_type",
    **dict.fromkeys(["maximum", "mean", "median", "minimum"], "stat_length"),
    **dict.fromkeys(["edge", "empty", "wrap"]),
}

#: What the options are where they are not given.
_AT_REST = {"constant_values": 0, "end_values": 0, "stat_length": None, "reflect_type": "even"}

#: The function of the table for each mode. NumPy's own median may round otherwise.
_STATISTICS = {"maximum": "max", "mean": "mean", "median": "median", "minimum": "min"}


def _check_mode(mode: Any, options: dict[str, Any]) -> None:
    if not isinstance(mode, str) or mode not in _OPTIONS:
        raise UnsupportedError(f"np.pad(mode=...) has a gradient in the modes {', '.join(_OPTIONS)}; got {mode!r:.60}")
    for option, value in options.items():
        at_rest = type(value) is type(_AT_REST[option]) and value == _AT_REST[option]
        if not at_rest and option != _OPTIONS[mode]:
            raise UnsupportedError(f"np.pad takes no {option} in mode {mode!r}: leave it out")
    if options["reflect_type"] not in (None, "even", "odd"):
        raise UnsupportedError(f"np.pad takes reflect_type='even' or 'odd', got {options['reflect_type']!r}")


def _checked(values: Any, dtype: Any) -> Any:
    """What a border is filled with, as it is. Raises ``DTypeError`` for what becomes no number of this dtype."""
    known = getattr(values, "dtype", None)  # of a tensor it says enough, also where its numbers are not to be looked at
    numbers_of(np.zeros(0, known) if isinstance(known, np.dtype) else detached(values), dtype)
    return values


def _pairs(pad_width: Any, ndim: int) -> list[tuple[int, int]]:
    """``pad_width`` as a pair of integers for each axis."""
    if isinstance(pad_width, dict):
        widths = [(0, 0)] * ndim
        for axis, width in pad_width.items():
            widths[axis] = _pairs(width, 1)[0]
        return widths
    width = as_array(pad_width)
    if not ndim:
        return []
    if width.dtype.kind not in "iu":
        raise DTypeError(f"pad_width holds integers, got dtype {width.dtype}: {pad_width!r:.60}")
    if (width < 0).any():
        raise ShapeError(f"pad_width is not negative, got {pad_width!r:.60}: write x[1:-1] to cut off")
    return [(before, after) for before, after in _per_axis(width, ndim)]


def _per_axis(values: Any, ndim: int) -> list[Pair]:
    """A number, a pair, or a pair for each axis, as a pair of Python numbers (or None) for each axis."""
    try:
        pairs: list[Pair] = [tuple(pair) for pair in np.broadcast_to(as_array(values), (ndim, 2)).tolist()]
    except ValueError:
        raise ShapeError(
            f"for an array of {ndim} axes np.pad takes a number, (before, after), or {ndim} such pairs, got "
            f"{values!r:.60}"
        ) from None
    return pairs


def _by_axis(array: Any, pairs: list[tuple[int, int]], step: Callable[[Any, int, Pair], Any]) -> Any:
    """One axis after the other, so that a corner is made of the border on an earlier axis."""
    for axis, pair in enumerate(pairs):
        if pair != (0, 0):
            if not np.shape(array)[axis]:
                raise ShapeError(f"an empty axis ({axis}) has nothing to repeat: use the mode 'constant' or 'empty'")
            array = step(array, axis, pair)
    return array if any(map(any, pairs)) else np.copy(array)


def _source(side: int, pair: Pair, mode: str) -> Any:
    """Which element comes where: what NumPy makes of their numbers."""
    return _padded(np.arange(side), pair, mode=mode)


def _copies(x: Any, axis: int, pair: Pair, mode: str) -> Any:
    """Copies of elements on either side. The inside is not among them: its gradient is a slice, and theirs are few."""
    side, before = np.shape(x)[axis], pair[0]
    source = _source(side, pair, mode)
    sides = [np.take(x, part, axis) for part in (source[:before], source[before + side :])]
    return np.concatenate([sides[0], x, sides[1]], axis)


def _along(values: Any, axis: int, x: Any) -> Any:
    """Numbers along one axis of x, in its dtype, to broadcast with it."""
    return np.reshape(numbers_of(values, x.dtype), (-1,) + (1,) * (np.ndim(x) - axis - 1))


def _ramp(x: Any, axis: int, pair: Pair, ends: Pair) -> Any:
    """In equal steps from an end value to the edge."""
    (before, after), (first, last) = pair, ends
    up = _along(np.arange(before), axis, x)
    down = _along(np.arange(after)[::-1], axis, x)
    left = first + (part(x, axis, None, 1) - first) / max(before, 1) * up
    right = last + (part(x, axis, -1, None) - last) / max(after, 1) * down
    return np.concatenate([left, x, right], axis)


def _statistic(x: Any, axis: int, pair: Pair, lengths: Pair, mode: str) -> Any:
    """A statistic of the elements next to the border, or of all."""
    side = np.shape(x)[axis]
    first, last = [side if length is None else min(length, side) for length in lengths]
    if min(first, last) < 1:
        raise ShapeError(f"np.pad takes a stat_length of at least 1, got {lengths}")
    of = ops[_STATISTICS[mode]]
    left = of(part(x, axis, None, first), axis=axis, keepdims=True)
    right = left if first == last == side else of(part(x, axis, side - last, None), axis=axis, keepdims=True)
    shape = np.shape(left)
    borders = [
        np.broadcast_to(part, (*shape[:axis], width, *shape[axis + 1 :]))
        for part, width in zip((left, right), pair, strict=True)
    ]
    return np.concatenate([borders[0], x, borders[1]], axis)


def _reflect_odd(x: Any, axis: int, pair: Pair, mode: str) -> Any:
    """Reflected at the edges in both directions: 2 edge - x, and so on if the border is longer than the array.

    So each element of the border is a combination of the first, the last and one other. Its three coefficients
    come from what NumPy makes of arrays that are 1 at the first, at the last and everywhere.
    """
    side = np.shape(x)[axis]
    source = _source(side, pair, mode)
    if side == 1:
        return np.take(x, source, axis)
    probes = np.zeros((3, side), np.float64)
    probes[0, 0] = probes[1, -1] = probes[2] = 1
    of_first, of_last, of_all = _padded(probes, ((0, 0), pair), mode=mode, reflect_type="odd")
    of_other = of_all - of_first - of_last
    before = pair[0]
    border = np.delete(np.arange(side + sum(pair)), slice(before, before + side))
    z = _along(of_other[border], axis, x) * np.take(x, source[border], axis)
    for weights, edge in ((of_first, part(x, axis, None, 1)), (of_last, part(x, axis, -1, None))):
        z = z + _along(weights[border], axis, x) * edge
    return np.concatenate([part(z, axis, None, before), x, part(z, axis, before, None)], axis)
