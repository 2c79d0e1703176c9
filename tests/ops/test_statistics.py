"""Reductions, statistics, sorting, scans and segments at zeros, ties, NaN, and with arguments that do not fit."""

import math

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import DTypeError, GraphError, HyperparameterError, ShapeError, TargetError, UnsupportedError
from minigrad.ops import statistics as rows
from minigrad.testing import check_gradients
from tests.ops.families import properties_of

test_properties = properties_of(rows)

INF, NAN = math.inf, math.nan


def gradient(f, *values, weights=None):
    """The gradients of f at points, as lists."""
    xs = [mg.tensor(np.array(v, float), requires_grad=True) for v in values]
    z = f(*xs)
    (z.sum() if weights is None else (z * np.array(weights, float)).sum()).backward()
    return [x.grad.tolist() for x in xs]


def second(f, at):
    """The matrix of second derivatives of f's sum at a vector."""
    x = mg.tensor(np.array(at, float), requires_grad=True)
    [first] = mg.autograd.grad(f(x).sum(), [x], create_graph=True)
    rows = [mg.autograd.grad(first[i], [x], retain_graph=True, allow_unused=True)[0] for i in range(len(at))]
    return [[0] * len(at) if row is None else row.tolist() for row in rows]


@pytest.mark.parametrize(
    ("f", "at", "want"),
    [
        # zeros in products
        (mg.prod, [0, 2, 3], [6, 0, 0]),
        (mg.prod, [0, 0, 3], [0, 0, 0]),
        (mg.prod, [5], [1]),
        (mg.prod, [1e-200, 1e-200], [1e-200, 1e-200]),
        (mg.cumprod, [0, 2, 3], [9, 0, 0]),
        (mg.cumprod, [2, 0, 3], [1, 8, 0]),
        (mg.cumprod, [0, 0, 3], [1, 0, 0]),
        # ties share evenly
        (mg.ptp, [1, 1, 3], [-0.5, -0.5, 1]),
        (mg.ptp, [2, 2], [0, 0]),
        (mg.nanmax, [3, NAN, 3], [0.5, 0, 0.5]),
        (mg.nanmin, [3, NAN, -INF, -INF], [0, 0, 0.5, 0.5]),
        (mg.nanmax, [NAN, -INF], [0, 1]),
        (mg.median, [1, 1, 1, 5], [1 / 3, 1 / 3, 1 / 3, 0]),
        (mg.median, [4, 1, 2, 3], [0, 0, 0.5, 0.5]),
        (mg.median, [NAN, 1, 2], [1, 0, 0]),
        (mg.median, [NAN, NAN, 2], [0.5, 0.5, 0]),
        (mg.nanmedian, [NAN, 1, 2, 7], [0, 0, 1, 0]),
        (lambda x: mg.quantile(x, 0.25), [2, 1, 3, 3], [0.75, 0.25, 0, 0]),
        (lambda x: mg.quantile(x, 0.9), [2, 1, 3, 3], [0, 0, 0.5, 0.5]),
        (lambda x: mg.sort(x) * np.array([1.0, 2, 3]), [7, 5, 7], [2.5, 1, 2.5]),
        (lambda x: mg.sort(x)[0], [NAN, 5, 5], [0, 0.5, 0.5]),
        (lambda x: mg.partition(x, 1)[1], [7, 5, 7], [0.5, 0, 0.5]),
        (mg.cummax, [1, 1, 3, 2], [1.5, 0.5, 2, 0]),
        (mg.cummin, [1, 1, 3, 0], [2, 1, 0, 1]),
        (mg.cummax, [1, NAN, 2], [1, 2, 0]),
        (lambda x: mg.segment_max(x, [0, 0, 2], 4)[[0, 2]], [1, 1, 5], [0.5, 0.5, 1]),
        (lambda x: mg.segment_min(x, [0, 0, 0], 1), [NAN, 1, 5], [1, 0, 0]),
        # what is left out has no gradient
        (mg.nansum, [1, NAN], [1, 0]),
        (mg.nanprod, [0, NAN, 2], [2, 0, 0]),
        (mg.nanmean, [1, NAN, 2], [0.5, 0, 0.5]),
        (mg.nanvar, [1, NAN, 3], [-1, 0, 1]),
        (mg.nanstd, [2, NAN, 2], [0, 0, 0]),
        (mg.nancumsum, [1, NAN, 2], [3, 0, 1]),
        (mg.nancumprod, [1, NAN, 2], [4, 0, 1]),
        # nothing but -inf so far
        (mg.logcumsumexp, [-INF, -INF], [0, 0]),
        (mg.logcumsumexp, [-INF, -1000], [0, 1]),
        # segments without rows
        (lambda x: mg.segment_sum(x, [2, 2], 4), [1, 2], [1, 1]),
        (lambda x: mg.segment_mean(x, [2, 2], 4), [1, 2], [0.5, 0.5]),
    ],
)
def test_zeros_ties_and_nan(f, at, want):
    np.testing.assert_allclose(gradient(f, at)[0], want, rtol=1e-14)


