"""Elementwise functions at singular points, at the edges of the number range, and with NumPy's options."""

import subprocess
import sys

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import DTypeError, HyperparameterError, ShapeError, UnsupportedError
from minigrad.ops import elementwise as rows
from tests.ops.families import properties_of

test_properties = properties_of(rows)

INF, NAN = float("inf"), float("nan")


def leaf(values, dtype=float):
    return mg.tensor(np.array(values, dtype), requires_grad=True)


def gradient(f, *values):
    """The gradients of f at points, as lists."""
    xs = [leaf(v) for v in values]
    with np.errstate(all="ignore"):  # singular points are the subject here
        f(*xs).sum().backward()
    return [x.grad.tolist() for x in xs]


@pytest.mark.parametrize(
    ("f", "at", "want"),
    [
        # singular points
        (mg.cbrt, [[0, 8, -8]], [[INF, 1 / 12, 1 / 12]]),
        (mg.hypot, [[0, 3], [0, 4]], [[0, 0.6], [0, 0.8]]),
        (mg.arctan2, [[0, 1], [0, 0]], [[0, 0], [0, -1]]),
        (mg.arcsin, [[-1, 0, 1]], [[INF, 1, INF]]),
        (mg.arccos, [[-1, 0, 1]], [[-INF, -1, -INF]]),
        (mg.arccosh, [[1]], [[INF]]),
        (mg.arctanh, [[-1, 0, 1]], [[INF, 1, INF]]),
        (mg.reciprocal, [[0, 2]], [[-INF, -0.25]]),
        (mg.log1p, [[-1, 0]], [[INF, 1]]),
        (mg.sinc, [[0]], [[0]]),
        (mg.logaddexp, [[-INF, -INF, 0], [-INF, 1, 0]], [[0, 0, 0.5], [0, 1, 0.5]]),
        (mg.logaddexp2, [[-INF, -INF, 0], [-INF, 1, 0]], [[0, 0, 0.5], [0, 1, 0.5]]),
        (mg.xlogy, [[0, 0, 2], [0, 2, 1]], [[0, np.log(2), 0], [0, 0, 2]]),
        (mg.xlog1py, [[0, 0, 2], [-1, 1, 0]], [[0, np.log(2), 0], [0, 0, 2]]),
        (mg.entr, [[0, 1]], [[INF, -1]]),
        (mg.logit, [[0, 0.5, 1]], [[INF, 4, INF]]),
        (lambda x: mg.logit(x, 0.25), [[0, 0.5, 1]], [[0, 4, 0]]),
        (mg.erfinv, [[-1, 1]], [[INF, INF]]),
        (lambda x: mg.iv(1, x), [[0]], [[0.5]]),
        # jumps
        (mg.floor, [[-1, 0.5]], [[0, 0]]),
        (mg.floor_divide, [[4, 5], [2, 2]], [[0, 0], [0, 0]]),
        (mg.heaviside, [[-1, 0, 1], [0.5, 0.5, 0.5]], [[0, 0, 0], [0, 1, 0]]),
        (mg.remainder, [[4, 5, -5], [2, 2, 2]], [[1, 1, 1], [-2, -2, 3]]),
        (mg.fmod, [[4, 5, -5], [2, 2, 2]], [[1, 1, 1], [-2, -2, 2]]),
        (lambda x: mg.modf(x)[0], [[2, INF]], [[1, 0]]),
        # kinks
        (mg.fabs, [[-1, 0, 2]], [[-1, 0, 1]]),
        (mg.copysign, [[0, -3, 3], [1, 1, -1]], [[0, -1, -1], [0, 0, 0]]),
        (mg.leaky_relu, [[-1, 0, 2]], [[0.01, 0.01, 1]]),
        (lambda x: mg.leaky_relu(x, 2.0), [[-1, 0, 2]], [[2, 2, 1]]),
        (lambda x: mg.elu(x, 0.5), [[0, 2]], [[0.5, 1]]),
        (lambda x: mg.celu(x, 0.5), [[0, 2]], [[1, 1]]),
        (mg.relu6, [[-1, 0, 3, 6, 7]], [[0, 0, 1, 0, 0]]),
        (mg.hardtanh, [[-2, -1, 0, 1, 2]], [[0, 0, 1, 0, 0]]),
        (lambda x: mg.hardsigmoid(x) * 6, [[-3, 0, 3]], [[0, 1, 0]]),
        (mg.hardswish, [[-3, 0, 3]], [[0, 0.5, 1]]),
        (mg.softshrink, [[-0.5, 0, 0.5, 2]], [[0, 0, 0, 1]]),
        (mg.hardshrink, [[-0.5, 0, 0.5, 2]], [[0, 0, 0, 1]]),
        (lambda x: mg.threshold(x, 1.0, 5.0), [[0, 1, 2]], [[0, 0, 1]]),
        (mg.softsign, [[-1, 0, 1]], [[0.25, 1, 0.25]]),
        (mg.prelu, [[-2, 0, 3], [0.5]], [[0.5, 0.5, 1], [-2]]),
        # ties share, a NaN leaves all to the other
        (mg.fmax, [[1, 2, NAN, 4], [1, 3, 3, NAN]], [[0.5, 0, 0, 1], [0.5, 1, 1, 0]]),
        (mg.fmin, [[1, 2, NAN, 4], [1, 3, 3, NAN]], [[0.5, 1, 0, 1], [0.5, 0, 1, 0]]),
        # what was replaced has no gradient, also where an infinite one flows in
        (mg.nan_to_num, [[NAN, INF, -INF, 3]], [[0, 0, 0, 1]]),
        (lambda x: mg.nan_to_num(mg.log(x)), [[-1, 0, 2]], [[0, 0, 0.5]]),
        (lambda x: mg.sqrt(mg.hardshrink(x)), [[0.25, 4]], [[0, 0.25]]),
        (lambda x: mg.sqrt(mg.softshrink(x)), [[0.25, 4.5]], [[0, 0.25]]),
        (lambda x: mg.where(x.data > 0, mg.log2(x) * np.log(2), 0), [[0, 2]], [[0, 0.5]]),
    ],
)
def test_conventions_at_kinks_ties_and_singular_points(f, at, want):
    for got, expected in zip(gradient(f, *at), want, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-14)


