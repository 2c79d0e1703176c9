"""Normalisation of the channels of images as loops: two passes over the numbers, totals in double."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from minigrad.compiler.c.form import Form
from minigrad.compiler.c.places import Place
from minigrad.compiler.c.sketch import Sketch, Walk
from minigrad.compiler.program import Call
from minigrad.kernels import normal, normalisation


class _Channels:
    """The numbers of one channel of several arrays (N, C, *sizes)."""

    def __init__(self, sketch: Sketch, *arrays: Place) -> None:
        self._sketch, self._arrays = sketch, arrays
        others = [a for a in range(len(arrays[0].shape)) if a != 1]
        self.walk = Walk(
            [arrays[0].shape[a] for a in others],
            [x.of(tuple(x.shape[a] for a in others), tuple(x.strides[a] for a in others)) for x in arrays],
        )
        self.count = max(arrays[0].size // max(arrays[0].shape[1], 1), 1)

    @contextmanager
    def each(self, c: str) -> Iterator[list[str]]:
        """The elements of channel c."""
        with self._sketch.loops(self.walk.sizes, "j") as names:
            yield [
                f"{self._sketch.array(x, 'image')}[{c} * {x.strides[1]} + {self.walk.at(k, names)}]"
                for k, x in enumerate(self._arrays)
            ]


def _moments(sketch: Sketch, c: str, x: Place) -> None:
    """``mean`` and ``var`` of channel c, in double."""
    channels = _Channels(sketch, x)
    sketch.put("mean = f8(0)", "var = f8(0)")
    with channels.each(c) as (element,):
        sketch.put(f"mean = mean + f8({element})")
    sketch.put(f"mean = mean / f8({channels.count})")
    with channels.each(c) as (element,):
        sketch.put(f"var = var + (f8({element}) - mean) * (f8({element}) - mean)")
    sketch.put(f"var = var / f8({channels.count})")


def _moved(call: Call, form: Form) -> None:
    x, mean, var = form.place(call.args[0]), form.target(call.results[0]), form.target(call.results[1])
    sketch = Sketch()
    with sketch.loops([x.shape[1]], "c") as (c,):
        _moments(sketch, c, x)
        for place, name in ((mean, "mean"), (var, "var")):
            sketch.put(f"{sketch.at(place, c, name='of_' + name)} = {place.kind.name}({name})")
    form.emit(sketch)


def _normed(call: Call, form: Form) -> None:
    x, weight, bias, eps = call.args
    x = form.place(x)
    z, mean, rms = (form.target(r) for r in call.results)
    sketch = Sketch()
    with sketch.loops([x.shape[1]], "c") as (c,):
        _moments(sketch, c, x)
        sketch.put(f"rms = f8(1) / np.sqrt(var + f8({float(eps)!r}))")
        own = f" * f8({sketch.at(form.place(weight), c, name='weight')})" if weight is not None else ""
        sketch.put(f"scale = rms{own}")
        shift = f" + f8({sketch.at(form.place(bias), c, name='bias')})" if bias is not None else ""
        with _Channels(sketch, x, z).each(c) as (element, target):
            sketch.put(f"{target} = {z.kind.name}((f8({element}) - mean) * scale{shift})")
        for place, name in ((mean, "mean"), (rms, "rms")):
            sketch.put(f"{sketch.at(place, c, name='of_' + name)} = {place.kind.name}({name})")
    form.emit(sketch)


def _sums(sketch: Sketch, c: str, y: Place, x: Place, mean: Place, rms: Place) -> int:
    """``total`` of y and ``product`` of y (x - mean), for channel c; gives how many numbers it has."""
    channels = _Channels(sketch, y, x)
    sketch.put(f"mean = f8({sketch.at(mean, c, name='of_mean')})", f"rms = f8({sketch.at(rms, c, name='of_rms')})")
    sketch.put("total = f8(0)", "product = f8(0)")
    with channels.each(c) as (of_y, of_x):
        sketch.put(f"total = total + f8({of_y})", f"product = product + f8({of_y}) * (f8({of_x}) - mean)")
    return channels.count


def _multiplied(call: Call, form: Form) -> None:
    y, x, mean, rms = (form.place(a) for a in call.args)
    target, sketch = form.target(call.results[0]), Sketch()
    with sketch.loops([x.shape[1]], "c") as (c,):
        _sums(sketch, c, y, x, mean, rms)
        sketch.put(f"{sketch.at(target, c, name='z')} = {target.kind.name}(product * rms)")
    form.emit(sketch)


def _pulled(call: Call, form: Form) -> None:
    y, x, mean, rms = (form.place(a) for a in call.args[:4])
    target, sketch, weight = form.target(call.results[0]), Sketch(), call.args[4]
    with sketch.loops([x.shape[1]], "c") as (c,):
        count = _sums(sketch, c, y, x, mean, rms)
        sketch.put(f"slope = rms * rms * product / f8({count})", f"shift = total / f8({count})")
        own = f" * f8({sketch.at(form.place(weight), c, name='weight')})" if weight is not None else ""
        sketch.put(f"scale = rms{own}")
        with _Channels(sketch, y, x, target).each(c) as (of_y, of_x, of_z):
            sketch.put(f"{of_z} = {target.kind.name}((f8({of_y}) - shift - (f8({of_x}) - mean) * slope) * scale)")
    form.emit(sketch)


def _both(call: Call, form: Form) -> None:
    """``gelu`` and its slope in one array."""
    x, target = form.place(call.args[0]), form.target(call.results[0])
    sketch, t = Sketch(), target.kind.name
    first = target.moved(lambda a: a[0, ...])
    with sketch.loops(x.shape) as names:
        element = sketch.at(x, *names)
        sketch.put(f"{sketch.at(first, *names, name='z')} = {t}_gelu({element})")
        sketch.put(f"{sketch.at(target, '1', *names, name='z')} = {t}_gelu_slope({element})")
    form.emit(sketch)


#: What stands for a ``numpy_function``.
CHANNELS: dict[Any, Callable[[Call, Form], None]] = {
    normalisation.channel_moments: _moved,
    normalisation.channel_norm: _normed,
    normalisation.channel_product: _multiplied,
    normalisation.channel_pullback: _pulled,
    normal.gelu_and_slope: _both,
}
