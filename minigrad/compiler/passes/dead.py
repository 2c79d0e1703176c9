"""Dead code: calls whose result nobody sees, such as the gradient's part of a loss that is only looked at."""

from __future__ import annotations

from minigrad.compiler.program import RESULT, Call, Program, Value


def without_dead_calls(program: Program) -> list[Call]:
    """The calls that are needed: for an output, a gradient, a write into what is outside, a condition, or another."""
    needed: set[Value] = set(program.escaping)
    others: list[Call] = []
    for call in reversed(program.calls):
        outside = any(value.root.kind != RESULT for value in call.writes)
        into = any(value.root in needed for value in call.writes)
        if call.is_host or outside or into or any(value in needed or value.root in needed for value in call.results):
            others.append(call)
            for value in call.values:
                # A view needs its memory too: writes into it come first.
                needed.update((value, value.root))
    others.reverse()
    return others
