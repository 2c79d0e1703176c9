"""Inputs that many ops share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from minigrad.testing.sample import Sample
from minigrad.testing.values import REALS, Interval, Shape, arrays, arrays_of, axes, shapes

POSITIVE: Interval = (0.0, math.inf)


def as_list(f: Callable[..., Any], xs: Sequence[Any], options: dict[str, Any]) -> Any:
    """f([x, y, ...], **options)."""
    return f(list(xs), **options)


@st.composite
def one_array(
    draw: DrawFn,
    /,
    shape: SearchStrategy[Shape] | None = None,
    domain: Interval = REALS,
    **options: Callable[[Shape], SearchStrategy[Any]],
) -> Sample:
    """One array, and options that each depend on its shape: ``one_array(axis=lambda shape: axes(len(shape)))``."""
    x = draw(arrays(shapes() if shape is None else shape, domain))
    return Sample([x], {name: draw(strategy(x.shape)) for name, strategy in options.items()})


@st.composite
def several_arrays(draw: DrawFn, shapes_of: SearchStrategy[list[Shape]], domain: Interval = REALS) -> list[np.ndarray]:
    """Arrays of the drawn shapes, all values distinct."""
    made = draw(shapes_of)
    return draw(arrays_of(made, [domain] * len(made)))


def axis_of(shape: Shape) -> SearchStrategy[int]:
    """One axis of either sign; for shapes with at least one."""
    return st.integers(-len(shape), len(shape) - 1)


@st.composite
def reduction(draw: DrawFn, min_side: int = 1) -> Sample:
    """One array without empty axes (unless told otherwise), with ``axis`` and ``keepdims``."""
    shape = draw(shapes(min_side=min_side))
    return Sample([draw(arrays(shape))], {"axis": draw(axes(len(shape))), "keepdims": draw(st.booleans())})


def reduced(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes that an ``axis`` argument names."""
    return tuple(range(ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
