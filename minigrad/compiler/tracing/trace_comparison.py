"""Two recordings held against each other: what differs between them changes from call to call.

A recording sees the numbers of one call. Whether a number in it is a constant or the third value of a counter, one
call cannot tell. So a step is recorded twice before it is ever replayed, and both programs must be the same to the
last bit of every constant.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.compiler.guards.python_state import Fresh, Whole
from minigrad.compiler.program import CAPTURE, Call, Out, Program, Value
from minigrad.compiler.tracing.counts import Told
from minigrad.core.trees import attributes_of, flat, is_record
from minigrad.errors import CompileError

_PLAIN = (str, bytes, int, float, complex, type(None), np.generic)


class VariesError(CompileError):
    """A constant that is not what it was. It may have changed once: then a third recording agrees with this one."""


def difference(first: Program, second: Program) -> str:
    """How the calls of two programs differ, or "".

    Raises ``VariesError`` where only a constant does, and ``CompileError`` for an array that no name leads to.
    """
    for before, after in zip(first.calls, second.calls, strict=False):
        if not _same_function(before, after) or not _same(before.results, after.results):
            return f"at\n  {after.place}"
        # Where the user ignores an error anyway, a formula's own np.errstate is not seen.
        after.errors = before.errors | after.errors
        if not _same((before.args, before.kwargs), (after.args, after.kwargs)):
            if _shape_of((before.args, before.kwargs)) != _shape_of((after.args, after.kwargs)):
                return f"at\n  {after.place}"
            raise VariesError(
                f"mg.compile: a number in the step differs from call to call, and a program would keep the first:\n  "
                f"{after.place}\n{_difference(before, after)}pass it to the compiled function as an argument"
            )
    if len(first.calls) != len(second.calls):
        longer = max(first.calls, second.calls, key=len)
        return f"at\n  {longer[min(len(first.calls), len(second.calls))].place}"
    for one, other in ((first.reads, second.reads), (first.effects, second.effects)):
        if len(one) != len(other) or not all(x.is_like(y) for x, y in zip(one, other, strict=True)):
            return "in what it keeps in Python"
    if not _same(first.outputs, second.outputs):
        return f"in what is returned{_of_other_objects(first.outputs, second.outputs)}"
    if [leaf for leaf, _ in first.gradients] != [
        leaf for leaf, _ in second.gradients
    ] or first.cleared != second.cleared:
        return "in the gradients that are there after the step"
    _check_captures(first, second)
    return ""


def _of_other_objects(one: Any, other: Any) -> str:
    """Which objects that are returned are others in each call, for an error."""
    pairs = [(a, b) for a, b in zip(flat(one), flat(other), strict=False) if not isinstance(b, (Out, Told, *_PLAIN))]
    names = [type(b.now() if isinstance(b, Whole) else b).__name__ for a, b in pairs if not _same(a, b)]
    what = "which it makes in each call: return what is in it, in a tuple, list, set, dict or dataclass"
    return f" ({' and '.join(names)}, {what})" if names else ""


def _check_captures(first: Program, second: Program) -> None:
    """Arrays from outside: the same object in both calls, or the same numbers."""
    places = {value: call.place for call in second.calls for value in call.values}
    for before, after in zip(first.of_kind(CAPTURE), second.of_kind(CAPTURE), strict=True):
        one, other = before.origin, after.origin
        if _same_memory(one, other):
            if not after.name and other.flags.writeable and one is other:
                raise CompileError(
                    "mg.compile: an array is used that is not found from the function's names (closures, globals, "
                    f"attributes), so a change of it would not be noticed:\n  {places.get(after)}\n"
                    "pass it to the compiled function as an argument"
                )
        elif same_bits(one, other):
            after.is_new = True
        else:
            raise VariesError(
                f"mg.compile: {after.name or 'an array'} from outside differs from call to call (data, or random "
                f"numbers), and a program keeps the first:\n  {places.get(after)}\npass it to the compiled function "
                "as an argument"
            )


def _difference(before: Call, after: Call) -> str:
    pairs = zip(flat((before.args, before.kwargs)), flat((after.args, after.kwargs)), strict=True)
    return "".join(f"it was {a!r:.60}, and is {b!r:.60}; " for a, b in pairs if not _same(a, b))


def _shape_of(tree: Any) -> Any:
    """The nesting of arguments, without numbers."""
    return [type(leaf) for leaf in flat(tree)]


def _same_function(one: Call, other: Call) -> bool:
    if one.is_host and other.is_host:
        same = (one.function.kind, one.function.expected) == (other.function.kind, other.function.expected)
        return same and one.function.owner is other.function.owner and one.function.function is other.function.function
    return bool(one.function == other.function) and one.phase == other.phase


def _same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, Value):
        return (one.number, one.kind, one.shape, one.dtype, one.strides, one.root.number) == (
            other.number,
            other.kind,
            other.shape,
            other.dtype,
            other.strides,
            other.root.number,
        ) and (one.kind == CAPTURE or one.origin is other.origin or one.origin == other.origin)
    if isinstance(one, Out):
        return (one.is_tensor, one.number) == (other.is_tensor, other.number) and _same(one.value, other.value)
    if isinstance(one, Told):
        return one.is_like(other)
    if isinstance(one, Whole):
        return one.held is other.held
    if isinstance(one, Fresh):
        return bool(one.like == other.like)
    if is_record(one):
        return _same(attributes_of(one), attributes_of(other))
    if isinstance(one, (tuple, list)):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, (np.ndarray, np.generic)):
        return same_bits(np.asarray(one), np.asarray(other))
    if isinstance(one, float):
        return one.hex() == float(other).hex()
    return one is other or bool(one == other)


def same_bits(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two arrays hold the same bits in the same shape and dtype."""
    return (one.shape, one.dtype) == (other.shape, other.dtype) and one.tobytes() == other.tobytes()


def same_numbers(one: np.ndarray, other: np.ndarray) -> bool:
    """The same bits, but for those of NaN: which of two NaNs a sum takes on depends on where the arrays lie."""
    if same_bits(one, other):
        return True
    if (one.shape, one.dtype) != (other.shape, other.dtype) or one.dtype.kind not in "fc":
        return False
    missing = np.isnan(one)
    return (
        bool(missing.any())
        and same_bits(np.where(missing, 0, one), np.where(np.isnan(other), 0, other))
        and bool((missing == np.isnan(other)).all())
    )


#: What rounding may come to where a backend sums in another order, by the bytes of a real number: of the largest number
#: of the array, or of 1 where that is larger.
ROUNDING = {2: 1e-2, 4: 1e-5, 8: 1e-12}


def same_to_rounding(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two arrays of one shape and dtype differ by no more than rounding; whole numbers must be equal."""
    if one.dtype.kind not in "fc" or (one.shape, one.dtype) != (other.shape, other.dtype):
        return same_bits(one, other)
    finite = np.isfinite(one)
    if not np.array_equal(one[~finite], other[~finite], equal_nan=True) or not np.isfinite(other[finite]).all():
        return False
    bound = ROUNDING[one.dtype.itemsize // (2 if one.dtype.kind == "c" else 1)]
    scale = max(1.0, float(np.max(np.abs(one[finite]), initial=0.0)))
    return bool((np.abs(one[finite] - other[finite]) <= bound * scale).all())


def _same_memory(one: np.ndarray, other: np.ndarray) -> bool:
    return one is other or (
        (one.shape, one.dtype, one.strides) == (other.shape, other.dtype, other.strides)
        and one.__array_interface__["data"] == other.__array_interface__["data"]
    )
