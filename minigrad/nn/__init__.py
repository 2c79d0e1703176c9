"""Neural networks: modules, layers, losses, initial weights."""

from minigrad.nn import functional, init
from minigrad.nn.activations import ReLU, Sigmoid, Softmax, Tanh
from minigrad.nn.containers import ModuleDict, ModuleList, Sequential
from minigrad.nn.linear import Linear
from minigrad.nn.losses import BCEWithLogitsLoss, CategoricalCrossEntropy, CrossEntropyLoss, MSELoss
from minigrad.nn.module import Module
from minigrad.nn.parameter import Buffer, Parameter

__all__ = [
    "BCEWithLogitsLoss", "Buffer", "CategoricalCrossEntropy", "CrossEntropyLoss", "Linear", "MSELoss", "Module",
    "ModuleDict", "ModuleList", "Parameter", "ReLU", "Sequential", "Sigmoid", "Softmax", "Tanh", "functional", "init",
]  # fmt: skip
