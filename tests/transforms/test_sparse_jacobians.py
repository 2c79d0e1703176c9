"""Sparse Jacobians: SciPy's solvers take them, few walks make them, and what cannot be is refused."""

import numpy as np
import pytest
from scipy import integrate, optimize, sparse

import minigrad as mg
from minigrad.core.trees import aligned
from minigrad.errors import BatchError, CompileError, DTypeError, GraphError, ShapeError
from minigrad.transforms import sparse_jacobians
from minigrad.transforms.sparsity import coloured


def residuals(x):
    return np.concatenate([10 * (x[1:] - x[:-1] ** 2), 1 - x[:-1]])


def heat(t, u):
    padded = np.pad(u, 1)
    return 100 * (padded[2:] - 2 * padded[1:-1] + padded[:-2]) - u**3 + 0 * t


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


START = np.full(40, 0.5)


@pytest.mark.parametrize("by", ["jac", "jac_sparsity"])
def test_least_squares(by):
    given = {"jac": mg.sparse.jacobian(residuals)}
    if by == "jac_sparsity":
        given = {by: mg.sparse.jacobian_sparsity(residuals)(START)}
    found = optimize.least_squares(residuals, START, **given)
    np.testing.assert_allclose(found.x, 1, rtol=1e-6)


@pytest.mark.parametrize("method", ["Radau", "BDF"])
def test_solve_ivp(method):
    u0 = np.sin(np.arange(30.0))
    sparsely = integrate.solve_ivp(heat, (0, 0.1), u0, method, jac=mg.sparse.jacobian(heat, 1), rtol=1e-6)
    dense = integrate.solve_ivp(heat, (0, 0.1), u0, method, jac=mg.jacobian(heat, 1), rtol=1e-6)
    assert sparsely.success
    np.testing.assert_allclose(sparsely.y[:, -1], dense.y[:, -1], rtol=1e-8, atol=1e-12)


def test_trust_constr():
    def steps(x):
        return np.diff(x) * 3.0

    bound = optimize.NonlinearConstraint(
        steps, -20, 20, jac=mg.sparse.jacobian(steps), hess=lambda x, v: sparse.csr_array((len(x), len(x)))
    )
    options = {"method": "trust-constr", "jac": mg.grad(rosenbrock), "hess": mg.sparse.hessian(rosenbrock)}
    found = optimize.minimize(rosenbrock, START[:4], constraints=[bound], options={"gtol": 1e-4}, **options)
    np.testing.assert_allclose(found.x, 1, rtol=1e-2)


def test_hessians():
    found = mg.sparse.hessian(rosenbrock)(START)
    np.testing.assert_allclose(found.toarray(), mg.hessian(rosenbrock)(START))
    assert found.nnz == 3 * 40 - 2


def test_rows_or_columns_whichever_are_fewer(monkeypatch):
    walks = []
    over_rows = sparse_jacobians.over_rows
    monkeypatch.setattr(
        sparse_jacobians, "over_rows", lambda carry, rows: walks.append(len(rows)) or over_rows(carry, rows)
    )
    arrow = lambda x: np.concatenate([x**2, (x**3).sum()[None]])  # noqa: E731
    for f, count in [(residuals, 2), (arrow, 2), (lambda x: x * x.sum(), 40), (lambda x: x**2, 1)]:
        walks.clear()
        np.testing.assert_allclose(mg.sparse.jacobian(f)(START).toarray(), mg.jacobian(f)(START), rtol=1e-12)
        assert walks == [count]
    monkeypatch.setattr(sparse_jacobians, "MOST", 1)  # one at a time
    walks.clear()
    np.testing.assert_allclose(mg.sparse.jacobian(residuals)(START).toarray(), mg.jacobian(residuals)(START))
    assert walks == [1, 1]


def test_a_pattern_that_is_given():
    places = mg.sparse.jacobian_sparsity(residuals)(START)
    expected = mg.jacobian(residuals)(START * 2)
    for given in (places, places.toarray(), places.tocsc(), sparse.csr_array(np.ones(places.shape))):
        np.testing.assert_allclose(mg.sparse.jacobian(residuals, sparsity=given)(START * 2).toarray(), expected)
    for row, column in [(0, 0), (5, 6), (50, 11)]:
        wrong = places.toarray()
        wrong[row, column] = 0
        with pytest.raises(GraphError, match="no entry where a derivative is"):
            mg.sparse.jacobian(residuals, sparsity=wrong)(START * 2)
    with pytest.raises(ShapeError, match=r"expected \(78, 40\)"):
        mg.sparse.jacobian(residuals, sparsity=np.eye(40))(START)


