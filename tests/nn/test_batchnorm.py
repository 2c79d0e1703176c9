"""BatchNorm: its statistics, and when they move."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.errors import ShapeError
from tests.nn.test_layers import normal


def test_batch_norm_moves_its_statistics_in_place_and_only_in_training():
    layer = nn.BatchNorm1d(3, momentum=0.25)
    mean, var, count = (buffer.data for buffer in layer.buffers())
    x = normal(5, 3) + 2
    layer(mg.tensor(x))
    layer.eval()(mg.tensor(x + 9))
    assert layer.running_mean.data is mean
    assert layer.running_var.data is var
    assert layer.num_batches_tracked.data is count
    np.testing.assert_allclose(mean, 0.25 * x.mean(0), rtol=1e-6)
    np.testing.assert_allclose(var, 0.75 + 0.25 * x.var(0, ddof=1), rtol=1e-6)
    assert (mean.dtype, var.dtype, count.dtype) == (np.float32, np.float32, np.int64)
    assert count == 1


def test_batch_norm_without_momentum_has_the_mean_of_all_batches():
    layer = nn.BatchNorm1d(2, momentum=None)
    batches = normal(4, 6, 2) + 1
    for batch in batches:
        layer(mg.tensor(batch))
    np.testing.assert_allclose(layer.running_mean.data, batches.mean((0, 1)), rtol=1e-5)
    np.testing.assert_allclose(layer.running_var.data, batches.var(1, ddof=1).mean(0), rtol=1e-5)
    assert layer.running_mean.dtype == np.float32


def test_a_failing_batch_norm_counts_and_moves_nothing():
    layer = nn.BatchNorm2d(2)
    before = layer.state_dict()
    for x in (np.ones((1, 2, 1, 1)), np.ones((2, 3, 4, 4)), np.ones((2, 2))):
        with pytest.raises(ShapeError):
            layer(mg.tensor(x))
    after = layer.state_dict()
    assert all((after[key] == before[key]).all() for key in before)
