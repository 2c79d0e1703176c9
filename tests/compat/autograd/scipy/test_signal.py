"""``convolve`` over chosen axes: values and gradients of every mode."""

import numpy as np
import pytest
from scipy import signal

import minigrad.compat.autograd.numpy as anp
from minigrad.compat.autograd import grad
from minigrad.compat.autograd.scipy.signal import convolve
from minigrad.compat.autograd.test_util import check_grads
from minigrad.errors import ShapeError, UnsupportedError

RNG = np.random.default_rng(3)
A, B = RNG.standard_normal((2, 3, 5, 4)), RNG.standard_normal((3, 2, 3, 2))
KINDS = {
    "all of one axis": (A[0, 0, :, 0], B[0, 0, :, 0], {}),
    "all of two axes": (A[0, 0], B[0, 0], {}),
    "all of three": (A[0], B[0], {}),
    "some": (A[:, 0], B[0], {"axes": ([1, 2], [1, 2])}),
    "channels": (A, B, {"axes": ([2, 3], [2, 3]), "dot_axes": ([1], [0])}),
    "axes from the end": (A, B, {"axes": ([-2, -1], [-2, -1]), "dot_axes": ([1], [0])}),
    "none": (A, B, {"axes": ([], []), "dot_axes": ([1], [0])}),
    "complex": (A[0, 0] + 1j * A[1, 0], B[0, 0] - 2j * B[0, 1], {}),
}


@pytest.mark.parametrize("mode", ["full", "valid", "same"])
@pytest.mark.parametrize("kind", KINDS)
def test_values_and_gradients(kind, mode):
    a, b, options = KINDS[kind]
    theirs = pytest.importorskip("autograd.scipy.signal")
    if kind == "axes from the end":  # which autograd does not count
        np.testing.assert_array_equal(
            convolve(a, b, mode=mode, **options), convolve(a, b, mode=mode, **KINDS["channels"][2])
        )
        return
    np.testing.assert_allclose(convolve(a, b, mode=mode, **options), theirs.convolve(a, b, mode=mode, **options))
    check_grads(lambda a, b: convolve(a, b, mode=mode, **options), (0, 1))(a, b)


@pytest.mark.parametrize("mode", ["full", "valid"])
def test_the_larger_may_come_second(mode):
    np.testing.assert_allclose(convolve(B[0, 0], A[0, 0], mode=mode), signal.convolve(B[0, 0], A[0, 0], mode))
    check_grads(lambda a, b: convolve(a, b, mode=mode), (0, 1))(B[0, 0], A[0, 0])


def test_what_does_not_fit_is_refused():
    with pytest.raises(ShapeError, match="inside"):
        convolve(np.ones((2, 5)), np.ones((3, 3)), mode="valid")
    with pytest.raises(UnsupportedError, match="three axes"):
        convolve(np.ones((2,) * 4), np.ones((2,) * 4))
    with pytest.raises(ValueError, match="mode"):
        grad(lambda x: anp.sum(convolve(x, x, mode="some")))(np.ones(3))
