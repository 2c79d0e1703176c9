"""``for row in x``: rows with gradients, in order, as often as asked for."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import ScalarError


def test_rows_are_those_of_the_array_and_pass_gradients():
    x = mg.tensor(np.arange(6.0).reshape(3, 2), requires_grad=True)
    total = sum(row.sum() * (i + 1) for i, row in enumerate(x))
    total.backward()
    np.testing.assert_array_equal(x.grad, [[1, 1], [2, 2], [3, 3]])
    assert [row.tolist() for row in x] == x.tolist()


def test_unpacking_and_what_is_left_out():
    x = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    first, *_ = x
    first.backward()
    assert x.grad.tolist() == [1, 0, 0]


def test_of_no_rows_there_are_none():
    assert list(mg.zeros((0, 3))) == []


def test_a_number_has_no_rows():
    with pytest.raises(ScalarError, match=r"write t\.item"):
        list(mg.tensor(1.0))
