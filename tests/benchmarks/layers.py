"""Common layers beside PyTorch, eager: ``OMP_NUM_THREADS=1 python -m tests.benchmarks.layers``, from the root.

A row for each layer: forward, and forward with the gradients of all its arrays, of minigrad and PyTorch in turns, with
one thread each; the medians of the rounds, in the process's own time, and the median of the ratios.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import minigrad as mg
from minigrad.nn import functional as F

from . import report
from .convolutions import as_markdown, per_call
from .timing import alternate

Layer = tuple[list[tuple[int, ...]], Callable[..., Any]]


def _named(name: str, *shapes: tuple[int, ...], **options: Any) -> Layer:
    """A function that has one name in both libraries, and the shapes of its arrays."""
    return list(shapes), lambda functions, *arrays: getattr(functions, name)(*arrays, **options)


def _normed(*shape: int) -> Layer:
    """Layer normalisation of the last axis."""
    size = shape[-1:]
    return [shape, size, size], lambda functions, x, weight, bias: functions.layer_norm(x, size, weight, bias)


def _grouped(*shape: int) -> Layer:
    """Normalisation of eight groups of channels."""
    numbers = shape[1:2]
    return [shape, numbers, numbers], lambda functions, x, weight, bias: functions.group_norm(x, 8, weight, bias)


ROWS, TOKENS, IMAGES = (128, 1024), (8, 128, 256), (8, 32, 32, 32)
LAYERS: dict[str, Layer] = {
    "layer norm 128 x 1024": _normed(*ROWS),
    "layer norm 8 x 128 x 256": _normed(*TOKENS),
    "layer norm 1024 x 1024": _normed(1024, 1024),
    "group norm 8 x 32 x 32 x 32": _grouped(*IMAGES),
    "group norm 16 x 64 x 32 x 32": _grouped(16, 64, 32, 32),
    "relu": _named("relu", ROWS),
    "silu": _named("silu", ROWS),
    "gelu": _named("gelu", ROWS),
    "tanh": _named("tanh", ROWS),
    "softmax": ([ROWS], lambda functions, x: functions.softmax(x, -1)),
    "log_softmax": ([ROWS], lambda functions, x: functions.log_softmax(x, -1)),
    "log_softmax of 50 classes": ([(1024, 50)], lambda functions, x: functions.log_softmax(x, -1)),
    "max_pool2d 2": _named("max_pool2d", IMAGES, kernel_size=2),
    "avg_pool2d 2": _named("avg_pool2d", IMAGES, kernel_size=2),
    "adaptive_avg_pool2d 5": _named("adaptive_avg_pool2d", IMAGES, output_size=5),
    "adaptive_max_pool2d 5": _named("adaptive_max_pool2d", IMAGES, output_size=5),
}


def steps(layer: Layer) -> dict[str, Callable[[], Any]]:
    """Forward, and all, of both."""
    import torch

    shapes, function = layer
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape, np.float32) for shape in shapes]
    ours, theirs = [mg.tensor(x, requires_grad=True) for x in arrays], [torch.tensor(x) for x in arrays]
    for x in theirs:
        x.requires_grad_()
    z = function(F, *ours)
    np.testing.assert_allclose(z.data, function(torch.nn.functional, *theirs).detach().numpy(), atol=1e-4)
    g = rng.standard_normal(z.shape, np.float32)
    seed = torch.tensor(g)
    return {
        "minigrad forward": lambda: function(F, *ours),
        "torch forward": lambda: function(torch.nn.functional, *theirs),
        "minigrad": lambda: mg.autograd.grad(function(F, *ours), ours, g),
        "torch": lambda: torch.autograd.grad(function(torch.nn.functional, *theirs), theirs, seed),
    }


def table(names: Sequence[str], rounds: int, seconds: float) -> list[list[str]]:
    """The rows: name, microseconds and ratios."""
    rows = [["layer", "forward µs", "torch", "ratio", "all µs", "torch", "ratio"]]
    for name in names:
        measurements = {key: per_call(step, seconds) for key, step in steps(LAYERS[name]).items()}
        samples = alternate(measurements, rounds)
        row = [name]
        for end in (" forward", ""):
            ours, theirs = samples[f"minigrad{end}"], samples[f"torch{end}"]
            row += [f"{1e6 * np.median(x):,.0f}" for x in (ours, theirs)]
            row.append(f"{np.median(np.divide(ours, theirs)):.2f}")
        rows.append(row)
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns 0."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.layers", description="Common layers beside PyTorch; about a minute."
    )
    add = parser.add_argument
    add("--only", action="append", choices=LAYERS, metavar="NAME", help="only this row; may be repeated")
    add("--rounds", type=int, default=9, help="default %(default)s")
    add("--seconds", type=float, default=0.03, help="per measurement, default %(default)s")
    options = parser.parse_args(arguments)
    import torch

    torch.set_num_threads(1)
    print(as_markdown(table(options.only or list(LAYERS), options.rounds, options.seconds)), end="\n\n")
    print(f"measured: {report.heading()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
