"""Constants: calls on arrays that are the same in each run are made once."""

from __future__ import annotations

import numpy as np

from minigrad.compiler.program import CAPTURE, Call, Program, Value

#: Results of more bytes are made anew in each run: memory that is kept for good has a price too.
_LIMIT = 1 << 20


def is_constant(value: Value) -> bool:
    """Whether an array is made anew in each call, with the same bits, or cannot be written to. No name leads to it."""
    if value.kind != CAPTURE or value.name or not isinstance(value.origin, np.ndarray):
        return False
    if value.is_new:
        return True
    owner = value.origin
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    return owner is value.origin or not owner.flags.writeable


def with_constants_made(calls: list[Call], program: Program) -> list[Call]:
    """The calls without those that depend on constants alone: their results are constants now."""
    written = {value.root for call in calls for value in call.writes}
    escaping = program.escaping
    constants = {value for value in program.values if is_constant(value) and value not in written}
    known = {value: value.origin for value in constants}
    others: list[Call] = []
    for call in calls:
        values = list(call.values)
        result = call.results[0] if len(call.results) == 1 else None
        foldable = values and not call.is_host and not call.writes and all(value in known for value in values)
        if foldable and result is not None and result.is_array and not {result, result.root} & (written | escaping):
            with np.errstate(**call.errors):
                array = call.run(known.__getitem__)
            if array.nbytes <= _LIMIT:
                known[result] = array
                result.kind, result.origin, result.root = CAPTURE, array, result
                continue
        others.append(call)
    return others
