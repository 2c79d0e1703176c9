"""``mg.special``: SciPy's names, its values, and gradients."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.testing import check_gradients

special = pytest.importorskip("scipy.special", reason="the reference is SciPy (pip install scipy)")

X = np.array([0.3, 0.8, 1.7])


def test_each_name_is_scipy_s():
    assert [name for name in mg.special.__all__ if not callable(getattr(mg.special, name))] == []
    assert [name for name in mg.special.__all__ if not hasattr(special, name)] == []


@pytest.mark.parametrize(
    "name", ["gammaln", "digamma", "erf", "erfc", "erfinv", "ndtr", "expit", "logit", "j0", "i0", "log_ndtr"]
)
def test_values_and_gradients(name):
    function = getattr(mg.special, name)
    x = X / 2 if name in ("erfinv", "logit") else X
    np.testing.assert_allclose(np.asarray(function(x)), getattr(special, name)(x), rtol=1e-12)
    check_gradients(function, x, order=2)


def test_a_name_that_is_missing_says_what_there_is():
    with pytest.raises(AttributeError, match="special"):
        getattr(mg.special, "no_such" + "_function")
