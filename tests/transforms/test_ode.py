"""Gradients through ordinary differential equations, against known solutions and differences."""

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import DivergenceError, DTypeError, GraphError, HyperparameterError, ShapeError

pytest.importorskip("scipy")

EXACT = {"rtol": 1e-10, "atol": 1e-12}
TIMES = np.linspace(0.0, 2.0, 5)


def _predators(y: Any, t: Any, theta: Any) -> Any:
    return [theta["a"] * y[0] - theta["b"] * y[0] * y[1], 0.5 * y[0] * y[1] - y[1] + np.sin(t) * theta["b"]]


def _differences(f: Any, x: Any) -> np.ndarray:
    x = np.asarray(x, float)
    steps = [1e-5 * e.reshape(x.shape) for e in np.eye(x.size, dtype=np.float64)]
    return np.array([(f(x + e) - f(x - e)) / 2e-5 for e in steps]).reshape(x.shape)


def _loss(y0: Any, t: Any, theta: Any, **options: Any) -> Any:
    ys = mg.odeint(_predators, y0, t, theta, **{**EXACT, **options})
    return (ys**2 * np.arange(1, len(t) + 1)[:, None]).sum()


@pytest.mark.parametrize("method", ["RK45", "DOP853"])
def test_gradients_reach_the_start_the_times_and_the_arguments(method: str) -> None:
    y0, theta = np.array([1.0, 0.5]), {"a": 1.1, "b": 0.4}
    start, times, arguments = mg.grad(_loss, (0, 1, 2))(y0, TIMES, theta, method=method)
    np.testing.assert_allclose(start, _differences(lambda y: _loss(y, TIMES, theta), y0), rtol=1e-6)
    np.testing.assert_allclose(times, _differences(lambda t: _loss(y0, t, theta), TIMES), rtol=1e-6)
    for name, value in theta.items():
        expected = _differences(lambda v, name=name: _loss(y0, TIMES, {**theta, name: float(v)}), value)
        np.testing.assert_allclose(arguments[name], expected, rtol=1e-6)


def _growth(y: Any, _: Any, rate: Any) -> Any:
    return rate * y


def _grown(rate: Any, times: Any = (0.0, 1.0)) -> Any:
    return mg.odeint(_growth, np.array([2.0]), np.array(times), rate, **EXACT)[-1, 0]


def test_orders_above_the_first_and_forward_mode() -> None:
    expected = 2 * np.exp(0.7)  # of 2 exp(rate t) at t = 1: every derivative is the value
    np.testing.assert_allclose(mg.grad(_grown)(0.7), expected, rtol=1e-7)
    np.testing.assert_allclose(mg.grad(mg.grad(_grown))(0.7), expected, rtol=1e-7)
    np.testing.assert_allclose(mg.jvp(_grown, (0.7,), (3.0,))[1], 3 * expected, rtol=1e-7)


def test_a_batch_of_rates() -> None:
    rates = np.array([0.3, -0.5, 1.0])
    np.testing.assert_allclose(mg.vmap(mg.grad(_grown))(rates), 2 * np.exp(rates), rtol=1e-6)


def test_times_that_descend() -> None:
    np.testing.assert_allclose(mg.grad(lambda r: _grown(r, (1.0, 0.5, -1.0)))(0.3), -4 * np.exp(-0.6), rtol=1e-7)


def test_times_that_repeat() -> None:
    ys = mg.odeint(_growth, [2.0], [0.0, 0.0, 1.0, 1.0], 0.5, **EXACT)
    np.testing.assert_allclose(ys[:, 0], [2, 2, 2 * np.exp(0.5), 2 * np.exp(0.5)], rtol=1e-8)
    start, rate = mg.grad(lambda y, r: mg.odeint(_growth, y, [0.0, 0.0, 1.0, 1.0], r, **EXACT).sum(), (0, 1))(
        np.array([2.0]), 0.5
    )
    np.testing.assert_allclose(start, [2 + 2 * np.exp(0.5)], rtol=1e-7)
    np.testing.assert_allclose(rate, 4 * np.exp(0.5), rtol=1e-7)


def test_one_time_is_the_start() -> None:
    start, rate = mg.grad(lambda y, r: mg.odeint(_growth, y, [0.5], r).sum(), (0, 1))(np.array([2.0]), 0.3)
    assert start.tolist() == [1.0]
    assert rate == 0.0


def test_of_arrays_alone_it_is_the_solution() -> None:
    ys = mg.odeint(_growth, [2.0, 3.0], TIMES, 0.5, **EXACT)
    assert type(ys) is np.ndarray
    np.testing.assert_allclose(ys, np.exp(0.5 * TIMES)[:, None] * [2.0, 3.0], rtol=1e-8)


def test_a_matrix_in_float32() -> None:
    y0 = mg.tensor(np.ones((2, 3), "float32"), requires_grad=True)
    ys = mg.odeint(_growth, y0, np.array([0.0, 1.0], "float32"), 0.5)
    assert ys.shape == (2, 2, 3)
    assert ys.dtype == np.float32
    ys[-1].sum().backward()
    np.testing.assert_allclose(y0.grad, np.full((2, 3), np.exp(0.5)), rtol=1e-4)


def test_refusals() -> None:
    hidden = mg.tensor(0.5, requires_grad=True)
    with pytest.raises(GraphError, match="none of its arguments"):
        mg.odeint(lambda y, t: hidden * y, mg.tensor([1.0], requires_grad=True), [0.0, 1.0])
    for y0 in (mg.tensor([1.0], requires_grad=True), [1.0]):  # also later, and of arrays alone
        with pytest.raises(GraphError, match="none of its arguments"):
            mg.odeint(lambda y, t: hidden * y if t > 0.01 else -y, y0, [0.0, 1.0])
    with mg.no_grad():
        assert mg.odeint(lambda y, t: hidden * y, [1.0], [0.0, 1.0]).shape == (2, 1)
    with pytest.raises(DTypeError, match="Module is no argument"):
        mg.odeint(lambda y, t, net: net(y), [1.0, 2.0], [0.0, 1.0], mg.nn.Linear(2, 2))
    with pytest.raises(HyperparameterError, match="ascend or descend"):
        mg.odeint(_growth, [1.0], [0.0, 1.0, 0.5], 0.5)
    with pytest.raises(HyperparameterError, match="is none of SciPy's"):
        mg.odeint(_growth, [1.0], [0.0, 1.0], 0.5, method="euler")
    with pytest.raises(DivergenceError, match="the solver stopped"):
        mg.odeint(lambda y, t: y**2, [1.0], [0.0, 2.0])
    with pytest.raises(ShapeError, match="in the shape of y"):
        mg.odeint(lambda y, t: np.ones(3), [1.0], [0.0, 1.0])
    with pytest.raises(ShapeError, match="the times"):
        mg.odeint(_growth, [1.0], 1.0, 0.5)
    with pytest.raises(DTypeError, match="real numbers"):
        mg.odeint(_growth, [1.0], [0.0, 1j], 0.5)
