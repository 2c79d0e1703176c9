"""Samples of products of vectors, matrices and tensors."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from minigrad.testing.sample import Sample
from minigrad.testing.strategies import Shape, arrays_of, broadcastable_shapes, shapes
from tests.samples.builders import REALS, as_list

#: Matrix products and traces; sums of what one operand alone has; ellipses; diagonals; several operands.
SUBSCRIPTS = tuple(
    """
    ij,jk->ik ij,jk ba ij->ji ii ii->i iij->j iji->ij iii->i ij-> ij->j ij,jk->k i,j i,i ,ij ij,ik->i ij,ij,ij->ij
    ij,jk,kl->il ij,jj,jk->ki a,ab,b ii,ii->i ...i,...i->... i...->... ... ...ij,...jk ...ii->...i ij...,j->...i
    i...,...j->j... ...,...
    """.split()
)


@st.composite
def _operands(draw: DrawFn, subscripts: str) -> list[np.ndarray]:
    """Arrays for subscripts, where an index may have the size 1 in one of them, and so may the axes of an ellipsis."""
    terms = subscripts.split("->", maxsplit=1)[0].split(",")
    size = {c: draw(st.integers(0, 3)) for c in sorted(set("".join(terms)) - {"."})}
    of_ellipsis = draw(broadcastable_shapes(len(terms), max_dims=2, max_side=3))
    made = []
    for term, middle in zip(terms, of_ellipsis, strict=True):
        own = {c: 1 if draw(st.integers(0, 7)) == 0 else side for c, side in size.items()}
        before, _, after = term.partition("...")
        inside = middle if "..." in term else ()
        made.append((*(own[c] for c in before), *inside, *(own[c] for c in after)))
    return draw(arrays_of(made, [REALS] * len(made)))


def _subscripts_first(f: Callable[..., Any], xs: Sequence[Any], options: dict[str, Any]) -> Any:
    """f("ij,jk", x, y, ...)."""
    return f(options["subscripts"], *xs, optimize=options["optimize"])


def _lists_between(f: Callable[..., Any], xs: Sequence[Any], options: dict[str, Any]) -> Any:
    """f(x, [0, 1], y, [1, 2], ...)."""
    inputs, arrow, output = options["subscripts"].partition("->")
    lists = [
        [Ellipsis if c == "." else ord(c) - ord("a") for c in term.replace("...", ".")]
        for term in (*inputs.split(","), output)
    ]
    pairs = [part for x, of_x in zip(xs, lists, strict=False) for part in (x, of_x)]
    return f(*pairs, *(lists[-1:] if arrow else ()), optimize=options["optimize"])


@st.composite
def _einsum(draw: DrawFn) -> Sample:
    subscripts = draw(st.sampled_from(SUBSCRIPTS))
    options = {"subscripts": subscripts, "optimize": draw(st.booleans())}
    return Sample(draw(_operands(subscripts)), options, draw(st.sampled_from([_subscripts_first, _lists_between])))


@st.composite
def _contract(draw: DrawFn) -> Sample:
    explicit = [s for s in SUBSCRIPTS if "->" in s and "." not in s]
    subscripts = draw(st.sampled_from(explicit))
    return Sample(draw(_operands(subscripts)), {"subscripts": subscripts, "optimize": draw(st.booleans())})


@st.composite
def _tensordot(draw: DrawFn) -> Sample:
    left, right, summed = (draw(shapes(max_dims=2, max_side=3)) for _ in range(3))
    if draw(st.booleans()):
        return Sample(draw(arrays_of([left + summed, summed + right], [REALS] * 2)), {"axes": len(summed)})
    # The summed axes anywhere in both, counted from either end.
    order_a, order_b = (draw(st.permutations(range(len(side + summed)))) for side in (left, right))
    a_shape, b_shape = ([(*side, *summed)[i] for i in order] for side, order in ((left, order_a), (right, order_b)))
    of_a = [order_a.index(len(left) + i) - draw(st.sampled_from([0, len(order_a)])) for i in range(len(summed))]
    of_b = [order_b.index(len(right) + i) - draw(st.sampled_from([0, len(order_b)])) for i in range(len(summed))]
    axes: Any = (of_a[0], of_b[0]) if len(summed) == 1 and draw(st.booleans()) else (of_a, of_b)
    return Sample(draw(arrays_of([tuple(a_shape), tuple(b_shape)], [REALS] * 2)), {"axes": axes})


@st.composite
def _inner(draw: DrawFn) -> Sample:
    size = draw(st.integers(0, 3))
    sides = [(*draw(shapes(max_dims=2)), size) for _ in range(2)]
    if draw(st.integers(0, 4)) == 0:
        sides[draw(st.integers(0, 1))] = ()
    return Sample(draw(arrays_of(sides, [REALS] * 2)), {})


@st.composite
def _any_two(draw: DrawFn) -> Sample:
    return Sample(draw(arrays_of([draw(shapes(max_side=3)), draw(shapes(max_side=3))], [REALS] * 2)), {})


@st.composite
def _vdot(draw: DrawFn) -> Sample:
    shape = draw(shapes())
    return Sample(draw(arrays_of([shape, draw(st.permutations(shape).map(tuple))], [REALS] * 2)), {})


@st.composite
def _with_vectors(draw: DrawFn, *cores: str) -> Sample:
    """Arrays whose leading axes broadcast, and whose last axes have sizes by letter: ``_with_vectors("mn", "n")``."""
    size = {c: draw(st.integers(0, 3)) for c in "mn"}
    leading = draw(broadcastable_shapes(len(cores), max_dims=2))
    made = [batch + tuple(size[c] for c in core) for batch, core in zip(leading, cores, strict=True)]
    return Sample(draw(arrays_of(made, [REALS] * len(made))), {})


@st.composite
def _vecdot(draw: DrawFn) -> Sample:
    sample = draw(_with_vectors("n", "n"))
    if draw(st.booleans()):
        return sample
    axis = draw(st.sampled_from([0, -2]))
    shape = (*sample.arrays[0].shape, 2)
    return Sample(draw(arrays_of([shape] * 2, [REALS] * 2)), {"axis": axis})


@st.composite
def _cross(draw: DrawFn, with_axis: bool) -> Sample:
    made = [(*shape, 3) for shape in draw(broadcastable_shapes(2, max_dims=2))]
    if not with_axis or draw(st.booleans()):
        return Sample(draw(arrays_of(made, [REALS] * 2)), {})
    shape = draw(st.permutations((3, *draw(shapes(max_dims=2)))))
    axis = draw(st.sampled_from([a for a in range(len(shape)) if shape[a] == 3]))
    axis -= draw(st.sampled_from([0, len(shape)]))
    return Sample(draw(arrays_of([tuple(shape)] * 2, [REALS] * 2)), {"axis": axis})


def _with_mode(f: Callable[..., Any], xs: Sequence[Any], options: dict[str, Any]) -> Any:
    """f(a, v, mode)."""
    return f(*xs, options["mode"])


@st.composite
def _convolve(draw: DrawFn) -> Sample:
    sides = [(draw(st.integers(1, 5)),) for _ in range(2)]
    mode = draw(st.sampled_from(["full", "same", "valid"]))
    return Sample(draw(arrays_of(sides, [REALS] * 2)), {"mode": mode}, _with_mode)


@st.composite
def _multi_dot(draw: DrawFn) -> Sample:
    sizes = draw(st.lists(st.integers(1, 4), min_size=3, max_size=6))
    made: list[Shape] = list(itertools.pairwise(sizes))
    if draw(st.booleans()):
        made[0] = made[0][1:]
    if draw(st.booleans()):
        made[-1] = made[-1][:1]
    return Sample(draw(arrays_of(made, [REALS] * len(made))), {}, as_list)


SAMPLES: dict[str, SearchStrategy[Sample]] = {
    "contract": _contract(),
    "einsum": _einsum(),
    **dict.fromkeys(["convolve", "correlate"], _convolve()),
    "cross": _cross(with_axis=True),
    "vector_product": _cross(with_axis=False),
    "inner": _inner(),
    **dict.fromkeys(["kron", "outer"], _any_two()),
    "matvec": _with_vectors("mn", "n"),
    "vecmat": _with_vectors("m", "mn"),
    "vecdot": _vecdot(),
    "vdot": _vdot(),
    "tensordot": _tensordot(),
    "multi_dot": _multi_dot(),
}
