"""Copies of what nobody writes to: ``mg.tensor(x)`` copies an argument, so that a later write to x does not reach it.

Where neither the copy nor its source is written in the program, and neither leaves it, the source serves as well.
"""

from __future__ import annotations

from typing import Any

from minigrad.compiler.program import Call, Program, Value, mapped


def without_copies(calls: list[Call], program: Program) -> list[Call]:
    """The calls without such copies; what used a copy uses its source."""
    written = {value.root for call in calls for value in call.writes}
    instead: dict[Value, Value] = {}
    kept: list[Call] = []
    for call in calls:
        call.args = mapped(lambda x: _found(instead, x), call.args)
        call.kwargs = mapped(lambda x: _found(instead, x), call.kwargs)
        if call.function == ".copy" and len(call.args) == 1:
            (source,), (copy,) = call.args, call.results
            fixed = not {source.root, copy} & written and copy not in program.escaping
            if fixed and source.strides == copy.strides:
                instead[copy] = source
                continue
        kept.append(call)
    for value in program.values:
        value.root = instead[value.root].root if value.root in instead else value.root
    return kept


def _found(instead: dict[Value, Value], x: Any) -> Any:
    return instead.get(x, x) if isinstance(x, Value) else x
