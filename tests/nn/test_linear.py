"""Linear: x @ w.T + b on the last axis, for any axes in front."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.errors import ShapeError
from minigrad.testing import check_gradients


@pytest.mark.parametrize("shape", [(3,), (2, 3), (4, 2, 3), (0, 3)])
@pytest.mark.parametrize("bias", [True, False])
def test_values(shape, bias):
    layer = nn.Linear(3, 5, bias, dtype="float64")
    x = np.random.default_rng(0).normal(size=shape)
    expected = x @ layer.weight.data.T + (layer.bias.data if bias else 0)
    np.testing.assert_allclose(layer(mg.tensor(x)).data, expected, rtol=1e-12)


def test_gradients():
    layer = nn.Linear(3, 2, dtype="float64", generator=np.random.default_rng(0))

    def f(x, w, b):
        return nn.functional.linear(x, w, b)

    check_gradients(f, np.random.default_rng(1).normal(size=(4, 3)), layer.weight.data, layer.bias.data + 1)


def test_an_input_of_another_width():
    with pytest.raises(ShapeError, match=r"linear of shapes \(2, 4\) and \(2, 3\)"):
        nn.Linear(3, 2)(np.ones((2, 4), "float32"))
