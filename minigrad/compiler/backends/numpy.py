"""The backend "numpy": the calls as they were recorded, on planned buffers, long chains in blocks; eager's bits."""

from __future__ import annotations

import functools

from minigrad.compiler.backends import Built, blocks
from minigrad.compiler.backends.replay import Kernel, Replay, spanned, stopwatch
from minigrad.compiler.backends.team import SHARED, TEAM
from minigrad.compiler.passes import planned
from minigrad.compiler.passes.aliasing import Memory
from minigrad.compiler.passes.grouping import Group, grouped
from minigrad.compiler.program import Call, Program


def build(calls: list[Call], program: Program) -> Built:
    """See ``minigrad.compiler.backends``."""
    calls = grouped(calls, program, blocks.fits, blocks.worth, minds_errors=True)
    memory = Memory(calls, program)
    plan = planned(calls, program)
    kernels: dict[Group, Kernel] = {}
    for call, _ in plan.steps:
        if isinstance(call.function, Group):
            runner = blocks.Blocks(call.function, memory)
            is_shared = call.function.work >= SHARED
            run = functools.partial(TEAM.run, runner.run) if is_shared else runner.run
            numbers = (runner.chunks,) if is_shared else (0, runner.chunks)
            kernels[call.function] = Kernel(run, numbers, tuple(runner.values), spanned)
    replay = Replay(program, plan, kernels)
    stats = {
        "calls": len(plan.steps),
        "buffers": len(plan.buffers),
        "bytes": plan.nbytes,
        "loops": len(kernels),
        "calls in loops": sum(len(group.members) for group in kernels),
        "threads": TEAM.size,
    }
    return Built(replay.run, stats, stopwatch(program, plan, kernels))
