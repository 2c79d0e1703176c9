"""Optimizers: they walk a model's parameters and change them along their gradients."""

from typing import TYPE_CHECKING

from minigrad.core.idioms import missing_from
from minigrad.optim import schedules
from minigrad.optim.adadelta import Adadelta
from minigrad.optim.adagrad import AdaGrad
from minigrad.optim.adam import Adam
from minigrad.optim.adamax import Adamax
from minigrad.optim.adamw import AdamW
from minigrad.optim.averaging import EMA
from minigrad.optim.clipping import clip_grad_norm_, clip_grad_value_
from minigrad.optim.lbfgs import LBFGS
from minigrad.optim.lion import Lion
from minigrad.optim.nadam import NAdam
from minigrad.optim.optimizer import Optimizer
from minigrad.optim.radam import RAdam
from minigrad.optim.rmsprop import RMSProp
from minigrad.optim.sgd import SGD

__all__ = [
    "EMA", "LBFGS", "SGD", "AdaGrad", "Adadelta", "Adam", "AdamW", "Adamax", "Lion", "NAdam", "Optimizer", "RAdam",
    "RMSProp", "clip_grad_norm_", "clip_grad_value_", "schedules",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__ = missing_from(__name__)
