"""Sample inputs for every op of the table, so that one set of properties tests them all.

A sample is ``(arrays, options)``: the array arguments and the other parameters by name. An op without
options, the user's own included, needs no entry: its arrays broadcast together, inside its domain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from minigrad.table import Op
from minigrad.testing.strategies import arrays, arrays_of, axes, broadcastable_shapes, indices, shapes

Interval = tuple[float, float]
Sample = tuple[list[np.ndarray], dict[str, Any]]
_REALS = (-math.inf, math.inf)


def samples(op: Op) -> SearchStrategy[Sample]:
    """Inputs for one op: its own entry of the table, or arrays that broadcast together."""
    return _SAMPLES[op.name] if op.name in _SAMPLES else _elementwise(op.domain)


@st.composite
def _elementwise(draw: DrawFn, domains: Sequence[Interval]) -> Sample:
    made = draw(broadcastable_shapes(len(domains)))
    return draw(arrays_of(made, domains)), {}


@st.composite
def _reduction(draw: DrawFn, min_side: int = 1) -> Sample:
    shape = draw(shapes(min_side=min_side))
    return [draw(arrays(shape))], {"axis": draw(axes(len(shape))), "keepdims": draw(st.booleans())}


@st.composite
def _variance(draw: DrawFn) -> Sample:
    shape = draw(shapes(min_dims=1, min_side=1))
    axis = draw(axes(len(shape)).filter(lambda axis: axis != ()))  # single numbers do not vary
    if math.prod([shape[a] for a in _reduced(axis, len(shape))]) < 2:
        shape, axis = (3, *shape), 0
    return [draw(arrays(shape))], {"axis": axis, "ddof": draw(st.integers(0, 1)), "keepdims": draw(st.booleans())}


def _reduced(axis: Any, ndim: int) -> tuple[int, ...]:
    return tuple(range(ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)


@st.composite
def _softmax(draw: DrawFn) -> Sample:
    shape = draw(shapes(min_dims=1, min_side=1))
    if draw(st.integers(0, 9)) == 0:
        shape = (*shape[:1], 70)  # long enough for the other layout
    return [draw(arrays(shape))], {"axis": draw(st.integers(-len(shape), len(shape) - 1))}


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
    return [draw(arrays(shape))], {"target": target, "reduction": draw(st.sampled_from(["mean", "sum", "none"]))}


@st.composite
def _linear(draw: DrawFn) -> Sample:
    ins, outs = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    leading = draw(shapes(max_dims=2))
    return draw(arrays_of([(*leading, ins), (outs, ins), (outs,)], [_REALS] * 3)), {}


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
    return draw(arrays_of([left, right], [_REALS] * 2)), {}


@st.composite
def _where(draw: DrawFn) -> Sample:
    of_mask, *others = draw(broadcastable_shapes(3))
    mask = np.random.default_rng(draw(st.integers(0, 999))).random(of_mask) < 0.5
    return [mask, *draw(arrays_of(others, [_REALS] * 2))], {}


@st.composite
def _clip(draw: DrawFn) -> Sample:
    x, bound, other = draw(arrays_of(draw(broadcastable_shapes(3)), [_REALS] * 3))
    low, high = np.minimum(bound, other), np.maximum(bound, other)  # distinct from x: all are from one draw
    return [x, low, high], {}


@st.composite
def _select(draw: DrawFn) -> Sample:
    x = draw(arrays())
    return [x], {"mask": np.random.default_rng(draw(st.integers(0, 999))).random(x.shape) < 0.5}


@st.composite
def _reshape(draw: DrawFn) -> Sample:
    shape = draw(shapes())
    parts = draw(st.permutations(shape))
    target: tuple[int, ...] = (*parts, *(1,) * draw(st.integers(0, 2)))
    if target and 0 not in target and draw(st.booleans()):
        target = (-1, *target[1:])
    return [draw(arrays(shape))], {"shape": target}


@st.composite
def _transpose(draw: DrawFn) -> Sample:
    x = draw(arrays())
    order = draw(st.permutations(range(x.ndim)))
    signed = tuple(a - x.ndim if draw(st.booleans()) else a for a in order)
    return [x], {"axes": draw(st.sampled_from([None, signed]))}


@st.composite
def _swapaxes(draw: DrawFn) -> Sample:
    x = draw(arrays(shapes(min_dims=1)))
    return [x], {name: draw(st.integers(-x.ndim, x.ndim - 1)) for name in ("axis1", "axis2")}


@st.composite
def _squeeze(draw: DrawFn) -> Sample:
    shape = draw(st.lists(st.sampled_from([1, 1, 2, 3]), max_size=4).map(tuple))
    ones = [a for a, side in enumerate(shape) if side == 1]
    axis = draw(st.sampled_from([None, *ones, tuple(ones)]))
    return [draw(arrays(shape))], {"axis": axis}


@st.composite
def _expand_dims(draw: DrawFn) -> Sample:
    x = draw(arrays())
    return [x], {"axis": draw(st.sampled_from([0, -1, x.ndim, (0, x.ndim + 1), (-1, 0)]))}


@st.composite
def _broadcast_to(draw: DrawFn) -> Sample:
    (shape,) = draw(broadcastable_shapes(1))
    target = tuple(draw(st.integers(0, 3)) if side == 1 else side for side in shape)
    return [draw(arrays(shape))], {"shape": (*draw(shapes(max_dims=1)), *target)}


@st.composite
def _concatenate(draw: DrawFn) -> Sample:
    shape = draw(shapes(min_dims=1))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    made = []
    for _ in range(draw(st.integers(1, 3))):
        sides = list(shape)
        sides[axis] = draw(st.integers(0, 3))
        made.append(tuple(sides))
    return draw(arrays_of(made, [_REALS] * len(made))), {"axis": draw(st.sampled_from([axis, axis, None]))}


@st.composite
def _stack(draw: DrawFn) -> Sample:
    shape, count = draw(shapes()), draw(st.integers(1, 3))
    axis = draw(st.integers(-len(shape) - 1, len(shape)))
    return draw(arrays_of([shape] * count, [_REALS] * count)), {"axis": axis}


@st.composite
def _getitem(draw: DrawFn) -> Sample:
    x = draw(arrays())
    return [x], {"index": draw(indices(x.shape))}


@st.composite
def _put(draw: DrawFn) -> Sample:
    shape = draw(shapes())
    index = draw(indices(shape))
    return [draw(arrays(np.zeros(shape, float)[index].shape))], {"index": index, "shape": shape}


@st.composite
def _astype(draw: DrawFn) -> Sample:
    return [draw(arrays())], {"dtype": np.float64}


_SAMPLES: dict[str, SearchStrategy[Sample]] = {
    "sum": _reduction(min_side=0),
    **dict.fromkeys(["mean", "max", "min", "logsumexp"], _reduction()),
    **dict.fromkeys(["var", "std"], _variance()),
    **dict.fromkeys(["softmax", "log_softmax"], _softmax()),
    "softmax_cross_entropy": _cross_entropy(),
    "softmax_error": _cross_entropy().map(lambda sample: (sample[0], {"target": sample[1]["target"]})),
    "astype": _astype(),
    "broadcast_to": _broadcast_to(),
    "clip": _clip(),
    "concatenate": _concatenate(),
    "expand_dims": _expand_dims(),
    "getitem": _getitem(),
    "linear": _linear(),
    "matmul": _matmul(),
    "put": _put(),
    "reshape": _reshape(),
    "select": _select(),
    "squeeze": _squeeze(),
    "stack": _stack(),
    "swapaxes": _swapaxes(),
    "transpose": _transpose(),
    "where": _where(),
}
