"""Samples of reductions, statistics, sorting, scans and segments."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from minigrad.testing.sample import Sample
from minigrad.testing.strategies import Shape, arrays, arrays_of, axes, broadcastable_shapes, shapes
from tests.samples.builders import POSITIVE, REALS, axis_of, one_array, reduced, reduction

Call = Callable[[Callable[..., Any], Sequence[Any], dict[str, Any]], Any]


def _generator(draw: DrawFn) -> np.random.Generator:
    return np.random.default_rng(draw(st.integers(0, 999)))


def _without(mask: np.ndarray, value: float) -> Call:
    """A call with ``value`` in place of some elements; so written, numeric derivatives see only the others move."""

    def call(f: Callable[..., Any], xs: Sequence[Any], options: dict[str, Any]) -> Any:
        return f(np.where(mask, value, xs[0]), *xs[1:], **options)

    return call


def _named(*names: str, positional_: int = 1) -> Call:
    """A call that passes the arrays after the first by these names."""

    def call(f: Callable[..., Any], xs: Sequence[Any], options: dict[str, Any]) -> Any:
        return f(*xs[:positional_], **dict(zip(names, xs[positional_:], strict=True)), **options)

    return call


# -- reductions -----------------------------------------------------------------------------------------


@st.composite
def _product(draw: DrawFn) -> Sample:
    sample = draw(reduction(min_side=0))
    zeros = _generator(draw).random(sample.arrays[0].shape) < 0.3
    return Sample([np.where(zeros, 0, sample.arrays[0])], sample.options)


@st.composite
def _with_nan(draw: DrawFn, at_least: int = 1) -> Sample:
    """NaN among the elements, but ``at_least`` other ones for each result."""
    shape = draw(shapes(min_dims=int(at_least > 1), min_side=1))
    axis = draw(axes(len(shape)))
    if math.prod([shape[a] for a in reduced(axis, len(shape))]) < at_least:
        shape, axis = (at_least + 1, *shape), 0
    missing = _generator(draw).random(shape) < 0.4
    enough = np.sum(~missing, axis, keepdims=True) >= at_least
    options = {"axis": axis, "keepdims": draw(st.booleans())}
    return Sample([draw(arrays(shape))], options, _without(missing & enough, math.nan))


@st.composite
def _nan_variance(draw: DrawFn) -> Sample:
    x, options, call = draw(_with_nan(at_least=2))
    return Sample(x, {**options, "ddof": draw(st.integers(0, 1))}, call)


@st.composite
def _average(draw: DrawFn) -> Sample:
    shape = draw(shapes(min_dims=1, min_side=1))
    axis = draw(axes(len(shape)))
    options = {"axis": axis, "returned": draw(st.booleans()), "keepdims": draw(st.booleans())}
    kind = draw(st.sampled_from(["none", "all", "along"]))
    if kind == "none":
        return Sample([draw(arrays(shape))], options)
    along = tuple([shape[a] for a in reduced(axis, len(shape))])
    weights = along if kind == "along" and axis is not None else shape
    return Sample(draw(arrays_of([shape, weights], [REALS, POSITIVE])), options, _named("weights"))


@st.composite
def _covariance(draw: DrawFn) -> Sample:
    observations, rowvar = draw(st.integers(2, 5)), draw(st.booleans())

    def variables() -> Shape:
        count = draw(st.integers(0, 3))
        return (observations,) if not count else (count, observations) if rowvar else (observations, count)

    names, made, domains = [], [variables()], [REALS]
    if draw(st.booleans()):
        names, made, domains = ["y"], [*made, variables()], [REALS, REALS]
    options: dict[str, Any] = {"rowvar": rowvar, "bias": draw(st.booleans())}
    if draw(st.booleans()):
        options["ddof"] = draw(st.integers(0, 1))
    if draw(st.booleans()):
        options["fweights"] = _generator(draw).integers(1, 4, observations)
    if draw(st.booleans()):
        names, made, domains = [*names, "aweights"], [*made, (observations,)], [*domains, POSITIVE]
    return Sample(draw(arrays_of(made, domains)), options, _named(*names))


@st.composite
def _correlation(draw: DrawFn) -> Sample:
    observations, rowvar = draw(st.integers(3, 5)), draw(st.booleans())
    counts = draw(st.lists(st.integers(1, 3), min_size=1, max_size=2))
    made = [(count, observations) if rowvar else (observations, count) for count in counts]
    return Sample(draw(arrays_of(made, [REALS] * len(made))), {"rowvar": rowvar})


@st.composite
def _polynomial(draw: DrawFn) -> Sample:
    return Sample(draw(arrays_of([(draw(st.integers(1, 4)),), draw(shapes())], [REALS] * 2)), {})


# -- order ----------------------------------------------------------------------------------------------


def _one_axis(shape: Shape) -> SearchStrategy[int | None]:
    """One axis or None, which is all that a single number has."""
    return st.none() | axis_of(shape) if shape else st.none()


@st.composite
def _sort(draw: DrawFn) -> Sample:
    x, options, _ = draw(one_array(axis=_one_axis))
    how: dict[str, Any] = draw(st.sampled_from([{}, {"kind": "heapsort"}, {"stable": True}]))
    return Sample(x, {**options, **how})


@st.composite
def _by_keys(draw: DrawFn, flat: bool = False) -> Sample:
    (x,), options, _ = draw(one_array(axis=_one_axis))
    keys = _generator(draw).integers(0, 4, x.shape)
    return Sample([x.reshape(-1) if flat and options["axis"] is None else x, keys], options)


@st.composite
def _partition(draw: DrawFn) -> Sample:
    (x,), options, _ = draw(one_array(shapes(min_side=1), axis=_one_axis))
    size = x.size if options["axis"] is None else x.shape[options["axis"]]
    place = st.integers(-size, size - 1)
    return Sample([x], {"kth": draw(place | st.lists(place, min_size=1, max_size=2)), **options})


METHODS = tuple(
    """
    linear linear linear hazen weibull median_unbiased normal_unbiased interpolated_inverted_cdf inverted_cdf
    averaged_inverted_cdf closest_observation lower higher midpoint nearest
    """.split()
)


@st.composite
def _quantile(draw: DrawFn, scale: int = 1, nan: bool = False) -> Sample:
    x, options, call = draw(_with_nan() if nan else reduction())
    # For a q of several axes NumPy's nanquantile may put these elsewhere than its quantile does.
    size = draw(shapes(max_dims=1 if nan else 2, min_side=1, max_side=3))
    q = np.asarray(_generator(draw).random(size) * scale)
    return Sample(x, {"q": q, "method": draw(st.sampled_from(METHODS)), **options}, call)


# -- scans ----------------------------------------------------------------------------------------------


@st.composite
def _scan(draw: DrawFn, replaced_by: float | None = None) -> Sample:
    (x,), options, _ = draw(one_array(shapes(max_side=6), axis=_one_axis))
    if replaced_by is None:
        return Sample([x], options)
    replaced = _generator(draw).random(x.shape or (1,)) < 0.3
    np.moveaxis(replaced, options["axis"] or 0, 0)[:1] = False  # the first ones stay: log(0) is no value
    replaced = replaced.reshape(x.shape)
    return Sample([x], options, _without(replaced, replaced_by))


@st.composite
def _cumulative(draw: DrawFn) -> Sample:
    (x,), options, _ = draw(one_array(shapes(min_dims=1), axis=axis_of))
    if x.ndim == 1 and draw(st.booleans()):
        options = {}
    return Sample([x], {**options, "include_initial": draw(st.booleans())})


@st.composite
def _recurrence(draw: DrawFn) -> Sample:
    made = draw(broadcastable_shapes(2).filter(any))
    axis = draw(axis_of(np.broadcast_shapes(*made)))
    return Sample(draw(arrays_of(made, [REALS] * 2)), {"axis": axis})


@st.composite
def _runs(draw: DrawFn) -> Sample:
    (x,), options, _ = draw(one_array(shapes(min_dims=1, max_side=6), axis=axis_of))
    keys = _generator(draw).integers(0, 2, x.shape)
    return Sample([x, keys], {**options, "reverse": draw(st.booleans())})


@st.composite
def _diff(draw: DrawFn) -> Sample:
    shape = draw(shapes(min_dims=1))
    axis = draw(axis_of(shape))
    sides = list(shape)
    sides[axis] = draw(st.integers(0, 2))
    names = draw(st.lists(st.sampled_from(["prepend", "append"]), unique=True))
    made = [shape, *[draw(st.sampled_from([(), tuple(sides)])) for _ in names]]
    return Sample(
        draw(arrays_of(made, [REALS] * len(made))), {"n": draw(st.integers(0, 3)), "axis": axis}, _named(*names)
    )


@st.composite
def _ediff1d(draw: DrawFn) -> Sample:
    names = draw(st.lists(st.sampled_from(["to_begin", "to_end"]), unique=True))
    made = [draw(shapes()), *[draw(shapes(max_dims=1)) for _ in names]]
    return Sample(draw(arrays_of(made, [REALS] * len(made))), {}, _named(*names))


def _rising(steps: Any) -> Any:
    """Coordinates at a distance from each other, made from steps of more than 0."""
    return np.cumsum(steps, -1)


@st.composite
def _gradient(draw: DrawFn) -> Sample:
    edge_order = draw(st.integers(1, 2))
    shape = draw(shapes(min_dims=1, min_side=edge_order + 1))
    axis = draw(st.none() | axis_of(shape) | st.permutations(range(len(shape))).map(tuple))
    options = {"axis": axis, "edge_order": edge_order}
    along = [shape[a] for a in reduced(axis, len(shape))]
    each: list[Shape] = [draw(st.sampled_from([(), (size,)])) for size in along]
    made: list[Shape] = draw(st.sampled_from([[], [()], each]))

    def call(f: Callable[..., Any], xs: Sequence[Any], options: dict[str, Any]) -> Any:
        return f(xs[0], *[_rising(x) if np.ndim(x) else x for x in xs[1:]], **options)

    return Sample(draw(arrays_of([shape, *made], [REALS, *[POSITIVE] * len(made)])), options, call)


@st.composite
def _trapezoid(draw: DrawFn) -> Sample:
    shape = draw(shapes(min_dims=1))
    axis = draw(axis_of(shape))
    extra: list[tuple[str, Shape]] = draw(st.sampled_from([[], [("dx", ())], [("x", (shape[axis],))], [("x", shape)]]))
    names, made = [name for name, _ in extra], [each for _, each in extra]
    return Sample(draw(arrays_of([shape, *made], [REALS] * (1 + len(made)))), {"axis": axis}, _named(*names))


# -- segments -------------------------------------------------------------------------------------------


@st.composite
def _segments(draw: DrawFn) -> Sample:
    x = draw(arrays(shapes(min_dims=1, max_side=6)))
    ids = _generator(draw).integers(0, 3, x.shape[0])
    return Sample([x], {"ids": ids, "num_segments": draw(st.sampled_from([None, 3, 5]))})


@st.composite
def _counted(draw: DrawFn) -> Sample:
    weights = draw(arrays(shapes(min_dims=1, max_dims=1, min_side=1, max_side=6)))  # of none, NumPy gives integers
    numbers = _generator(draw).integers(0, 3, weights.shape[0])
    options = {"x": numbers, "minlength": draw(st.sampled_from([0, 5]))}
    return Sample([weights], options, lambda f, xs, options: f(options["x"], xs[0], options["minlength"]))


@st.composite
def _filled_segments(draw: DrawFn) -> Sample:
    """No segment without rows, of which the maximum is not finite."""
    x = draw(arrays(shapes(min_dims=1, max_side=6)))
    ids = _generator(draw).permutation(np.arange(len(x)) // draw(st.integers(1, 3)))
    return Sample([x], {"ids": ids, "num_segments": draw(st.sampled_from([None, len(set(ids.tolist()))]))})


SAMPLES: dict[str, SearchStrategy[Sample]] = {
    "prod": _product(),
    "ptp": reduction(),
    **dict.fromkeys(["nansum", "nanprod", "nanmean", "nanmax", "nanmin", "nanmedian"], _with_nan()),
    **dict.fromkeys(["nanvar", "nanstd"], _nan_variance()),
    "average": _average(),
    "cov": _covariance(),
    "corrcoef": _correlation(),
    "polyval": _polynomial(),
    "vander": one_array(shapes(1, 1), N=lambda _: st.none() | st.integers(0, 4), increasing=lambda _: st.booleans()),
    "sort": _sort(),
    "sort_by": _by_keys(),
    "unsort_by": _by_keys(flat=True),
    "partition": _partition(),
    "median": reduction(),
    "quantile": _quantile(),
    "percentile": _quantile(100),
    "nanquantile": _quantile(1, nan=True),
    "nanpercentile": _quantile(100, nan=True),
    "cumsum": _scan(),
    "cumprod": _scan() | _scan(0.0),
    "nancumsum": _scan(math.nan),
    "nancumprod": _scan(math.nan),
    "logcumsumexp": _scan() | _scan(-math.inf),
    **dict.fromkeys(["cummax", "cummin"], _scan()),
    **dict.fromkeys(["cumulative_sum", "cumulative_prod"], _cumulative()),
    "linear_recurrence": _recurrence(),
    "run_cumsum": _runs(),
    "diff": _diff(),
    "ediff1d": _ediff1d(),
    "gradient": _gradient(),
    "trapezoid": _trapezoid(),
    "bincount": _counted(),
    **dict.fromkeys(["segment_sum", "segment_mean"], _segments()),
    **dict.fromkeys(["segment_max", "segment_min"], _filled_segments()),
}