def test_second_derivatives_of_products_are_exact_at_zeros():
    assert second(mg.prod, [0, 2, 3]) == [[0, 3, 2], [3, 0, 0], [2, 0, 0]]
    assert second(mg.prod, [0, 0, 3]) == [[0, 3, 0], [3, 0, 0], [0, 0, 0]]
    assert second(lambda x: mg.cumprod(x)[2], [0, 2, 3]) == [[0, 3, 2], [3, 0, 0], [2, 0, 0]]
    assert second(lambda x: mg.cumprod(x)[2], [0, 0, 0]) == [[0, 0, 0]] * 3


def test_products_of_all_axes_have_the_gradient_of_the_elements_before_them():
    zeros = np.random.default_rng(0).integers(0, 2, (2, 3, 2)).astype(float)
    for axis in (None, 1, -1, (0, 2), (2, 0), ()):
        check_gradients(lambda x, axis=axis: mg.prod(x, axis), zeros)


def test_an_infinite_gradient_stays_in_its_own_run():
    x = mg.tensor([1.0, 3.0, 2.0], requires_grad=True)
    mg.cummax(x).backward([INF, 1, 1])
    assert x.grad.tolist() == [INF, 2, 0]


@pytest.mark.parametrize("f", [np.nanmean, np.nanvar, np.nanstd, np.nanmax, np.nanmin, np.nanmedian])
def test_nothing_but_nan_gives_nan_with_numpys_warning_and_no_gradient(f):
    x = mg.tensor(np.array([[NAN, NAN], [1.0, 2.0]]), requires_grad=True)
    with pytest.warns(RuntimeWarning) as seen:
        z = f(x, 1)
    with pytest.warns(RuntimeWarning) as wanted:
        want = f(x.data, 1)
    assert str(seen[0].message) == str(wanted[0].message)
    np.testing.assert_allclose(z.data, want)
    z.sum().backward()
    assert x.grad[0].tolist() == [0, 0]
    assert np.isfinite(x.grad).all()


def test_nanquantile_counts_each_slice_by_itself():
    x = np.array([[3.0, NAN, 1, 2], [NAN, NAN, 5, NAN], [4.0, 3, 2, 1]])
    for q in (0, 0.3, [0.5, 1.0]):
        np.testing.assert_allclose(mg.nanquantile(x, q, 1), np.nanquantile(x, q, 1), rtol=1e-15)
    y, q = np.random.default_rng(0).normal(size=(2, 3, 4)), [[0.1, 0.5], [0.2, 0.9]]
    for axis in (None, -1, (0, 2), ()):
        np.testing.assert_array_equal(mg.nanquantile(y, q, axis), mg.quantile(y, q, axis))
    with pytest.warns(RuntimeWarning, match="All-NaN"):
        assert mg.nanquantile(np.full((2, 3), NAN), [0.1, 0.2], 1).shape == (2, 2)


