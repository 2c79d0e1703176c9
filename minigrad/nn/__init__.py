"""Neural networks: modules, layers, losses, initial weights."""

from minigrad.nn import functional, init
from minigrad.nn.activations import (
    CELU,
    ELU,
    GELU,
    GLU,
    SELU,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    LeakyReLU,
    LogSigmoid,
    LogSoftmax,
    Mish,
    PReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Softsign,
    Tanh,
)
from minigrad.nn.containers import ModuleDict, ModuleList, Sequential
from minigrad.nn.dropout import Dropout
from minigrad.nn.embedding import Embedding
from minigrad.nn.linear import Linear
from minigrad.nn.losses import BCEWithLogitsLoss, CategoricalCrossEntropy, CrossEntropyLoss, MSELoss
from minigrad.nn.module import Module
from minigrad.nn.normalisation import GroupNorm, LayerNorm, RMSNorm
from minigrad.nn.parameter import Buffer, Parameter
from minigrad.nn.shaping import Flatten, Identity

__all__ = [
    "CELU", "ELU", "GELU", "GLU", "SELU", "BCEWithLogitsLoss", "Buffer", "CategoricalCrossEntropy", "CrossEntropyLoss",
    "Dropout", "Embedding", "Flatten", "GroupNorm", "Hardsigmoid", "Hardswish", "Hardtanh", "Identity", "LayerNorm",
    "LeakyReLU", "Linear", "LogSigmoid", "LogSoftmax", "MSELoss", "Mish", "Module", "ModuleDict", "ModuleList", "PReLU",
    "Parameter", "RMSNorm", "ReLU", "ReLU6", "Sequential", "SiLU", "Sigmoid", "Softmax", "Softplus", "Softsign", "Tanh",
    "functional", "init",
]  # fmt: skip
