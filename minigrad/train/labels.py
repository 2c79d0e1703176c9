"""Predictions and targets as classes: what all measures of classification count."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core.conversion import as_array, detached
from minigrad.errors import DTypeError, HyperparameterError, ShapeError, TargetError
from minigrad.nn.targets import class_target, classes_last, on_axis_1


def classes_of(predictions: Any, targets: Any, threshold: float | None, metric: str) -> tuple[Any, Any, int]:
    """(predicted classes, true classes, how many classes there are at least), both classes as flat arrays of ints.

    ``predictions`` are scores (..., classes): the largest counts, the first of several; or, with a
    ``threshold``, one score for each target, class 1 above it; or classes, as ints. ``targets`` are ints, or
    one-hot where the scores are of that shape. Where scores are NaN no class is predicted: -1.

    Raises ``HyperparameterError``, ``ShapeError``, ``TargetError`` or ``DTypeError`` for what does not fit.
    """
    scores = as_array(detached(predictions))
    if scores.dtype.kind in "iub":
        predicted = _whole(scores, metric)
        true = _whole(as_array(detached(targets)), metric)
        _same(predicted, true, metric)
    elif threshold is not None:
        true = _whole(as_array(detached(targets)), metric)
        if scores.shape == (*true.shape, 1):
            scores = scores[..., 0]
        _same(scores, true, metric)
        predicted = np.where(np.isnan(scores), -1, scores > threshold)
        if true.size and true.max() > 1:
            raise TargetError(f"{metric} with a threshold knows the classes 0 and 1, got the label {true.max()}")
        return predicted.reshape(-1), true.reshape(-1), 2
    else:
        predicted, true = best(scores, targets, metric)
        return predicted.reshape(-1), true.reshape(-1), scores.shape[-1]
    both = max([int(array.max()) + 1 for array in (predicted, true) if array.size], default=0)
    return predicted.reshape(-1), true.reshape(-1), both


def counted(
    predictions: Any, targets: Any, ignore_index: int | None, metric: str, axis: int | None = None
) -> tuple[Any, Any]:
    """Predictions with the classes on the last axis, and targets, without those whose label is ``ignore_index``.

    Raises ``TargetError`` for targets that are no ints, and ``ShapeError`` where they are not one for each prediction.
    """
    scores = as_array(detached(predictions))
    if scores.dtype.kind not in "iub":  # else they are classes themselves
        scores, targets = classes_last(metric, scores, targets, axis)
    if ignore_index is None:
        return scores, targets
    true = as_array(detached(targets))
    if true.dtype.kind not in "iu":
        raise TargetError(f"{metric}: ignore_index goes with labels that are ints, got dtype {true.dtype}")
    if scores.shape[: true.ndim] != true.shape:
        raise ShapeError(
            f"{metric} takes one label for each row of scores: got predictions of shape {scores.shape} and targets of "
            f"shape {true.shape}{on_axis_1(true.shape, scores.shape)}"
        )
    mask = true != ignore_index
    return scores[mask], true[mask]


def best(scores: np.ndarray, targets: Any, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """The class of the largest score in each row, -1 for one with a NaN, and the true one; both (...)."""
    true = scored(scores, targets, metric)
    classes = scores.argmax(-1)
    if scores.size and np.isnan(np.max(scores)):
        classes = np.where(np.isnan(scores).any(-1), -1, classes)
    return classes, true


def scored(scores: np.ndarray, targets: Any, metric: str) -> np.ndarray:
    """The true classes (...) of rows of scores (..., classes)."""
    if scores.dtype.kind != "f":
        raise DTypeError(f"{metric} takes scores of a floating dtype, or classes as ints; got {scores.dtype}")
    if (scores.shape == np.shape(targets) and scores.ndim < 2) or scores.shape[-1:] == (1,):
        raise HyperparameterError(
            f"{metric} got one score for each sample, of shape {scores.shape}: say where class 1 begins, "
            "threshold=0.0 for logits, threshold=0.5 for probabilities"
        )
    true: np.ndarray = class_target(scores, targets)
    return true if true.ndim < scores.ndim else true.argmax(-1)


def _whole(values: np.ndarray, metric: str) -> np.ndarray:
    """Labels as ``intp``; floats that are whole, such as the 0.0 and 1.0 that a binary loss takes, are labels too."""
    if values.dtype.kind == "f":
        if not (values == np.floor(values)).all():
            raise TargetError(f"{metric} counts classes, and got a label that is no whole number")
    elif values.dtype.kind not in "iub":
        raise DTypeError(f"{metric} takes labels of ints, got dtype {values.dtype}")
    labels = values.astype(np.intp)
    if labels.size and labels.min() < 0:
        raise TargetError(f"{metric}: classes are numbered from 0, got {labels.min()}")
    return labels


def _same(predicted: np.ndarray, true: np.ndarray, metric: str) -> None:
    if predicted.shape != true.shape:
        raise ShapeError(
            f"{metric} compares one prediction with one target: got predictions of shape {predicted.shape} and targets "
            f"of shape {true.shape}"
        )
