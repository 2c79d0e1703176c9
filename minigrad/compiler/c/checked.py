"""The calls of a program in the form that C is made of: copies of its own, conditions first, groups made."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from minigrad.compiler.backends.kernel_expressions import fits
from minigrad.compiler.c.indexing import ranges
from minigrad.compiler.passes.conditions import conditions_first
from minigrad.compiler.passes.constants import is_constant
from minigrad.compiler.passes.grouping import grouped
from minigrad.compiler.passes.unpacked import unpacked
from minigrad.compiler.passes.zeros import without_zeros
from minigrad.compiler.program import RESULT, Call, Host, Out, Program, Value
from minigrad.core.trees import mapped_all
from minigrad.core.watching import Place
from minigrad.errors import CompileError


def within(numbers: Any, size: int) -> Any:
    """Whether all numbers are those of elements of an axis, counted from its start or from its end."""
    return bool(((numbers >= -size) & (numbers < size)).all())


def prepared(program: Program, calls: list[Call]) -> tuple[list[Call], Program, dict[Value, Value]]:
    """The calls that C is made of, their program, and {new value: the value that it stands for}."""
    shadow, calls, instead = _cloned(program, calls)
    calls = without_zeros(unpacked(calls, shadow), shadow)
    shadow.calls = _with_checks(calls, shadow)
    conditions_first(shadow)
    if shadow.is_undone:
        raise CompileError(
            "export: a function looks at the numbers (finite? in range?) after weights were changed in the same step, "
            "and C undoes nothing: compile and export the two parts by themselves"
        )
    shadowed = grouped(shadow.calls, shadow, fits, lambda group: group.size > 0, minds_errors=False)
    return shadowed, shadow, {new: old for old, new in instead.items()}


def _cloned(program: Program, calls: list[Call]) -> tuple[Program, list[Call], dict[Value, Value]]:
    """A program with values of its own: what passes do to them is nobody's business."""
    shadow = copy.copy(program)
    instead: dict[Value, Value] = {}
    for value in program.values:
        instead[value] = copy.copy(value)

    def new(x: Any) -> Any:
        if isinstance(x, Out):
            return Out(x.is_tensor, new(x.value), x.number)
        if not isinstance(x, Value):
            return x
        if x not in instead:
            instead[x] = copy.copy(x)
        return instead[x]

    for value in list(instead.values()):
        value.root = new(value.root)
    shadow.values = list(instead.values())
    clones = []
    for call in calls:
        fresh = call.replaced(new)
        fresh.results = [new(x) for x in call.results]
        clones.append(fresh)
    shadow.outputs = mapped_all(new, program.outputs)
    shadow.gradients = [(leaf, new(value)) for leaf, value in program.gradients]
    shadow.is_undone = False
    return shadow, clones, instead


def _with_checks(calls: list[Call], program: Program) -> list[Call]:
    """A condition before each call that reads or writes where computed numbers say, once for the same numbers."""
    checked: list[Call] = []
    seen: set[tuple[Value, int]] = set()
    for call in calls:
        for numbers, size in [] if call.is_host else ranges(call):
            key = numbers, size
            if key in seen or is_constant(numbers) or not isinstance(numbers.dtype, (np.dtype, type)):
                continue
            seen.add(key)
            test = program.new(RESULT, np.bool_(True))
            look = Call(within, (numbers, size), {}, [test], []).beside(call)
            checked += [look, Call(Host("assume", expected=True), (test,), {}, [], []).beside(call)]
        checked.append(call)
    return checked


def line_of(call: Call) -> str:
    """Where in the user's text a call comes from."""
    place: Place = call.place
    return str(place)
