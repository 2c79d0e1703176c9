"""Single numbers as kernels, where other kernels make them: a segment then goes on behind a sum, and its conditions.

Elements of arrays are such numbers, and what is made of some side by side: a loop over a few variables is one segment.
Such calls that follow each other are one kernel without a loop (``number_lines.py``), with loops of few numbers among
them, which are written out.

``loss = total / 300`` or ``total < inf`` take NumPy a tenth of a microsecond, and an end of a segment a whole one.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Iterable
from typing import Any

import numpy as np

from minigrad.compiler.backends.cache import Compiler
from minigrad.compiler.backends.kernel_expressions import REDUCTIONS, TYPES, expression, fits, number
from minigrad.compiler.backends.number_lines import KINDS, Lines, Part, Places, routine_of
from minigrad.compiler.backends.segments import Routine
from minigrad.compiler.passes.elementwise import Member, loop_dtypes
from minigrad.compiler.passes.grouping import Group
from minigrad.compiler.passes.lowering import IN_PLACE, OPERATORS
from minigrad.compiler.program import RESULT, Call, Program, Value

#: Numbers that are put side by side, at most; and lines of one kernel.
_MOST, _LINES = 16, 160


def number_calls(
    calls: list[Call], program: Program, compiler: Compiler, arguments: Iterable[Value] = ()
) -> tuple[list[Call], list[Routine]]:
    """The calls, with kernels for those on single numbers that other kernels make, or that are given to them."""
    places = Places(calls)
    parts = _parts(calls, places, {*arguments})
    last = {value.root: i for i, call in enumerate(calls) for value in [*call.values, *call.writes]}
    leaving = program.escaping
    rewritten: list[Call] = []
    routines: list[Routine] = []
    run: list[tuple[Call, Part | None]] = []

    def end(i: int) -> None:
        """Write what was collected, before call i."""
        several = [part for _, part in run if part is not None]
        if not several or (len(several) == 1 and several[0].is_loop):
            rewritten.extend(call for call, _ in run)
        else:
            stays = {root for root, at in last.items() if at >= i} | leaving
            routine, call = routine_of(several, places, stays, compiler)
            routines.append(routine)
            rewritten.append(call)
            rewritten.extend(x for x, part in run if part is None and x.results[0].root in stays)
        run.clear()

    count = 0
    for i, call in enumerate(calls):
        part = parts.get(i)
        is_view = part is None and call.results and call.results[0] in places.views
        joins = is_view or (part is not None and not (part.is_alone or (run and count + part.size > _LINES)))
        if not joins:
            end(i)
            count = 0
        if part is None and not is_view:
            rewritten.append(call)
            continue
        run.append((call, part))
        count += 0 if part is None else part.size
        if part is not None and part.is_alone:
            end(i + 1)
            count = 0
    end(len(calls))
    return rewritten, routines


def _parts(calls: list[Call], places: Places, known: set[Value]) -> dict[int, Part]:
    """Which calls can be lines of such a kernel, by their numbers."""
    parts: dict[int, Part] = {}
    for i, call in enumerate(calls):
        part = None
        if isinstance(call.function, Group):
            part = _written_out(call, places)
        elif not (isinstance(call.function, Routine) or call.is_host):
            is_known = not known.isdisjoint(call.values) or bool(call.writes)
            part = (_number(call) if is_known else None) or _moved(call)
        if part is not None:
            parts[i] = part
        if part is not None or isinstance(call.function, (Group, Routine)):
            known.update(call.results)
    return parts


# -- single numbers -------------------------------------------------------------------------------


def _number(call: Call) -> Part | None:
    """One operation on numbers, and on arrays without axes."""
    ufunc = _ufunc_of(call)
    casts = call.function == ".astype" and len(call.args) == 2 and set(call.kwargs) <= {"copy"}
    copies = call.function == ".copy" and len(call.args) == 1 and not call.kwargs
    targets = call.results or call.writes
    if (ufunc is None and not (casts or copies)) or len(targets) != 1 or (call.kwargs and not casts):
        return None
    (target,), sources = targets, call.args if ufunc is not None else call.args[:1]
    if target.shape or not isinstance(target.dtype, np.dtype) or (call.results and target.root is not target):
        return None
    if not all(_is_number(x) for x in sources):
        return None
    dtypes = (sources[0].dtype, target.dtype) if ufunc is None else loop_dtypes(ufunc, sources)
    if not all(isinstance(dtype, np.dtype) for dtype in dtypes):
        return None
    member = Member(call, "cast" if ufunc is None else ufunc.__name__, sources, target, dtypes)
    if not fits(member, KINDS):
        return None

    def write(lines: Lines) -> None:
        operands = [lines.operand(x, dtype) for x, dtype in zip(sources, dtypes, strict=False)]
        lines.put(target, (), expression(member, operands, KINDS))

    return Part(call, write, 1, is_alone=target.root.kind != RESULT)


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


# -- elements of arrays ---------------------------------------------------------------------------


def _moved(call: Call) -> Part | None:
    """One element of an array, a number as an array, zeros, and numbers side by side."""
    if len(call.results) + len(call.writes) != 1 or (call.kwargs and call.function is not np.zeros_like):
        return None
    (z,), sources, function = (call.results or call.writes), call.args, call.function
    pairs: list[tuple[Any, Any, tuple[int, ...], tuple[int, ...]]] = []  # (to, from, index there, index here)
    if function is operator.getitem and not z.is_array and isinstance(sources[0], Value):
        place = _place(*sources)
        pairs, sources = [] if place is None else [(z, sources[0], (), place)], sources[:1]
    elif function is operator.setitem and call.writes and z.kind == RESULT and _is_number(sources[2]):
        place = _place(*sources[:2])
        pairs, sources = [] if place is None else [(z, sources[2], place, ())], sources[2:]
    elif function is np.zeros_like and 0 < math.prod(z.shape) <= _MOST:
        pairs, sources = [(z, 0, index, ()) for index in np.ndindex(z.shape)], ()
    elif function is np.stack and len(sources) == 2 and sources[1] == 0 and len(z.shape) == 1 and z.shape[0] <= _MOST:
        sources = sources[0]
        pairs = [(z, x, (k,), ()) for k, x in enumerate(sources)]
        pairs = pairs if all(not getattr(x, "shape", (1,)) for x in sources) else []
    elif _is_wrapped(call):
        sources = sources[:1]
        pairs = [(z, sources[0], (0,) * len(z.shape), ())]
    alike = all(isinstance(x, Value) and x.dtype == z.dtype for x in sources)
    if not pairs or not alike or z.dtype not in TYPES or z.root is not z or z in sources:
        return None

    def write(lines: Lines) -> None:
        for to, x, there, here in pairs:
            text = number(x, z.dtype) if not isinstance(x, Value) else lines.element(x, here)
            lines.put(to, there, text)

    return Part(call, write, len(pairs))


def _is_wrapped(call: Call) -> bool:
    """Whether a call makes an array of one number, or a number of the same."""
    (z,) = call.results or call.writes
    function, args = call.function, call.args
    if not args or not isinstance(args[0], Value) or args[0].is_array or call.writes:
        return False
    if function in (np.reshape, ".reshape"):
        return len(args) == 2
    return function is np.asarray and len(args) == 1 and z.is_array and not z.shape


def _place(x: Value, index: Any) -> tuple[int, ...] | None:
    """The index of one element; None where it is not that of one."""
    places = index if isinstance(index, tuple) else (index,)
    if len(places) != len(x.shape) or not all(type(i) is int for i in places) or min(x.strides, default=0) < 0:
        return None
    if any(stride % x.dtype.itemsize for stride in x.strides):
        return None
    return tuple([i % n for i, n in zip(places, x.shape, strict=True)])


# -- loops of few numbers -------------------------------------------------------------------------


def _written_out(call: Call, places: Places) -> Part | None:
    """A loop of few turns, each of them written."""
    group: Group = call.function
    size = sum(math.prod(x.shape) for x in group.members)
    values = [*group.inputs, *[member.target for member in group.members]]
    is_known = all(not value.is_array or places.of(value) is not None for value in values)
    writes_own = all(value.root.kind == RESULT for value in group.writes)
    if group.size > _MOST or size > 4 * _MOST or not is_known or not writes_own:
        return None
    return Part(call, functools.partial(_turns, group), size, is_loop=True)


def _turns(group: Group, lines: Lines) -> None:
    for member in group.members:
        for index in np.ndindex(member.target.shape if member.axes is None else _left(member)):
            if member.axes is None:
                pairs = zip(member.operands, member.dtypes, strict=False)
                operands = [lines.operand(x, dtype, index) for x, dtype in pairs]
                lines.put(member.target, index, expression(member, operands))
            else:
                _fold(member, index, lines)


def _left(member: Member) -> tuple[int, ...]:
    """The shape of a reduction's operand, with 1 for each axis that is reduced."""
    (x,), axes = member.operands, member.axes or ()
    return tuple([1 if axis in axes else n for axis, n in enumerate(x.shape)])


def _fold(member: Member, index: tuple[int, ...], lines: Lines) -> None:
    """The reduction for one place of what is left."""
    (x,), dtype, axes = member.operands, member.dtypes[0], member.axes or ()
    kind = TYPES[dtype]
    start, _, combine = REDUCTIONS[member.op]
    total = start.format(type=kind)
    for turn in np.ndindex(tuple([n if axis in axes else 1 for axis, n in enumerate(x.shape)])):
        element = lines.operand(x, dtype, tuple(map(sum, zip(index, turn, strict=True))))
        total = lines.name(f"{kind}({combine.format(total, element)})")
    if member.op == "mean":
        total = f"{total} / {kind}({math.prod(x.shape[axis] for axis in axes)})"
    shape = member.target.shape
    place = index if len(shape) == len(index) else tuple([i for axis, i in enumerate(index) if axis not in axes])
    lines.put(member.target, place, total)
