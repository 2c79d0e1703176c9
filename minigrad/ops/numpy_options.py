"""Options that few calls of NumPy have: ``dtype``, ``casting``, ``order``, ``copy``, ``hermitian``, ``weights``.

The ops are without them; a call with one is made of ops here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad.core.conversion import alike, as_dtype, detached
from minigrad.core.inplace import write_at
from minigrad.core.table import taking_options
from minigrad.errors import DTypeError, GraphError, HyperparameterError, UnsupportedError
from minigrad.kernels import sorting as kernels
from minigrad.ops import arranging, decompositions, eigenvalues, joining, scans, selection, sorting
from minigrad.ops.along import given
from minigrad.ops.reduction_options import computed_in

# -- dtypes -----------------------------------------------------------------------------------------


def _scan(function: Callable[..., Any]) -> None:
    """Let a running sum or product take a dtype."""

    def scan(a: Any, axis: int | None = None, dtype: Any = None) -> Any:
        return function(computed_in(a, dtype), axis)

    taking_options(function)(scan)


for _function in (np.cumsum, np.cumprod, np.nancumsum, np.nancumprod):
    _scan(_function)


@taking_options(*([np.cumulative_sum] if hasattr(np, "cumulative_sum") else []))
def _cumulative_sum(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    return scans.cumulative_sum(computed_in(x, dtype), axis=axis, include_initial=include_initial)


@taking_options(*([np.cumulative_prod] if hasattr(np, "cumulative_prod") else []))
def _cumulative_prod(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    return scans.cumulative_prod(computed_in(x, dtype), axis=axis, include_initial=include_initial)


@taking_options(np.trace)
def _trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None) -> Any:
    return np.trace(computed_in(a, dtype), offset, axis1, axis2)


@taking_options(np.linalg.trace)
def _matrix_trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    return np.trace(computed_in(x, dtype), offset, -2, -1)


@taking_options(np.cov)
def _cov(
    m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None, fweights: Any = None,
    aweights: Any = None, *, dtype: Any = None,
) -> Any:
    y = None if y is None else computed_in(y, dtype)
    return np.cov(computed_in(m, dtype), y, rowvar, bias, ddof, fweights, aweights)


@taking_options(np.corrcoef)
def _corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    return np.corrcoef(computed_in(x, dtype), None if y is None else computed_in(y, dtype), rowvar)


@taking_options(np.clip)
def _clip(a: Any, a_min: Any = None, a_max: Any = None, *, dtype: Any = None, min: Any = None, max: Any = None) -> Any:
    if not (a_min is None and a_max is None) and not (min is None and max is None):
        raise HyperparameterError("a_min, a_max and min, max are two names of one option: give one pair of them")
    low, high = a_min if min is None else min, a_max if max is None else max
    bounds = [None if bound is None else computed_in(bound, dtype) for bound in (low, high)]
    return selection.clip(computed_in(a, dtype), *bounds)


# -- joined, in another dtype -----------------------------------------------------------------------


def _cast(arrays: Sequence[Any], dtype: Any, casting: Any) -> list[Any]:
    """Arrays in one dtype. Raises ``TypeError``, as NumPy does, for what the casting rule does not allow."""
    items = alike(arrays)
    wanted = as_dtype(dtype) if dtype is not None else np.result_type(*[x.dtype for x in items])
    for x in items:
        if not np.can_cast(x.dtype, wanted, casting):
            raise DTypeError(f"{x.dtype} does not become {wanted} under casting={casting!r}: write x.astype(...)")
    return [computed_in(x, dtype) for x in items]


@taking_options(np.concatenate)  # np.concat is the same function
def _concatenate(arrays: Sequence[Any], axis: int | None = 0, dtype: Any = None, casting: Any = "same_kind") -> Any:
    return np.concatenate(_cast(arrays, dtype, casting), axis)


@taking_options(np.stack)
def _stack(arrays: Sequence[Any], axis: int = 0, *, dtype: Any = None, casting: Any = "same_kind") -> Any:
    return np.stack(_cast(arrays, dtype, casting), axis)


@taking_options(np.hstack)
def _hstack(tup: Sequence[Any], *, dtype: Any = None, casting: Any = "same_kind") -> Any:
    return joining.hstack(_cast(tup, dtype, casting))


@taking_options(np.vstack)
def _vstack(tup: Sequence[Any], *, dtype: Any = None, casting: Any = "same_kind") -> Any:
    return joining.vstack(_cast(tup, dtype, casting))


@taking_options(np.einsum)
def _einsum(
    *operands: Any, optimize: Any = False, dtype: Any = None, order: str = "K", casting: Any = "safe"
) -> Any:
    if dtype is not None or casting != "safe":
        arrays = [x for x in operands if hasattr(x, "dtype")]
        cast = iter(_cast(arrays, dtype, casting))
        operands = tuple([next(cast) if hasattr(x, "dtype") else x for x in operands])
    z = np.einsum(*operands, optimize=optimize)
    return arranging.copy(z, order) if order in ("C", "F") else z


# -- memory -----------------------------------------------------------------------------------------


@taking_options(np.reshape)
def _reshape(a: Any, shape: Any = None, order: str = "C", *, newshape: Any = None, copy: bool | None = None) -> Any:
    if order not in ("C", "F"):
        raise UnsupportedError(
            f"np.reshape(order={order!r}) follows the layout of the memory, which a tensor does not promise to keep: "
            "write order='C' or order='F', or leave the graph on purpose with x.data"
        )
    shape = newshape if shape is None else shape
    if copy is False:
        reshape: Any = np.reshape
        reshape(detached(a), shape, order, copy=False)  # raises NumPy's ValueError where it would be a copy
    if order == "F":
        sizes = np.reshape(np.empty(np.shape(a)), shape).shape
        z = np.transpose(np.reshape(np.transpose(a), sizes[::-1]))
    else:
        z = np.reshape(a, shape)
    return arranging.copy(z, order) if copy else z


@taking_options(np.nan_to_num)
def _nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    z = selection.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)
    if copy:
        return z
    if not hasattr(x, "_node"):
        raise GraphError("nan_to_num(copy=False) writes into x, which is no tensor: leave copy= away")
    write_at(x, ..., z)
    return x


# -- matrices that are Hermitian ----------------------------------------------------------------------


@taking_options(np.linalg.svd)
def _svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    if not hermitian:
        return decompositions.svd(a, full_matrices, compute_uv)
    if not compute_uv:
        values = np.abs(eigenvalues.eigvalsh(a))
        return np.sort(values, -1)[..., ::-1]
    w, v = eigenvalues.eigh(a)
    order = np.argsort(np.abs(detached(w)), -1)[..., ::-1]
    signs = np.take_along_axis(np.where(detached(w) < 0, -1, 1).astype(w.dtype), order, -1)
    s, u = np.take_along_axis(np.abs(w), order, -1), np.take_along_axis(v, order[..., None, :], -1)
    return decompositions.SVDResult(u, s, np.conjugate(np.swapaxes(u * signs[..., None, :], -1, -2)))


# -- quantiles with weights ---------------------------------------------------------------------------


def _weighted(scale: str, a: Any, q: Any, axis: Any, method: str, keepdims: bool, weights: Any, leave_out: bool) -> Any:
    """Quantiles of elements that count by their weights: the element at which their running sum gets to q."""
    if method != "inverted_cdf":
        raise HyperparameterError(f"quantiles with weights take method='inverted_cdf', as in NumPy; got {method!r}")
    a = given(a)
    places = kernels.weighted_places(detached(a), detached(q), axis, detached(weights), scale, leave_out)
    return sorting.at_places(a, sorting.shares(q).shape, places, axis, keepdims, leave_out)


def _quantiles(name: str) -> None:
    """Let a function of quantiles take weights."""
    scale, leave_out = name.removeprefix("nan"), name.startswith("nan")

    def quantile(
        a: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False, *, weights: Any = None
    ) -> Any:
        return _weighted(scale, a, q, axis, method, keepdims, weights, leave_out)

    taking_options(getattr(np, name))(quantile)


for _name in ("quantile", "percentile", "nanquantile", "nanpercentile"):
    _quantiles(_name)
