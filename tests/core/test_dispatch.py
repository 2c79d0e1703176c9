"""The call of an op, written out for each row: on arrays it is the plain function, on Tensors it records."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import GraphError

X = np.array([0.5, 1.5])


@pytest.mark.parametrize("op", [mg.exp, mg.multiply, mg.sum, mg.matmul, mg.tanh])
def test_the_source_is_written_when_it_is_asked_for(op):
    assert "def call" in op.op.source


def test_arrays_give_arrays_and_tensors_give_tensors():
    assert isinstance(mg.multiply(X, 2.0), np.ndarray)
    assert isinstance(mg.multiply(mg.tensor(X), 2.0), mg.Tensor)
    assert isinstance(mg.multiply(2.0, mg.tensor(X)), mg.Tensor)


def test_a_node_keeps_what_its_formulas_ask_for():
    x = mg.tensor(X, requires_grad=True)
    assert [edge and edge[2] for edge in mg.add(x, 1.0)._node.edges] == [(), None]
    z = mg.exp(x)
    ((parent, _, saved),) = z._node.edges
    assert parent is x._node
    assert saved[0] is z._array


def test_without_a_gradient_there_is_no_node():
    assert mg.exp(mg.tensor(X))._node is None
    x = mg.tensor(X, requires_grad=True)
    with mg.no_grad():
        assert mg.exp(x)._node is None


@pytest.mark.parametrize("join", [mg.concatenate, mg.stack])
def test_a_function_of_many_arrays_records_each(join):
    x, y = mg.tensor(X, requires_grad=True), mg.tensor(2 * X, requires_grad=True)
    z = join([x, np.ones(2), y])
    (z * np.arange(1.0, 1 + z.size).reshape(z.shape)).sum().backward()
    assert x.grad.tolist() == [1, 2]
    assert y.grad.tolist() == [5, 6]


def test_what_a_node_saves_of_the_user_s_is_a_copy():
    x, w = mg.tensor(X, requires_grad=True), X.copy()
    z = (x * w).sum()
    w[...] = 100
    z.backward()
    np.testing.assert_array_equal(x.grad, X)


def test_an_option_that_wants_a_gradient_is_refused():
    t = mg.tensor(1.0, requires_grad=True)
    with pytest.raises(GraphError, match=r"write .*detach"):
        mg.roll(mg.tensor(X), t)


def test_under_a_watch_the_result_is_the_same():
    def loss():
        x = mg.tensor(X, requires_grad=True)
        (mg.exp(x) * x).sum().backward()
        return x.grad

    with mg.detect_anomaly():
        watched = loss()
    np.testing.assert_array_equal(watched, loss())
