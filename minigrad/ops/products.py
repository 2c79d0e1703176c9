"""Products of vectors, matrices and tensors. For matrices z = x @ y: dL/dx = g @ y.T and dL/dy = x.T @ g."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.core.primitive import primitive
from minigrad.core.table import derived
from minigrad.errors import AxisError, ShapeError
from minigrad.ops.along import given

__all__ = ["dot", "inner", "kron", "matmul", "matvec", "outer", "tensordot", "vdot", "vecdot", "vecmat"]

Shape = tuple[int, ...]


def newer(*names: str) -> tuple[Callable[..., Any], ...]:
    """The functions of these names that the installed NumPy has."""
    return tuple(getattr(np, name) for name in names if hasattr(np, name))


# -- matrix products ----------------------------------------------------------------------------


def _as_matrix(g: Any, x_shape: Shape, y_shape: Shape) -> Any:
    """The gradient of a product with the axes of size 1 that a vector on either side left out."""
    if len(y_shape) == 1:
        g = np.expand_dims(g, -1)
    return np.expand_dims(g, -2) if len(x_shape) == 1 else g


def rows(x: Any) -> Any:
    """The leading axes of an array as one."""
    return x if len(x.shape) == 2 else x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def _left(g: Any, y: Any, x_shape: Shape) -> Any:
    if len(y.shape) == 1:
        return (g if len(x_shape) == 1 else np.expand_dims(g, -1)) * y
    if len(x_shape) == 1 and len(y.shape) == 2:
        return np.matmul(y, g)
    product = np.matmul(_as_matrix(g, x_shape, y.shape), np.swapaxes(y, -1, -2))
    return product[..., 0, :] if len(x_shape) == 1 else product


def _right(g: Any, x: Any, y_shape: Shape) -> Any:
    if len(x.shape) == 1 and len(y_shape) <= 2:
        return (x if len(y_shape) == 1 else np.expand_dims(x, -1)) * g
    if len(x.shape) == 2 and len(y_shape) == 1:
        return np.matmul(g, x)
    g = _as_matrix(g, x.shape, y_shape)
    x = np.expand_dims(x, 0) if len(x.shape) == 1 else x
    if len(y_shape) <= 2:  # one large product instead of a batch of them that the walk would add up
        product = np.matmul(rows(x).T, rows(g))
    else:
        product = np.matmul(np.swapaxes(x, -1, -2), g)
    return product[..., 0] if len(y_shape) == 1 else product


matmul = primitive(
    lambda x, y: np.matmul(x, y),
    lambda g, y, x_shape: _left(g, y, x_shape),
    lambda g, x, y_shape: _right(g, x, y_shape),
    name="matmul", numpy=(np.matmul,), analytic=True,
    doc="x @ y: matrices in the last two axes, leading axes broadcast, a vector is a row or a column.",
)


@derived(np.dot, "numpy.dot")  # nnfs.init() puts a function of its own into np.dot's place, which calls the old one
def dot(a: Any, b: Any) -> Any:
    """NumPy's dot product: the sum over the last axis of a and the second-to-last (or only) axis of b."""
    if not np.ndim(a) or not np.ndim(b):
        return np.multiply(a, b)
    if np.ndim(b) <= 2:
        return np.matmul(a, b)
    inner = np.transpose(b, (b.ndim - 2, *range(b.ndim - 2), b.ndim - 1))
    product = np.matmul(a, np.reshape(inner, (inner.shape[0], math.prod(inner.shape[1:]))))
    return np.reshape(product, a.shape[:-1] + inner.shape[1:])


# -- products of vectors and of tensors ---------------------------------------------------------


def axis_last(x: Any, axis: int) -> Any:
    """x with one axis moved to the end."""
    x = given(x)
    ndim = x.ndim
    if not -ndim <= axis < ndim:
        raise AxisError(f"an array of shape {x.shape} has no axis {axis}")
    others = [a for a in range(ndim) if a != axis % ndim]
    return x if axis in (-1, ndim - 1) else np.transpose(x, (*others, axis % ndim))


def _flat(x: Any) -> Any:
    """All elements along one axis, where they are not yet."""
    return x if np.ndim(x) == 1 else np.reshape(x, -1)


def conjugated(x: Any) -> Any:
    """The conjugate; of real numbers, x itself."""
    return np.conjugate(x) if np.iscomplexobj(x) else x


@derived(np.inner)
def inner(a: Any, b: Any) -> Any:
    """The sum over the last axes of both: shape ``a.shape[:-1] + b.shape[:-1]``; a product if one is 0-d."""
    if not np.ndim(a) or not np.ndim(b):
        return np.multiply(a, b)
    return tensordot(a, b, (-1, -1))


