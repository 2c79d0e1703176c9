"""How training scales over accelerators: one table, from one command.

    python -m tests.benchmarks.scaling_gpu                                    all GPUs of one machine, one process
    python -m minigrad launch --processes 2 tests/benchmarks/scaling_gpu.py   processes on one machine
    srun python -m minigrad launch tests/benchmarks/scaling_gpu.py            a process on each host of a cluster

A small GPT trains with 1, 2, 4, ... of the devices (with all of them where there are several processes), once with as
many rows on each device (weak), once with as many rows in all (strong). The table has the milliseconds of a step, rows
in a second, the share of a perfect scaling from the first row, and what the model of cost in docs/scaling-out.md says.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import minigrad as mg

ROOT = Path(__file__).parents[2]


class Size:
    """How large the model and the batch are."""

    def __init__(self, small: bool) -> None:
        self.width, self.layers, self.context, self.rows = (64, 2, 32, 8) if small else (512, 8, 256, 32)
        self.steps, self.warm = (6, 3) if small else (60, 20)
        self.characters = 128


def trained(size: Size, rows: int, devices: list[Any]) -> tuple[float, int]:
    """The median seconds of a step, and the bytes of the weights."""
    from minigrad import nn, optim
    from minigrad.data import DataLoader
    from minigrad.train import Callback, Trainer

    class Moments(Callback):
        def __init__(self) -> None:
            self.moments: list[float] = []

        def on_step(self, trainer: Any) -> None:
            self.moments.append(time.perf_counter())
            if trainer.step == size.steps:
                trainer.stop("enough")

    class GPT(nn.Module):
        def __init__(self) -> None:
            options: dict[str, Any] = {"dropout": 0.0, "activation": "gelu", "batch_first": True, "norm_first": True}
            blocks = [nn.TransformerEncoderLayer(size.width, 8, 4 * size.width, **options) for _ in range(size.layers)]
            self.embedding = nn.Embedding(size.characters, size.width)
            self.positions = nn.Embedding(size.context, size.width)
            self.blocks = nn.TransformerEncoder(blocks)
            self.head = nn.Linear(size.width, size.characters)

        def forward(self, codes: Any) -> Any:
            x = self.embedding(codes) + self.positions(np.arange(size.context))
            return self.head(self.blocks(x, is_causal=True))

    mg.manual_seed(0)
    model, moments = GPT(), Moments()
    codes = np.random.default_rng(0).integers(0, size.characters, (4 * rows, size.context + 1))
    loader = DataLoader((codes[:, :-1], codes[:, 1:]), rows, shuffle=True, drop_last=True)
    optimizer = optim.AdamW(model.parameters(), 1e-4)
    Trainer(model, optimizer, nn.CrossEntropyLoss(), backend="jax", devices=devices).fit(
        loader, 10**6, callbacks=[moments], progress="none"
    )
    return float(np.median(np.diff(moments.moments)[size.warm :])), sum(p.data.nbytes for p in model.parameters())


def counts(devices: int) -> list[int]:
    """The numbers of devices that are tried."""
    if mg.distributed.size() > 1:
        return [devices]
    return [n for n in (2**k for k in range(12)) if n <= devices]


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.scaling_gpu", description=__doc__)
    parser.add_argument("--small", action="store_true", help="sizes for a processor, to try the script itself")
    parser.add_argument("--bandwidth", type=float, default=100.0, metavar="GB/s", help="between devices, for the model")
    options = parser.parse_args(arguments)
    mg.distributed.start()
    import jax

    devices, size = jax.devices(), Size(options.small)
    say = print if mg.distributed.rank() == 0 else lambda *_, **__: None
    say(
        f"{len(devices)} devices ({devices[0].device_kind}) in {mg.distributed.size()} processes, JAX {jax.__version__}"
    )
    say("| rows | devices | ms a step | rows / s | of perfect scaling | all-reduce by the model, ms |")
    say("|---|--:|--:|--:|--:|--:|")
    for kind in ("weak", "strong"):
        first: float | None = None
        for n in counts(len(devices)):
            rows = size.rows * (n if kind == "weak" else max(counts(len(devices))))
            seconds, weights = trained(size, rows, devices[:n])
            rate = rows / seconds / n
            first = first or rate
            reduced = 2 * (n - 1) / n * weights / (options.bandwidth * 1e9)
            say(
                f"| {rows}, {kind} | {n} | {1e3 * seconds:.2f} | {rows / seconds:,.0f} | {rate / first:.0%} | "
                f"{1e3 * reduced:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1:])
