"""Samples of ranges, functions of functions, polynomials, histograms, sliding windows and the parts of numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from minigrad.testing.sample import Sample
from minigrad.testing.strategies import arrays, arrays_of, broadcastable_shapes, shapes
from tests.samples.builders import POSITIVE, REALS, axis_of, one_array

Call = Callable[[Callable[..., Any], Sequence[Any], dict[str, Any]], Any]


def _first_result(f: Callable[..., Any], xs: Sequence[Any], options: dict[str, Any]) -> Any:
    """What has a gradient of two results."""
    return f(*xs, **options)[0]


# -- ranges and fills -------------------------------------------------------------------------------


@st.composite
def _range(draw: DrawFn, domains: Sequence[Any] = (REALS, REALS), retstep: bool = False) -> Sample:
    made = draw(broadcastable_shapes(2, max_dims=2))
    axis = draw(st.integers(0, len(np.broadcast_shapes(*made))))
    options = {"num": draw(st.integers(0, 5)), "endpoint": draw(st.booleans()), "axis": axis}
    if retstep and draw(st.booleans()):
        options["num"] = draw(st.integers(2, 5))
        options["retstep"] = True
    return Sample(draw(arrays_of(made, list(domains))), options)


@st.composite
def _powers(draw: DrawFn) -> Sample:
    options = {"num": draw(st.integers(0, 5)), "endpoint": draw(st.booleans())}
    base = draw(st.sampled_from([(), (2,)]))
    start, stop, base = draw(arrays_of([draw(st.sampled_from([(), (2,)])), (2,), base], [REALS, REALS, POSITIVE]))
    return Sample([start / 2, stop / 2, base], options, _with_base)


def _with_base(f: Callable[..., Any], xs: Sequence[Any], options: dict[str, Any]) -> Any:
    return f(xs[0], xs[1], base=xs[2], **options)


@st.composite
def _full(draw: DrawFn) -> Sample:
    whole, fill = draw(shapes()), draw(st.integers(0, 3))
    x = draw(arrays_of([whole, whole[fill:]], [REALS, REALS]))
    return Sample(x, {})


# -- functions of functions -------------------------------------------------------------------------

_OF_ROWS = [np.sum, np.cumsum, lambda row: np.outer(row, row), lambda row: row[:1] * row[-1]]


@st.composite
def _along(draw: DrawFn) -> Sample:
    x = draw(arrays(shapes(min_dims=1, min_side=1)))
    options = {"func1d": draw(st.sampled_from(_OF_ROWS)), "axis": draw(axis_of(x.shape))}
    return Sample([x], options, lambda f, xs, o: f(o["func1d"], o["axis"], xs[0]))


@st.composite
def _over(draw: DrawFn) -> Sample:
    x = draw(arrays(shapes(min_dims=1, min_side=1)))
    axes = draw(st.lists(st.sampled_from(range(x.ndim)), min_size=1, max_size=2, unique=True))
    options = {"func": draw(st.sampled_from([np.sum, np.cumsum, np.mean])), "axes": axes}
    return Sample([x], options, lambda f, xs, o: f(o["func"], xs[0], o["axes"]))


@st.composite
def _pieces(draw: DrawFn) -> Sample:
    x = draw(arrays(shapes(min_dims=1)))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    masks = [rng.random(x.shape) < 0.5 for _ in range(draw(st.integers(1, 2)))]
    functions = [np.square, np.sin, 2.0][: len(masks) + draw(st.integers(0, 1))]
    return Sample([x], {"condlist": masks, "funclist": functions})


# -- polynomials ------------------------------------------------------------------------------------


@st.composite
def _two_vectors(draw: DrawFn, longest: int = 4) -> Sample:
    sides = [(draw(st.integers(1, longest)),) for _ in range(2)]
    return Sample(draw(arrays_of(sides, [REALS, REALS])), {})


@st.composite
def _plane(draw: DrawFn, grid: bool = False) -> Sample:
    shape = draw(shapes(max_dims=2, max_side=3))
    other = draw(shapes(max_dims=1, max_side=3)) if grid else shape
    c = (draw(st.integers(1, 3)), draw(st.integers(1, 3)), *draw(shapes(max_dims=1, max_side=2)))
    x, y, c = draw(arrays_of([shape, other, c], [REALS] * 3))
    return Sample([x / 2, y / 2, c], {})


@st.composite
def _division(draw: DrawFn) -> Sample:
    u, v = draw(_two_vectors()).arrays
    return Sample([u, np.append(v[:-1] / 4, 1.0)[::-1] * 1.5], {}, _quotient)


def _quotient(f: Callable[..., Any], xs: Sequence[Any], options: dict[str, Any]) -> Any:
    """The quotient and the remainder where its length does not depend on rounding."""
    return f(*xs, **options)[0]


@st.composite
def _integral(draw: DrawFn) -> Sample:
    m = draw(st.integers(1, 3))
    p, k = draw(arrays_of([(draw(st.integers(1, 4)),), (draw(st.sampled_from([1, m])),)], [REALS, REALS]))
    return Sample([p, k], {"m": m}, lambda f, xs, o: f(xs[0], o["m"], xs[1]))


@st.composite
def _roots(draw: DrawFn) -> Sample:
    count = draw(st.integers(2, 4))
    zeros = np.arange(count) + draw(arrays(st.just((count,)))) / 20
    return Sample([np.poly(zeros) * 1.5], {}, lambda f, xs, _: np.sort(np.real(f(xs[0]))))


@st.composite
def _fit(draw: DrawFn) -> Sample:
    deg = draw(st.integers(0, 2))
    count = deg + 2 + draw(st.integers(0, 3))
    y, w = draw(arrays_of([(count,) if draw(st.booleans()) else (count, 2), (count,)], [REALS, POSITIVE]))
    x = np.linspace(-1, 1, count) + draw(arrays(st.just((count,)))) / (30 * count)
    return Sample([x, y, w][: draw(st.integers(2, 3))], {"deg": deg}, _fitted)


def _fitted(f: Callable[..., Any], xs: Sequence[Any], options: dict[str, Any]) -> Any:
    return f(xs[0], xs[1], options["deg"], w=xs[2] if len(xs) == 3 else None)


# -- histograms -------------------------------------------------------------------------------------


@st.composite
def _histogram(draw: DrawFn, dims: int = 1) -> Sample:
    count = draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    weights = draw(arrays(st.just((count,)), POSITIVE))
    points = rng.uniform(0, 4, (dims, count)).round(1)
    options = {"points": points, "density": draw(st.booleans()), "range": [(-1, 5)] * dims}
    return Sample([weights], options, _HISTOGRAMS[dims])


def _of_one(f: Callable[..., Any], xs: Sequence[Any], o: dict[str, Any]) -> Any:
    return f(o["points"][0], 3, range=o["range"][0], density=o["density"], weights=xs[0])[0]


def _of_two(f: Callable[..., Any], xs: Sequence[Any], o: dict[str, Any]) -> Any:
    return f(*o["points"], 2, range=o["range"], density=o["density"], weights=xs[0])[0]


def _of_many(f: Callable[..., Any], xs: Sequence[Any], o: dict[str, Any]) -> Any:
    return f(o["points"].T, 2, range=o["range"], density=o["density"], weights=xs[0])[0]


_HISTOGRAMS: dict[int, Call] = {1: _of_one, 2: _of_two, 3: _of_many}

# -- windows ----------------------------------------------------------------------------------------


@st.composite
def _windows(draw: DrawFn) -> Sample:
    x = draw(arrays(shapes(min_dims=1, min_side=1)))
    if draw(st.booleans()):
        return Sample([x], {"window": tuple([draw(st.integers(1, side)) for side in x.shape])}, _slid)
    axis = draw(axis_of(x.shape))
    return Sample([x], {"window": draw(st.integers(1, x.shape[axis])), "axis": axis}, _slid)


def _slid(f: Callable[..., Any], xs: Sequence[Any], options: dict[str, Any]) -> Any:
    return f(xs[0], *options.values())


SAMPLES: dict[str, SearchStrategy[Sample]] = {
    "linspace": _range(),
    "logspace": _powers(),
    "geomspace": _range((POSITIVE, POSITIVE)),
    "full_like": _full(),
    "apply_along_axis": _along(),
    "apply_over_axes": _over(),
    "piecewise": _pieces(),
    **dict.fromkeys(["polyadd", "polysub", "polymul"], _two_vectors()),
    "polydiv": _division(),
    "polyval2d": _plane(),
    "polygrid2d": _plane(grid=True),
    "polyder": one_array(shape=st.just((4,)), m=lambda _: st.integers(0, 3)),
    "polyint": _integral(),
    "poly": one_array(shape=shapes(min_dims=1, max_dims=1, min_side=1)),
    "roots": _roots(),
    "polyfit": _fit(),
    "histogram": _histogram(),
    "histogram2d": _histogram(2),
    "histogramdd": _histogram(3),
    "sliding_window_view": _windows(),
    "frexp": one_array().map(lambda sample: Sample(sample.arrays, {}, _first_result)),
    **dict.fromkeys(["real_if_close"], one_array()),
    "sort_complex": one_array(shape=shapes(min_dims=1)).map(
        lambda sample: Sample(sample.arrays, {}, lambda f, xs, _: np.real(f(xs[0])))
    ),
}
