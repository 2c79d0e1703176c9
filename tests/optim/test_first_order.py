"""The common parts of optimizers that look at gradients alone."""

import inspect

import numpy as np
import pytest

from minigrad import nn, optim
from minigrad.errors import HyperparameterError
from minigrad.optim.first_order import FirstOrder, Moments, average_squares

KINDS = [kind for kind in vars(optim).values() if isinstance(kind, type) and issubclass(kind, FirstOrder)]


def test_moving_averages_of_squares():
    c, g, scratch = np.array([1.0, 4.0]), np.array([2.0, -1.0]), np.empty(2)
    average_squares(c, 0.75, g, scratch)
    assert c.tolist() == [0.75 + 0.25 * 4, 3 + 0.25]
    assert g.tolist() == [2, -1]


def test_both_moments():
    optimizer = optim.Adam([nn.Parameter([1.0])], betas=(0.5, 0.75))
    m, c, g = np.zeros(2), np.zeros(2), np.array([2.0, -4.0])
    Moments.average(optimizer, optimizer.param_groups[0], g, np.empty(2), m, c)
    assert m.tolist() == [1, -2]
    assert c.tolist() == [1, 4]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_hyperparameters_are_arguments_with_defaults(kind):
    parameters = inspect.signature(kind).parameters
    assert next(iter(parameters)) == "params"
    assert parameters["skip_nonfinite"].default is False
    optimizer = kind([nn.Parameter(np.ones(3, "float32"))], skip_nonfinite=True)
    assert optimizer.skip_nonfinite
    assert tuple(optimizer.state_names(optimizer.param_groups[0])) is not None
    with pytest.raises(HyperparameterError):
        kind([nn.Parameter([1.0])], lr=-1)
