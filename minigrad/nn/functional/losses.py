"""Losses and measures as functions of tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad import ops
from minigrad.arrays import as_array
from minigrad.nn.targets import (
    between_0_and_1,
    check_label_smoothing,
    floating,
    same_shape,
)
from minigrad.ops.fused import one_hot
from minigrad.ops.targets import check_reduction, class_target
from minigrad.tensor import Tensor

__all__ = [
    "accuracy", "binary_cross_entropy_with_logits", "categorical_cross_entropy", "cross_entropy", "mse_loss",
]  # fmt: skip


def cross_entropy(logits: Any, target: Any, reduction: str = "mean", label_smoothing: float = 0.0) -> Any:
    """-sum_c t_c log softmax(logits)_c for each row, exact for any finite logits.

    ``logits`` (..., classes); ``target`` integers (...) or probabilities (..., classes). The result is
    a scalar for ``reduction`` "mean" and "sum", of shape (...) for "none". ``label_smoothing`` s in
    [0, 1) moves s of the target's weight to all classes evenly (Szegedy et al., 2016).

    >>> import minigrad as mg
    >>> F = mg.nn.functional
    >>> F.cross_entropy(mg.tensor([[2.0, 0.0], [0.0, 2.0]]), [0, 1]).item()
    0.126928...

    Raises ``TargetError``, ``DTypeError`` or ``ShapeError`` for targets that do not fit.
    """
    logits = floating(logits, "cross_entropy")
    if label_smoothing:
        check_label_smoothing(label_smoothing)
        target = class_target(logits, target)
        classes = logits.shape[-1]
        rows = one_hot(target, classes, logits.dtype) if target.ndim < len(logits.shape) else target
        target = (1 - label_smoothing) * rows + label_smoothing / classes
    return ops.softmax_cross_entropy(logits, target, reduction)


#: Probabilities are kept this far from 0 and 1, as in the notebook, so that no logarithm is infinite.
CLIP = 1e-7


def categorical_cross_entropy(probabilities: Any, target: Any, reduction: str = "mean") -> Any:
    """-sum_c t_c log(p_c) for each row, with p clipped to [1e-7, 1 - 1e-7].

    ``probabilities`` (..., classes), as softmax gives them; ``target`` as in ``cross_entropy``, which
    is the better choice on logits: where the clip acts, this one has no gradient.
    """
    check_reduction(reduction)
    probabilities = floating(probabilities, "categorical_cross_entropy")
    target = class_target(probabilities, target)
    clipped = np.clip(probabilities, CLIP, 1 - CLIP)
    if target.ndim < len(probabilities.shape):
        picked = np.reshape(clipped, (-1, probabilities.shape[-1]))[np.arange(target.size), target.reshape(-1)]
        return _reduced(np.reshape(-np.log(picked), target.shape), reduction)
    return _reduced(-np.log(np.sum(clipped * target.astype(clipped.dtype), -1)), reduction)


def mse_loss(prediction: Any, target: Any, reduction: str = "mean") -> Any:
    """(prediction - target)², over all elements; both of one shape."""
    check_reduction(reduction)
    prediction = floating(prediction, "mse_loss")
    same_shape(prediction, target, "mse_loss")
    return _reduced(np.square(prediction - _like(prediction, target)), reduction)


def binary_cross_entropy_with_logits(logits: Any, target: Any, reduction: str = "mean") -> Any:
    """-t log sigmoid(x) - (1 - t) log(1 - sigmoid(x)), exact for any finite logits x; t in [0, 1].

    ``logits`` and ``target`` have one shape.
    """
    check_reduction(reduction)
    logits = floating(logits, "binary_cross_entropy_with_logits")
    same_shape(logits, target, "binary_cross_entropy_with_logits")
    between_0_and_1(target, "binary_cross_entropy_with_logits")
    return _reduced(ops.sigmoid_cross_entropy(logits, _like(logits, target)), reduction)


def accuracy(prediction: Any, target: Any) -> float:
    """The share of rows (..., classes) of which the largest element is at the target's class.

    ``prediction`` may hold logits or probabilities; ``target`` as in ``cross_entropy``.
    """
    prediction = prediction if hasattr(prediction, "argmax") else np.asarray(prediction)
    labels = class_target(prediction, target)
    if labels.ndim == len(prediction.shape):
        labels = labels.argmax(-1)
    hits = prediction.argmax(-1) == labels
    return float(np.count_nonzero(hits) / max(labels.size, 1))


def _like(prediction: Any, target: Any) -> Any:
    """A plain target in the prediction's dtype, so that integers do not promote float32 to float64."""
    if isinstance(target, Tensor):
        return target if target.dtype.kind == "f" else target.astype(prediction.dtype)
    return as_array(target).astype(prediction.dtype, copy=False)


def _reduced(losses: Any, reduction: str) -> Any:
    if reduction == "none":
        return losses
    return np.mean(losses) if reduction == "mean" else np.sum(losses)
