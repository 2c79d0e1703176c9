"""Parts of arrays at places that a step computes, draws or counts: ``queue[at : at + 8]``, ``data[n]``.

As it is written, such a part is a view: it shows what is written into the array later, and what is written into it goes
there. A program has a copy of it. The two differ only where something is written while the part is still used, which
is refused.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from minigrad.compiler.program import RESULT, Call, Program, Value, values_in
from minigrad.errors import CompileError


class CopiedPart(NamedTuple):
    """A copy, the recorded array that it is a part of, and the number of calls before it was made."""

    value: Value
    source: Any
    start: int


def check_parts(parts: list[CopiedPart], program: Program) -> None:
    """Raise ``CompileError`` where a part is written into, or used after its array was written."""
    left = {value.root for value in values_in(program.outputs)}
    for part in parts:
        is_written = False
        for call in program.calls[part.start :]:
            if _has(call.writes, part) or (is_written and _has(call.values, part)):
                raise _refusal(call)
            written = call if any(_is_of(value, part.source) for value in call.writes) else None
            if written is not None and part.value.root in left:
                raise _refusal(written)
            is_written = is_written or written is not None


def _has(values: Any, part: CopiedPart) -> bool:
    return any(value.root is part.value.root for value in values)


def _is_of(value: Value, source: Any) -> bool:
    """Whether a value lies in the memory of an array."""
    root = source.value.root
    if value.root is root or RESULT in (root.kind, value.root.kind):
        return value.root is root
    return bool(np.may_share_memory(value.root.origin, root.origin))


def _refusal(call: Call) -> CompileError:
    return CompileError(
        "mg.compile: a part of an array, at a place that the step computes, draws or counts, is written into here, or "
        f"is used after the array was written:\n  {call.place}\ntake a copy before, x[n : n + 8].copy(), or write into "
        "the array itself, x[n : n + 8] = y"
    )
