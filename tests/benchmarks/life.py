"""What the time of a step does not show: long graphs, the import."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from .peers import built
from .timing import Comparison, Settings, alternate, timed

NODES = 100_000
FEW = 5  # rounds of what takes a second each

# -- a long graph -------------------------------------------------------------------------------


def graph(settings: Settings) -> list[Comparison]:
    """Build, walk and free one chain of nodes; a measurement is a single one of each."""
    lives, skipped = built(settings.chosen({"minigrad": _minigrad_life, "torch": _torch_life}))
    times = alternate(lives, min(settings.rounds, FEW))
    phases = {"build": "build", "walk": "walk", "free": "drop, without a walk,"}
    return [
        Comparison(
            f"graph: {verb} a chain of {NODES:,} nodes",
            {name: [life[phase] for life in rounds] for name, rounds in times.items()},
            unit="ms",
            skipped=skipped,
        )
        for phase, verb in phases.items()
    ]


def _minigrad_life() -> Callable[[], dict[str, float]]:
    import minigrad as mg

    return partial(_life, mg.ones(8, requires_grad=True))


def _torch_life() -> Callable[[], dict[str, float]]:
    import torch

    return partial(_life, torch.ones(8, requires_grad=True))


def linear(settings: Settings) -> list[Comparison]:
    """The time of each node in a chain ten times as long, beside that in one of the usual length."""
    import minigrad as mg

    leaf = mg.ones(8, requires_grad=True)
    long, usual = f"{10 * NODES:,} nodes", f"{NODES:,} nodes"
    lives = {long: partial(_life, leaf, 10 * NODES), usual: partial(_life, leaf, NODES)}
    times = alternate(lives, min(settings.rounds, FEW))
    return [
        Comparison(
            f"linear: {phase} a chain, for each of its nodes",
            {name: [life[phase] / (10 * NODES if name == long else NODES) for life in times[name]] for name in lives},
            subjects=(long,),
            targets={(long, usual): 1.5},
        )
        for phase in ("build", "walk", "free")
    ]


def _life(leaf: Any, nodes: int = NODES) -> dict[str, float]:
    """Seconds of each phase. Two chains: one is walked, which frees it, the other let go as it is."""
    held = []

    def build() -> None:
        x = leaf
        for _ in range(nodes - 1):
            x = x * 1.0
        held.append(x.sum())

    build_seconds, _ = timed(build), timed(build)
    leaf.grad = None
    walk_seconds = timed(held[0].backward)
    return {"build": build_seconds, "walk": walk_seconds, "free": timed(held.clear)}


# -- the import ---------------------------------------------------------------------------------

_IMPORT = """
import sys, time
before, start = set(sys.modules), time.perf_counter()
import {module}
seconds = time.perf_counter() - start
new = set(sys.modules) - before
top = {{name.partition(".")[0] for name in new if getattr(sys.modules[name], "__spec__", None)}}
print(seconds, *sorted(top - sys.stdlib_module_names - {{"numpy", "{module}"}}))
"""


def importing(settings: Settings) -> list[Comparison]:
    """The import in fresh processes, and what it pulls in besides NumPy and the standard library."""
    imports = {name: partial(_import, name) for name in ("minigrad", "numpy")}
    _import("minigrad")  # the first writes the bytecode
    results = alternate(imports, settings.rounds)
    # Cython puts modules into NumPy's name that have no file and no spec: these are not counted.
    foreign = sorted({name for _, modules in results["minigrad"] for name in modules})
    return [
        Comparison(
            "import: in a fresh process; NumPy's own is part of minigrad's",
            {name: [seconds for seconds, _ in rounds] for name, rounds in results.items()},
            targets={("minigrad", "numpy"): 2.0},  # its own part costs no more than NumPy
            unit="ms",
            notes=[f"modules imported besides NumPy and the standard library: {', '.join(foreign) or 'none'}"],
        )
    ]


def _import(module: str) -> tuple[float, list[str]]:
    code = _IMPORT.format(module=module)
    # An installed package has its bytecode beside it; where writing it is switched off, each import compiles.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True, env=environment)
    seconds, *foreign = done.stdout.split()
    return float(seconds), foreign
