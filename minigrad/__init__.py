"""minigrad: automatic differentiation as a table of formulas, on nothing but NumPy.

>>> import minigrad as mg
>>> x = mg.tensor([1.0, 2.0], requires_grad=True)
>>> (x**2).sum().backward()
>>> x.grad
array([2., 4.], dtype=float32)
"""

from minigrad import autograd, errors, nn, optim
from minigrad.context import enable_grad, get_default_dtype, no_grad, set_default_dtype
from minigrad.creation import arange, eye, full, linspace, ones, ones_like, zeros, zeros_like
from minigrad.ops import (
    abs, add, astype, broadcast_to, clip, concatenate, divide, dot, exp, expand_dims, getitem, linear, log,
    log_softmax, logsumexp, matmul, max, maximum, mean, min, minimum, multiply, negative, permute_dims, power, put,
    relu, reshape, select, sigmoid, sigmoid_cross_entropy, sign, softmax, softmax_cross_entropy, sqrt, square,
    squeeze, stack, std, subtract, sum, swapaxes, tanh, transpose, var, where,
)  # fmt: skip
from minigrad.primitive import primitive
from minigrad.random import manual_seed
from minigrad.tensor import Tensor, tensor

__version__ = "0.1.0"
