"""Conditions come before writes: where one does not hold, the step runs as it is written, on what was there before it.

In a step, a running mean may be written before the labels are looked at. Then the write, and what depends on it, moves
behind the last condition. Where a condition depends on what was written, as in the second half of a GAN's step, there
is no such order: the calls stay as they are, and a run copies what it may change, to put it back.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Hashable, Iterator
from typing import Any

import numpy as np

from minigrad.compiler.program import CAPTURE, RESULT, Call, Host, Program, Value


def conditions_first(program: Program) -> None:
    """Put calls that write into memory from outside behind the last condition, or note that this cannot be.

    Where that is possible they come behind all calls that may raise an error too: ``program.is_whole``. Where one
    comes after writes only because of its indices, a condition says before that they are in range.
    """
    ordered = with_conditions_first(program.calls, may_end)
    if ordered is None:
        checked = _with_ranges(program)
        ordered = with_conditions_first(checked, lambda call: may_end(call) and not _is_checked(call))
        if ordered is not None:
            program.calls[:] = checked
    program.is_whole = ordered is not None
    ordered = ordered or with_conditions_first(program.calls)
    if ordered is None:
        program.is_undone = True
        return
    calls, moved = ordered
    for call in moved:
        call.phase = program.calls[_last(program.calls, is_condition)].phase
    program.calls[:] = calls


def with_conditions_first(
    calls: list[Call], ends: Callable[[Call], bool] | None = None
) -> tuple[list[Call], list[Call]] | None:
    """Calls in such an order, and those that have moved; None where a condition depends on what was written.

    ``ends`` says by which calls a run may end, other than by conditions.
    """
    ends = ends or is_condition
    last = _last(calls, ends)
    moved: list[Call] = []
    ahead: list[Call] = []
    places = _Places()
    for call in calls[: last + 1]:
        first = not moved and not is_condition(call) and call is calls[last]  # it may raise before it writes
        if not (has_effect(call) or places.hold_back(call)):
            ahead.append(call)
        elif ends(call) and not first:
            return None
        else:
            moved.append(call)
            places.note(call)
    return [*ahead, *moved, *calls[last + 1 :]], moved


def _last(calls: list[Call], ends: Callable[[Call], bool]) -> int:
    """The number of the last call by which a run may end, or -1."""
    return max((i for i, call in enumerate(calls) if ends(call)), default=-1)


def is_condition(call: Call) -> bool:
    """Whether a call is a look at the data, with the answer that the program is for."""
    return call.is_host and call.function.kind == "assume"


#: Modules of functions that raise an error for some numbers, such as a singular matrix or an index out of range.
_RAISING = tuple(
    """
    numpy.linalg scipy minigrad.ops minigrad.core minigrad.kernels.scattering minigrad.kernels.triangular
    """.split()
)

#: Errors that depend on the numbers of a run, and are raised before anything is written where a program is whole.
_RAISED = (IndexError, np.linalg.LinAlgError)
#: Functions of NumPy's that raise a ValueError for some numbers.
_CHECKING = frozenset(
    {np.quantile, np.nanquantile, np.percentile, np.nanpercentile, np.choose, np.bincount}
    | {np.ravel_multi_index, np.unravel_index}
)


def raised(program: Program) -> tuple[type[Exception], ...]:
    """The errors after which all is as it was before a run."""
    if program.heeds_errors:  # by any call, perhaps behind a write
        return (*_RAISED, ValueError, FloatingPointError)
    if not (program.is_whole or program.is_undone):
        return ()
    checks = any(not call.is_host and _is_checking(call) for call in program.calls)
    return (*_RAISED, ValueError) if checks else _RAISED


def heeds(errors: dict[str, str]) -> bool:
    """Whether NumPy does more than warn of an error of its arithmetic, which machine code passes over."""
    return not {"ignore", "warn"}.issuperset(errors.values())


def calls_back(errors: dict[str, Any]) -> bool:
    """Whether NumPy calls a function of the user's, or writes to a log: what that does is no part of a program."""
    return not {"call", "log"}.isdisjoint(errors.values())


def _is_checking(call: Call) -> bool:
    return isinstance(call.function, Hashable) and call.function in _CHECKING


def may_end(call: Call) -> bool:
    """Whether a run may end by a call: it is a condition, or NumPy raises one of these errors for some numbers."""
    if call.is_host:
        return is_condition(call)
    return _is_raising(call) or bool(ranges(call.function, call.args, call.kwargs))


def _is_raising(call: Call) -> bool:
    """Whether NumPy may raise an error for other numbers than indices, or for any in a program inside."""
    inside = getattr(call.function, "programs", ())
    if any(may_end(each) for program in inside for each in program.calls):
        return True
    return str(getattr(call.function, "__module__", "")).startswith(_RAISING) or _is_checking(call)


def has_effect(call: Call) -> bool:
    """Whether a call changes something outside. Draws do not count: the runner puts generators back."""
    if call.is_host:
        return bool(call.function.kind == "finish")
    return any(value.root.kind != RESULT for value in call.writes)


