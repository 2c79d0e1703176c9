"""Faults that the operations once had, each as the smallest case that shows it."""

import numpy as np
import pytest

import minigrad as mg


def gradient(f, x, dtype=np.float64):
    """The gradient of f(x).sum(); in the tests a warning on the way is an error."""
    x = mg.tensor(np.asarray(x, dtype), requires_grad=True)
    f(x).sum().backward()
    assert x.grad.dtype == dtype
    return x.grad


# -- large and small numbers --------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "large"), [(np.float16, 300.0), (np.float32, 1e30), (np.float64, 1e300)])
@pytest.mark.parametrize(
    ("f", "want"),
    [
        (mg.arctan, lambda x: 0),
        (mg.arcsinh, lambda x: 1 / x),
        (mg.arccosh, lambda x: 1 / x),
        (mg.erf, lambda x: 0),
        (mg.erfc, lambda x: 0),
        (mg.ndtr, lambda x: 0),
        (mg.gelu, lambda x: 1),
        (mg.gelu_tanh, lambda x: 1),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_the_square_of_a_large_number_overflowed(f, want, dtype, large):
    assert np.allclose(gradient(f, large, dtype), want(large), rtol=1e-2, atol=0)


def test_the_largest_float_times_the_logarithm_of_ten_overflowed():
    gradient(mg.log10, np.finfo(np.float32).max, np.float32)


@pytest.mark.parametrize("f", [mg.logaddexp, mg.logaddexp2])
def test_the_difference_of_large_exponents_overflowed(f):
    assert gradient(lambda x: f(x, np.float16(-60000)), 60000, np.float16) == 1


def test_a_median_between_minus_infinity_and_a_number_was_nan():
    assert np.median(mg.tensor([-np.inf, 1.0])).item() == -np.inf
    assert np.quantile(mg.tensor([-3e38, 3e38]), 0.25).item() == pytest.approx(-1.5e38)


def test_the_difference_quotient_of_the_neighbours_had_the_nan_between_them():
    x = np.array([1.0, np.nan, 4.0, 9.0, np.inf, 0.0])
    assert np.array_equal(np.gradient(mg.tensor(x)).data, np.gradient(x), equal_nan=True)


# -- nothing flows there ------------------------------------------------------------------------


def test_an_infinite_value_where_a_unit_is_straight_made_its_backward_warn():
    for f in (mg.elu, mg.celu, mg.selu, mg.hardswish):
        assert gradient(f, [np.inf, 1.0])[0] == gradient(f, [9.0])


def test_an_overflow_below_a_branch_not_taken_made_the_backward_warn():
    x = np.array([1e-30, 2.0], np.float32)
    assert np.array_equal(gradient(lambda t: np.where(x > 1, mg.reciprocal(t), 0), x, np.float32), [0, -0.25])


@pytest.mark.parametrize("f", [np.floor, np.ceil, np.trunc, np.rint, np.round, np.sign])
def test_a_constant_step_passed_on_nan_from_a_singular_point_below(f):
    with np.errstate(divide="ignore"):
        assert np.array_equal(gradient(lambda x: f(np.sqrt(x)), [0.0, 4.0]), [0, 0])


# -- shapes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("f", [np.sum, np.max, np.min, np.prod, np.ptp, np.nansum, np.nanprod])
@pytest.mark.parametrize("axis", [0, -1])
def test_the_axis_that_numpy_lets_a_single_number_have_had_no_gradient(f, axis):
    assert gradient(lambda x: f(x, axis=axis), 3.0) == (0 if f is np.ptp else 1)


def test_take_and_repeat_along_the_axis_of_a_single_number_had_no_gradient():
    assert gradient(lambda x: np.take(x, [0, 0], 0), 3.0) == 2
    assert gradient(lambda x: np.repeat(x, 3, 0), 3.0) == 3


def test_the_deviation_of_nothing_had_no_gradient():
    with np.errstate(all="ignore"), pytest.warns(RuntimeWarning):
        assert gradient(lambda x: np.std(x, axis=0), np.zeros((0, 3))).shape == (0, 3)


# -- dtypes -------------------------------------------------------------------------------------


def test_steps_between_integers_were_cut_to_integers():
    i = np.array([1, 2, 4, 8])
    for x in (mg.tensor(i), i):
        assert mg.trapezoid(x, dx=0.5) == np.trapezoid(i, dx=0.5)
        assert mg.trapezoid(x, i / 2) == np.trapezoid(i, i / 2)
    assert np.array_equal(np.diff(mg.tensor(i), prepend=0.5).data, np.diff(i, prepend=0.5))
    assert np.ediff1d(mg.tensor(i), to_end=3).dtype == i.dtype


def test_differences_of_bools_were_refused():
    b = np.array([True, False, True, True])
    for n in (1, 2):
        assert np.array_equal(np.diff(mg.tensor(b), n), np.diff(b, n))


def test_parts_of_integers_were_integers():
    assert [part.dtype for part in np.modf(mg.tensor(np.array([1, 2])))] == [np.float64, np.float64]


def test_nothing_resized_was_widened():
    assert np.resize(mg.tensor(np.zeros(0, np.uint8)), (2,)).dtype == np.uint8


@pytest.mark.parametrize("f", [mg.erf, mg.erfc, mg.erfinv, mg.ndtr, mg.gammaln, mg.digamma, mg.gelu])
def test_scipy_widened_float16(f):
    x = mg.tensor(np.array([0.25, 0.5], np.float16), requires_grad=True)
    z = f(x)
    assert z.dtype == np.float16
    (g,) = mg.autograd.grad(z.sum(), [x], create_graph=True)
    assert g.dtype == np.float16


@pytest.mark.parametrize("f", [mg.polygamma, mg.iv])
def test_scipy_widened_float16_with_an_order(f):
    assert f(1, mg.tensor(np.array([0.25, 0.5], np.float16))).dtype == np.float16


# -- lists --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        lambda: mg.index_set([1.0, 2.0], 0, 5.0),
        lambda: mg.index_add([1.0, 2.0], [0, 0], [1.0, 2.0]),
        lambda: mg.insert([1.0, 2.0], 0, 3.0),
        lambda: mg.tril([[1.0, 2.0], [3.0, 4.0]]),
        lambda: mg.triu([[1.0, 2.0], [3.0, 4.0]]),
        lambda: mg.astype([1.0, 2.0], "float32"),
        lambda: mg.softmax_cross_entropy([[1.0, 2.0]], [1]),
        lambda: mg.select([[True, False]], [[1.0, 2.0]]),
        lambda: mg.pad([1.0, 2.0], 1),
        lambda: mg.glu([1.0, 2.0]),
    ],
)
def test_lists_were_refused_or_became_float64(call):
    assert call().dtype == np.float32
