"""Calls between loops as loops too, so that a segment goes on: products of small matrices, arrays one after the other.

BLAS is better at large products, and keeps them.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from minigrad.compiler.backends.cache import Compiler
from minigrad.compiler.backends.kernel_expressions import TYPES, dtype_name
from minigrad.compiler.backends.machine import alike
from minigrad.compiler.backends.product_loops import (
    by_columns,
    by_copied_columns,
    by_copied_rows,
    by_dots,
    by_rows,
    one_after_the_other,
)
from minigrad.compiler.backends.segments import Routine
from minigrad.compiler.program import CAPTURE, RESULT, Call, Value

#: Products up to which a loop is faster than a call of BLAS.
LARGEST = 65_536

#: Numbers of an inner loop from which on it is worth to be one.
SHORTEST = 8


def small_calls(
    calls: list[Call], compiler: Compiler, makers: Mapping[Any, Callable[[Call, Compiler], Routine | None]]
) -> tuple[list[Call], list[Routine]]:
    """The calls with loops in place of small ones; ``makers`` give them by the function, or None."""
    result, routines = [], []
    for call in calls:
        maker = None if call.is_host else makers.get(call.function)
        routine = None if maker is None else maker(call, compiler)
        result.append(call if routine is None else routine.instead(call))
        routines += [] if routine is None else [routine]
    return result, routines


def product(call: Call, compiler: Compiler) -> Routine | None:
    """The loop for a product, where there is one for how its matrices lie."""
    if call.kwargs or call.writes or len(call.args) != 2 or not all(isinstance(x, Value) for x in call.args):
        return None
    (x, w), (z,) = call.args, call.results
    if not alike(z.dtype, x, w, z) or not {len(x.shape), len(w.shape)} <= {1, 2}:
        return None
    is_row, is_column = len(x.shape) == 1, len(w.shape) == 1  # a vector is a matrix of one row, or of one column
    k, m, n = x.shape[-1], 1 if is_row else x.shape[0], 1 if is_column else w.shape[1]
    if not 0 < m * n * k <= LARGEST or any(s < 0 or s % z.dtype.itemsize for y in (x, w, z) for s in y.strides):
        return None
    shown = [(0, *x.strides)[-2:], (*w.strides, 0)[:2], (0, *z.strides) if is_row else (*z.strides, 0)[:2]]
    xi, xk, wk, wj, zi, zj = (s // z.dtype.itemsize for strides in shown for s in strides)
    dtype = dtype_name(z.dtype)
    if wj == 1 and zj == 1 and n >= SHORTEST:
        text = by_rows(m, k)
    elif xi == 1 and m >= SHORTEST:
        text = by_columns(n, k, dtype)
    elif xk < 2 <= 2 * SHORTEST <= k:
        text = by_dots(m, n, dtype, TYPES[z.dtype], xk == 0)
    elif zj == 1 and n >= SHORTEST:
        text = by_copied_rows(m, k, dtype)
    elif xk == 1:
        text = by_copied_columns(n, k, dtype)
    else:
        return None
    numbers: tuple[Any, ...] = (m, n, k, xi, xk, wk, wj, zi, zj)
    return Routine("matmul", compiler.kernel(text), numbers, (x, w, z))


def joined(call: Call, compiler: Compiler) -> Routine | None:
    """The loop for ``np.concatenate`` of all elements of arrays, each in one run of memory."""
    options = dict(zip(("axis", "out"), call.args[1:], strict=False)) | call.kwargs
    parts, z = call.args[0], call.results[0] if call.results else options.pop("out", None)
    dtype = options.pop("dtype", None)
    if options.keys() - {"axis"} or not isinstance(z, Value) or not isinstance(parts, (list, tuple)):
        return None
    if len(z.shape) != 1 or z.strides != dense(z) or any(z.root is x.root for x in parts if isinstance(x, Value)):
        return None
    if call.writes and any(isinstance(x, Value) and may_overlap(x.root, z.root) for x in parts):
        return None
    kind = parts[0].dtype if parts and isinstance(parts[0], Value) else None
    if kind != z.dtype and not (np.dtype(dtype or z.dtype) == z.dtype and (kind, z.dtype) in _WIDER):
        return None
    runs = all(isinstance(x, Value) and x.is_array and x.dtype == kind and x.strides == dense(x) for x in parts)
    runs = runs and (options.get("axis", 0) is None or all(len(x.shape) == 1 for x in parts))
    if not runs or options.get("axis", 0) not in (None, 0) or z.dtype not in TYPES or not 0 < z.shape[0] <= LARGEST:
        return None
    sizes = tuple([math.prod(x.shape) for x in parts])
    return Routine("concatenate", compiler.kernel(one_after_the_other(len(parts), TYPES[z.dtype])), sizes, (*parts, z))


#: (what is joined, what it becomes), where these are not the same: that NumPy casts so is known.
_WIDER = {(np.dtype("float32"), np.dtype("float64"))}


def may_overlap(one: Value, other: Value) -> bool:
    """Whether two values may look at one memory: arrays that are held are looked at, arguments may be anything."""
    if RESULT in (one.kind, other.kind):
        return one is other
    captured = one.kind == other.kind == CAPTURE
    return not captured or bool(np.may_share_memory(one.origin, other.origin))


def dense(value: Value) -> tuple[int, ...]:
    """The strides of an array in one run of memory, the last axis first."""
    return tuple([math.prod(value.shape[axis + 1 :]) * value.dtype.itemsize for axis in range(len(value.shape))])


#: What makes a loop for a call of a function.
PRODUCTS: dict[Any, Any] = {np.matmul: product, operator.matmul: product, np.concatenate: joined}
