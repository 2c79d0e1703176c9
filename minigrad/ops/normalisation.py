"""Normalisation: x less its mean, divided by the root of its mean square, over the axes of a layer, group or image.

All of them are two steps. ``centre`` takes the mean off, and is its own adjoint; ``rms_scale`` divides what is left by
the root of its mean square, and multiplies by a weight. RMS normalisation is the second step alone.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.core.idioms import refuse_keywords
from minigrad.core.primitive import primitive
from minigrad.core.table import Primitive, derived
from minigrad.errors import HyperparameterError, ShapeError
from minigrad.ops.along import given, narrowed, require_real, widened
from minigrad.ops.norms import euclidean_norm, p_norm
from minigrad.ops.reductions import least_square

__all__ = [
    "centre", "cosine_similarity", "group_norm", "instance_norm", "inverse_rms", "layer_norm", "normalize",
    "rms_norm", "rms_scale",
]

Axes = tuple[int, ...]

# -- the two steps ------------------------------------------------------------------------------


def _centre(x: Any, axis: Axes) -> Any:
    return x - np.mean(x, axis, keepdims=True)


centre: Primitive = primitive(
    _centre, lambda g, axis: centre(g, axis),  # a symmetric projection
    analytic=True, doc="x less its mean over ``axis``, a tuple of axes.",
)


def _size(shape: tuple[int, ...], axis: Axes) -> int:
    return math.prod([shape[a] for a in axis])


#: ``np.max`` without the microsecond that it takes to look at its options; in a program it is a part of the loop.
_largest: Any = np.maximum.reduce


def _inverse_rms(x: Any, axis: Axes, eps: float) -> Any:
    if not 0 <= eps <= least_square(x.dtype):
        with np.errstate(over="ignore"):
            square = np.mean(x * x, axis, keepdims=True)
        if _largest(square, None, initial=-math.inf) < math.inf:
            return 1 / np.sqrt(square + eps)
    # Squares that overflow, or that vanish beside no eps: of x in units of its largest element.
    largest = np.maximum(np.max(np.abs(x), axis, keepdims=True), math.sqrt(max(eps, 0)))
    unit = np.where((largest > 0) & (largest < math.inf), largest, 1)
    part = x / unit
    return 1 / np.sqrt(np.mean(part * part, axis, keepdims=True) + eps / unit / unit) / unit


inverse_rms: Primitive = primitive(
    _inverse_rms, lambda g, z, x, axis: -(g * z / _size(x.shape, axis)) * (z * (z * x)),
    analytic=True, real=True,
    doc="1 / sqrt(mean(x * x) + eps) over ``axis``, a tuple of axes that stay as axes of size 1.",
)


def _rms_scale(x: Any, weight: Any, bias: Any, axis: Axes, eps: float) -> tuple[Any, Any]:
    rms = _inverse_rms(x, axis, eps)
    z = x * rms
    # z is new here: the rest is written over it, unless another dtype or shape comes in.
    for operand, step in ((weight, np.multiply), (bias, np.add)):
        if operand is not None:
            fits = np.result_type(z, operand) == z.dtype and np.broadcast_shapes(z.shape, operand.shape) == z.shape
            z = step(z, operand, out=z) if fits else step(z, operand)
    return z, rms


def _weighted(g: Any, weight: Any) -> Any:
    return g if weight is None else g * weight


def _rms_pullback(g: Any, x: Any, rms: Any, axis: Axes) -> Any:
    """rms * (g - x_hat * mean(g * x_hat)), where x_hat is x * rms."""
    # In this order no factor is far from 1, also where x is very large or small.
    return rms * (g - (rms * (rms * np.mean(g * x, axis, keepdims=True))) * x)


rms_scale: Primitive = primitive(
    _rms_scale,
    lambda g, x, rms, weight, axis: _rms_pullback(_weighted(g, weight), x, rms, axis),
    lambda g, x, rms, axis: g * (x * rms),
    lambda g: g,
    residuals={"rms": inverse_rms}, analytic=True, real=True,
    doc="""x / sqrt(mean(x * x) + eps) * weight + bias; the mean is over ``axis``, a tuple of axes.

    ``weight`` and ``bias`` broadcast to x, and may be None.
    """,
)

# -- what the user calls ------------------------------------------------------------------------


def trailing(what: str, x: Any, normalized_shape: Any, **parameters: Any) -> Axes:
    """The last axes of x, which have the shape that is normalised. Raises ``ShapeError``."""
    wanted = tuple(normalized_shape) if isinstance(normalized_shape, (tuple, list)) else (normalized_shape,)
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
    return None if parameter is None else np.reshape(given(parameter), shape)


@derived()
def layer_norm(x: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """(x - mean) / sqrt(var + eps) * weight + bias, over the last axes, which have the shape ``normalized_shape``.

    ``weight`` and ``bias`` have that shape too, or are None (Ba, Kiros and Hinton, 2016). Raises ``ShapeError``.
    """
    axis = trailing("layer_norm", x, normalized_shape, weight=weight, bias=bias)
    return narrowed(rms_scale(centre(widened(x), axis), weight, bias, axis, eps), x, weight, bias)


@derived()
def rms_norm(x: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Any:
    """x / sqrt(mean(x²) + eps) * weight, over the last axes, which have the shape ``normalized_shape``.

    ``eps`` is by default the smallest step at 1 of x's dtype (Zhang and Sennrich, 2019). Raises ``ShapeError``.
    """
    axis = trailing("rms_norm", x, normalized_shape, weight=weight)
    x, wide = given(x), widened(x)
    if eps is None:
        eps = float(np.finfo((x if x.dtype.kind == "f" else wide).dtype).eps)
    return narrowed(rms_scale(wide, weight, None, axis, eps), x, weight)


@derived()
def group_norm(x: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Each group of channels of each x (N, C, ...) normalised to mean 0 and variance 1, * weight (C,) + bias (C,).

    Source: Wu and He, 2018. Raises ``ShapeError``, or ``HyperparameterError`` for groups that do not divide C.
    """
    per_channel("group_norm", x, weight=weight, bias=bias)
    batch, channels, *sizes = np.shape(x)
    if isinstance(num_groups, bool) or not isinstance(num_groups, (int, np.integer)) or num_groups < 1:
        raise HyperparameterError(f"num_groups is an integer >= 1, got {num_groups!r}")
    if channels % num_groups:
        raise HyperparameterError(
            f"group_norm: {num_groups} groups do not divide the {channels} channels of x of shape {np.shape(x)}: "
            "take a divisor"
        )
    members = channels // num_groups
    grouped = np.reshape(widened(x), (batch, num_groups, members, *sizes))
    axis, shape = tuple(range(2, 3 + len(sizes))), (num_groups, members, *(1,) * len(sizes))
    scaled = rms_scale(centre(grouped, axis), reshaped(weight, shape), reshaped(bias, shape), axis, eps)
    return narrowed(np.reshape(scaled, (batch, channels, *sizes)), x, weight, bias)


