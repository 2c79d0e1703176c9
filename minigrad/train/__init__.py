"""Training: metrics so far."""

from minigrad.train.metrics import (
    F1,
    R2,
    Accuracy,
    ConfusionMatrix,
    MeanAbsoluteError,
    MeanSquaredError,
    Metric,
    Precision,
    Recall,
    TopKAccuracy,
)

__all__ = [
    "F1", "R2", "Accuracy", "ConfusionMatrix", "MeanAbsoluteError", "MeanSquaredError", "Metric", "Precision",
    "Recall", "TopKAccuracy",
]  # fmt: skip
