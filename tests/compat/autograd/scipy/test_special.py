"""SciPy's special functions: its own on arrays, this package's on tensors, in full precision."""

import numpy as np
import pytest
import scipy.special

from minigrad.compat.autograd import grad
from minigrad.compat.autograd.scipy import special
from minigrad.compat.autograd.scipy.linalg import expm
from minigrad.compat.autograd.test_util import check_grads
from minigrad.errors import MinigradError

#: The functions that autograd has, with arguments; the last one is differentiated.
CALLS = {
    "beta": (1.5, 0.7),
    "betainc": (1.5, 0.7, 0.3),
    "betaln": (1.5, 0.7),
    "polygamma": (1, 0.7),
    "psi": (0.7,),
    "digamma": (0.7,),
    "gamma": (0.7,),
    "gammaln": (0.7,),
    "gammainc": (1.2, 0.7),
    "gammaincc": (1.2, 0.7),
    "rgamma": (0.7,),
    "multigammaln": (2.7, 2),
    "j0": (0.7,),
    "j1": (0.7,),
    "y0": (0.7,),
    "y1": (0.7,),
    "jn": (2, 0.7),
    "yn": (2, 0.7),
    "i0": (0.7,),
    "i1": (0.7,),
    "iv": (1.5, 0.7),
    "ive": (1.5, 0.7),
    "erf": (0.7,),
    "erfc": (0.7,),
    "erfinv": (0.3,),
    "erfcinv": (0.3,),
    "logit": (0.1,),
    "expit": (0.1,),
    "logsumexp": (np.array([0.1, 0.2]),),
}


@pytest.mark.parametrize("name", CALLS)
def test_values_are_scipys_and_gradients_are_right(name):
    args, f = CALLS[name], getattr(special, name)
    want = getattr(scipy.special, name)(*args)
    assert f(*args) == want
    place = 0 if name == "multigammaln" else len(args) - 1
    check_grads(lambda x: f(*args[:place], x, *args[place + 1 :]))(args[place])


def test_lists_and_options():
    found = grad(lambda x: special.logsumexp([x, 0.1], b=[0.3, 0.7]))(0.2)
    share = 0.3 * np.exp(0.2) / (0.3 * np.exp(0.2) + 0.7 * np.exp(0.1))
    assert found == pytest.approx(share, rel=1e-14)
    assert "erf" in dir(special)


def test_what_has_no_gradient_is_refused_by_name():
    with pytest.raises(MinigradError, match="mathieu_a"):
        grad(lambda x: special.mathieu_a(2, x))(0.5)


def test_functions_of_matrices():
    check_grads(expm)(np.array([[0.1, 0.2], [0.3, -0.4]]))
