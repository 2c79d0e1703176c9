"""The picture of ``spiral.py``: for each run what the network decides where, and how it got there."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import minigrad as mg
from minigrad.nn import functional as F

try:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.colors import to_rgb
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch
except ModuleNotFoundError as missing:
    sys.exit(
        f"The picture needs {missing.name}, which is not installed: "
        "in a checkout of minigrad, pip install -e '.[examples]' brings it; --no-plot does without"
    )

if TYPE_CHECKING:
    from spiral import Result

# Paul Tol's high-contrast scheme: three colours that differ in lightness too, so that everybody can tell them apart.
CLASS_COLORS = ("#004488", "#DDAA33", "#BB5566")
ACCURACY_COLOR, LOSS_COLOR = "#222222", "#EE7733"
EDGE = 1.12  # the data lie within the unit circle and a bit
PIXELS = 240
BINS = 200


def draw(path: Path, results: Sequence[Result], points: np.ndarray, labels: np.ndarray) -> None:
    """Write the picture: a cell for each run, three in a row."""
    columns = min(3, len(results))
    rows = -(-len(results) // columns)
    # A Figure of its own, without pyplot: nothing is global, and no window is ever opened.
    height, legend = 2.7 * rows, 0.4 if columns > 1 else 0.8
    figure = Figure(figsize=(4.5 * columns, height + legend), layout="constrained")
    cells, foot = figure.subfigures(2, 1, height_ratios=(height, legend))
    parts = cells.subfigures(rows, columns, squeeze=False).flat
    for cell, result in zip(parts, results, strict=False):
        cell.suptitle(f"{result.run.name}: accuracy {result.accuracy[-1]:.3f}", fontsize=11)
        regions, curves = cell.subplots(1, 2)
        draw_regions(regions, result, points, labels)
        draw_curves(curves, result)
    draw_legend(foot, ncols=6 if columns > 1 else 2)
    figure.savefig(path, dpi=150)


def draw_regions(axes: Axes, result: Result, points: np.ndarray, labels: np.ndarray) -> None:
    """The class of each point of the plane, paler where the network is less sure, and the data."""
    side = np.linspace(-EDGE, EDGE, PIXELS, dtype=np.float32)
    plane = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
    with mg.no_grad():
        probabilities = F.softmax(result.model(mg.tensor(plane))).data
    colors = np.array([to_rgb(color) for color in CLASS_COLORS])[probabilities.argmax(-1)]
    strength = 0.7 * probabilities.max(-1, keepdims=True) - 0.1  # of the colour; the rest is white
    image = (1 - strength * (1 - colors)).reshape(PIXELS, PIXELS, 3)
    extent = (-EDGE, EDGE, -EDGE, EDGE)
    axes.imshow(np.nan_to_num(image, nan=1), origin="lower", extent=extent, interpolation="bilinear")
    for label, color in enumerate(CLASS_COLORS):
        axes.scatter(*points[labels == label].T, s=12, color=color, edgecolors="white", linewidths=0.5)
    axes.set(xticks=[], yticks=[], xlim=(-EDGE, EDGE), ylim=(-EDGE, EDGE))


def draw_curves(axes: Axes, result: Result) -> None:
    """Accuracy and loss of each epoch: the mean of neighbouring epochs, in a band from their least to their largest."""
    for values, color in ((result.loss, LOSS_COLOR), (result.accuracy, ACCURACY_COLOR)):
        finite = np.array(values)[np.isfinite(values)]
        groups = np.array_split(np.arange(len(finite)), min(BINS, len(finite)))
        epochs = [group.mean() for group in groups]
        low, mean, high = np.array([(v.min(), v.mean(), v.max()) for v in (finite[group] for group in groups)]).T
        axes.fill_between(epochs, low, high, color=color, alpha=0.25, linewidth=0)
        axes.plot(epochs, mean, color=color, linewidth=1.4, marker="." if len(groups) == 1 else "")
    last = max(len(result.loss) - 1, 1)
    axes.set(box_aspect=1, xlabel="epoch", ylim=(0, 1.2), yticks=(0, 0.5, 1), xticks=sorted({0, last // 2, last}))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def draw_legend(figure: SubFigure, ncols: int) -> None:
    """What the colours mean, once for all cells."""
    lines = {"accuracy": ACCURACY_COLOR, "loss": LOSS_COLOR}
    handles: list[Artist] = [Line2D([], [], color=color, label=label) for label, color in lines.items()]
    handles.append(Patch(color=LOSS_COLOR, alpha=0.25, linewidth=0, label="their range in nearby epochs"))
    handles += [
        Line2D([], [], color=color, marker="o", linestyle="none", label=f"class {label}")
        for label, color in enumerate(CLASS_COLORS)
    ]
    figure.legend(handles=handles, loc="center", ncols=ncols, frameon=False)
