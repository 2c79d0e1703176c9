"""L1 and L2 penalties of layers: their value, gradient, and what is refused."""

import numpy as np
import pytest

from minigrad import nn
from minigrad.errors import HyperparameterError
from minigrad.nn.penalties import penalties_shown, penalty_of


def test_value_and_gradient():
    layer = nn.Linear(3, 2, weight_regularizer_l1=0.1, weight_regularizer_l2=0.2, bias_regularizer_l2=0.5)
    layer.bias.data[...] = [1, -2]
    w, b = layer.weight.data, layer.bias.data
    loss = layer.regularization_loss()
    expected = 0.1 * np.abs(w).sum() + 0.2 * (w**2).sum() + 0.5 * (b**2).sum()
    np.testing.assert_allclose(loss.item(), expected, rtol=1e-6)
    loss.backward()
    np.testing.assert_allclose(layer.weight.grad, 0.1 * np.sign(w) + 0.4 * w, rtol=1e-6)
    np.testing.assert_allclose(layer.bias.grad, b, rtol=1e-6)


def test_layers_add_up_and_none_is_none():
    model = nn.Sequential(nn.Linear(2, 2, weight_regularizer_l1=1.0), nn.Linear(2, 2, weight_regularizer_l1=2.0))
    sizes = [np.abs(layer.weight.data).sum() for layer in model]
    np.testing.assert_allclose(model.regularization_loss().item(), sizes[0] + 2 * sizes[1], rtol=1e-6)
    assert nn.Linear(2, 2).regularization_loss() is None or nn.Linear(2, 2).regularization_loss() == 0


@pytest.mark.parametrize("wrong", [-1, float("nan"), float("inf"), "0.1"])
def test_what_is_refused(wrong):
    with pytest.raises(HyperparameterError, match="weight_regularizer_l1"):
        penalty_of("Linear", "weight_regularizer_l1", wrong)


def test_what_is_shown():
    assert penalties_shown(nn.Linear(2, 2, bias_regularizer_l1=0.5)) == ", bias_regularizer_l1=0.5"
    assert penalties_shown(nn.Linear(2, 2)) == ""