@derived()
def instance_norm(x: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Each channel of each x (N, C, *sizes) normalised to mean 0 and variance 1, * weight (C,) + bias (C,).

    It keeps no running statistics (Ulyanov, Vedaldi and Lempitsky, 2016). Raises ``ShapeError``.
    """
    shape = per_channel("instance_norm", x, weight=weight, bias=bias)
    if len(shape) < 2:
        raise ShapeError(f"instance_norm takes x of shape (N, C, *sizes) with at least one size, got {np.shape(x)}")
    axis = tuple(range(2, 1 + len(shape)))
    scaled = rms_scale(centre(widened(x), axis), reshaped(weight, shape), reshaped(bias, shape), axis, eps)
    return narrowed(scaled, x, weight, bias)


# -- vectors of length 1 ------------------------------------------------------------------------


def _norm(x: Any, p: float, axis: Any) -> Any:
    if p == 2:
        return euclidean_norm(x, axis, True)
    if p not in (1, math.inf):
        return p_norm(x, float(p), axis, True)
    size = np.abs(x)
    return np.sum(size, axis, keepdims=True) if p == 1 else np.max(size, axis, keepdims=True)


def _length(x: Any, p: float, axis: Any, eps: float) -> Any:
    """The p-norm of x, at least eps; where it is less, a constant."""
    return np.maximum(_norm(x, p, axis), eps)


@derived()
def normalize(x: Any, p: float = 2.0, axis: Any = 1, eps: float = 1e-12, *, dim: Any = None) -> Any:
    """x / max(norm, eps), with the p-norm over ``axis``: vectors of length 1, and 0 where x is 0."""
    if dim is not None:
        refuse_keywords("normalize", ["dim"])
    if not p > 0:
        raise HyperparameterError(f"normalize: p is a number > 0 or inf, got {p!r}")
    require_real("normalize", x)
    wide = widened(x)
    return narrowed(wide / _length(wide, p, axis, eps), x)


@derived()
def cosine_similarity(x: Any, y: Any, axis: int = 1, eps: float = 1e-8, *, dim: Any = None) -> Any:
    """The cosine of the angle between x and y along ``axis``; x and y broadcast, and lengths are at least ``eps``."""
    if dim is not None:
        refuse_keywords("cosine_similarity", ["dim"])
    require_real("cosine_similarity", x, y)
    shape = np.broadcast_shapes(np.shape(x), np.shape(y))  # before the lengths: axis is one of both together
    a, b = np.broadcast_to(widened(x), shape), np.broadcast_to(widened(y), shape)
    return narrowed(np.sum((a / _length(a, 2, axis, eps)) * (b / _length(b, 2, axis, eps)), axis), x, y)


# -- what the steps are made of -----------------------------------------------------------------


def _rms_scale_by_parts(x: Any, weight: Any, bias: Any, axis: Axes, eps: float) -> Any:
    z = x / np.sqrt(np.mean(x**2, axis, keepdims=True) + eps)
    z = z if weight is None else z * weight
    return z if bias is None else z + bias


#: The plain function that each fused operation equals, on Tensors.
composites: dict[str, Any] = {
    "centre": lambda x, axis: x - np.mean(x, axis, keepdims=True),
    "inverse_rms": lambda x, axis, eps: (np.mean(x**2, axis, keepdims=True) + eps) ** -0.5,
    "rms_scale": _rms_scale_by_parts,
}
