"""Reading and writing at chosen places: take, index_set, compress, interpolation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minigrad.core.conversion import as_array, detached
from minigrad.core.inplace import cast_into
from minigrad.core.masks import mask_over
from minigrad.core.members import anywhere, batches_made, for_all
from minigrad.core.primitive import routing
from minigrad.core.stands import shown
from minigrad.core.table import Primitive, derived
from minigrad.errors import DTypeError, HyperparameterError, ShapeError
from minigrad.kernels import scattering as kernels
from minigrad.ops.along import given, in_dtype, require_real
from minigrad.ops.indexing import getitem, put, read, refitted

__all__ = ["choose", "compress", "extract", "index_add", "index_set", "interp", "take", "take_along_axis"]

Shape = tuple[int, ...]


# -- read ---------------------------------------------------------------------------------------


def _untake(g: Any, shape: Shape, indices: Any, axis: int | None, mode: str) -> Any:
    """The elements added up at the places they were taken from."""
    if axis is None or not shape:
        return np.reshape(_untake(g, (math.prod(shape),), indices, 0, mode), shape)
    axis %= len(shape)
    return put(g, (slice(None),) * axis + (_in_range(indices, shape[axis], mode),), shape)


def _in_range(indices: Any, side: int, mode: str) -> Any:
    indices = as_array(indices).astype(np.intp, copy=False)  # an empty list would be one of floats
    if mode in _RAISING:
        return indices  # NumPy has checked them
    if mode not in (*_WRAPPING, *_CLIPPING):  # an older NumPy takes "w" too, with a DeprecationWarning
        raise HyperparameterError(f"take: mode is 'raise', 'wrap' or 'clip', got {mode!r}")
    return indices % side if mode in _WRAPPING else np.clip(indices, 0, side - 1)


#: The modes of NumPy's take by all of their names: there are numbers of its C code among them.
_RAISING, _WRAPPING, _CLIPPING = ("raise", 2, None), ("wrap", 1), ("clip", 0)


take = routing(
    lambda a, indices, axis=None, mode="raise":
        for_all(np.take, a, indices, axis, mode=mode) if batches_made else np.take(a, indices, axis, mode=mode),
    lambda g, a_shape, indices, axis, mode: _untake(g, a_shape, indices, axis, mode),
    name="take", numpy=(np.take,), analytic=True,
    doc="The elements at integer ``indices`` (of any shape) along ``axis``, or of all in order if it is None. ``mode`` "
    "says what to do with an index out of range: \"raise\", \"wrap\" or \"clip\", where a negative index counts as 0.",
)


def _mesh(shape: Shape, axis: int, indices: Any) -> tuple[Any, ...]:
    """The index that reads ``indices`` along ``axis``, and along the other axes what lies in the same place."""
    ndim = len(shape)
    others = [np.arange(side).reshape((1,) * a + (side,) + (1,) * (ndim - a - 1)) for a, side in enumerate(shape)]
    return (*others[:axis], indices, *others[axis + 1 :])


@derived(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Any:
    """For each place of ``indices`` the element of ``arr`` that it names along ``axis``; of all in order if None.

    ``indices`` are integers with as many axes as ``arr``, such as ``np.argsort`` gives them; the other axes broadcast.
    Raises ``ShapeError`` for another number of axes, ``DTypeError`` for indices that are not integers.
    """
    indices = as_array(detached(indices))
    if axis is None:
        arr, axis = np.ravel(arr), 0
    if indices.dtype.kind not in "iu":
        raise DTypeError(f"take_along_axis takes integers as indices, got dtype {indices.dtype}")
    if indices.ndim != np.ndim(arr):
        raise ShapeError(
            f"take_along_axis takes indices with as many axes as the array, got shapes {np.shape(arr)} and "
            f"{indices.shape}: expand_dims the indices, or write mg.take"
        )
    axis = normalize_axis_index(axis, indices.ndim)
    return getitem(arr, _mesh(np.shape(arr), axis, indices))


@derived(np.compress)
def compress(condition: Any, a: Any, axis: int | None = None) -> Any:
    """The parts of ``a`` along ``axis`` for which the vector ``condition`` holds; flattened first if it is None.

    A shorter condition is taken for False at the end. Raises ``ShapeError`` if it is no vector.
    """
    if axis is None:
        a, axis = np.ravel(a), 0
    axis = normalize_axis_index(axis, np.ndim(a))
    condition = as_array(detached(condition))
    if condition.ndim != 1:
        raise ShapeError(f"compress takes a vector as condition, got shape {condition.shape}: write x[condition]")
    mask = np.zeros(np.shape(a)[axis], bool)
    mask[np.flatnonzero(condition)] = True
    return getitem(a, (slice(None),) * axis + (mask,))


@derived(np.extract)
def extract(condition: Any, arr: Any) -> Any:
    """The elements of ``arr`` for which the condition, of as many elements, holds, as a vector."""
    return compress(np.ravel(detached(condition)), arr)


@derived(np.choose)
def choose(a: Any, choices: Sequence[Any], mode: str = "raise") -> Any:
    """At each place the element of ``choices[a]`` there; all broadcast together. ``mode`` is as in ``take``.

    Raises ``IndexError`` for an a that chooses nothing.
    """
    number = as_array(detached(a))
    if number.dtype.kind not in "iub":
        raise DTypeError(f"choose takes integers that say which array, got dtype {number.dtype}")
    if mode not in (*_RAISING, *_WRAPPING, *_CLIPPING):
        raise HyperparameterError(f"choose: mode is 'raise', 'wrap' or 'clip', got {mode!r:.60}")
    number, *arrays = np.broadcast_arrays(number, *choices)
    if mode not in _RAISING:
        number = _in_range(number, len(arrays), mode)
    elif anywhere((number < 0) | (number >= len(arrays))):
        got = shown(detached(a))
        raise IndexError(f"choose of {len(arrays)} arrays takes numbers from 0 to {len(arrays) - 1}, got {got!r:.60}")
    return take_along_axis(np.stack(arrays), number.astype(np.intp)[None], 0)[0]


# -- write --------------------------------------------------------------------------------------


def _unwritten_part(g: Any, index: Any, value_shape: Shape) -> Any:
    """The gradient at ``index``, of the values that were not written over."""
    z = read(g, index)
    if kernels.may_repeat(index):
        z = np.where(kernels.is_last(index, g.shape).reshape(z.shape), z, 0)
    return refitted(z, value_shape)


_write: Primitive = routing(
    kernels.index_set,
    lambda g, index: _write(g, 0, index),
    lambda g, index, value_shape: _unwritten_part(g, index, value_shape),
    name="index_set", analytic=True, doc="x with ``value`` in place of its elements at ``index``.",
)


@derived()
def index_set(x: Any, index: Any | None, value: Any) -> Any:
    """x with ``value`` in place of its elements at ``index``: what ``x[index] = value`` would make of it.

    ``index`` is any that NumPy accepts, ``value`` broadcasts to what it reads and is cast to the dtype of x. If the
    index names an element more than once, the last value in order stays, and has the gradient. Raises ``DTypeError``
    for values that the dtype of x does not hold, such as fractions in an array of integers.

    >>> mg.index_set(mg.zeros(3), 1, mg.tensor(5.0))
    tensor([0., 5., 0.])
    """
    x, index = given(x), detached(index)
    value = cast_into(value, x.dtype)
    mask = mask_over(index, x.shape, value)
    return _write(x, value, index) if mask is None else np.where(mask, value, x)


@derived()
def index_add(x: Any, index: Any | None, value: Any) -> Any:
    """x with ``value`` added to its elements at ``index``, once for each time that it names them.

    ``index`` and ``value`` are as in ``index_set``, and so are the errors.
    """
    x = given(x)
    return np.add(x, put(cast_into(value, x.dtype), detached(index), x.shape))


# -- between ------------------------------------------------------------------------------------


@derived(np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: float | None = None) -> Any:
    """The values at x of the straight lines that join the points (xp, fp), where xp increases.

    Below and above all of xp they are ``left`` and ``right``, by default the first and last fp. With a ``period``,
    xp need not be in order, and both sides are joined. x, xp, fp, left and right have gradients. The function at a
    point of xp is that to its right: its slope there, and 0 at the last one. The dtype is that of the arguments (NumPy
    answers in float64). Raises ``ShapeError`` for points that are no vectors of one size, or none at all,
    ``HyperparameterError`` for a period of 0.
    """
    if np.ndim(xp) != 1 or np.shape(xp) != np.shape(fp) or not np.size(xp):
        raise ShapeError(f"interp takes xp and fp as vectors of one size, got {np.shape(xp)} and {np.shape(fp)}")
    require_real("interp", x, xp)
    x, xp, fp = (given(a) if hasattr(a, "dtype") else a for a in (x, xp, fp))
    floats = [a.dtype for a in (x, xp, fp) if hasattr(a, "dtype") and a.dtype.kind in "fc"]
    dtype = np.result_type(*floats).type(0).real.dtype if floats else np.dtype(float)
    x, xp, fp = (a if hasattr(a, "dtype") and a.dtype.kind in "fc" else in_dtype(a, dtype) for a in (x, xp, fp))
    if period is not None:
        x, xp, fp, left, right = *_periodic(x, xp, fp, period), None, None
    first, last, side = detached(xp[0]), detached(xp[-1]), np.size(xp)
    below, above = x < first, x >= last
    between = np.where(below | above, first, x)
    # The index of a line, that of NaN too, which is above nothing and is found at the end.
    line = np.clip(np.searchsorted(xp, between, side="right") - 1, 0, max(side - 2, 0))
    after = np.minimum(line + 1, side - 1)
    start, end, low = read(xp, line), read(xp, after), read(fp, line)
    rise = read(fp, after) - low
    z = low + (between - start) * (rise / np.where(start == end, 1, end - start))
    z = np.where(below, fp[0] if left is None else left, z)
    return np.where(above, fp[-1] if right is None else np.where(x == last, fp[-1], right), z)


def _periodic(x: Any, xp: Any, fp: Any, period: float) -> tuple[Any, Any, Any]:
    """x and the points in one period, and before and after them a point of the next ones."""
    period = abs(period)
    if not period:
        raise HyperparameterError("interp takes a period other than 0")
    x, xp = (a + (detached(a) % period - detached(a)) for a in (x, xp))
    order = np.argsort(xp)
    xp, fp = xp[order], fp[order]
    return x, np.concatenate([xp[-1:] - period, xp, xp[:1] + period]), np.concatenate([fp[-1:], fp, fp[:1]])
