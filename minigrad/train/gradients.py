"""The first half of a training step: predictions, loss and gradients of one batch."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from minigrad.compiler.backends import checked
from minigrad.core.away import bring
from minigrad.core.context import recorder
from minigrad.core.members import is_true
from minigrad.core.tensor import Tensor, wrap
from minigrad.core.trees import mapped
from minigrad.errors import DTypeError, ShapeError
from minigrad.nn import Module
from minigrad.nn.batch_weight import counted
from minigrad.nn.penalties import PENALTIES
from minigrad.optim import clip_grad_norm_
from minigrad.optim.optimizer import Optimizer

Loss = Callable[[Any, Any], Any]

#: (model, loss, inputs, targets) -> (loss of the data, loss that was differentiated, predictions, what the mean of the
#: rows' losses was divided by or None where that is not known, whether it is their sum)
Gradients = Callable[..., tuple[Any, Any, Any, Any, bool]]


def plain(model: Module, loss: Loss, x: Any, y: Any) -> tuple[Any, Any, Any, Any, bool]:
    """Without penalties both losses are one."""
    predictions = model(*x) if type(x) is tuple else model(x)
    value, count, is_sum = counted(loss, predictions, y)
    scalar(value).backward()
    return value, value, predictions, count, is_sum


def penalised(model: Module, loss: Loss, x: Any, y: Any) -> tuple[Any, Any, Any, Any, bool]:
    """With the L1 and L2 penalties of layers added to the loss."""
    predictions = model(*x) if type(x) is tuple else model(x)
    value, count, is_sum = counted(loss, predictions, y)
    total = scalar(value) + model.regularization_loss()
    total.backward()
    return value, total, predictions, count, is_sum


def plain_unseen(model: Module, loss: Loss, x: Any, y: Any) -> tuple[Any, Any, Any, Any, bool]:
    """``plain`` where nobody measures the predictions: they need not come from the devices."""
    value, total, _, count, is_sum = plain(model, loss, x, y)
    return value, total, None, count, is_sum


def penalised_unseen(model: Module, loss: Loss, x: Any, y: Any) -> tuple[Any, Any, Any, Any, bool]:
    """``penalised``, likewise."""
    value, total, _, count, is_sum = penalised(model, loss, x, y)
    return value, total, None, count, is_sum


def with_step(function: Gradients) -> Callable[..., tuple[Any, ...]]:
    """The whole step: gradients, clipping, and the optimizer's step if loss and norm are finite.

    The norm is one more result. A program is one for finite numbers: it writes nothing where they are not, and the step
    runs as it is written.
    """

    def whole(
        optimizer: Optimizer, clip_norm: float | None, model: Module, loss: Loss, x: Any, y: Any
    ) -> tuple[Any, ...]:
        outcome, norm = function(model, loss, x, y), None
        is_good = is_true(np.isfinite(outcome[1]._array))
        if is_good and clip_norm is not None:
            norm = clip_grad_norm_(trained(model, optimizer), clip_norm)
            is_good = is_true(np.isfinite(norm._array))
        recording = recorder()
        if is_good:
            optimizer.step()
        elif recording is not None:
            recording.leave_out()
        return *outcome, norm

    return whole


def trained(model: Module, optimizer: Any) -> list[Any]:
    """The model's parameters, and those that the optimizer has besides, such as the loss's."""
    parameters = list(model.parameters())
    ids = set(map(id, parameters))
    return parameters + [p for group in optimizer.param_groups for p in group["params"] if id(p) not in ids]


UNSEEN: dict[Gradients, Gradients] = {plain: plain_unseen, penalised: penalised_unseen}

_PENALTIES = [name for pair in PENALTIES.values() for name in pair]


def function_for(layers: Iterable[Module]) -> Gradients:
    """The one that a model of these layers needs."""
    for layer in layers:
        attributes = vars(layer)
        for name in _PENALTIES:
            if attributes.get(name):
                return penalised
    return plain


def scalar(loss: Any) -> Tensor:
    """The loss. Raises ``DTypeError`` for what is no Tensor, and ``ShapeError`` for one that is no scalar."""
    if not isinstance(loss, Tensor):
        raise DTypeError(f"a loss is a Tensor, made of the predictions by minigrad's functions; got {loss!r:.60}")
    if loss.size != 1:
        raise ShapeError(f"a loss is one number for the batch, got shape {loss.shape}: use reduction='mean'")
    return loss


def number(loss: Any) -> float:
    """A loss as a float. Raises as ``scalar`` does."""
    return float(scalar(loss)._array)


def without_graph(predictions: Any) -> Any:
    """Predictions for whoever measures them."""
    if type(predictions) is Tensor:
        return wrap(predictions._array)
    return mapped(lambda x: x.detach() if isinstance(x, Tensor) else x, predictions)


def takes_closure(optimizer: Any) -> bool:
    """Whether its step calls a function that computes loss and gradients, as LBFGS does; the base's refuses one."""
    has_own = getattr(type(optimizer), "step", None) is not Optimizer.step
    return has_own and "closure" in inspect.signature(optimizer.step).parameters


