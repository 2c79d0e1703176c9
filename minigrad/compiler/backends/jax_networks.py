"""The package's own functions on arrays, in JAX: convolutions, pooling, sums at repeated places, scans, substitution.

Each has the meaning of the ``numpy_function`` that it stands for. Adjoints are JAX's transposes of the linear functions
that they are the adjoints of. Those that are not here (means over ties in a sorted array) are called back.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from minigrad import kernels
from minigrad.compiler.backends.jax_sequences import SEQUENCES
from minigrad.kernels.windows import Window

Sizes = tuple[int, ...]


def _adjoint(function: Callable[[Any], Any], shape: Sizes, y: Any) -> Any:
    """The adjoint of a linear function of an array of this shape, at ``y``."""
    (result,) = jax.linear_transpose(function, jax.ShapeDtypeStruct(shape, y.dtype))(y)
    return result


# -- convolutions ---------------------------------------------------------------------------------


def convolution(x: Any, weight: Any, bias: Any, window: Window, groups: int = 1) -> Any:
    """x (N, in, *sizes), weight (out, in / groups, *kernel), bias (out,) or None."""
    dtype = jnp.result_type(x, weight)
    z = lax.conv_general_dilated(
        jnp.asarray(x, dtype),
        jnp.asarray(weight, dtype),
        window.stride,
        window.padding,
        rhs_dilation=window.dilation,
        feature_group_count=groups,
    )
    return _with_bias(z, bias)


def convolution_transpose(x: Any, weight: Any, bias: Any, window: Window, size: Sizes, groups: int = 1) -> Any:
    """The adjoint with respect to the images (N, in, *size)."""
    shape = (x.shape[0], weight.shape[1] * groups, *size)
    return _with_bias(_adjoint(lambda images: convolution(images, weight, None, window, groups), shape, x), bias)


def convolution_kernel(x: Any, y: Any, window: Window, groups: int = 1) -> Any:
    """The adjoint with respect to the weight."""
    shape = (y.shape[1], x.shape[1] // groups, *window.kernel)
    return _adjoint(lambda weight: convolution(x, weight, None, window, groups), shape, y)


def _with_bias(z: Any, bias: Any) -> Any:
    return z if bias is None else z + bias.reshape(-1, *[1] * (z.ndim - 2))


# -- windows --------------------------------------------------------------------------------------


def _framed(x: Any, window: Window, fill: Any = 0) -> Any:
    return jnp.pad(x, ((0, 0), (0, 0), *window.padding), constant_values=fill)


def columns(x: Any, window: Window) -> Any:
    """All windows as columns (N, C * kernel, places)."""
    framed, counts = _framed(x, window), window.counts(x.shape[2:])
    parts = jnp.stack([framed[place] for _, place in window.places(counts)], 2)
    return parts.reshape(x.shape[0], x.shape[1] * math.prod(window.kernel), math.prod(counts))


def uncolumns(x: Any, window: Window, size: Sizes) -> Any:
    """Their adjoint."""
    shape = (x.shape[0], x.shape[1] // math.prod(window.kernel), *size)
    return _adjoint(lambda images: columns(images, window), shape, x)


def _over_windows(x: Any, window: Window, start: Any, function: Any) -> Any:
    pads = ((0, 0), (0, 0), *window.padding)
    sizes = [(1, 1, *part) for part in (window.kernel, window.stride, window.dilation)]
    return lax.reduce_window(x, np.asarray(start, x.dtype), function, *sizes[:2], pads, window_dilation=sizes[2])


def window_sum(x: Any, window: Window) -> Any:
    """The sum over each window."""
    return _over_windows(x, window, 0, lax.add)


def window_spread(x: Any, window: Window, size: Sizes) -> Any:
    """The adjoint of ``window_sum``."""
    return _adjoint(lambda images: window_sum(images, window), (*x.shape[:2], *size), x)


def max_pool(x: Any, window: Window) -> Any:
    """The largest element of each window."""
    return _over_windows(x, window, kernels.pooling.lowest(x.dtype), lax.max)


def _winners(x: Any, top: Any, window: Window) -> list[tuple[Any, Any]]:
    """For each element of the windows: where it falls, and at which places it is the maximum, or NaN as that is."""
    inside = _framed(jnp.ones(x.shape, bool), window, False)
    whole, places = _framed(x, window), []
    for _, place in window.places(top.shape[2:]):
        part = whole[place]
        places.append((place, inside[place] & ((part == top) | (jnp.isnan(part) & jnp.isnan(top)))))
    return places


def window_share(y: Any, x: Any, top: Any, window: Window) -> Any:
    """y, divided evenly among the largest elements of each window."""
    winners = _winners(x, top, window)
    share = y / sum(wins.astype(y.dtype) for _, wins in winners)
    room = jnp.zeros((*x.shape[:2], *window.padded(x.shape[2:])), y.dtype)
    for place, wins in winners:
        room = room.at[place].add(jnp.where(wins, share, 0))
    return room[window.interior(x.shape[2:])]


def window_gather(y: Any, x: Any, top: Any, window: Window) -> Any:
    """The mean of y over the largest elements of each window."""
    winners, whole = _winners(x, top, window), _framed(y, window)
    total = sum(jnp.where(wins, whole[place], 0) for place, wins in winners)
    return total / sum(wins.astype(y.dtype) for _, wins in winners)


# -- places that may repeat -----------------------------------------------------------------------


def scattered(x: Any, index: Any, shape: Sizes) -> Any:
    """Zeros with x added at an index."""
    return jnp.zeros(shape, x.dtype).at[index].add(x)


def scatter_rows(x: Any, indices: Any, count: int) -> Any:
    """The rows of x added up by number."""
    return jnp.zeros((count, x.shape[-1]), x.dtype).at[indices.reshape(-1)].add(x.reshape(indices.size, x.shape[-1]))


def by_segment(ufunc: str, x: Any, ids: Any, count: int, empty: float) -> Any:
    """The rows of x reduced by segment: a sum, or the largest or smallest."""
    if ufunc == "add":
        return jnp.full((count, *x.shape[1:]), empty, x.dtype).at[ids].add(x)
    start = -math.inf if ufunc == "maximum" else math.inf
    place = jnp.full((count, *x.shape[1:]), start, x.dtype).at[ids]
    result = {"maximum": place.max, "minimum": place.min}[ufunc](x)
    there = jnp.zeros(count, bool).at[ids].set(True)
    return jnp.where(there.reshape(-1, *[1] * (x.ndim - 1)), result, empty)


def linear_recurrence(x: Any, w: Any, axis: int = -1) -> Any:
    """z[i] = x[i] + w[i] z[i - 1]."""
    x, w = jnp.broadcast_arrays(x, w)

    def joined(one: Any, other: Any) -> Any:
        (x, w), (y, v) = one, other
        return y + v * x, v * w

    return lax.associative_scan(joined, (x, w), axis=axis % x.ndim)[0]


# -- channels with mean 0 and variance 1 ----------------------------------------------------------


def _wide(numbers: Any, x: Any) -> Any:
    return numbers.reshape(-1, *(1,) * (x.ndim - 2))


def channel_moments(x: Any) -> Any:
    """Mean and variance of each channel of x (N, C, *sizes)."""
    axes = (0, *range(2, x.ndim))
    return jnp.mean(x, axes), jnp.var(x, axes)


def channel_norm(x: Any, weight: Any, bias: Any, eps: float) -> Any:
    """x with mean 0 and variance 1 in each channel, times weight, plus bias; the mean, and 1 / sqrt(var + eps)."""
    mean, var = channel_moments(x)
    rms = lax.rsqrt(var + jnp.asarray(eps, var.dtype))
    scale = rms if weight is None else rms * weight
    z = (x - _wide(mean, x)) * _wide(scale, x)
    return (z if bias is None else z + _wide(bias, x)), mean, rms


def channel_product(y: Any, x: Any, mean: Any, rms: Any) -> Any:
    """The sum of y * (x - mean) * rms for each channel."""
    return jnp.sum(y * (x - _wide(mean, x)), (0, *range(2, x.ndim))) * rms


def channel_pullback(y: Any, x: Any, mean: Any, rms: Any, weight: Any) -> Any:
    """The gradient of channel_norm with respect to x."""
    axes, part = (0, *range(2, x.ndim)), (x - _wide(mean, x)) * _wide(rms, x)
    z = y - _wide(jnp.mean(y, axes), x) - part * _wide(jnp.mean(y * part, axes), x)
    return z * _wide(rms if weight is None else rms * weight, x)


# -- rows with mean 0 and variance 1 --------------------------------------------------------------


def row_norm(x: Any, weight: Any, bias: Any, axes: int, eps: float) -> Any:
    """x with mean 0 and variance 1 over the last axes, times weight, plus bias; the mean, and 1 / sqrt(var + eps)."""
    places = tuple(range(-axes, 0))
    mean, var = jnp.mean(x, places, keepdims=True), jnp.var(x, places, keepdims=True)
    rms = lax.rsqrt(var + jnp.asarray(eps, var.dtype))
    z = (x - mean) * rms
    z = z if weight is None else z * weight
    return (z if bias is None else z + bias), mean, rms


def row_pullback(y: Any, x: Any, mean: Any, rms: Any, weight: Any, axes: int) -> Any:
    """The gradient of row_norm with respect to x."""
    places, part = tuple(range(-axes, 0)), (x - mean) * rms
    y = y if weight is None else y * weight
    return (y - jnp.mean(y, places, keepdims=True) - part * jnp.mean(y * part, places, keepdims=True)) * rms


def row_product(y: Any, x: Any, mean: Any, rms: Any, _axes: int, shape: Any) -> Any:
    """The gradient of row_norm with respect to its weight, of this shape."""
    z = y * ((x - mean) * rms)
    extra = z.ndim - len(shape)
    places = [extra + axis for axis, size in enumerate(shape) if size == 1 != z.shape[extra + axis]]
    return jnp.sum(z, (*range(extra), *places)).reshape(shape)


# -- the normal distribution ----------------------------------------------------------------------


def error_of(x: Any, complement: bool) -> Any:
    """The error function, or 1 less it."""
    return jax.scipy.special.erfc(x) if complement else jax.scipy.special.erf(x)


def gelu_with_slope(x: Any) -> Any:
    """x P(X <= x) and its derivative, two arrays in one."""
    below, density = jax.scipy.special.ndtr(x), jnp.exp(-0.5 * x * x) * (2 * math.pi) ** -0.5
    value = jnp.where(jnp.isneginf(x), 0, x * below)
    return jnp.stack([value, below + jnp.where(jnp.isinf(x), 0, x * density)])


def substituted(a: Any, b: Any, lower: bool = True) -> Any:
    """x with a @ x = b, for a lower or upper triangle of a; leading axes broadcast."""
    dtype, lead = jnp.result_type(a, b), jnp.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a, b = (jnp.broadcast_to(x, (*lead, *x.shape[-2:])).astype(dtype) for x in (a, b))
    return lax.linalg.triangular_solve(a, b, left_side=True, lower=lower)


#: The functions that stand for a ``numpy_function``.
OWN: dict[Any, Callable[..., Any]] = {
    kernels.convolution.convolution: convolution,
    kernels.convolution.convolution_transpose: convolution_transpose,
    kernels.convolution.convolution_kernel: convolution_kernel,
    kernels.windows.columns: columns,
    kernels.windows.uncolumns: uncolumns,
    kernels.windows.window_sum: window_sum,
    kernels.windows.window_spread: window_spread,
    kernels.pooling.max_pool: max_pool,
    kernels.pooling.window_share: window_share,
    kernels.pooling.window_gather: window_gather,
    kernels.normalisation.channel_moments: channel_moments,
    kernels.normalisation.channel_norm: channel_norm,
    kernels.normalisation.channel_product: channel_product,
    kernels.normalisation.channel_pullback: channel_pullback,
    kernels.row_norms.row_norm: row_norm,
    kernels.row_norms.row_product: row_product,
    kernels.row_norms.row_pullback: row_pullback,
    kernels.normal.normal_cdf: jax.scipy.special.ndtr,
    kernels.normal.error_function: error_of,
    kernels.normal.gelu_and_slope: gelu_with_slope,
    kernels.scattering.scatter_add: scattered,
    kernels.scattering.scatter_rows: scatter_rows,
    kernels.scattering.reduce_segments: by_segment,
    kernels.scattering.bincount: lambda x, weights, count: by_segment("add", weights, x, count, 0),
    kernels.scans.linear_recurrence: linear_recurrence,
    kernels.triangular.substituted: substituted,
    **SEQUENCES,
}
