"""Embedding: rows of a matrix picked by number, and its adjoint, which adds rows up where they were picked."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core.conversion import as_array, detached, shown
from minigrad.core.primitive import routing
from minigrad.core.table import Primitive, derived
from minigrad.errors import DTypeError, ShapeError, TargetError
from minigrad.kernels import scattering as kernels
from minigrad.ops.along import summable

__all__ = ["embedding", "scatter_rows", "take_rows"]


def _take_rows(x: Any, indices: Any, padding_idx: int | None = None) -> Any:  # noqa: ARG001 - the formula asks for it
    return x[indices]


def _added(x: Any, indices: Any, count: int) -> Any:
    return kernels.scatter_rows(summable(as_array(x)), indices, count)


def _without(g: Any, indices: Any, padding_idx: int | None) -> Any:
    """The gradient of picked rows with 0 for those of the padding."""
    return g if padding_idx is None else np.where((indices == padding_idx)[..., None], 0, g)


take_rows: Primitive = routing(
    _take_rows,
    lambda g, x_shape, indices, padding_idx: scatter_rows(_without(g, indices, padding_idx), indices, x_shape[0]),
    analytic=True,
    doc="""The rows of x (count, width) with these numbers, an array of integers (...): (..., width).

    The row ``padding_idx`` has no gradient.
    """,
)
scatter_rows: Primitive = routing(
    _added, lambda g, indices: take_rows(g, indices),
    name="scatter_rows", analytic=True,
    doc="Rows (..., width) added up by their numbers (...) into zeros (count, width).",
)


def _row_numbers(indices: Any, shape: tuple[int, ...]) -> np.ndarray:
    """The indices as ``intp``, each a row of the weight. Raises ``DTypeError``, ``TargetError`` or ``ShapeError``."""
    array = as_array(detached(indices))
    if len(shape) != 2:
        raise ShapeError(f"embedding takes a weight of shape (count, width), got shape {shape}")
    if array.dtype.kind not in "iu" and array.size:
        hint = ": the indices come first, embedding(indices, weight)" if array.ndim == 2 else ""
        raise DTypeError(f"embedding takes indices of integers, got dtype {array.dtype}: write .astype(int){hint}")
    numbers = array.astype(np.intp, copy=False)
    # Seen as unsigned, a negative number is huge: one pass finds both kinds of stray index.
    if numbers.size and numbers.view(np.uintp).max() >= shape[0]:
        numbers = shown(numbers)
        stray = numbers[(numbers < 0) | (numbers >= shape[0])]
        raise TargetError(
            f"embedding indices run from 0 to {shape[0] - 1} for a weight of shape {shape}, got {stray[0]}"
            + (f" and {stray.size - 1} more out of range" if stray.size > 1 else "")
        )
    return numbers  # type: ignore[no-any-return]


@derived()
def embedding(indices: Any, weight: Any, padding_idx: int | None = None) -> Any:
    """Row i of weight (count, width) for each i of ``indices``, integers of any shape (...): (..., width).

    The row ``padding_idx`` is read as it is and gets no gradient; counted from the end if negative. Raises
    ``DTypeError`` for indices of a float dtype, ``TargetError`` for one out of range or negative.
    """
    shape = np.shape(weight)
    numbers = _row_numbers(indices, shape)
    if padding_idx is None:
        return take_rows(weight, numbers)
    if not -shape[0] <= padding_idx < shape[0]:
        raise TargetError(f"padding_idx is one of the {shape[0]} rows of a weight of shape {shape}, got {padding_idx}")
    return take_rows(weight, numbers, padding_idx % shape[0])
