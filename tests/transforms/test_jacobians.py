"""Jacobians in both directions, all rows or columns at once, against one walk for each."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.transforms import jacobians

X = np.random.default_rng(0).normal(size=4)
W = np.random.default_rng(1).normal(size=(3, 4))


def f(x):
    return np.tanh(W @ x) * x[0]


def slow(g, x, shape):
    """The Jacobian by one product for each element of the result."""
    rows = []
    for number in range(int(np.prod(shape))):
        unit = np.zeros(int(np.prod(shape)))
        unit[number] = 1
        rows.append(mg.vjp(g, x)[1](unit.reshape(shape))[0])
    return np.reshape(rows, (*shape, *np.shape(x)))


def close(got, want):
    got = got.data if isinstance(got, mg.Tensor) else got
    assert np.shape(got) == np.shape(want)
    np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12)


DIRECTIONS = [mg.jacobian, mg.jacfwd, mg.jacrev]


@pytest.mark.parametrize("transform", DIRECTIONS)
def test_each_direction_is_one_product_for_each_row(transform):
    close(transform(f)(X), slow(f, X, (3,)))
    matrix = np.random.default_rng(2).normal(size=(2, 4))
    close(transform(lambda m: np.sin(m @ W.T))(matrix), slow(lambda m: np.sin(m @ W.T), matrix, (2, 3)))
    close(transform(lambda x: (x**2).sum())(X), 2 * X)
    close(transform(lambda x: x**3)(2.0), 12.0)


@pytest.mark.parametrize("transform", DIRECTIONS)
def test_structures_have_a_block_for_each_pair_of_leaves(transform):
    def pair(d, y):
        return {"p": d["a"] * y, "q": [(d["b"] * y).sum(), d["a"]]}

    args = {"a": X, "b": X * 2}, X + 1
    found = transform(pair, (0, 1))(*args)
    close(found["p"][0]["a"], np.diag(X + 1))
    close(found["p"][0]["b"], np.zeros((4, 4)))
    close(found["p"][1], np.diag(X))
    close(found["q"][0][0]["b"], X + 1)
    close(found["q"][1][0]["a"], np.eye(4))
    close(found["q"][1][1], np.zeros((4, 4)))


@pytest.mark.parametrize("transform", DIRECTIONS)
def test_many_rows_are_walked_in_parts(transform, monkeypatch):
    whole = transform(f)(X)
    calls = []
    rows = jacobians.over_rows
    monkeypatch.setattr(jacobians, "over_rows", lambda g, units: (calls.append(len(units)), rows(g, units))[1])
    monkeypatch.setattr(jacobians, "MOST", 2 * X.nbytes)
    np.testing.assert_array_equal(transform(f)(X), whole)
    assert calls == ([2, 2] if transform is mg.jacfwd else [2, 1])
    w = mg.tensor(2.0, dtype="float64", requires_grad=True)
    found = transform(lambda x: f(x) * w)(X)
    found.sum().backward()
    close(w.grad, whole.sum())


@pytest.mark.parametrize("transform", DIRECTIONS)
def test_what_is_in_a_graph_stays_in_it(transform):
    def second(x):
        return (transform(f)(x) ** 2).sum()

    h = 1e-6
    numeric = [(second(X + h * e) - second(X - h * e)) / (2 * h) for e in np.eye(4)]
    np.testing.assert_allclose(mg.grad(second)(X), numeric, rtol=1e-6, atol=1e-8)
    w = mg.tensor(W, requires_grad=True)
    transform(lambda x: np.tanh(w @ x))(X).sum().backward()
    slope = 1 - np.tanh(W @ X) ** 2
    want = slope[:, None] - 2 * (np.tanh(W @ X) * slope * W.sum(1))[:, None] * X
    close(w.grad, want)


@pytest.mark.parametrize("transform", DIRECTIONS)
def test_inside_a_compiled_step_and_a_batch(transform):
    step = mg.compile(transform(f))
    for x in (X, X + 1):
        close(step(x), slow(f, x, (3,)))
    batch = np.stack([X, X + 1])
    close(mg.vmap(transform(f))(batch), np.stack([slow(f, x, (3,)) for x in batch]))
    close(transform(mg.vmap(lambda x: f(x).sum()))(batch), slow(mg.vmap(lambda x: f(x).sum()), batch, (2,)))


def test_the_direction_is_that_of_fewer_walks(monkeypatch):
    sizes = []
    rows = jacobians.over_rows
    monkeypatch.setattr(jacobians, "over_rows", lambda g, units: (sizes.append(len(units)), rows(g, units))[1])
    mg.jacobian(lambda x: x @ np.ones((4, 2)))(X)
    mg.jacobian(lambda x: x @ np.ones((4, 9)))(X)
    assert sizes == [2, 4]


@pytest.mark.parametrize("transform", DIRECTIONS)
@pytest.mark.parametrize("shape", [(0,), (2, 0)])
def test_of_nothing(transform, shape):
    close(transform(lambda x: x * 2)(np.ones(shape)), np.zeros(shape + shape))
    close(transform(lambda x: x.sum() * np.ones(3))(np.ones(shape)), np.zeros((3, *shape)))
    close(transform(lambda x: x[:0])(X), np.zeros((0, 4)))


def test_hessians_of_both_directions_agree():
    def g(x):
        return (np.tanh(W @ x) ** 2).sum() * x[0]

    want = mg.hessian(g)(X)
    close(mg.jacfwd(mg.grad(g))(X), want)
    close(mg.jacrev(mg.grad(g))(X), want)
    close(mg.jacfwd(mg.jacrev(g))(X), want)
    close(mg.compile(mg.hessian(g))(X), want)
    close(want @ X, mg.hvp(g, X, X))


def test_linearize_runs_the_function_once():
    calls = []

    def g(x, y):
        calls.append(1)
        return {"z": f(x) * y["s"]}

    given = X.copy()
    z, push = mg.linearize(g, given, {"s": 2.0})
    given[...] = 0
    close(z["z"], f(X) * 2)
    for t, s in [(X, 1.0), (X * 0, 3.0)]:
        want = mg.jvp(lambda x, y: f(x) * y["s"], (X, {"s": 2.0}), (t, {"s": s}))[1]
        close(push(t, {"s": s})["z"], want)
    assert len(calls) == 1
    assert isinstance(push(X, {"s": 1.0})["z"], np.ndarray)
    with pytest.raises(mg.errors.ShapeError, match="the tangents"):
        push(X)
    close(mg.vmap(lambda t: push(t, {"s": 0.0})["z"])(np.eye(4)).T, slow(lambda x: f(x) * 2, X, (3,)))
    close(mg.grad(lambda s: mg.linearize(lambda x: f(x) * s, X)[1](X).sum())(1.0), mg.jvp(f, (X,), (X,))[1].sum())


def test_tangents_of_arguments_and_of_what_all_members_share_meet():
    rng = np.random.default_rng(3)
    w, xs, tw, tx = (rng.normal(size=shape) for shape in [(4,), (3, 4), (2, 4), (2, 3, 4)])

    def g(w, xs):
        return mg.vmap(lambda x: (np.sin(w * x) * x[0]).sum())(xs)

    _, push = mg.linearize(g, w, xs)
    want = np.stack([mg.jvp(g, (w, xs), (a, b))[1] for a, b in zip(tw, tx, strict=True)])
    close(mg.vmap(push)(tw, tx), want)
    close(mg.vmap(lambda a, b: mg.vmap(push)(a[None], b[None])[0])(tw, tx), want)
    _, pull = mg.vjp(mg.grad(lambda w, xs: (g(w, xs) ** 2).sum(), (0, 1)), w, xs)
    both = mg.vmap(lambda a, b: pull((a, b)))(tw, tx)
    for k in range(2):
        close(both[k], np.stack([pull((a, b))[k] for a, b in zip(tw, tx, strict=True)]))


@pytest.mark.parametrize("f", [np.minimum, np.maximum, np.multiply, lambda x, y: mg.relu(x) * y], ids=range(4))
@pytest.mark.parametrize("transform", [mg.jacobian, mg.jacrev, mg.jacfwd])
def test_results_without_elements(f, transform):
    """Nobody is there to answer what a formula asks of its numbers, in results or in an argument."""
    for x, y in [(np.ones(()), np.zeros((2, 0))), (np.zeros((2, 0)), np.ones(())), (np.ones((2, 0)), np.ones((2, 0)))]:
        found = transform(f, (0, 1))(x, y)
        assert [part.shape for part in found] == [(2, 0, *x.shape), (2, 0, *y.shape)]
    assert transform(lambda x: np.minimum(x, 1.0).sum())(np.zeros((2, 0))).shape == (2, 0)


@pytest.mark.parametrize("kind", [float, complex])
@pytest.mark.parametrize("rows", [2, 9])  # by rows, by columns
@pytest.mark.parametrize("of", [mg.jacobian, mg.jacrev, mg.jacfwd, mg.sparse.jacobian], ids=lambda of: of.__name__)
def test_derivatives_have_the_dtype_of_their_argument_whatever_way_they_come(of, rows, kind):
    table = np.arange(rows, dtype=np.result_type(np.float32, kind)) + 1
    single, double = X[:3].astype(np.float32), X[1:]
    blocks = of(lambda a, b: table * (a[0] * b[1] + a[2]), (0, 1))(single, double)
    want = [np.result_type(x, 1j) if kind is complex else x.dtype for x in (single, double)]
    assert [block.dtype for block in blocks] == want
    dense = [block.toarray() if hasattr(block, "toarray") else block for block in blocks]
    np.testing.assert_allclose(dense[0], table[:, None] * np.array([double[1], 0, 1]), rtol=1e-6)
    np.testing.assert_allclose(dense[1], table[:, None] * np.array([0, single[0], 0]), rtol=1e-6)
