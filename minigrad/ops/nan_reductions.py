"""Reductions that leave out NaN. A NaN that is left out has the gradient 0."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core.conversion import detached
from minigrad.core.primitive import routing
from minigrad.core.table import derived
from minigrad.ops.along import given, narrowed, widened
from minigrad.ops.reduction_options import std_of_present, var_of_present
from minigrad.ops.reductions import expanded, spread

__all__ = ["nanmax", "nanmean", "nanmin", "nanprod", "nanstd", "nansum", "nanvar"]

# -- without NaN ------------------------------------------------------------------------------------


nansum = routing(
    lambda a, axis=None, keepdims=False: np.nansum(a, axis, keepdims=keepdims),
    lambda g, a, axis: np.where(np.isnan(a), 0, spread(g, a.shape, axis)),
    name="nansum", numpy=(np.nansum,), analytic=True, doc="The sum over ``axis`` of what is not NaN.",
)


@derived(np.nanprod)
def nanprod(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The product over ``axis`` of what is not NaN."""
    a = given(a)
    return np.prod(np.where(np.isnan(detached(a)), 1, a), axis, keepdims=keepdims)


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
    tied = np.maximum(np.sum(best, axis, keepdims=True), 1).astype(widened(a).dtype)  # float16 has no large counts
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


@derived(np.nanvar)
def nanvar(a: Any, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Any:
    """The variance over ``axis`` of what is not NaN, divided by n - ddof."""
    return var_of_present(a, axis, ddof=ddof, keepdims=keepdims)


@derived(np.nanstd)
def nanstd(a: Any, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Any:
    """The standard deviation over ``axis`` of what is not NaN; where it is 0 its gradient is 0."""
    return std_of_present(a, axis, ddof=ddof, keepdims=keepdims)
