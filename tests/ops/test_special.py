"""``scipy.special.f(tensor)``: the same values, with gradients of orders 1 and 2, and SciPy imported by nobody."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

import minigrad as mg
from minigrad.core.table import no_derivative, numpy_functions, path_of
from minigrad.errors import GraphError, UnsupportedError
from minigrad.ops import special as rows
from minigrad.ops.scipy_names import SCIPY
from minigrad.testing import check_gradients
from tests.ops.families import properties_of
from tests.samples import samples

test_properties = properties_of(rows)

special = pytest.importorskip("scipy.special")


def _formulas(function):
    return getattr(getattr(function, "op", None), "formulas", ())


def ufunc(name):
    """SciPy's ufunc, which may be a private one."""
    return getattr(special._ufuncs if name.startswith("_") else special, name)


def several(z):
    return z if isinstance(z, tuple) else (z,)


@pytest.mark.parametrize("name", sorted(SCIPY))
def test_a_function_under_its_own_name(name):
    @settings(max_examples=3)
    @given(samples(SCIPY[name]))
    def check(sample):
        options = {option: value for option, value in sample.options.items() if option != "decimals"}
        xs = [mg.Tensor(x, requires_grad=x.dtype.kind == "f") for x in sample.arrays]
        expected = several(sample.call(ufunc(name), sample.arrays, options))
        for got, want in zip(several(sample.call(ufunc(name), xs, options)), expected, strict=True):
            assert isinstance(got, mg.Tensor)
            assert got.dtype == want.dtype
            np.testing.assert_allclose(got.data, want, rtol=1e-11, atol=1e-13)
        floats = [x for x in sample.arrays if x.dtype.kind == "f"]
        rest = [x for x in sample.arrays if x.dtype.kind != "f"]
        if name not in ("round", "gammasgn"):
            check_gradients(lambda *xs: sample.call(ufunc(name), [*rest, *xs], options), *floats)

    check()


@pytest.mark.parametrize("name", sorted(f.__name__ for f in SCIPY.values() if no_derivative in _formulas(f)))
def test_a_parameter_without_a_formula_is_refused_by_name(name):
    """When it is called, by its name; and a tensor without a gradient, or outside of any recording, is a parameter."""
    row = mg.table.ops[name].op
    x = [0.5 if a in ("x", "y") else 2.0 for a in row.arguments]
    for place, argument in enumerate(row.arguments):
        given_ = [mg.tensor(value, requires_grad=number == place) for number, value in enumerate(x)]
        if "hermite" in name and argument == "n":  # SciPy takes whole numbers alone, which have no gradient
            continue
        if "hermite" in name:
            given_[0] = 2
        if row.formulas[place] is not no_derivative:
            assert mg.table.ops[name](*given_).requires_grad
            continue
        with pytest.raises(GraphError, match=rf"^{name} has no formula .* with respect to {argument}\b.*detach"):
            mg.table.ops[name](*given_)
        with mg.no_grad():
            assert not mg.table.ops[name](*given_).requires_grad


