"""minigrad: automatic differentiation as a table of formulas, on nothing but NumPy.

>>> import minigrad as mg
>>> x = mg.tensor([1.0, 2.0], requires_grad=True)
>>> (x**2).sum().backward()
>>> x.grad
array([2., 4.], dtype=float32)
"""

import importlib
from types import ModuleType

from minigrad import autograd, errors, nn, optim
from minigrad.context import enable_grad, get_default_dtype, no_grad, set_default_dtype
from minigrad.creation import arange, eye, full, linspace, ones, ones_like, zeros, zeros_like
from minigrad.ops import (
    abs,
    add,
    astype,
    broadcast_to,
    clip,
    concatenate,
    divide,
    dot,
    exp,
    expand_dims,
    getitem,
    linear,
    log,
    log_softmax,
    logsumexp,
    matmul,
    max,
    maximum,
    mean,
    min,
    minimum,
    multiply,
    negative,
    permute_dims,
    power,
    put,
    relu,
    reshape,
    select,
    sigmoid,
    sigmoid_cross_entropy,
    sign,
    softmax,
    softmax_cross_entropy,
    sqrt,
    square,
    squeeze,
    stack,
    std,
    subtract,
    sum,
    swapaxes,
    tanh,
    transpose,
    var,
    where,
)  # fmt: skip
from minigrad.primitive import primitive
from minigrad.random import manual_seed
from minigrad.tensor import Tensor, tensor

__all__ = [
    "Tensor",
    "abs",
    "add",
    "arange",
    "astype",
    "autograd",
    "broadcast_to",
    "clip",
    "concatenate",
    "divide",
    "dot",
    "enable_grad",
    "errors",
    "exp",
    "expand_dims",
    "eye",
    "full",
    "get_default_dtype",
    "getitem",
    "linear",
    "linspace",
    "log",
    "log_softmax",
    "logsumexp",
    "manual_seed",
    "matmul",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "multiply",
    "negative",
    "nn",
    "no_grad",
    "ones",
    "ones_like",
    "optim",
    "permute_dims",
    "power",
    "primitive",
    "put",
    "relu",
    "reshape",
    "select",
    "set_default_dtype",
    "sigmoid",
    "sigmoid_cross_entropy",
    "sign",
    "softmax",
    "softmax_cross_entropy",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "subtract",
    "sum",
    "swapaxes",
    "tanh",
    "tensor",
    "transpose",
    "var",
    "where",
    "zeros",
    "zeros_like",
]


def __getattr__(name: str) -> ModuleType:
    """``mg.testing`` is imported when it is asked for: training does not need it."""
    if name == "testing":
        return importlib.import_module("minigrad.testing")
    raise AttributeError(f"minigrad has no attribute {name!r}")


__version__ = "0.1.0"
