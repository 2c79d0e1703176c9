"""Single numbers as kernels, where other kernels make them: a segment then goes on behind a sum, and its conditions.

``loss = total / 300`` or ``total < inf`` take NumPy a tenth of a microsecond, and an end of a segment a whole one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.compiler.backends.cache import Compiler
from minigrad.compiler.backends.kernel_expressions import TYPES, expression, fits
from minigrad.compiler.backends.segments import Routine
from minigrad.compiler.passes.elementwise import Member, loop_dtypes
from minigrad.compiler.passes.grouping import Group
from minigrad.compiler.passes.lowering import IN_PLACE, OPERATORS
from minigrad.compiler.program import Call, Value

#: The types of such numbers, and their names in a kernel.
_KINDS = {**TYPES, np.dtype("uint64"): "np.uint64"}


def number_calls(calls: list[Call], compiler: Compiler) -> tuple[list[Call], list[Routine]]:
    """The calls, with kernels for those on single numbers that other kernels make."""
    made, routines = [], []
    known: set[Value] = set()
    for call in calls:
        is_kernel = isinstance(call.function, (Group, Routine))
        is_known = not known.isdisjoint(call.values) or bool(call.writes)
        routine = _number(call, compiler) if is_known and not is_kernel else None
        made.append(call if routine is None else routine.instead(call))
        routines += [] if routine is None else [routine]
        if is_kernel or routine is not None:
            known.update(call.results)
    return made, routines


def _number(call: Call, compiler: Compiler) -> Routine | None:
    """The kernel for one operation on numbers, and on arrays without axes."""
    ufunc = _ufunc_of(call)
    casts = call.function == ".astype" and len(call.args) == 2 and set(call.kwargs) <= {"copy"}
    targets = call.results or call.writes
    if (ufunc is None and not casts) or len(targets) != 1 or (call.kwargs and not casts):
        return None
    (target,), given = targets, call.args[:1] if casts else call.args
    if target.shape or not isinstance(target.dtype, np.dtype) or (call.results and target.root is not target):
        return None
    if not all(_is_number(x) for x in given):
        return None
    dtypes = (given[0].dtype, target.dtype) if ufunc is None else loop_dtypes(ufunc, given)
    name = "cast" if ufunc is None else ufunc.__name__
    if not all(isinstance(dtype, np.dtype) for dtype in dtypes):
        return None
    member = Member(call, name, given, target, dtypes)
    if not fits(member, _KINDS):
        return None
    literals: list[Any] = []
    values: list[Value] = []
    operands = []
    for x, dtype in zip(given, dtypes, strict=False):
        if not isinstance(x, Value):
            operands.append(f"m{len(literals)}")
            literals.append(dtype.type(x))
            continue
        if x not in values:
            values.append(x)
        text = f"x{values.index(x)}{'[np.uint64(0)]' if x.is_array else ''}"
        operands.append(text if x.dtype == dtype else f"{_KINDS[dtype]}({text})")
    names = [f"m{k}" for k in range(len(literals))] + [f"x{k}" for k in range(len(values))]
    head = f"def kernel(first, last, rows, step, {', '.join(names)}, z):"
    text = f"{head}\n    z[np.uint64(0)] = {expression(member, operands, _KINDS)}\n"
    return Routine(name, compiler.kernel(text), tuple(literals), (*values, target))


def _ufunc_of(call: Call) -> np.ufunc | None:
    if call.is_host or isinstance(call.function, str):
        return None
    if call.writes:
        return IN_PLACE.get(call.function)
    ufunc = call.function if isinstance(call.function, np.ufunc) else OPERATORS.get(call.function)
    fits = ufunc is not None and ufunc.signature is None and ufunc.nin == len(call.args) and ufunc.nout == 1
    return ufunc if fits else None


def _is_number(x: Any) -> bool:
    return not x.shape if isinstance(x, Value) else isinstance(x, (bool, int, float, np.generic))
