"""Derivatives through solvers, against those through the solvers' steps or by differences."""

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import DTypeError, GraphError, ShapeError

RNG = np.random.default_rng(0)
M = RNG.normal(size=(4, 4)) / 4
START = RNG.normal(size=4)


def _equation(x: Any, theta: Any, shift: Any) -> Any:
    return x + 0.3 * np.tanh(M @ x * theta["scale"]) - theta["b"] * shift


def _newton(f: Any) -> Any:
    """A solver of plain arrays: Newton's method with differences for the matrix."""

    def solve(*args: Any) -> Any:
        x = np.zeros(4)
        for _ in range(60):
            value = f(x, *args)
            steps = [(f(x + e, *args) - f(x - e, *args)) / 2e-5 for e in 1e-5 * np.eye(4)]
            x = x - np.linalg.solve(np.array(steps).T, value)
        return x

    return solve


def _iterated(theta: Any, shift: Any) -> Any:
    """The same x as a graph of 80 steps."""
    x: Any = np.zeros(4)
    for _ in range(80):
        x = theta["b"] * shift - 0.3 * np.tanh(M @ x * theta["scale"])
    return x


def _conjugate_gradients(product: Any, b: Any) -> Any:
    """On the normal equations by a matrix of columns: stands for any solver that knows products alone."""
    matrix = np.array([product(e) for e in np.eye(b.size)]).T
    return np.linalg.lstsq(matrix, b)[0]


THETA = {"scale": np.array([1.0, 0.5, 2.0, -1.0]), "b": START}


@pytest.mark.parametrize("linear", [None, _conjugate_gradients])
def test_gradients_of_every_order_are_those_through_the_steps(linear: Any) -> None:
    solve = mg.implicit.root(_newton(_equation), _equation, linear)

    def loss(x: Any) -> Any:
        return (x**3).sum()

    ours = mg.grad(lambda theta, shift: loss(solve(theta, shift)), (0, 1))(THETA, 1.3)
    theirs = mg.grad(lambda theta, shift: loss(_iterated(theta, shift)), (0, 1))(THETA, 1.3)
    for name in THETA:
        np.testing.assert_allclose(ours[0][name], theirs[0][name], rtol=1e-8)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-8)

    second = mg.hessian(lambda b: loss(solve({**THETA, "b": b}, 1.3)))(START)
    expected = mg.hessian(lambda b: loss(_iterated({**THETA, "b": b}, 1.3)))(START)
    np.testing.assert_allclose(second, expected, rtol=1e-6, atol=1e-9)

    third = mg.grad(mg.grad(mg.grad(lambda s: loss(solve(THETA, s)))))(1.3)
    expected = mg.grad(mg.grad(mg.grad(lambda s: loss(_iterated(THETA, s)))))(1.3)
    np.testing.assert_allclose(third, expected, rtol=1e-5)


def test_the_forward_derivative() -> None:
    solve = mg.implicit.root(_newton(_equation), _equation)
    value, moved = mg.jvp(lambda s: solve(THETA, s), (1.3,), (2.0,))
    expected, along = mg.jvp(lambda s: _iterated(THETA, s), (1.3,), (2.0,))
    np.testing.assert_allclose(value, expected, rtol=1e-9)
    np.testing.assert_allclose(moved, along, rtol=1e-8)


def test_a_minimum_and_a_fixed_point() -> None:
    a, b = RNG.normal(size=(6, 3)), RNG.normal(size=6)

    def ridge(penalty: Any) -> Any:
        return np.linalg.solve(a.T @ a + penalty * np.eye(3), a.T @ b)

    fit = mg.implicit.argmin(ridge, lambda w, penalty: ((a @ w - b) ** 2).sum() + penalty * (w**2).sum())
    np.testing.assert_allclose(mg.jacobian(fit)(0.7), mg.jacobian(ridge)(0.7), rtol=1e-10)

    def iterate(c: Any) -> Any:
        x = 1.0
        for _ in range(300):
            x = np.cos(c * x)
        return x

    point = mg.implicit.fixed_point(iterate, lambda x, c: np.cos(c * x))
    np.testing.assert_allclose(mg.grad(point)(0.9), mg.grad(iterate)(0.9), rtol=1e-12)


def test_backward_reaches_a_leaf() -> None:
    solve = mg.implicit.root(_newton(_equation), _equation)
    scale = mg.tensor(THETA["scale"], requires_grad=True)
    solve({"scale": scale, "b": START}, 1.3).sum().backward()
    expected = mg.grad(lambda s: _iterated({"scale": s, "b": START}, 1.3).sum())(THETA["scale"])
    np.testing.assert_allclose(scale.grad, expected, rtol=1e-8)


