"""Labels, lookups and sums of squares as kernels, so that a segment goes on through a loss of classes.

An index is looked at before it is used: where one is out of range, a condition of the program does not hold, and the
step runs as it is written, which raises NumPy's error. A lookup whose condition came after a write stays with NumPy.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minigrad.compiler.backends.cache import Compiler
from minigrad.compiler.backends.kernel_expressions import TYPES
from minigrad.compiler.backends.native_products import LARGEST, dense, may_overlap
from minigrad.compiler.backends.segments import Routine
from minigrad.compiler.passes.conditions import with_conditions_first
from minigrad.compiler.program import RESULT, Call, Host, Program, Value
from minigrad.kernels.scattering import reduce_segments, scatter_add, scatter_rows

#: Numbers of a row that are looked at in a loop that is written out.
_SHORT = 16

_WHOLE = np.dtype("int64"), np.dtype("uint64")

_ROWS = """
def kernel(first, last, rows, step, size, count, width, {names}):
    n = np.uint64(size)
    m = np.uint64(width)
    for k in range(np.uint64(count)):
        i = at[k]
        u = min(np.uint64(i + size if i < 0 else i), n - np.uint64(1))
        for j in range(m):
            {line}
"""
_LOOKUP = _ROWS.format(names="x, at, z", line="z[k * m + j] = x[u * m + j]")
_PUT = _ROWS.format(names="at, x, z", line="z[u * m + j] = x[k * m + j]")

#: Rows are added where an index says, to zeros.
_ADD = """
def kernel(first, last, rows, step, size, count, width, x, at, z):
    n = np.uint64(size)
    m = np.uint64(width)
    for k in range(n * m):
        z[k] = {kind}(0)
    for k in range(np.uint64(count)):
        i = at[k]
        u = min(np.uint64(i + size if i < 0 else i), n - np.uint64(1))
        for j in range(m):
            z[u * m + j] = z[u * m + j] + x[k * m + j]
"""

_IN_RANGE = """
def kernel(first, last, rows, step, size, count, at, z):
    bad = False
    for k in range(np.uint64(count)):
        i = at[k]
        bad = bad or i >= size or i < -size
    z[np.uint64(0)] = not bad
"""

_FOLD = """
def kernel(first, last, rows, step, count, x, z):
    total = {start}
    for k in range(np.uint64(count)):
        total = {line}
    z[np.uint64(0)] = total
"""

#: A width that is short stands in the text, where the loop is written out.
_ARGMAX = """
def kernel(first, last, rows, step, count, width, x, z):
    n{n} = np.uint64({size})
    for i in range(np.uint64(count)):
        most = x[i * n{n}]
        place = i8(0)
        for j in range(n{n}):
            v = x[i * n{n} + j]
            more = v > most{nan}
            most = v if more else most
            place = i8(j) if more else place
        z[i] = place
