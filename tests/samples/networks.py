"""Samples of windows, convolutions, pooling, normalisation, attention and embedding."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from minigrad.core.conversion import detached
from minigrad.kernels.attention import attention as _attention_kernel
from minigrad.kernels.windows import Window
from minigrad.ops.pooling import max_pool
from minigrad.testing.sample import Sample, positional
from minigrad.testing.strategies import arrays, arrays_of, broadcastable_shapes, shapes
from tests.samples.builders import REALS, one_array

Sizes = tuple[int, ...]


def _per_axis(draw: DrawFn, axes: int, low: int, high: int) -> Sizes:
    return tuple([draw(st.integers(low, high)) for _ in range(axes)])


@st.composite
def _windows(draw: DrawFn, axes: int) -> Window:
    pairs = tuple([(draw(st.integers(0, 1)), draw(st.integers(0, 2))) for _ in range(axes)])
    return Window(_per_axis(draw, axes, 1, 3), _per_axis(draw, axes, 1, 2), pairs, _per_axis(draw, axes, 1, 2))


def _sizes(draw: DrawFn, window: Window) -> Sizes:
    """Sizes into which the window fits, with room for a few places."""
    axes = zip(window.extents(), window.padding, strict=True)
    return tuple([max(extent - sum(pair), 1) + draw(st.integers(0, 2)) for extent, pair in axes])


def _options(draw: DrawFn, window: Window) -> dict[str, Any]:
    """A window with the same padding on both sides, as the user writes it."""
    kernel = draw(st.sampled_from([window.kernel, list(window.kernel)]))
    padding = tuple([low for low, _ in window.padding])
    return {"kernel_size": kernel, "stride": window.stride, "padding": padding, "dilation": window.dilation}


def _even(window: Window) -> Window:
    return window._replace(padding=tuple([(low, low) for low, _ in window.padding]))


# -- windows ------------------------------------------------------------------------------------


@st.composite
def _unfold(draw: DrawFn) -> Sample:
    window = _even(draw(_windows(draw(st.integers(1, 2)))))
    shape = (draw(st.integers(0, 2)), draw(st.integers(1, 2)), *_sizes(draw, window))
    return Sample([draw(arrays(shape))], _options(draw, window))


@st.composite
def _fold(draw: DrawFn) -> Sample:
    window = _even(draw(_windows(draw(st.integers(1, 2)))))
    size = _sizes(draw, window)
    rows = draw(st.integers(1, 2)) * math.prod(window.kernel)
    shape = (draw(st.integers(0, 2)), rows, math.prod(window.counts(size)))
    return Sample([draw(arrays(shape))], {"output_size": size, **_options(draw, window)})


@st.composite
def _whole(draw: DrawFn) -> Sample:
    """An array, and a window over it."""
    window = draw(_windows(draw(st.integers(1, 2))))
    shape = (draw(st.integers(0, 2)), draw(st.integers(1, 2)), *_sizes(draw, window))
    return Sample([draw(arrays(shape))], {"window": window})


@st.composite
def _columns(draw: DrawFn) -> Sample:
    (whole,), options, _ = draw(_whole())
    window, size = options["window"], whole.shape[2:]
    shape = (whole.shape[0], whole.shape[1] * math.prod(window.kernel), math.prod(window.counts(size)))
    return Sample([draw(arrays(shape))], {**options, "size": size})


@st.composite
def _window_spread(draw: DrawFn) -> Sample:
    (whole,), options, _ = draw(_whole())
    counts = options["window"].counts(whole.shape[2:])
    return Sample([draw(arrays((*whole.shape[:2], *counts)))], {**options, "size": whole.shape[2:]})


@st.composite
def _pooled(draw: DrawFn) -> Sample:
    """An array, and a window over it of which no place lies in the padding alone."""
    window = draw(_windows(draw(st.integers(1, 2))))
    half = [extent // 2 for extent in window.extents()]
    pairs = zip(window.padding, half, strict=True)
    window = window._replace(padding=tuple([(min(low, most), min(high, most)) for (low, high), most in pairs]))
    sizes = [extent + draw(st.integers(0, 2)) for extent in window.extents()]
    return Sample([draw(arrays((draw(st.integers(0, 2)), draw(st.integers(1, 2)), *sizes)))], {"window": window})


@st.composite
def _pulled(draw: DrawFn, like_whole: bool) -> Sample:
    """What is shared among the maxima of windows, or gathered from them; then the array and the maxima."""
    (whole,), options, _ = draw(_pooled())
    top = max_pool(whole, **options)
    return Sample([draw(arrays(whole.shape if like_whole else top.shape)), whole, top], options)


# -- convolutions -------------------------------------------------------------------------------


@st.composite
def _geometry(draw: DrawFn, axes: int) -> tuple[Window, int, Sizes, Sizes]:
    """A window, groups, the shapes of images and of a weight."""
    window, groups = draw(_windows(axes)), draw(st.integers(1, 2))
    each, outputs = draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    return (
        window,
        groups,
        (draw(st.integers(0, 2)), groups * each, *_sizes(draw, window)),
        (outputs, each, *window.kernel),
    )


def _by_name(f: Any, xs: Any, options: dict[str, Any]) -> Any:
    """f(x, y, ..., **options), which say what is None; the checks then do not pair arrays with formulas."""
    return f(*xs, **options)


@st.composite
def _trilinear(draw: DrawFn, which: str) -> Sample:
    window, groups, images, weight = draw(_geometry(draw(st.integers(1, 2))))
    outputs = (images[0], weight[0], *window.counts(images[2:]))
    options: dict[str, Any] = {"window": window, "groups": groups}
    if which == "kernel":
        return Sample(draw(arrays_of([images, outputs], [REALS] * 2)), options)
    into, channels = (images, weight[0]) if which == "convolution" else (outputs, images[1])
    if which == "transpose":
        options["size"] = images[2:]
    if draw(st.booleans()):
        return Sample(draw(arrays_of([into, weight, (channels,)], [REALS] * 3)), options)
    return Sample(draw(arrays_of([into, weight], [REALS] * 2)), {**options, "bias": None}, _by_name)


@st.composite
def _conv(draw: DrawFn, axes: int, transposed: bool) -> Sample:
    window, groups, images, weight = draw(_geometry(axes))
    window = _even(window)
    options: dict[str, Any] = {"groups": groups, "stride": window.stride, "dilation": window.dilation}
    options["padding"] = tuple([low for low, _ in window.padding])
    images = (*images[:2], *[max(n, extent) for n, extent in zip(images[2:], window.extents(), strict=True)])
    channels = weight[0]
    if transposed:
        # A kernel at least as large as the padding on both sides leaves something.
        images, channels = (images[0], weight[0], *images[2:]), groups * weight[1]
        options["padding"] = tuple(
            [min(p, (e - 1) // 2) for p, e in zip(options["padding"], window.extents(), strict=True)]
        )
        options["output_padding"] = tuple([draw(st.integers(0, step - 1)) for step in window.stride])
    elif draw(st.integers(0, 3)) == 0:
        options["padding"] = draw(st.sampled_from(["same", "valid"]))
        options["stride"] = 1
    made = [images, weight, (channels,)][: draw(st.integers(2, 3))]
    return Sample(draw(arrays_of(made, [REALS] * len(made))), options)


# -- pooling ------------------------------------------------------------------------------------


@st.composite
def _pool(draw: DrawFn, axes: int, kind: str) -> Sample:
    kernel, stride = _per_axis(draw, axes, 1, 3), draw(st.sampled_from([None, 1, 2, 3]))
    options: dict[str, Any] = {"kernel_size": kernel, "stride": stride, "ceil_mode": draw(st.booleans())}
    options["padding"] = tuple([draw(st.integers(0, k // 2)) for k in kernel])
    dilation = draw(st.integers(1, 2)) if kind == "max" else 1
    if kind == "max":
        options["dilation"] = dilation
    else:
        options["count_include_pad"] = draw(st.booleans())
        options["divisor_override"] = draw(st.sampled_from([None, None, 3]))
    sizes = [dilation * (k - 1) + 1 + draw(st.integers(0, 3)) for k in kernel]
    shape = (draw(st.integers(0, 2)), draw(st.integers(1, 2)), *sizes)
    return Sample([draw(arrays(shape))], options)


@st.composite
def _adaptive(draw: DrawFn, axes: int) -> Sample:
    sizes = _per_axis(draw, axes, 1, 5)
    x = draw(arrays((draw(st.integers(0, 2)), draw(st.integers(1, 2)), *sizes)))
    return Sample([x], {"output_size": draw(st.sampled_from([1, 2, _per_axis(draw, axes, 1, 4)]))})


# -- normalisation ------------------------------------------------------------------------------

EPS = st.sampled_from([1e-5, 0.5])


@st.composite
def _axes_of(draw: DrawFn, least: int = 1) -> tuple[Sizes, Sizes]:
    shape = draw(shapes(min_dims=1, min_side=2))
    return shape, tuple(sorted(draw(st.sets(st.integers(0, len(shape) - 1), min_size=least))))


@st.composite
def _centre(draw: DrawFn) -> Sample:
    shape, axis = draw(_axes_of())
    return Sample([draw(arrays(shape))], {"axis": axis})


@st.composite
def _inverse_rms(draw: DrawFn) -> Sample:
    shape, axis = draw(_axes_of())
    return Sample([draw(arrays(shape))], {"axis": axis, "eps": draw(EPS)})


@st.composite
def _rms_scale(draw: DrawFn) -> Sample:
    shape, axis = draw(_axes_of())
    parameter = tuple([side if draw(st.booleans()) else 1 for side in shape])[draw(st.integers(0, len(shape))) :]
    options: dict[str, Any] = {"axis": axis, "eps": draw(EPS)}
    made, absent = draw(st.sampled_from([(3, ()), (2, ("bias",)), (1, ("weight", "bias"))]))
    options.update(dict.fromkeys(absent))
    arrays_ = draw(arrays_of([shape, parameter, parameter][:made], [REALS] * made))
    return Sample(arrays_, options, _by_name if absent else positional)


@st.composite
def _channels(draw: DrawFn, images: int, numbers: int, most: int, with_eps: bool) -> Sample:
    """``images`` arrays (N, C, ...), ``numbers`` arrays (C,), and up to ``most`` more that may be None.

    Numbers behind the images are a mean and a scale; two samples at least, as one alone has no deviation.
    """
    shape = (draw(st.integers(2, 3)), draw(st.integers(1, 3)), *draw(shapes(max_dims=2, min_side=1, max_side=3)))
    made = draw(st.integers(0, most))
    found = draw(arrays_of([shape] * images + [shape[1:2]] * (numbers + made), [REALS] * (images + numbers + made)))
    names = ("weight", "bias")
    options: dict[str, Any] = dict.fromkeys(names[made:most])
    if with_eps:
        options["eps"] = draw(EPS)
    return Sample(found, options, _by_name if made < most else positional)


@st.composite
def _rows(draw: DrawFn, arrays: int, numbers: int, most: int, with_eps: bool) -> Sample:
    """``arrays`` arrays of one shape, ``numbers`` with sizes of 1 in the last axes: a mean and a scale of each row.

    Then up to ``most`` parameters that may be None: some neighbouring sizes, as many numbers as a row has or more, and
    sizes of 1.
    """
    shape = draw(shapes(min_dims=1, max_dims=3, min_side=2, max_side=3))
    axes = draw(st.integers(1, len(shape)))
    place = len(shape) - axes
    first, ones = draw(st.integers(0, place)), draw(st.integers(0, axes))
    parameter = (*shape[first : len(shape) - ones], *(1,) * ones)
    made = draw(st.integers(0, most))
    each = [shape] * arrays + [(*shape[:place], *(1,) * axes)] * numbers + [parameter] * made
    names = ("weight", "bias")
    options: dict[str, Any] = dict.fromkeys(names[made:most]) | {"axes": axes}
    if with_eps:
        options["eps"] = draw(EPS)
    return Sample(draw(arrays_of(each, [REALS] * len(each))), options, _by_name if made < most else positional)


@st.composite
def _row_product(draw: DrawFn) -> Sample:
    sample = draw(_rows(2, 2, 1, with_eps=False).filter(lambda sample: "weight" not in sample.options))
    *arrays_, weight = sample.arrays
    return Sample(arrays_, {**sample.options, "shape": weight.shape})


@st.composite
def _layer(draw: DrawFn, most: int) -> Sample:
    """x, and up to ``most - 1`` parameters in the shape of its last axes; layers of one element are constant."""
    shape = draw(shapes(min_dims=1, min_side=2))
    normalized = shape[draw(st.integers(0, len(shape) - 1)) :]
    made = [shape, normalized, normalized][: draw(st.integers(1, most))]
    given = normalized[0] if len(normalized) == 1 and draw(st.booleans()) else normalized
    arrays_ = draw(arrays_of(made, [REALS] * len(made)))
    return Sample(arrays_, {"normalized_shape": given, "eps": draw(EPS)}, _shape_second)


def _shape_second(f: Any, xs: Any, options: dict[str, Any]) -> Any:
    """f(x, normalized_shape, weight, bias, eps=eps)."""
    return f(xs[0], options["normalized_shape"], *xs[1:], eps=options["eps"])


@st.composite
def _group(draw: DrawFn) -> Sample:
    groups = draw(st.integers(1, 2))
    channels = groups * draw(st.integers(1, 2))
    shape = (draw(st.integers(1, 2)), channels, *draw(shapes(min_dims=1, max_dims=2, min_side=2, max_side=3)))
    made = [shape, (channels,), (channels,)][: draw(st.integers(1, 3))]
    arrays_ = draw(arrays_of(made, [REALS] * len(made)))
    return Sample(arrays_, {"num_groups": groups, "eps": draw(EPS)}, _groups_second)


def _groups_second(f: Any, xs: Any, options: dict[str, Any]) -> Any:
    """f(x, num_groups, weight, bias, eps=eps)."""
    return f(xs[0], options["num_groups"], *xs[1:], eps=options["eps"])


@st.composite
def _instance(draw: DrawFn) -> Sample:
    arrays_, options, _ = draw(_group())
    return Sample(arrays_, {"eps": options["eps"]})


@st.composite
def _cosine(draw: DrawFn) -> Sample:
    one, two = draw(broadcastable_shapes(2, max_dims=2))
    width = draw(st.integers(1, 3))
    return Sample(draw(arrays_of([(*one, width), (*two, width)], [REALS] * 2)), {"axis": -1})


# -- attention and embedding --------------------------------------------------------------------


def _mask(draw: DrawFn, shape: Sizes) -> np.ndarray:
    return np.random.default_rng(draw(st.integers(0, 999))).random(shape) < 0.6


@st.composite
def _masked_softmax(draw: DrawFn) -> Sample:
    shape, other = [(*made, side) for made, side in zip(draw(broadcastable_shapes(2)), (3, 3), strict=True)]
    if draw(st.booleans()):
        return Sample([draw(arrays(shape)), _mask(draw, other)], {})
    return Sample(draw(arrays_of([shape, other], [REALS] * 2)), {})


@st.composite
def _attention(draw: DrawFn, with_value: bool) -> Sample:
    batch = draw(broadcastable_shapes(3, max_dims=2))
    queries, keys, width, out = (draw(st.integers(1, 3)) for _ in range(4))
    ends = [(queries, width), (keys, width), (keys, out)][: 3 if with_value else 2]
    made: list[Sizes] = [(*lead, *end) for lead, end in zip(batch, ends, strict=False)]
    options: dict[str, Any] = {"scale": draw(st.sampled_from([None, 0.5]))}
    kind = draw(st.sampled_from(["none", "causal", "bools", "floats"]))
    if kind == "floats":
        made.append((queries, keys))
    elif kind == "causal":
        options["is_causal"] = True
    if with_value and draw(st.booleans()):  # heads of queries that share those of keys
        options["enable_gqa"] = True
        made[:3] = [(2, *made[0][-2:]), (1, *made[1][-2:]), (1, *made[2][-2:])]
    found = draw(arrays_of(made, [REALS] * len(made)))
    return Sample([*found, _mask(draw, (queries, keys))] if kind == "bools" else found, options)


@st.composite
def _tiled_attention(draw: DrawFn, of: str) -> Sample:
    """Arguments of ``attention``, of its ``logs`` (where each query sees a key) or of the way ``back``."""
    batch = draw(broadcastable_shapes(3, max_dims=2))
    queries, keys, width, out = (draw(st.integers(1, 3)) for _ in range(4))
    ends = [(queries, width), (keys, width), (keys, out)]
    made: list[Sizes] = [(*lead, *end) for lead, end in zip(batch, ends, strict=True)]
    lead = np.broadcast_shapes(*batch)
    found = draw(arrays_of([(*lead, queries, out), *made], [REALS] * 4))
    seen = _mask(draw, (queries, keys)) | ((np.arange(keys) == 0) & (of == "logs"))
    mask = draw(st.sampled_from([None, seen, np.where(seen, 0.5, -1.0)]))
    causal, scale = draw(st.booleans()), draw(st.sampled_from([1.0, 0.5]))

    def call(f: Any, xs: Any, options: dict[str, Any]) -> Any:
        if of != "back":
            return f(*xs, *options.values())
        z, logs = _attention_kernel(*[detached(x) for x in xs[1:]], *options.values())
        return f(*xs, mask, z, logs, causal, scale)

    return Sample(found if of == "back" else found[1:], {"mask": mask, "causal": causal, "scale": scale}, call)


@st.composite
def _indices(draw: DrawFn) -> tuple[np.ndarray, Sizes]:
    count, width = draw(st.integers(1, 4)), draw(st.integers(0, 3))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    return rng.integers(0, count, draw(shapes(max_dims=2))), (count, width)


@st.composite
def _embedding(draw: DrawFn) -> Sample:
    numbers, shape = draw(_indices())
    return Sample([numbers, draw(arrays(shape))], {})


@st.composite
def _take_rows(draw: DrawFn) -> Sample:
    numbers, shape = draw(_indices())
    return Sample([draw(arrays(shape))], {"indices": numbers})


@st.composite
def _scatter_rows(draw: DrawFn) -> Sample:
    numbers, (count, width) = draw(_indices())
    return Sample([draw(arrays((*numbers.shape, width)))], {"indices": numbers, "count": count})


SAMPLES: dict[str, SearchStrategy[Sample]] = {
    "window_columns": _whole(),
    "window_uncolumns": _columns(),
    "unfold": _unfold(),
    "fold": _fold(),
    "window_sum": _whole(),
    "window_spread": _window_spread(),
    "window_share": _pulled(like_whole=False),
    "window_gather": _pulled(like_whole=True),
    "max_pool": _pooled(),
    "convolution": _trilinear("convolution"),
    "convolution_transpose": _trilinear("transpose"),
    "convolution_kernel": _trilinear("kernel"),
    **{f"conv{n}d": _conv(n, transposed=False) for n in (1, 2, 3)},
    **{f"conv_transpose{n}d": _conv(n, transposed=True) for n in (1, 2, 3)},
    **{f"{kind}_pool{n}d": _pool(n, kind) for kind in ("max", "avg") for n in (1, 2, 3)},
    **{f"adaptive_{kind}_pool{n}d": _adaptive(n) for kind in ("max", "avg") for n in (1, 2)},
    "centre": _centre(),
    "inverse_rms": _inverse_rms(),
    "rms_scale": _rms_scale(),
    "channel_mean": _channels(1, 0, 0, with_eps=False),
    "channel_rms": _channels(1, 0, 0, with_eps=True),
    "channel_product": _channels(2, 2, 0, with_eps=False),
    "channel_pullback": _channels(2, 2, 1, with_eps=False),
    "channel_norm": _channels(1, 0, 2, with_eps=True),
    "row_mean": _rows(1, 0, 0, with_eps=False),
    "row_rms": _rows(1, 0, 0, with_eps=True),
    "row_product": _row_product(),
    "row_pullback": _rows(2, 2, 1, with_eps=False),
    "row_norm": _rows(1, 0, 2, with_eps=True),
    "layer_norm": _layer(3),
    "rms_norm": _layer(2),
    "group_norm": _group(),
    "instance_norm": _instance(),
    "normalize": one_array(
        shapes(min_dims=1, min_side=1),
        axis=lambda shape: st.integers(-len(shape), len(shape) - 1),
        p=lambda _: st.sampled_from([1, 2, 3.5, math.inf]),
    ),
    "cosine_similarity": _cosine(),
    "masked_softmax": _masked_softmax(),
    "attention": _tiled_attention("z"),
    "attention_logs": _tiled_attention("logs"),
    "attention_back": _tiled_attention("back"),
    "attention_weights": _attention(with_value=False),
    "scaled_dot_product_attention": _attention(with_value=True),
    "embedding": _embedding(),
    "take_rows": _take_rows(),
    "scatter_rows": _scatter_rows(),
}
