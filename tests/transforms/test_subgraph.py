"""The part of a graph that one call recorded, and what stays connected to it."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.transforms import grad, hvp, jacobian, jvp, value_and_grad, vjp
from tests.transforms.test_functions import A, X, equal, is_in_graph, leaf, numbers


def test_an_argument_in_a_graph_stays_connected():
    x = leaf(1.0, 2.0)
    h = x * 3.0
    g = grad(lambda h: (h**3).sum())(h)
    equal(g, 3 * (3 * x.data) ** 2)
    g.sum().backward()
    np.testing.assert_allclose(x.grad, 2 * 27 * x.data)
    value, _ = value_and_grad(lambda h: (h**3).sum())(x)
    x.zero_grad()
    value.backward()
    np.testing.assert_allclose(x.grad, 3 * x.data**2)


@pytest.mark.parametrize("make", [
    lambda f, x: vjp(f, x)[1](np.ones(2))[0],
    lambda f, x: jvp(f, (x,), (np.ones(2),))[1],
    lambda f, x: jacobian(f)(x),
    lambda f, x: hvp(lambda x: f(x).sum(), x, np.ones(2)),
    lambda f, x: vjp(f, x)[0],
    lambda f, x: jvp(f, (x,), (np.ones(2),))[0],
])  # fmt: skip
def test_results_are_connected_to_arguments_and_closures_exactly_when_something_is_there(make):
    w, x, array = leaf(3.0, 4.0), leaf(1.0, 2.0), np.array([1.0, 2.0])
    assert not is_in_graph(make(lambda x: x**3, array))
    assert not make(lambda x: x**3, mg.tensor(array)).requires_grad
    for f, argument, variable in [(lambda x: x**3, x, x), (lambda x: x**3 * w, array, w)]:
        z = make(f, argument)
        assert z.requires_grad
        [g] = mg.autograd.grad(z.sum(), [variable])
        h, numeric = 1e-6, []
        for i in range(2):
            values = []
            for step in (h, -h):
                variable.data = variable.data + step * np.eye(2, dtype=float)[i]
                values.append(make(f, argument).data.sum())
                variable.data = variable.data - step * np.eye(2, dtype=float)[i]
            numeric.append((values[0] - values[1]) / (2 * h))
        np.testing.assert_allclose(g.data, numeric, rtol=1e-6)
        with mg.no_grad():
            assert not is_in_graph(make(f, argument))


def test_cotangents_and_tangents_stay_connected():
    v = leaf(1.0, 2.0, 3.0)
    [g] = vjp(lambda x: A @ x, X)[1](v)
    equal(mg.autograd.grad(g.sum(), [v])[0], A.sum(1))
    t = jvp(lambda x: A @ x, (X,), (v,))[1]
    equal(mg.autograd.grad(t.sum(), [v])[0], A.sum(0))
    with mg.no_grad():
        [g] = vjp(lambda x: x, X)[1](v)
        assert not is_in_graph(g)
        assert not np.shares_memory(numbers(g), v.data)


def test_an_older_graph_is_neither_walked_nor_freed():
    w = leaf(2.0)[0]
    h = w.exp()
    for _ in range(2):
        grad(lambda x: (x * h).sum())(X)
        with mg.no_grad():
            grad(lambda x: (x * h).sum())(X)
            grad(lambda x: h)(X)
    h.backward()  # its graph is still there
