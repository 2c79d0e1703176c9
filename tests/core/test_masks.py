"""What a mask of the numbers writes, by one value for all places: of members of a batch, and from call to call."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.masks import mask_over
from minigrad.errors import BatchError, ShapeError
from tests.numpy_check import check_call

ROWS = np.random.default_rng(2).normal(size=(4, 6))

WRITES = {
    "a number": lambda y, x: y.__setitem__(y > 0, 0.5),
    "a value with a gradient": lambda y, x: y.__setitem__(x > 0, x[1] * 2),
    "a mask of rows": lambda y, x: y.reshape(3, 2).__setitem__(x[:3] > 0, x[4:]),
    "a mask behind a slice": lambda y, x: y.reshape(3, 2).__setitem__((slice(None), x[:2] > 0), x[3]),
    "through a view": lambda y, x: y[1:5].__setitem__(x[:4] > 0, x[0] ** 2),
    "in Fortran's order": lambda y, x: y.reshape(2, 3).T.__setitem__(x.reshape(3, 2) > 0, x[0] ** 2),
    "index_set": lambda y, x: y.__setitem__(slice(None), mg.index_set(y, x > 0, x[2])),
    "integers": lambda y, x: y.__setitem__(x > 0, 1),
}


@pytest.mark.parametrize("name", WRITES)
def test_one_value_is_written_where_a_mask_of_the_numbers_says(name):
    def f(x):
        y = x * 1.5
        WRITES[name](y, x)
        return (y**2 * np.arange(1, 7)).sum()

    check_call(f, [ROWS[0]])
    each = np.stack([mg.grad(f)(row) for row in ROWS])
    np.testing.assert_allclose(mg.vmap(mg.grad(f))(ROWS), each)
    compiled = mg.compile(mg.grad(f))
    np.testing.assert_array_equal([compiled(row) for row in ROWS], each)


def test_several_values_have_a_shape_that_depends_on_the_numbers():
    def f(x):
        y = x * 1.0
        y[x > 0] = x[:2]
        return y

    with pytest.raises(BatchError, match="another shape for each"):
        mg.vmap(f)(ROWS)


@pytest.mark.parametrize("write", [mg.Tensor.__setitem__, mg.index_set])
def test_values_that_do_not_fit_are_refused(write):
    mask, value = np.array([True, True, True, False]), mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    with pytest.raises(ShapeError, match="index_set"):
        write(mg.zeros((4, 1)), mask, value)


@pytest.mark.parametrize(
    "index",
    [
        (),
        1,
        (np.True_,),
        [True, False],
        (slice(0, 1), np.array([True, False])),
        np.array([True]),
        (..., np.array([True])),
    ],
)
def test_other_indices_are_left_to_numpy(index):
    assert mask_over(index, (2, 2), mg.tensor(1.0, requires_grad=True)) is None
