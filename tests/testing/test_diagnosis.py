"""A failure is searched for its cause."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import GradientError
from minigrad.testing import check_gradients
from tests.testing.test_checks import A, op


def test_the_first_wrong_op_of_a_composition_is_named():
    product = op(lambda x, y: x * y, lambda g, y: g * y, lambda g, x: 1.2 * g * x, name="product", analytic=True)
    m = np.arange(1.0, 7).reshape(2, 3)
    message = r"^wrong formula: product, argument 1 \(y\), element \(0, 2\): got 3.6, want 3.0 \(at 2\)"
    with pytest.raises(GradientError, match=message):
        check_gradients(
            lambda x, y: mg.tanh(mg.log(product(mg.exp(x), y / 3)) / 9).sum(),
            np.log([[1, 2, 3.0]]),
            2 * m[:1] / m[:1] * 3,
        )


def test_an_op_of_any_number_of_arrays_is_named():
    def total(*arrays, scale=1.0):
        return scale * sum(arrays)

    wrong = op(total, lambda g, i, scale: g * scale if i else 2 * g * scale, name="total")
    with pytest.raises(
        GradientError, match=r"^wrong formula: total, argument 0 \(arrays\[0\]\), element \(.,\): got 4.0"
    ):
        check_gradients(lambda x, y: mg.exp(wrong(x, y, scale=2.0)), A, A)


def test_an_op_that_cannot_be_looked_at_alone_is_named():
    from minigrad.testing.diagnosis import Call, _problem

    def refuses(x):
        raise ArithmeticError(f"not today, {x.dtype}")

    call = Call(op(refuses, lambda g: g, name="refusing").op, [mg.tensor(A, requires_grad=True)], {})
    assert str(_problem(call, 1, 0)) == "error: refusing fails alone, ArithmeticError: not today, float64"