def test_quantiles_between_infinite_elements():
    x = np.array([-INF, -INF, 1.0, 2.0, INF])
    assert mg.quantile(x, [0, 0.1, 0.75, 1]).tolist() == [-INF, -INF, 2, INF]
    assert mg.median(np.array([INF, INF])) == INF


def test_quantiles_of_float32_stay_float32():
    x = mg.tensor([1.0, 2.0, 4.0])
    for z in (mg.quantile(x, np.float64(0.3)), mg.percentile(x, [20, 30]), mg.median(x), mg.nanmedian(x)):
        assert z.dtype == np.float32


def test_the_quantile_itself_has_no_gradient():
    with pytest.raises(GraphError):
        mg.quantile(mg.tensor([1.0, 2.0]), mg.tensor(0.3, requires_grad=True))


def test_quantiles_refuse_what_numpy_refuses():
    x = mg.tensor([1.0, 2.0])
    with pytest.raises(ValueError, match="range"):
        mg.quantile(x, 1.5)
    with pytest.raises(ValueError, match="range"):
        np.percentile(x, 101)
    with pytest.raises(ValueError, match="method"):
        mg.quantile(x, 0.5, method="guess")
    with pytest.raises(ShapeError, match="no elements"):
        mg.quantile(np.zeros((2, 0)), 0.5, 1)
    with pytest.raises(ValueError, match="weights"):
        np.quantile(x.requires_grad_(), 0.5, weights=np.ones(2))


def test_the_median_of_nothing_is_nan():
    with pytest.warns(RuntimeWarning):
        assert np.isnan(mg.median(np.zeros((2, 0)), 1)).all()
    assert mg.median(np.zeros((0, 2)), 1).shape == (0,)


def test_medians_of_integers_are_floats():
    assert mg.median(np.array([1, 2])) == 1.5
    assert mg.median([1, 2, 4]) == 2


def test_sorting_takes_numpys_options():
    x = mg.tensor([[3.0, 1.0], [2.0, 4.0]], requires_grad=True)
    assert np.sort(x, axis=None).tolist() == [1, 2, 3, 4]
    assert np.sort(x, 0, "stable").tolist() == [[2, 1], [3, 4]]
    assert np.sort(x, stable=True).tolist() == [[1, 3], [2, 4]]
    assert np.partition(x, [0, 1], axis=1).tolist() == [[1, 3], [2, 4]]
    with pytest.raises(UnsupportedError, match="order"):
        np.sort(x, order="field")
    assert np.sort_complex(x).tolist() == [[1, 3], [2, 4]]


def test_keys_have_the_shape_of_what_they_sort():
    x = mg.tensor([1.0, 2.0])
    for f in (mg.table.ops["sort_by"], mg.table.ops["unsort_by"]):
        with pytest.raises(ShapeError):
            f(x, np.arange(3))
    assert (
        mg.table.ops["sort_by"](x, np.array([1, 0])).tolist()
        == mg.table.ops["unsort_by"](x, np.array([1, 0])).tolist()
        == [2, 1]
    )
    assert mg.table.ops["sort_by"](x, np.array([0, 0])).tolist() == [1.5, 1.5]
    with pytest.raises(ShapeError):
        mg.table.ops["run_cumsum"](x, np.arange(3))


# -- averages and covariance ----------------------------------------------------------------------------


def test_average_takes_numpys_weights():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3, 4))
    for axis, shape in ((None, (2, 3, 4)), (1, (3,)), (-1, (4,)), ((0, 2), (2, 4)), ((2, 0), (4, 2)), (1, (2, 3, 4))):
        w = rng.uniform(1, 2, shape)
        check_gradients(lambda x, w, axis=axis: mg.average(x, axis, w), x, w)
        got = np.average(mg.tensor(x), axis=axis, weights=mg.tensor(w), returned=True)
        want = np.average(x, axis=axis, weights=w, returned=True)
        for one, two in zip(got, want, strict=True):
            np.testing.assert_allclose(one.data, two, rtol=1e-14)
    assert np.average(mg.tensor([1.0, 3.0]), weights=[1, 3]).dtype == np.float32
    assert [float(z) for z in np.average(mg.tensor([1.0, 3.0]), returned=True)] == [2, 2]


