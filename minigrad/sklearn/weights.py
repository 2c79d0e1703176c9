"""Losses in which some samples count more than others: targets may be a pair (y, weights)."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_array

from minigrad.errors import DataError, ShapeError
from minigrad.nn import functional as F


def cross_entropy(logits: Any, target: Any) -> Any:
    """logits (samples, classes), labels (samples,) -> the mean of weight times loss."""
    if type(target) is not tuple:
        return F.cross_entropy(logits, target)
    labels, weights = target
    return (F.cross_entropy(logits, labels, "none") * weights).mean()


def squared_error(prediction: Any, target: Any) -> Any:
    """Two of shape (samples, outputs) -> the mean of weight times squared error."""
    if type(target) is not tuple:
        return F.mse_loss(prediction, target)
    values, weights = target
    return (F.mse_loss(prediction, values, "none") * weights[:, None]).mean()


def checked_weights(sample_weight: Any, samples: int) -> np.ndarray | None:
    """A weight for each sample, float64 (samples,).

    Raises ``ShapeError`` or ``DataError``, both ``ValueError``, for weights that do not fit.
    """
    if sample_weight is None:
        return None
    weights: np.ndarray = check_array(sample_weight, dtype=np.float64, ensure_2d=False, input_name="sample_weight")
    if weights.shape != (samples,):
        raise ShapeError(f"sample_weight has a weight for each of {samples} samples, got shape {weights.shape}")
    if weights.min() < 0:
        raise DataError(f"sample_weight holds weights from 0 on, got {weights.min()}")
    if not weights.any():
        raise DataError("sample_weight is zero for all samples: at least one weight is to be above zero")
    return weights


def with_mean_one(weights: np.ndarray) -> np.ndarray:
    """Weights with the mean 1, so that the loss of a batch keeps its scale: only the ratios count."""
    mean: np.ndarray = weights / weights.mean()
    return mean


def paired(batch: tuple[np.ndarray, ...]) -> tuple[Any, Any]:
    """A batch (X, y, weights) as a pair of inputs and targets."""
    x, y, weights = batch
    return x, (y, weights)
