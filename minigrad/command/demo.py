"""``demo``: a small network learns the spiral, live, in the terminal."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterator

import numpy as np

import minigrad as mg
from minigrad import nn, optim

NAME = "demo"

#: A dark and a light tone of each class's colour, as red, green and blue: regions and points.
_TONES = (((30, 60, 95), (110, 175, 240)), ((95, 40, 50), (250, 130, 140)), ((25, 75, 40), (110, 220, 130)))
_LETTERS = ".:-", "oxv"  # regions and points where there are no colours


def arguments(parser: argparse.ArgumentParser) -> None:
    """How long, and how wide."""
    parser.add_argument("--epochs", type=int, default=2000, help="steps of the training (%(default)s)")
    parser.add_argument("--width", type=int, default=64, help="width of the picture in characters (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of points and weights (%(default)s)")


def run(chosen: argparse.Namespace) -> Iterator[str]:
    """Frames of the picture in a terminal; elsewhere a line now and then, and the last picture."""
    for name, least in (("epochs", 1), ("width", 8), ("seed", 0)):
        if getattr(chosen, name) < least:
            raise ValueError(f"--{name} is {least} or more, got {getattr(chosen, name)}")
    live = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    colours = live and "NO_COLOR" not in os.environ
    width = min(chosen.width, shutil.get_terminal_size((80, 24)).columns)
    height = width // 2
    points, labels = spiral(chosen.seed)
    mg.manual_seed(chosen.seed)
    model = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 3))
    optimizer = optim.Adam(model.parameters(), lr=0.05, decay=5e-7)
    data = mg.tensor(points)
    every = max(1, chosen.epochs // (100 if live else 10))
    for epoch in range(chosen.epochs + 1):
        optimizer.zero_grad()
        logits = model(data)
        loss = nn.functional.cross_entropy(logits, labels)
        if epoch % every == 0 or epoch == chosen.epochs:
            right = np.mean(logits.data.argmax(1) == labels)
            line = f"step {epoch:5}   loss {loss.item():.3f}   accuracy {right:.3f}\n"
            last = epoch == chosen.epochs
            frame = picture(model, points, labels, width, height, colours) if live or last else ""
            rows = height // 2 if colours else height
            up = f"\x1b[{rows + 1}A" if live and epoch else ""
            yield up + frame + line
        loss.backward()
        optimizer.step()
    yield "It was learned by minigrad, on NumPy alone: examples/spiral.py has it with nine optimizers.\n"


def spiral(seed: int, samples: int = 100, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Points on the arms of a spiral (samples * classes, 2), and which arm (samples * classes,)."""
    draw = np.random.default_rng(seed)
    radius = np.linspace(0, 1, samples)
    arms = [
        np.linspace(arm * 4, (arm + 1) * 4, samples) + draw.standard_normal(samples) * 0.2 for arm in range(classes)
    ]
    points = [radius[:, None] * np.stack([np.sin(arm * 2.5), np.cos(arm * 2.5)], 1) for arm in arms]
    return np.concatenate(points).astype(np.float32), np.repeat(np.arange(classes), samples)


def picture(model: nn.Module, points: np.ndarray, labels: np.ndarray, width: int, height: int, colours: bool) -> str:
    """What the model decides where, and the points, as rows of characters; in colours two rows share a character."""
    across, down = np.meshgrid(np.linspace(-1.05, 1.05, width), np.linspace(1.05, -1.05, height))
    plane = np.stack([across, down], -1).reshape(-1, 2).astype(np.float32)
    with mg.no_grad():
        regions = model(mg.tensor(plane)).data.argmax(1).reshape(height, width)
    places = np.zeros((height, width), int)
    columns = np.rint((points[:, 0] + 1.05) / 2.1 * (width - 1)).astype(int).clip(0, width - 1)
    rows = np.rint((1.05 - points[:, 1]) / 2.1 * (height - 1)).astype(int).clip(0, height - 1)
    places[rows, columns], regions[rows, columns] = 1, labels
    if not colours:
        return "".join(
            "".join(_LETTERS[is_point][kind] for is_point, kind in zip(*row, strict=True)) + "\n"
            for row in zip(places, regions, strict=True)
        )
    lines = []
    for top in range(0, height - height % 2, 2):
        cells = []
        for column in range(width):
            upper, lower = (_TONES[regions[row, column]][places[row, column]] for row in (top, top + 1))
            cells.append(f"\x1b[38;2;{upper[0]};{upper[1]};{upper[2]};48;2;{lower[0]};{lower[1]};{lower[2]}m▀")
        lines.append("".join(cells) + "\x1b[0m\n")
    return "".join(lines)
