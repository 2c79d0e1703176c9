"""One process of one device, one of two, and two of one: the same losses, and what a step costs.

    python -m tests.benchmarks.processes

Trains the small GPT of ``examples/char_transformer.py`` and the network of ``examples/digits_cnn.py`` for 200 steps
each way. The table has the largest difference of a loss from that of one process of one device, relative to it, over
all steps; the median of a step's time; processor time of all processes; bytes that went over the loopback interface.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
STEPS, WARM = 200, 20
#: Name -> processes, and devices of each.
WAYS = {"one process, one device": (1, 1), "one process, two devices": (1, 2), "two processes, one device each": (2, 1)}


class Watched:
    """The rows of a callback: loss, moment, processor time and bytes after each step."""

    def __init__(self) -> None:
        self.rows: list[tuple[float, float, float, int]] = []

    def note(self, loss: float) -> None:
        """A step is done."""
        self.rows.append((loss, time.perf_counter(), time.process_time(), loopback()))


def loopback() -> int:
    """Bytes that this machine's processes have sent each other."""
    for line in Path("/proc/net/dev").read_text().splitlines():
        name, _, counts = line.partition(":")
        if name.strip() == "lo":
            return int(counts.split()[8])
    return 0


def gpt(generator: np.random.Generator) -> tuple[Any, Any, Any, Any]:
    """A small GPT over characters, its loader, its loss and its optimizer."""
    from char_model import CharacterGPT, rows_of

    from minigrad import nn, optim
    from minigrad.data import DataLoader

    context, buckets = 64, 512

    class Rows(nn.Module):
        """The batch is the first axis, along which it is spread."""

        def __init__(self, inner: nn.Module) -> None:
            self.inner = inner

        def forward(self, rows: Any) -> Any:
            return self.inner(np.moveaxis(rows, 1, 0))

    text = (Path(__file__).parents[2] / "docs/training.md").read_text(encoding="utf-8")
    known = {c: i for i, c in enumerate(sorted(set(text)))}
    codes = np.array([known[c] for c in text])
    rows = rows_of(codes, buckets, 256)
    starts = np.arange(0, len(codes) - context - 1, 7)
    places = starts[:, None] + np.arange(context)
    model = Rows(CharacterGPT(len(known), context, 64, 2, 4, buckets, 0.25, generator))
    loader = DataLoader((np.moveaxis(rows[:, places], 0, 1), codes[places + 1]), 16, shuffle=True, seed=0)
    return model, loader, nn.CrossEntropyLoss(), optim.AdamW(model.parameters(), 0.001)


def cnn(generator: np.random.Generator) -> tuple[Any, Any, Any, Any]:
    """The network that reads digits."""
    import digits_cnn

    from minigrad import nn, optim
    from minigrad.data import DataLoader

    model = digits_cnn.network(generator)
    known, _ = digits_cnn.load_data()
    loader = DataLoader(known, 64, shuffle=True, drop_last=True, seed=0, transform=digits_cnn.moved)
    return model, loader, nn.CrossEntropyLoss(), optim.AdamW(model.parameters(), 3e-3, weight_decay=0.01)


#: Name -> what makes it, and the dtype.
WORKLOADS = {"small GPT": (gpt, "float32"), "digits CNN": (cnn, "float32"), "digits CNN, float64": (cnn, "float64")}


def child(name: str, out: str) -> None:
    """Train; the first rank writes what it saw."""
    sys.path.insert(0, str(ROOT / "examples"))
    import minigrad as mg
    from minigrad.train import Callback, Trainer

    mg.distributed.start()
    import jax

    watched = Watched()

    class Watch(Callback):
        def on_step(self, trainer: Any) -> None:
            watched.note(trainer.loss_value)
            if trainer.step == STEPS:
                trainer.stop("enough")

    mg.manual_seed(0)
    make, dtype = WORKLOADS[name]
    mg.set_default_dtype(dtype)
    model, loader, loss, optimizer = make(np.random.default_rng(0))
    trainer = Trainer(model, optimizer, loss, backend="jax", devices=jax.devices())
    trainer.fit(loader, 1000, callbacks=[Watch()], progress="none")
    size = sum(p.data.nbytes for p in model.parameters())
    told = {"rows": watched.rows, "bytes of weights": size}
    Path(f"{out}-{mg.distributed.rank()}").write_text(json.dumps(told), encoding="utf-8")


def measured(name: str, processes: int, devices: int) -> list[dict[str, Any]]:
    """What each rank saw."""
    flags = f"--xla_force_host_platform_device_count={devices}"
    environment = {**os.environ, "XLA_FLAGS": flags, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/out"
        launch = [sys.executable, "-m", "minigrad", "launch", "--processes", str(processes)]
        made = subprocess.run([*launch, __file__, "--child", name, "--out", out], check=False, env=environment,
                              capture_output=True, text=True)  # fmt: skip
        if made.returncode:
            raise RuntimeError(made.stderr)
        return [json.loads(Path(f"{out}-{rank}").read_text(encoding="utf-8")) for rank in range(processes)]


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.processes", description=__doc__)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--out", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        child(options.child, options.out)
        return
    print("| | | losses differ by | ms a step | processor ms | loopback KiB a step | weights KiB |")
    print("|---|---|--:|--:|--:|--:|--:|")
    for name in WORKLOADS:
        first: np.ndarray | None = None
        for way, (processes, devices) in WAYS.items():
            ranks = measured(name, processes, devices)
            rows = np.array([one["rows"] for one in ranks])  # (ranks, steps, 4)
            losses = rows[0, :, 0]
            first = losses if first is None else first
            apart = np.max(np.abs(losses - first) / first)
            spans = np.diff(rows[:, WARM:], axis=1)
            wall, processor = np.median(spans[0, :, 1]), np.median(spans[:, :, 2].sum(0))
            sent = np.median(spans[0, :, 3]) / 1024
            print(
                f"| {name} | {way} | {apart:.1e} | {1e3 * wall:.1f} | {1e3 * processor:.1f} | {sent:,.0f} | "
                f"{ranks[0]['bytes of weights'] / 1024:,.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
