"""The first half of a training step: predictions, loss and gradients of one batch."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.errors import DTypeError, ShapeError
from minigrad.nn import Module
from minigrad.nn.penalties import PENALTIES
from minigrad.tensor import Tensor

Loss = Callable[[Any, Any], Any]

#: (model, loss, inputs, targets) -> (loss of the data, loss that was differentiated, predictions)
Gradients = Callable[..., tuple[Any, Any, Any]]


def plain(model: Module, loss: Loss, x: Any, y: Any) -> tuple[Any, Any, Any]:
    """Without penalties both losses are one."""
    predictions = model(*x) if type(x) is tuple else model(x)
    value = scalar(loss(predictions, y))
    value.backward()
    return value, value, predictions


def penalised(model: Module, loss: Loss, x: Any, y: Any) -> tuple[Any, Any, Any]:
    """With the L1 and L2 penalties of layers added to the loss."""
    predictions = model(*x) if type(x) is tuple else model(x)
    value = scalar(loss(predictions, y))
    total = value + model.regularization_loss()
    total.backward()
    return value, total, predictions


def function_for(model: Module) -> Gradients:
    """The one that this model needs."""
    names = {name for pair in PENALTIES.values() for name in pair}
    has_penalty = any(vars(module).get(name) for module in model.modules() for name in names)
    return penalised if has_penalty else plain


def scalar(loss: Any) -> Tensor:
    """The loss. Raises ``DTypeError`` for what is no Tensor, and ``ShapeError`` for one that is no scalar."""
    if not isinstance(loss, Tensor):
        raise DTypeError(f"a loss is a Tensor, made of the predictions by minigrad's functions; got {loss!r:.60}")
    if loss.size != 1:
        raise ShapeError(f"a loss is one number for the batch, got shape {loss.shape}: use reduction='mean'")
    return loss


def number(loss: Any) -> float:
    """A loss as a float. Raises as ``scalar`` does."""
    return float(scalar(loss)._data)


def takes_closure(optimizer: Any) -> bool:
    """Whether its step calls a function that computes loss and gradients, as LBFGS does."""
    return "closure" in inspect.signature(optimizer.step).parameters


def scale_gradients(parameters: list[Any], factor: float) -> None:
    """Multiply every gradient, in place: backward has made it and nobody else holds it."""
    for p in parameters:
        g = p.grad
        if g is not None:
            np.multiply(g, np.asarray(factor, g.dtype), out=g)


def finite(parameters: list[Any]) -> bool:
    """Whether all weights are finite numbers."""
    return all(math.isfinite(float(np.sum(np.abs(p.data), dtype=np.float64))) for p in parameters)
