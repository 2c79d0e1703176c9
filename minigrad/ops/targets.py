"""Class labels turned into indices, and what else a classification loss is told, checked."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minigrad.core.conversion import as_array, detached, shown
from minigrad.core.user_warnings import warn
from minigrad.errors import AmbiguousAxisWarning, DTypeError, GraphError, HyperparameterError, ShapeError, TargetError

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
            f"got {array.shape}{on_axis_1(array.shape, shape)}"
        )
    labels = array.astype(np.intp, copy=False)
    # Seen as unsigned, a negative label is huge: one pass finds both kinds of stray label.
    if labels.size and np.maximum.reduce(labels.view(np.uintp), None) >= shape[-1]:
        labels = shown(labels)
        stray = labels[(labels < 0) | (labels >= shape[-1])]
        raise TargetError(
            f"labels run from 0 to {shape[-1] - 1} for {shape[-1]} classes, got {stray[0]}"
            + (f" and {stray.size - 1} more out of range" if stray.size > 1 else "")
        )
    return labels


def _probabilities(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if array.shape != shape:
        hint = "; labels are one axis shorter: write y.reshape(-1)" if array.shape[-1:] == (1,) else ""
        hint = on_axis_1(array.shape, shape) or hint
        raise ShapeError(
            f"one-hot labels have the prediction's shape {shape}, integer labels {shape[:-1]}; got {array.shape}{hint}"
        )
    if array.dtype.kind not in "fiub" or not np.all(array >= 0) or not _sums_to_1(array, -1):
        hint = AXIS_1 if array.dtype.kind in "fiub" and array.ndim > 2 and _sums_to_1(array, 1) else ""
        raise TargetError(f"each row of one-hot labels or class probabilities holds numbers >= 0 that sum to 1{hint}")
    return array


# -- where the classes are ------------------------------------------------------------------------

#: What to write where the classes are elsewhere.
AXIS_1 = "; where the classes lie along axis 1, as in PyTorch, pass axis=1"


def classes_last(loss: str, prediction: Any, target: Any, axis: int | None) -> tuple[Any, Any]:
    """Prediction and target with the classes on the last axis, where they are if ``axis`` is None.

    Warns with ``AmbiguousAxisWarning`` where ``axis`` is None and axis 1 would fit as well as the last.
    """
    shape = prediction.shape  # np.shape would go by way of a protocol, which takes 5 µs
    if axis is None:
        if len(shape) > 2 and shape[1] == shape[-1] != 1 and _fits_axis_1(shape, target):
            warn(
                f"{loss}: a prediction of shape {shape} and a target of shape {np.shape(target)} fit with the classes "
                "along the last axis and along axis 1. Taken is the last; pass axis=1 for the other, as in PyTorch, or "
                "axis=-1",
                AmbiguousAxisWarning,
            )
        return prediction, target
    axis = normalize_axis_index(axis, len(shape))
    if axis == len(shape) - 1:
        return prediction, target
    if len(np.shape(target)) == len(shape):
        target = np.moveaxis(target, axis, -1)
    return np.moveaxis(prediction, axis, -1), target


def _fits_axis_1(shape: tuple[int, ...], target: Any) -> bool:
    """Whether a target fits a prediction whose last axis and axis 1 are as long, with the classes along either."""
    array: np.ndarray = as_array(detached(target))
    if array.ndim < len(shape):
        return array.shape == shape[:-1] == (shape[0], *shape[2:])
    return array.shape == shape and array.dtype.kind in "fiub" and all(_sums_to_1(array, axis) for axis in (1, -1))


def _sums_to_1(array: np.ndarray, axis: int) -> bool:
    return bool(np.allclose(np.sum(array, axis), 1, atol=1e-3))


def on_axis_1(target: tuple[int, ...], prediction: tuple[int, ...]) -> str:
    """What to add to an error where labels fit a prediction with its classes along axis 1."""
    return AXIS_1 if len(prediction) > 2 and target == (prediction[0], *prediction[2:]) else ""


def check_reduction(reduction: str) -> None:
    """Raise ``HyperparameterError`` for a reduction that is none of "mean", "sum" and "none"."""
    if reduction not in REDUCTIONS:
        raise HyperparameterError(f"reduction={reduction!r}: expected one of {', '.join(map(repr, REDUCTIONS))}")
