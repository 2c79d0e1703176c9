"""Common subexpressions: a call that was made before, on the same values, is not made again."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.compiler.program import RESULT, Call, Program, Value, values_in


def without_repetition(calls: list[Call], program: Program) -> list[Call]:
    """The calls without those that repeat an earlier one.

    What is written, read from what is written, or leaves the program stays: its memory is its own.
    """
    written = {value.root for call in calls for value in call.writes}
    outside = any(root.kind != RESULT for root in written)  # weights may overlap
    escaping = program.escaping
    leaving = set(values_in(program.outputs)) | {value for _, value in program.gradients}
    instead: dict[Value, Value] = {}
    before: dict[Any, list[Value]] = {}
    distinct: list[Call] = []
    for original in calls:
        call = original.replaced(lambda x: instead.get(x, x) if isinstance(x, Value) else x)
        if not call.is_host and not call.writes and call.results:
            changes = {value.root for value in [*call.values, *call.results]} & (written | escaping)
            is_view = any(value.root is not value for value in call.results)
            reads_outside = outside and not is_view and any(value.root.kind != RESULT for value in call.values)
            key = _key(call)
            if key is not None and not reads_outside and (not changes or is_view) and not leaving & {*call.results}:
                if key in before:
                    instead.update(zip(call.results, before[key], strict=True))
                    continue
                before[key] = call.results
        distinct.append(call)
    for value in program.values:
        value.root = instead.get(value.root, value.root)
    return distinct


def _key(call: Call) -> Any:
    """A key that is equal for calls with equal results, or None where that cannot be told."""
    unknown: list[Any] = []

    def leaf(x: Any) -> Any:
        if isinstance(x, slice):
            return slice, leaf(x.start), leaf(x.stop), leaf(x.step)
        if isinstance(x, (Value, np.dtype, type, str)) or x is None or x is Ellipsis:
            return x
        if isinstance(x, (bool, int, float, np.generic)):
            return type(x), repr(x)
        unknown.append(x)
        return None

    def frozen(tree: Any) -> Any:
        if isinstance(tree, (tuple, list)):
            return (type(tree), *map(frozen, tree))
        if isinstance(tree, dict):
            return tuple((name, frozen(x)) for name, x in sorted(tree.items()))
        return leaf(tree)

    key = call.function, frozen(call.args), frozen(call.kwargs), tuple(sorted(call.errors.items()))
    return None if unknown else key
