"""Memory: the peak of one forward and backward pass, and what is left after very many steps."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial

from .peers import built
from .timing import Comparison, Settings, alternate

LAYERS, WIDTH, BATCH = 20, 1024, 1024
STEPS = 100_000
FEW = 3  # rounds: a process's memory hardly varies

#: Run in a process of its own. The system's count of the largest memory that it ever used (VmHWM; that of getrusage
#: holds what the process that started it used, too) is compared with what it uses before the pass. A first pass
#: through a narrow network brings in what is allocated once (code, threads, work space of the matrix products), and
#: leaves no freed memory behind in which the gradients of the wide one could hide.
_PEAK = """
{build}
def status(field):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(field))
step(*network(16), 16)
layers, ones = network({width})
before = status("VmRSS:")
step(layers, ones, {batch})
print(status("VmHWM:") - before)
"""

_MINIGRAD = f"""
import numpy as np, minigrad as mg
from minigrad import nn
def network(width):
    return [nn.Linear(width, width) for _ in range({LAYERS})], lambda rows: mg.ones((rows, width))
def step(layers, ones, rows):
    x = ones(rows)
    for layer in layers:
        x = layer(x).relu()
    x.sum().backward()
"""

_TORCH = f"""
import torch
def network(width):
    return [torch.nn.Linear(width, width) for _ in range({LAYERS})], lambda rows: torch.ones(rows, width)
def step(layers, ones, rows):
    x = ones(rows)
    for layer in layers:
        x = layer(x).relu()
    x.sum().backward()
"""


def peak(settings: Settings) -> list[Comparison]:
    """How far the memory of a process grows during one pass through a deep and wide network."""
    builders = {"minigrad": partial(_build, "minigrad", _MINIGRAD), "torch": partial(_build, "torch", _TORCH)}
    runs, skipped = built(settings.chosen(builders))
    return [
        Comparison(
            f"memory: growth in a forward and backward pass, {LAYERS} layers of {WIDTH:,}, batch {BATCH:,}",
            alternate(runs, min(settings.rounds, FEW)),
            targets={("minigrad", "torch"): 1.15},
            unit="MiB",
            skipped=skipped,
        )
    ]


def _build(package: str, code: str) -> Callable[[], float]:
    __import__(package)  # missing: the peer is left out
    return partial(_grown, _PEAK.format(build=code, width=WIDTH, batch=BATCH))


def _grown(code: str) -> float:
    done = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout)


_STEADY = f"""
import gc, resource
import numpy as np, minigrad as mg
from minigrad import nn, optim
rng = np.random.default_rng(0)
x, y = mg.tensor(rng.normal(size=(8, 2)).astype("f4")), rng.integers(0, 3, 8)
model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 3))
optimizer, loss_fn = optim.Adam(model.parameters(), lr=1e-6), nn.CrossEntropyLoss()
def steps(count):
    for _ in range(count):
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
steps(1000)
gc.collect()
gc.disable()
before = resident()
steps({STEPS})
print(resident() - before, gc.collect())
"""


def steady(settings: Settings) -> list[Comparison]:  # noqa: ARG001 - a workload
    """The memory of a process before and after very many training steps, with the garbage collector off."""
    done = subprocess.run([sys.executable, "-c", _STEADY], check=True, stdout=subprocess.PIPE, text=True)
    grown, found = done.stdout.split()
    return [
        Comparison(
            f"memory: growth in {STEPS:,} training steps without the garbage collector",
            {"minigrad": [float(grown)]},
            unit="MiB",
            notes=[f"objects that the garbage collector then found: {found}"],
        )
    ]
