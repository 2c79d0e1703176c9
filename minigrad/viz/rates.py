"""``learning_rates(loss, model, optimizer)``: how the loss goes while the rate grows, to choose one."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from minigrad.core.checks import is_positive, is_whole
from minigrad.core.tensor import Tensor
from minigrad.errors import DataError, DTypeError, HyperparameterError, StateError
from minigrad.nn import Module
from minigrad.random import generator_or_default, generator_state, set_generator_state
from minigrad.support.idioms import told
from minigrad.viz.pictures import COLORS, new_figure, saved

#: A loss this many times the least so far ends the search.
TOO_MUCH = 4.0


class LearningRates:
    """The rates that were tried, the loss before the step with each, and the rate at which the loss falls fastest.

    ``rates`` and ``losses`` are arrays of one length. ``smooth`` is the moving mean of the losses, and
    ``steepest`` the rate at which it falls fastest. A notebook shows the curve; ``plot(path)`` draws it.

    >>> mg.viz.LearningRates(np.array([0.001, 0.01, 0.1]), np.array([1.0, 0.5, 2.0]))
    LearningRates(3 rates from 0.001 to 0.1, falls fastest at 0.001)
    """

    def __init__(self, rates: np.ndarray, losses: np.ndarray) -> None:
        self.rates = rates
        self.losses = losses

    @property
    def smooth(self) -> np.ndarray:
        """The moving mean of the losses, corrected for its start."""
        means, mean = np.empty_like(self.losses), 0.0
        for number, loss in enumerate(self.losses):
            mean = 0.8 * mean + 0.2 * loss
            means[number] = mean / (1 - 0.8 ** (number + 1))
        return means

    @property
    def steepest(self) -> float:
        """The rate at which the loss falls fastest: a good one to start with."""
        smooth = self.smooth
        last = max(int(np.argmin(smooth)), 1)
        slopes = np.gradient(smooth, np.log(self.rates))
        return float(self.rates[int(np.argmin(slopes[: last + 1]))])

    def plot(self, path: str | os.PathLike[str] | None = None) -> Any:
        """A matplotlib ``Figure`` of the curve. Raises ``ImportError`` without matplotlib (extra ``plots``)."""
        figure = new_figure(5.6, 3.6)
        axes = figure.subplots()
        axes.plot(self.rates, self.losses, color=COLORS[0], alpha=0.35, linewidth=1, label="loss of each step")
        axes.plot(self.rates, self.smooth, color=COLORS[0], linewidth=1.8, label="moving mean")
        axes.axvline(self.steepest, color=COLORS[1], linestyle="--", label=f"falls fastest at {self.steepest:.2g}")
        axes.set(xscale="log", xlabel="learning rate", ylabel="loss")
        low, high = float(np.min(self.smooth)), float(self.smooth[0])
        room = max(high - low, abs(high), 1e-12)
        axes.set_ylim(low - 0.1 * room, high + 0.5 * room)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=9)
        return saved(figure, path)

    def _repr_png_(self) -> bytes | None:
        """The curve; None where matplotlib is missing."""
        try:
            picture: bytes = self.plot()._repr_png_()
        except ImportError:
            return None
        return picture

    def __repr__(self) -> str:
        return (
            f"LearningRates({len(self.rates)} rates from {self.rates[0]:.2g} to {self.rates[-1]:.2g}, "
            f"falls fastest at {self.steepest:.2g})"
        )


@told
def learning_rates(
    loss: Callable[[], Any], model: Module, optimizer: Any, *, low: float = 1e-5, high: float = 10.0, steps: int = 100
) -> LearningRates:
    """Train for ``steps`` steps while the rate grows from ``low`` to ``high``, each by the same factor.

    ``loss`` takes nothing and gives the loss of the next batch with the model's weights, a Tensor of one element with a
    graph. The search ends early where the loss is not finite, or four times the least so far. Afterwards the weights,
    buffers, gradients, generators and the optimizer are what they were: nothing has been learned.

    Raises ``HyperparameterError`` for rates that do not grow from above 0 and fewer than three steps, ``DTypeError``
    for arguments of other kinds, ``StateError`` for an optimizer of another model, ``DataError`` where ``loss`` gives
    no Tensor of one element, or fewer than three that are finite.

    >>> mg.manual_seed(0)
    >>> model, x = nn.Linear(2, 1), mg.tensor(np.eye(2, dtype="float32"))
    >>> optimizer = optim.SGD(model.parameters(), lr=0.1)
    >>> found = mg.viz.learning_rates(lambda: ((model(x) - 1) ** 2).mean(), model, optimizer)
    >>> 0.01 < found.steepest < 2
    True
    """
    _check(loss, model, optimizer)
    if not (is_positive(low) and is_positive(high) and low < high and is_whole(steps, 3)):
        raise HyperparameterError(
            "learning_rates: expected 0 < low < high and at least three steps, "
            f"got low={low!r}, high={high!r}, steps={steps!r}"
        )
    rates: list[float] = []
    losses: list[float] = []
    with _untouched(model, optimizer), np.errstate(all="ignore"):
        for rate in np.geomspace(low, high, steps):
            optimizer.lr = float(rate)
            optimizer.zero_grad()
            batch_loss = loss()
            if not isinstance(batch_loss, Tensor) or batch_loss.size != 1:
                raise DataError(
                    f"learning_rates: loss() gives a Tensor of one element with a graph, got {batch_loss!r:.60}"
                )
            value = float(batch_loss.item())
            if not np.isfinite(value) or (losses and value > TOO_MUCH * min(losses) > 0):
                break
            rates.append(float(rate))
            losses.append(value)
            batch_loss.backward()
            optimizer.step()
    if len(rates) < 3:
        raise DataError(f"learning_rates: only {len(rates)} losses were finite and not too large: take a smaller low")
    return LearningRates(np.array(rates), np.array(losses))


@contextmanager
def _untouched(model: Module, optimizer: Any) -> Iterator[None]:
    """Afterwards weights, buffers, gradients, generators and the optimizer's state are what they were."""
    parameters = model.parameters()
    weights = [p.data.copy() for p in parameters]
    gradients = [p.grad for p in parameters]
    buffers = [(buffer, buffer.data.copy()) for buffer in model.buffers()]
    state = copy.deepcopy(optimizer.state_dict())
    generators = [generator_or_default(None), *(generator for _, generator in model.named_generators())]
    drawn = [generator_state(generator) for generator in generators]
    try:
        yield
    finally:
        optimizer.load_state_dict(state)
        for p, data, gradient in zip(parameters, weights, gradients, strict=True):
            p.data[...] = data
            p.grad = gradient
        for buffer, data in buffers:
            buffer.data[...] = data
        for generator, before in zip(generators, drawn, strict=True):
            set_generator_state(before, generator)


def _check(loss: Any, model: Any, optimizer: Any) -> None:
    if not callable(loss) or not isinstance(model, Module) or not hasattr(optimizer, "param_groups"):
        raise DTypeError(
            "learning_rates takes a function without arguments that gives the loss, a model and its optimizer; got "
            f"{type(loss).__name__}, {type(model).__name__} and {type(optimizer).__name__}"
        )
    learned = {id(p) for group in optimizer.param_groups for p in group["params"]}
    if learned.isdisjoint(map(id, model.parameters())):
        raise StateError("learning_rates: the optimizer holds no parameter of the model: make it of model.parameters()")
