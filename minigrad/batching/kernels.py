"""Rules for kernels: the members are folded into the batch that a kernel has already. Others run in the loop.

What is folded: arrays (members, N, C, ...) become (members * N, C, ...), where the weights are one for all. Weights of
each member's own become groups of channels, of which no group sees the others.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.batching.moving import physical
from minigrad.batching.reductions import from_end
from minigrad.batching.rules import RULES, aligned, made, mine, rule
from minigrad.core.batches import Batch
from minigrad.kernels import attention, convolution, normalisation, pooling, recurrent, row_norms, scans, windows


def _folded(array: Any) -> Any:
    """(members, N, ...) as (members * N, ...)."""
    return np.reshape(array, (array.shape[0] * array.shape[1], *array.shape[2:]))


def _unfolded(batch: Batch, z: Any) -> Any:
    """(members * N, ...) as the arrays of the members."""
    count = z.shape[0] // batch.size if batch.size else 0
    return made(batch, np.reshape(z, (batch.size, count, *z.shape[1:])))


def _each_sample(function: Callable[..., Any], arrays: int) -> None:
    """Register a kernel whose first arguments have samples along axis 0, each on its own."""

    def answer(batch: Batch, *args: Any, **options: Any) -> Any:
        if not batch.size:
            return NotImplemented
        folded = [_folded(physical(batch, x)) for x in args[:arrays]]
        z = function(*folded, *args[arrays:], **options)
        if isinstance(z, tuple):
            return tuple([_unfolded(batch, part) for part in z])
        return _unfolded(batch, z)

    RULES[function] = answer


_each_sample(windows.columns, 1)
_each_sample(windows.uncolumns, 1)
_each_sample(windows.window_sum, 1)
_each_sample(windows.window_spread, 1)
_each_sample(pooling.max_pool, 1)
_each_sample(pooling.window_share, 3)
_each_sample(pooling.window_gather, 3)


def _as_channels(array: Any) -> Any:
    """(members, N, C, ...) as (N, members * C, ...)."""
    moved = np.moveaxis(array, 0, 1)
    return np.reshape(moved, (moved.shape[0], moved.shape[1] * moved.shape[2], *moved.shape[3:]))


def _convolved(
    batch: Batch, function: Callable[..., Any], x: Any, weight: Any, bias: Any, options: tuple[Any, ...], groups: int
) -> Any:
    """A convolution of samples with one weight for all members, or of groups of channels with their own."""
    if not batch.size:
        return NotImplemented
    if not mine(batch, weight) and not mine(batch, bias):
        return _unfolded(batch, function(_folded(x.array), weight, bias, *options, groups))
    bias = None if bias is None else np.reshape(physical(batch, bias), -1)
    channels = _as_channels(physical(batch, x))
    z = function(channels, _folded(physical(batch, weight)), bias, *options, batch.size * groups)
    z = np.reshape(z, (z.shape[0], batch.size, z.shape[1] // batch.size, *z.shape[2:]))
    return made(batch, np.moveaxis(z, 1, 0))


@rule(convolution.convolution)
def _convolution(batch: Batch, x: Any, weight: Any, bias: Any, window: Any, groups: int = 1) -> Any:
    return _convolved(batch, convolution.convolution, x, weight, bias, (window,), groups)


@rule(convolution.convolution_transpose)
def _convolution_transpose(
    batch: Batch, x: Any, weight: Any, bias: Any, window: Any, size: Any, groups: int = 1
) -> Any:
    return _convolved(batch, convolution.convolution_transpose, x, weight, bias, (window, size), groups)


@rule(convolution.convolution_kernel)
def _convolution_kernel(batch: Batch, x: Any, y: Any, window: Any, groups: int = 1) -> Any:
    if not batch.size:
        return NotImplemented
    images, others = (_as_channels(physical(batch, a)) for a in (x, y))
    return _unfolded(batch, convolution.convolution_kernel(images, others, window, batch.size * groups))


def _each_channel(function: Callable[..., Any], images: int, numbers: int) -> None:
    """Register a kernel of images (N, C, ...), of which each channel is on its own, and of numbers (C,) or None."""

    def answer(batch: Batch, *args: Any) -> Any:
        if not batch.size:
            return NotImplemented
        parts = [None if x is None else physical(batch, x) for x in args[: images + numbers]]
        folded = [_as_channels(x) for x in parts[:images]]
        z = function(*folded, *[None if x is None else _folded(x) for x in parts[images:]], *args[images + numbers :])
        return tuple([_of_channels(batch, x) for x in z]) if isinstance(z, tuple) else _of_channels(batch, z)

    RULES[function] = answer


def _of_channels(batch: Batch, z: Any) -> Any:
    """Images (N, members * C, ...), or numbers (members * C,), as those of the members."""
    axis = min(z.ndim - 1, 1)
    parts = np.reshape(z, (*z.shape[:axis], batch.size, z.shape[axis] // batch.size, *z.shape[axis + 1 :]))
    return made(batch, np.moveaxis(parts, axis, 0))


_each_channel(normalisation.channel_moments, 1, 0)
_each_channel(normalisation.channel_norm, 1, 2)
_each_channel(normalisation.channel_product, 2, 2)
_each_channel(normalisation.channel_pullback, 2, 3)


def _matrices(batch: Batch, arrays: tuple[Any, ...]) -> list[Any]:
    """Matrices in the last two axes, with the members as the first of the axes that broadcast."""
    present = [x for x in arrays if x is not None]
    lined_up = iter(aligned(batch, present))
    return [None if x is None else next(lined_up) for x in arrays]


# -- rows, whose weights broadcast to them --------------------------------------------------------


@rule(row_norms.row_norm)
def _row_norm(batch: Batch, x: Any, weight: Any, bias: Any, axes: int, eps: float) -> Any:
    if not mine(batch, weight) and not mine(batch, bias):
        return tuple([made(batch, z) for z in row_norms.row_norm(physical(batch, x), weight, bias, axes, eps)])
    z, mean, rms = (made(batch, z) for z in row_norms.row_norm(physical(batch, x), None, None, axes, eps))
    z, weight, bias = _matrices(batch, (z, weight, bias))
    z = z if weight is None else z * weight
    return made(batch, z if bias is None else z + bias), mean, rms


@rule(row_norms.row_pullback)
def _row_pullback(batch: Batch, y: Any, x: Any, mean: Any, rms: Any, weight: Any, axes: int) -> Any:
    if mine(batch, weight):
        y, weight = _matrices(batch, (y, weight))
        y, weight = made(batch, y * weight), None
    y, x, mean, rms = (physical(batch, a) for a in (y, x, mean, rms))
    return made(batch, row_norms.row_pullback(y, x, mean, rms, weight, axes))


@rule(row_norms.row_product)
def _row_product(batch: Batch, y: Any, x: Any, mean: Any, rms: Any, _axes: int, shape: Any) -> Any:
    y, x, mean, rms = (physical(batch, a) for a in (y, x, mean, rms))
    aligned_shape = (1,) * (x.ndim - 1 - len(shape)) + tuple(shape)
    summed = tuple([1 + axis for axis, size in enumerate(aligned_shape) if size == 1])
    z = np.sum(y * ((x - mean) * rms), summed, keepdims=True)
    return made(batch, np.reshape(z, (batch.size, *shape)))


@rule(attention.attention)
def _attention(batch: Batch, query: Any, key: Any, value: Any, mask: Any, causal: bool, scale: float) -> Any:
    query, key, value, mask = _matrices(batch, (query, key, value, mask))
    return tuple([made(batch, x) for x in attention.attention(query, key, value, mask, causal, scale)])


@rule(attention.attention_back)
def _attention_back(
    batch: Batch, g: Any, z: Any, logs: Any, query: Any, key: Any, value: Any, mask: Any, causal: bool, scale: float
) -> Any:
    g, z, logs, query, key, value, mask = _matrices(batch, (g, z, logs, query, key, value, mask))
    return made(batch, attention.attention_back(g, z, logs, query, key, value, mask, causal, scale))


@rule(scans.linear_recurrence)
def _linear_recurrence(batch: Batch, x: Any, w: Any, axis: int = -1) -> Any:
    x, w = np.broadcast_arrays(x, w)
    return made(batch, scans.linear_recurrence(physical(batch, x), physical(batch, w), from_end(axis, x.ndim)))


# -- recurrent layers: sequences do not know each other ------------------------------------------


def _as_sequences(batch: Batch, x: Any, axis: int) -> Any:
    """(members, ..., N, ...) with the members among the N sequences, which lie along ``axis`` of one member."""
    if x is None:
        return None
    moved = np.moveaxis(physical(batch, x), 0, axis)
    return np.reshape(moved, (*moved.shape[:axis], moved.shape[axis] * moved.shape[axis + 1], *moved.shape[axis + 2 :]))


def _of_members(batch: Batch, z: Any, axis: int) -> Any:
    count = z.shape[axis] // batch.size
    z = np.reshape(z, (*z.shape[:axis], batch.size, count, *z.shape[axis + 1 :]))
    return made(batch, np.moveaxis(z, axis, 0))


def _recurrent(
    forward: Any, batch: Batch, p: Any, state: Any, weight: Any, bias: Any, ended: Any, *more: Any, **options: Any
) -> Any:
    if not batch.size or mine(batch, weight) or mine(batch, bias):
        return NotImplemented
    p, state = _as_sequences(batch, p, 1), _as_sequences(batch, state, state.ndim - 2)
    z = forward(p, state, weight, bias, _as_sequences(batch, ended, 1), *more, **options)
    if not isinstance(z, tuple):
        return _of_members(batch, z, z.ndim - 2)
    return _of_members(batch, z[0], z[0].ndim - 2), _of_members(batch, z[1], 1)


for _forward in (recurrent.rnn_forward, recurrent.gru_forward, recurrent.lstm_forward):
    RULES[_forward] = functools.partial(_recurrent, _forward)


@rule(recurrent.recurrent_backward)
def _recurrent_backward(
    batch: Batch, g: Any, z: Any, gates: Any, state: Any, weight: Any, ended: Any, cell: str
) -> Any:
    if not batch.size or mine(batch, weight):
        return NotImplemented
    g, z, state = (_as_sequences(batch, x, x.ndim - 2) for x in (g, z, state))
    gates, ended = (_as_sequences(batch, x, 1) for x in (gates, ended))
    pulled, first = recurrent.recurrent_backward(g, z, gates, state, weight, ended, cell)
    return _of_members(batch, pulled, 1), _of_members(batch, first, first.ndim - 2)
