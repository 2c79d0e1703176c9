"""Where the time of a program goes: each kernel by itself, with the bytes it reads and writes.

A kernel is what a backend runs as one: a NumPy call, or several that are fused.
"""

from __future__ import annotations

import operator
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from minigrad.compiler.backends import MISSED, Built
from minigrad.compiler.output.listing import Listing
from minigrad.compiler.program import Call, Program, Value
from minigrad.errors import CompileError

#: So much of a kernel's text stands in the table.
_LONG = 100

_PRODUCTS = (np.matmul, operator.matmul, np.dot, np.vdot)


class Kernel(NamedTuple):
    """What one kernel does and costs. ``name`` and ``text`` are as in ``source()``."""

    name: str
    text: str
    phase: str
    microseconds: float
    read: int  # bytes
    written: int
    flops: int  # of products of matrices; 0 for everything else
    calls: tuple[Call, ...]


class Profile:
    """The kernels of a program in the order in which they run; ``print`` shows them by time, the longest first."""

    def __init__(self, kernels: Sequence[Kernel], repeats: int) -> None:
        self.kernels = tuple(kernels)
        self.repeats = repeats

    @property
    def microseconds(self) -> float:
        """The time of all kernels."""
        return sum(kernel.microseconds for kernel in self.kernels)

    def __str__(self) -> str:
        total = self.microseconds
        lines = ["      µs      %     kB read  kB written   MFLOP  call"]
        for kernel in sorted(self.kernels, key=lambda kernel: -kernel.microseconds):
            share = 100 * kernel.microseconds / total if total else 0.0
            flops = f"{kernel.flops / 1e6:8.3g}" if kernel.flops else " " * 8
            moved = f"{kernel.read / 1e3:12.1f}{kernel.written / 1e3:12.1f}"
            text = kernel.text if len(kernel.text) <= _LONG else f"{kernel.text[:_LONG]} ..."
            lines.append(f"{kernel.microseconds:8.1f}{share:7.1f}{moved}{flops}  {text}")
        read = sum(kernel.read for kernel in self.kernels) / 1e3
        written = sum(kernel.written for kernel in self.kernels) / 1e3
        megaflop = sum(kernel.flops for kernel in self.kernels) / 1e6
        whole = f"{total:8.1f}{100.0:7.1f}{read:12.1f}{written:12.1f}{megaflop:8.3g}"
        count = f"{len(self.kernels)} kernel{'s' * (len(self.kernels) != 1)}"
        return "\n".join([*lines, f"{whole}  {count}, medians of {self.repeats} runs"])

    __repr__ = __str__


def profiled(
    built: Built, listing: Listing, arrays: Sequence[Any], repeats: int, put_back: Callable[[], None]
) -> Profile:
    """Run a program ``repeats`` times, kernel by kernel; ``put_back`` undoes what a run did."""
    times: list[list[float]] = []
    groups: list[tuple[Call, ...]] = []
    for _ in range(repeats):
        try:
            timed = _timed(built, listing, arrays)
        finally:
            put_back()
        if timed is MISSED:
            raise CompileError(
                "profile: for these arguments a condition of the program does not hold, and the step would run as it "
                "is written: pass others"
            )
        groups = [calls for calls, _ in timed]
        times.append([seconds for _, seconds in timed])
    medians = [float(time) * 1e6 for time in np.median(times, axis=0)]
    outside = _outside(groups, listing.program)
    rows = zip(groups, medians, outside, strict=True)
    return Profile([kernel(calls, listing, time, needed) for calls, time, needed in rows], repeats)


def _outside(groups: Sequence[tuple[Call, ...]], program: Program) -> list[set[Value]]:
    """Of each kernel, the values that are needed outside of it: the others never reach memory."""
    users: dict[Value, set[int]] = {}
    for number, calls in enumerate(groups):
        for root in [value.root for call in calls for value in call.values]:
            users.setdefault(root, set()).add(number)
    leaving = program.escaping
    return [
        {value for call in calls for value in call.results if value in leaving or users.get(value, set()) - {number}}
        for number, calls in enumerate(groups)
    ]


def _timed(built: Built, listing: Listing, arrays: Sequence[Any]) -> Any:
    """One run, kernel by kernel, or as a whole where the backend cannot look inside."""
    if built.timed is not None:
        return built.timed(*arrays)
    start = time.perf_counter()
    outcome = built.run(*arrays)
    seconds = time.perf_counter() - start
    return MISSED if outcome is MISSED else [(tuple(listing.lines), seconds)]


def kernel(
    calls: tuple[Call, ...], listing: Listing, microseconds: float = 0.0, outside: set[Value] | None = None
) -> Kernel:
    """What is known of a kernel, and its time; of several calls, ``outside`` is needed elsewhere."""
    inner = {result for call in calls for result in call.results}
    read: dict[Value, int] = {}
    written: dict[Value, int] = {}
    for call in calls:
        reads, writes = _traffic(call)
        read.update({value: size for value, size in reads.items() if value not in inner})
        written.update(
            {value: size for value, size in writes.items() if outside is None or value in outside or call.writes}
        )
    origins = [call.origin for call in calls]
    named = [listing.name(value) for call in origins for value in (*call.results, *call.writes)]
    texts = [listing.lines[call].partition("  # ")[0] for call in origins if call in listing.lines]
    first = calls[0].function
    text = "; ".join(texts) or (first.kind if calls[0].is_host else str(first))
    name = next((name for name in reversed(named) if name), text)
    flops = sum(map(_flops, calls))
    return Kernel(
        name, text, calls[0].phase, microseconds, sum(read.values()), sum(written.values()), flops, tuple(calls)
    )


def _traffic(call: Call) -> tuple[dict[Value, int], dict[Value, int]]:
    """The bytes that a call reads and writes, by value. A view moves none."""
    new_memory = [value for value in call.results if value.root is value]
    if call.is_host:
        return {}, {value: _bytes(value) for value in new_memory if value.is_array}  # what it draws
    if not new_memory and not call.writes:
        return {}, {}
    only_written = set(call.writes) if "out" in call.kwargs or call.function is operator.setitem else set()
    reads = {value: _bytes(value) for value in call.values if value not in only_written}
    if call.function is operator.getitem and new_memory:  # it reads as many bytes of the source as it picks
        reads[call.args[0]] = _bytes(new_memory[0])
    writes = {value: _bytes(value) for value in new_memory or call.writes}
    if call.function is operator.setitem:
        places = call.args[2]  # a number is written at unknown places: at most everywhere
        writes = {value: _bytes(places if isinstance(places, Value) else value) for value in call.writes}
    return reads, writes


def _bytes(value: Value) -> int:
    return int(np.prod(value.shape, dtype=int)) * int(getattr(value.dtype, "itemsize", 8))


def _flops(call: Call) -> int:
    if call.function not in _PRODUCTS or not call.results:
        return 0
    size = int(np.prod(call.results[0].shape, dtype=int))
    return 2 * size * int(call.args[0].shape[-1])