PLACES = np.array([0, 1, -1, 0.5, -0.5, 2, -2, 30, -30, np.inf, -np.inf, np.nan])


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int64])
@pytest.mark.parametrize("name", sorted(SCIPY))
def test_values_are_scipys_in_every_real_dtype_and_at_the_ends(name, dtype):
    """Where SciPy's i0 and iv are NaN at infinity, ours are inf; float16 is float16, and float32 float32."""
    function, places = ufunc(name), PLACES[:3] if dtype is np.int64 else PLACES
    places = places.astype(dtype)
    if name == "_lambertw":
        before, after = (), (0, 1e-8)
    else:
        before, after = (2 if "hermite" in name else 2.0,) * (function.nin - 1), ()
    with np.errstate(all="ignore"):
        wanted = several(function(*before, places, *after))
        found = several(function(*before, mg.Tensor(places), *after))
        for got, want in zip(found, wanted, strict=True):
            if name == "_lambertw":
                continue
            assert got.dtype == (dtype if dtype is not np.int64 else np.float64)
            rtol = 1e-12 if got.dtype == np.float64 else 1e-2 if dtype is np.float16 else 1e-5
            here = ~np.isinf(places) if name in ("i0", "iv") else slice(None)
            expected = np.asarray(want)[here].astype(got.dtype)
            np.testing.assert_allclose(got.data[here], expected, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("name", ["kn", "yn", "expn"])
@pytest.mark.filterwarnings("ignore:floating point number truncated")
def test_an_order_that_scipy_cuts_to_a_whole_number_is_cut_in_the_gradient_too(name):
    x = mg.tensor(np.float64(1.5), requires_grad=True)
    function = ufunc(name)
    whole, cut = ([*mg.autograd.grad(function(n, x), [x])] for n in (2, 2.5))
    assert float(whole[0].data) == float(cut[0].data)


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
            theirs = ufunc(key.removeprefix("scipy.special."))
            assert path_of(theirs) == key
            assert numpy_functions.get(theirs, function) is function


def test_a_ufunc_of_scipys_is_taken_before_its_rows_are_imported():
    code = "import minigrad as mg, scipy.special as s; mg.primitive(s.gamma, lambda g, x: g, name='mine')"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert "'gamma' has formulas in minigrad already" in found.stderr


def test_lambertw_on_the_branches_of_real_numbers():
    for k, x in ((0, [0.0, 0.5, -0.2, 20.0]), (-1, [-0.3, -0.05])):
        z = mg.tensor(np.array(x), requires_grad=True)
        w = mg.real(special.lambertw(z, k))
        np.testing.assert_allclose(w.data * np.exp(w.data), x, rtol=1e-13)
        w.sum().backward()
        np.testing.assert_allclose(z.grad, np.exp(-w.data) / (1 + w.data), rtol=1e-13)


def test_scipy_is_not_imported_for_the_names():
    code = "import sys, minigrad as mg; mg.erf(mg.tensor([1.0])); assert 'scipy' not in sys.modules;"
    code += "assert 'minigrad.ops.bessel' not in sys.modules; mg.special.erf; assert 'scipy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_count_in_the_docs():
    """Of public names: two of them are ufuncs with another name of their own, two are NumPy's in Python."""
    names = {name.removeprefix("_") for name in SCIPY} | {"digamma", "jn", "sinc", "softplus"}
    assert names <= set(special.__all__)
    assert all(callable(getattr(mg.special, name)) for name in names)
    x = mg.tensor([0.5, 1.5], requires_grad=True)
    for function in (
        special.sinc,
        special.softplus,
        special.digamma,
        lambda x: special.jn(2, x),
        lambda x: special.zeta(2, x),
    ):
        assert function(x).requires_grad
    page = (Path(__file__).parents[2] / "docs" / "scipy.md").read_text()
    assert f"has a gradient for {len(names)} functions of `scipy.special`" in page


def test_zeta_of_one_argument_says_what_to_write():
    with pytest.raises(UnsupportedError, match=r"for x > 1 write mg.special.zeta\(x\)"):
        mg.grad(lambda x: special.zeta(x))(3.0)


# -- SciPy's functions that are Python ------------------------------------------------------------

WEIGHTS = {
    "none": None,
    "a number": 2.0,
    "positive": np.linspace(0.1, 2, 24).reshape(2, 3, 4),
    "broadcast": np.array([[1.0], [0.0], [3.0]]),
    "zeros": [0, 1, 2, 0],
}


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2)])
def test_reductions_take_scipys_arguments(axis):
    """By position too: the third of logsumexp is b, and without an axis all elements count."""
    x = np.random.default_rng(0).normal(size=(2, 3, 4)) * 50
    pairs = [
        *[
            (mg.special.logsumexp(mg.tensor(x), axis, b, keepdims), special.logsumexp(x, axis, b, keepdims))
            for b in WEIGHTS.values()
            for keepdims in (False, True)
        ],
        (mg.special.softmax(mg.tensor(x), axis), special.softmax(x, axis)),
        (mg.special.log_softmax(mg.tensor(x), axis), special.log_softmax(x, axis)),
    ]
    for got, want in pairs:
        assert got.shape == np.shape(want)
        np.testing.assert_allclose(got.data, want, rtol=1e-12)


def test_weights_of_a_logsumexp_have_gradients():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(3, 4)), np.array([0.5, 0.0, 1.5, 2.0])
    check_gradients(lambda a, b: mg.special.logsumexp(a, 1, b), a, b, order=2)
    check_gradients(mg.special.softmax, a, order=2)
    check_gradients(lambda a: mg.special.log_softmax(a, (0, 1)), a, order=2)


def test_a_term_of_weight_0_may_be_of_any_size():
    x = mg.tensor([1e4, np.inf, 1.0, 2.0], dtype=float, requires_grad=True)
    z = mg.special.logsumexp(x, b=[0, 0, 1, 1])
    z.backward()
    assert z.item() == pytest.approx(np.logaddexp(1.0, 2.0))
    np.testing.assert_allclose(x.grad, [0, 0, 1 / (1 + np.e), np.e / (1 + np.e)])
