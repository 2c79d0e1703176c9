"""minigrad: automatic differentiation as a table of formulas, on nothing but NumPy.

>>> import minigrad as mg
>>> x = mg.tensor([1.0, 2.0], requires_grad=True)
>>> (x**2).sum().backward()
>>> x.grad
array([2., 4.], dtype=float32)

Examples of docstrings go on from ``import numpy as np``, ``import minigrad as mg``, ``from minigrad import nn, optim,
train`` and ``from minigrad.nn import functional as F``.
"""

import importlib
import sys
from typing import TYPE_CHECKING, Any

from minigrad import autograd, errors, fft, linalg, ops, transforms
from minigrad.core import table
from minigrad.core.context import enable_grad, get_default_dtype, no_grad, set_default_dtype
from minigrad.core.creation import arange, eye, full, linspace, ones, ones_like, zeros, zeros_like
from minigrad.core.primitive import primitive
from minigrad.core.tensor import Tensor, tensor
from minigrad.core.watching import detect_anomaly, strict_dtypes
from minigrad.ops import *
from minigrad.random import manual_seed
from minigrad.support.allocator import keep_freed_memory
from minigrad.support.idioms import MissingNameError, answer_imports
from minigrad.transforms.checkpointing import checkpoint
from minigrad.transforms.functions import grad, hvp, jvp, linearize, value_and_grad, vjp

if TYPE_CHECKING:
    from minigrad import (
        data,
        distributed,
        files,
        integrate,
        interpolate,
        nn,
        optim,
        signal,
        sparse,
        spatial,
        special,
        stats,
        train,
        viz,
    )
    from minigrad.compiler import compile
    from minigrad.files import load, save
    from minigrad.nn.functional.classification import softmax_cross_entropy
    from minigrad.nn.functional.layers import linear
    from minigrad.nn.stateless import functional_call, stack_parameters
    from minigrad.transforms import implicit
    from minigrad.transforms.batches import vmap
    from minigrad.transforms.branching import cond, while_loop
    from minigrad.transforms.custom_rules import custom_jvp, custom_vjp, stop_gradient, straight_through
    from minigrad.transforms.holomorphic import holomorphic_grad
    from minigrad.transforms.jacobians import hessian, jacfwd, jacobian, jacrev
    from minigrad.transforms.ode import odeint
    from minigrad.transforms.scanning import scan
    from minigrad.viz import explain

__all__ = [
    "Tensor", "arange", "autograd", "checkpoint", "compile", "cond", "custom_jvp", "custom_vjp", "data",
    "detect_anomaly", "enable_grad", "errors", "explain", "eye", "fft", "files", "full", "functional_call",
    "get_default_dtype", "grad", "hessian", "holomorphic_grad", "hvp", "implicit", "jacfwd", "jacobian", "jacrev",
    "jvp", "linalg", "linear", "linearize", "linspace", "load", "manual_seed", "nn", "no_grad", "odeint", "ones",
    "ones_like", "optim", "primitive", "save", "scan", "set_default_dtype", "softmax_cross_entropy", "special",
    "stack_parameters", "stop_gradient", "straight_through", "strict_dtypes", "tensor", "train", "value_and_grad",
    "viz", "vjp", "vmap", "while_loop", "zeros", "zeros_like",
]
__all__ += ["distributed", "integrate", "interpolate", "signal", "sparse", "spatial", "stats"]
__all__ += ops.__all__

keep_freed_memory()
table.above.update(pictures="minigrad.viz", notebook="minigrad.viz.notebook", array_api="minigrad.array_api")

if "scipy.sparse" in sys.modules:  # its matrices are to know tensors
    importlib.import_module("minigrad.sparse")
answer_imports()


#: The parts that are imported when they are asked for: not every program needs them, and their imports take time.
_PARTS = {
    "data", "distributed", "files", "integrate", "interpolate", "nn", "optim", "signal", "sklearn", "sparse", "spatial",
    "special", "stats", "testing", "train", "viz",
}
#: Name -> the module that has it, which is imported when the name is asked for.
_HOMES = {
    "compile": "compiler", "explain": "viz", "functional_call": "nn.stateless", "linear": "nn.functional.layers",
    "load": "files", "save": "files", "softmax_cross_entropy": "nn.functional.classification",
    "stack_parameters": "nn.stateless", **dict.fromkeys(transforms.LATER, "transforms"),
}


def __getattr__(name: str) -> Any:
    if name in _PARTS:
        return importlib.import_module(f"minigrad.{name}")
    if name in _HOMES:
        value = globals()[name] = getattr(importlib.import_module(f"minigrad.{_HOMES[name]}"), name)
        return value
    raise MissingNameError("minigrad", name)


def __dir__() -> list[str]:
    """The names, those that have not been asked for yet too."""
    return sorted({*globals(), *__all__, "testing"})


__version__ = "0.1.0"
