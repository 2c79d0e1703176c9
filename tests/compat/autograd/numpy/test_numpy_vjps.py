"""What authors of gradients take from autograd's file of rules."""

import numpy as np
import pytest

import minigrad.compat.autograd.numpy as anp
from minigrad.compat.autograd import grad
from minigrad.compat.autograd.extend import defvjp, primitive
from minigrad.compat.autograd.numpy import numpy_vjps
from minigrad.compat.autograd.test_util import check_grads


def test_a_rule_by_unbroadcast_f_is_right_for_every_pair_of_shapes():
    @primitive
    def power(x, y):
        return x**y

    defvjp(
        power,
        lambda z, x, y: numpy_vjps.unbroadcast_f(x, lambda g: g * y * x ** anp.where(y, y - 1, 1.0)),
        lambda z, x, y: numpy_vjps.unbroadcast_f(y, lambda g: g * anp.log(numpy_vjps.replace_zero(x, 1.0)) * x**y),
    )
    rng = np.random.default_rng(0)
    for one, other in (((), (3,)), ((3,), ()), ((2, 3), (3,)), ((2, 1), (1, 3)), ((1,), (4, 2, 3)), ((2, 3), (2, 3))):
        x, y = rng.uniform(0.5, 2.0, one), rng.uniform(0.5, 2.0, other)
        assert max(check_grads(power, order=2)(x, y).errors) < 1e-6
        assert np.shape(grad(lambda x, y: anp.sum(power(x, y)))(x, y)) == one


def test_unbroadcast_sums_in_front_or_at_the_end_and_drops_the_imaginary_part_of_a_real_argument():
    of_two = numpy_vjps.metadata(np.ones(2, np.float64))
    assert of_two == ((2,), 1, np.float64, False)
    assert numpy_vjps.unbroadcast(np.ones((3, 2), np.float64), of_two).tolist() == [3, 3]
    assert numpy_vjps.unbroadcast(np.ones((2, 3), np.float64), of_two, -1).tolist() == [3, 3]
    assert numpy_vjps.unbroadcast(np.ones((3, 2), np.complex128) * 1j, of_two).tolist() == [0, 0]
    assert numpy_vjps.unbroadcast(2.0, of_two) == 2.0
    with pytest.raises(ValueError, match="0 or -1, got 1"):
        numpy_vjps.unbroadcast(np.ones((3, 2), np.float64), of_two, 1)


def test_shares_and_kinds():
    x, y = np.array([1.0, 2.0, 3.0]), np.array([1.0, 5.0, 0.0])
    assert numpy_vjps.balanced_eq(x, np.maximum(x, y), y).tolist() == [0.5, 0, 1]
    assert numpy_vjps.match_complex(1.0, 2 + 3j) == 2
    assert isinstance(numpy_vjps.match_complex(1j, 2.0), complex)
    assert numpy_vjps.match_complex(1.0, 2.0) == 2.0


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_a_gradient_is_repeated_over_what_was_reduced(axis, keepdims):
    x = np.random.default_rng(1).standard_normal((2, 3, 4))
    g = np.random.default_rng(2).standard_normal(np.shape(x.sum(axis, keepdims=keepdims)))
    repeated, count = numpy_vjps.repeat_to_match_shape(g, x.shape, x.dtype, axis, keepdims)
    assert repeated.shape == x.shape
    assert count * np.size(g) == x.size
    np.testing.assert_allclose(repeated.sum(axis, keepdims=keepdims), count * g)
