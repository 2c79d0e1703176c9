"""Cross products of vectors, and convolutions along one axis."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.core.primitive import primitive
from minigrad.core.stands import NumberStand
from minigrad.core.table import Primitive, derived
from minigrad.errors import AxisError, ShapeError
from minigrad.ops.indexing import put
from minigrad.ops.products import axis_last, conjugated

__all__ = ["convolve", "correlate", "cross"]

# -- cross products -----------------------------------------------------------------------------


# a . (b x g) is one volume, however its edges are turned round.
vector_product: Primitive = primitive(
    lambda a, b: np.cross(a, b), lambda g, b: vector_product(b, g), lambda g, a: vector_product(g, a),
    name="vector_product", analytic=True, doc="The cross products of vectors of three elements in the last axes.",
)


@derived(np.cross)
def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """The cross products of the vectors along ``axisa`` and ``axisb``, along ``axisc`` of the result.

    ``axis`` stands for all three. A vector of two elements lies in the plane: with one of three elements it has a
    0 behind it, of two such the third element of the product alone is returned. Raises ``ShapeError`` for others.
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = axis_last(a, axisa), axis_last(b, axisb)
    if not {a.shape[-1], b.shape[-1]} <= {2, 3}:
        raise ShapeError(f"cross takes vectors of 2 or 3 elements, got shapes {a.shape} and {b.shape} (vectors last)")
    if a.shape[-1] == b.shape[-1] == 2:
        return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    product = vector_product(_in_space(a), _in_space(b))
    if not -product.ndim <= axisc < product.ndim:
        raise AxisError(f"the cross product of shape {product.shape} has no axis {axisc}")
    order = list(range(product.ndim - 1))
    order.insert(axisc % product.ndim, product.ndim - 1)
    return product if axisc in (-1, product.ndim - 1) else np.transpose(product, order)


def _in_space(a: Any) -> Any:
    """Vectors of the plane with a third element of 0."""
    if a.shape[-1] == 3:
        return a
    return np.concatenate([a, np.zeros((*a.shape[:-1], 1), a.dtype)], -1)


# -- convolution along one axis -----------------------------------------------------------------


def _unslide(g: Any, other: Any, a_size: int, part: str) -> Any:
    """The gradient of one side: g, back in its place in the full convolution, slid along the other side."""
    size, shorter = a_size + other.size - 1, min(a_size, other.size)
    start = {"full": 0, "same": (shorter - 1) // 2, "valid": shorter - 1}[part]
    full = put(g, slice(start, start + g.size), (size,))
    return np.convolve(full, _reversed(other), "valid")


def _reversed(v: Any) -> Any:
    """A vector from its end to its beginning."""
    return np.reshape(v, -1)[::-1]


_convolve = primitive(
    lambda a, v, part="full": np.convolve(a, v, part),
    lambda g, v, a_shape, part: np.reshape(_unslide(g, v, math.prod(a_shape), part), a_shape),
    lambda g, a, v_shape, part: np.reshape(_unslide(g, a, math.prod(v_shape), part), v_shape),
    name="convolve", analytic=True, doc="The discrete convolution of two vectors, or a part of it.",
)


@derived(np.convolve)
def convolve(a: Any, v: Any, mode: Any = "full") -> Any:
    """The discrete convolution of two vectors: all of it, or ("same", "valid") the middle of it.

    >>> mg.convolve(mg.tensor([1.0, 2.0]), mg.tensor([1.0, 1.0]))
    tensor([1., 3., 2.])
    """
    return _convolve(_vector(a), _vector(v), mode)


def _vector(x: Any) -> Any:
    """A number of Python's as a list of it, whose dtype is that of the other vector."""
    return [x] if isinstance(x, (int, float, complex, NumberStand)) else x


@derived(np.correlate)
def correlate(a: Any, v: Any, mode: Any = "valid") -> Any:
    """The cross-correlation of two vectors: dot products of a with v moved along it, v conjugated if complex."""
    if np.size(a) < np.size(v):  # NumPy slides the shorter one, and turns the result round
        return np.convolve(conjugated(v), _reversed(a), mode)[::-1]
    return np.convolve(a, conjugated(_reversed(v)), mode)