def test_a_batch_is_solved_member_by_member() -> None:
    def bisect(a: Any) -> Any:
        low, high = 0.0, 100.0
        while high - low > 1e-13:
            middle = (low + high) / 2
            low, high = (middle, high) if middle * middle < a else (low, middle)
        return low

    sqrt = mg.implicit.root(bisect, lambda x, a: x * x - a)
    a = np.array([4.0, 9.0, 25.0])
    np.testing.assert_allclose(mg.vmap(mg.grad(sqrt))(a), 0.5 / np.sqrt(a))
    np.testing.assert_allclose(mg.grad(lambda a: mg.vmap(sqrt)(a).sum())(a), 0.5 / np.sqrt(a))
    np.testing.assert_allclose(mg.vmap(mg.vmap(sqrt))(a.reshape(1, 3)), np.sqrt(a).reshape(1, 3))


def test_of_arrays_alone_the_solver_answers() -> None:
    solve = mg.implicit.root(lambda a: np.sqrt(a), lambda x, a: x * x - a)
    assert solve(4.0) == 2.0
    assert type(solve(np.array([4.0]))) is np.ndarray
    x = solve(mg.tensor([4.0, 9.0]))
    assert isinstance(x, mg.Tensor)
    assert not x.requires_grad


@pytest.mark.parametrize("linear", [None, _conjugate_gradients])
def test_complex_unknowns_are_pairs_of_real_ones(linear: Any) -> None:
    matrix = (RNG.normal(size=(3, 3)) + 1j * RNG.normal(size=(3, 3))) / 8
    start, along = (RNG.normal(size=3) + 1j * RNG.normal(size=3) for _ in range(2))

    def step(x: Any, a: Any, s: Any) -> Any:  # nothing in it is holomorphic
        return a * np.abs(a) - 0.3 * np.tanh(matrix @ x) - 0.2 * np.conj(x) * s

    def iterate(a: Any, s: Any) -> Any:
        x = np.zeros(3, np.complex128)
        for _ in range(60):
            x = step(x, a, s)
        return x

    def loss(x: Any) -> Any:
        return (np.abs(x) ** 4).sum() + np.real(x[0] * x[1])

    def ridge(y: Any, penalty: Any) -> Any:
        adjoint = matrix.conj().T
        return np.linalg.solve(adjoint @ matrix + penalty * np.eye(3, dtype="float64"), adjoint @ y)

    def energy(w: Any, y: Any, penalty: Any) -> Any:
        return (np.abs(matrix @ w - y) ** 2).sum() + penalty * (np.abs(w) ** 2).sum()

    for solver, solve in [
        (iterate, mg.implicit.root(iterate, lambda x, a, s: 2j * (step(x, a, s) - x), linear)),
        (iterate, mg.implicit.fixed_point(iterate, step, linear)),
        (ridge, mg.implicit.argmin(ridge, energy, linear)),
    ]:
        ours, theirs = (lambda a, s, f=f: loss(f(a, s)) for f in (solve, solver))
        for found, expected in zip(mg.grad(ours, (0, 1))(start, 0.7), mg.grad(theirs, (0, 1))(start, 0.7), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-9)
        ours, theirs = (mg.hvp(lambda a, f=f: f(a, 0.7), start, along) for f in (ours, theirs))
        np.testing.assert_allclose(ours, theirs, rtol=1e-8)
        ours, theirs = (mg.jvp(f, (start, 0.7), (along, 1.0))[1] for f in (solve, solver))
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_refusals() -> None:
    weight = mg.tensor([2.0], requires_grad=True)
    hidden = mg.implicit.root(lambda a: a / 2.0, lambda x, a: x * weight - a)
    with pytest.raises(GraphError, match="none of its arguments"):
        hidden(mg.tensor([1.0], requires_grad=True))
    with pytest.raises(GraphError, match="none of its arguments"):
        hidden(1.0)  # of numbers alone too: the gradient of the weight would be lost
    with mg.no_grad():
        assert hidden(1.0) == 0.5
    net = mg.nn.Linear(2, 2)
    for solve in (
        mg.implicit.fixed_point(lambda n: np.ones(2), lambda x, n: n(x)),
        mg.implicit.argmin(lambda n: np.ones(2), lambda x, n: (n(x) ** 2).sum()),
    ):
        with pytest.raises(DTypeError, match="Module is no argument"):
            solve(net)
    least = mg.implicit.argmin(lambda a: np.array([1.0]), lambda x, a: (x * weight * a).sum())
    with pytest.raises(GraphError, match="none of its arguments"):
        least(2.0)
    narrow = mg.implicit.root(lambda a: np.array([1.0, 2.0]), lambda x, a: (x * a).sum())
    with pytest.raises(ShapeError, match="one equation for each element"):
        narrow(mg.tensor([1.0], requires_grad=True))
    with pytest.raises(DTypeError, match="array of numbers"):
        mg.implicit.root(lambda a: "x", lambda x, a: x)(mg.tensor([1.0], requires_grad=True))
    for solver, f in [(np.abs, lambda x, a: x * 1j - a), (lambda a: a + 0j, lambda x, a: np.abs(x) - a)]:
        with pytest.raises(DTypeError, match="one equation for each unknown"):
            mg.grad(mg.implicit.root(solver, f))(2.0)
    flat = mg.implicit.root(lambda a: np.array([0.0]), lambda x, a: x**2 - a)
    with pytest.raises(np.linalg.LinAlgError):
        mg.grad(lambda a: flat(a).sum())(np.array([0.0]))
