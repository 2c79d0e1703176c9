"""Normalisation over the axes of a layer, group, image or batch, and vectors of length 1."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.core.checks import finite, flag, is_whole
from minigrad.core.conversion import as_array
from minigrad.core.inplace import seen
from minigrad.core.table import derived
from minigrad.core.tensor import Tensor
from minigrad.errors import HyperparameterError, ShapeError, StateError
from minigrad.kernels.normalisation import channel_moments
from minigrad.nn.running_statistics import follow
from minigrad.ops.along import given, narrowed, nowhere, require_real, widened
from minigrad.ops.normalisation import centre, channel_norm, rms_scale
from minigrad.ops.norms import euclidean_norm, p_norm
from minigrad.ops.reductions import average
from minigrad.ops.row_norms import row_norm

__all__ = ["batch_norm", "cosine_similarity", "group_norm", "instance_norm", "layer_norm", "normalize", "rms_norm"]

Axes = tuple[int, ...]

#: Numbers from which on ``channel_norm`` and ``row_norm`` are faster than the two steps that they are made of, which
#: other elementwise operations of a compiled program can join.
LARGE = 16_384


def trailing(what: str, x: Any, normalized_shape: Any, **parameters: Any) -> Axes:
    """The last axes of x, which have the shape that is normalised. Raises ``ShapeError``, ``DTypeError``."""
    wanted = tuple(normalized_shape) if isinstance(normalized_shape, (tuple, list)) else (normalized_shape,)
    require_real(what, x, *parameters.values())
    shape = np.shape(x)
    if not wanted or shape[-len(wanted) :] != wanted:
        raise ShapeError(
            f"{what} normalises the last axes, of shape {wanted}; x has shape {shape}: give "
            f"normalized_shape={shape[-len(wanted) :] or shape[-1:]}, or move those axes to the end"
        )
    for name, value in parameters.items():
        if value is not None and np.shape(value) != wanted:
            raise ShapeError(f"{what}: the {name} has the normalised shape {wanted}, got {np.shape(value)}")
    return tuple(range(len(shape) - len(wanted), len(shape)))


def per_channel(what: str, x: Any, **parameters: Any) -> tuple[int, ...]:
    """The shape (C, 1, ...) in which one number for each channel of x (N, C, ...) broadcasts. Raises ``ShapeError``."""
    require_real(what, x, *parameters.values())
    shape = np.shape(x)
    if len(shape) < 2:
        raise ShapeError(f"{what} takes x of shape (N, C, ...), got shape {shape}")
    for name, value in parameters.items():
        if value is not None and np.shape(value) != (shape[1],):
            raise ShapeError(
                f"{what}: the {name} has one number for each channel, shape ({shape[1]},) for x of shape {shape}; got "
                f"{np.shape(value)}"
            )
    return (shape[1], *(1,) * (len(shape) - 2))


def reshaped(parameter: Any, shape: tuple[int, ...]) -> Any:
    """A weight or bias, if there is one, in a shape that broadcasts."""
    if parameter is None:
        return None
    parameter = given(parameter)
    return parameter if parameter.shape == shape else np.reshape(parameter, shape)


@derived()
def layer_norm(x: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """(x - mean) / sqrt(var + eps) * weight + bias, over the last axes, which have the shape ``normalized_shape``.

    ``weight`` and ``bias`` have that shape too, or are None (Ba, Kiros and Hinton, 2016). Raises ``ShapeError``.
    """
    finite("layer_norm", "eps", eps, 0, "1e-5")
    axis = trailing("layer_norm", x, normalized_shape, weight=weight, bias=bias)
    return narrowed(_standardised(widened(x), weight, bias, axis, eps), x, weight, bias)


def _standardised(x: Any, weight: Any, bias: Any, axis: Axes, eps: float) -> Any:
    """(x - mean) / sqrt(var + eps) * weight + bias over the last axes."""
    if x.size >= LARGE:
        return row_norm(x, weight, bias, len(axis), eps)
    return rms_scale(centre(x, axis), weight, bias, axis, eps)


@derived()
def rms_norm(x: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Any:
    """x / sqrt(mean(x²) + eps) * weight, over the last axes, which have the shape ``normalized_shape``.

    ``eps`` is by default the smallest step at 1 of x's dtype, of float16 as of float32, in which it is computed (Zhang
    and Sennrich, 2019). Raises ``ShapeError``.
    """
    axis = trailing("rms_norm", x, normalized_shape, weight=weight)
    x, wide = given(x), widened(x)
    if eps is not None:
        finite("rms_norm", "eps", eps, 0, "1e-5")
    else:
        eps = float(np.finfo(wide.dtype).eps)
    return narrowed(rms_scale(wide, weight, None, axis, eps), x, weight)


@derived()
def group_norm(x: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Each group of channels of each x (N, C, ...) normalised to mean 0 and variance 1, * weight (C,) + bias (C,).

    Source: Wu and He, 2018. Raises ``ShapeError``, or ``HyperparameterError`` for groups that do not divide C.
    """
    finite("group_norm", "eps", eps, 0, "1e-5")
    per_channel("group_norm", x, weight=weight, bias=bias)
    channels = np.shape(x)[1]
    if not is_whole(num_groups, 1):
        raise HyperparameterError(f"num_groups is an integer >= 1, got {num_groups!r}")
    if channels % num_groups:
        raise HyperparameterError(
            f"group_norm: {num_groups} groups do not divide the {channels} channels of x of shape {np.shape(x)}: "
            "take a divisor"
        )
    return _in_groups(x, num_groups, weight, bias, eps)


