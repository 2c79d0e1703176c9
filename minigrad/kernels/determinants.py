"""The cofactors of matrices, and how they change: exact for singular ones too."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.core.stands import numpy_function


def _transposed(a: Any) -> Any:
    return np.swapaxes(a, -1, -2)


def _det(a: Any) -> Any:
    """The determinants, with two axes that broadcast over the elements of a matrix."""
    return np.linalg.det(a)[..., None, None]


def _sound_inverse(a: Any) -> Any:
    """The inverses, or None where a singular value is so small that they have few correct digits."""
    try:
        inverse = np.linalg.inv(a)
    except np.linalg.LinAlgError:
        return None
    condition = np.linalg.norm(a, axis=(-2, -1)) * np.linalg.norm(inverse, axis=(-2, -1))
    return inverse if np.all(condition < np.finfo(a.dtype).eps ** (-1 / 3)) else None


def _running_product(s: Any) -> Any:
    """For each element, the product of those before it in the last axis."""
    before = np.cumprod(s, -1)
    return np.concatenate([np.ones_like(s[..., :1]), before[..., :-1]], -1)


def _without_two(s: Any) -> Any:
    """For each i and j the product of all of s but these two, without a division, as they may be 0; 0 for i = j."""
    n = s.shape[-1]
    upper = np.tri(n, k=-1, dtype=bool).T
    between = _running_product(np.where(upper, s[..., None, :], 1))
    after = _running_product(s[..., ::-1])[..., ::-1]
    product = np.where(upper, _running_product(s)[..., :, None] * between * after[..., None, :], 0)
    return product + _transposed(product)


@numpy_function  # one call in a program: which way it takes depends on the matrix
def cofactors(a: Any) -> Any:
    """det(a) * inv(a).T, and for singular a its limit."""
    inverse = _sound_inverse(a)
    if inverse is not None:
        return _det(a) * _transposed(inverse)
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    without_one = _running_product(s) * _running_product(s[..., ::-1])[..., ::-1]
    turned = _det(u) * _det(vh)
    return turned * ((np.conjugate(u) * without_one[..., None, :]) @ np.conjugate(vh))


@numpy_function
def cofactors_along(a: Any, direction: Any) -> Any:
    """How the cofactors of a change along a direction."""
    inverse = _sound_inverse(a)
    if inverse is not None:
        moved = inverse @ direction
        trace = np.trace(moved, 0, -2, -1)[..., None, None]
        return _det(a) * _transposed(trace * inverse - moved @ inverse)
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    u, vh = np.conjugate(u), np.conjugate(vh)
    # Along the singular vectors a is diagonal, and a minor without two rows and columns a product of values.
    minors, inner = _without_two(s), _transposed(u) @ direction @ _transposed(vh)
    on_diagonal = minors @ np.diagonal(inner, 0, -2, -1)[..., None]
    slope = np.where(np.eye(s.shape[-1], dtype=bool), on_diagonal, -_transposed(minors * inner))
    return _det(np.conjugate(u)) * _det(np.conjugate(vh)) * (u @ slope @ vh)


def circle(a: Any, direction: Any) -> tuple[Any, Any]:
    """Steps along a direction with which a polynomial's slope at a is ``sum(weights * f(a + steps * direction), 0)``.

    They lie on a circle: these are Fourier's coefficients, enough for what is of the degree of a determinant without
    two rows. A step is shorter than a, so that the two never cancel, and so short that rounding does no harm. The
    direction has as many axes as anything else.
    """
    count = max(a.shape[-1] - 1, 2)
    sizes = [np.linalg.norm(x, axis=(-2, -1), keepdims=True) for x in (a, direction)]
    radius, length = (np.where(size == 0, 1, size) for size in sizes)
    turns = np.exp(2j * math.pi / count * np.arange(count)).astype(np.result_type(a.dtype, np.complex64))
    turns = turns.reshape(-1, *[1] * len(direction.shape)) / (count + 1)
    return turns * (radius / length), (length / radius) / (turns * count)
