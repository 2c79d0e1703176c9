"""Rules for ``np.linalg``: its functions take stacks of matrices, and the members are one more axis of the stack."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.batching.moving import physical
from minigrad.batching.reductions import from_end
from minigrad.batching.rules import RULES, aligned, made, mine, rank, rule
from minigrad.core.batches import Batch
from minigrad.kernels import determinants, triangular


def _register_stacked(function: Callable[..., Any]) -> None:
    """Register a function of a stack of matrices, with options that are the same for all."""

    def answer(batch: Batch, a: Any, *args: Any, **options: Any) -> Any:
        others = (*args, *options.values())
        if not mine(batch, a) or any(mine(batch, x) for x in others) or a.ndim < 2:
            return NotImplemented
        return made(batch, function(a.array, *args, **options))

    RULES[function] = answer


for _name in """
    det slogdet inv cholesky qr eig eigh eigvals eigvalsh svd svdvals pinv matrix_rank matrix_power cond
    """.split():
    _register_stacked(getattr(np.linalg, _name))
_register_stacked(determinants.cofactors)


@rule(determinants.cofactors_along)
def _cofactors_along(batch: Batch, a: Any, direction: Any) -> Any:
    return made(batch, determinants.cofactors_along(*[physical(batch, x) for x in np.broadcast_arrays(a, direction)]))


@rule(np.linalg.solve)
def _solve(batch: Batch, a: Any, b: Any) -> Any:
    vector = rank(b) == 1
    z = made(batch, np.linalg.solve(*aligned(batch, (a, b[..., None] if vector else b))))
    return z[..., 0] if vector else z


@rule(triangular.substituted)
def _substituted(batch: Batch, a: Any, b: Any, lower: bool = True) -> Any:
    a, b = aligned(batch, (a, b))
    return made(batch, triangular.substituted(a, b, lower))


@rule(np.linalg.norm)
def _norm(batch: Batch, x: Any, *args: Any, **options: Any) -> Any:
    """Of (x, ord, axis, keepdims)."""
    options = {**dict(zip(("ord", "axis", "keepdims"), args, strict=False)), **options}
    axis = options.pop("axis", None)
    if axis is None and options.get("ord") is None and not options.get("keepdims"):
        return made(batch, np.linalg.norm(np.reshape(x.array, (batch.size, x.size)), axis=-1))
    if axis is None and x.ndim not in (1, 2):
        return NotImplemented
    axes = tuple(range(-x.ndim, 0)) if axis is None else from_end(axis, x.ndim)
    return made(batch, np.linalg.norm(x.array, axis=axes if axes != (-1,) else -1, **options))


@rule(np.linalg.vector_norm)
def _vector_norm(batch: Batch, x: Any, /, *, axis: Any = None, **options: Any) -> Any:
    if not x.ndim:
        return NotImplemented
    axes = tuple(range(-x.ndim, 0)) if axis is None else from_end(axis, x.ndim)
    return made(batch, np.linalg.vector_norm(x.array, axis=axes, **options))


@rule(np.linalg.matrix_norm)
def _matrix_norm(batch: Batch, x: Any, /, **options: Any) -> Any:
    return made(batch, np.linalg.matrix_norm(x.array, **options))
