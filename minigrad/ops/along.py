"""Inputs of functions that are made of ops: arrays of floats, and their parts along an axis.

All of it works on arrays and on Tensors.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core.conversion import as_data, familiar, numbers_of
from minigrad.core.inplace import cast_into
from minigrad.core.members import anywhere, everywhere
from minigrad.core.stands import Stand
from minigrad.core.table import ops
from minigrad.errors import BatchError, DTypeError


def given(x: Any) -> Any:
    """A plain array or Tensor as it is; a number or nested list as an array of the default dtype.

    Arrays of other libraries become plain ones. Raises ``DTypeError`` for what would lose something, such as a mask.
    """
    return x if type(x) is np.ndarray or hasattr(x, "_node") or isinstance(x, (np.generic, Stand)) else as_data(x)


def floating(x: Any) -> Any:
    """x, with integers and bools as float64, as NumPy's statistics have them."""
    x = given(x)
    return x.astype(np.float64) if x.dtype.kind in "iub" else x


def together(*values: Any) -> list[Any]:
    """Arguments in one floating precision: that of the floats among the arrays and Tensors, else float64.

    So numbers and lists of Python's, and arrays of whole numbers, neither widen a float32 nor lose digits beside a
    float64. Complex numbers stay complex. A list with Tensors in it is their stack.
    """
    items = [familiar(x) if _holds_none(x) else ops["stack"](*x) for x in values]
    known = [x.dtype for x in items if hasattr(x, "dtype") and x.dtype.kind in "fc"]
    precision = np.finfo(np.result_type(*known)).dtype if known else np.dtype(np.float64)
    return [_in(x, precision) for x in items]


def _holds_none(x: Any) -> bool:
    return not isinstance(x, (list, tuple)) or not any(hasattr(item, "_node") for item in x)


def _in(x: Any, precision: Any) -> Any:
    if isinstance(x, Stand) or hasattr(x, "dtype"):
        dtype = np.result_type(precision, np.complex64) if x.dtype.kind == "c" else precision
        return x if x.dtype == dtype else x.astype(dtype)
    x = np.asarray(x)
    if x.dtype.kind not in "fiubc":
        raise DTypeError(f"numbers are taken here, got {x!r:.60}")
    return x.astype(np.result_type(precision, np.complex64) if x.dtype.kind == "c" else precision)[()]


def first_true(mask: Any) -> int | None:
    """The number of the first element of a vector that is true, one for all members of a batch; None where none is.

    Raises ``BatchError`` where it differs from member to member.
    """
    if type(mask) is np.ndarray:
        there = np.flatnonzero(mask)
        return int(there[0]) if len(there) else None
    for n in range(len(mask)):
        if anywhere(mask[n]):
            if everywhere(mask[n]):
                return n
            raise BatchError(
                "vmap: how many zeros come first, or last, differs from member to member, and so would the shape of "
                "the result: call the function in a loop over the members"
            )
    return None


def nowhere(mask: Any) -> bool:
    """Whether a condition holds for no element, so that a formula need not choose: of plain arrays alone.

    A recorded array, or a Tensor, has a choice for each element instead: a program must hold for other values too.
    """
    return type(mask) in _PLAIN and not np.count_nonzero(mask)


_PLAIN = (np.ndarray, np.bool_)
_HALF = np.dtype(np.float16)


def widened(x: Any) -> Any:
    """x where its squares and sums have room: integers and bools as float64, float16 as float32."""
    x = given(x)
    dtype = x.dtype
    if dtype.kind == "f":
        return x.astype(np.float32) if dtype == _HALF else x
    return x.astype(np.float64) if dtype.kind in "iub" else x


def narrowed(z: Any, x: Any, *others: Any) -> Any:
    """The result z of ``widened`` arguments as float16, if all that were given are."""
    if getattr(x, "dtype", None) != _HALF:
        return z
    return z.astype(np.float16) if all(y is None or getattr(y, "dtype", None) == _HALF for y in others) else z


def summed(dtype: Any) -> Any:
    """The dtype in which ``np.sum`` adds up integers and bools of this one."""
    return np.add.reduce(np.zeros(0, dtype)).dtype


def summable(x: Any) -> Any:
    """Integers and bools in the dtype in which ``np.sum`` adds them up, so that small ones do not wrap."""
    return x.astype(summed(x.dtype)) if x.dtype.kind in "iub" else x


def require_real(what: str, *values: Any) -> None:
    """Raise ``DTypeError`` where one of these is complex."""
    for value in values:
        if isinstance(value, complex) or getattr(getattr(value, "dtype", None), "kind", "f") == "c":
            raise DTypeError(
                f"{what} is of real numbers, and the tensor given is complex: take its real, imag or abs first"
            )


def in_dtype(x: Any, dtype: np.dtype) -> Any:
    """Numbers, lists, an array or a Tensor, in a dtype. Raises ``DTypeError`` for None, text and what does not fit."""
    if dtype.kind in "iub":
        return cast_into(x, dtype)
    return numbers_of(x, dtype) if type(x) is np.ndarray or not hasattr(x, "dtype") else x.astype(dtype)


def beside(x: Any, other: Any) -> Any:
    """Weights or coordinates of the values x: in their own floating dtype, or else in the dtype of x.

    NumPy makes float64 of float32 values with weights of integers; here they stay float32. Beside integers it stays
    what it is.
    """
    other = given(other) if hasattr(other, "dtype") else other
    if hasattr(other, "dtype") and (other.dtype.kind in "fc" or x.dtype.kind not in "fc"):
        return other
    return numbers_of(other, x.dtype if x.dtype.kind in "fc" else None)


def part(x: Any, axis: int, start: int | None, stop: int | None, step: int | None = None) -> Any:
    """``x[start:stop:step]`` along ``axis``."""
    return x[(slice(None),) * (axis % len(x.shape)) + (slice(start, stop, step),)]


def backwards(x: Any, axis: int) -> Any:
    """x in reverse along ``axis``."""
    return part(x, axis, None, None, -1)


def delayed(x: Any, axis: int, first: float) -> Any:
    """x moved on by one place along ``axis``: its first elements are ``first``, its last ones drop out."""
    shape = [min(size, 1) if a == axis % len(x.shape) else size for a, size in enumerate(x.shape)]
    return np.concatenate([np.full(shape, first, x.dtype), part(x, axis, None, -1)], axis)
