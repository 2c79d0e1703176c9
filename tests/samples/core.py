"""Samples of the ops with which the package began: reductions, shaping, indexing, products, fused ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from minigrad.testing.sample import Sample
from minigrad.testing.strategies import arrays, arrays_of, axes, broadcastable_shapes, indices, shapes
from tests.samples.builders import REALS, reduced, reduction


@st.composite
def _variance(draw: DrawFn) -> Sample:
    shape = draw(shapes(min_dims=1, min_side=1))
    axis = draw(axes(len(shape)).filter(lambda axis: axis != ()))  # single numbers do not vary
    if math.prod([shape[a] for a in reduced(axis, len(shape))]) < 2:
        shape, axis = (3, *shape), 0
    return Sample(
        [draw(arrays(shape))], {"axis": axis, "ddof": draw(st.integers(0, 1)), "keepdims": draw(st.booleans())}
    )


@st.composite
def _softmax(draw: DrawFn) -> Sample:
    shape = draw(shapes(min_dims=1, min_side=1))
    if draw(st.integers(0, 9)) == 0:
        shape = (*shape[:1], 70)  # long enough for the other layout
    return Sample([draw(arrays(shape))], {"axis": draw(st.integers(-len(shape), len(shape) - 1))})


@st.composite
def _cross_entropy(draw: DrawFn) -> Sample:
    shape = draw(shapes(min_dims=1, min_side=1))
    if draw(st.integers(0, 9)) == 0:
        shape = (*shape[:1], 70)
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    if draw(st.booleans()):
        target: Any = rng.integers(0, shape[-1], shape[:-1])
    else:
        target = rng.dirichlet(np.ones(shape[-1]), shape[:-1]) * rng.uniform(0.5, 2)  # it need not sum to 1
    return Sample(
        [draw(arrays(shape))], {"target": target, "reduction": draw(st.sampled_from(["mean", "sum", "none"]))}
    )


@st.composite
def _linear(draw: DrawFn) -> Sample:
    ins, outs = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    leading = draw(shapes(max_dims=2))
    return Sample(draw(arrays_of([(*leading, ins), (outs, ins), (outs,)], [REALS] * 3)), {})


@st.composite
def _matmul(draw: DrawFn) -> Sample:
    rows, inner, columns = (draw(st.integers(0, 4)) for _ in range(3))
    first, second = draw(broadcastable_shapes(2, max_dims=2))
    left: tuple[int, ...] = (*first, rows, inner)
    right: tuple[int, ...] = (*second, inner, columns)
    kind = draw(st.sampled_from(["matrices", "matrices", "row", "column", "vectors"]))
    if kind in ("row", "vectors"):
        left = (inner,)
    if kind in ("column", "vectors"):
        right = (inner,)
    return Sample(draw(arrays_of([left, right], [REALS] * 2)), {})


@st.composite
def _dot(draw: DrawFn) -> Sample:
    inner, last, joined = draw(st.integers(0, 3)), draw(st.integers(0, 3)), draw(st.booleans())
    right: tuple[int, ...] = draw(st.sampled_from([(), (inner,), (inner, last), (2, inner, last)]))
    left: tuple[int, ...] = (*draw(shapes(max_dims=2)), inner) if joined else (inner,) if right else draw(shapes())
    return Sample(draw(arrays_of([left, right], [REALS] * 2)), {})


@st.composite
def _where(draw: DrawFn) -> Sample:
    of_mask, *others = draw(broadcastable_shapes(3))
    mask = np.random.default_rng(draw(st.integers(0, 999))).random(of_mask) < 0.5
    return Sample([mask, *draw(arrays_of(others, [REALS] * 2))], {})


@st.composite
def _clip(draw: DrawFn) -> Sample:
    x, bound, other = draw(arrays_of(draw(broadcastable_shapes(3)), [REALS] * 3))
    low, high = np.minimum(bound, other), np.maximum(bound, other)  # distinct from x: all are from one draw
    return Sample([x, low, high], {})


@st.composite
def _keep(draw: DrawFn) -> Sample:
    x = draw(arrays())
    return Sample([x], {"mask": np.random.default_rng(draw(st.integers(0, 999))).random(x.shape) < 0.5})


@st.composite
def _reshape(draw: DrawFn) -> Sample:
    shape = draw(shapes())
    parts = draw(st.permutations(shape))
    target: tuple[int, ...] = (*parts, *(1,) * draw(st.integers(0, 2)))
    if target and 0 not in target and draw(st.booleans()):
        target = (-1, *target[1:])
    return Sample([draw(arrays(shape))], {"shape": target})


@st.composite
def _transpose(draw: DrawFn) -> Sample:
    x = draw(arrays())
    order = draw(st.permutations(range(x.ndim)))
    signed = tuple(a - x.ndim if draw(st.booleans()) else a for a in order)
    return Sample([x], {"axes": draw(st.sampled_from([None, signed]))})


@st.composite
def _swapaxes(draw: DrawFn) -> Sample:
    x = draw(arrays(shapes(min_dims=1)))
    return Sample([x], {name: draw(st.integers(-x.ndim, x.ndim - 1)) for name in ("axis1", "axis2")})


@st.composite
def _squeeze(draw: DrawFn) -> Sample:
    shape = draw(st.lists(st.sampled_from([1, 1, 2, 3]), max_size=4).map(tuple))
    ones = [a for a, side in enumerate(shape) if side == 1]
    axis = draw(st.sampled_from([None, *ones, tuple(ones)]))
    return Sample([draw(arrays(shape))], {"axis": axis})


@st.composite
def _expand_dims(draw: DrawFn) -> Sample:
    x = draw(arrays())
    return Sample([x], {"axis": draw(st.sampled_from([0, -1, x.ndim, (0, x.ndim + 1), (-1, 0)]))})


@st.composite
def _broadcast_to(draw: DrawFn) -> Sample:
    (shape,) = draw(broadcastable_shapes(1))
    target = tuple(draw(st.integers(0, 3)) if side == 1 else side for side in shape)
    return Sample([draw(arrays(shape))], {"shape": (*draw(shapes(max_dims=1)), *target)})


@st.composite
def _concatenate(draw: DrawFn) -> Sample:
    shape = draw(shapes(min_dims=1))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    made = []
    for _ in range(draw(st.integers(1, 3))):
        sides = list(shape)
        sides[axis] = draw(st.integers(0, 3))
        made.append(tuple(sides))
    return Sample(draw(arrays_of(made, [REALS] * len(made))), {"axis": draw(st.sampled_from([axis, axis, None]))})


@st.composite
def _stack(draw: DrawFn) -> Sample:
    shape, count = draw(shapes()), draw(st.integers(1, 3))
    axis = draw(st.integers(-len(shape) - 1, len(shape)))
    return Sample(draw(arrays_of([shape] * count, [REALS] * count)), {"axis": axis})


@st.composite
def _getitem(draw: DrawFn) -> Sample:
    x = draw(arrays())
    return Sample([x], {"index": draw(indices(x.shape))})


@st.composite
def _put(draw: DrawFn) -> Sample:
    shape = draw(shapes())
    index = draw(indices(shape))
    return Sample([draw(arrays(np.zeros(shape, float)[index].shape))], {"index": index, "shape": shape})


@st.composite
def _astype(draw: DrawFn) -> Sample:
    return Sample([draw(arrays())], {"dtype": np.float64})


SAMPLES: dict[str, SearchStrategy[Sample]] = {
    "sum": reduction(min_side=0),
    **dict.fromkeys(["mean", "max", "min", "logsumexp"], reduction()),
    **dict.fromkeys(["var", "std"], _variance()),
    **dict.fromkeys(["softmax", "log_softmax"], _softmax()),
    "softmax_cross_entropy": _cross_entropy(),
    "softmax_error": _cross_entropy().map(lambda sample: Sample(sample.arrays, {"target": sample.options["target"]})),
    "astype": _astype(),
    "broadcast_to": _broadcast_to(),
    "clip": _clip(),
    "concatenate": _concatenate(),
    "dot": _dot(),
    "expand_dims": _expand_dims(),
    "getitem": _getitem(),
    "linear": _linear(),
    "matmul": _matmul(),
    "put": _put(),
    "reshape": _reshape(),
    "keep": _keep(),
    "squeeze": _squeeze(),
    "stack": _stack(),
    "swapaxes": _swapaxes(),
    "transpose": _transpose(),
    "where": _where(),
}
