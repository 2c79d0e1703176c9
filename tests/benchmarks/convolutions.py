"""Kinds of convolutions beside PyTorch and their floor: ``python -m tests.benchmarks.convolutions``, from the root.

A row for each kind: forward, and forward with the gradients of images and weight, of minigrad and PyTorch in turns,
with one thread each (set OMP_NUM_THREADS=1); the least of the rounds, in the process's own time. The floor is what the
three products of matrices take at BLAS's rate, measured at their shapes (at most ``COLUMNS`` columns at a time), and
the bytes that are read and written at the least, 12 (x + z), at the bandwidth of ``np.add``. A convolution in tiles
makes fewer products, so its share of the floor may be above 1. Then whole blocks, a training step each with Adam,
PyTorch with its fused one.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import process_time
from typing import Any, NamedTuple

import numpy as np

import minigrad as mg
from minigrad import nn, optim
from minigrad.kernels.image_layout import in_memory, memory_order, new_images
from minigrad.nn import functional as F

from . import report
from .timing import alternate

#: Columns of a product of the floor at most.
COLUMNS = 4096


def per_call(step: Callable[[], Any], seconds: float) -> Callable[[], float]:
    """A measurement of ``step``: seconds of the process's own time for a call, of as many as take about ``seconds``.

    With one thread that is what a call takes where nobody else is at work.
    """
    step()
    start = process_time()
    step()
    calls = max(1, round(seconds / max(process_time() - start, 1e-6)))

    def measure() -> float:
        start = process_time()
        for _ in range(calls):
            step()
        return (process_time() - start) / calls

    return measure


@dataclass(frozen=True)
class Kind:
    """A convolution of ``axes`` axes of one size, padded so that a stride of 1 keeps them."""

    batch: int
    channels: int
    outputs: int
    size: int
    kernel: int
    stride: int = 1
    dilation: int = 1
    groups: int = 1
    axes: int = 2
    transposed: bool = False


KINDS = {
    "3 x 3, 3 channels": Kind(16, 3, 32, 32, 3),
    "3 x 3, 32": Kind(16, 32, 32, 32, 3),
    "3 x 3, 32, stride 2": Kind(16, 32, 64, 32, 3, stride=2),
    "3 x 3, 64": Kind(4, 64, 64, 56, 3),
    "3 x 3, 128": Kind(4, 128, 128, 28, 3),
    "3 x 3, 256": Kind(4, 256, 256, 14, 3),
    "3 x 3, 512": Kind(4, 512, 512, 7, 3),
    "3 x 3, one image": Kind(1, 64, 64, 56, 3),
    "3 x 3, dilation 2": Kind(8, 64, 64, 28, 3, dilation=2),
    "3 x 3, 4 groups": Kind(8, 64, 64, 28, 3, groups=4),
    "3 x 3, 32 groups": Kind(8, 128, 128, 28, 3, groups=32),
    "1 x 1": Kind(8, 256, 64, 28, 1),
    "1 x 1, stride 2": Kind(8, 256, 512, 28, 1, stride=2),
    "5 x 5": Kind(32, 16, 32, 28, 5),
    "7 x 7, stem": Kind(2, 3, 64, 224, 7, stride=2),
    "depthwise 3 x 3": Kind(16, 64, 64, 16, 3, groups=64),
    "depthwise, stride 2": Kind(16, 64, 64, 32, 3, stride=2, groups=64),
    "depthwise, one image": Kind(1, 32, 32, 112, 3, groups=32),
    "depthwise 7 x 7": Kind(4, 96, 96, 56, 7, groups=96),
    "transposed 2 x 2": Kind(8, 64, 32, 16, 2, stride=2, transposed=True),
    "1-d, stride 2": Kind(8, 32, 64, 2000, 9, stride=2, axes=1),
    "1-d, dilation 4": Kind(16, 64, 64, 256, 3, dilation=4, axes=1),
    "3-d": Kind(4, 16, 32, 16, 3, axes=3),
}


def arrays(kind: Kind) -> tuple[Any, Any, dict[str, Any]]:
    """Images in the package's order of memory, a weight, and the options that both libraries take."""
    rng = np.random.default_rng(0)
    x = new_images((kind.batch, kind.channels, *(kind.size,) * kind.axes), np.float32, np.empty)
    x[...] = rng.standard_normal(x.shape, np.float32)
    ends = (kind.channels, kind.outputs) if kind.transposed else (kind.outputs, kind.channels)
    shape = (ends[0], ends[1] // kind.groups, *(kind.kernel,) * kind.axes)
    padding = 0 if kind.transposed else kind.dilation * (kind.kernel // 2)
    options = {"stride": kind.stride, "padding": padding, "dilation": kind.dilation, "groups": kind.groups}
    return x, rng.standard_normal(shape, np.float32) / math.sqrt(math.prod(shape[1:])), options


def function_of(kind: Kind, functions: Any) -> Callable[..., Any]:
    """The function of that name in ``minigrad.nn.functional`` or PyTorch's."""
    found: Callable[..., Any] = getattr(functions, f"conv{'_transpose' * kind.transposed}{kind.axes}d")
    return found


def steps(kind: Kind) -> tuple[dict[str, Callable[[], Any]], int]:
    """Forward, and all, of both; and the elements of images and results together."""
    import torch

    x, weight, options = arrays(kind)
    lying, w = (mg.tensor(v, requires_grad=True) for v in (in_memory(x), weight))
    a = mg.transpose(lying, np.argsort(memory_order(x.ndim)).tolist())  # as images lie behind the first layer
    b, v = (torch.tensor(np.ascontiguousarray(one), requires_grad=True) for one in (x, weight))
    ours, theirs = function_of(kind, F), function_of(kind, torch.nn.functional)
    z = ours(a, w, **options)
    y = new_images(z.shape, np.float32, np.empty)
    y[...] = np.random.default_rng(1).standard_normal(z.shape, np.float32)
    dy = torch.tensor(np.ascontiguousarray(y))
    np.testing.assert_allclose(z.data, theirs(b, v, **options).detach().numpy(), atol=1e-3)
    return {
        "minigrad forward": lambda: ours(a, w, **options),
        "torch forward": lambda: theirs(b, v, **options),
        "minigrad": lambda: mg.autograd.grad(ours(a, w, **options), [a, w], y),
        "torch": lambda: torch.autograd.grad(theirs(b, v, **options), [b, v], dy),
    }, x.size + y.size


def floor_of(kind: Kind, elements: int, seconds: float) -> Callable[[], float]:
    """A measurement of the floor of forward and both gradients."""
    side = kind.size if kind.transposed else -(-kind.size // kind.stride)
    places = kind.batch * side**kind.axes
    columns = min(places, COLUMNS)
    ends = (kind.channels, kind.outputs) if kind.transposed else (kind.outputs, kind.channels)
    inner, outer = ends[1] // kind.groups * kind.kernel**kind.axes, ends[0] // kind.groups
    rng = np.random.default_rng(0)
    weight, seen, made = (
        rng.standard_normal(s, np.float32) for s in ((outer, inner), (inner, columns), (outer, columns))
    )

    def products() -> None:
        np.matmul(weight, seen)
        np.matmul(weight.T, made)
        np.matmul(made, seen.T)

    one, other, third = (np.ones(elements, np.float32) for _ in range(3))
    measured = per_call(products, seconds)
    moved = per_call(lambda: np.add(one, other, out=third), seconds)  # 12 bytes for each of them
    return lambda: measured() * kind.groups * places / columns + moved()


def kinds_table(names: Sequence[str], rounds: int, seconds: float) -> list[list[str]]:
    """The rows: name, milliseconds and ratios, share of the floor."""
    rows = [["kind", "forward ms", "torch", "ratio", "all ms", "torch", "ratio", "floor ms", "share of it"]]
    for name in names:
        made, elements = steps(KINDS[name])
        measurements: dict[str, Any] = {key: per_call(step, seconds) for key, step in made.items()}
        measurements["floor"] = floor_of(KINDS[name], elements, seconds)
        best = {key: 1e3 * min(values) for key, values in alternate(measurements, rounds).items()}
        row = [name]
        for end in (" forward", ""):
            ours, theirs = best[f"minigrad{end}"], best[f"torch{end}"]
            row += [f"{ours:.2f}", f"{theirs:.2f}", f"{ours / theirs:.2f}"]
        rows.append([*row, f"{best['floor']:.2f}", f"{best['floor'] / best['minigrad']:.2f}"])
    return rows


# -- blocks: one definition for both libraries, whose layers have the same names ------------------


class Library(NamedTuple):
    """The layers of a library, and its function that joins arrays."""

    layers: Any
    join: Callable[..., Any]


def _normed(layers: Any, channels: int, outputs: int, size: int = 3, **options: Any) -> Any:
    """A convolution that keeps the size, batch normalisation, relu."""
    made = layers.Conv2d(channels, outputs, size, padding=size // 2, bias=False, **options)
    return layers.Sequential(made, layers.BatchNorm2d(outputs), layers.ReLU())


def residual(library: Library) -> tuple[Any, Callable[..., Any], tuple[int, ...]]:
    """3 to 32 channels, two of 32 with a way around them, 32 to 64 with a stride of 2."""
    layers = library.layers
    first, one = _normed(layers, 3, 32), _normed(layers, 32, 32)
    two = layers.Sequential(layers.Conv2d(32, 32, 3, padding=1, bias=False), layers.BatchNorm2d(32))
    relu, last, head = layers.ReLU(), _normed(layers, 32, 64, stride=2), layers.Linear(64, 10)
    parts = layers.ModuleList([first, one, two, last, head])

    def forward(x: Any) -> Any:
        h = first(x)
        return head(last(relu(h + two(one(h)))).mean((2, 3)))

    return parts, forward, (16, 3, 32, 32)


def separable(library: Library) -> tuple[Any, Callable[..., Any], tuple[int, ...]]:
    """Depthwise 3 x 3 and 1 x 1 in turns, as in MobileNet."""
    layers = library.layers
    parts, channels = [_normed(layers, 3, 32, stride=2)], 32
    for outputs, stride in ((64, 1), (128, 2), (128, 1)):
        parts += [_normed(layers, channels, channels, groups=channels, stride=stride)]
        parts += [_normed(layers, channels, outputs, 1)]
        channels = outputs
    body, head = layers.Sequential(*parts), layers.Linear(128, 10)
    return layers.ModuleList([body, head]), lambda x: head(body(x).mean((2, 3))), (8, 3, 64, 64)


def unet(library: Library) -> tuple[Any, Callable[..., Any], tuple[int, ...]]:
    """Down by pooling, up by a transposed convolution, with the way across."""
    layers = library.layers
    down, middle = _normed(layers, 3, 16), _normed(layers, 16, 32)
    pool, up = layers.MaxPool2d(2), layers.ConvTranspose2d(32, 16, 2, stride=2)
    last, head = _normed(layers, 32, 16), layers.Linear(16, 10)
    parts = layers.ModuleList([down, middle, up, last, head])

    def forward(x: Any) -> Any:
        h = down(x)
        return head(last(library.join([h, up(middle(pool(h)))], 1)).mean((2, 3)))

    return parts, forward, (4, 3, 64, 64)


def audio(library: Library) -> tuple[Any, Callable[..., Any], tuple[int, ...]]:
    """Convolutions of one axis over a wave of 8,000 numbers."""
    layers = library.layers
    sizes = ((1, 32, 9, 4), (32, 64, 9, 4), (64, 64, 5, 2), (64, 128, 5, 2))
    parts = []
    for channels, outputs, size, stride in sizes:
        parts += [layers.Conv1d(channels, outputs, size, stride=stride, padding=size // 2), layers.ReLU()]
    body, head = layers.Sequential(*parts), layers.Linear(128, 10)
    return layers.ModuleList([body, head]), lambda x: head(body(x).mean(2)), (8, 1, 8000)


BLOCKS = {"residual": residual, "separable": separable, "unet": unet, "audio": audio}


def block_steps(name: str) -> dict[str, Callable[[], Any]]:
    """A training step of each."""
    import torch

    rng = np.random.default_rng(0)
    shape = BLOCKS[name](Library(nn, mg.concatenate))[2]
    x, labels = rng.standard_normal(shape, np.float32), rng.integers(0, 10, shape[0])

    def ours() -> Callable[[], Any]:
        parts, forward, _ = BLOCKS[name](Library(nn, mg.concatenate))
        images, optimizer = mg.tensor(x), optim.Adam(parts.parameters(), lr=1e-3)

        def step() -> Any:
            optimizer.zero_grad()
            loss = F.cross_entropy(forward(images), labels)
            loss.backward()
            optimizer.step()
            return loss

        return step

    their_parts, their_forward, _ = BLOCKS[name](Library(torch.nn, torch.cat))
    their_x, their_labels = torch.tensor(x), torch.tensor(labels)
    their_optimizer = torch.optim.Adam(their_parts.parameters(), lr=1e-3, fused=True)

    def theirs() -> Any:
        their_optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(their_forward(their_x), their_labels)
        loss.backward()
        their_optimizer.step()
        return loss

    return {"minigrad": ours(), "native": mg.compile(ours(), backend="native"), "torch": theirs}


def blocks_table(names: Sequence[str], rounds: int, seconds: float) -> list[list[str]]:
    """The rows: name, milliseconds of all, ratios."""
    rows = [["a training step", "minigrad ms", "native ms", "torch fused", "ratio", "native"]]
    for name in names:
        measurements = {key: per_call(step, seconds) for key, step in block_steps(name).items()}
        best = {key: 1e3 * min(values) for key, values in alternate(measurements, rounds).items()}
        ratios = [f"{best[key] / best['torch']:.2f}" for key in ("minigrad", "native")]
        rows.append([name, *[f"{best[key]:.1f}" for key in ("minigrad", "native", "torch")], *ratios])
    return rows


def as_markdown(rows: list[list[str]]) -> str:
    """A table of Markdown."""
    lines = [rows[0], ["---", *["--:"] * (len(rows[0]) - 1)], *rows[1:]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns 0."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.convolutions",
        description="Kinds of convolutions, and blocks of them, beside PyTorch and the floor; about a minute.",
    )
    add = parser.add_argument
    add("--only", action="append", choices=[*KINDS, *BLOCKS], metavar="NAME", help="only this row; may be repeated")
    add("--rounds", type=int, default=4, help="default %(default)s")
    add("--seconds", type=float, default=0.04, help="per measurement, default %(default)s")
    options = parser.parse_args(arguments)
    import torch

    torch.set_num_threads(1)
    chosen = options.only or [*KINDS, *BLOCKS]
    for table, known in ((kinds_table, KINDS), (blocks_table, BLOCKS)):
        names = [name for name in chosen if name in known]
        if names:
            print(as_markdown(table(names, options.rounds, options.seconds)), end="\n\n", flush=True)
    print(f"measured: {report.heading()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
