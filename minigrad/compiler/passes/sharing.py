"""Arrays of one number, as the zeros that ``relu`` compares with: the programs of a function share their memory."""

from __future__ import annotations

from minigrad.compiler.passes.buffers import is_dense, laid, size_of
from minigrad.compiler.passes.copies import uniform
from minigrad.compiler.program import CAPTURE, Call, Program

#: Smaller arrays stay as they are.
_SMALL = 4096


def share_uniform(calls: list[Call], program: Program) -> None:
    """Put arrays of one number, which the recorded step made anew in each call, into the arena."""
    written = {value.root for call in calls for value in call.writes}
    for value in program.of_kind(CAPTURE):
        if not value.is_new or value.root in written or not is_dense(value) or size_of(value) <= _SMALL:
            continue
        number = uniform(value)
        if number is not None:
            value.origin = laid(program.arena.filled(number, size_of(value)), value)
            value.origin.flags.writeable = False