def test_selu_at_0_has_the_slope_scale_alpha():
    """1.7581 (Klambauer et al., 2017), the slope of its left half."""
    assert gradient(mg.selu, [0])[0][0] == pytest.approx(1.7580993408473766, rel=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("f", "limits", "slopes"),
    [
        (mg.sigmoid, [0, 1], [0, 0]),
        (mg.softplus, [0, 1000], [0, 1]),
        (mg.logsigmoid, [-1000, 0], [1, 0]),
        (mg.gelu, [0, 1000], [0, 1]),
        (lambda x: mg.gelu(x, "tanh"), [0, 1000], [0, 1]),
        (mg.silu, [0, 1000], [0, 1]),
        (mg.mish, [0, 1000], [0, 1]),
        (mg.elu, [-1, 1000], [0, 1]),
        (mg.celu, [-1, 1000], [0, 1]),
        (mg.selu, [-1.0507009873554805 * 1.6732632423543772, 1050.7009873554805], [0, 1.0507009873554805]),
        (mg.leaky_relu, [-10, 1000], [0.01, 1]),
        (mg.relu6, [0, 6], [0, 0]),
        (mg.hardtanh, [-1, 1], [0, 0]),
        (mg.hardsigmoid, [0, 1], [0, 0]),
        (mg.hardswish, [0, 1000], [0, 1]),
        (mg.softsign, [-1000 / 1001, 1000 / 1001], [1 / 1001**2, 1 / 1001**2]),
        (mg.tanhshrink, [-999, 999], [1, 1]),
        (mg.softshrink, [-999.5, 999.5], [1, 1]),
        (mg.erf, [-1, 1], [0, 0]),
        (mg.erfc, [2, 0], [0, 0]),
        (mg.ndtr, [0, 1], [0, 0]),
    ],
)
def test_large_arguments_have_their_limits_without_a_warning(f, limits, slopes, dtype):
    x = leaf([-1000, 1000], dtype)
    z = f(x)
    (first,) = mg.autograd.grad(z.sum(), [x], create_graph=True)
    np.testing.assert_allclose(z.data, limits, rtol=3e-7)
    np.testing.assert_allclose(first.data, slopes, rtol=3e-7, atol=1e-9)
    if first.requires_grad:
        (second,) = mg.autograd.grad(first.sum(), [x], allow_unused=True)
        assert second is None or np.abs(second.data).max() < 1e-8


