"""The notebook's nine runs from many seeds, by its own hand-wired code and by minigrad: where they end, and the time.

    python -m tests.benchmarks.nine_runs                 all three, seeds 0 to 19: about fifteen minutes of one core
    python -m tests.benchmarks.nine_runs --seeds 3       fewer
    python -m tests.benchmarks.nine_runs --seconds       what the nine runs take, once each in turn: half a minute

Both see the same data for a seed. The notebook's code (``tests/optim/notebook.py``, its two slips mended) draws its
weights as the notebook does, from NumPy's global generator after the data; minigrad's are those of the example.
The quartiles of the first table stand in ``examples/spiral.py``; both tables in ``docs/examples/spiral.md``.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.optim import notebook as reference

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

import spiral

Ends = dict[str, list[tuple[float, float]]]

HAND_WIRED: dict[str, Callable[..., reference.Optimizer]] = {
    "SGD": reference.SGD,
    "AdaGrad": reference.AdaGrad,
    "RMSProp": reference.RMSProp,
    "Adam": reference.Adam,
}
#: The notebook's rates where a run names none.
RATES = {"SGD": 1.0, "AdaGrad": 1.0, "RMSProp": 0.001, "Adam": 0.001}


def notebook(run: spiral.Run, seed: int, epochs: int) -> tuple[float, float]:
    """Accuracy and loss at the last epoch of the notebook's own code, in float32."""
    points, labels = spiral.load_data(100, seed)  # seeds NumPy's global generator
    weights = [0.01 * np.random.randn(*shape).astype(np.float32) for shape in ((2, 64), (64, 3))]
    network = reference.Network(*weights)
    settings = {"lr": RATES[run.optimizer], **run.arguments}
    optimizer = HAND_WIRED[run.optimizer](settings.pop("lr"), **settings)
    for _ in range(epochs - 1):
        network.forward(points, labels)
        network.backward(labels)
        network.step(optimizer)
    loss = network.forward(points, labels)
    hits = network.loss.softmax.output.argmax(axis=1) == labels
    return float(np.mean(hits)), float(loss)


def minigrad(run: spiral.Run, seed: int, epochs: int) -> tuple[float, float]:
    """Accuracy and loss at the last epoch of ``examples/spiral.py --seed``."""
    options, _ = spiral.parse_options(["--no-plot", "--seed", str(seed), "--epochs", str(epochs)])
    result = spiral.train(run, *spiral.load_data(100, seed), options, lambda *_: None)
    return result.accuracy[-1], result.loss[-1]


def compiled(run: spiral.Run, seed: int, epochs: int) -> tuple[float, float]:
    """The same with ``--compile``: a compiled step, many times in one call."""
    options, _ = spiral.parse_options(["--no-plot", "--compile", "--seed", str(seed), "--epochs", str(epochs)])
    result = spiral.train(run, *spiral.load_data(100, seed), options, lambda *_: None)
    return result.accuracy[-1], result.loss[-1]


#: By hand, and by minigrad as it is written and compiled.
CODES = (notebook, minigrad, compiled)


def seconds(epochs: int) -> dict[str, float]:
    """What the nine runs take, in seconds of the processor: each code in turn, run by run.

    Weights, data and the compiler's kernels are made anew for each run, and are part of it.
    """
    taken = dict.fromkeys([code.__name__ for code in CODES], 0.0)
    for run in spiral.RUNS:
        for code in CODES:
            start = time.process_time()
            code(run, 0, epochs)
            taken[code.__name__] += time.process_time() - start
    return taken


def quartiles(ends: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """(lowest, lower quartile, median, upper quartile, highest) of the accuracies, and of the losses."""
    accuracies, losses = np.array(ends).T
    shares = [0.0, 0.25, 0.5, 0.75, 1.0]
    return [float(q) for q in np.quantile(accuracies, shares)], [float(q) for q in np.quantile(losses, shares)]


def main() -> None:
    """Run and print a table for each code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=spiral.EPOCHS)
    parser.add_argument("--seconds", action="store_true", help="print what the nine runs take")
    chosen = parser.parse_args()
    if chosen.seconds:
        taken = seconds(chosen.epochs)
        print(f"nine runs of {chosen.epochs:,} epochs, seconds of the processor, and shares of the hand-wired code's")
        for name, value in taken.items():
            print(f"{name:<10} {value:7.2f} {value / taken['notebook']:6.3f}")
        return
    for code in CODES:
        print(f"\n{code.__name__}, {chosen.seeds} seeds: lowest, quartiles, highest")
        print("| run | accuracy | loss |\n|---|---|---|")
        for run in spiral.RUNS:
            found = quartiles([code(run, seed, chosen.epochs) for seed in range(chosen.seeds)])
            cells = [f"{low:.3f}, {a:.3f} / {m:.3f} / {b:.3f}, {high:.3f}" for low, a, m, b, high in found]
            print(f"| {run.name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