def may_be_recorded(optimizer: Any) -> bool:
    """Whether its step may be part of a program: it is the package's own, skips nothing, and has plain rates."""
    has_own = not isinstance(optimizer, Optimizer) or type(optimizer).step is not Optimizer.step
    return (
        not has_own and "step" not in vars(optimizer) and not optimizer.skip_nonfinite and optimizer.has_plain_rates()
    )


class Sums:
    """The gradients of several batches, added up to those of all their rows together.

    Those of a mean weigh as much as what it was divided by, relative to the first batch: where all are alike, the
    weights are 1. Arrays are written in place: backward has made them, and nobody else holds them. Those of float16,
    whose sums soon overflow, are added in float32.
    """

    def __init__(self, parameters: list[Any]) -> None:
        self.leaves = [p._node for p in parameters if p.requires_grad]
        self.arrays: list[Any] = [None] * len(self.leaves)
        self.first, self.weight = 0.0, 0.0  # what the first batch counts, and all so far relative to it

    def begin(self) -> None:
        """Another batch begins: its gradients are by themselves."""
        for leaf in self.leaves:
            leaf.grad = None

    def add(self, count: float, is_sum: bool) -> None:
        """Take the gradients of a batch."""
        self.first = self.first or count
        weight = 1.0 if is_sum else count / self.first
        self.weight = 1.0 if is_sum else self.weight + weight
        arrays = self.arrays
        bring(self.leaves)
        for i, leaf in enumerate(self.leaves):
            g, leaf.rows = leaf.grad, None
            if g is not None:
                g = scaled(g if g.dtype != np.float16 else g.astype(np.float32), weight)
                arrays[i] = g if arrays[i] is None else np.add(arrays[i], g, out=arrays[i])

    def finish(self) -> None:
        """Leave the gradients of the whole with the parameters."""
        for leaf, g in zip(self.leaves, self.arrays, strict=True):
            if g is not None:
                leaf.grad = scaled(g, 1 / self.weight).astype(leaf.dtype, copy=False)


def scaled(g: np.ndarray, factor: float) -> np.ndarray:
    """A gradient times a number, in place."""
    if factor == 1.0 and g.flags.writeable:
        return g
    product: np.ndarray = np.multiply(g, np.asarray(factor, g.dtype), out=g if g.flags.writeable else None)
    return product


def finite(parameters: list[Any]) -> bool:
    """Whether all weights are finite numbers."""
    return all(math.isfinite(float(np.sum(np.abs(p._array), dtype=np.float64))) for p in parameters)


def backend_of(name: bool | str) -> str:
    """The backend of a run that is compiled."""
    # True gives the bits of the step as it is written.
    backend: str = checked("numpy" if name is True else str(name), {})
    return backend
