"""Samples of shaping, arranging, splitting, padding, indexing and gathering."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from minigrad.testing.sample import Sample, broadcast_together
from minigrad.testing.strategies import arrays, arrays_of, axes, broadcastable_shapes, indices, shapes
from tests.samples.builders import REALS, as_list, axis_of, one_array, several_arrays
from tests.samples.diagonals import OFFSETS, plane

Strategy = SearchStrategy[Sample]


def _generator(draw: DrawFn) -> np.random.Generator:
    return np.random.default_rng(draw(st.integers(0, 999)))


def _as_block(f: Callable[..., Any], xs: Sequence[Any], options: dict[str, Any]) -> Any:
    """f of lists in lists, of so many each."""
    number, made = iter(xs), options["rows"]
    return f([[next(number) for _ in range(row)] for row in made] if made else list(xs))


def _second(name: str) -> Callable[[Callable[..., Any], Sequence[Any], dict[str, Any]], Any]:
    """f(x, option, y, ...): an option that stands between the arrays."""

    def call(f: Callable[..., Any], xs: Sequence[Any], options: dict[str, Any]) -> Any:
        others = {key: value for key, value in options.items() if key != name}
        return f(xs[0], options[name], *xs[1:], **others)

    return call


def _first(name: str) -> Callable[[Callable[..., Any], Sequence[Any], dict[str, Any]], Any]:
    """f(option, x, ...)."""

    def call(f: Callable[..., Any], xs: Sequence[Any], options: dict[str, Any]) -> Any:
        others = {key: value for key, value in options.items() if key != name}
        return f(options[name], *xs, **others)

    return call


def _choosing(f: Callable[..., Any], xs: Sequence[Any], options: dict[str, Any]) -> Any:
    return f(options["a"], list(xs), mode=options["mode"])


@st.composite
def _several(draw: DrawFn) -> Sample:
    """Between one and three arrays of any shape."""
    return Sample(draw(several_arrays(st.lists(shapes(), min_size=1, max_size=3))), {})


@st.composite
def _moveaxis(draw: DrawFn) -> Sample:
    x = draw(arrays())
    count = draw(st.integers(0, x.ndim))
    pair = [
        [a - x.ndim if draw(st.booleans()) else a for a in draw(st.permutations(range(x.ndim)))[:count]]
        for _ in ("source", "destination")
    ]
    source, destination = (axes[0] for axes in pair) if count == 1 else pair
    return Sample([x], {"source": source, "destination": destination})


@st.composite
def _roll(draw: DrawFn) -> Sample:
    x = draw(arrays())
    axis = draw(axes(x.ndim))
    many = isinstance(axis, tuple) and draw(st.booleans())
    shift = tuple(draw(OFFSETS) for _ in axis) if many else draw(st.integers(-9, 9))
    return Sample([x], {"shift": shift, "axis": axis})


@st.composite
def _repeat(draw: DrawFn) -> Sample:
    x = draw(arrays())
    axis = draw(st.none() | axis_of(x.shape)) if x.ndim else None
    side = x.size if axis is None else x.shape[axis]
    repeats = draw(st.integers(0, 3) | st.lists(st.integers(0, 3), min_size=side, max_size=side))
    return Sample([x], {"repeats": repeats, "axis": axis})


@st.composite
def _side_by_side(draw: DrawFn, axis: int, min_dims: int) -> Sample:
    """Arrays of one shape but for one axis."""
    shape = draw(shapes(min_dims=min_dims))
    made = []
    for _ in range(draw(st.integers(1, 3))):
        sides = list(shape)
        if len(sides) > axis:
            sides[axis] = draw(st.integers(0, 3))
        made.append(tuple(sides))
    return Sample(draw(arrays_of(made, [REALS] * len(made))), {}, as_list)


@st.composite
def _append(draw: DrawFn) -> Sample:
    flat = draw(st.booleans())
    if flat:
        return Sample(draw(several_arrays(st.lists(shapes(), min_size=2, max_size=2))), {"axis": None})
    shape = draw(shapes(min_dims=1))
    axis = draw(axis_of(shape))
    other = list(shape)
    other[axis] = draw(st.integers(0, 3))
    return Sample(draw(arrays_of([shape, tuple(other)], [REALS] * 2)), {"axis": axis})


@st.composite
def _block(draw: DrawFn) -> Sample:
    heights, widths = (draw(st.lists(st.integers(0, 2), min_size=1, max_size=2)) for _ in range(2))
    leading = draw(shapes(max_dims=1))
    made = [(*leading, height, width) for height in heights for width in widths]
    rows = [len(widths)] * len(heights)
    if draw(st.booleans()):
        made, rows = draw(st.sampled_from([[()], [(), (2,)], [(2, 3), (2, 1)], [(1,), (0,)]])), []
    return Sample(draw(arrays_of(made, [REALS] * len(made))), {"rows": rows}, _as_block)


@st.composite
def _meshgrid(draw: DrawFn) -> Sample:
    xs = draw(several_arrays(st.lists(shapes(max_dims=1), min_size=1, max_size=3)))
    return Sample(xs, {"sparse": draw(st.booleans()), "indexing": draw(st.sampled_from(["xy", "ij"]))})


@st.composite
def _insert(draw: DrawFn) -> Sample:
    x = draw(arrays(shapes(min_side=1)))
    axis = draw(st.none() | axis_of(x.shape)) if x.ndim else None
    shape = (x.size,) if axis is None else x.shape
    axis_ = 0 if axis is None else axis
    side = shape[axis_]
    place = st.integers(-side, side)
    obj: Any = draw(place | st.lists(place, min_size=1, max_size=3).map(np.array) | st.slices(side))
    if isinstance(obj, slice):
        count = len(range(*obj.indices(side)))
    else:
        count = np.size(obj)
    rest = list(shape)
    del rest[axis_ % len(shape)]
    full = [*shape]
    full[axis_] = count
    if not np.ndim(obj) and not isinstance(obj, slice):
        full = rest
    scalar: list[int] = []
    return Sample(
        draw(arrays_of([x.shape], [REALS])) + draw(arrays_of([tuple(draw(st.sampled_from([full, scalar])))], [REALS])),
        {"obj": obj, "axis": axis},
        _second("obj"),
    )


@st.composite
def _delete(draw: DrawFn) -> Sample:
    x = draw(arrays(shapes(min_side=1)))
    axis = draw(st.none() | axis_of(x.shape)) if x.ndim else None
    side = x.size if axis is None else x.shape[axis]
    place = st.integers(-side, side - 1)
    mask = st.lists(st.booleans(), min_size=side, max_size=side).map(np.array)
    return Sample([x], {"obj": draw(place | st.lists(place, max_size=3) | st.slices(side) | mask), "axis": axis})


@st.composite
def _split(draw: DrawFn, axis: int | None = None, min_dims: int = 1, equal: bool = False) -> Sample:
    x = draw(arrays(shapes(min_dims=min_dims)))
    along = draw(axis_of(x.shape)) if axis is None else min(axis, x.ndim - 1)
    side = x.shape[along]
    parts = st.integers(1, 4).filter(lambda n: not equal or side % n == 0)
    cuts = st.lists(st.integers(-side - 1, side + 1), max_size=3)
    options = {"indices_or_sections": draw(parts | cuts)}
    return Sample([x], options if axis is not None else {**options, "axis": along})


def _width(draw: DrawFn, ndim: int, most: int = 5) -> Any:
    """A ``pad_width`` in one of its spellings."""
    one, pair = st.integers(0, most), st.tuples(st.integers(0, most), st.integers(0, most))
    return draw(st.one_of(one, pair, st.lists(pair, min_size=ndim, max_size=ndim)) if ndim else one)


_MODES = ["edge", "linear_ramp", "maximum", "mean", "median", "minimum", "reflect", "symmetric", "wrap", "constant"]


@st.composite
def _pad(draw: DrawFn) -> Sample:
    mode = draw(st.sampled_from(_MODES))
    x = draw(arrays(shapes(max_dims=2, min_side=0 if mode == "constant" else 1)))
    options: dict[str, Any] = {"pad_width": _width(draw, x.ndim), "mode": mode}
    value = st.integers(-2, 2) | st.tuples(st.integers(-2, 2), st.integers(-2, 2))
    if mode in ("constant", "linear_ramp") and draw(st.booleans()):
        options["constant_values" if mode == "constant" else "end_values"] = draw(value)
    if mode in ("maximum", "mean", "median", "minimum"):
        options["stat_length"] = draw(st.none() | st.integers(1, 3) | st.tuples(st.integers(1, 3), st.integers(1, 3)))
    if mode in ("reflect", "symmetric"):
        options["reflect_type"] = draw(st.sampled_from(["even", "odd"]))
    return Sample([x], options)


@st.composite
def _pad_constant(draw: DrawFn) -> Sample:
    x = draw(arrays())
    return Sample([x], {"pad_width": _width(draw, x.ndim), "constant_values": draw(st.sampled_from([0, 2, (1, 3)]))})


@st.composite
def _take(draw: DrawFn) -> Sample:
    mode = draw(st.sampled_from(["raise", "wrap", "clip"]))
    x = draw(arrays(shapes(min_side=1)))
    axis = draw(st.none() | axis_of(x.shape)) if x.ndim else None
    side = x.size if axis is None else x.shape[axis]
    low, high = (-side, side) if mode == "raise" else (-2 * side, 2 * side)
    chosen = _generator(draw).integers(low, high, draw(shapes(max_dims=2)))
    return Sample([x], {"indices": draw(st.sampled_from([chosen, chosen.tolist()])), "axis": axis, "mode": mode})


@st.composite
def _take_along_axis(draw: DrawFn) -> Sample:
    x = draw(arrays(shapes(min_dims=1, min_side=1)))
    axis = draw(st.none() | axis_of(x.shape))
    shape = [x.size] if axis is None else list(x.shape)
    side = shape[axis or 0]
    shape[axis or 0] = draw(st.integers(0, 3))
    for other in range(len(shape)):
        if other != (axis or 0) % len(shape) and draw(st.booleans()):
            shape[other] = 1
    return Sample([x], {"indices": _generator(draw).integers(-side, side, shape), "axis": axis})


@st.composite
def _compress(draw: DrawFn) -> Sample:
    x = draw(arrays())
    axis = draw(st.none() | axis_of(x.shape)) if x.ndim else None
    side = x.size if axis is None else x.shape[axis]
    condition = draw(st.lists(st.booleans(), max_size=side))
    return Sample([x], {"condition": np.array(condition, bool), "axis": axis}, _first("condition"))


@st.composite
def _extract(draw: DrawFn) -> Sample:
    x = draw(arrays())
    return Sample([x], {"condition": _generator(draw).random(x.shape) < 0.5}, _first("condition"))


@st.composite
def _choose(draw: DrawFn) -> Sample:
    count = draw(st.integers(1, 3))
    of_number, *others = draw(broadcastable_shapes(count + 1))
    mode = draw(st.sampled_from(["raise", "wrap", "clip"]))
    low, high = (0, count) if mode == "raise" else (-5, 5)
    number = _generator(draw).integers(low, high, of_number)
    return Sample(draw(arrays_of(others, [REALS] * count)), {"a": number, "mode": mode}, _choosing)


@st.composite
def _written(draw: DrawFn, call: Any = None) -> Sample:
    shape = draw(shapes())
    index = draw(indices(shape))
    read = np.zeros(shape, float)[index].shape
    value = draw(st.sampled_from([read, (), (1, *read), tuple(1 if draw(st.booleans()) else side for side in read)]))
    found = draw(arrays_of([shape, value], [REALS] * 2))
    return Sample(found, {"index": index}) if call is None else Sample(found, {"index": index}, call)


@st.composite
def _interp(draw: DrawFn) -> Sample:
    side = draw(st.integers(1, 5))
    x, xp, fp, left, right = draw(arrays_of([draw(shapes(max_dims=2)), (side,), (side,), (), ()], [REALS] * 5))
    if draw(st.booleans()):
        return Sample([x, xp, fp], {"period": draw(st.sampled_from([9.0, -8]))})
    return Sample([x, np.sort(xp), fp, left, right][: draw(st.integers(3, 5))], {})


SAMPLES: dict[str, Strategy] = {
    **dict.fromkeys(["atleast_1d", "atleast_2d", "atleast_3d"], _several()),
    "append": _append(),
    "array_split": _split(),
    "block": _block(),
    "broadcast_arrays": st.integers(1, 3).flatmap(lambda count: broadcast_together([REALS] * count)),
    "choose": _choose(),
    "column_stack": _side_by_side(axis=1, min_dims=2).filter(lambda s: s.arrays[0].ndim == 2)
    | one_array(shape=shapes(max_dims=1)).map(lambda s: Sample([*s.arrays, s.arrays[0] + 1], {}, as_list)),
    "compress": _compress(),
    "copy": one_array(),
    "delete": _delete(),
    "dsplit": _split(axis=2, min_dims=3, equal=True),
    "dstack": _side_by_side(axis=2, min_dims=0),
    "extract": _extract(),
    "flip": one_array(axis=lambda shape: axes(len(shape))),
    "fliplr": one_array(shape=shapes(min_dims=2)),
    "flipud": one_array(shape=shapes(min_dims=1)),
    "hsplit": _split(axis=1, equal=True),
    "hstack": _side_by_side(axis=1, min_dims=2)
    | _side_by_side(axis=9, min_dims=0).filter(lambda s: s.arrays[0].ndim != 1),
    "index_add": _written(_second("index")),
    "index_set": _written(),
    "insert": _insert(),
    "interp": _interp(),
    "matrix_transpose": one_array(shape=shapes(min_dims=2)),
    "meshgrid": _meshgrid(),
    "moveaxis": _moveaxis(),
    "pad": _pad(),
    "pad_constant": _pad_constant(),
    "ravel": one_array(order=lambda _: st.sampled_from(["C", "F"])),
    "repeat": _repeat(),
    "resize": one_array(new_shape=lambda _: shapes() | st.integers(0, 9)),
    "roll": _roll(),
    "rollaxis": one_array(
        shape=shapes(min_dims=1), axis=axis_of, start=lambda shape: st.integers(-len(shape), len(shape))
    ),
    "rot90": one_array(shape=shapes(min_dims=2), k=lambda _: st.integers(-5, 5), axes=plane),
    "split": _split(equal=True),
    "take": _take(),
    "take_along_axis": _take_along_axis(),
    "tile": one_array(reps=lambda _: st.integers(0, 3) | st.lists(st.integers(0, 3), max_size=4).map(tuple)),
    "trim_zeros": one_array(shape=shapes(min_dims=1, max_dims=1), trim=lambda _: st.sampled_from(["fb", "f", "b"])),
    "unstack": one_array(shape=shapes(min_dims=1), axis=axis_of),
    "vsplit": _split(axis=0, min_dims=2, equal=True),
    "vstack": _side_by_side(axis=0, min_dims=2) | _side_by_side(axis=9, min_dims=0),
}