def test_small_results_keep_their_digits():
    """Forms such as log(1 + exp(x)) and x (1 + tanh(t)) / 2 would give 0 here."""
    x = np.array([-50.0])
    np.testing.assert_allclose(mg.softplus(x), np.exp(x), rtol=1e-15)
    np.testing.assert_allclose(mg.logsigmoid(-x), -np.exp(x), rtol=1e-15)
    np.testing.assert_allclose(mg.gelu(np.array([-10.0])), -10 * 7.61985302416052606e-24, rtol=1e-12)
    np.testing.assert_allclose(mg.gelu(x, "tanh"), x * np.exp(1.5957691216057308 * (x + 0.044715 * x**3)), rtol=1e-12)
    np.testing.assert_allclose(mg.mish(x), x * np.exp(x), rtol=1e-14)
    np.testing.assert_allclose(mg.elu(np.array([-1e-20])), [-1e-20], rtol=1e-15)
    np.testing.assert_allclose(mg.xlog1py(2.0, np.array([1e-20])), [2e-20], rtol=1e-15)


@pytest.mark.parametrize("order", [0, 1, 2, 3, 4])
def test_sinc_is_exact_near_0_in_every_order(order):
    """Its derivatives by the formulas against the first powers of its series, whose rest is below the rounding."""
    x = leaf([0.0, 1e-9, -1e-4, 1e-2])
    z = mg.sinc(x)
    for _ in range(order):
        (z,) = mg.autograd.grad(z.sum(), [x], create_graph=True)
    series = np.polynomial.Polynomial([1, 0, -1 / 6, 0, 1 / 120, 0, -1 / 5040, 0, 1 / 362880, 0, -1 / 39916800])
    t = x.data * np.pi
    want = np.pi**order * (series.deriv(order) if order else series)(t)
    np.testing.assert_allclose(z.data, want, rtol=1e-12)


def test_sinc_joins_its_two_forms():
    """The sum of powers and the recurrence agree where one takes over from the other."""
    for n in range(1, 6):
        edge = (n + 1) / np.pi
        around = mg.sinc(edge * (1 + np.array([-1e-15, 1e-15])), n)
        assert abs(around[0] - around[1]) < 1e-11 * np.pi**n


def test_logaddexp_comes_without_a_warning():
    x, y = leaf([-INF, -INF, 1000, -1000]), leaf([-INF, 1, -1000, -INF])
    for f in (mg.logaddexp, mg.logaddexp2):
        z = f(x, y)
        z.sum().backward()
        assert z.tolist() == [-INF, 1, 1000, -1000]
        assert np.isfinite([x.grad, y.grad]).all()


def test_radii_too_small_to_square_have_their_gradient():
    assert gradient(mg.arctan2, [1e-200], [1e-200]) == [[pytest.approx(5e199)], [pytest.approx(-5e199)]]
    assert gradient(mg.hypot, [3e-300], [4e-300]) == [[pytest.approx(0.6)], [pytest.approx(0.8)]]


def test_quotients_and_parts_are_numpys():
    x, y = np.array([-7.5, -2.0, 0.0, 2.5, INF, -INF]), np.array([2.0, -2.0, 3.0, 0.75, 1.0, 1.0])
    for got, want in zip(np.modf(mg.tensor(x)), np.modf(x), strict=True):
        np.testing.assert_array_equal(got.data, want)
        np.testing.assert_array_equal(np.signbit(got.data[:-2]), np.signbit(want[:-2]))
    for got, want in zip(np.divmod(mg.tensor(x[:4]), y[:4]), np.divmod(x[:4], y[:4]), strict=True):
        np.testing.assert_array_equal(got.data, want)
    whole, fraction = mg.divmod(leaf([7.0]), 2.0)
    assert whole.tolist() == [3]
    assert fraction.tolist() == [1]


@pytest.mark.parametrize("dtype", ["?", "u1", "i4", "f2", "f4", "f8", "c8", "c16"])
@pytest.mark.parametrize("exponent", [2, 0.1, -1, np.float32(0.1), [0.1, 2.0]], ids=str)
def test_float_power_is_numpys_in_double_precision(dtype, exponent):
    x = np.array([1, 3] if dtype != "?" else [True, True]).astype(dtype)
    y = np.asarray(exponent, "f4") if isinstance(exponent, list) else exponent  # of numbers: the default dtype
    want = np.float_power(x, y)
    for got in (mg.float_power(mg.tensor(x), exponent).data, np.float_power(mg.tensor(x), exponent).data):
        assert got.dtype == want.dtype
        np.testing.assert_allclose(got, want, rtol=1e-15)


