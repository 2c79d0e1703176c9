"""Samples of linear algebra, with those of products and Fourier transforms.

Matrices are drawn by their singular values or eigenvalues, which are apart from each other and from 0: near
matrices where they are not, no difference can tell what a gradient should be.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from minigrad.testing.sample import Sample
from minigrad.testing.strategies import Shape, arrays, broadcastable_shapes, shapes
from tests.samples import fourier, products
from tests.samples.builders import axis_of, reduction

Call = Callable[[Callable[..., Any], Sequence[Any], dict[str, Any]], Any]

# -- matrices -----------------------------------------------------------------------------------


def _turned(rng: np.random.Generator, batch: Shape, n: int) -> np.ndarray:
    """Orthogonal matrices."""
    return np.linalg.qr(rng.standard_normal((*batch, n, n)))[0]


def _apart(rng: np.random.Generator, batch: Shape, n: int) -> np.ndarray:
    """Numbers between 1 and 2 that are not close to each other."""
    return 1 + (np.arange(n) + rng.uniform(0.3, 0.7, (*batch, n))) / max(n, 1)


def _in_some_layout(draw: DrawFn, x: np.ndarray) -> np.ndarray:
    """The same matrices, by rows or by columns in memory."""
    return np.ascontiguousarray(x.swapaxes(-1, -2)).swapaxes(-1, -2) if draw(st.booleans()) else x


_BATCHES = shapes(max_dims=2, max_side=2)


@st.composite
def matrices(draw: DrawFn, rows: Any, columns: Any = None, batch: Any = None, singular: bool = False) -> np.ndarray:
    """Matrices with singular values between 1 and 2 and apart; with ``singular`` the smallest may be 0.

    ``rows``, ``columns`` (by default as many) and ``batch`` are values, or strategies that draw them.
    """
    m = draw(rows) if isinstance(rows, SearchStrategy) else rows
    n = m if columns is None else draw(columns) if isinstance(columns, SearchStrategy) else columns
    leading = draw(_BATCHES) if batch is None else batch
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    k = min(m, n)
    values = _apart(rng, leading, k)
    if singular and draw(st.booleans()):
        values[..., :1] = 0
    x = _turned(rng, leading, m)[..., :k] * values[..., None, :] @ _turned(rng, leading, n)[..., :k, :]
    return _in_some_layout(draw, x)


@st.composite
def _symmetric(draw: DrawFn, /, definite: bool, **options: SearchStrategy[Any]) -> Sample:
    """Symmetric matrices with eigenvalues between 1 and 2, or of either sign."""
    n, batch = draw(st.integers(1, 4)), draw(_BATCHES)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values, vectors = _apart(rng, batch, n) - (0 if definite else 1.5), _turned(rng, batch, n)
    x = vectors * values[..., None, :] @ vectors.swapaxes(-1, -2)
    x = (x + x.swapaxes(-1, -2)) / 2
    return Sample([_in_some_layout(draw, x)], {name: draw(option) for name, option in options.items()})


def _called(sample: SearchStrategy[Sample], call: Call) -> SearchStrategy[Sample]:
    """The same samples, called in another way."""
    return sample.map(lambda made: Sample(made.arrays, made.options, call))


@st.composite
def _general(draw: DrawFn) -> np.ndarray:
    """Square matrices with eigenvalues that are apart, real ones and pairs of complex ones."""
    rng, pairs, reals = (
        np.random.default_rng(draw(st.integers(0, 999))),
        draw(st.integers(0, 1)),
        draw(st.integers(0, 2)),
    )
    n = 2 * pairs + reals
    blocks = np.diag(_apart(rng, (), n) * rng.choice([-1.0, 1.0]))
    for i in range(0, 2 * pairs, 2):
        blocks[i : i + 2, i : i + 2] = [[0.5, 1.5], [-1.5, 0.5]]
    basis = _turned(rng, (), n) * _apart(rng, (), n) @ _turned(rng, (), n)
    made: np.ndarray = basis @ blocks @ np.linalg.inv(basis)
    return made


def _matrix(*options: Any, **named: Any) -> SearchStrategy[Sample]:
    """One stack of matrices."""
    return matrices(*options, **named).map(lambda x: Sample([x], {}))


@st.composite
def _solve(draw: DrawFn) -> Sample:
    n = draw(st.integers(0, 3))
    batches = draw(broadcastable_shapes(2, max_dims=2, max_side=2))
    a = draw(matrices(n, batch=batches[0]))
    b = (n,) if draw(st.booleans()) else (*batches[1], n, draw(st.integers(0, 3)))
    return Sample([a, draw(arrays(b))], {})


@st.composite
def _lstsq(draw: DrawFn) -> Sample:
    m, n = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    b = (m,) if draw(st.booleans()) else (m, draw(st.integers(1, 3)))
    return Sample([draw(matrices(m, n, ())), draw(arrays(b))], {})


@st.composite
def _lyapunov(draw: DrawFn) -> Sample:
    (h,), _, _ = draw(_symmetric(definite=True))
    return Sample([h, draw(arrays(h.shape))], {})


@st.composite
def _pinv(draw: DrawFn) -> Sample:
    return Sample(
        [draw(matrices(st.integers(1, 4), st.integers(1, 4)))], {"rcond": draw(st.sampled_from([None, 1e-3]))}
    )


@st.composite
def _tensorsolve(draw: DrawFn) -> Sample:
    x = draw(matrices(6, batch=()))
    b_shape, x_shape = draw(st.sampled_from([((6,), (2, 3)), ((3, 2), (6,)), ((2, 3), (3, 2))]))
    a, axes = x.reshape(b_shape + x_shape), None
    if draw(st.booleans()) and len(x_shape) == 1:
        a, axes = np.moveaxis(a, -1, 0), (0,)
    return Sample([a, draw(arrays(b_shape))], {"axes": axes})


@st.composite
def _tensorinv(draw: DrawFn) -> Sample:
    shape, ind = draw(st.sampled_from([((2, 3, 6), 2), ((6, 3, 2), 1), ((2, 3, 3, 2), 2)]))
    return Sample([draw(matrices(6, batch=())).reshape(shape)], {"ind": ind})


# -- decompositions: only what does not depend on signs, nor on the order of complex eigenvalues --


def _squares(f: Callable[..., Any], xs: Sequence[Any], options: dict[str, Any]) -> Any:
    """f(x)**2, for one result or several."""
    z = f(*xs, **options)
    return [part * part for part in z] if isinstance(z, tuple) else z * z


@st.composite
def _for_qr(draw: DrawFn) -> Sample:
    """Matrices of which the first columns, which make Q, are far from dependent."""
    m, n, batch = draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(_BATCHES)
    x = draw(matrices(m, min(m, n), batch))
    others = draw(arrays((*batch, m, n - min(m, n))))
    return Sample([_in_some_layout(draw, np.concatenate([x, others], -1))], {}, _squares)


def _values_and_squares(f: Callable[..., Any], xs: Sequence[Any], options: dict[str, Any]) -> Any:
    """The eigenvalues as they are, and the squares of the vectors."""
    w, v = f(*xs, **options)
    return [w, v * v]


def _reduced(f: Callable[..., Any], xs: Sequence[Any], options: dict[str, Any]) -> Any:
    """The squares of f(a, full_matrices=False)."""
    return _squares(f, xs, {"full_matrices": False, **options})


def _weighted(w: Any, v: Any) -> Any:
    """The squared sizes of the elements of each vector, with its eigenvalue as weight."""
    return np.sum(np.expand_dims(w, -2) * np.real(v * np.conjugate(v)), -1)


def _of_eig(f: Callable[..., Any], xs: Sequence[Any], options: dict[str, Any]) -> Any:
    return _weighted(*f(*xs, **options))


def _of_packed_eig(f: Callable[..., Any], xs: Sequence[Any], options: dict[str, Any]) -> Any:
    z, n = f(*xs, **options), xs[0].shape[-1]
    return _weighted(z[..., :n], np.reshape(z[..., n:], (*z.shape[:-1], n, n)))


def _cubes(f: Callable[..., Any], xs: Sequence[Any], options: dict[str, Any]) -> Any:
    w = f(*xs, **options)
    return np.sum(w * w * w, -1)


_ANY = (st.integers(1, 4), st.integers(1, 4))


@st.composite
def _norm(draw: DrawFn) -> Sample:
    orders: list[Any] = [None, math.inf, -math.inf, 1, -1, 2, -2]
    kind = draw(st.sampled_from(["all", "vectors", "matrices"]))
    keepdims = draw(st.booleans())
    if kind == "all":
        return Sample([draw(arrays(shapes(min_dims=1, min_side=1)))], {"keepdims": keepdims})
    if kind == "vectors":
        x = draw(arrays(shapes(min_dims=1, min_side=1)))
        order = draw(st.sampled_from([*orders, 0, 3, 0.5, -1.5]))
        return Sample([x], {"ord": order, "axis": draw(axis_of(x.shape)), "keepdims": keepdims})
    x = draw(matrices(*_ANY))
    order = draw(st.sampled_from([*orders, "fro", "nuc"]))
    places = draw(st.permutations(range(x.ndim)))  # where the axes go: rows and columns may be any
    axis = (places[-2] - draw(st.sampled_from([0, x.ndim])), places[-1])
    moved = np.moveaxis(x, (-2, -1), axis)
    if x.ndim == 2 and axis[0] % 2 == 0 and draw(st.booleans()):
        return Sample([moved], {"ord": order, "keepdims": keepdims})
    return Sample([moved], {"ord": order, "axis": axis, "keepdims": keepdims})


@st.composite
def _vector_norm(draw: DrawFn) -> Sample:
    sample = draw(reduction())
    order = draw(st.sampled_from([2, 1, 0, 3, -1, 0.5, math.inf, -math.inf]))
    axis = sample.options["axis"]
    return Sample(sample.arrays, {**sample.options, "axis": None if axis == () else axis, "ord": order})


@st.composite
def _matrix_norm(draw: DrawFn) -> Sample:
    order = draw(st.sampled_from(["fro", "nuc", math.inf, -math.inf, 1, -1, 2, -2]))
    return Sample([draw(matrices(*_ANY))], {"ord": order, "keepdims": draw(st.booleans())})


@st.composite
def _p_norm(draw: DrawFn) -> Sample:
    sample = draw(reduction())
    return Sample(sample.arrays, {**sample.options, "p": draw(st.sampled_from([3, 2.5, 1.5, 0.5, -1.5]))})


@st.composite
def _cond(draw: DrawFn) -> Sample:
    p = draw(st.sampled_from([None, 2, -2, 1, -1, math.inf, -math.inf, "fro", "nuc"]))
    columns = st.integers(1, 3) if p in (None, 2, -2) else None
    return Sample([draw(matrices(st.integers(1, 3), columns))], {"p": p})


SAMPLES: dict[str, SearchStrategy[Sample]] = {
    **products.SAMPLES,
    **fourier.SAMPLES,
    **dict.fromkeys(["inv", "logabsdet", "det_phase", "slogdet", "cofactors"], _matrix(st.integers(0, 3))),
    "det": _matrix(st.integers(0, 3), singular=True),
    "cofactors_along": st.integers(1, 3).flatmap(
        lambda n: st.tuples(matrices(n, batch=(2,)), arrays((2, n, n))).map(lambda pair: Sample(list(pair), {}))
    ),
    "expm": _matrix(st.integers(0, 3)),
    "sqrtm": _symmetric(definite=True),
    "lyapunov": _lyapunov(),
    "polar": st.integers(1, 3).flatmap(lambda n: _matrix(st.integers(n, 4), n)),
    "matrix_power": matrices(st.integers(1, 3)).flatmap(
        lambda x: st.integers(-3, 5).map(lambda n: Sample([x], {"n": n}))
    ),
    "matrix_rank": _matrix(*_ANY),
    "solve": _solve(),
    "lstsq": _lstsq(),
    "pinv": _pinv(),
    "tensorsolve": _tensorsolve(),
    "tensorinv": _tensorinv(),
    "cholesky": _symmetric(definite=True, upper=st.booleans()),
    **dict.fromkeys(["qr", "packed_qr"], _for_qr()),
    "eigh": _called(_symmetric(definite=False), _values_and_squares),
    "packed_eigh": _called(_symmetric(definite=False), _squares),
    "eigvalsh": _symmetric(definite=False, UPLO=st.sampled_from(["L", "U"])),
    "eig": _general().map(lambda x: Sample([x], {}, _of_eig)),
    "packed_eig": _general().map(lambda x: Sample([x], {}, _of_packed_eig)),
    "eigvals": _general().map(lambda x: Sample([x], {}, _cubes)),
    "svd": _called(_matrix(*_ANY), _reduced),
    "packed_svd": _called(_matrix(*_ANY), _squares),
    "svdvals": _matrix(*_ANY),
    "cond": _cond(),
    "euclidean_norm": reduction(min_side=0),
    "p_norm": _p_norm(),
    "norm": _norm(),
    "vector_norm": _vector_norm(),
    "matrix_norm": _matrix_norm(),
}
