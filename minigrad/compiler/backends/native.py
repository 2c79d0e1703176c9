"""The backend "native": groups of calls become loops in machine code, long ones shared; products stay with BLAS.

The results agree with eager to rounding: products and sums may be one instruction, sums go in lanes, and the
elementary functions are those of ``formulas``, within a few units in the last place.
"""

from __future__ import annotations

import functools
import time
from typing import Any, NamedTuple

from minigrad.compiler.backends import Built, loops
from minigrad.compiler.backends.cache import Compiler
from minigrad.compiler.backends.formulas import FARTHEST
from minigrad.compiler.backends.kernel_expressions import FEW, fits
from minigrad.compiler.backends.looping import looped
from minigrad.compiler.backends.loops import Writer
from minigrad.compiler.backends.native_lookups import REDUCTIONS, lookup_calls
from minigrad.compiler.backends.native_matrices import matrix_calls
from minigrad.compiler.backends.native_moving import MOVES
from minigrad.compiler.backends.native_networks import native
from minigrad.compiler.backends.native_numbers import number_calls
from minigrad.compiler.backends.native_products import PRODUCTS, small_calls
from minigrad.compiler.backends.native_scans import with_native_bodies
from minigrad.compiler.backends.replay import Kernel, Replay, stopwatch
from minigrad.compiler.backends.team import SHARED, TEAM
from minigrad.compiler.passes import Plan, planned
from minigrad.compiler.passes.aliasing import Memory
from minigrad.compiler.passes.angles import with_near_angles
from minigrad.compiler.passes.grouping import Group, grouped
from minigrad.compiler.passes.norms import by_parts
from minigrad.compiler.passes.slices import with_slices_written
from minigrad.compiler.passes.unpacked import in_steps, unpacked
from minigrad.compiler.passes.whole_windows import with_whole_windows
from minigrad.compiler.passes.zeros import without_zeros
from minigrad.compiler.program import ARGUMENT, Call, Program

#: Products and sums may be one instruction, and sums go in lanes.
EXACT = False


def worth(group: Group) -> bool:
    """Whether a group is better as a loop: it saves calls and passes over memory, or shares a long one."""
    is_copy = group.size > 2 * loops.CHUNK and group.members[0].op == "cast"
    return group.size > 0 and (len(group.members) > 1 or not is_copy)


def _started(group: Group, loop: loops.Kernel, code: Any) -> Kernel:
    """The call of a loop: by the team where it is long."""
    is_shared = loop.chunks > 1 and group.work >= SHARED
    run = functools.partial(TEAM.run, code.function) if is_shared else code.function
    numbers = (loop.chunks,) if is_shared else (0, loop.chunks)
    own = (*loop.partial, *loop.numbers)
    values = (*loop.arrays, *loop.scalars)
    return Kernel(
        run, (*numbers, loop.rows, loop.step), values, None, own, None if is_shared or not code.address else code
    )


class _Machine(NamedTuple):
    """A program as machine code."""

    replay: Replay
    runner: Any
    kernels: dict[Any, Kernel]
    plan: Plan
    others: int  # calls in loops beside those of kernels


def _machine(
    calls: list[Call], program: Program, compiler: Compiler, is_body: bool = False, may_be_left: bool = True
) -> _Machine:
    def inside(calls: list[Call], program: Program, may_be_left: bool) -> tuple[Replay, Any]:
        return _machine(calls, program, compiler, is_body=True, may_be_left=may_be_left)[:2]

    calls = with_native_bodies(calls, program, inside)
    calls = without_zeros(unpacked(calls, program), program)
    calls = in_steps(by_parts(with_whole_windows(calls, program), program), program)
    calls = with_slices_written(calls, program)
    if may_be_left:
        calls = with_near_angles(calls, program, FEW, FARTHEST)
    calls, matrices = matrix_calls(calls, program, compiler, may_be_left)
    calls, own = native(calls, compiler)
    calls, small = small_calls(calls, compiler, {**PRODUCTS, **MOVES, **REDUCTIONS})
    calls, lookups = lookup_calls(calls, program, compiler) if may_be_left else (calls, [])
    calls = grouped(calls, program, fits, worth, minds_errors=False)
    calls, numbers = number_calls(calls, program, compiler, program.of_kind(ARGUMENT) if is_body else ())
    routines = [*matrices, *small, *lookups, *numbers]
    for call in calls:
        if isinstance(call.function, Group):
            call.errors = {}  # machine code raises none
    memory = Memory(calls, program)
    plan = planned(calls, program)
    loops_of = {
        call.function: Writer(call.function, memory).write()
        for call, _ in plan.steps
        if isinstance(call.function, Group)
    }
    code = {group: compiler.kernel(loop.text) for group, loop in loops_of.items()}
    samples = [(code[group], loop.sample()) for group, loop in loops_of.items()]
    samples += [(routine.kernel, routine.sample()) for routine in routines]
    compiler.finish([*samples, *[(loop.kernel, loop.sample) for loop in own]])
    kernels: dict[Any, Kernel] = {group: _started(group, loop, code[group]) for group, loop in loops_of.items()}
    steps = {x: Kernel(x, (0, 1, 1, 1), x.values, None, x.numbers, x.kernel) for x in routines if x.kernel.address}
    runner = compiler.runner()
    replay = Replay(program, plan, {**kernels, **steps}, runner=runner)
    return _Machine(replay, runner, kernels, plan, len(own) + len(routines))


def build(calls: list[Call], program: Program) -> Built:
    """See ``minigrad.compiler.backends``."""
    start = time.perf_counter()
    compiler = Compiler()
    replay, runner, kernels, plan, own = _machine(calls, program, compiler)
    loop = looped(program, replay, runner.loop)
    stats = {
        "calls": len(plan.steps),
        "buffers": len(plan.buffers),
        "bytes": plan.nbytes,
        "loops": len(kernels) + own,
        "calls in loops": sum(len(group.members) for group in kernels) + own,
        "compile seconds": round(time.perf_counter() - start, 3),
        "repeats in machine code": loop is not None,
        "threads": TEAM.size,
        "kernels compiled": compiler.compiled,
        "kernels found": compiler.found,
        "kernels are kept": str(compiler.place or f"no: {compiler.reason}"),
    }
    return Built(replay.run, stats, stopwatch(program, plan, kernels), loop)
