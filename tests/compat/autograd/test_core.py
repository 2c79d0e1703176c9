"""Derivatives at one argument, and operators of one argument made ones of several."""

import numpy as np
import pytest

import minigrad.compat.autograd.numpy as anp
from minigrad.compat import autograd
from minigrad.compat.autograd.core import make_jvp, make_vjp
from minigrad.compat.autograd.wrap_util import unary_to_nary


def test_make_vjp_and_make_jvp_take_the_point():
    pull, value = make_vjp(anp.sin, 0.5)
    assert (pull(2.0), value) == (2 * np.cos(0.5), np.sin(0.5))
    assert make_jvp(anp.sin, 0.5)(2.0) == (np.sin(0.5), 2 * np.cos(0.5))


def test_an_operator_of_one_argument_is_one_of_several():
    @unary_to_nary
    def slope(f, x, scale=1.0):
        return make_vjp(f, x)[0](scale)

    f = lambda x, y: x * y**2  # noqa: E731
    assert slope(f)(2.0, 3.0) == 9.0
    assert slope(f, 1, scale=2.0)(2.0, 3.0) == 24.0
    assert slope(f, (0, 1))(2.0, 3.0) == (9.0, 12.0)


def test_modules_are_found_under_those_that_are_imported():
    assert autograd.numpy.linalg.inv
    assert autograd.core.getval(autograd.tracer.getval(3.0)) == 3.0
    pytest.importorskip("scipy")
    assert autograd.scipy.special.erf(0.0) == 0.0
    assert autograd.scipy.stats.norm.logpdf(0.0) < 0
    assert {"linalg", "special", "stats"} <= set(dir(autograd.scipy))
    with pytest.raises(AttributeError, match="has no 'spatial': it has integrate, linalg"):
        _ = autograd.scipy.spatial
