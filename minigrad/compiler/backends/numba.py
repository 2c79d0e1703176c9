"""The backend "numba": groups of calls become loops in machine code, long ones shared; products stay with BLAS.

The results agree with eager to rounding: products and sums may be one instruction, sums go in lanes, and the
elementary functions are those of ``formulas``, within a few units in the last place.
"""

from __future__ import annotations

import functools
import time
from typing import Any

from minigrad.compiler.backends import Built, loops
from minigrad.compiler.backends.cache import Compiler
from minigrad.compiler.backends.loops import Writer
from minigrad.compiler.backends.numba_expressions import fits
from minigrad.compiler.backends.numba_networks import native
from minigrad.compiler.backends.replay import Kernel, Replay, spanned, stopwatch
from minigrad.compiler.backends.team import SHARED, TEAM
from minigrad.compiler.passes import planned
from minigrad.compiler.passes.aliasing import Memory
from minigrad.compiler.passes.grouping import Group, grouped
from minigrad.compiler.passes.unpacked import unpacked
from minigrad.compiler.passes.zeros import without_zeros
from minigrad.compiler.program import Call, Program

#: Products and sums may be one instruction, and sums go in lanes.
EXACT = False


def worth(group: Group) -> bool:
    """Whether a group is better as a loop: it saves passes over memory, or shares a long one among threads."""
    return group.size > 0 and (
        len(group.members) > 1 or (group.size > 2 * loops.CHUNK and group.members[0].op != "cast")
    )


def build(calls: list[Call], program: Program) -> Built:
    """See ``minigrad.compiler.backends``."""
    start = time.perf_counter()
    compiler = Compiler()
    calls, own = native(without_zeros(unpacked(calls, program), program), compiler)
    calls = grouped(calls, program, fits, worth, minds_errors=False)
    for call in calls:
        if isinstance(call.function, Group):
            call.errors = {}  # machine code raises none
    memory = Memory(calls, program)
    plan = planned(calls, program)
    kernels: dict[Group, Kernel] = {}
    dispatchers: dict[Group, Any] = {}
    for call, _ in plan.steps:
        if isinstance(call.function, Group):
            loop = Writer(call.function, memory).write()
            kernel = compiler.kernel(loop.text)
            is_shared = loop.chunks > 1 and call.function.work >= SHARED
            run = functools.partial(TEAM.run, kernel) if is_shared else kernel
            numbers = (loop.chunks,) if is_shared else (0, loop.chunks)
            kernels[call.function] = Kernel(
                run,
                (*numbers, loop.rows, loop.step),
                (*loop.arrays, *loop.scalars),
                spanned,
                (*loop.partial, *loop.numbers),
            )
            dispatchers[call.function] = kernel
    replay = Replay(program, plan, kernels)
    samples = [(dispatchers[call.function], replay.sample(call)) for call in calls if call.function in kernels]
    compiler.finish([*samples, *[(loop.kernel, loop.sample) for loop in own]])
    stats = {
        "calls": len(plan.steps),
        "buffers": len(plan.buffers),
        "bytes": plan.nbytes,
        "loops": len(kernels) + len(own),
        "calls in loops": sum(len(group.members) for group in kernels) + len(own),
        "compile seconds": round(time.perf_counter() - start, 3),
        "threads": TEAM.size,
        "kernels are kept": str(compiler.place or f"no: {compiler.reason}"),
    }
    return Built(replay.run, stats, stopwatch(program, plan, kernels))
