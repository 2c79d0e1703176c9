"""``bench``: this machine against the table of docs/performance.md, in a minute at most."""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import statistics
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import minigrad as mg
from minigrad.command.info import cores, facts
from minigrad.command.workloads import WORKLOADS, Step
from minigrad.compiler.backends import BACKENDS
from minigrad.errors import HyperparameterError

NAME = "bench"

#: How a step is run: as it is written, or as a program of a backend.
WAYS = ("eager", "numpy", "native")
#: The times of the table, which ``python -m tests.known_times`` writes from docs/performance.md.
KNOWN = Path(__file__).with_name("known_times.json")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The time to spend, the workloads, and the form of the report."""
    parser.add_argument("--seconds", type=float, default=40.0, help="the time limit, at most 60 (%(default)s)")
    parser.add_argument(
        "--only", action="append", choices=list(WORKLOADS), help="time this workload alone; may be repeated"
    )
    parser.add_argument("--json", action="store_true", help="facts and times as JSON")


def run(chosen: argparse.Namespace) -> Iterator[str]:
    """The facts of the machine, and a line for each workload and way.

    Raises ``HyperparameterError`` for a time out of range.
    """
    if not 0 < chosen.seconds <= 60:
        raise HyperparameterError(f"--seconds is above 0 and at most 60, got {chosen.seconds:g}")
    known = json.loads(KNOWN.read_text(encoding="utf-8"))
    rows = measured(chosen.only or list(WORKLOADS), chosen.seconds)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    told = {**facts(), "load": f"{load:.1f} programs wanted a core in the last minute"}
    if chosen.json:
        times = [{**row, "table": known["times"].get(row["workload"], {}).get(row["way"])} for row in rows]
        yield json.dumps({"machine": told, "table": known["measured"], "times": times}, indent=1) + "\n"
        return
    yield from (f"{name:10} {fact}\n" for name, fact in told.items())
    yield f"the table  {known['measured']}\n\n"
    yield f"{'':8} {'':7} {'median µs':>10} {'least':>10} {'table':>10} {'here / table':>13}\n"
    for row in rows:
        yield _line(row, known["times"].get(row["workload"], {}).get(row["way"]))
    if load > cores() / 2:
        yield "\nother programs keep the cores busy: these times say little of minigrad\n"


def _line(row: dict[str, Any], table: float | None) -> str:
    head = f"{row['workload']:8} {row['way']:7}"
    if "skipped" in row:
        return f"{head} {row['skipped']}\n"
    beside = [f"{_digits(table):>10} {row['median'] / table:13.2f}"] if table else []
    return " ".join([head, *(f"{_digits(row[name]):>10}" for name in ("median", "least")), *beside]) + "\n"


def _digits(time: float) -> str:
    """Three digits, or all before the point."""
    return f"{time:,.0f}" if time >= 100 else f"{time:.3g}"


def measured(names: list[str], seconds: float) -> Iterator[dict[str, Any]]:
    """Each workload each way, with microseconds or the reason why there are none. All together take ``seconds``.

    The time that is left is shared evenly by the workloads to come. A pair that would begin after the end is left
    out, and says so; the last may end a compilation late.
    """
    pairs = [(name, way) for name in names for way in WAYS if not (name == "chain" and way != "eager")]
    end = perf_counter() + seconds
    for number, (name, way) in enumerate(pairs):
        row: dict[str, Any] = {"workload": name, "way": way}
        left = end - perf_counter()
        if left <= 0:
            yield {**row, "skipped": "left out: the time was over (--seconds, --only)"}
            continue
        make, parts = WORKLOADS[name]
        try:
            step = prepared(make(), way)
        except ImportError as error:
            yield {**row, "skipped": f"left out: {error.name} is not installed"}
            continue
        least, median = timed(step, left / (len(pairs) - number))
        yield {**row, "median": round(median / parts, 3), "least": round(least / parts, 3)}


def prepared(step: Step, way: str) -> Step:
    """A step as it is, or as a program. Raises ``ImportError`` where the backend's package is missing."""
    if way == "eager":
        return step
    importlib.import_module(BACKENDS[way][1])
    program: Step = mg.compile(step, backend=way)
    return program


def timed(step: Step, seconds: float) -> tuple[float, float]:
    """The least and the median of a call in microseconds, measured for about this long after three calls."""
    begin = perf_counter()
    once = min(_once(step) for _ in range(3))
    calls = max(1, min(1000, int(0.01 / once)))  # in one measurement, so that the clock does not count
    samples: list[float] = []
    collecting = gc.isenabled()
    gc.disable()
    try:
        while len(samples) < 3 or perf_counter() - begin < seconds:
            start = perf_counter()
            for _ in range(calls):
                step()
            samples.append((perf_counter() - start) / calls * 1e6)
            if perf_counter() - begin > 2 * seconds:
                break
    finally:
        if collecting:
            gc.enable()
    return min(samples), statistics.median(samples)


def _once(step: Step) -> float:
    start = perf_counter()
    step()
    return perf_counter() - start
