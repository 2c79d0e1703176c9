"""Calls in the form that writes into a given array: the same arithmetic, without new memory.

``a + b`` becomes ``np.add(a, b, out)``, ``np.sum(a, axis)`` the reduction it stands for. Nothing here changes a bit:
NumPy runs the same loop over the same numbers. ``**`` stays as it is, since NumPy's operator takes short cuts that its
function does not.
"""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

import numpy as np

from minigrad.compiler.expressions import ARITHMETIC, COMPARISONS, SIGNS, in_place
from minigrad.compiler.program import Call, Value

#: Python's operators as ufuncs. ``**`` is missing: NumPy's operator takes short cuts.
OPERATORS: dict[Any, np.ufunc] = {
    getattr(operator, name): ufunc
    for name, (_, ufunc) in {**ARITHMETIC, **COMPARISONS, **SIGNS, "abs": ("", np.absolute)}.items()
    if name != "pow"
}
IN_PLACE: dict[Any, np.ufunc] = {
    in_place(name): ufunc for name, (_, ufunc) in ARITHMETIC.items() if name not in ("pow", "matmul")
}
REDUCTIONS: dict[Any, np.ufunc] = {
    np.sum: np.add,
    np.max: np.maximum,
    np.min: np.minimum,
    np.prod: np.multiply,
    ".sum": np.add,
    ".max": np.maximum,
    ".min": np.minimum,
    ".prod": np.multiply,
}
_METHODS: dict[Any, str] = {np.reshape: ".reshape", np.transpose: ".transpose", np.swapaxes: ".swapaxes"}


def may_be_positional(function: Any) -> bool:
    """Whether ``out`` may follow the arguments, the fastest way to pass it; of these two NumPy deprecates it."""
    return isinstance(function, np.ufunc) and function not in (np.maximum, np.minimum)


class Lowered(NamedTuple):
    """A call that may take ``out``: at the end of ``args``, or by name where there are ``kwargs``."""

    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    takes_out: bool
    elementwise: bool = False


def lowered(call: Call) -> Lowered:
    """The call as it is run."""
    function, args, kwargs = call.function, call.args, call.kwargs
    result = call.results[0] if len(call.results) == 1 else None
    makes_array = result is not None and result.is_array and result.root is result
    if function in IN_PLACE:
        return Lowered(IN_PLACE[function], (*args, args[0]), {}, False)
    if function in OPERATORS and makes_array:
        return Lowered(OPERATORS[function], args, {}, True, OPERATORS[function].signature is None)
    if isinstance(function, np.ufunc):
        free = makes_array and "out" not in kwargs and function.nout == 1
        if may_be_positional(function) and set(kwargs) == {"out"} and isinstance(kwargs["out"], tuple):
            return Lowered(function, (*args, *kwargs["out"]), {}, False)
        return Lowered(function, args, kwargs, free, function.signature is None)
    if function in REDUCTIONS and isinstance(args[0], Value) and args[0].is_array:
        options = dict(zip(("axis", "dtype", "out", "keepdims"), args[1:], strict=False)) | kwargs
        if set(options) <= {"axis", "keepdims"}:
            options = {"axis": None, **options}
            return Lowered(REDUCTIONS[function].reduce, args[:1], options, makes_array)
    if function in _METHODS and not kwargs and isinstance(args[0], Value) and args[0].is_array:
        return Lowered(_METHODS[function], args, kwargs, False)
    if getattr(function, "__name__", "") == "reduce" and isinstance(getattr(function, "__self__", None), np.ufunc):
        return Lowered(function, args, kwargs, makes_array and "out" not in kwargs)
    if function in (np.concatenate, np.stack):
        return Lowered(
            function, args, kwargs, makes_array and not {"out", "dtype"} & set(kwargs)
        )  # it takes one of them
    if function == ".copy" and len(args) == 1 and not kwargs:
        return Lowered(np.copyto, args, {}, makes_array)
    if function == ".astype" and len(args) == 2 and set(kwargs) <= {"copy"}:
        return Lowered(np.copyto, args[:1], {"casting": "unsafe"}, makes_array)
    return Lowered(function, args, kwargs, makes_array and getattr(function, "takes_out", False))
