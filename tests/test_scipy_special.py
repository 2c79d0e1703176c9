"""``scipy.special.f(tensor)``: the same values, with gradients of orders 1 and 2, and SciPy imported by nobody."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings

import minigrad as mg
from minigrad.errors import UnsupportedError
from minigrad.ops.scipy_names import SCIPY
from minigrad.table import numpy_functions, path_of
from minigrad.testing import check_gradients
from minigrad.testing.samples import samples

special = pytest.importorskip("scipy.special")


@pytest.mark.parametrize("name", sorted(SCIPY))
def test_a_function_under_its_own_name(name):
    function = getattr(special, name)

    @settings(max_examples=4)
    @given(samples(SCIPY[name]))
    def check(sample):
        options = {option: value for option, value in sample.options.items() if option != "decimals"}
        called = sample.call(
            function, [mg.Tensor(x, requires_grad=x.dtype.kind == "f") for x in sample.arrays], options
        )
        expected = sample.call(function, sample.arrays, options)
        assert isinstance(called, mg.Tensor)
        assert called.dtype == expected.dtype
        np.testing.assert_allclose(called.data, expected, rtol=1e-11, atol=1e-13)
        floats = [x for x in sample.arrays if x.dtype.kind == "f"]
        rest = [x for x in sample.arrays if x.dtype.kind != "f"]
        if name != "round":
            check_gradients(lambda *xs: sample.call(function, [*rest, *xs], options), *floats)

    check()


def test_psi_and_digamma_are_one():
    x = mg.tensor([0.5, 2.0], requires_grad=True)
    assert special.digamma(x).tolist() == special.psi(x).tolist() == mg.digamma(x).tolist()


def test_ufuncs_of_one_name_are_kept_apart():
    x = mg.tensor([0.25, 0.5], requires_grad=True)
    assert path_of(np.expm1) == "numpy.expm1"
    assert path_of(special.expm1) == "scipy.special.expm1"
    np.testing.assert_array_equal(np.expm1(x).data, special.expm1(x).data)

    def erf(a):
        return 7 * a

    somebodys = np.frompyfunc(erf, 1, 1)
    assert path_of(somebodys) == somebodys.__name__
    with pytest.raises(UnsupportedError, match=r"^the ufunc erf"):
        somebodys(x)


def test_nothing_of_numpys_hides_behind_a_name_of_scipys():
    for key, function in numpy_functions.items():
        if isinstance(key, str) and key.startswith("scipy.special."):
            ufunc = getattr(special, key.removeprefix("scipy.special."))
            assert path_of(ufunc) == key
            assert numpy_functions.get(ufunc, function) is function


def test_scipy_is_not_imported_for_the_names():
    code = "import sys, minigrad as mg; mg.erf(mg.tensor([1.0])); assert 'scipy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