def test_arguments_and_shapes():
    def f(a, x):
        return a * x[1:] * x[:-1]

    x = np.arange(6.0).reshape(3, 2)
    dense = mg.jacobian(f, 1)(2.0, x).reshape(4, 6)
    np.testing.assert_allclose(mg.sparse.jacobian(f, 1)(2.0, x).toarray(), dense)
    np.testing.assert_allclose(mg.sparse.jacobian(f, "x")(2.0, x=mg.tensor(x)).toarray(), dense)
    assert mg.sparse.jacobian(f)(2.0, x).shape == (4, 1)
    assert mg.sparse.jacobian(np.sin)(0.5).toarray() == np.cos(0.5)
    assert mg.sparse.jacobian(np.sin)(np.zeros(0)).shape == (0, 0)
    assert mg.sparse.jacobian(lambda x: x[:0])(np.ones(3)).shape == (0, 3)
    assert coloured(mg.sparse.jacobian_sparsity(f, 1)(2.0, x)).max() == 1


def _structured(p, q):
    return {"u": p["a"][1:] * p["a"][:-1] + q, "v": (2 * np.sin(p["b"]).ravel(), q**2, 3.0)}


@pytest.mark.parametrize(
    ("f", "args", "argnums"),
    [
        (_structured, ({"a": START[:5] + np.arange(5), "b": np.ones((2, 2), "float32")}, 0.5), (0, 1)),
        (_structured, ({"a": START[:5] + np.arange(5), "b": np.ones((2, 2), "float32")}, 0.5), "p"),
        (lambda x, n: (n(x), x.sum() ** 2), (np.ones((4, 3), "float32"), mg.nn.Linear(3, 2)), (1, 0)),
        (lambda x: (x * 1j + x[::-1], np.fft.fft(x), x**2), (np.arange(4.0),), [0]),
        (lambda z, y: (abs(z[1:] * z[:-1]) ** 2, y + abs(z).sum()), (np.arange(1, 5) * (1 + 2j), START[:4]), (0, 1)),
        (lambda z, y: abs(z).sum() ** 2 + y.sum(), (np.arange(1, 5) * (1 + 2j), START[:4]), (0, 1)),
    ],
)
def test_structures_and_complex_numbers_are_as_in_jacobian(f, args, argnums):
    places = mg.sparse.jacobian_sparsity(f, argnums)(*args)
    for sparsity in (None, places):
        with mg.no_grad():
            dense = mg.jacobian(f, argnums)(*args)
        found = mg.sparse.jacobian(f, argnums, sparsity)(*args)
        pairs = list(aligned(found, dense, "it"))
        assert [name for name, _, _ in pairs] == [name for name, *_ in aligned(dense, found, "it")]
        for name, block, expected in pairs:
            assert block.dtype.kind == expected.dtype.kind
            np.testing.assert_allclose(block.toarray().ravel(), np.ravel(expected), rtol=1e-6, err_msg=name)


def test_the_hessian_of_a_structure_has_a_block_for_each_pair():
    def f(p):
        return (p["a"][1:] * p["a"][:-1]).sum() * p["b"].sum()

    point = {"a": START[:5] + np.arange(5), "b": np.ones((2, 2))}
    for name, block, expected in aligned(mg.sparse.hessian(f)(point), mg.hessian(f)(point), "it"):
        np.testing.assert_allclose(block.toarray().ravel(), expected.ravel(), err_msg=name)


def test_what_is_refused():
    with pytest.raises(DTypeError, match="two numbers"):
        mg.sparse.jacobian(lambda x: x * 1j)(START + 0j)
    with pytest.raises(ShapeError, match="sparsity must have the structure"):
        mg.sparse.jacobian(lambda x: (x, x), sparsity=np.eye(40))(START)
    with pytest.raises(TypeError, match="argnums is"):
        mg.sparse.jacobian(np.sin, argnums=0.5)
    with pytest.raises(CompileError, match="outside of the compiled function"):
        mg.compile(lambda x: mg.sparse.jacobian(np.sin)(x).sum())(START)
    with pytest.raises(BatchError, match="a sparse Jacobian is found"):
        mg.vmap(lambda x: mg.sparse.jacobian(np.sin)(x))(START[None])
