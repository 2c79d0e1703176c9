"""Samples of diagonals and triangles."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from minigrad.testing.sample import Sample
from minigrad.testing.strategies import Shape, arrays, shapes
from tests.samples.builders import one_array

OFFSETS = st.integers(-3, 3)


def plane(shape: Shape) -> SearchStrategy[tuple[int, ...]]:
    """Two different axes, as negative numbers."""
    return st.permutations(range(-len(shape), 0)).map(lambda order: tuple(order[:2]))


@st.composite
def _diagonal(draw: DrawFn) -> Sample:
    x = draw(arrays(shapes(min_dims=2)))
    axis1, axis2 = draw(plane(x.shape))
    return Sample([x], {"offset": draw(OFFSETS), "axis1": axis1, "axis2": axis2})


@st.composite
def _put_diagonal(draw: DrawFn) -> Sample:
    shape = draw(shapes(min_dims=2))
    axis1, axis2 = draw(plane(shape))
    options = {"offset": draw(OFFSETS), "axis1": axis1, "axis2": axis2}
    return Sample([draw(arrays(np.diagonal(np.zeros(shape, float), **options).shape))], {"shape": shape, **options})


SAMPLES: dict[str, SearchStrategy[Sample]] = {
    "diag": one_array(shape=shapes(min_dims=1, max_dims=2), k=lambda _: OFFSETS),
    "diagflat": one_array(k=lambda _: OFFSETS),
    "diagonal": _diagonal(),
    "put_diagonal": _put_diagonal(),
    "trace": _diagonal(),
    **dict.fromkeys(["tril", "triu"], one_array(shape=shapes(min_dims=1), k=lambda _: OFFSETS)),
}
