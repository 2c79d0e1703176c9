"""Gradients through eigenvectors and singular vectors, where values are equal: what is known there, and what is not.

A vector turns towards another by (what asks it to) / (the gap between their values). Where values are equal the vectors
may be any orthonormal ones of a whole space, and the gap is 0:

- What was computed without these vectors is not moved by their turning: 0.
- What depends on which of them were chosen has no gradient: NaN.
- What is the same for every choice, such as V f(w) V.T, has one: (f(wi) - f(wj)) / (wi - wj), and f'(wi) where the two
  are equal. The walk meets this as 0 / 0. The derivative f' cannot be told from what flows in, which holds f' times the
  diagonal of a matrix whose other elements are asked for: NaN as well, with a warning that names functions of matrices
  whose own formulas know it.

That the numerator is 0 proves nothing: at the identity, where V is the identity too, it is 0 for V**2, which depends on
the choice. So what counts is which columns anything was computed from, and the walk knows that
(``minigrad.core.reachability``).

Of nearly equal values the gap has few digits, and so would the quotient: below ``eps**(3/4)`` of the largest value
less than a quarter of those of the dtype. That counts as equal.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from minigrad.core.conversion import detached
from minigrad.core.members import anywhere, is_true
from minigrad.core.reachability import Path, sum_any
from minigrad.support.user_warnings import warn

Shape = tuple[int, ...]


def parts(z: Any, *shapes: Shape) -> list[Any]:
    """The arrays that were packed along the last axis, of these shapes behind those of the batch."""
    pieces, start = [], 0
    for shape in shapes:
        stop = start + math.prod(shape)
        pieces.append(np.reshape(z[..., start:stop], (*z.shape[:-1], *shape)))
        start = stop
    return pieces


def used(path: Path | None, z: Any, *shapes: Shape) -> list[Any]:
    """For each packed array, what of it the gradient was computed from: bools, or True for all of it."""
    return [True for _ in shapes] if path is None else parts(sum_any(path.reached(), z.shape), *shapes)


def rounding(values: Any) -> Any:
    """A bound of the errors of eigenvalues or singular values: plain numbers, along an axis of size 1."""
    sizes = np.abs(detached(values))
    return sizes.shape[-1] * np.finfo(sizes.dtype).eps * np.maximum.reduce(sizes, -1, keepdims=True, initial=0)


def least(values: Any) -> Any:
    """The size below which a divisor counts as 0 beside the largest: plain numbers, along an axis of size 1."""
    sizes = np.abs(detached(values))
    return np.finfo(sizes.dtype).eps ** 0.75 * np.maximum.reduce(sizes, -1, keepdims=True, initial=0)


@functools.lru_cache(maxsize=64)
def on_diagonal(n: int) -> np.ndarray:
    """Whether an element of an n by n matrix is on its diagonal."""
    mask = np.eye(n, dtype=bool)
    mask.flags.writeable = False
    return mask


def pairs(values: Any, other: Any) -> Any:
    """``other[j] + values[i]`` for each i and j, and inf where they are the same: nothing turns towards itself."""
    return np.where(on_diagonal(values.shape[-1]), math.inf, other[..., None, :] + values[..., :, None])


def of_pairs(each: Any) -> Any:
    """Bools for pairs: whether it is so of one of both."""
    return each[..., None, :] | each[..., :, None]


def per_gap(numerator: Any, gap: Any, values: Any, vectors_used: Any) -> Any:
    """``numerator / gap``; where the gap is 0 beside the largest of ``values``, 0 or NaN, as said above.

    ``vectors_used`` are bools, or a function that finds them out: it is asked where some gap is 0.
    """
    equal = np.abs(detached(gap)) <= least(values)[..., None]
    if not anywhere(equal):
        return numerator / gap
    unknown = equal & vectors_used()
    if anywhere(unknown):
        warn(
            "equal eigenvalues or singular values encountered, and their vectors were used: which of them stand for "
            "their space is arbitrary, so the gradient is NaN. For functions of a matrix write mg.linalg.expm, sqrtm, "
            "polar, inv or pinv; where values are enough, eigvalsh or svdvals",
            RuntimeWarning,
        )
    factor = 1 / np.where(equal, 1, gap)
    return numerator * np.where(unknown, math.nan, np.where(equal, 0, factor))


def per_phase(turning: Any, *gradients: Any) -> Any:
    """How vectors are asked to turn, without the diagonal: the phase of a vector is arbitrary, and has no gradient.

    It is NaN, with a warning, where something depends on it, beside the size of the ``gradients`` of the vectors. Real
    vectors have no phase.
    """
    if not np.iscomplexobj(turning):
        return turning
    n = turning.shape[-1]
    phases = np.diagonal(np.abs(detached(turning)), 0, -2, -1)
    sizes = [np.maximum.reduce(np.abs(detached(g)), (-2, -1), initial=0) for g in gradients]
    unknown = phases > np.finfo(phases.dtype).eps ** 0.5 * functools.reduce(np.maximum, sizes)[..., None]
    if anywhere(unknown):
        warn(
            "complex eigenvectors or singular vectors were used by their phases, which are arbitrary, so the gradient "
            "is NaN: write np.abs(v) ** 2, or products such as v @ np.conj(v).T, which no phase changes",
            RuntimeWarning,
        )
    share = np.where(unknown[..., None, :] & on_diagonal(n), math.nan, 0)
    return np.where(on_diagonal(n), share, turning)


def shared(g: Any, values: Any) -> Any:
    """The gradients of values. Equal values share theirs evenly, since their order is arbitrary."""
    plain = detached(values)
    close = np.abs(plain[..., None, :] - plain[..., :, None]) <= rounding(values)[..., None]
    equal = close | on_diagonal(plain.shape[-1])
    if is_true(np.count_nonzero(equal) == plain.size, np.all):
        return g
    share = (equal / np.sum(equal, -1, keepdims=True)).astype(g.dtype)
    return np.matmul(share, g[..., None])[..., 0]
