"""What is done to a program before it runs: each pass is one short file."""

from minigrad.compiler.passes.buffers import Plan, planned
from minigrad.compiler.passes.constants import with_constants_made
from minigrad.compiler.passes.copies import without_copies
from minigrad.compiler.passes.cse import without_repetition
from minigrad.compiler.passes.dead import without_dead_calls
from minigrad.compiler.passes.scratch import without_scratch
from minigrad.compiler.passes.sharing import share_uniform
from minigrad.compiler.program import Call, Program

__all__ = ["Plan", "planned", "simplified"]


def simplified(program: Program) -> list[Call]:
    """The calls of a program that are needed, by the passes that hold for every backend."""
    calls = without_dead_calls(program)
    for simpler in (with_constants_made, without_scratch, without_copies, without_repetition):
        calls = simpler(calls, program)
    share_uniform(calls, program)
    return calls
