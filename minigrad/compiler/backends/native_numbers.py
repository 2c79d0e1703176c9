"""Single numbers as kernels, where other kernels make them: a segment then goes on behind a sum, and its conditions.

Elements of arrays are such numbers, and what is made of some side by side: a loop over a few variables is one segment.

``loss = total / 300`` or ``total < inf`` take NumPy a tenth of a microsecond, and an end of a segment a whole one.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from typing import Any

import numpy as np

from minigrad.compiler.backends.cache import Compiler
from minigrad.compiler.backends.kernel_expressions import TYPES, expression, fits
from minigrad.compiler.backends.segments import Routine
from minigrad.compiler.passes.elementwise import Member, loop_dtypes
from minigrad.compiler.passes.grouping import Group
from minigrad.compiler.passes.lowering import IN_PLACE, OPERATORS
from minigrad.compiler.program import RESULT, Call, Value

#: Numbers that are put side by side, at most.
_MOST = 16

#: The types of such numbers, and their names in a kernel.
_KINDS = {**TYPES, np.dtype("uint64"): "np.uint64"}


def number_calls(
    calls: list[Call], compiler: Compiler, given: Iterable[Value] = ()
) -> tuple[list[Call], list[Routine]]:
    """The calls, with kernels for those on single numbers that other kernels make, or that are given to them."""
    made, routines = [], []
    known: set[Value] = {*given}
    for call in calls:
        is_kernel = isinstance(call.function, (Group, Routine))
        is_known = not known.isdisjoint(call.values) or bool(call.writes)
        routine = None
        if not (is_kernel or call.is_host):
            routine = _number(call, compiler) if is_known else None
            routine = routine or _moved(call, compiler)
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


def _moved(call: Call, compiler: Compiler) -> Routine | None:
    """The kernel for one element of an array, a number as an array, zeros, and numbers side by side."""
    if len(call.results) + len(call.writes) != 1 or (call.kwargs and call.function is not np.zeros_like):
        return None
    (z,), given, function = (call.results or call.writes), call.args, call.function
    numbers: tuple[int, ...] = ()
    lines = ["z[np.uint64(0)] = x0"]
    if function is operator.getitem and not z.is_array and isinstance(given[0], Value):
        given, numbers, lines = given[:1], _place(*given), ["z[np.uint64(0)] = x0[np.uint64(at)]"]
    elif function is operator.setitem and call.writes and z.kind == RESULT and _is_number(given[2]):
        given, numbers, lines = given[2:], _place(*given[:2]), [f"z[np.uint64(at)] = {_read(0, given[2])}"]
    elif function is np.zeros_like and 0 < math.prod(z.shape) <= _MOST and z.dtype in TYPES:
        given, lines = (), [f"z[np.uint64({k})] = {TYPES[z.dtype]}(0)" for k in range(math.prod(z.shape))]
    elif function is np.stack and len(given) == 2 and given[1] == 0 and len(z.shape) == 1 and z.shape[0] <= _MOST:
        given = given[0]
        lines = [f"z[np.uint64({k})] = {_read(k, x)}" for k, x in enumerate(given)]
    elif (
        function is not np.asarray or len(given) != 1 or z.shape or not isinstance(given[0], Value) or given[0].is_array
    ):
        return None
    alike = all(isinstance(x, Value) and x.dtype == z.dtype for x in given)
    is_put = "at" in lines[0]
    if not alike or z.dtype not in TYPES or z.root is not z or z in given or is_put != bool(numbers):
        return None
    if not is_put and not all(not x.shape for x in given):
        return None
    names = [*["at"] * len(numbers), *[f"x{k}" for k in range(len(given))], "z"]
    text = "\n    ".join([f"def kernel(first, last, rows, step, {', '.join(names)}):", *lines])
    return Routine("moved", compiler.kernel(f"{text}\n"), numbers, (*given, z))


def _place(x: Value, index: Any) -> tuple[int, ...]:
    """How many elements behind the first one of an array an element lies; () where that is not one number."""
    places = index if isinstance(index, tuple) else (index,)
    if len(places) != len(x.shape) or not all(type(i) is int for i in places) or min(x.strides, default=0) < 0:
        return ()
    far = sum(i % n * stride for i, n, stride in zip(places, x.shape, x.strides, strict=True))
    return () if far % x.dtype.itemsize else (far // x.dtype.itemsize,)


def _read(k: int, x: Any) -> str:
    """A number that is given, or that stands in an array."""
    return f"x{k}[np.uint64(0)]" if isinstance(x, Value) and x.is_array else f"x{k}"


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
