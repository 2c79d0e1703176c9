"""Reductions with all of NumPy's options: ``where``, ``initial``, ``dtype``, ``mean``, ``correction``.

The ops themselves have ``axis`` and ``keepdims``, which is most of what is written; the rest is made of them here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.core.conversion import alike, as_array, as_dtype, detached
from minigrad.core.table import taking_options
from minigrad.errors import HyperparameterError, UnsupportedError
from minigrad.ops.along import given, widened
from minigrad.ops.norms import euclidean_norm
from minigrad.ops.selection import maximum, minimum
from minigrad.support.user_warnings import warn


def computed_in(a: Any, dtype: Any) -> Any:
    """a in the dtype in which is computed. Raises ``UnsupportedError`` for one that loses fractions."""
    if dtype is None:
        return given(a)
    dtype = as_dtype(dtype)
    a = given(alike([np.empty(0, dtype), a])[1])  # numbers of Python's take it without a detour
    if dtype.kind not in "fc" or (a.dtype.kind == "c" and dtype.kind == "f"):
        raise UnsupportedError(
            f"{a.dtype} with dtype={dtype} has no gradient: write a floating dtype (of complex numbers a complex one) "
            "or leave the graph on purpose with x.data"
        )
    return a if a.dtype == dtype else a.astype(dtype)


def _mask(where: Any) -> Any:
    return as_array(detached(where)).astype(bool)


def _chosen(a: Any, where: Any, instead: Any) -> Any:
    """a where the mask holds, else a number that changes nothing."""
    return a if where is True else np.where(_mask(where), a, np.asarray(instead, a.dtype)[()])


def _beginning(initial: Any, dtype: np.dtype) -> Any:
    """What a reduction of integers begins with, in their dtype; of other numbers as it is."""
    return initial if dtype.kind in "fc" else as_array(detached(initial)).astype(dtype)


# -- sums and products ------------------------------------------------------------------------------


@taking_options(np.sum)
def _sum(
    a: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Any:
    z = np.sum(_chosen(computed_in(a, dtype), where, 0), axis, keepdims=keepdims)
    return z if initial is None else z + _beginning(initial, z.dtype)


@taking_options(np.prod)
def _prod(
    a: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Any:
    z = np.prod(_chosen(computed_in(a, dtype), where, 1), axis, keepdims=keepdims)
    return z if initial is None else z * _beginning(initial, z.dtype)


def _present(a: Any, where: Any) -> Any:
    """Where a mask holds and a is not NaN."""
    there = ~np.isnan(detached(a))
    return there if where is True else there & _mask(where)


@taking_options(np.nansum)
def _nansum(
    a: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Any:
    return _sum(a, axis, dtype, keepdims, initial, _present(a, where))


@taking_options(np.nanprod)
def _nanprod(
    a: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Any:
    return _prod(a, axis, dtype, keepdims, initial, _present(a, where))


# -- extremes ---------------------------------------------------------------------------------------


def _extreme(reduced: Any, pair: Any, a: Any, axis: Any, keepdims: bool, initial: Any, where: Any, least: bool) -> Any:
    """The extreme of the elements where the mask holds, and of ``initial``."""
    a = given(a)
    if where is not True:
        if initial is None:
            raise HyperparameterError("a maximum or minimum with where= needs initial= too: it may be of no elements")
        a = _chosen(a, where, _end(a.dtype, least))
    if initial is None:
        return reduced(a, axis, keepdims=keepdims)
    if not a.size:  # NumPy's own answer where elements are missing: initial everywhere
        shape = np.max(np.empty(a.shape), axis, keepdims=keepdims, initial=0).shape
        return np.broadcast_to(given(initial), shape).astype(a.dtype) + np.sum(a)
    return pair(reduced(a, axis, keepdims=keepdims), _beginning(initial, a.dtype))


def _end(dtype: np.dtype, least: bool) -> Any:
    """The smallest (or largest) number that there is."""
    if dtype.kind in "fc":
        return -math.inf if least else math.inf
    if dtype.kind == "b":
        return not least
    return np.iinfo(dtype).min if least else np.iinfo(dtype).max


@taking_options(np.max, np.amax)
def _max(a: Any, axis: Any = None, keepdims: bool = False, initial: Any = None, where: Any = True) -> Any:
    return _extreme(np.max, maximum, a, axis, keepdims, initial, where, True)


@taking_options(np.min, np.amin)
def _min(a: Any, axis: Any = None, keepdims: bool = False, initial: Any = None, where: Any = True) -> Any:
    return _extreme(np.min, minimum, a, axis, keepdims, initial, where, False)


@taking_options(np.nanmax)
def _nanmax(a: Any, axis: Any = None, keepdims: bool = False, initial: Any = None, where: Any = True) -> Any:
    return _max(a, axis, keepdims, initial, _present(a, where) if initial is not None else where)


@taking_options(np.nanmin)
def _nanmin(a: Any, axis: Any = None, keepdims: bool = False, initial: Any = None, where: Any = True) -> Any:
    return _min(a, axis, keepdims, initial, _present(a, where) if initial is not None else where)


# -- means and deviations ---------------------------------------------------------------------------


def _count(a: Any, axis: Any, where: Any) -> Any:
    """How many elements go into each result, with the axes that were reduced."""
    mask = True if where is True else _mask(where)
    return np.sum(np.broadcast_to(mask, a.shape), axis, keepdims=True)


def _warn_where(mask: Any, text: str) -> None:
    """A warning where results are NaN. A program of ``mg.compile`` gives none."""
    if type(mask) in (np.ndarray, np.bool_) and np.any(mask):
        warn(text, RuntimeWarning)


def _real_dtype(a: Any) -> np.dtype:
    """The dtype of the parts of a."""
    return np.empty(0, a.dtype).real.dtype


def _without_axes(z: Any, axis: Any, keepdims: bool) -> Any:
    """A result with reduced axes, as it was asked for."""
    if keepdims:
        return z
    z = np.squeeze(z, tuple(range(z.ndim)) if axis is None else axis)
    return z[()] if type(z) is np.ndarray and not z.ndim else z  # a scalar, as NumPy's own reductions give


def _average(a: Any, axis: Any, where: Any, count: Any) -> Any:
    """The mean of what there is; 0 where there is nothing."""
    return np.sum(_chosen(a, where, 0), axis, keepdims=True) / np.maximum(count, 1).astype(_real_dtype(a))


def _fractional(a: Any, dtype: Any) -> Any:
    """a in a floating dtype: that in which is computed, and by default its own, or float64."""
    a = computed_in(a, dtype)
    return a.astype(np.float64) if a.dtype.kind in "iub" else a


def _as_half(z: Any, a: Any, dtype: Any) -> Any:
    """A result in float16, if it was computed from that and nothing else was asked for."""
    half = getattr(a, "dtype", None) == np.float16 if dtype is None else np.dtype(dtype) == np.float16
    return z.astype(np.float16) if half else z


@taking_options(np.mean)
def _mean(a: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False, where: Any = True) -> Any:
    x = widened(_fractional(a, dtype))
    count = _count(x, axis, where)
    _warn_where(count == 0, "Mean of empty slice.")
    z = np.where(count == 0, x.dtype.type(math.nan), _average(x, axis, where, count))
    return _as_half(_without_axes(z, axis, keepdims), a, dtype)


@taking_options(np.nanmean)
def _nanmean(a: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False, where: Any = True) -> Any:
    return _mean(a, axis, dtype, keepdims, _present(a, where))


def _deviations(a: Any, axis: Any, dtype: Any, ddof: Any, correction: Any, where: Any, mean: Any) -> tuple[Any, Any]:
    """What lies between the elements and their mean, and its degrees of freedom, with the axes that were reduced."""
    if correction is not None:
        if ddof:
            raise HyperparameterError("ddof and correction are two names of one option: give one of them")
        ddof = correction
    a = widened(_fractional(a, dtype))
    count = _count(a, axis, where)
    _warn_where(count <= ddof, "Degrees of freedom <= 0 for slice.")
    deviations = a - (_average(a, axis, where, count) if mean is None else mean)
    degrees = np.where(count > ddof, count - ddof, math.nan).astype(_real_dtype(a))
    return _chosen(deviations, where, 0), degrees


@taking_options(np.var)
def _var(
    a: Any, axis: Any = None, dtype: Any = None, ddof: float = 0, keepdims: bool = False, where: Any = True,
    mean: Any = None, correction: Any = None,
) -> Any:
    d, degrees = _deviations(a, axis, dtype, ddof, correction, where, mean)
    # Of real numbers that are computed with as complex ones NumPy squares, and the result is complex.
    squares = np.real(d * np.conjugate(d)) if given(a).dtype.kind == "c" else np.square(d)
    return _as_half(_without_axes(np.sum(squares, axis, keepdims=True) / degrees, axis, keepdims), a, dtype)


@taking_options(np.std)
def _std(
    a: Any, axis: Any = None, dtype: Any = None, ddof: float = 0, keepdims: bool = False, where: Any = True,
    mean: Any = None, correction: Any = None,
) -> Any:
    d, degrees = _deviations(a, axis, dtype, ddof, correction, where, mean)
    shares = d / np.sqrt(degrees)  # NaN before the length is taken, where degrees are: of 0 it has the gradient 0
    length = euclidean_norm(np.abs(shares) if d.dtype.kind == "c" else shares, axis, True)
    if not d.size:  # no share is NaN where there is none
        length = length / degrees
    if given(a).dtype.kind != "c":
        length = length.astype(d.dtype)
    return _as_half(_without_axes(length, axis, keepdims), a, dtype)


def _of_present(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same of the elements that are not NaN."""

    def spread(
        a: Any, axis: Any = None, dtype: Any = None, ddof: float = 0, keepdims: bool = False, where: Any = True,
        mean: Any = None, correction: Any = None,
    ) -> Any:
        return function(a, axis, dtype, ddof, keepdims, _present(a, where), mean, correction)

    return spread


var_of_present = taking_options(np.nanvar)(_of_present(_var))
std_of_present = taking_options(np.nanstd)(_of_present(_std))
