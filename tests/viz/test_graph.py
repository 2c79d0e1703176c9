"""What a value was computed from, as a picture."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.errors import DTypeError, GraphError


def test_operations_and_parameters_have_their_names():
    model = nn.Sequential(nn.Linear(3, 2), nn.Tanh())
    picture = mg.viz.graph(model(mg.tensor(np.ones((4, 3), "float32"))).sum(), model)
    for name in ("linear", "tanh", "sum", "0.weight", "0.bias", "(2, 3) float32", "keeps"):
        assert name in picture.dot


def test_a_value_that_is_used_twice_is_one_box():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    text = mg.viz.graph((x * x).sum()).dot
    assert text.count("leaf") == 1
    assert text.count("->") == 2


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: np.ones(2), DTypeError, "expected a Tensor as loss, got ndarray"),
        (lambda: mg.tensor([1.0]), GraphError, "has no graph"),
    ],
)
def test_what_has_no_graph(make, error, match):
    with pytest.raises(error, match=match):
        mg.viz.graph(make())


def test_a_graph_that_was_freed():
    loss = (mg.tensor([1.0, 2.0], requires_grad=True) ** 2).sum()
    loss.backward()
    with pytest.raises(GraphError, match="has freed the graph"):
        mg.viz.graph(loss)
