"""The base of Linear and convolutions: weight and bias, made now or at the first call."""

import numpy as np
import pytest

from minigrad import nn
from minigrad.nn.weight_and_bias import Weighted

LAYERS = {
    "linear": (lambda size, **o: nn.Linear(size, 4, **o), (2, 3), (4, 3)),
    "conv1d": (lambda size, **o: nn.Conv1d(size, 4, 2, **o), (2, 3, 5), (4, 3, 2)),
    "conv2d": (lambda size, **o: nn.Conv2d(size, 4, (2, 3), **o), (2, 3, 5, 5), (4, 3, 2, 3)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_size_of_none_is_that_of_the_first_input(name):
    make, x_shape, w_shape = LAYERS[name]
    now, later = (make(size, generator=np.random.default_rng(0)) for size in (3, None))
    x = np.random.default_rng(1).normal(size=x_shape).astype("float32")
    np.testing.assert_array_equal(now(x).data, later(x).data)
    for layer in (now, later):
        assert isinstance(layer, Weighted)
        assert layer.weight.shape == w_shape
        assert not layer.bias.data.any()


@pytest.mark.parametrize("name", LAYERS)
def test_without_a_bias_and_in_a_dtype(name):
    layer = LAYERS[name][0](3, bias=False, dtype="float64")
    assert layer.bias is None
    assert layer.weight.dtype == np.float64
    assert len(list(layer.parameters())) == 1


def test_the_initialiser_is_the_one_that_is_named():
    layer = nn.Linear(100, 100, init="standard_normal", generator=np.random.default_rng(0))
    assert layer.weight.data.std() == pytest.approx(1, rel=0.05)