def test_average_refuses_weights_that_do_not_fit():
    x = mg.tensor(np.ones((2, 3)))
    with pytest.raises(ShapeError, match="axis="):
        mg.average(x, weights=[1, 2, 3])
    with pytest.raises(ShapeError, match="expected weights"):
        mg.average(x, 0, weights=[1, 2, 3])
    with pytest.raises(ZeroDivisionError):
        mg.average(x, 0, weights=[1, -1])


def test_covariance_is_numpys_in_every_form():
    rng = np.random.default_rng(0)
    m, y, w = rng.normal(size=(3, 5)), rng.normal(size=5), rng.uniform(0, 1, 5)
    for options in ({}, {"bias": True}, {"ddof": 0}, {"y": y}, {"aweights": w}, {"fweights": [1, 2, 1, 1, 3]}):
        np.testing.assert_allclose(np.cov(mg.tensor(m), **options).data, np.cov(m, **options), rtol=1e-12)
    np.testing.assert_allclose(mg.cov(m[0]), np.cov(m[0]), rtol=1e-12)
    np.testing.assert_allclose(mg.cov(m, rowvar=False), np.cov(m, rowvar=False), rtol=1e-12)
    np.testing.assert_allclose(mg.corrcoef(m, y), np.corrcoef(m, y), rtol=1e-12)
    assert mg.corrcoef(m[0]) == 1
    assert mg.cov(np.zeros((0, 3))).shape == np.cov(np.zeros((0, 3))).shape
    assert mg.cov(mg.tensor(m.astype("f4")), aweights=w.astype("f4")).dtype == np.float32


def test_covariance_refuses_what_does_not_fit():
    x = mg.tensor(np.ones((2, 3)))
    with pytest.raises(ShapeError, match="two axes"):
        mg.cov(np.ones((1, 2, 3)))
    with pytest.raises(ShapeError, match="fweights"):
        mg.cov(x, fweights=[1, 2])
    with pytest.raises(HyperparameterError, match="whole"):
        mg.cov(x, fweights=[1, 2, 0.5])
    with pytest.raises(HyperparameterError, match="aweights"):
        mg.cov(x, aweights=[1, 2, -1])
    with pytest.raises(HyperparameterError, match="ddof"):
        mg.cov(x, ddof=0.5)
    with pytest.raises(UnsupportedError, match="dtype"):
        np.cov(x.requires_grad_(), dtype=int)
    with pytest.warns(RuntimeWarning, match="Degrees of freedom"), np.errstate(all="ignore"):
        assert np.isnan(mg.cov(x[:, :1]).data).all()


def test_polynomials():
    x = mg.tensor([0.0, 2.0], requires_grad=True)
    assert np.polyval([1, 0, 3], x).tolist() == [3, 7]
    assert np.polyval([1, 0, 3], x).dtype == np.float32
    assert np.vander(x, 3).tolist() == [[0, 0, 1], [4, 2, 1]]
    assert np.vander(x, 0).shape == (2, 0)
    with pytest.raises(ShapeError):
        mg.vander(np.ones((2, 2)))


# -- scans ----------------------------------------------------------------------------------------------


def test_scans_of_single_numbers_have_one_element():
    for f in (mg.cumsum, mg.cumprod, mg.logcumsumexp, mg.cummax, mg.cummin, mg.cumulative_sum, mg.nancumsum):
        x = mg.tensor(np.float64(3.0), requires_grad=True)
        assert f(x).tolist() == pytest.approx([3])
        f(x).sum().backward()
        assert x.grad.shape == ()
        assert x.grad == 1


