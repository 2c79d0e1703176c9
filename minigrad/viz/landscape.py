"""``loss_surface(loss, model)``: the loss around a model's weights, along two directions."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.core.checks import is_positive, is_whole
from minigrad.core.context import no_grad
from minigrad.core.tensor import Tensor
from minigrad.errors import DataError, DTypeError, HyperparameterError
from minigrad.nn import Module
from minigrad.nn.modes import evaluating
from minigrad.support.idioms import told
from minigrad.viz.pictures import new_figure, saved

LEVELS = 24


@told
def loss_surface(
    loss: Callable[[], Any],
    model: Module,
    path: str | os.PathLike[str] | None = None,
    *,
    reach: float = 1.0,
    steps: int = 25,
    seed: int = 0,
) -> Any:
    """A matplotlib ``Figure``: the contour lines of ``loss()`` around the weights that ``model`` has now.

    ``loss`` takes nothing and gives the loss with the model's weights, as a Tensor of one element or a number. It is
    called ``steps`` squared times, with the model in evaluation mode and without a graph. The two directions are drawn
    from ``seed``. Each row of a direction is as long as the model's own row (each filter, of a convolution), so 1 is a
    change as large as the weights, and ``reach`` is how far to go; tensors of one axis, such as biases, stay. This is
    the scaling of Li et al., 2018. Afterwards the model has its weights again, to the bit.

    ``path`` is where to write the picture. Where the loss is not finite, the picture is empty. Heights are logarithmic
    where the largest loss is over a hundred times the least, and that is above 0.

    Raises ``DataError`` for a model without a weight of two axes and a loss of several elements,
    ``HyperparameterError`` for ``reach`` that is not above 0 and fewer than two steps, ``DTypeError`` for arguments of
    other kinds, ``ImportError`` without matplotlib (extra ``plots``).

    >>> model, x = nn.Linear(2, 1), mg.ones((4, 2))
    >>> figure = mg.viz.loss_surface(lambda: (model(x) ** 2).mean(), model, steps=5)
    >>> figure.axes[0].get_xlabel()
    'direction 1'
    """
    places, losses = surface(loss, model, reach, steps, seed)
    figure = new_figure(5.6, 4.6)
    axes = figure.subplots()
    finite = losses[np.isfinite(losses)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    shown = np.ma.masked_invalid(losses)
    title = "loss"
    if high > 100 * low > 0:
        shown, title = np.ma.log10(shown), "log10 of the loss"
    if high > low:
        drawn = axes.contourf(places, places, shown, levels=LEVELS, cmap="viridis")
        axes.contour(places, places, shown, levels=LEVELS, colors="white", linewidths=0.3, alpha=0.6)
        figure.colorbar(drawn, label=title)
    axes.plot(0, 0, "o", color="#EE6677", markeredgecolor="white", markersize=8)
    axes.annotate("the model", (0, 0), xytext=(8, 8), textcoords="offset points", color="white")
    axes.set(xlabel="direction 1", ylabel="direction 2", aspect="equal")
    return saved(figure, path)


def surface(
    loss: Callable[[], Any], model: Module, reach: float = 1.0, steps: int = 25, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """The places along each direction (steps,), and the loss (steps, steps): row i is at place i of the second."""
    if not callable(loss) or not isinstance(model, Module):
        raise DTypeError(
            "loss_surface takes a function without arguments that gives the loss, and a model; got "
            f"{type(loss).__name__} and {type(model).__name__}"
        )
    if not is_positive(reach) or not is_whole(steps, 2):
        raise HyperparameterError(
            f"loss_surface: expected reach above 0 and at least two steps, got reach={reach!r}, steps={steps!r}"
        )
    parameters = [p for p in model.parameters() if p.ndim > 1 and p.size]
    if not parameters:
        raise DataError("loss_surface: the model has no weight of two axes or more, so there is nothing to change")
    draw = np.random.default_rng(seed)
    starts = [p.data for p in parameters]
    across, up = ([_direction(w, draw) for w in starts] for _ in range(2))
    places = np.linspace(-reach, reach, steps)
    losses = np.empty((steps, steps), np.float64)
    try:
        with evaluating(model), no_grad(), np.errstate(all="ignore"):
            for i, j in np.ndindex(losses.shape):
                for p, w, a, b in zip(parameters, starts, across, up, strict=True):
                    p.data = (w + places[j] * a + places[i] * b).astype(w.dtype)
                losses[i, j] = _number(loss())
    finally:
        for p, w in zip(parameters, starts, strict=True):
            p.data = w
    return places, losses


def _direction(w: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Numbers of the normal distribution, each row as long as that of ``w``."""
    direction = draw.standard_normal(w.shape)
    axes = tuple(range(1, w.ndim))
    norm = np.sqrt(np.sum(direction**2, axis=axes, keepdims=True))
    own = np.sqrt(np.sum(np.abs(w).astype(np.float64) ** 2, axis=axes, keepdims=True))
    scaled: np.ndarray = direction * (own / np.where(norm > 0, norm, 1.0))
    return scaled


def _number(value: Any) -> float:
    array = np.asarray(value._array if isinstance(value, Tensor) else value)
    if array.size != 1 or array.dtype.kind not in "fiub":
        raise DataError(
            f"loss_surface: loss() gives one real number, got shape {array.shape}, {array.dtype}: take its mean or sum"
        )
    return float(array.reshape(()))
