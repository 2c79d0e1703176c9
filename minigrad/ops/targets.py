"""Class labels turned into indices, and what else a classification loss is told, checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.arrays import as_array, detached
from minigrad.errors import DTypeError, GraphError, HyperparameterError, ShapeError, TargetError

REDUCTIONS = ("mean", "sum", "none")


def class_target(prediction: Any, target: Any) -> Any:
    """Labels for ``prediction`` (..., classes): indices of shape (...), or probabilities of its shape.

    Labels become ``intp``: an unsigned dtype would wrap where one is subtracted. Raises
    ``DTypeError`` for labels of a float dtype, ``TargetError`` for labels that are out of range or
    too many or too few, ``ShapeError`` for probabilities of another shape.
    """
    if getattr(target, "requires_grad", False):
        raise GraphError(
            "the target of a classification loss has no gradient here: write target.detach() to leave it out on purpose"
        )
    array = as_array(detached(target))
    shape = prediction.shape
    if not shape:
        raise ShapeError("a prediction has the shape (..., classes), got a 0-d one")
    if array.ndim == len(shape):
        return _probabilities(array, shape)
    if array.dtype.kind not in "iu":
        raise DTypeError(
            f"class labels are integers, got dtype {array.dtype}: write y.astype(int), or pass probabilities "
            f"of shape {shape}"
        )
    if array.shape != shape[:-1]:
        raise TargetError(
            f"one label for each row of the prediction: expected shape {shape[:-1]} for predictions of shape {shape}, "
            f"got {array.shape}"
        )
    labels = array.astype(np.intp, copy=False)
    # Seen as unsigned, a negative label is huge: one pass finds both kinds of stray label.
    if labels.size and np.maximum.reduce(labels.view(np.uintp), None) >= shape[-1]:
        stray = labels[(labels < 0) | (labels >= shape[-1])]
        raise TargetError(
            f"labels run from 0 to {shape[-1] - 1} for {shape[-1]} classes, got {stray[0]}"
            + (f" and {stray.size - 1} more out of range" if stray.size > 1 else "")
        )
    return labels


def _probabilities(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if array.shape != shape:
        hint = "; labels are one axis shorter: write y.reshape(-1)" if array.shape[-1:] == (1,) else ""
        raise ShapeError(
            f"one-hot labels have the prediction's shape {shape}, integer labels {shape[:-1]}; got {array.shape}{hint}"
        )
    if array.dtype.kind not in "fiub" or not np.all(array >= 0) or not np.allclose(np.sum(array, -1), 1, atol=1e-3):
        raise TargetError("each row of one-hot labels or class probabilities holds numbers >= 0 that sum to 1")
    return array


def check_reduction(reduction: str) -> None:
    """Raise ``HyperparameterError`` for a reduction that is none of "mean", "sum" and "none"."""
    if reduction not in REDUCTIONS:
        raise HyperparameterError(f"reduction={reduction!r}: expected one of {', '.join(map(repr, REDUCTIONS))}")
