"""What a program costs besides its arithmetic: ``python -m tests.benchmarks.guards``.

The guards of the spiral step, and of a step whose ``self`` holds a vocabulary of 50,000 words twice, in microseconds
(the best of seven rounds); and how far the memory of this process grows by the programs of 60 batch sizes.
"""

from __future__ import annotations

import gc
import itertools
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import minigrad as mg
from minigrad import nn, optim

WORDS, SIZES = 50_000, 60


class Reader:
    """A step beside two large dicts."""

    def __init__(self) -> None:
        self.scale = 2.0
        self.words = {f"w{i}": i for i in range(WORDS)}
        self.others = {f"v{i}": i for i in range(WORDS)}

    def plain(self, x: Any) -> Any:
        """Reads neither."""
        return x * self.scale

    def keyed(self, x: Any) -> Any:
        """Reads a word of each."""
        return x * self.scale * self.words["w7"] + self.others.get("v9", 0)


def training(sizes: list[int], seed: int = 0) -> Callable[[Any, Any], Any]:
    """A training step of a multilayer perceptron, compiled."""
    rng = np.random.default_rng(seed)
    layers: list[Any] = []
    for one, other in itertools.pairwise(sizes):
        layers += [nn.Linear(one, other, generator=rng), nn.ReLU()]
    model, loss_fn = nn.Sequential(*layers[:-1]), nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.02, decay=1e-5)

    def step(x: Any, y: Any) -> Any:
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    made: Callable[[Any, Any], Any] = mg.compile(step, backend="numpy")
    return made


def of_guards(step: Any, *args: Any) -> float:
    """The microseconds of the guards of a compiled step."""
    for _ in range(4):
        step(*args)
    ((ready,),) = step._ready.values()
    best = np.inf
    for _ in range(7):
        start = time.perf_counter()
        for _ in range(2_000):
            ready.is_valid()
        best = min(best, (time.perf_counter() - start) / 2_000)
    return best * 1e6


def of_sizes(widths: list[int]) -> tuple[float, float]:
    """(megabytes that the process grows by, what ``stats()`` says) of the programs of 60 batch sizes."""
    step, rng = training(widths), np.random.default_rng(1)

    def calls(rows: int) -> None:
        x, y = rng.standard_normal((rows, widths[0])).astype("float32"), rng.integers(0, widths[-1], rows)
        for _ in range(3):
            step(mg.tensor(x), y)

    calls(256)
    before = _resident()
    for rows in range(1, SIZES + 1):
        calls(rows)
    return (_resident() - before) / 1e6, step.stats()["bytes of all"] / 1e6  # type: ignore[attr-defined]


def _resident() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def main() -> None:
    """Print one line for each."""
    rng = np.random.default_rng(0)
    x, y = mg.tensor(rng.standard_normal((300, 2)).astype("float32")), np.arange(300) % 3
    print(f"guards of the spiral step            {of_guards(training([2, 64, 64, 3]), x, y):6.2f} µs", flush=True)
    reader = Reader()
    for name in ("plain", "keyed"):
        print(f"guards beside a vocabulary, {name}    {of_guards(mg.compile(getattr(reader, name)), x):6.2f} µs")
    for widths in ([2, 64, 64, 3], [784, 512, 512, 10]):
        grown, told = of_sizes(widths)
        print(
            f"{SIZES} batch sizes of {'-'.join(map(str, widths)):18} {grown:6.1f} MB, stats() says {told:.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
