"""Convolutions, pooling and what else looks through windows, as loops: images (N, C, *sizes), one to three axes.

An *image* is what windows slide over, a *map* has one number for each place of a window. Padding is what is left out:
a place outside of the image adds nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from minigrad.compiler.c.elementwise import copied
from minigrad.compiler.c.form import Form
from minigrad.compiler.c.places import Place
from minigrad.compiler.c.sketch import Sketch
from minigrad.compiler.program import Call
from minigrad.kernels import convolution, pooling, windows
from minigrad.kernels.windows import Window


@contextmanager
def _within(sketch: Sketch, window: Window, sizes: Any, places: list[str], offsets: list[str]) -> Iterator[list[str]]:
    """Inside, the places of the image where windows at ``places`` have their elements ``offsets``, where there are."""
    rows, tests = [], []
    for axis, (place, offset) in enumerate(zip(places, offsets, strict=True)):
        low, high = window.padding[axis]
        row = f"{place} * {window.stride[axis]} + {offset} * {window.dilation[axis]}"
        if low or high:
            name = sketch.name("row")
            sketch.put(f"{name} = {row} - {low}")
            tests.append(f"{name} >= 0 and {name} < {sizes[axis]}")
            row = name
        rows.append(row)
    if not tests:
        yield rows
        return
    with sketch.block(f"if {' and '.join(tests)}:"):
        yield rows


def _order(place: Place) -> bool:
    """Whether the batch is what lies side by side in memory."""
    last = place.strides[-1]
    return place.shape[0] > 1 and 0 < place.strides[0] < (last or math.inf)


@contextmanager
def _every(sketch: Sketch, image: Place, map_: Place, window: Window) -> Iterator[tuple[str, str, Any]]:
    """All pairs of an element of the image and of the map whose window sees it; and where they are."""
    (batch, channels, *counts), kernel = map_.shape, window.kernel
    axes = len(kernel)
    batch_last = _order(map_)
    loops = [*counts, *kernel, channels, batch] if batch_last else [batch, channels, *counts, *kernel]
    with sketch.loops(loops) as names:
        if batch_last:
            places, offsets, (c, n) = names[:axes], names[axes : 2 * axes], names[2 * axes :]
        else:
            (n, c), places, offsets = names[:2], names[2 : 2 + axes], names[2 + axes :]
        with _within(sketch, window, image.shape[2:], places, offsets) as rows:
            where = (n, c, places, offsets, rows)
            yield sketch.at(image, n, c, *rows, name="image"), sketch.at(map_, n, c, *places, name="map_"), where


# -- convolution ----------------------------------------------------------------------------------


def _correlation(form: Form, image: Place, map_: Place, weight: Place, window: Window, groups: int, kind: str) -> None:
    """All products of a weight, and what it looks at: added to the map, to the image or to the weight itself."""
    (batch, outputs, *counts), (_, channels, *kernel) = map_.shape, weight.shape
    last, sketch = len(kernel) - 1, Sketch()
    step, dilation, (low, _) = window.stride[last], window.dilation[last], window.padding[last]
    width = image.shape[-1]
    loops = [groups, outputs // groups, channels, *counts[:-1], *kernel]
    with sketch.loops(loops) as names:
        g, own, c, *rest = names
        rows_of, offsets = rest[:last], rest[last:]
        o = f"{g} * {outputs // groups} + {own}"
        deep = f"{g} * {channels} + {c}"
        before = Window(window.kernel[:-1], window.stride[:-1], window.padding[:-1], window.dilation[:-1])
        with _within(sketch, before, image.shape[2:-1], rows_of, offsets[:-1]) as rows:
            shift = f"{offsets[-1]} * {dilation}"
            first, stop = "0", str(counts[-1])
            if any(window.padding[last]):
                first, stop = sketch.name("first"), sketch.name("stop")
                sketch.put(
                    f"{first} = ({low + step - 1} - {shift}) // {step} if {shift} < {low} else 0",
                    f"{stop} = ({width - 1 + low} - {shift}) // {step} + 1 if {shift} <= {width - 1 + low} else 0",
                    f"{stop} = min({stop}, {counts[-1]})",
                )
            at = sketch.at(weight, o, c, *offsets, name="w")
            sketch.put("total = f8(0)" if kind == "weight" else f"factor = {at}")
            v, n = sketch.name("v"), sketch.name("n") if batch != 1 else "0"
            inner = [(v, f"range({first}, {stop})")] + ([(n, f"range({batch})")] if batch != 1 else [])
            inner = inner if _order(map_) or batch == 1 else inner[::-1]
            seen = sketch.at(image, n, deep, *rows, f"{v} * {step} + {shift} - {low}", name="image")
            told = sketch.at(map_, n, o, *rows_of, v, name="map_")
            with sketch.block(f"for {inner[0][0]} in {inner[0][1]}:"):
                line = {
                    "map": f"{told} = {told} + factor * {seen}",
                    "image": f"{seen} = {seen} + factor * {told}",
                    "weight": f"total = total + f8({seen} * {told})",
                }[kind]
                if len(inner) == 1:
                    sketch.put(line)
                else:
                    with sketch.block(f"for {inner[1][0]} in {inner[1][1]}:"):
                        sketch.put(line)
            if kind == "weight":
                sketch.put(f"{at} = {at} + {weight.kind.name}(total)")
    form.emit(sketch)


def _biased(form: Form, bias: Any, target: Place) -> None:
    """The target begins with the bias of each channel."""
    if bias is None:
        copied(form, 0, target)
    else:
        wide = form.place(bias).moved(lambda a: a.reshape(-1, *(1,) * (len(target.shape) - 2)))
        copied(form, wide, target)


def _convolved(call: Call, form: Form) -> None:
    x, weight, bias, window, groups = call.args
    target = form.target(call.results[0])
    _biased(form, bias, target)
    _correlation(form, form.place(x), target, form.place(weight), window, groups, "map")


def _transposed(call: Call, form: Form) -> None:
    x, weight, bias, window, _, groups = call.args
    target = form.target(call.results[0])
    _biased(form, bias, target)
    _correlation(form, target, form.place(x), form.place(weight), window, groups, "image")


def _of_weight(call: Call, form: Form) -> None:
    x, y, window, groups = call.args
    target = form.target(call.results[0])
    copied(form, 0, target)
    _correlation(form, form.place(x), form.place(y), target, window, groups, "weight")


# -- windows --------------------------------------------------------------------------------------


def _over(call: Call, form: Form) -> None:
    """Functions that join each element of the image in a window with the map."""
    is_image, line = _JOINED[call.function]
    images, target = form.place(call.args[0]), form.target(call.results[0])
    copied(form, pooling.lowest(call.args[0].dtype) if call.function is pooling.max_pool else 0, target)
    sketch = Sketch()
    with _every(sketch, *((target, images) if is_image else (images, target)), call.args[1]) as (seen, told, _):
        sketch.put(line.format(seen, told))
    form.emit(sketch)


#: Whether the result is the image, and the line for an element of the image and one of the map.
_JOINED: dict[Any, tuple[bool, str]] = {
    windows.window_sum: (False, "{1} = {1} + {0}"),
    windows.window_spread: (True, "{0} = {0} + {1}"),
    pooling.max_pool: (False, "{1} = maximum({1}, {0})"),
}


def _columned(call: Call, form: Form) -> None:
    """The elements of each window as columns, or the way back."""
    window = call.args[1]
    forwards = call.function is windows.columns
    columns, image = form.target(call.results[0]), form.place(call.args[0])
    if not forwards:
        columns, image = image, columns
    counts = window.counts(image.shape[2:])
    shape = (*image.shape[:2], *window.kernel, *counts)
    columns = columns.moved(lambda a: a.reshape(shape))
    axes = len(window.kernel)
    map_ = columns.of((*shape[:2], *counts), (*columns.strides[:2], *columns.strides[2 + axes :]))
    copied(form, 0, columns if forwards else image)
    sketch = Sketch()
    with _every(sketch, image, map_, window) as (seen, _, (n, c, places, offsets, _rows)):
        element = sketch.at(columns, n, c, *offsets, *places, name="map_")
        sketch.put(f"{element} = {seen}" if forwards else f"{seen} = {seen} + {element}")
    form.emit(sketch)


# -- pooling --------------------------------------------------------------------------------------


def _shared(call: Call, form: Form) -> None:
    """What is divided among the largest elements of each window, or their mean of another array."""
    y, x, top = (form.place(a) for a in call.args[:3])
    window, target = call.args[3], form.target(call.results[0])
    gathers = call.function is pooling.window_gather
    ties = form.new(target.kind, top.shape)
    copied(form, 0, ties)
    copied(form, 0, target)
    kind = target.kind.name
    for counts in (True, False):
        sketch = Sketch()
        with _every(sketch, x, top, window) as (seen, best, (n, c, places, _, rows)):
            tie = sketch.at(ties, n, c, *places, name="ties")
            with sketch.block(f"if {seen} == {best} or {seen} != {seen}:"):
                if counts:
                    sketch.put(f"{tie} = {tie} + {kind}(1)")
                elif gathers:
                    at = sketch.at(target, n, c, *places, name="z")
                    sketch.put(f"{at} = {at} + {sketch.at(y, n, c, *rows, name='y')} / {tie}")
                else:
                    at = sketch.at(target, n, c, *rows, name="z")
                    sketch.put(f"{at} = {at} + {sketch.at(y, n, c, *places, name='y')} / {tie}")
        form.emit(sketch)


#: What stands for a ``numpy_function``.
WINDOWS: dict[Any, Callable[[Call, Form], None]] = {
    convolution.convolution: _convolved,
    convolution.convolution_transpose: _transposed,
    convolution.convolution_kernel: _of_weight,
    windows.columns: _columned,
    windows.uncolumns: _columned,
    **dict.fromkeys(_JOINED, _over),
    pooling.window_share: _shared,
    pooling.window_gather: _shared,
}