@derived(np.outer)
def outer(a: Any, b: Any) -> Any:
    """Every element of a times every element of b, both flattened: shape ``(a.size, b.size)``."""
    return np.multiply(np.reshape(a, (-1, 1)), np.reshape(b, (1, -1)))


@derived(np.vdot)
def vdot(a: Any, b: Any) -> Any:
    """The sum of the products of all elements, in order; a complex ``a`` is conjugated."""
    return np.matmul(conjugated(_flat(a)), _flat(b))


@derived(np.vecdot)
def vecdot(x1: Any, x2: Any, axis: int = -1) -> Any:
    """The dot products of the vectors along ``axis``; other axes broadcast, a complex ``x1`` is conjugated."""
    if axis != -1:
        x1, x2 = axis_last(x1, axis), axis_last(x2, axis)
    one, two = np.shape(x1), np.shape(x2)
    if one[-1:] != two[-1:] or not one:  # einsum would broadcast a vector of one number
        raise ShapeError(f"vecdot takes vectors of one length along axis {axis}, got shapes {one} and {two}")
    return np.einsum("...i,...i->...", conjugated(x1), x2)


@derived(*newer("matvec"))
def matvec(x1: Any, x2: Any) -> Any:
    """Matrices times vectors, ``(..., m, n)`` and ``(..., n)`` to ``(..., m)``; leading axes broadcast."""
    return np.matmul(x1, np.expand_dims(x2, -1))[..., 0]


@derived(*newer("vecmat"))
def vecmat(x1: Any, x2: Any) -> Any:
    """Vectors times matrices, ``(..., m)`` and ``(..., m, n)`` to ``(..., n)``; a complex ``x1`` is conjugated."""
    return np.matmul(np.expand_dims(conjugated(x1), -2), x2)[..., 0, :]


@derived(np.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """The sum over pairs of axes: the last and first ``axes`` if it is a number, else ``(axes of a, axes of b)``.

    The result has the other axes of a, then those of b. Raises ``ShapeError`` for axes of different sizes.
    """
    of_a, of_b = paired_axes(axes, np.shape(a), np.shape(b))
    kept_a = [axis for axis in range(np.ndim(a)) if axis not in of_a]
    kept_b = [axis for axis in range(np.ndim(b)) if axis not in of_b]
    size = math.prod([np.shape(a)[axis] for axis in of_a])
    left, right = [np.shape(a)[axis] for axis in kept_a], [np.shape(b)[axis] for axis in kept_b]
    a = np.reshape(np.transpose(a, (*kept_a, *of_a)), (math.prod(left), size))
    b = np.reshape(np.transpose(b, (*of_b, *kept_b)), (size, math.prod(right)))
    return np.reshape(np.matmul(a, b), (*left, *right))


def paired_axes(axes: Any, a_shape: Shape, b_shape: Shape) -> tuple[list[int], list[int]]:
    """The axes of a tensordot, none negative. Raises ``ShapeError`` where they do not pair."""
    if np.ndim(axes) == 0 and not isinstance(axes, (tuple, list)):
        count = operator.index(axes)
        of_a, of_b = list(range(len(a_shape) - count, len(a_shape))), list(range(count))
    else:
        of_a, of_b = [[side] if np.ndim(side) == 0 else list(side) for side in axes]
    shapes = f"tensordot of shapes {a_shape} and {b_shape} with axes={axes}"
    for side, shape in ((of_a, a_shape), (of_b, b_shape)):
        if not all(-len(shape) <= axis < len(shape) for axis in side):
            raise AxisError(f"{shapes}: an array of shape {shape} has no axes {tuple(side)}")
    of_a, of_b = [axis % len(a_shape) for axis in of_a], [axis % len(b_shape) for axis in of_b]
    if [a_shape[axis] for axis in of_a] != [b_shape[axis] for axis in of_b]:
        raise ShapeError(f"{shapes}: the axes that are summed must have the same sizes in both, pair by pair")
    if len(set(of_a)) < len(of_a) or len(set(of_b)) < len(of_b):
        raise ShapeError(f"{shapes}: an axis is summed once; take a diagonal with einsum")
    return of_a, of_b


@derived(np.kron)
def kron(a: Any, b: Any) -> Any:
    """The Kronecker product: blocks of b, each times one element of a."""
    ndim = max(np.ndim(a), np.ndim(b))
    a_shape = (1,) * (ndim - np.ndim(a)) + np.shape(a)
    b_shape = (1,) * (ndim - np.ndim(b)) + np.shape(b)
    # Axes in turn from a and from b, so that those of one number lie side by side and become one.
    blocks = np.reshape(a, [size for n in a_shape for size in (n, 1)])
    elements = np.reshape(b, [size for n in b_shape for size in (1, n)])
    return np.reshape(np.multiply(blocks, elements), [n * m for n, m in zip(a_shape, b_shape, strict=True)])