def test_the_gradient_of_float_power_comes_back_in_the_dtype_of_its_arguments():
    x, y = leaf([2.0], np.float32), leaf([3.0], np.float16)
    z = mg.float_power(x, y)
    z.backward()
    assert (z.dtype, x.grad.dtype, y.grad.dtype) == (np.float64, np.float32, np.float16)
    np.testing.assert_allclose([x.grad[0], y.grad[0]], [12, 8 * np.log(2)], rtol=1e-3)


# -- NumPy's names and options ------------------------------------------------------------------


def test_second_names_are_the_same_operation():
    x = leaf([0.25, 0.75])
    pairs = {
        "acos": "arccos", "asin": "arcsin", "atan": "arctan", "asinh": "arcsinh", "atanh": "arctanh",
        "radians": "deg2rad", "degrees": "rad2deg", "fix": "trunc", "around": "round",
    }  # fmt: skip
    for second, first in pairs.items():
        assert getattr(mg, second) is getattr(mg, first)
        z = getattr(np, second)(x)
        assert z.requires_grad
        np.testing.assert_array_equal(z.data, getattr(np, first)(x.data))
    for second, first in {"atan2": "arctan2", "pow": "power", "mod": "remainder", "true_divide": "divide"}.items():
        assert getattr(mg, second) is getattr(mg, first)
        np.testing.assert_array_equal(getattr(np, second)(x, 2.0).data, getattr(np, first)(x.data, 2.0))
    assert mg.acosh is mg.arccosh
    assert mg.expit is mg.sigmoid
    assert mg.log_expit is mg.logsigmoid


def test_options_by_numpys_names_and_positions():
    x = leaf([1.26, NAN, INF, -INF])
    assert np.round(x, 1).tolist()[0] == np.round(x, decimals=1).tolist()[0] == 1.3
    assert np.nan_to_num(x, True, 5.0, 6.0, 7.0).tolist() == np.nan_to_num(x.data, True, 5.0, 6.0, 7.0).tolist()
    assert np.nan_to_num(x, neginf=-1.0, posinf=1.0).tolist() == [1.26, 0, 1, -1]
    assert np.nan_to_num(x.astype("f4")).dtype == np.float32
    angles = np.array([0.0, 3.0, 6.0, 12.0])
    assert np.unwrap(mg.tensor(angles), 2.0, period=4).tolist() == np.unwrap(angles, 2.0, period=4).tolist()
    assert np.unwrap(mg.tensor(angles[None]), axis=0).tolist() == [angles.tolist()]


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda x: np.round(x, 1, np.zeros(2)), "np.round(out=...)"),
        (lambda x: np.fix(x, np.zeros(2)), "np.fix(out=...)"),
        (lambda x: np.sin(x, out=np.zeros(2)), "np.sin(out=...)"),
        (lambda x: np.gcd(x, x), "np.gcd"),
        (lambda x: np.bitwise_count(x), "np.bitwise_count"),
        (lambda x: np.emath.sqrt(x), "np.emath.sqrt"),
    ],
)
def test_what_has_no_formula_refuses_by_name(call, name):
    x = leaf([1.5, 2.5])
    with pytest.raises(UnsupportedError) as caught:
        call(x)
    assert str(caught.value).startswith(name)
    assert x.tolist() == [1.5, 2.5]


def test_where_of_a_condition_alone_answers_as_numpy():
    x = leaf([[0.0, 2.0], [3.0, 0.0]])
    for got in (np.where(x), mg.where(x), mg.where(x.data), np.where(mg.tensor(x.data > 0))):
        assert type(got) is tuple
        assert [part.tolist() for part in got] == [[0, 1], [1, 0]]
    with pytest.raises(DTypeError, match="both x and y, or neither"):
        np.where(x, x)