"""

#: Lanes add up 256 numbers in their own type, and float64 what they make of them: the speed of one, the digits of both.
_DOT = """
def kernel(first, last, rows, step, count, x, w, z):
    n = np.uint64(count)
    total = f8(0)
    for p in range((n + np.uint64(255)) // np.uint64(256)):
        part = {kind}(0)
        for k in range(p * np.uint64(256), min(n, (p + np.uint64(1)) * np.uint64(256))):
            part = summed(part, x[k] * w[k])
        total = total + f8(part)
    z[np.uint64(0)] = {kind}(total)
"""


def lookup_calls(calls: list[Call], program: Program, compiler: Compiler) -> tuple[list[Call], list[Routine]]:
    """The calls, with kernels for lookups by an array of indices, and writes by one.

    They have conditions: a run ends where an index is out of range.
    """
    result, routines = _with_kernels(calls, program, compiler)
    ordered = with_conditions_first(result)
    return (calls, []) if ordered is None else (ordered[0], routines)  # None: a condition depends on what is written


def _with_kernels(calls: list[Call], program: Program, compiler: Compiler) -> tuple[list[Call], list[Routine]]:
    result: list[Call] = []
    routines: list[Routine] = []
    checked: set[tuple[Value, int]] = set()
    for call in calls:
        routine = _lookup(call, compiler)
        if routine is None:
            result.append(call)
            continue
        index, size = routine.values[call.results != []], routine.numbers[0]
        if not _may_be_left(index, result):
            result.append(call)
            continue
        if (index, size) not in checked:
            checked.add((index, size))
            result += _condition(index, size, call, program, compiler, routines)
        routines.append(routine)
        result.append(routine.instead(call))
    return result, routines


def _may_be_left(index: Value, calls: list[Call]) -> bool:
    """Whether a run may end behind some calls, where an index is out of range; what they write comes later then.

    Not where the index itself was written. What is drawn is put back by who runs the program.
    """
    written = [value.root for call in calls for value in call.writes if value.root.kind == index.root.kind]
    return not any(may_overlap(root, index.root) for root in written)


def _condition(
    index: Value, size: int, call: Call, program: Program, compiler: Compiler, routines: list[Routine]
) -> list[Call]:
    """That all indices are in range."""
    holds = program.new(RESULT, np.bool_(True))
    program.may_be_left = True
    numbers = (size, math.prod(index.shape))
    routines.append(Routine("in_range", compiler.kernel(_IN_RANGE), numbers, (index, holds)))
    looked = Call(routines[-1], (index,), {}, [holds], []).beside(call)
    return [looked, Call(Host("assume", expected=True), (holds,), {}, [], []).beside(call)]


def _lookup(call: Call, compiler: Compiler) -> Routine | None:
    """``x[index]`` or ``x[index] = values``, for rows and indices in one run of memory each."""
    if isinstance(call.function, str) or call.is_host:
        return None
    if call.function in _SUMS and len(call.results) == 1 and not call.kwargs:
        return _added(call, compiler)
    if (call.function is operator.getitem or _takes_rows(call)) and len(call.results) == 1:
        x, index = call.args[:2]
        rows = call.results[0]
    elif call.function is operator.setitem and len(call.writes) == 1:
        x, index, rows = call.args
    else:
        return None
    if not all(isinstance(v, Value) and v.is_array and v.strides == dense(v) for v in (x, index, rows)):
        return None
    fits = index.dtype == _WHOLE[0] and x.shape and x.shape[0] and rows.shape == (*index.shape, *x.shape[1:])
    if not fits or x.dtype not in TYPES or rows.dtype != x.dtype or not 0 < math.prod(rows.shape) <= LARGEST:
        return None
    numbers = (x.shape[0], math.prod(index.shape), math.prod(x.shape[1:]))
    if call.results:
        return None if rows.root is not rows else Routine("take", compiler.kernel(_LOOKUP), numbers, (x, index, rows))
    apart = x.root not in (rows.root, index.root) and all(v.root.kind == RESULT for v in (rows, x))
    return Routine("put", compiler.kernel(_PUT), numbers, (index, rows, x)) if apart else None


def _takes_rows(call: Call) -> bool:
    """Whether a call of ``np.take`` is a lookup along the first axis."""
    if call.function is not np.take or not all(isinstance(x, Value) for x in call.args[:2]):
        return False
    axis = call.kwargs.get("axis") if len(call.args) == 2 else call.args[2]
    is_first = axis == 0 or (axis is None and len(call.args[0].shape) == 1)
    return is_first and len(call.args) <= 3 and call.kwargs.keys() <= {"axis"}


def _added(call: Call, compiler: Compiler) -> Routine | None:
    """Rows added up where an index along the first axis says, in one run of memory each: of any size."""
    operands, z = _SUMS[call.function](*call.args), call.results[0]
    if operands is None or not all(
        isinstance(x, Value) and x.is_array and x.strides == dense(x) for x in (*operands, z)
    ):
        return None
    x, index = operands
    fits = index.dtype == _WHOLE[0] and z.shape and z.shape[0] and x.shape == (*index.shape, *z.shape[1:])
    if not fits or z.dtype not in TYPES or z.dtype.kind != "f" or x.dtype != z.dtype or z.root is not z:
        return None
    numbers = (z.shape[0], math.prod(index.shape), math.prod(z.shape[1:]))
    return Routine("scatter_add", compiler.kernel(_ADD.format(kind=TYPES[z.dtype])), numbers, (x, index, z))


#: Functions that add up rows: what is added, and where, of their arguments; None where they do another thing.
_SUMS: dict[Any, Callable[..., Any]] = {
    scatter_add: lambda x, index, _: (x, index),
    scatter_rows: lambda x, index, _: (x, index),
    reduce_segments: lambda ufunc, x, ids, _, empty: (x, ids) if (ufunc, empty) == ("add", 0) else None,
}


def _reduction(call: Call, compiler: Compiler) -> Routine | None:
    """A number made of all elements of an array, or of two vectors."""
    z = call.results[0] if len(call.results) == 1 else None
    if z is None or z.shape or z.is_array or call.writes:
        return None
    if call.function is np.vdot and not call.kwargs:
        return _dot(call, z, compiler)
    x = call.args[0] if len(call.args) == 1 and call.kwargs in ({}, {"axis": None}) else None
    fold = _FOLDS.get(call.function)
    if fold is None or not isinstance(x, Value) or not x.shape or not _is_one_run(x):
        return None
    size = math.prod(x.shape)
    if x.dtype not in fold.given or z.dtype not in fold.made or not 0 < size <= fold.largest:
        return None
    if fold.wants_axis and not call.kwargs and (len(x.shape) > 1 or fold.name == "largest"):
        return None  # a ufunc's own reduction is along the first axis
    text = _FOLD.format(start=fold.start, line=fold.line)
    return Routine(fold.name, compiler.kernel(text), (size,), (x, z))


def _is_one_run(x: Value) -> bool:
    """Whether the elements lie in one run of memory, in whatever order of the axes."""
    axes = sorted(range(len(x.shape)), key=lambda axis: (-x.strides[axis], -x.shape[axis]))
    steps = [math.prod([x.shape[b] for b in axes[i + 1 :]]) * x.dtype.itemsize for i in range(len(axes))]
    return all(x.shape[a] == 1 or x.strides[a] == step for a, step in zip(axes, steps, strict=True))


def _dot(call: Call, z: Value, compiler: Compiler) -> Routine | None:
    x, w = call.args
    alike = all(isinstance(v, Value) and v.is_array and v.dtype == z.dtype and v.shape == x.shape for v in (x, w))
    if not alike or z.dtype.kind != "f" or z.dtype not in TYPES or len(x.shape) != 1:
        return None
    if x.strides != dense(x) or w.strides != dense(w) or not 0 < x.shape[0] <= 16 * LARGEST:
        return None
    return Routine("vdot", compiler.kernel(_DOT.format(kind=TYPES[z.dtype])), x.shape, (x, w, z))


class _Fold(NamedTuple):
    """How elements become one number: dtypes that go in and come out, the most elements, the start and a turn."""

    name: str
    given: tuple[np.dtype, ...]
    made: tuple[np.dtype, ...]
    largest: int
    start: str
    line: str
    wants_axis: bool = False  # whether all axes are meant only where the call says so


_BOOL = (np.dtype(bool),)
_ALL = _Fold("all_", _BOOL, _BOOL, 16 * LARGEST, "True", "total & (x[k] != b1(0))")
_ANY = _Fold("any_", _BOOL, _BOOL, 16 * LARGEST, "False", "total | (x[k] != b1(0))")
_COUNT = _Fold("count", _BOOL, _WHOLE[:1], 16 * LARGEST, "i8(0)", "total + i8(x[k])")
_MOST = _Fold("largest", _WHOLE, _WHOLE, LARGEST, "x[np.uint64(0)]", "max(total, x[k])", True)
_FOLDS: dict[Any, _Fold] = {
    np.all: _ALL,
    ".all": _ALL,
    np.any: _ANY,
    ".any": _ANY,
    np.sum: _COUNT,
    ".sum": _COUNT,
    np.add.reduce: _COUNT._replace(wants_axis=True),
    np.maximum.reduce: _MOST,
    np.minimum.reduce: _MOST._replace(line="min(total, x[k])"),
}


def _places(call: Call, compiler: Compiler) -> Routine | None:
    """Where the largest number of each row lies: the first NaN, where there is one."""
    options = dict(zip(("axis", "out"), call.args[1:], strict=False)) | call.kwargs
    if options.keys() != {"axis"} or len(call.results) != 1:
        return None
    x, z = call.args[0], call.results[0]
    if not isinstance(x, Value) or len(x.shape) < 2 or options["axis"] not in (-1, len(x.shape) - 1):
        return None
    lies = x.strides == dense(x) and z.is_array and z.strides == dense(z) and z.root is z
    if not lies or x.dtype not in TYPES or x.dtype.kind == "b" or not 0 < math.prod(x.shape) <= LARGEST:
        return None
    width, nan = x.shape[-1], " or (v != v and most == most)" if x.dtype.kind == "f" else ""
    n, size = (width, width) if width <= _SHORT else (0, "width")
    text = _ARGMAX.format(n=n, size=size, nan=nan)
    return Routine("argmax", compiler.kernel(text), (math.prod(z.shape), width), (x, z))


#: What makes a loop for a call of a function.
REDUCTIONS: dict[Any, Any] = {
    **dict.fromkeys([np.vdot, *_FOLDS], _reduction),
    **dict.fromkeys([np.argmax, ".argmax"], _places),
}
