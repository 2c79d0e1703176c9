"""Hypothesis strategies for arrays, tensors and what goes with them.

Values come from a drawn seed rather than element by element: they are distinct and apart, so that no
difference straddles a kink or a tie, yet of every shape (0-d and empty ones too) and every layout of
memory (Fortran order, strides, reversed and transposed views).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from minigrad.core.tensor import Tensor, tensor

Shape = tuple[int, ...]
Interval = tuple[float, float]
REALS: Interval = (-math.inf, math.inf)

#: Where values are drawn when a domain has no end.
_EXTENT = 3.0
#: Values keep this distance from 0, where most kinks are, and from the ends of a domain.
_MARGIN = 0.1


def shapes(min_dims: int = 0, max_dims: int = 3, min_side: int = 0, max_side: int = 4) -> SearchStrategy[Shape]:
    """Shapes, with 0-d and empty ones among them unless ``min_dims`` or ``min_side`` say otherwise.

    >>> from hypothesis import find
    >>> find(shapes(), lambda shape: len(shape) == 2)
    (0, 0)
    """
    return st.lists(st.integers(min_side, max_side), min_size=min_dims, max_size=max_dims).map(tuple)


@st.composite
def broadcastable_shapes(
    draw: DrawFn, count: int, max_dims: int = 3, max_side: int = 4, min_side: int = 0
) -> list[Shape]:
    """``count`` shapes that broadcast together: the sides of a result, some of them 1 or left out.

    >>> from hypothesis import find
    >>> find(broadcastable_shapes(2, min_side=1), lambda sizes: len(sizes[0]) > len(sizes[1]) > 0)
    [(1, 1), (1,)]
    """
    result = draw(shapes(0, max_dims, min_side, max_side))
    results = []
    for _ in range(count):
        sides = tuple(1 if draw(st.booleans()) and draw(st.booleans()) else side for side in result)
        results.append(sides[draw(st.integers(0, len(sides))) if draw(st.booleans()) else 0 :])
    return results


@st.composite
def arrays(
    draw: DrawFn,
    shape: SearchStrategy[Shape] | Shape | None = None,
    domain: Interval = (-math.inf, math.inf),
    dtype: Any = np.float64,
) -> np.ndarray:
    """An array of distinct values inside ``domain``, in any layout of memory.

    Values keep 0.1 away from the ends of the domain and, where it has room, from 0.

    >>> from hypothesis import find
    >>> find(arrays((2,), domain=(0, 1)), lambda x: x[0] < x[1]).shape
    (2,)
    """
    chosen = draw(shapes()) if shape is None else draw(shape) if isinstance(shape, SearchStrategy) else shape
    return draw(arrays_of([chosen], [domain], dtype))[0]


@st.composite
def arrays_of(
    draw: DrawFn, shapes_: Sequence[Shape], domains: Sequence[Interval], dtype: Any = np.float64
) -> list[np.ndarray]:
    """Arrays of these shapes, all of whose values are distinct, also between one array and another.

    >>> from hypothesis import given
    >>> from minigrad.testing.strategies import arrays_of
    >>> @given(arrays_of([(2,), (3,)], [(0.0, 1.0), (0.0, 1.0)]))
    ... def test_sizes(arrays):
    ...     assert [a.size for a in arrays] == [2, 3]
    >>> test_sizes()
    """
    originals = spread_out(shapes_, domains, draw(st.integers(0, 2**32 - 1)))
    return [_in_layout(draw(st.sampled_from(_LAYOUTS)), values.astype(dtype)) for values in originals]


def spread_out(shapes_: Sequence[Shape], domains: Sequence[Interval], seed: int = 0) -> list[np.ndarray]:
    """Arrays of random values in their domains, all of them distinct and apart.

    >>> from minigrad.testing.strategies import spread_out
    >>> x, y = spread_out([(2,), (3,)], [(0.0, 1.0), (5.0, 6.0)])
    >>> x.shape, y.shape, bool(y.min() > 5)
    ((2,), (3,), True)
    """
    rng = np.random.default_rng(seed)
    count = sum(math.prod(shape) for shape in shapes_)
    places = (rng.permutation(count) + rng.uniform(0.25, 0.75, count)) / max(count, 1)
    ends = np.cumsum([math.prod(shape) for shape in shapes_])
    parts = np.split(places, ends[:-1])
    return [_within(part, domain).reshape(shape) for part, domain, shape in zip(parts, domains, shapes_, strict=True)]


@st.composite
def broadcastable_arrays(
    draw: DrawFn, count: int = 2, domain: Interval = (-math.inf, math.inf), dtype: Any = np.float64
) -> list[np.ndarray]:
    """``count`` arrays that broadcast together, all of whose values are distinct.

    >>> from hypothesis import given
    >>> @given(broadcastable_arrays(3))
    ... def test_sum(xs):
    ...     assert sum(xs).shape == np.broadcast_shapes(*[x.shape for x in xs])
    >>> test_sum()
    """
    return draw(arrays_of(draw(broadcastable_shapes(count)), [domain] * count, dtype))


def broadcastable_tensors(
    count: int = 2, domain: Interval = (-math.inf, math.inf), dtype: Any = np.float64, requires_grad: bool = True
) -> SearchStrategy[list[Tensor]]:
    """``count`` Tensors that broadcast together, with gradients unless told otherwise.

    >>> from hypothesis import find
    >>> [x.shape for x in find(broadcastable_tensors(2), lambda xs: xs[0].ndim > xs[1].ndim)]
    [(0,), ()]
    """
    return broadcastable_arrays(count, domain, dtype).map(
        lambda xs: [tensor(x, requires_grad=requires_grad) for x in xs]
    )


def tensors(
    shape: SearchStrategy[Shape] | Shape | None = None,
    domain: Interval = (-math.inf, math.inf),
    dtype: Any = np.float64,
    requires_grad: bool = True,
) -> SearchStrategy[Tensor]:
    """A Tensor of distinct values inside ``domain``, with a gradient unless told otherwise.

    >>> from hypothesis import find
    >>> find(tensors((3,), dtype=np.float32), lambda x: True).dtype
    dtype('float32')
    """
    return arrays(shape, domain, dtype).map(lambda x: tensor(x, requires_grad=requires_grad))


@st.composite
def axes(draw: DrawFn, ndim: int) -> Any:
    """An ``axis`` argument for an array of ``ndim`` axes: None, an int of either sign, or a tuple.

    >>> from hypothesis import find
    >>> find(axes(3), lambda axis: isinstance(axis, tuple) and len(axis) > 1)
    (0, 1)
    """
    if not ndim:
        return None
    one = st.integers(-ndim, ndim - 1)
    several = st.permutations(range(ndim)).flatmap(lambda p: st.integers(0, ndim).map(lambda n: tuple(p[:n])))
    return draw(st.one_of(st.none(), one, several))


@st.composite
def indices(draw: DrawFn, shape: Shape) -> Any:
    """An index that NumPy accepts for this shape: ints, slices, None, ..., arrays of ints or bools.

    >>> from hypothesis import find
    >>> def has_both(index):
    ...     return type(index) is tuple and any(x is None for x in index) and any(x is ... for x in index)
    >>> find(indices((2, 3)), has_both)
    (None, Ellipsis)
    """
    if draw(st.booleans()) and draw(st.booleans()):
        return np.random.default_rng(draw(st.integers(0, 999))).random(shape) < 0.5
    index: list[Any] = []
    for side in shape[: draw(st.integers(0, len(shape)))]:
        choices: list[SearchStrategy[Any]] = [st.slices(side) if side else st.just(slice(None))]
        if side:
            choices.append(st.integers(-side, side - 1))
            pairs = st.lists(st.integers(-side, side - 1), min_size=2, max_size=2)
            choices += [pairs.map(np.array), pairs.map(tuple), pairs]
        index.append(draw(st.one_of(choices)))
    if draw(st.booleans()):
        index.insert(draw(st.integers(0, len(index))), None)
    if draw(st.booleans()):
        index.append(Ellipsis)
    return tuple(index)


def _within(places: np.ndarray, domain: Interval) -> np.ndarray:
    """Numbers in (0, 1) to values in a domain, away from its ends and from 0."""
    low = domain[0] + _MARGIN if math.isfinite(domain[0]) else min(-_EXTENT, domain[1] - _EXTENT)
    high = domain[1] - _MARGIN if math.isfinite(domain[1]) else max(_EXTENT, domain[0] + _EXTENT)
    values = low + places * (high - low)
    away = np.where(values < 0, values - _MARGIN, values + _MARGIN)
    return np.where((np.abs(values) < _MARGIN) & (away > low) & (away < high), away, values)


_LAYOUTS = ("C", "F", "strided", "reversed", "offset")


def _in_layout(layout: str, values: np.ndarray) -> np.ndarray:
    """The same values in another layout of memory; all but C and F are views into a larger array."""
    if layout == "C" or not values.ndim:
        return values
    if layout == "F":
        return np.asfortranarray(values)
    if layout == "reversed":
        return np.ascontiguousarray(values[::-1])[::-1]
    room = np.full((*values.shape[:-1], 2 * values.shape[-1] + 1), np.nan, values.dtype)
    view = room[..., 1 : 2 * values.shape[-1] : 2] if layout == "strided" else room[..., : values.shape[-1]]
    view[...] = values
    return view
