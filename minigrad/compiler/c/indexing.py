"""What an index reads and writes: the elements that computed numbers name, one after the other."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minigrad.compiler.c.elementwise import copied, dtype_at, expression, spelled
from minigrad.compiler.c.form import Form, RefusedError, options_of
from minigrad.compiler.c.places import Place
from minigrad.compiler.c.sketch import Sketch
from minigrad.compiler.passes import conditions
from minigrad.compiler.passes.constants import is_constant
from minigrad.compiler.program import Call, Value
from minigrad.kernels import scattering


def part_of(index: Any) -> tuple[Any, ...]:
    """An index as a tuple of items."""
    return index if isinstance(index, tuple) else (index,)


def is_plain(index: Any) -> bool:
    """Whether an index makes a view."""
    return all(x is None or x is Ellipsis or _is_number_or_slice(x) for x in part_of(index))


def _is_number_or_slice(x: Any) -> bool:
    return isinstance(x, (int, np.integer, slice)) and not isinstance(x, bool)


class Chosen(NamedTuple):
    """What an index with arrays reads: the array, its items, the shape of the numbers, and of the result.

    An item is an array of numbers or a number, else None: all of an axis.
    """

    place: Place
    items: list[Any]
    numbers: tuple[int, ...]
    first: int  # the axis of the result at which the numbers' axes begin
    shape: tuple[int, ...]


def chosen(form: Form, place: Place, index: Any) -> Chosen:
    """An index with arrays among its items."""
    items: list[Any] = []
    for item in part_of(index):
        is_bool = isinstance(item, Value) and item.dtype == bool
        if is_bool and not is_constant(item):
            raise RefusedError("an index of bools")
        x = item.origin if is_bool else item
        if isinstance(x, (list, np.ndarray)) and np.asarray(x).dtype == bool:
            items += [*np.nonzero(np.asarray(x))]
        else:
            items.append(x)
    missing = len(place.shape) - sum(x is not None and x is not Ellipsis for x in items)
    if not any(x is Ellipsis for x in items):
        items.append(Ellipsis)
    at = next(i for i, x in enumerate(items) if x is Ellipsis)
    items[at : at + 1] = [slice(None)] * missing
    advanced = [i for i, x in enumerate(items) if x is not None and not isinstance(x, slice)]
    together = advanced == list(range(advanced[0], advanced[-1] + 1))
    seen = place.moved(lambda a: a[tuple([x if x is None or isinstance(x, slice) else slice(None) for x in items])])
    chosen_items = [form.operand(x) if i in advanced else None for i, x in enumerate(items)]
    numbers = np.broadcast_shapes(*[item.shape for item in chosen_items if isinstance(item, Place)])
    rest = [n for n, item in zip(seen.shape, chosen_items, strict=True) if item is None]
    first = sum(item is None for item in chosen_items[: advanced[0]]) if together else 0
    return Chosen(seen, chosen_items, numbers, first, (*rest[:first], *numbers, *rest[first:]))


def _element(sketch: Sketch, what: Chosen, names: list[str]) -> str:
    """The element of the array for these counters of the result; lines that work out where it is come before."""
    count = len(what.numbers)
    own = names[what.first : what.first + count]
    rest = iter([*names[: what.first], *names[what.first + count :]])
    indices = []
    for item, n in zip(what.items, what.place.shape, strict=True):
        if item is None:
            indices.append(next(rest))
        elif isinstance(item, Place):
            k = sketch.name("k")
            spread = item.spread(what.numbers)
            sketch.put(f"{k} = index({sketch.at(spread, *own, name='n')})")
            indices.append(f"({k} + {n} if {k} < 0 else {k})" if item.kind.family == "i" else k)
        else:
            indices.append(str(item % n))
    return sketch.at(what.place, *indices)


def gathered(form: Form, place: Place, index: Any, target: Place) -> None:
    """target = array[index]."""
    what = chosen(form, place, index)
    if what.shape != target.shape:
        target = target.moved(lambda a: a.reshape(what.shape))
    sketch = Sketch()
    with sketch.loops(target.shape) as names:
        element = _element(sketch, what, names)
        sketch.put(f"{sketch.at(target, *names, name='z')} = {element}")
    form.emit(sketch)


def scattered(form: Form, place: Place, index: Any, value: Any, row: str = "{1}") -> None:
    """array[index] = row(array[index], value), one after the other."""
    what = chosen(form, place, index)
    source = value = _fitting(value, what.shape)
    if isinstance(value, Place):
        source = value.spread(what.shape)
        if source.block is place.block:
            source = form.beside(source)
            copied(form, value.spread(what.shape), source)
    sketch = Sketch()
    with sketch.loops(what.shape) as names:
        element = _element(sketch, what, names)
        sketch.put(f"{element} = {row.format(element, _number(sketch, source, names, place))}")
    form.emit(sketch)


def _number(sketch: Sketch, source: Any, names: list[str], place: Place) -> str:
    """The number that is written: an element of an array, or one for all, in the type of the place."""
    if isinstance(source, Place):
        return f"{place.kind.name}({sketch.at(source, *names, name='y')})"
    return spelled(source, dtype_at(place))


# -- calls ----------------------------------------------------------------------------------------


def read(call: Call, form: Form) -> bool:
    """array[index], where that is no view; ``take``."""
    function, args = call.function, call.args
    if function is operator.getitem:
        place, target = form.place(args[0]), form.target(call.results[0])
        if is_plain(args[1]):
            copied(form, _shown(place, args[1]), target)
        else:
            gathered(form, place, args[1], target)
        return True
    if function in (np.take, ".take"):
        options = options_of(call, "axis", "out", "mode", skip=2)
        if options.get("mode", "raise") != "raise" or options.get("out") is not None:
            raise RefusedError("take with a mode")
        place = form.place(args[0])
        if options.get("axis") is None:
            place = form.dense(place).moved(lambda a: a.reshape(-1))
            gathered(form, place, (args[1],), form.target(call.results[0]))
        else:
            before = (slice(None),) * (options["axis"] % len(place.shape))
            gathered(form, place, (*before, args[1]), form.target(call.results[0]))
        return True
    if function is np.take_along_axis:
        place, axis = form.place(args[0]), args[2] if len(args) > 2 else call.kwargs["axis"]
        gathered(form, place, _along(place, args[1], axis), form.target(call.results[0]))
        return True
    return False


def _along(place: Place, numbers: Any, axis: int) -> tuple[Any, ...]:
    """The index of ``take_along_axis``."""
    ndim = len(place.shape)
    axis %= ndim
    indices: list[Any] = []
    for a in range(ndim):
        others = np.arange(numbers.shape[a]).reshape([-1 if b == a else 1 for b in range(ndim)])
        indices.append(numbers if a == axis else others)
    return tuple(indices)


def written(call: Call, form: Form) -> bool:
    """array[index] = value, ``ufunc.at`` and their like."""
    function, args = call.function, call.args
    owner = getattr(function, "__self__", None)
    if function is operator.setitem:
        place, value = form.place(args[0]), form.operand(args[2])
        if isinstance(args[1], Value) and args[1].dtype == bool and not is_constant(args[1]):
            _masked(form, place, form.place(args[1]), value)
        else:
            _put(form, place, args[1], value)
        return True
    if isinstance(owner, np.ufunc) and function.__name__ == "at" and owner.nin == 2:
        place = form.place(args[0])
        scattered(form, place, args[1], form.operand(args[2]), _row(owner.__name__, place))
        return True
    if function is np.put_along_axis:
        place, axis = form.place(args[0]), args[3] if len(args) > 3 else call.kwargs["axis"]
        scattered(form, place, _along(place, args[1], axis), form.operand(args[2]))
        return True
    if function is np.copyto and len(args) == 2 and set(call.kwargs) <= {"casting", "where"}:
        place, value = form.place(args[0]), form.operand(args[1])
        if isinstance(call.kwargs.get("where"), Value):
            _masked(form, place, form.place(call.kwargs["where"]), value)
        else:
            copied(form, value, place)
        return True
    if function == ".fill":
        copied(form, form.operand(args[1]), form.place(args[0]))
        return True
    return False


def _shown(place: Place, index: Any) -> Place:
    """The view that an index makes, also of a single element."""
    items = part_of(index)
    return place.moved(lambda a: a[items if any(x is Ellipsis for x in items) else (*items, ...)])


def _fitting(value: Any, shape: tuple[int, ...]) -> Any:
    """A value without axes of size 1 in front that a target of this shape has not."""
    while isinstance(value, Place) and len(value.shape) > len(shape) and value.shape[0] == 1:
        value = value.moved(lambda a: a[0, ...])
    return value


def _masked(form: Form, place: Place, mask: Place, value: Any) -> None:
    """array[mask] = value, of one number or an array of the array's shape."""
    if isinstance(value, Place) and value.size > 1 and value.shape != place.shape:
        raise RefusedError("values for an index of bools")
    mask = mask.moved(lambda a: a.reshape(a.shape + (1,) * (len(place.shape) - a.ndim))).spread(place.shape)
    sketch = Sketch()
    with sketch.loops(place.shape) as names:
        element = sketch.at(place, *names, name="z")
        source = value.spread(place.shape) if isinstance(value, Place) else value
        text = _number(sketch, source, names, place)
        with sketch.block(f"if {sketch.at(mask, *names, name='mask')}:"):
            sketch.put(f"{element} = {text}")
    form.emit(sketch)


