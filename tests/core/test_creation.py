"""Functions that make Tensors: NumPy's values, the default dtype, and what they refuse."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import DTypeError, GraphError

MADE = {
    "zeros": (lambda **o: mg.zeros((2, 3), **o), np.zeros((2, 3))),
    "ones": (lambda **o: mg.ones(4, **o), np.ones(4)),
    "full": (lambda **o: mg.full((2, 2), [1, 2], **o), np.full((2, 2), [1, 2])),
    "eye": (lambda **o: mg.eye(2, 3, **o), np.eye(2, 3)),
    "arange": (lambda **o: mg.arange(1, 7, 2, **o), np.arange(1.0, 7, 2)),
    "linspace": (lambda **o: mg.linspace(0, 1, 5, **o), np.linspace(0, 1, 5)),
}


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("dtype", [None, "float64", "float32"])
def test_values_and_dtypes(name, dtype):
    make, expected = MADE[name]
    x = make(dtype=dtype, requires_grad=True)
    np.testing.assert_array_equal(x.data, expected.astype("float32"))
    assert x.dtype == (dtype or "float32")
    assert x.requires_grad
    assert not make().requires_grad


@pytest.mark.parametrize("name", MADE)
def test_an_option_of_another_framework_is_refused(name):
    with pytest.raises(TypeError, match="no option device="):
        MADE[name][0](device="cpu")


def test_likeness_is_in_shape_and_dtype():
    x = mg.tensor(np.ones((2, 1), "float64"))
    for make, value in ((mg.zeros_like, 0), (mg.ones_like, 1)):
        z = make(x)
        assert (z.shape, z.dtype, z.tolist()) == ((2, 1), np.float64, [[value]] * 2)
        assert make([1, 2], dtype="float32").dtype == np.float32


def test_a_shape_is_one_argument():
    with pytest.raises(TypeError, match="a shape is one argument"):
        mg.zeros((2,), None, False, 3)
    with pytest.raises(DTypeError, match="write the shape as a tuple"):
        mg.zeros(2, 3)


def test_a_gradient_does_not_end_unseen():
    t = mg.tensor(3.0, requires_grad=True)
    with pytest.raises(GraphError, match=r"mg\.arange takes numbers"):
        mg.arange(t)
    mg.full((2, 2), t).sum().backward()
    assert t.grad == 4