def _in_groups(x: Any, groups: int, weight: Any, bias: Any, eps: float) -> Any:
    """Each group of channels of each x (N, C, *sizes) normalised, * weight (C,) + bias (C,)."""
    batch, channels, *sizes = np.shape(x)
    members = channels // groups
    wide = widened(x)
    if np.size(x) >= LARGE:  # once in the order of its axes, also where the batch comes last in memory
        wide = np.reshape(wide, (batch * groups, members, *sizes))
    grouped = np.reshape(wide, (batch, groups, members, *sizes))
    weight_shape = (groups, members, *(1,) * len(sizes))
    own = reshaped(weight, weight_shape), reshaped(bias, weight_shape)
    scaled = _standardised(grouped, *own, tuple(range(2, 3 + len(sizes))), eps)
    return narrowed(np.reshape(scaled, (batch, channels, *sizes)), x, weight, bias)


@derived()
def instance_norm(x: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Each channel of each x (N, C, *sizes) normalised to mean 0 and variance 1, * weight (C,) + bias (C,).

    It keeps no running statistics (Ulyanov, Vedaldi and Lempitsky, 2016). Raises ``ShapeError``.
    """
    finite("instance_norm", "eps", eps, 0, "1e-5")
    shape = per_channel("instance_norm", x, weight=weight, bias=bias)
    if len(shape) < 2:
        raise ShapeError(f"instance_norm takes x of shape (N, C, *sizes) with at least one size, got {np.shape(x)}")
    return _in_groups(x, shape[0], weight, bias, eps)


def batch_norm(
    x: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """(x - mean) / sqrt(var + eps) * weight + bias for each channel of x (N, C, ...); the rest of shape (C,) or None.

    In ``training``, or without running statistics, mean and variance are those of the batch, and the running ones,
    arrays or Buffers, are written to: (1 - momentum) * running + momentum * batch, where the variance of the batch is
    divided by n - 1, as PyTorch does. Else the running ones stand in. No gradient flows to them. Source: Ioffe and
    Szegedy, 2015. Raises ``ShapeError``, also for a batch of one value per channel.

    >>> F.batch_norm(mg.tensor([[1.0, 2.0], [3.0, 6.0]]), training=True).round(2)
    tensor([[-1., -1.],
            [ 1.,  1.]])
    """
    flag("batch_norm", "training", training)
    finite("batch_norm", "eps", eps, 0, "1e-5")
    finite("batch_norm", "momentum", momentum, such_as="0.1")
    shape = per_channel("batch_norm", x, weight=weight, bias=bias, running_mean=running_mean, running_var=running_var)
    if (running_mean is None) != (running_var is None):
        raise StateError("batch_norm takes running_mean and running_var together, or neither")
    if not training and running_mean is not None:
        mean, var = _values(running_mean), _values(running_var)
        scale = 1 / np.sqrt(widened(var) + eps)
        scale = scale if weight is None else scale * given(weight)
        shift = -mean * scale
        shift = shift if bias is None else shift + given(bias)
        return narrowed(x * np.reshape(scale, shape) + np.reshape(shift, shape), x, mean, var, weight, bias)
    if not np.size(x):  # has no statistics, and the running ones stay as they are
        z = x if weight is None else x * np.reshape(weight, shape)
        return z if bias is None else z + np.reshape(bias, shape)
    count = np.size(x) // max(shape[0], 1)
    if training and count <= 1:
        raise ShapeError(
            f"batch_norm in training takes more than one value for each channel, got x of shape {np.shape(x)}: a "
            "larger batch, or training=False"
        )
    wide, axis = widened(x), (0, *range(2, 1 + len(shape)))
    is_large = len(shape) > 1 and np.size(x) >= LARGE
    centred = None if is_large else centre(wide, axis)
    if is_large:
        z = channel_norm(wide, weight, bias, eps)
    else:
        z = rms_scale(centred, reshaped(weight, shape), reshaped(bias, shape), axis, eps)
    if training and running_mean is not None:
        mean, var = _moments(wide, centred, axis)
        follow(running_mean, mean, momentum)
        follow(running_var, var * (count / (count - 1)), momentum)
    return narrowed(z, x, weight, bias)


def _moments(x: Any, centred: Any, axis: Axes) -> tuple[Any, Any]:
    """Mean and variance of each channel, as arrays; ``centred`` is x less its mean, or None."""
    if centred is None:
        return channel_moments(_values(x))
    values = _values(centred)
    return average(_values(x), axis), average(values * values, axis)


def _values(x: Any) -> Any:
    return seen(x) if isinstance(x, Tensor) else as_array(x)


# -- vectors of length 1 ------------------------------------------------------------------------


def _norm(x: Any, p: float, axis: Any) -> Any:
    if p == 2:
        return euclidean_norm(x, axis, True)
    if p not in (1, math.inf):
        return p_norm(x, float(p), axis, True)
    size = np.abs(x)
    return np.sum(size, axis, keepdims=True) if p == 1 else np.max(size, axis, keepdims=True)


#: A vector of numbers near the largest, whose length is beyond it, times this has a length.
_SMALLER = 2.0**-100


def _unit(x: Any, p: float, axis: Any, eps: float) -> Any:
    """x over its p-norm, or over eps where that is more: a constant."""
    length = np.maximum(_norm(x, p, axis), eps)
    beyond = np.isinf(_values(length))
    if nowhere(beyond):
        return x / length
    scale = np.where(beyond, _SMALLER, 1).astype(length.dtype)
    smaller = x * scale
    return smaller / np.maximum(_norm(smaller, p, axis), scale * eps)


def _within(eps: float, *xs: Any) -> float:
    """A least length, such that 1 / eps, the slope at 0, is in the range of the dtype: float16 begins at 6e-5."""
    return max(eps, *[float(np.finfo(x.dtype).tiny) for x in xs if getattr(x, "dtype", None) == np.float16], 0)


@derived()
def normalize(x: Any, p: float = 2.0, axis: Any = 1, eps: float = 1e-12) -> Any:
    """x / max(norm, eps), with the p-norm over ``axis``: vectors of length 1, and 0 where x is 0.

    In float16 eps is at least the smallest normal number, 6.1e-5: the slope at 0 is 1 / eps.
    """
    if not p > 0:
        raise HyperparameterError(f"normalize: p is a number > 0 or inf, got {p!r}")
    finite("normalize", "eps", eps, 0, "1e-12")
    require_real("normalize", x)
    wide = widened(x)
    return narrowed(_unit(wide, p, axis, _within(eps, x)), x)


@derived()
def cosine_similarity(x: Any, y: Any, axis: int = 1, eps: float = 1e-8) -> Any:
    """The cosine of the angle between x and y along ``axis``; x and y broadcast, and lengths are at least ``eps``."""
    finite("cosine_similarity", "eps", eps, 0, "1e-8")
    require_real("cosine_similarity", x, y)
    shape = np.broadcast_shapes(np.shape(x), np.shape(y))  # before the lengths: axis is one of both together
    a, b = np.broadcast_to(widened(x), shape), np.broadcast_to(widened(y), shape)
    eps = _within(eps, x, y)
    return narrowed(np.sum(_unit(a, 2, axis, eps) * _unit(b, 2, axis, eps), axis), x, y)
