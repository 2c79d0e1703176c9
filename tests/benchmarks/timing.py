"""How time is taken: competitors in turns, many short measurements, ratios within a round.

A machine that others use too runs fast in one second and slow in the next. Two times taken a minute
apart then say little about each other, but two taken in the same round saw the same machine: so the
ratio is calculated in each round, and what is reported is the median of these ratios with its spread.
"""

from __future__ import annotations

import gc
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import repeat
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

import numpy as np

Step = Callable[[], Any]
T = TypeVar("T")


#: Ours: as it is, and compiled by two backends.
SUBJECTS = ("minigrad", "numpy", "native")


@dataclass(frozen=True)
class Settings:
    """How long to measure, and beside whom: without ``peers``, beside all that are installed and not ``aside``."""

    rounds: int = 15
    seconds: float = 0.15
    peers: tuple[str, ...] = ()
    aside: frozenset[str] = frozenset()

    def chosen(self, builders: Mapping[str, T]) -> dict[str, T]:
        """Those of the builders that take part; minigrad always does, compiled too."""
        taking_part = {*SUBJECTS, *(self.peers or set(builders) - self.aside)}
        return {name: builder for name, builder in builders.items() if name in taking_part}


@dataclass
class Comparison:
    """What one workload gave: seconds of each competitor in each round, and what they are held against.

    ``busy`` is the number of cores that other programs used meanwhile, where it can be known.
    ``targets`` maps (subject, peer) to the largest ratio of their times that is good enough.
    """

    title: str
    samples: dict[str, list[float]]
    subjects: tuple[str, ...] = ("minigrad",)
    targets: Mapping[tuple[str, str], float] = field(default_factory=dict)
    unit: str = "µs"
    losses: dict[str, list[float]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    busy: float | None = None

    def ratio(self, subject: str, peer: str) -> tuple[float, float, float]:
        """(median, 10th, 90th percentile) over the rounds of the subject's time by the peer's."""
        per_round = np.divide(self.samples[subject], self.samples[peer])
        low, middle, high = np.percentile(per_round, (10, 50, 90))
        return float(middle), float(low), float(high)

    def met(self, subject: str, peer: str) -> bool | None:
        """Whether the median of the ratio is within its target; None without a target."""
        limit = self.targets.get((subject, peer))
        return None if limit is None else self.ratio(subject, peer)[0] <= limit


def alternate(measurements: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[Any]]:
    """Call each measurement in turn, A B C B C A ..., and collect what each returns.

    Each comes first in its turn: the first one after the garbage collector finds cold caches.
    """
    results: dict[str, list[Any]] = {name: [] for name in measurements}
    names = list(measurements)
    for number in range(rounds):
        gc.collect()
        first = number % len(names)
        for name in names[first:] + names[:first]:
            results[name].append(measurements[name]())
    return results


def timed(action: Step, clock: Callable[[], float] = perf_counter) -> float:
    """The seconds that one call takes, without the garbage collector in between."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        start = clock()
        action()
        return clock() - start
    finally:
        if enabled:
            gc.enable()


def per_call(step: Step, seconds: float, clock: Callable[[], float] = perf_counter) -> Callable[[], float]:
    """A measurement of ``step``: seconds per call, over so many calls as take about ``seconds``."""
    calls = 1
    while (elapsed := timed(partial(_call, step, calls), clock)) < seconds / 4:
        calls *= 2
    calls = max(1, round(calls * seconds / elapsed))

    def measure() -> float:
        _call(step, 1 + calls // 20)  # the caches still hold the competitor before
        return timed(partial(_call, step, calls), clock) / calls

    return measure


def _call(step: Step, times: int) -> None:
    for _ in repeat(None, times):
        step()


class Bystanders:
    """How much of the machine other programs use between two looks at it."""

    def __init__(self) -> None:
        self._start = self._times()

    @staticmethod
    def _times() -> tuple[float, float]:
        """(the time now, core-seconds that others have used so far); Linux tells, others do not."""
        try:
            user, nice, system, *_ = map(int, Path("/proc/stat").read_text().split(maxsplit=4)[1:4])
        except OSError:
            return perf_counter(), float("nan")
        used = (user + nice + system) / os.sysconf("SC_CLK_TCK")
        return perf_counter(), used - sum(os.times()[:4])

    def cores(self) -> float | None:
        """The cores that others used, on average, since this was made; None where it cannot be known."""
        (start, before), (now, after) = self._start, self._times()
        share = (after - before) / (now - start)
        return None if math.isnan(share) else max(share, 0.0)
