"""Training: ``Trainer``, metrics, callbacks, and the history of a run."""

from typing import TYPE_CHECKING

from minigrad.support.idioms import missing_from
from minigrad.train.callbacks import (
    Callback,
    CSVLogger,
    EarlyStopping,
    GradientHealth,
    JSONLogger,
    LearningRateLogger,
    ModelCheckpoint,
    TensorBoardLogger,
)
from minigrad.train.history import History
from minigrad.train.metric import Metric
from minigrad.train.metrics import (
    F1,
    R2,
    Accuracy,
    ConfusionMatrix,
    MeanAbsoluteError,
    MeanSquaredError,
    Precision,
    Recall,
    TopKAccuracy,
)
from minigrad.train.trainer import Trainer

__all__ = [
    "F1", "R2", "Accuracy", "CSVLogger", "Callback", "ConfusionMatrix", "EarlyStopping", "GradientHealth", "History",
    "JSONLogger", "LearningRateLogger", "MeanAbsoluteError", "MeanSquaredError", "Metric", "ModelCheckpoint",
    "Precision", "Recall", "TensorBoardLogger", "TopKAccuracy", "Trainer",
]

if not TYPE_CHECKING:
    __getattr__ = missing_from(__name__)
