"""Cost against width and depth: ``python -m tests.benchmarks.scaling``, from the root of the repository.

A training step (forward, cross entropy, backward, Adam) of a relu network on 128 rows: depth Linear layers, all but the
last as wide as the input, the last to 10 classes. Once the width grows, once the depth. Everybody takes turns, and so
does the floor (``floor.py`` says what it is): the picture shows how far above it each of them runs.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from . import floor, networks, report
from .peers import agree, built
from .timing import Bystanders, alternate, per_call

BATCH, CLASSES, RATE = 128, 10, 1e-6
DEPTH, WIDTH = 3, 64  # of the networks whose width grows, and whose depth
WIDTHS = (8, 16, 32, 64, 128, 256, 512, 1024, 2048)
DEPTHS = (2, 5, 10, 20, 50, 100, 200)
TOLERANCE = 1e-3  # of the losses: through 200 layers rounding grows

#: Name, colour and mark of each line; the names are those of ``python -m tests.benchmarks``.
LINES = {
    "minigrad": ("minigrad, eager", "#1f6fb4", "o"),
    "numpy": ("minigrad, compiled: numpy", "#d9781f", "s"),
    "native": ("minigrad, compiled: native", "#2a8c4a", "^"),
    "torch": ("PyTorch, eager", "#8a8a8a", "D"),
}


@dataclass(frozen=True)
class Plan:
    """What is measured, for how long: ``limit`` seconds in all, after which no other network is begun."""

    widths: tuple[int, ...] = WIDTHS
    depths: tuple[int, ...] = DEPTHS
    rounds: int = 12
    seconds: float = 0.05
    limit: float = 200.0


QUICK = Plan((8, 64, 256), (2, 5, 10), rounds=3, seconds=0.01, limit=60.0)


@dataclass(frozen=True)
class Point:
    """One network: seconds per step of each subject, and of the floor.

    All are the least over the rounds: a floor is what a machine can do undisturbed, and so is what is held against it.
    """

    axis: str
    width: int
    depth: int
    flops: int
    bytes: int
    seconds: dict[str, float]
    products: float
    traffic: float

    @property
    def floor(self) -> float:
        """Seconds of the floor."""
        return self.products + self.traffic

    @property
    def at(self) -> int:
        """Where on its axis."""
        return self.width if self.axis == "width" else self.depth


def sizes(width: int, depth: int) -> tuple[int, ...]:
    """The sizes between ``depth`` Linear layers."""
    return (width,) * depth + (CLASSES,)


def steps(width: int, depth: int) -> dict[str, Any]:
    """Who takes part, and a step of each, on the same network and data."""
    rng = np.random.default_rng(0)
    task = networks.problem(
        sizes(width, depth), rng.standard_normal((BATCH, width)), rng.integers(0, CLASSES, BATCH, np.int64)
    )
    builders = {
        "minigrad": partial(networks.minigrad_step, task, RATE),
        "numpy": partial(networks.compiled_step, task, RATE, "numpy"),
        "native": partial(networks.compiled_step, task, RATE, "native"),
        "torch": partial(networks.torch_step, task, RATE),
    }
    found, _ = built(builders)
    return found


def point(axis: str, width: int, depth: int, plan: Plan) -> Point:
    """Measure one network. Raises ``ValueError`` when two subjects compute different things."""
    subjects = steps(width, depth)
    agree(subjects, tolerance=TOLERANCE)  # compiles, too
    measurements: dict[str, Any] = {name: per_call(step, plan.seconds) for name, step in subjects.items()}
    measurements["floor"] = floor.meter(sizes(width, depth), BATCH, plan.seconds)
    samples = alternate(measurements, plan.rounds)
    floors = samples.pop("floor")
    return Point(
        axis,
        width,
        depth,
        floor.flops(sizes(width, depth), BATCH),
        floor.traffic(sizes(width, depth), BATCH),
        {name: min(seconds) for name, seconds in samples.items()},
        min(one.products for one in floors),
        min(one.traffic for one in floors),
    )


def measured(plan: Plan) -> tuple[list[Point], list[str]]:
    """The points that there was time for, small ones first, and the names of the others."""
    start = perf_counter()
    wanted = [("width", width, DEPTH) for width in plan.widths] + [("depth", WIDTH, depth) for depth in plan.depths]
    found, left_out = [], []
    for axis, width, depth in sorted(wanted, key=lambda one: floor.flops(sizes(*one[1:]), BATCH)):
        if perf_counter() - start > plan.limit:
            left_out.append(f"width {width}, depth {depth}")
            continue
        print(f"measuring width {width}, depth {depth} ...", file=sys.stderr, flush=True)
        found.append(point(axis, width, depth, plan))
    return found, left_out


# -- what is shown ------------------------------------------------------------------------------


def as_text(points: Sequence[Point], axis: str) -> str:
    """A row per network: microseconds of each, and of the floor with its parts, its rate and its bandwidth."""
    chosen = sorted((p for p in points if p.axis == axis), key=lambda p: p.at)
    names = [name for name in LINES if any(name in p.seconds for p in chosen)]
    fixed = f"depth {DEPTH}" if axis == "width" else f"width {WIDTH}"
    header = [axis, *[f"{name} µs" for name in names], "floor µs", "products", "bytes", "GFLOP/s", "GB/s"]
    rows = [header]
    for p in chosen:
        micro = [p.seconds[name] for name in names] + [p.floor, p.products, p.traffic]
        speeds = [p.flops / p.products / 1e9, p.bytes / p.traffic / 1e9]
        rows.append([str(p.at), *[f"{x * 1e6:,.1f}" for x in micro], *[f"{x:.1f}" for x in speeds]])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.rjust(n) for cell, n in zip(row, widths, strict=True)) for row in rows]
    return "\n".join([f"a training step by {axis}, {fixed}, batch {BATCH}, Adam", *lines]) + "\n"


def draw(points: Sequence[Point], path: Path) -> None:
    """Two panels, both axes logarithmic: a line per subject, and the floor, grey below."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.ticker import FixedLocator, NullLocator
    except ModuleNotFoundError as error:
        message = "the picture needs matplotlib: pip install matplotlib, or leave out --output"
        raise SystemExit(message) from error

    figure = Figure(figsize=(11, 5), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    low = min(p.products for p in points) / 2
    for panel, axis in zip(panels, ("width", "depth"), strict=True):
        chosen = sorted((p for p in points if p.axis == axis), key=lambda p: p.at)
        at = [p.at for p in chosen]
        panel.set_xscale("log")
        panel.set_yscale("log")
        for name, (label, colour, mark) in LINES.items():
            here = [(p.at, p.seconds[name]) for p in chosen if name in p.seconds]
            if here:
                panel.plot(*zip(*here, strict=True), color=colour, marker=mark, ms=5, lw=1.6, label=label)
        panel.plot(at, [p.floor for p in chosen], color="black", lw=1.6, label="floor: products + bytes")
        panel.plot(at, [p.products for p in chosen], color="black", lw=1, ls=":", label="floor, products alone")
        panel.fill_between(at, low, [p.floor for p in chosen], color="black", alpha=0.07)
        panel.xaxis.set_major_locator(FixedLocator(at))
        panel.xaxis.set_minor_locator(NullLocator())
        panel.set_xticklabels([f"{x:,}" for x in at])
        panel.set_xlabel({"width": f"width, at depth {DEPTH}", "depth": f"depth, at width {WIDTH}"}[axis])
        panel.grid(which="major", alpha=0.3)
    panels[0].set_ylim(bottom=low)
    panels[0].set_yticks(*_ticks(points, low))
    panels[0].set_ylabel("a training step")
    panels[0].legend(frameon=False, fontsize=9)
    figure.suptitle(f"Forward, cross entropy, backward and Adam on {BATCH} rows", fontsize=11)
    FigureCanvasAgg(figure).print_png(str(path))


def _ticks(points: Sequence[Point], low: float) -> tuple[list[float], list[str]]:
    """Powers of ten, with their units."""
    high = max(max(p.seconds.values()) for p in points)
    units = {1e-7: "0.1 µs", 1e-6: "1 µs", 1e-5: "10 µs", 1e-4: "100 µs", 1e-3: "1 ms", 1e-2: "10 ms", 0.1: "0.1 s"}
    found = {seconds: label for seconds, label in units.items() if low <= seconds <= high * 1.5}
    return [*found], [*found.values()]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, draw; returns 0."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.scaling",
        description="A training step against width and depth, beside what the machine allows; about 3 minutes.",
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="few and small networks, some seconds: to see that it works")
    add("--output", type=Path, metavar="PNG", help="draw the picture there, docs/scaling.png")
    add("--json", type=Path, metavar="FILE", help="write the figures there")
    options = parser.parse_args(arguments)
    bystanders = Bystanders()
    points, left_out = measured(QUICK if options.quick else Plan())
    busy = bystanders.cores()
    print(*[as_text(points, axis) for axis in ("width", "depth")], sep="\n")
    if left_out:
        print(f"left out, because the time was up: {'; '.join(left_out)}")
    print(f"measured: {report.heading()}")
    if busy is not None and busy > report.DISTURBING:
        print(f"doubtful: other programs used {busy:.1f} cores meanwhile")
    if options.json:
        figures = {"environment": report.environment(), "busy": busy, "points": [asdict(p) for p in points]}
        options.json.write_text(json.dumps(figures, indent=1, ensure_ascii=False), encoding="utf-8")
    if options.output:
        draw(points, options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