def test_recurrences():
    z = mg.linear_recurrence(np.ones(4), np.array([9.0, 2.0, 0.0, 0.5]))
    assert z.tolist() == [1, 3, 1, 1.5]
    assert mg.linear_recurrence(np.ones((3, 1)), np.full((1, 5), 2.0)).tolist() == [[1, 3, 7, 15, 31]] * 3
    assert mg.linear_recurrence(mg.tensor([1.0, 1.0]), 0.5).tolist() == [1, 1.5]
    check_gradients(lambda x, w: mg.linear_recurrence(x, w, 0), np.arange(12.0).reshape(6, 2), np.float64(0.7))


def test_sums_start_again_when_keys_change():
    z = mg.table.ops["run_cumsum"](np.ones(7), np.array([0, 0, 0, 1, 0, 0, np.nan]))
    assert z.tolist() == [1, 2, 3, 1, 1, 2, 1]
    z = mg.table.ops["run_cumsum"](np.ones(5), np.array([0, 0, 1, np.nan, np.nan]), reverse=True)
    assert z.tolist() == [2, 1, 1, 2, 1]


def test_the_axis_of_a_cumulative_sum_is_named():
    x = mg.tensor(np.ones((2, 2)))
    for f in (mg.cumulative_sum, mg.cumulative_prod):
        with pytest.raises(ShapeError, match="axis="):
            f(x)
    assert mg.cumulative_sum(x, axis=-1, include_initial=True).tolist() == [[0, 1, 2], [0, 1, 2]]


def test_differences_take_numpys_options():
    x = mg.tensor([1.0, 4.0, 9.0])
    assert np.diff(x, 2).tolist() == [2]
    assert np.diff(x, prepend=0, append=[10, 20]).tolist() == [1, 3, 5, 1, 10]
    assert np.diff(x, 0, prepend=7).tolist() == [1, 4, 9]
    assert np.ediff1d(x, to_begin=-1, to_end=[7, 8]).tolist() == [-1, 3, 5, 7, 8]
    assert np.diff(x, prepend=0).dtype == np.ediff1d(x, to_end=[1]).dtype == np.float32
    with pytest.raises(HyperparameterError):
        mg.diff(x, -1)
    with pytest.raises(ValueError, match="axis"):
        mg.diff(x, axis=1)


def test_gradient_takes_numpys_spacings():
    f = np.random.default_rng(0).normal(size=(4, 5))
    x, y = np.array([0.0, 1.0, 3.0, 4.0]), np.arange(5) ** 2.0
    for spacing, options in (
        ((), {}), ((2.0,), {}), ((x, y), {}), ((0.5, y), {"edge_order": 2}), ((x,), {"axis": 0}),
        ((), {"axis": (1, 0)}),
    ):  # fmt: skip
        got, want = np.gradient(mg.tensor(f), *spacing, **options), np.gradient(f, *spacing, **options)
        for one, two in zip(*[z if isinstance(z, tuple) else (z,) for z in (got, want)], strict=True):
            np.testing.assert_allclose(one.data, two, rtol=1e-12)
    assert mg.gradient(mg.tensor([1.0, 2.0, 4.0]), [0, 1, 3]).dtype == np.float32
    assert mg.gradient(np.array([1, 2, 4])).tolist() == [1, 1.5, 2]


def test_gradient_refuses_what_does_not_fit():
    f = mg.tensor(np.ones((2, 3)))
    with pytest.raises(ShapeError, match="at least 3"):
        mg.gradient(f, edge_order=2)
    with pytest.raises(ShapeError, match="coordinates"):
        mg.gradient(f, np.ones(4), axis=1)
    with pytest.raises(HyperparameterError, match="edge_order"):
        mg.gradient(f, edge_order=3)
    with pytest.raises(HyperparameterError, match="spacing"):
        mg.gradient(f, 1.0, 2.0, 3.0)


