"""Normalisation of rows, which are what the last axes hold, as loops: two passes over the numbers, totals in double."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigrad.compiler.c.form import Form
from minigrad.compiler.c.places import Place
from minigrad.compiler.c.sketch import Sketch
from minigrad.compiler.program import Call
from minigrad.kernels import row_norms


def _halves(x: Place, axes: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The sizes of the axes that count rows, and of those that a row has."""
    return x.shape[: len(x.shape) - axes], x.shape[len(x.shape) - axes :]


def _factor(sketch: Sketch, form: Form, weight: Any, x: Place, at: list[str], sign: str) -> str:
    """The text of a weight's element, or nothing."""
    if weight is None:
        return ""
    return f" {sign} f8({sketch.at(form.place(weight).spread(x.shape), *at, name='weight')})"


def _normed(call: Call, form: Form) -> None:
    x, weight, bias, axes, eps = call.args
    x = form.place(x)
    z, mean, rms = (form.target(r) for r in call.results)
    sketch, (lead, inner) = Sketch(), _halves(x, axes)
    count = max(x.size // max(mean.size, 1), 1)
    with sketch.loops(lead, "r") as rows:
        sketch.put("mean = f8(0)", "var = f8(0)")
        with sketch.loops(inner, "j") as places:
            sketch.put(f"mean = mean + f8({sketch.at(x, *rows, *places)})")
        sketch.put(f"mean = mean / f8({count})")
        with sketch.loops(inner, "j") as places:
            less = f"(f8({sketch.at(x, *rows, *places)}) - mean)"
            sketch.put(f"var = var + {less} * {less}")
        sketch.put(f"rms = f8(1) / np.sqrt(var / f8({count}) + f8({float(eps)!r}))")
        with sketch.loops(inner, "j") as places:
            at = [*rows, *places]
            value = f"(f8({sketch.at(x, *at)}) - mean) * rms{_factor(sketch, form, weight, x, at, '*')}"
            value += _factor(sketch, form, bias, x, at, "+")
            sketch.put(f"{sketch.at(z, *at, name='z')} = {z.kind.name}({value})")
        for place, name in ((mean, "mean"), (rms, "rms")):
            sketch.put(f"{sketch.at(place, *rows, *['0'] * axes, name='of_' + name)} = {place.kind.name}({name})")
    form.emit(sketch)


def _numbers(sketch: Sketch, mean: Place, rms: Place, rows: list[str], axes: int) -> None:
    """``mean`` and ``rms`` of a row."""
    for place, name in ((mean, "mean"), (rms, "rms")):
        sketch.put(f"{name} = f8({sketch.at(place, *rows, *['0'] * axes, name='of_' + name)})")


def _pulled(call: Call, form: Form) -> None:
    y, x, mean, rms = (form.place(a) for a in call.args[:4])
    weight, axes = call.args[4:]
    target, sketch, (lead, inner) = form.target(call.results[0]), Sketch(), _halves(x, axes)
    count = max(x.size // max(mean.size, 1), 1)

    def element(at: list[str]) -> str:
        return f"f8({sketch.at(y, *at, name='y')}){_factor(sketch, form, weight, x, at, '*')}"

    with sketch.loops(lead, "r") as rows:
        _numbers(sketch, mean, rms, rows, axes)
        sketch.put("total = f8(0)", "product = f8(0)")
        with sketch.loops(inner, "j") as places:
            at = [*rows, *places]
            sketch.put(f"value = {element(at)}", "total = total + value")
            sketch.put(f"product = product + value * (f8({sketch.at(x, *at)}) - mean)")
        sketch.put(f"slope = rms * rms * product / f8({count})", f"shift = total / f8({count})")
        with sketch.loops(inner, "j") as places:
            at = [*rows, *places]
            less = f"{element(at)} - shift - (f8({sketch.at(x, *at)}) - mean) * slope"
            sketch.put(f"{sketch.at(target, *at, name='z')} = {target.kind.name}(({less}) * rms)")
    form.emit(sketch)


def _multiplied(call: Call, form: Form) -> None:
    y, x, mean, rms = (form.place(a) for a in call.args[:4])
    axes, shape = call.args[4:]
    target, sketch, rank = form.target(call.results[0]), Sketch(), len(x.shape)
    whole = (1,) * (rank - len(shape)) + tuple(shape)
    summed = [axis for axis in range(rank) if whole[axis] != x.shape[axis]]
    with sketch.loops(whole, "c") as numbers:
        sketch.put("product = f8(0)")
        with sketch.loops([x.shape[axis] for axis in summed], "j") as places:
            at = list(numbers)
            for axis, name in zip(summed, places, strict=True):
                at[axis] = name
            _numbers(sketch, mean, rms, at[: rank - axes], axes)
            value = f"f8({sketch.at(y, *at, name='y')}) * (f8({sketch.at(x, *at)}) - mean) * rms"
            sketch.put(f"product = product + {value}")
        place = sketch.at(target, *numbers[rank - len(shape) :], name="z")
        sketch.put(f"{place} = {target.kind.name}(product)")
    form.emit(sketch)


#: What stands for a ``numpy_function``.
ROWS: dict[Any, Callable[[Call, Form], None]] = {
    row_norms.row_norm: _normed,
    row_norms.row_product: _multiplied,
    row_norms.row_pullback: _pulled,
}
