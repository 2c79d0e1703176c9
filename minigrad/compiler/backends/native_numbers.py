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
from minigrad.compiler.passes.lowering import OPERATORS
from minigrad.compiler.program import Call, Value

#: The types of such numbers, and their names in a kernel.
_KINDS = {**TYPES, np.dtype("uint64"): "np.uint64"}


def number_calls(calls: list[Call], compiler: Compiler) -> tuple[list[Call], list[Routine]]:
    """The calls, with kernels for those on single numbers that other kernels make."""
    made, routines = [], []
    known: set[Value] = set()
    for call in calls:
        is_kernel = isinstance(call.function, (Group, Routine))
        routine = None if is_kernel or known.isdisjoint(call.values) else _number(call, compiler)
        if routine is not None:
            routines.append(routine)
            call = Call(routine, routine.values[:-1], {}, call.results, []).beside(call)  # noqa: PLW2901
        if is_kernel or routine is not None:
            known.update(call.results)
        made.append(call)
    return made, routines


def _number(call: Call, compiler: Compiler) -> Routine | None:
    """The kernel for one operation on numbers, and on arrays without axes."""
    ufunc = _ufunc_of(call)
    if ufunc is None or ufunc.signature is not None or len(call.results) != 1 or call.writes or call.kwargs:
        return None
    (target,) = call.results
    if target.shape or not isinstance(target.dtype, np.dtype) or target.root is not target:
        return None
    if not all(_is_number(x) for x in call.args):
        return None
    dtypes = loop_dtypes(ufunc, call.args)
    member = Member(call, ufunc.__name__, call.args, target, dtypes)
    if not fits(member, _KINDS):
        return None
    literals: list[Any] = []
    values: list[Value] = []
    operands = []
    for x, dtype in zip(call.args, dtypes, strict=False):
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
    return Routine(ufunc.__name__, compiler.kernel(text), tuple(literals), (*values, target))


def _ufunc_of(call: Call) -> np.ufunc | None:
    if call.is_host or isinstance(call.function, str):
        return None
    if isinstance(call.function, np.ufunc):
        return call.function if call.function.nin == len(call.args) and call.function.nout == 1 else None
    return OPERATORS.get(call.function)


def _is_number(x: Any) -> bool:
    return not x.shape if isinstance(x, Value) else isinstance(x, (bool, int, float, np.generic))
