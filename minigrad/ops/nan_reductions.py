"""Reductions that leave out NaN. A NaN that is left out has the gradient 0."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.core.primitive import primitive, routing
from minigrad.ops.along import narrowed, widened
from minigrad.ops.reductions import expanded, of_any_size, product_of_others, spread, std_slope

__all__ = ["nanmax", "nanmean", "nanmin", "nanprod", "nanstd", "nansum", "nanvar"]

# -- without NaN ------------------------------------------------------------------------------------


nansum = routing(
    lambda a, axis=None, keepdims=False: np.nansum(a, axis, keepdims=keepdims),
    lambda g, a, axis: np.where(np.isnan(a), 0, spread(g, a.shape, axis)),
    name="nansum", numpy=(np.nansum,), analytic=True, doc="The sum over ``axis`` of what is not NaN.",
)


nanprod = primitive(
    lambda a, axis=None, keepdims=False: np.nanprod(a, axis, keepdims=keepdims),
    lambda g, a, axis: np.where(
        np.isnan(a), 0, expanded(g, a.shape, axis) * product_of_others(np.where(np.isnan(a), 1, a), axis)
    ),
    name="nanprod", numpy=(np.nanprod,), analytic=True, doc="The product over ``axis`` of what is not NaN.",
)


def _present(a: Any, axis: Any) -> Any:
    """How many elements over ``axis`` are not NaN, in the dtype of a and with the reduced axes."""
    return np.sum(~np.isnan(a), axis, keepdims=True).astype(widened(a).dtype)  # float16 has no large counts


nanmean = routing(
    lambda a, axis=None, keepdims=False: narrowed(np.nanmean(widened(a), axis, keepdims=keepdims), a),
    lambda g, a, axis: np.where(np.isnan(a), 0, expanded(g, a.shape, axis) / np.maximum(_present(a, axis), 1)),
    name="nanmean", numpy=(np.nanmean,), analytic=True,
    doc="The mean over ``axis`` of what is not NaN; NaN, with NumPy's warning, where nothing is.",
)


def _share(g: Any, z: Any, a: Any, axis: Any) -> Any:
    """``g`` divided evenly among the elements that equal the result; among none where all are NaN."""
    best = a == expanded(z, a.shape, axis)
    tied = np.maximum(np.sum(best, axis, keepdims=True), 1).astype(a.dtype)
    return np.where(best, expanded(g, a.shape, axis) / tied, 0)


nanmax = routing(
    lambda a, axis=None, keepdims=False: np.nanmax(a, axis, keepdims=keepdims),
    lambda g, z, a, axis: _share(g, z, a, axis), name="nanmax", numpy=(np.nanmax,),
    doc="The maximum over ``axis`` of what is not NaN; ties share the gradient evenly. NaN, with NumPy's warning, "
    "where all are.",
)
nanmin = routing(
    lambda a, axis=None, keepdims=False: np.nanmin(a, axis, keepdims=keepdims),
    lambda g, z, a, axis: _share(g, z, a, axis), name="nanmin", numpy=(np.nanmin,),
    doc="The minimum over ``axis`` of what is not NaN; ties share the gradient evenly. NaN, with NumPy's warning, "
    "where all are.",
)


def _deviation(a: Any, axis: Any, ddof: float) -> Any:
    """(a - mean) / (n - ddof) of what is not NaN, else 0; NaN, as the variance is, where too little is."""
    missing, count = np.isnan(a), _present(a, axis)
    found = np.where(missing, 0, widened(a))
    mean = np.sum(found, axis, keepdims=True) / np.maximum(count, 1)
    enough = count > ddof
    share = np.where(enough, 1 / np.where(enough, count - ddof, 1), math.nan)
    return np.where(missing, 0, (found - mean) * share)


def _nanvar(a: Any, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Any:
    return narrowed(np.nanvar(widened(a), axis, ddof=ddof, keepdims=keepdims), a)


nanvar = primitive(
    _nanvar,
    lambda g, a, axis, ddof: np.where(np.isnan(a), 0, 2 * (expanded(g, a.shape, axis) * _deviation(a, axis, ddof))),
    numpy=(np.nanvar,), doc="The variance over ``axis`` of what is not NaN, divided by n - ddof.",
)


def _nanstd(a: Any, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Any:
    return of_any_size(a, axis, keepdims, lambda a: np.nanstd(a, axis, ddof=ddof, keepdims=keepdims))


def _nanstd_back(g: Any, z: Any, a: Any, axis: Any, ddof: float) -> Any:
    shape, missing = a.shape, np.isnan(a)
    found, deviation = np.where(missing, 0, a), _deviation(a, axis, ddof)
    return np.where(missing, 0, std_slope(expanded(g, shape, axis), expanded(z, shape, axis), found, deviation, axis))


nanstd = primitive(
    _nanstd, lambda g, z, a, axis, ddof: _nanstd_back(g, z, a, axis, ddof), numpy=(np.nanstd,),
    doc="The standard deviation over ``axis`` of what is not NaN; where it is 0 its gradient is 0.",
)
