"""Rules for kernels: the members are folded into the batch that a kernel has already. Others run in the loop.

What is folded: arrays (members, N, C, ...) become (members * N, C, ...), where the weights are one for all. Weights of
each member's own become groups of channels, of which no group sees the others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.batching.moving import physical
from minigrad.batching.reductions import from_end
from minigrad.batching.rules import RULES, made, mine, rule
from minigrad.core.batches import Batch
from minigrad.kernels import convolution, pooling, scans, windows


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


@rule(scans.linear_recurrence)
def _linear_recurrence(batch: Batch, x: Any, w: Any, axis: int = -1) -> Any:
    x, w = np.broadcast_arrays(x, w)
    return made(batch, scans.linear_recurrence(physical(batch, x), physical(batch, w), from_end(axis, x.ndim)))
