"""``decision_regions(model, X, y)``: what a classifier decides where in the plane."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from minigrad.core.context import get_default_dtype, no_grad
from minigrad.core.tensor import Tensor
from minigrad.errors import DataError
from minigrad.nn import Module
from minigrad.nn.modes import evaluating
from minigrad.support.idioms import told
from minigrad.viz.pictures import COLORS, new_figure, saved

PIXELS = 300


@told
def decision_regions(model: Any, X: Any, y: Any, path: str | os.PathLike[str] | None = None) -> Any:
    """A matplotlib ``Figure``: the class that ``model`` gives each point of the plane, and the data.

    ``X`` is (samples, 2), ``y`` (samples,) the classes from 0 on. ``model`` is a Module that gives scores (samples,
    classes) or one logit for each sample; the class with the largest score counts, and the colour is the stronger, the
    larger its share. Or it is any function from points to classes, such as the ``predict`` of a scikit-learn
    estimator. A Module is run in evaluation mode and without a graph. ``path`` is where to write the picture.

    Raises ``DataError`` for data that is not of the plane, ``ImportError`` without matplotlib (extra ``plots``).

    >>> points = np.array([[0.0, 0.0], [1.0, 1.0]])
    >>> figure = mg.viz.decision_regions(nn.Linear(2, 2), points, [0, 1])
    >>> [text.get_text() for text in figure.legends[0].texts]
    ['0', '1']
    """
    points, labels = np.asarray(_data(X)), np.asarray(_data(y)).reshape(-1)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) != len(labels) or not len(points):
        raise DataError(
            "decision_regions draws points of the plane: expected X of shape (samples, 2) and y of shape (samples,), "
            f"got {points.shape} and {labels.shape}; of more columns, take two and train a model on these"
        )
    low, high = points.min(0), points.max(0)
    margin = 0.08 * np.where(high > low, high - low, 1.0)
    (left, bottom), (right, top) = low - margin, high + margin
    side = np.linspace(0, 1, PIXELS)
    plane = np.stack(np.meshgrid(left + (right - left) * side, bottom + (top - bottom) * side), -1).reshape(-1, 2)
    classes, sure = _decisions(model, plane)

    palette = np.array([[int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)] for color in COLORS])
    strength = 0.1 + 0.4 * sure[:, None]  # of the colour; the rest is white
    image = 1 - strength * (1 - palette[classes % len(COLORS)])
    figure = new_figure(5.2, 4.6)
    axes = figure.subplots()
    axes.imshow(
        image.reshape(PIXELS, PIXELS, 3),
        origin="lower",
        extent=(left, right, bottom, top),
        aspect="auto",
        interpolation="bilinear",
    )
    for label in np.unique(labels):
        axes.scatter(
            *points[labels == label].T,
            s=16,
            color=COLORS[int(label) % len(COLORS)],
            edgecolors="white",
            linewidths=0.5,
            label=str(int(label)),
        )
    figure.legend(loc="outside right upper", title="class", frameon=False)
    axes.set(xlim=(left, right), ylim=(bottom, top), xlabel="x₀", ylabel="x₁")
    axes.spines[["top", "right"]].set_visible(False)
    return saved(figure, path)


def _decisions(model: Any, plane: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The class of each point, and how sure it is, from 0 to 1."""
    if isinstance(model, Module):
        dtype = next((p.dtype for p in model.parameters() if p.dtype.kind == "f"), get_default_dtype())
        with evaluating(model), no_grad():
            scores = np.asarray(model(Tensor(plane.astype(dtype))).data, np.float64)
    else:
        scores = np.asarray(_data(model(plane)))
    scores = scores.reshape(len(plane), -1)
    if not isinstance(model, Module) and scores.shape[1] == 1:
        return scores[:, 0].astype(int), np.ones(len(plane))
    if scores.shape[1] == 1:  # one logit: class 1 above 0
        scores = np.concatenate([np.zeros_like(scores), scores], 1)
    best = scores.argmax(1)
    if scores.min() < 0 or not np.allclose(scores.sum(1), 1, atol=1e-3):  # logits, not probabilities
        scores = np.exp(scores - scores.max(1, keepdims=True))
        scores /= scores.sum(1, keepdims=True)
    least = 1 / scores.shape[1]
    return best, (scores.max(1) - least) / (1 - least)


def _data(x: Any) -> Any:
    return x._array if isinstance(x, Tensor) else x
