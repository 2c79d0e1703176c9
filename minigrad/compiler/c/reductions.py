"""Sums, products, maxima, the places of maxima, and running totals, where they are in no group."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from minigrad.compiler.c.elementwise import dtype_at, expression, spelled
from minigrad.compiler.c.form import Form, RefusedError, options_of, word
from minigrad.compiler.c.kinds import dtype_of, kind_of
from minigrad.compiler.c.places import Place
from minigrad.compiler.c.sketch import Sketch, Walk
from minigrad.compiler.program import Call, Value

#: Ufuncs that reduce, and what the total of some begins with; that of the others begins with the first number, which
#: may be joined twice.
_REDUCING = frozenset(
    """
    add multiply maximum minimum fmax fmin logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor
    """.split()
)
_STARTS = {
    "add": "0",
    "multiply": "1",
    "bitwise_xor": "0",
    "logical_and": "True",
    "logical_or": "False",
    "logical_xor": "False",
}
_METHODS = {"sum": "add", "prod": "multiply", "max": "maximum", "min": "minimum", "all": "logical_and"}
_METHODS |= {"any": "logical_or", "mean": "add", "amax": "maximum", "amin": "minimum", "count_nonzero": "add"}


def reduction(call: Call, form: Form) -> bool:
    """A sum, a maximum, ``all`` ... over axes; whether the call was one."""
    name, ufunc, axis = _named(call.function)
    if not ufunc:
        return False
    if ufunc not in _REDUCING or not isinstance(call.args[0], Value):
        raise RefusedError(f"{name} by {ufunc}")
    options = _asked(call, name, axis)
    x = form.place(call.args[0])
    target = call.results[0] if call.results else call.writes[0]
    z, dtype = form.target(target), dtype_of(target.dtype)
    total, start, join = _total(ufunc, dtype, x)
    kind, initial = kind_of(total).name, options.get("initial")
    sketch = Sketch()
    nest = _Nest(sketch, x, z, options["axis"])
    if nest.count == 0 and not start and initial is None:
        raise RefusedError(f"{name} of nothing")
    with nest.outer() as (first, place):
        sketch.put(f"total = {spelled(initial, total) if initial is not None else f'{kind}({start or first})'}")
        with nest.inner() as (element, _):
            counted = " != 0" if name == "count_nonzero" and x.kind.family != "b" else ""
            sketch.put(f"total = {join.format('total', f'{kind}({element}{counted})')}")
        share = f" / {kind}({nest.count})" if name == "mean" else ""
        sketch.put(f"{place} = {kind_of(dtype).name}(total{share})")
    form.emit(sketch)
    return True


class _Nest:
    """The loops of a reduction of x along some axes, into z."""

    def __init__(self, sketch: Sketch, x: Place, z: Place, axis: Any) -> None:
        ndim = len(x.shape)
        axes = [a % ndim for a in (range(ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,))]
        others = [a for a in range(ndim) if a not in axes]
        shape, within = tuple(x.shape[a] for a in others), tuple(x.shape[a] for a in axes)
        steps = z.strides if len(z.shape) == len(others) else [z.strides[a] for a in others if len(z.shape) == ndim]
        places = [x.of(shape, tuple(x.strides[a] for a in others)), z.of(shape, tuple(steps))]
        self._sketch, self._x, self._z = sketch, x, z
        self._outer, self._names = Walk(shape, places), [""]
        self._inner = Walk(within, [x.of(within, tuple(x.strides[a] for a in axes))])
        self.count = math.prod(within)

    @contextmanager
    def outer(self) -> Iterator[tuple[str, str]]:
        """Over what is kept: the first element that is reduced, and the place of the result."""
        with self._sketch.loops(self._outer.sizes) as self._names:
            first = f"{self._sketch.array(self._x)}[{self._outer.at(0, self._names)}]"
            yield first, f"{self._sketch.array(self._z, 'z')}[{self._outer.at(1, self._names)}]"

    @contextmanager
    def inner(self) -> Iterator[tuple[str, list[str]]]:
        """In it, over what is reduced: an element, and the counters."""
        with self._sketch.loops(self._inner.sizes, "j") as names:
            parts = self._outer.at(0, self._names), self._inner.at(0, names)
            yield f"{self._sketch.array(self._x)}[{' + '.join(t for t in parts if t != '0') or '0'}]", names


def _named(function: Any) -> tuple[str, str, Any]:
    """The name of a reduction, the ufunc that it is made of ("" for anything else), and its axis where none is said."""
    owner = getattr(function, "__self__", None)
    name = word(function)
    if isinstance(owner, np.ufunc) and name == "reduce":
        return name, owner.__name__, 0
    known = name in _METHODS and (isinstance(function, str) or getattr(np, name, None) is function)
    return name, _METHODS[name] if known else "", None


def _asked(call: Call, name: str, axis: Any) -> dict[str, Any]:
    """The options of a call, by name; one that has no form here is refused."""
    order = ["axis", "dtype", "out", "keepdims", "initial", "where"]
    if name in ("max", "min", "amax", "amin", "all", "any", "count_nonzero"):
        order.remove("dtype")
    if name in ("mean", "all", "any"):
        order = order[: order.index("keepdims") + 1]
    if name == "count_nonzero":
        order = ["axis"]
    options = {"axis": axis} | options_of(call, *order)
    options = {key: x for key, x in options.items() if key != "out" and (x is not None or key == "axis")}
    if options.keys() - {"axis", "dtype", "keepdims", "initial"}:
        raise RefusedError(f"{name} with {', '.join(options)}")
    return options


def _total(ufunc: str, dtype: np.dtype, x: Place) -> tuple[np.dtype, str, str]:
    """The dtype in which a reduction adds up, where it starts, and how it joins two numbers."""
    total = dtype if ufunc in ("add", "multiply") else dtype_at(x)
    if ufunc.startswith("logical"):
        total = np.dtype(bool)
    elif ufunc == "add" and dtype.kind == "f":
        total = np.dtype(np.float64)
    return total, _STARTS.get(ufunc, ""), expression(ufunc, total, ["{0}", "{1}"])


def deviation(call: Call, form: Form) -> bool:
    """Variance and standard deviation over axes, in two passes."""
    function = call.function
    name = word(function)
    if name not in ("var", "std") or not call.results:
        return False
    options = options_of(call, "axis", "dtype", "out", "ddof", "keepdims")
    less = options.pop("correction", options.pop("ddof", 0))
    dtype = dtype_of(call.results[0].dtype)
    if {key for key, x in options.items() if x is not None} - {"axis", "keepdims"} or dtype.kind != "f":
        raise RefusedError(f"{name} with {', '.join(options)}")
    x, z = form.place(call.args[0]), form.target(call.results[0])
    sketch = Sketch()
    nest = _Nest(sketch, x, z, options.get("axis"))
    with nest.outer() as (_, place):
        for total, term in (("mean", "{0}"), ("total", "({0} - mean) * ({0} - mean)")):
            sketch.put(f"{total} = f8(0)")
            with nest.inner() as (element, _):
                sketch.put(f"{total} = {total} + {term.format(f'f8({element})')}")
            sketch.put(f"{total} = {total} / f8({nest.count if total == 'mean' else nest.count - less})")
        sketch.put(f"total = {'np.sqrt(total)' if name == 'std' else 'total'}")
        sketch.put(f"{place} = {kind_of(dtype).name}(total)")
    form.emit(sketch)
    return True


def extreme(call: Call, form: Form) -> bool:
    """Where the largest or smallest element along an axis, or of all, stands."""
    name = word(call.function)
    if name not in ("argmax", "argmin"):
        return False
    options = options_of(call, "axis", "out", "keepdims")
    if options.get("out") is not None:
        raise RefusedError(f"{name} with out")
    x, z = form.place(call.args[0]), form.target(call.results[0])
    axis = options.get("axis")
    if axis is None:
        x = form.dense(x)
        x = x.of((x.size,), (1,))
        axis = 0
    sketch, sign, kind = Sketch(), ">" if name == "argmax" else "<", x.kind.name
    nest = _Nest(sketch, x, z, axis)
    with nest.outer() as (first, place):
        sketch.put("best = index(0)", f"top = {kind}({first})")
        with nest.inner() as (element, (j, *_)):
            sketch.put(f"now = {kind}({element})")
            test = f"now {sign} top"
            if x.kind.family == "f":
                test = f"({test} or now != now) and top == top"
            with sketch.block(f"if {test}:"):
                sketch.put("top = now", f"best = index({j})")
        sketch.put(f"{place} = {z.kind.name}(best)")
    form.emit(sketch)
    return True


def accumulation(call: Call, form: Form) -> bool:
    """Running sums, products, maxima along an axis."""
    function = call.function
    owner = getattr(function, "__self__", None)
    name = word(function)
    if isinstance(owner, np.ufunc) and name == "accumulate":
        ufunc, axis = owner.__name__, 0
    elif name in ("cumsum", "cumprod"):
        ufunc, axis = {"cumsum": "add", "cumprod": "multiply"}[name], None
    else:
        return False
    options = {"axis": axis} | {key: x for key, x in options_of(call, "axis", "dtype", "out").items() if x is not None}
    if ufunc not in _REDUCING or options.keys() - {"axis", "dtype"}:
        raise RefusedError(f"{name} with {', '.join(options)}")
    x, z = form.place(call.args[0]), form.target(call.results[0])
    if options["axis"] is None:
        x = form.dense(x)
        x = x.of((x.size,), (1,))
        options["axis"] = 0
    axis = options["axis"] % len(x.shape)
    others = [a for a in range(len(x.shape)) if a != axis]
    shape = tuple(x.shape[a] for a in others)
    parts = [y.of(shape, tuple(y.strides[a] for a in others)) for y in (x, z)]
    sketch = Sketch()
    walk = Walk(shape, parts)
    kind = z.kind.name
    with sketch.loops(walk.sizes) as names:
        at = [walk.at(number, names) for number in (0, 1)]
        sketch.put(f"total = {kind}({sketch.array(x)}[{at[0]}])")
        sketch.put(f"{sketch.array(z, 'z')}[{at[1]}] = total")
        with sketch.block(f"for j in range(1, {x.shape[axis]}):"):
            value = f"{kind}({sketch.array(x)}[{at[0]} + j * {x.strides[axis]}])"
            sketch.put(f"total = {expression(ufunc, dtype_of(call.results[0].dtype), ['total', value])}")
            sketch.put(f"{sketch.array(z, 'z')}[{at[1]} + j * {z.strides[axis]}] = total")
    if x.size:
        form.emit(sketch)
    return True
