"""``where``, ``initial``, ``dtype``, ``mean`` and ``correction`` of reductions."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import MinigradError
from tests.numpy_check import check_call

X = np.random.default_rng(2).uniform(0.5, 2.0, (2, 3))
MASK = np.array([[True, False, True], [True, True, False]])
HOLES = np.array([[1.0, np.nan, 3.0], [2.0, 0.5, np.nan]])


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1)])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize(
    "call",
    [
        lambda x, **k: np.sum(x, where=MASK, **k),
        lambda x, **k: np.sum(x, initial=2, **k),
        lambda x, **k: np.sum(x, dtype=np.float64, where=MASK[:1], initial=1.5, **k),
        lambda x, **k: np.prod(x, where=MASK, initial=3.0, **k),
        lambda x, **k: np.max(x, initial=1.0, where=MASK, **k),
        lambda x, **k: np.min(x, initial=1.0, **k),
        lambda x, **k: np.mean(x, where=MASK, **k),
        lambda x, **k: np.mean(x, dtype="f8", **k),
        lambda x, **k: np.var(x, where=MASK, **k),
        lambda x, **k: np.var(x, ddof=0.5, dtype=np.float64, **k),
        lambda x, **k: np.std(x, where=np.array([[True], [True]]), **k),
        lambda x, **k: np.nansum(x, where=MASK, initial=2.0, **k),
        lambda x, **k: np.nanprod(x, initial=2.0, **k),
        lambda x, **k: np.nanmax(x, initial=1.2, where=MASK, **k),
        lambda x, **k: np.nanmin(x, initial=1.2, **k),
        lambda x, **k: np.nanmean(x, where=MASK, **k),
        lambda x, **k: np.nanvar(x, where=MASK, **k),
        lambda x, **k: np.nanstd(x, dtype=float, **k),
    ],
)
def test_options_have_numpys_values_and_the_right_gradients(call, axis, keepdims):
    check_call(lambda x: call(x, axis=axis, keepdims=keepdims), [X], orders=1)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.var(x, 0, mean=np.mean(x, 0, keepdims=True)),
        lambda x: np.std(x, mean=np.full((1, 1), 1.1)),
        lambda x: np.var(x, correction=1),
        lambda x: np.std(x, 1, correction=1, where=np.ones(3, bool)),
        lambda x: np.nanvar(x, mean=np.full((1, 1), 1.1), correction=1),
        lambda x: np.var(x + 1j * x**2, where=MASK),
        lambda x: np.std(x + 1j * x**2, 1, where=np.ones(3, bool)),
        lambda x: np.mean(x + 1j * x**2, where=MASK),
        lambda x: np.sum(x, dtype=complex),
        lambda x: np.sum(x, 1, initial=x[0, 0]) if isinstance(x, mg.Tensor) else np.sum(x, 1, initial=float(x[0, 0])),
    ],
)
def test_second_orders(call):
    check_call(call, [X])


def test_nan_is_left_out_beside_a_mask():
    for name in ("nansum", "nanprod", "nanmean", "nanvar", "nanstd"):
        f = getattr(np, name)
        x = mg.tensor(HOLES, requires_grad=True)
        z = f(x, where=MASK)
        assert z.item() == pytest.approx(f(HOLES, where=MASK))
        z.backward()
        assert not np.isnan(x.grad).any()
        assert not x.grad[~MASK | np.isnan(HOLES)].any()


def test_the_dtype_is_that_of_the_result():
    x = mg.tensor(X, requires_grad=True)
    for name in ("sum", "prod", "mean", "var", "std", "nansum", "nanprod", "nanmean", "nanvar", "nanstd"):
        f = getattr(np, name)
        z = f(x, dtype=np.float32)
        assert z.dtype == f(X, dtype=np.float32).dtype == np.float32
        np.testing.assert_allclose(z.item(), f(X), rtol=1e-6)
        half = mg.tensor(X.astype(np.float16), requires_grad=True)
        assert f(half, dtype=np.float32).dtype == np.float32


def test_masked_elements_have_no_gradient_and_an_initial_one_has_its_share():
    x = mg.tensor([1.0, 3.0, 3.0], requires_grad=True)
    top = mg.tensor(3.0, requires_grad=True)
    np.max(x, initial=top, where=np.array([True, True, False])).backward()
    assert x.grad.tolist() == [0, 0.5, 0]
    assert top.grad == 0.5
    x = mg.tensor([np.inf, 1.0], requires_grad=True)
    np.sum(x, where=np.array([False, True])).backward()
    assert x.grad.tolist() == [0, 1]


@pytest.mark.parametrize("f", [np.var, np.std])
def test_too_few_elements_beside_a_mask_have_no_slope(f):
    x = mg.tensor([2.0, 9.0], requires_grad=True)
    with pytest.warns(RuntimeWarning, match="Degrees of freedom"):
        f(x, where=np.array([True, False]), ddof=1).backward()
    np.testing.assert_array_equal(x.grad, [np.nan, 0])


def test_of_no_elements():
    x = mg.tensor(X, requires_grad=True)
    none = np.zeros((2, 3), bool)
    assert np.sum(x, where=none).item() == 0
    assert np.max(x, initial=-5.0, where=none).item() == -5
    assert np.max(x[:0], initial=-5.0).item() == -5
    assert np.max(x[:0], 0, initial=-5.0).tolist() == [-5, -5, -5]
    with pytest.warns(RuntimeWarning, match="Mean of empty slice"):
        assert np.isnan(np.mean(x, where=none).item())
    for f, a, where in ((np.var, x, none), (np.std, x, none), (np.nanstd, x[:0], True), (np.std, x[:0], True)):
        with pytest.warns(RuntimeWarning, match="Degrees of freedom"):
            assert np.isnan(f(a, dtype="float64", where=where).item())
    with pytest.raises(ValueError, match="initial="):
        np.max(x, where=MASK)
    with pytest.raises(ValueError, match="correction"):
        np.var(x, ddof=1, correction=1)


def test_what_has_no_gradient_is_refused_by_name_and_else_plain():
    with pytest.raises(MinigradError, match="dtype=int64"):
        np.sum(mg.tensor(X, requires_grad=True), dtype=int)
    z = np.sum(mg.tensor(X), dtype=int)
    assert z == np.sum(X, dtype=int)
    assert np.mean(mg.tensor(np.arange(4)), dtype=int) == 1
