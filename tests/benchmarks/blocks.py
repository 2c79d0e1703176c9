"""Steps of ``Trainer.fit`` that are made many in one native call, beside the same steps one at a time.

    python -m tests.benchmarks.blocks      half a minute

Both are the fit of one model on the same data; a callback that looks at each step has them one by one. They take turns,
in the processor's time of the process; the least of each counts. The results have the same bits (``test_blocks.py``).
"""

from __future__ import annotations

import time

import numpy as np

import minigrad as mg
from minigrad import nn, optim, train

ROWS, SIZE, ROUNDS = 6400, 32, 7
#: Inputs, hidden units and classes.
NETWORKS = [(20, 8, 3), (20, 32, 3), (20, 128, 3), (100, 256, 10)]


class Look(train.Callback):
    """Who wants to see each step."""

    def on_step(self, trainer: train.Trainer) -> None:
        """Nothing is done with it."""


def fitted(inputs: int, hidden: int, classes: int, callbacks: list[train.Callback]) -> float:
    """Microseconds of a step, in five epochs of a fit that has its programs."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(ROWS, inputs)).astype(np.float32), rng.integers(0, classes, ROWS)
    mg.manual_seed(0)
    model = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, classes))
    trainer = train.Trainer(model, optim.Adam(model.parameters(), lr=0.001), nn.CrossEntropyLoss(), compile="native")
    loader = mg.data.DataLoader((x, y), SIZE, shuffle=True, seed=1)
    trainer.fit(loader, 2, callbacks=callbacks, progress="none")
    start = time.process_time()
    trainer.fit(loader, 5, callbacks=callbacks, progress="none")
    return (time.process_time() - start) / (5 * ROWS // SIZE) * 1e6


def main() -> None:
    """Print the table."""
    print("| network | one at a time, µs | many in a call, µs | ratio |\n|---|--:|--:|--:|")
    for shape in NETWORKS:
        rounds = [(fitted(*shape, [Look()]), fitted(*shape, [])) for _ in range(ROUNDS)]
        one, many = map(min, zip(*rounds, strict=True))
        print(f"| {'-'.join(map(str, shape))} | {one:.1f} | {many:.1f} | {many / one:.2f} |", flush=True)


if __name__ == "__main__":
    main()