class _Places:
    """The values that moving calls have made, read and written, in three sets, so that each call is looked at once."""

    def __init__(self) -> None:
        self._of: dict[bool, tuple[set[Value], set[Value], set[Value]]] = {}  # of steps of optimizers, and of the rest

    def note(self, call: Call) -> None:
        """One more of them."""
        results, read, wrote = self._of.setdefault(_is_step(call), (set(), set(), set()))
        results.update(value.root for value in call.results)
        read.update(value.root for value in call.values)
        wrote.update(value.root for value in call.writes)

    def hold_back(self, call: Call) -> bool:
        """Whether a call must stay behind one of them."""
        uses, writes = {value.root for value in [*call.values, *call.results]}, {value.root for value in call.writes}
        for of_steps, (results, read, wrote) in self._of.items():
            if of_steps and (_is_step(call) or is_condition(call)):
                if not is_condition(call):  # the steps of optimizers, in their order
                    return True
            elif not uses.isdisjoint(results) or _share(uses, wrote) or _share(writes, read):
                return True
        return False


def _is_step(call: Call) -> bool:
    """Whether it is Python of an optimizer's step, or of what a step reads of one."""
    return call.is_host and call.function.kind != "draw"


def _share(some: set[Value], others: set[Value]) -> bool:
    """Whether one of these places shares memory with one of those."""
    outside = [b for b in others if b.kind == CAPTURE]
    return not some.isdisjoint(others) or any(_overlap(a, b) for a in some if a.kind == CAPTURE for b in outside)


def _overlap(one: Value, other: Value) -> bool:
    if one is other:
        return True
    return one.kind == other.kind == CAPTURE and bool(np.may_share_memory(one.origin, other.origin))


# -- indices --------------------------------------------------------------------------------------


def _is_checked(call: Call) -> bool:
    """Whether a call raises nothing but an index out of range, for which there are conditions of their own."""
    return not (is_condition(call) or _is_raising(call))


def _with_ranges(program: Program) -> list[Call]:
    """The calls with a condition before each one that reads or writes where numbers say, once for the same numbers."""
    checked: list[Call] = []
    seen: set[tuple[Value, int]] = set()
    for call in program.calls:
        pairs = [] if call.is_host else ranges(call.function, call.args, call.kwargs)
        for numbers, size in pairs:
            if not isinstance(numbers, Value) or (numbers, size) in seen:
                continue
            seen.add((numbers, size))
            each: list[Value] = []
            for test, bound in ((np.greater_equal, -size), (np.less, size)):
                each.append(program.new(RESULT, np.ones(numbers.shape, bool)))
                checked.append(Call(test, (numbers, bound), {}, [each[-1]], []).beside(call))
            both, holds = program.new(RESULT, np.ones(numbers.shape, bool)), program.new(RESULT, np.bool_(True))
            checked.append(Call(np.logical_and, tuple(each), {}, [both], []).beside(call))
            checked.append(Call(np.all, (both,), {}, [holds], []).beside(call))
            checked.append(Call(Host("assume", expected=True), (holds,), {}, [], []).beside(call))
        checked.append(call)
        written = [value.root for value in call.writes]  # numbers that change are looked at anew
        seen = {pair for pair in seen if not any(_overlap(pair[0].root, root) for root in written)}
    return checked


_TAKING = (np.take, ".take", np.take_along_axis, np.put, np.put_along_axis)


def ranges(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[tuple[Any, int]]:
    """The arrays in a call whose numbers must lie within an axis, since NumPy raises an error else, and its length."""
    is_at = getattr(function, "__name__", "") == "at" and isinstance(getattr(function, "__self__", None), np.ufunc)
    if function in (operator.getitem, operator.setitem) or is_at:
        return [*numbers_in(args[1], args[0].shape)]
    if function not in _TAKING or kwargs.get("mode", "raise") != "raise":
        return []
    place = 3 if function is np.put_along_axis else 2
    axis = args[place] if len(args) > place else kwargs.get("axis")
    shape = args[0].shape if hasattr(args[0], "shape") else np.shape(args[0])
    return [(args[1], math.prod(shape) if axis is None or function is np.put else shape[axis])]


def numbers_in(index: Any, shape: tuple[int, ...]) -> Iterator[tuple[Any, int]]:
    """The arrays of numbers in an index, each with the length of its axis."""
    items = index if isinstance(index, tuple) else (index,)
    taken, axis = sum(map(_axes, items)), 0
    for x in items:
        if hasattr(x, "dtype") and x.dtype != bool:
            yield x, shape[axis]
        axis += len(shape) - taken if x is Ellipsis else _axes(x)


def _axes(x: Any) -> int:
    """How many axes of the array an item of an index stands for."""
    if x is None or x is Ellipsis:
        return 0
    return len(x.shape) if hasattr(x, "dtype") and x.dtype == bool else 1
