"""Layers as functions of tensors: those with an effect, a random number or options in PyTorch's order."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad import ops, random
from minigrad.core.conversion import as_array
from minigrad.core.idioms import refuse_keywords
from minigrad.core.inplace import seen
from minigrad.core.tensor import Tensor
from minigrad.errors import DTypeError, HyperparameterError, ShapeError, StateError
from minigrad.nn.running_statistics import follow
from minigrad.ops.along import given, narrowed, require_real, summable, widened
from minigrad.ops.normalisation import centre, per_channel, reshaped, rms_scale

__all__ = ["batch_norm", "dropout", "linear", "pad"]


def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """x @ weight.T + bias: x (..., in), weight (out, in), bias (out,) or None -> (..., out)."""
    if bias is not None:
        return ops.linear(x, weight, bias)
    product = np.matmul(x, weight.T)
    return product if product.dtype.kind in "fc" else np.matmul(summable(x), summable(weight).T)


def dropout(
    x: Any, p: float = 0.5, training: bool = True, generator: np.random.Generator | None = None, **foreign: Any
) -> Any:
    """Each element of x is 0 with probability ``p``, else x / (1 - p): the mean stays. x itself unless ``training``.

    What is dropped is drawn from ``generator``, or from the package's own (``mg.manual_seed``). Source: Srivastava
    and others, 2014. Raises ``HyperparameterError`` unless p is in [0, 1], ``DTypeError`` for x of integers.
    """
    if foreign:
        refuse_keywords("dropout", foreign)
    if not 0 <= p <= 1:
        raise HyperparameterError(f"dropout: p is a probability in [0, 1], such as 0.5; got {p!r}")
    if not training or p == 0:
        return x
    x = given(x)
    if x.dtype.kind != "f":
        raise DTypeError(f"dropout scales what it keeps, so x has a floating dtype, got {x.dtype}: astype('float32')")
    return x * random.mask(generator, x.shape, 1 - p, x.dtype)


#: PyTorch's names of the ways to fill a border, and NumPy's.
_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def pad(x: Any, pad: Any, mode: str = "constant", value: float = 0.0) -> Any:
    """x with a border, in PyTorch's order: ``pad`` is (before, after) of the last axis, then of the one before it, ...

    ``mode`` is "constant" (filled with ``value``; a negative width cuts off), "reflect", "replicate" or "circular".
    ``mg.pad`` takes one pair for each axis, first axis first. Raises ``ShapeError`` or ``HyperparameterError``.
    """
    shape = np.shape(x)
    widths = tuple(pad) if isinstance(pad, (tuple, list)) else ()
    if len(widths) % 2 or not 0 < len(widths) <= 2 * len(shape):
        raise ShapeError(
            f"pad is (before, after) of the last axis, then of the one before it, for at most {len(shape)} axes of x "
            f"of shape {shape}; got {pad!r}"
        )
    if mode not in _MODES:
        raise HyperparameterError(f"pad: mode={mode!r}: expected one of {', '.join(map(repr, _MODES))}")
    pairs = [(0, 0)] * (len(shape) - len(widths) // 2)
    pairs += [(widths[i], widths[i + 1]) for i in range(len(widths) - 2, -1, -2)]
    if mode != "constant":
        return ops.pad(x, pairs, _MODES[mode])
    if min(widths) < 0:
        if any(size + min(low, 0) + min(high, 0) < 0 for size, (low, high) in zip(shape, pairs, strict=True)):
            raise ShapeError(f"pad={pad!r} cuts more off x of shape {shape} than there is")
        sides = zip(shape, pairs, strict=True)
        x = x[tuple([slice(max(-low, 0), size + min(high, 0)) for size, (low, high) in sides])]
        pairs = [(max(low, 0), max(high, 0)) for low, high in pairs]
    return ops.pad(x, pairs, constant_values=value)


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
    """
    require_real("batch_norm", x)
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
    axis = (0, *range(2, 1 + len(shape)))
    count = np.size(x) // max(shape[0], 1)
    if training and count <= 1:
        raise ShapeError(
            f"batch_norm in training takes more than one value for each channel, got x of shape {np.shape(x)}: a "
            "larger batch, or training=False"
        )
    centred = centre(widened(x), axis)
    z = rms_scale(centred, reshaped(weight, shape), reshaped(bias, shape), axis, eps)
    if training and running_mean is not None:
        values = _values(centred)
        follow(_values(running_mean), np.mean(_values(x), axis), momentum)
        follow(_values(running_var), np.sum(values * values, axis) / (count - 1), momentum)
    return narrowed(z, x, weight, bias)


def _values(x: Any) -> Any:
    return seen(x) if isinstance(x, Tensor) else as_array(x)
