"""A model in evaluation mode for a while, each part as it was afterwards."""

import numpy as np
import pytest

from minigrad import nn
from minigrad.errors import HyperparameterError
from minigrad.nn.modes import evaluating


def test_each_module_has_its_mode_back():
    model = nn.Sequential(nn.Dropout(), nn.Sequential(nn.BatchNorm1d(2), nn.Dropout()))
    model[1][0].eval()
    with evaluating(model):
        assert not any(module.training for module in model.modules())
    assert [module.training for module in model.modules()] == [True, True, True, False, True]


def test_after_an_error_too():
    model = nn.Dropout()
    with pytest.raises(ZeroDivisionError), evaluating(model):
        1 / 0  # noqa: B018
    assert model.training


def test_a_mode_of_the_class_is_not_left_in_the_object():
    layer = nn.Linear(2, 2)
    before = "training" in vars(layer)
    with evaluating(layer):
        assert not layer.training
    assert ("training" in vars(layer)) == before


@pytest.mark.parametrize("value", ["no", None, 2, 0.5], ids=repr)
def test_modes_and_freezing_take_true_or_false(value):
    """Every text is true to Python: ``model.train("eval")`` was training mode."""
    layer = nn.Linear(2, 2)
    for call in layer.train, layer.requires_grad_, layer.weight.requires_grad_:
        with pytest.raises(HyperparameterError, match="is True or False"):
            call(value)
    assert layer.training
    assert layer.weight.requires_grad
    assert not layer.train(np.False_).training
    assert not layer.requires_grad_(0).weight.requires_grad
