"""Samples of the functions of ``scipy.linalg``: triangular and banded systems, equations for matrices, patterns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from minigrad.testing.sample import Sample
from minigrad.testing.strategies import arrays, broadcastable_shapes, shapes
from tests.samples.linalg import SAMPLES as LINALG

_SIDES = st.integers(1, 3)


def _heavy(x: np.ndarray) -> np.ndarray:
    """The same matrices with a diagonal that outweighs the rest."""
    return x / 4 + 2 * np.eye(x.shape[-1], dtype=float)


@st.composite
def _triangular(draw: DrawFn, **options: SearchStrategy[Any]) -> Sample:
    n = draw(st.integers(0, 3))
    batches = draw(broadcastable_shapes(2, max_dims=1, max_side=2))
    a = _heavy(draw(arrays((*batches[0], n, n))))
    b = (n,) if "trans" in options and draw(st.booleans()) else (*batches[1], n, draw(st.integers(0, 2)))
    return Sample([a, draw(arrays(b))], {name: draw(option) for name, option in options.items()})


def _solved(f: Callable[..., Any], xs: Sequence[Any], options: dict[str, Any]) -> Any:
    return f((xs[0], options["lower"]), xs[1])


def _first(f: Callable[..., Any], xs: Sequence[Any], options: dict[str, Any]) -> Any:
    return f(*xs, **options)[0]


def _without_order(f: Callable[..., Any], xs: Sequence[Any], options: dict[str, Any]) -> Any:
    """L and U alone: the order of the rows is a plain array."""
    return f(*xs, **options)[-2:]


@st.composite
def _lu(draw: DrawFn) -> Sample:
    m, n = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    x = draw(arrays((*draw(shapes(max_dims=1, max_side=2)), m, n))) / 4
    x = x + 3 * np.eye(m, n, dtype=np.float64)[np.random.default_rng(draw(st.integers(0, 99))).permutation(m)]
    return Sample([x], {"permute_l": draw(st.booleans())}, _without_order)


@st.composite
def _sylvester(draw: DrawFn) -> Sample:
    m, n = draw(_SIDES), draw(_SIDES)
    batches = draw(broadcastable_shapes(3, max_dims=1, max_side=2))
    a, b = (_heavy(draw(arrays((*batch, k, k)))) for batch, k in zip(batches[:2], (m, n), strict=True))
    if draw(st.booleans()):
        a, b = a + a.swapaxes(-1, -2), b + b.swapaxes(-1, -2)
    return Sample([a, b, draw(arrays((*batches[2], m, n)))], {})


@st.composite
def _lyapunov(draw: DrawFn, size: float, **options: SearchStrategy[Any]) -> Sample:
    n, batch = draw(_SIDES), draw(shapes(max_dims=1, max_side=2))
    a, q = (draw(arrays((*batch, n, n))) for _ in "aq")
    return Sample([_heavy(a) * size, q], {name: draw(option) for name, option in options.items()})


@st.composite
def _vectors(draw: DrawFn, count: int, least: int = 1) -> Sample:
    batches = draw(broadcastable_shapes(2, max_dims=1, max_side=2))
    return Sample([draw(arrays((*batch, draw(st.integers(least, 4))))) for batch in batches[:count]], {})


@st.composite
def _blocks(draw: DrawFn) -> Sample:
    made = draw(st.lists(st.sampled_from([(), (2,), (1, 3), (2, 2), (2, 1, 2), (0, 2)]), min_size=1, max_size=3))
    return Sample([draw(arrays(shape)) for shape in made], {})


@st.composite
def _khatri_rao(draw: DrawFn) -> Sample:
    n = draw(st.integers(0, 3))
    batches = draw(broadcastable_shapes(2, max_dims=1, max_side=2))
    return Sample([draw(arrays((*batch, draw(st.integers(0, 3)), n))) for batch in batches], {})


def _bands_first(f: Callable[..., Any], xs: Sequence[Any], options: dict[str, Any]) -> Any:
    return f((options["lower"], options["upper"]), *xs)


@st.composite
def _banded(draw: DrawFn, call: Any = None) -> Sample:
    lower, upper, n = draw(st.integers(0, 2)), draw(st.integers(0, 2)), draw(st.integers(3, 5))
    batches = draw(broadcastable_shapes(2, max_dims=1, max_side=2))
    ab = draw(arrays((*batches[0], lower + upper + 1, n))) / 4
    ab[..., upper, :] += 4
    vector = call is not None and draw(st.booleans())
    b = draw(arrays((n,) if vector else (*batches[1], n, draw(st.integers(1, 2)))))
    return Sample([ab, b], {"lower": lower, "upper": upper}, *[call] * (call is not None))


@st.composite
def _symmetric_bands(draw: DrawFn) -> Sample:
    u, n, lower = draw(st.integers(0, 2)), draw(st.integers(3, 5)), draw(st.booleans())
    ab = draw(arrays((u + 1, n))) / 4
    ab[0 if lower else u] += 4
    return Sample([ab, draw(arrays(draw(st.sampled_from([(n,), (n, 2)]))))], {"lower": lower})


@st.composite
def _by_column(draw: DrawFn) -> Sample:
    n = draw(st.integers(1, 4))
    c = draw(arrays((n,))) / 4
    c[0] += 4
    return Sample([c, draw(arrays(draw(st.sampled_from([(n,), (n, 2)]))))], {})


@st.composite
def _for_logarithm(draw: DrawFn, **options: SearchStrategy[Any]) -> Sample:
    x = _heavy(draw(arrays((*draw(shapes(max_dims=1, max_side=2)), *(draw(_SIDES),) * 2))))
    return Sample([x], {name: draw(option) for name, option in options.items()})


@st.composite
def _recursive(draw: DrawFn) -> Sample:
    shape = (*draw(shapes(max_dims=2, max_side=2)), draw(st.integers(0, 4)))
    return Sample([draw(arrays(shape)), draw(arrays((draw(st.integers(1, 3)),))) / 8], {})


@st.composite
def _sparse(draw: DrawFn, square: bool) -> Sample:
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    rows, columns = draw(_SIDES), draw(_SIDES)
    columns = rows if square else columns
    pattern = (rng.random((rows, columns)) < 0.6) | np.eye(rows, columns, dtype=bool)
    data = draw(arrays((int(pattern.sum()),))) / 8
    data[(np.eye(rows, columns, dtype=bool)[pattern])] += 2
    indptr = np.concatenate([[0], np.cumsum(pattern.sum(1))])
    x = draw(arrays(draw(st.sampled_from([(columns,), (columns, 2)]))))
    return Sample([data, x], {"indices": np.nonzero(pattern)[1], "indptr": indptr})


SAMPLES: dict[str, SearchStrategy[Sample]] = {
    "substituted": _triangular(lower=st.booleans(), unit=st.booleans()),
    "solve_triangular": _triangular(
        trans=st.sampled_from([0, 1, 2, "N", "T", "C"]), lower=st.booleans(), unit_diagonal=st.booleans()
    ),
    "cho_factor": LINALG["cholesky"].map(lambda s: Sample(s.arrays, {"lower": s.options["upper"]}, _first)),
    "cho_solve": _triangular(trans=st.just(0), lower=st.booleans()).map(
        lambda s: Sample(s.arrays, {"lower": s.options["lower"]}, _solved)
    ),
    "eliminated": _for_logarithm(),
    "lu": _lu(),
    **dict.fromkeys(["sylvester", "solve_sylvester"], _sylvester()),
    "solve_continuous_lyapunov": _lyapunov(1.0),
    "solve_discrete_lyapunov": _lyapunov(0.2, method=st.sampled_from([None, "direct", "bilinear"])),
    "toeplitz": st.one_of(_vectors(1), _vectors(2)),
    "hankel": st.one_of(_vectors(1), _vectors(2)),
    "circulant": _vectors(1),
    "companion": _vectors(1, 2).map(lambda s: Sample([s.arrays[0] / 4 + 2], {})),
    "block_diag": _blocks(),
    "khatri_rao": _khatri_rao(),
    "banded": _banded(),
    "solve_banded": _banded(_bands_first),
    "solveh_banded": _symmetric_bands(),
    **dict.fromkeys(["solve_toeplitz", "solve_circulant"], _by_column()),
    **dict.fromkeys(["logm", "cosm", "sinm", "tanm", "coshm", "sinhm", "tanhm"], _for_logarithm()),
    "fractional_matrix_power": _for_logarithm(t=st.sampled_from([2, -1, 0.5, -0.5, 0.3, -1.7])),
    "recursive": _recursive(),
    "sparse_product": _sparse(square=False),
    "sparse_solution": _sparse(square=True),
    "sqrtm": st.one_of(LINALG["sqrtm"], _for_logarithm()),
}
