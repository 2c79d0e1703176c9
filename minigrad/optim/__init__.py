"""Optimizers: they walk a model's parameters and change them along their gradients."""

from importlib import import_module as _import
from typing import TYPE_CHECKING

from minigrad.optim import schedules
from minigrad.optim.adadelta import *
from minigrad.optim.adagrad import *
from minigrad.optim.adam import *
from minigrad.optim.adamax import *
from minigrad.optim.adamw import *
from minigrad.optim.averaging import *
from minigrad.optim.clipping import *
from minigrad.optim.lbfgs import *
from minigrad.optim.lion import *
from minigrad.optim.nadam import *
from minigrad.optim.optimizer import *
from minigrad.optim.radam import *
from minigrad.optim.rmsprop import *
from minigrad.optim.sgd import *
from minigrad.support.idioms import missing_from

__all__ = ["schedules"]
for _file in """
    adadelta adagrad adam adamax adamw averaging clipping lbfgs lion nadam optimizer radam rmsprop sgd
""".split():
    __all__ += _import(f"minigrad.optim.{_file}").__all__

if not TYPE_CHECKING:
    __getattr__ = missing_from(__name__)
