"""What a loss compares with: targets checked, and class labels turned into indices."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.arrays import as_data
from minigrad.errors import DTypeError, GraphError, HyperparameterError, ShapeError, TargetError
from minigrad.tensor import Tensor

REDUCTIONS = ("mean", "sum", "none")


def floating(prediction: Any, loss: str) -> Any:
    """A prediction with a shape and a floating dtype; lists become arrays. Raises ``DTypeError``."""
    if not hasattr(prediction, "dtype"):
        prediction = as_data(prediction)
    if prediction.dtype.kind not in "fc":
        raise DTypeError(
            f"{loss} takes predictions of a floating dtype, got {prediction.dtype}: write .astype('float32')"
        )
    return prediction


def between_0_and_1(target: Any, loss: str) -> None:
    """Raise ``TargetError`` for a target outside [0, 1], or NaN."""
    values = np.asarray(target.data if isinstance(target, Tensor) else target)
    if not ((values >= 0) & (values <= 1)).all():
        raise TargetError(f"{loss} takes targets between 0 and 1, got values from {values.min()} to {values.max()}")


def class_target(prediction: Any, target: Any) -> np.ndarray:
    """Labels for ``prediction`` (..., classes): indices of shape (...), or probabilities of its shape.

    Labels become ``intp``: an unsigned dtype would wrap where one is subtracted. Raises
    ``DTypeError`` for labels of a float dtype, ``TargetError`` for labels that are out of range or
    too many or too few, ``ShapeError`` for probabilities of another shape.
    """
    if isinstance(target, Tensor) and target.requires_grad:
        raise GraphError(
            "the target of a classification loss has no gradient here: write target.detach() to leave it out on purpose"
        )
    array = np.asarray(target.data if isinstance(target, Tensor) else target)
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


def same_shape(prediction: Any, target: Any, loss: str) -> None:
    """Raise ``ShapeError`` unless both shapes are equal: (N, 1) and (N,) would broadcast to (N, N)."""
    expected, got = prediction.shape, np.shape(target)
    if expected != got:
        raise ShapeError(
            f"{loss} compares element with element: the prediction has shape {expected}, the target {got}; "
            f"write target.reshape({', '.join(map(str, expected))}) if it holds the same elements"
        )


def check_label_smoothing(share: float) -> None:
    """Raise ``HyperparameterError`` unless the share that goes to all classes is in [0, 1)."""
    if not 0 <= share < 1:
        raise HyperparameterError(f"label_smoothing is a number in [0, 1), such as 0.1; got {share!r}")


def check_reduction(reduction: str) -> None:
    """Raise ``HyperparameterError`` for a reduction that is none of "mean", "sum" and "none"."""
    if reduction not in REDUCTIONS:
        raise HyperparameterError(f"reduction={reduction!r}: expected one of {', '.join(map(repr, REDUCTIONS))}")
