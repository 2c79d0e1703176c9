"""Callbacks for ``fit(callbacks=...)``."""

from minigrad.train.callbacks.callback import Callback
from minigrad.train.callbacks.health import GradientHealth
from minigrad.train.callbacks.logs import CSVLogger, JSONLogger, LearningRateLogger, TensorBoardLogger
from minigrad.train.callbacks.monitoring import EarlyStopping, ModelCheckpoint

__all__ = [
    "CSVLogger", "Callback", "EarlyStopping", "GradientHealth", "JSONLogger", "LearningRateLogger", "ModelCheckpoint",
    "TensorBoardLogger",
]
