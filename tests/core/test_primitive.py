"""The door into the table: ops of one's own, and what is refused there."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import testing


@pytest.fixture(autouse=True)
def _table():
    from minigrad.core import table

    ops, functions = dict(table.ops), dict(table.numpy_functions)
    yield
    for held, before in ((table.ops, ops), (table.numpy_functions, functions)):
        held.clear()
        held.update(before)


def test_an_op_of_ones_own_has_gradients_of_each_order():
    cube = mg.primitive(lambda x: x**3, lambda g, x: 3 * g * x**2, name="own_cube")
    testing.check_gradients(cube, np.array([0.5, -1.5]), order=2)
    assert cube(np.array([2.0])).tolist() == [8]
    assert isinstance(cube(mg.tensor([2.0])), mg.Tensor)


def test_a_residual_is_handed_to_the_formula():
    def forward(x):
        p = np.exp(x)
        return p * x, p

    op = mg.primitive(forward, lambda g, x, p: g * p * (1 + x), name="own_product", residuals={"p": mg.exp})
    testing.check_gradients(op, np.array([0.5, -1.5]), order=2)


WRONG = {
    "an unknown name": (lambda: mg.primitive(lambda x: x, lambda g, w: g, name="own"), TypeError, "takes g first"),
    "no g": (lambda: mg.primitive(lambda x: x, lambda x: x, name="own"), TypeError, "takes g first"),
    "a name that means something": (
        lambda: mg.primitive(lambda x_shape: x_shape, lambda g: g, name="own"),
        TypeError,
        "rename it",
    ),
    "a name of the package": (lambda: mg.primitive(lambda x: x, lambda g: g, name="exp"), ValueError, "another name"),
    "a function of the package": (lambda: mg.primitive(np.exp, lambda g: g, name="own"), ValueError, "another name"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_refused(name):
    make, error, match = WRONG[name]
    with pytest.raises(error, match=match):
        make()


def test_a_new_op_replaces_ones_own():
    mg.primitive(lambda x: x * 1, lambda g: g, name="own")
    again = mg.primitive(lambda x: x * 2, lambda g: 2 * g, name="own")
    assert again(np.ones(1)).tolist() == [2]