def test_integrals():
    y = mg.tensor([[1.0, 2.0, 4.0]])
    assert np.trapezoid(y).tolist() == [4.5]
    assert np.trapezoid(y, [0, 2, 3]).tolist() == [6]
    assert np.trapezoid(y, dx=2).dtype == np.trapezoid(y, [0, 2, 3]).dtype == np.float32


# -- segments -------------------------------------------------------------------------------------------


def test_segments_in_any_order_and_without_rows():
    x, ids = mg.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, -6.0]]), np.array([2, 0, 2], np.uint8)
    assert mg.segment_sum(x, ids).tolist() == [[3, 4], [0, 0], [6, -4]]
    assert mg.segment_mean(x, ids, 4).tolist() == [[3, 4], [0, 0], [3, -2], [0, 0]]
    assert mg.segment_max(x, ids).tolist() == [[3, 4], [-INF, -INF], [5, 2]]
    assert mg.segment_min(x, ids).tolist() == [[3, 4], [INF, INF], [1, -6]]
    assert mg.segment_sum(np.zeros((0, 2)), []).shape == (0, 2)
    assert mg.segment_max(np.zeros((0, 2)), [], 1).tolist() == [[-INF, -INF]]
    for f in (mg.segment_sum, mg.segment_mean, mg.segment_max, mg.segment_min):
        assert f(x, ids, 3).dtype == np.float32


@pytest.mark.parametrize("f", [mg.segment_sum, mg.segment_mean, mg.segment_max, mg.segment_min])
def test_segments_refuse_ids_that_do_not_fit(f):
    x = mg.tensor([1.0, 2.0])
    with pytest.raises(TargetError, match="from 0 to 1, got 2"):
        f(x, [0, 2], 2)
    with pytest.raises(TargetError, match="-1"):
        f(x, [0, -1])
    with pytest.raises(DTypeError, match="integers"):
        f(x, [0.0, 1.0])
    with pytest.raises(ShapeError, match="one segment id for each row"):
        f(x, [0, 1, 1])
    with pytest.raises(HyperparameterError, match="segment ids"):
        f(x, [0, 0], -1)


def test_one_hot():
    assert mg.one_hot([1, 0], 3).tolist() == [[0, 1, 0], [1, 0, 0]]
    assert mg.one_hot(np.array(2), 3, "f8").dtype == np.float64
    assert mg.one_hot(np.array([[1]], np.uint8), 2).dtype == np.float32
    assert mg.one_hot(mg.tensor(np.array([1])), 2).tolist() == [[0, 1]]
    assert mg.one_hot([], 2).shape == (0, 2)
    for labels in ([2], [-1]):
        with pytest.raises(TargetError, match="from 0 to 1"):
            mg.one_hot(labels, 2)
    with pytest.raises(DTypeError):
        mg.one_hot([0.0], 2)
    with pytest.raises(GraphError):
        mg.one_hot(mg.tensor([1.0], requires_grad=True), 2)


def test_the_variance_of_too_few_numbers_beside_nan_has_no_gradient():
    for f in (np.nanvar, np.nanstd):
        x = mg.tensor([NAN, 2.0], requires_grad=True)
        with pytest.warns(RuntimeWarning, match="Degrees of freedom"):
            z = f(x, ddof=1)
        z.backward()
        np.testing.assert_array_equal(x.grad, [0, NAN])


@pytest.mark.parametrize(
    "call",
    [lambda x: mg.nanmedian(x * np.nan), lambda x: np.nanquantile(x * np.nan, 0.5), lambda x: mg.cov(x[:, :1])],
)
def test_a_warning_is_at_the_line_of_the_user(call):
    with pytest.warns(RuntimeWarning) as caught:
        call(mg.tensor(np.ones((2, 3)), requires_grad=True))
    own = [one for one in caught if str(one.message).startswith(("All-NaN", "Degrees"))]  # NumPy adds a division by 0
    assert [one.filename for one in own] == [__file__]
