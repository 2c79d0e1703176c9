"""``mg.autograd.grad``: gradients as values, of any order, and what is refused."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import DTypeError, GraphError

X = np.array([0.5, -1.0, 2.0])


def leaf(x=X):
    return mg.tensor(x, requires_grad=True)


def test_gradients_are_given_and_grad_stays_none():
    x, y = leaf(), leaf()
    gx, gy = mg.autograd.grad((x * x * y).sum(), [x, y])
    np.testing.assert_allclose(gx.data, 2 * X * X)
    np.testing.assert_allclose(gy.data, X * X)
    assert x.grad is None


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_orders(order):
    x = leaf()
    z = (x**5).sum()
    for n in range(order):
        (z,) = mg.autograd.grad(z if n == 0 else z.sum(), [x], create_graph=True)
    np.testing.assert_allclose(z.data, np.prod(range(5, 5 - order, -1)) * X ** (5 - order))


def test_several_outputs_and_their_cotangents():
    x = leaf()
    (g,) = mg.autograd.grad([x * 2, x * x], [x], grad_outputs=[np.ones(3), np.arange(3.0)])
    np.testing.assert_allclose(g.data, 2 + 2 * X * np.arange(3))


def test_inside_no_grad_a_graph_is_recorded_where_it_is_asked_for():
    x = leaf()
    z = (x**3).sum()
    with mg.no_grad():
        (g,) = mg.autograd.grad(z, [x], create_graph=True)
    assert g.requires_grad


REFUSED = {
    "no gradient": (lambda: mg.autograd.grad(leaf().sum(), [mg.tensor(X)]), GraphError, "does not require a gradient"),
    "not reached": (lambda: mg.autograd.grad(leaf().sum(), [leaf()]), GraphError, "allow_unused=True"),
    "no tensor": (lambda: mg.autograd.grad(3.0, [leaf()]), DTypeError, "are Tensors or a list of them"),
    "no scalar": (lambda: mg.autograd.grad(leaf() * 2, [leaf()]), GraphError, "."),
    "cotangents": (
        lambda: mg.autograd.grad([leaf().sum()], [leaf()], grad_outputs=[1, 2]),
        GraphError,
        "one grad_outputs",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    call, error, match = REFUSED[name]
    with pytest.raises(error, match=match):
        call()


def test_what_is_not_used_is_none_where_that_is_allowed():
    assert mg.autograd.grad(leaf().sum(), [leaf()], allow_unused=True) == [None]


def test_the_graph_is_freed_unless_it_is_kept():
    x = leaf()
    z = (x * x).sum()
    mg.autograd.grad(z, [x], retain_graph=True)
    mg.autograd.grad(z, [x])
    with pytest.raises(GraphError, match="the graph was freed"):
        mg.autograd.grad(z, [x])
