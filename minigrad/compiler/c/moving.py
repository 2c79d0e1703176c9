"""Calls that move numbers as they are: copies, arrays one after the other, other layouts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.compiler.c.elementwise import copied
from minigrad.compiler.c.form import Form, RefusedError, options_of, word
from minigrad.compiler.c.places import Place
from minigrad.compiler.c.sketch import Sketch
from minigrad.compiler.program import Call, Value, on_numpy

#: The most numbers of a table that says where each element of a result comes from.
_TABLE = 65_536

#: Functions of one array that only move its elements, and take no others.
_MOVES = frozenset(
    getattr(np, name)
    for name in """
    tile repeat roll flip fliplr flipud rot90 diag diagonal ravel resize delete compress triu tril pad squeeze moveaxis
    """.split()
)

#: Functions that show an array in another way, by name.
_VIEWS = frozenset(
    """
    T transpose matrix_transpose permute_dims swapaxes moveaxis rollaxis squeeze expand_dims real diagonal flip fliplr
    flipud rot90 atleast_1d atleast_2d atleast_3d view
    """.split()
)


def joined(call: Call, form: Form) -> bool:
    """Arrays one after the other: ``concatenate``, ``stack``."""
    function = call.function
    if function not in (np.concatenate, np.stack):
        return False
    options = options_of(call, "axis", "out")
    if options.keys() - {"axis", "out", "dtype", "casting"}:
        raise RefusedError(f"{function.__name__} with {', '.join(options)}")
    parts = [form.operand(x) for x in call.args[0]]
    if not all(isinstance(x, Place) for x in parts):
        raise RefusedError(f"{function.__name__} of numbers")
    target = form.target(call.results[0] if call.results else call.writes[0])
    axis = options.get("axis", 0)
    if axis is None:
        parts = [form.dense(x).moved(lambda a: a.reshape(-1)) for x in parts]
        axis = 0
    axis %= len(target.shape)
    before = (slice(None),) * axis
    start = 0
    for part in parts:
        if function is np.stack:
            copied(form, part, target.moved(lambda a, k=start: a[(*before, k, ...)]))
            start += 1
        else:
            stop = start + part.shape[axis]
            copied(form, part, target.moved(lambda a, i=start, k=stop: a[(*before, slice(i, k))]))
            start = stop
    return True


def copies(call: Call, form: Form) -> bool:
    """Arrays filled with one number, and arrays in another shape or layout."""
    function, args = call.function, call.args
    name = word(function)
    if not call.results:
        return False
    target = form.target(call.results[0])
    if name in ("zeros_like", "ones_like", "zeros", "ones", "empty", "empty_like"):
        copied(form, int(name.startswith("ones")), target)
        return True
    if name in ("full_like", "full"):
        copied(form, form.operand(args[1] if len(args) > 1 else call.kwargs["fill_value"]), target)
        return True
    if name in ("reshape", "ravel", "flatten"):
        options = args[1:] if name != "reshape" else () if isinstance(function, str) else args[2:]
        order = options[0] if options else call.kwargs.get("order", "C")
        place = form.place(args[0])
        if order not in ("C", None, "K") or (name == "reshape" and order == "K"):
            raise RefusedError(f"{name} in another order")
        if order == "K":  # as the numbers lie in memory
            place = place.moved(lambda a: a.transpose(sorted(range(a.ndim), key=lambda axis: -abs(a.strides[axis]))))
        copied(form, form.dense(place).moved(lambda a: a.reshape(target.shape)), target)
        return True
    if name in ("copy", "array", "asarray", "ascontiguousarray", "astype", "asfortranarray", "broadcast_to"):
        copied(form, form.operand(args[0]), target)
        return True
    seen = _view(call, form)
    if seen is not None:
        copied(form, seen, target)
        return True
    if function in _MOVES:
        return _by_table(call, form, target)
    return False


def _view(call: Call, form: Form) -> Place | None:
    """What NumPy shows of an array without moving it, where its result has memory of its own in the program."""
    source = call.args[0] if call.args else None
    values = [*call.values]
    function = call.function
    name = word(function)
    if name not in _VIEWS or not isinstance(source, Value) or len(values) > 1 or not source.is_array or call.writes:
        return None
    place = form.place(source)
    try:
        return place.moved(lambda a: _shared(a, on_numpy(call.function, (a, *call.args[1:]), call.kwargs)))
    except (_MovedError, TypeError):
        return None


class _MovedError(Exception):
    """A function has made a copy."""


def _shared(before: Any, after: Any) -> Any:
    if not isinstance(after, np.ndarray) or after.dtype != before.dtype or not np.shares_memory(before, after):
        raise _MovedError
    return after


def _by_table(call: Call, form: Form, target: Place) -> bool:
    """A move whose way the file holds as a table: what it does to the numbers of the elements."""
    source = call.args[0]
    others = [x for x in (*call.args[1:], *call.kwargs.values()) if isinstance(x, Value)]
    if not isinstance(source, Value) or others or target.size > _TABLE:
        raise RefusedError(f"{call.function.__name__} of more than {_TABLE} numbers, or by computed ones")
    if call.function is np.pad:
        own = options_of(call, "pad_width", "mode")
        moves = own.get("mode", "constant") in ("constant", "edge", "wrap", "reflect", "symmetric")
        if not moves or own.get("constant_values", 0) not in (0, 0.0) or own.get("reflect_type", "even") != "even":
            raise RefusedError("pad in another mode")
    numbers = 1 + np.arange(math.prod(source.shape)).reshape(source.shape)
    positions = np.asarray(call.function(numbers, *call.args[1:], **call.kwargs))
    place = form.dense(form.place(source))
    table = form.constant(np.asarray(positions, np.int32, order="C"))
    sketch = Sketch()
    flat = place.of((place.size,), (1,))
    with sketch.loops(target.shape) as names:
        sketch.put(f"k = index({sketch.at(table, *names, name='from_')})")
        kind = place.kind.name
        sketch.put(f"{sketch.at(target, *names, name='z')} = {sketch.at(flat, 'k - 1')} if k > 0 else {kind}(0)")
    form.emit(sketch)
    return True
