"""The animation of ``spiral.py``: what each network decides where, as it learns, all of them side by side."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from spiral_picture import CLASS_COLORS, EDGE

import minigrad as mg
from minigrad.nn import functional as F

try:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import to_rgb
    from matplotlib.figure import Figure
    from PIL import Image
except ModuleNotFoundError as missing:
    sys.exit(
        f"The animation needs {missing.name}, which is not installed: "
        "in a checkout of minigrad, pip install -e '.[examples]' brings it"
    )

if TYPE_CHECKING:
    from spiral import Result

PIXELS = 96
STEPS = 4  # tones of a colour: few of them make a small file
MILLISECONDS, LAST = 120, 2500  # of a frame, and of the last one


def animate(path: Path, results: Sequence[Result], points: np.ndarray, labels: np.ndarray) -> None:
    """Write the animation: a cell for each run, three in a row, a frame for each epoch whose weights are there."""
    columns = min(3, len(results))
    rows = -(-len(results) // columns)
    figure = Figure(figsize=(1.8 * columns, 2.1 * rows + 0.3), dpi=80, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    cells = figure.subplots(rows, columns, squeeze=False).flat
    images = []
    for cell, result in zip(cells, results, strict=False):
        cell.set_title(result.run.name.replace(", ", "\n", 1), fontsize=7.5)
        cell.set(xticks=[], yticks=[])
        extent = (-EDGE, EDGE, -EDGE, EDGE)
        blank = np.ones((PIXELS, PIXELS, 3))
        images.append(cell.imshow(blank, origin="lower", extent=extent, interpolation="nearest"))
        for label, color in enumerate(CLASS_COLORS):
            cell.scatter(*points[labels == label].T, s=3, color=color, linewidths=0)
    epochs = sorted({epoch for result in results for epoch in result.moments})
    title = figure.suptitle(f"epoch {epochs[-1]:,}", fontsize=10)
    canvas.draw()
    figure.set_layout_engine("none")  # what is laid out once does not move from frame to frame
    frames = []
    for epoch in epochs:
        title.set_text(f"epoch {epoch:,}")
        for result, image in zip(results, images, strict=True):
            known = max((moment for moment in result.moments if moment <= epoch), default=None)
            if known is not None:
                image.set_data(regions(result, result.moments[known]))
        canvas.draw()
        frames.append(Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy()))
    # One palette for all frames, and no dithering: neighbours and frames that are alike are alike in the file.
    first, *rest = [frame.quantize(palette=palette(), dither=Image.Dither.NONE) for frame in frames]
    times = [MILLISECONDS] * (len(frames) - 1) + [LAST]
    first.save(path, save_all=True, append_images=rest, duration=times, loop=0, optimize=True)


def regions(result: Result, weights: Sequence[np.ndarray]) -> np.ndarray:
    """The colours of the plane, (PIXELS, PIXELS, 3), by a run's network with these weights."""
    side = np.linspace(-EDGE, EDGE, PIXELS, dtype=np.float32)
    plane = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
    trained = [parameter.data for parameter in result.model.parameters()]
    try:
        for parameter, data in zip(result.model.parameters(), weights, strict=True):
            parameter.data = data
        with mg.no_grad():
            probabilities = F.softmax(result.model(mg.tensor(plane))).data
    finally:
        for parameter, data in zip(result.model.parameters(), trained, strict=True):
            parameter.data = data
    probabilities = np.nan_to_num(probabilities)
    sure = np.rint((probabilities.max(-1) * 1.5 - 0.5).clip(0, 1) * STEPS).astype(int)
    return tones()[probabilities.argmax(-1), sure].reshape(PIXELS, PIXELS, 3)


def tones() -> np.ndarray:
    """The colours of regions, (classes, STEPS + 1, 3): the surer, the stronger."""
    strength = 0.1 + 0.4 * np.linspace(0, 1, STEPS + 1)[:, None]
    return np.array([1 - strength * (1 - np.array(to_rgb(color))) for color in CLASS_COLORS])


def palette() -> Image.Image:
    """All colours of the animation: those of regions and points, and greys for the text."""
    greys = np.linspace(0, 1, 5)[:, None].repeat(3, 1)
    points = np.array([to_rgb(color) for color in CLASS_COLORS])
    colors = np.concatenate([tones().reshape(-1, 3), points, greys])
    made = Image.new("P", (1, 1))
    made.putpalette(np.rint(colors * 255).astype(np.uint8).tobytes())
    return made
