"""Training: ``Trainer``, metrics, callbacks, and the history of a run."""

from minigrad.train.callback import Callback
from minigrad.train.history import History
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
from minigrad.train.trainer import Trainer

__all__ = [
    "F1", "R2", "Accuracy", "Callback", "ConfusionMatrix", "History", "MeanAbsoluteError", "MeanSquaredError", "Metric",
    "Precision", "Recall", "TopKAccuracy", "Trainer",
]  # fmt: skip