def test_select_takes_numpys_arguments():
    x = leaf([1.0, 2.0, 3.0])
    conditions = [np.array([True, False, False]), np.array([True, True, False])]
    z = np.select(conditions, [x, 10 * x], default=-1.0)
    z.sum().backward()
    assert z.tolist() == [1, 20, -1]
    assert x.grad.tolist() == [1, 10, 0]
    assert np.select(conditions, [x, x.data]).tolist() == [1, 2, 0]
    assert np.select(conditions, [x.astype("f4")] * 2).dtype == np.float32


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: mg.select([], []), ShapeError, "got 0 conditions and 0 choices"),
        (lambda x: mg.select([x.data > 0], [x, x]), ShapeError, "got 1 conditions and 2 choices"),
        (lambda x: mg.select([x], [x]), DTypeError, "condition 0 is of dtype float64"),
        (lambda x: mg.glu(x[:1]), ShapeError, r"input of shape \(1,\)"),
        (lambda x: mg.glu(x, 1), ShapeError, "halves axis 1"),
        (lambda x: mg.glu(x.sum()), ShapeError, r"shape \(\)"),
        (lambda x: mg.gelu(x, "fast"), HyperparameterError, "got 'fast'"),
        (lambda x: mg.hypot(x, np.ones(3)), ShapeError, "broadcast"),
    ],
)
def test_errors_say_what_was_got(call, error, message):
    with pytest.raises(error, match=message):
        call(leaf([1.0, 2.0]))


def test_numbers_and_lists_are_taken_as_numpy_takes_them():
    assert mg.softplus(0.0) == pytest.approx(np.log(2))
    assert mg.hypot([3.0], [4.0]).tolist() == [5]
    assert mg.elu([-1000.0, 2.0]).tolist() == [-1, 2]
    assert mg.leaky_relu(np.array([-100, 2])).tolist() == [-1, 2]
    assert mg.hardshrink([0.25, 2.0]).tolist() == [0, 2]
    assert mg.glu([0.0, 2.0, 0.0, 0.0]).tolist() == [0, 1]
    assert mg.sinc(mg.tensor(0.0)).item() == 1
    assert mg.entr(np.array([-1, 0, 1])).tolist() == [-INF, 0, 0]
    assert mg.polygamma(0, np.array([1.0])).tolist() == mg.digamma(np.array([1.0])).tolist()
    np.testing.assert_allclose(mg.polygamma([1, 2], 1.0), [np.pi**2 / 6, -2.4041138063191886])


# -- SciPy is asked for when it is needed -------------------------------------------------------

NEED_SCIPY = {
    "erfinv": lambda x: mg.erfinv(x), "gammaln": lambda x: mg.gammaln(x), "digamma": lambda x: mg.digamma(x),
    "polygamma": lambda x: mg.polygamma(1, x), "iv": lambda x: mg.iv(1, x), "betaln": lambda x: mg.betaln(x, x),
}  # fmt: skip


@pytest.mark.parametrize("name", NEED_SCIPY)
def test_without_scipy_the_error_says_how_to_get_it(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    with pytest.raises(ImportError, match=r"pip install scipy"):
        NEED_SCIPY[name](leaf([0.5]))


def test_what_needs_no_scipy_works_without_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    x = leaf([0.5])
    for f in (lambda x: mg.gelu(x, "tanh"), mg.i0, mg.softplus, mg.logit, lambda x: mg.xlogy(x, x), mg.entr):
        assert np.isfinite(f(x).data).all()


def test_scipy_is_not_imported_with_the_package():
    command = "import sys, minigrad; assert 'scipy' not in sys.modules"
    subprocess.run([sys.executable, "-c", command], check=True)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
@pytest.mark.parametrize("exponent", [2, 3, 4, -1, -2, -3, -4, 3.0, 5])
def test_whole_powers_are_exact_to_rounding_and_as_numpy_gives_them_at_the_edges(exponent, dtype):
    eps = np.finfo(dtype).eps
    x = np.linspace(-3, 3, 50).astype(dtype)  # without 0
    exact = x.astype("complex128" if dtype == "complex64" else "longdouble")
    z, (slope,) = (pull := mg.vjp(lambda x: x**exponent, x))[0], pull[1](np.ones_like(x))
    assert z.dtype == slope.dtype == dtype
    np.testing.assert_allclose(z, exact**exponent, 4 * eps)
    np.testing.assert_allclose(slope, exponent * exact ** (exponent - 1), 5 * eps)
    if dtype != "complex64":
        edges = np.array([0.0, -0.0, INF, -INF, NAN, 1e18, -1e-18, np.finfo(dtype).max, np.finfo(dtype).tiny], dtype)
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(mg.power(edges, exponent), edges**exponent, 4 * eps, 1e-44)


def test_whole_powers_of_integers_are_integers():
    assert mg.power(np.array([-2, 3], np.int8), 3).tolist() == [-8, 27]
    assert mg.power(np.array([True, False]), 3).dtype == np.array([True]).__pow__(3).dtype
