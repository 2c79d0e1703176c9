"""Optimizers: they walk a model's parameters and change them along their gradients."""

from minigrad.optim.adagrad import AdaGrad
from minigrad.optim.adam import Adam
from minigrad.optim.optimizer import Optimizer
from minigrad.optim.rmsprop import RMSProp
from minigrad.optim.sgd import SGD

__all__ = ["SGD", "AdaGrad", "Adam", "Optimizer", "RMSProp"]