def _row(ufunc: str, place: Place) -> str:
    """How a ufunc joins an element of a place, {0}, and a number, {1}."""
    return expression(ufunc, dtype_at(place), ["{0}", "{1}"])


#: The package's own sums and writes at places that an index names: what is there first, the index, values, and the
#: ufunc that joins both, or "" where the values are written.
_SCATTERED: dict[Any, Callable[..., tuple[Any, Any, Any, str]]] = {
    scattering.scatter_add: lambda x, index, *_: (0, index, x, "add"),
    scattering.index_set: lambda x, values, index, *_: (x, index, values, ""),
    scattering.scatter_rows: lambda x, rows, *_: (0, (rows,), x, "add"),
    scattering.bincount: lambda numbers, weights, *_: (0, (numbers,), weights, "add"),
    scattering.reduce_segments: lambda ufunc, x, ids, _, empty: (empty, (ids,), x, ufunc),
}


def rows_added(call: Call, form: Form) -> bool:
    """One of these; whether the call was one."""
    if call.function not in _SCATTERED:
        return False
    first, index, values, ufunc = _SCATTERED[call.function](*call.args)
    z = form.target(call.results[0])
    copied(form, form.operand(first), z)
    _put(form, z, index, form.operand(values), _row(ufunc, z) if ufunc else "{1}")
    return True


def _put(form: Form, place: Place, index: Any, value: Any, row: str = "{1}") -> None:
    """array[index] = value, or its row; an index that makes a view names each element once."""
    if is_plain(index):
        target = _shown(place, index)
        copied(form, _fitting(value, target.shape), target)
    else:
        scattered(form, place, index, value, row)


def ranges(call: Call) -> list[tuple[Value, int]]:
    """The values of a call that must be numbers of an axis, and the length of that axis."""
    if call.function in _SCATTERED:
        pairs = [*conditions.numbers_in(_SCATTERED[call.function](*call.args)[1], call.results[0].shape)]
    else:
        pairs = conditions.ranges(call.function, call.args, call.kwargs)
    return [(x, n) for x, n in pairs if isinstance(x, Value)]
