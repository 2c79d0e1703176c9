"""Calls that do the same to each element, or add up along axes: what one loop can do together."""

from __future__ import annotations

import math
import operator
from typing import Any, NamedTuple

import numpy as np

from minigrad.compiler.passes.angles import near_cos, near_sin
from minigrad.compiler.passes.lowering import IN_PLACE, OPERATORS, REDUCTIONS
from minigrad.compiler.passes.unpacked import gelu, gelu_slope
from minigrad.compiler.program import Call, Value
from minigrad.kernels.normal import normal_cdf

#: The package's own elementwise functions.
_OWN: dict[Any, str] = {function: function.__name__ for function in (normal_cdf, gelu, gelu_slope, near_sin, near_cos)}

#: What NumPy's ``**`` does with these numbers, instead of its power.
_POWERS: dict[Any, str] = {2: "square", 0.5: "sqrt", 1: "positive", -1: "reciprocal"}


class Member(NamedTuple):
    """One step of a loop: ``target = op(operands)``, or a reduction of its one operand over ``axes``."""

    call: Call
    op: str  # NumPy's name of the ufunc, "where", or "cast"
    operands: tuple[Any, ...]  # values and numbers
    target: Value
    dtypes: tuple[np.dtype, ...]  # what the operands are cast to, and what comes out
    axes: tuple[int, ...] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the loop."""
        return self.operands[0].shape if self.axes is not None else self.target.shape

    @property
    def values(self) -> list[Value]:
        """The values among the operands."""
        return [x for x in self.operands if isinstance(x, Value)]


def member_of(call: Call) -> Member | None:
    """The call as a step of a loop, or None."""
    function, args, kwargs = call.function, call.args, call.kwargs
    target = call.results[0] if len(call.results) == 1 else call.writes[0] if len(call.writes) == 1 else None
    if target is None or call.is_host or not all(_is_plain(x) for x in args):
        return None
    if call.results and call.results[0].root is not call.results[0]:
        return None
    if function in IN_PLACE:
        return _step(call, IN_PLACE[function], args, target)
    power = function is operator.pow and target.is_array and not isinstance(args[1], Value) and args[1] in _POWERS
    if power and args[0].dtype.kind == "f":
        return _step(call, getattr(np, _POWERS[args[1]]), args[:1], target)
    if function in OPERATORS and OPERATORS[function].signature is None:
        return _step(call, OPERATORS[function], args, target)
    if isinstance(function, np.ufunc) and function.signature is None and function.nout == 1 and set(kwargs) <= {"out"}:
        return _step(call, function, args[: function.nin], target)
    if function is np.where and len(args) == 3 and not kwargs:
        dtype = target.dtype
        return Member(call, "where", args, target, (np.dtype(bool), dtype, dtype, dtype)) if target.is_array else None
    if function in _OWN and len(args) == 1 and not kwargs and isinstance(args[0], Value) and target.is_array:
        return Member(call, _OWN[function], args, target, (args[0].dtype, target.dtype))
    copies = function == ".copy" and len(args) == 1 and not kwargs
    casts = function == ".astype" and len(args) == 2 and set(kwargs) <= {"copy"}
    if (copies or casts) and target.is_array:
        return Member(call, "cast", args[:1], target, (args[0].dtype, target.dtype))
    return _reduction(call, function, args, kwargs, target)


def _step(call: Call, ufunc: np.ufunc, operands: tuple[Any, ...], target: Value) -> Member | None:
    if not target.is_array or not all(isinstance(x, (Value, bool, int, float, np.generic)) for x in operands):
        return None
    return Member(call, ufunc.__name__, operands, target, loop_dtypes(ufunc, operands))


def _reduction(
    call: Call, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], target: Value
) -> Member | None:
    """Sums, means, maxima and minima of an array over some of its axes."""
    is_mean = function in (np.mean, ".mean")
    ufunc = np.add if is_mean else REDUCTIONS.get(function)
    axis: Any = None
    owner = getattr(function, "__self__", None)
    if ufunc is None and isinstance(owner, np.ufunc) and function.__name__ == "reduce":
        ufunc, axis = owner, 0
    if ufunc not in (np.add, np.maximum, np.minimum) or not args or call.writes:
        return None
    options = {"axis": axis} | dict(zip(("axis", "dtype", "out", "keepdims"), args[1:], strict=False)) | kwargs
    operand = args[0]
    if ufunc is np.maximum and options.get("initial") == -math.inf:
        del options["initial"]
    if not isinstance(operand, Value) or not operand.shape or options.keys() - {"axis", "keepdims"}:
        return None
    axis, ndim = options["axis"], len(operand.shape)
    axes = range(ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if ufunc is np.add and operand.dtype.kind != "f":
        return None  # sums of integers and of bools have a wider type
    dtypes = (operand.dtype, operand.dtype)
    name = "mean" if is_mean else ufunc.__name__
    axes = tuple(sorted(a % ndim for a in axes))
    if all(operand.shape[axis] == 1 for axis in axes):
        return None  # in a loop, what is reduced and what is not would look the same
    return Member(call, name, (operand,), target, dtypes, axes)


def loop_dtypes(ufunc: np.ufunc, operands: tuple[Any, ...]) -> tuple[np.dtype, ...]:
    """The types that NumPy's loop casts the operands to, and that it gives."""
    kinds = tuple(_kind(x) for x in operands)
    dtypes: tuple[np.dtype, ...] = ufunc.resolve_dtypes((*kinds, *(None,) * ufunc.nout))
    return dtypes


def _kind(x: Any) -> Any:
    """The dtype of an operand; Python's numbers adapt to the others."""
    kind = x.dtype if hasattr(x, "dtype") else type(x)
    return np.dtype(bool) if kind is bool else kind


def _is_plain(x: Any) -> bool:
    """Whether an argument is a value or a number, in no nesting."""
    return isinstance(x, (Value, bool, int, float, np.generic, type, np.dtype, type(None), tuple))
