"""Options of NumPy's functions that few calls have."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import MinigradError, UnsupportedError
from tests.numpy_check import check_call

X = np.random.default_rng(3).uniform(0.5, 2.0, (3, 3))
S = X @ X.T - 2 * np.eye(3)
WEIGHTS = np.array([1.0, 0.5, 2.0])


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.cumsum(x, 1, np.float64),
        lambda x: np.cumprod(x, dtype=float),
        lambda x: np.nancumsum(x, dtype=float),
        lambda x: np.nancumprod(x, 0, dtype=float),
        lambda x: np.trace(x, 1, dtype=float),
        lambda x: np.linalg.trace(x, offset=1, dtype=float),
        lambda x: np.cov(x, dtype=float, ddof=0),
        lambda x: np.cov(x, x[:1] ** 2, dtype=complex),
        lambda x: np.corrcoef(x, dtype=float),
        lambda x: np.clip(x, 0.7, 1.5, dtype=float),
        lambda x: np.concatenate([x, x * 2], 1, dtype=float, casting="safe"),
        lambda x: np.stack([x, x * 2], -1, dtype=float, casting="unsafe"),
        lambda x: np.hstack([x, x * 2], dtype=float),
        lambda x: np.vstack([x, x * 2], casting="no"),
        lambda x: np.einsum("ij,kj", x, x, dtype=float, order="F", optimize=True),
        lambda x: np.einsum("ij,kj->ik", x, x, casting="same_kind", order="C"),
        lambda x: np.reshape(x, (9,), order="F"),
        lambda x: np.reshape(x, (1, -1), "F"),
        lambda x: np.linalg.svd(x @ x.T, hermitian=True).S,
        lambda x: np.linalg.pinv(x @ x.T, hermitian=True),
    ],
)
def test_options_have_numpys_values_and_the_right_gradients(call):
    check_call(call, [X])


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.1.0", reason="np.reshape took copy= in NumPy 2.1")
def test_a_reshape_that_is_a_copy_or_none():
    check_call(lambda x: np.reshape(x, 9, copy=True), [X])
    check_call(lambda x: np.reshape(x, (3, 3, 1), copy=False), [X])
    with pytest.raises(ValueError, match="copy"):
        np.reshape(mg.tensor(X, requires_grad=True).T, 9, copy=False)


@pytest.mark.skipif(not hasattr(np, "cumulative_sum"), reason="NumPy has it from 2.1 on")
@pytest.mark.parametrize("name", ["cumulative_sum", "cumulative_prod"])
def test_cumulative_functions_take_a_dtype(name):
    f = getattr(np, name)
    check_call(lambda x: f(x, axis=1, dtype=float, include_initial=True), [X])
    assert f(mg.tensor(X, requires_grad=True), axis=0, dtype=np.float32).dtype == np.float32


def test_hermitian_matrices_have_singular_values_by_eigenvalues():
    check_call(lambda s: np.linalg.svd(s + s.T, hermitian=True, compute_uv=False), [S])
    check_call(lambda s: np.abs(np.linalg.svd(s + s.T, hermitian=True).U), [S])
    u, s, vh = np.linalg.svd(mg.tensor(S, requires_grad=True), hermitian=True)
    np.testing.assert_allclose(((u * s) @ vh).detach().data, S, rtol=1e-12)
    half = np.tril(S)  # NumPy reads one triangle
    check_call(lambda s: np.linalg.pinv(s, hermitian=True), [half + 0.1 * np.triu(S, 1)])


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.1.0", reason="NumPy 2.0 mixes up the weights of rows")
@pytest.mark.parametrize("name", ["quantile", "percentile", "nanquantile", "nanpercentile"])
def test_quantiles_with_weights(name):
    f, scale = getattr(np, name), 100 if "percentile" in name else 1
    many = np.random.default_rng(0).standard_normal((4, 5, 3))
    weights = np.random.default_rng(1).uniform(0, 2, (4, 5, 3)).round(1)
    q = np.array([[0.0, 0.2], [0.55, 1.0]]) * scale
    for call in (
        lambda x: f(x, q, axis=1, weights=weights, method="inverted_cdf"),
        lambda x: f(x, 0.4 * scale, axis=None, weights=weights, method="inverted_cdf", keepdims=True),
        lambda x: f(x, q, axis=(2, 0), weights=weights, method="inverted_cdf"),
        lambda x: f(x, q, 1, weights=weights, method="inverted_cdf", overwrite_input=True),
    ):
        check_call(call, [many])
    x = mg.tensor(many, requires_grad=True)
    line, all_of_it = weights[0, :, 0], np.broadcast_to(weights[:1, :, :1], many.shape)
    one, other = (f(x, q, 1, weights=w, method="inverted_cdf") for w in (line, all_of_it))  # NumPy's nanquantile fails
    assert one.tolist() == other.tolist()
    plane = np.broadcast_to(weights[:, :1], many.shape)
    one, other = (f(x, q, (2, 0), weights=w, method="inverted_cdf") for w in (weights[:, 0].T, plane))
    assert one.tolist() == other.tolist()
    for call in (
        lambda: f(x, q, weights=weights, method="linear"),
        lambda: f(x, q, axis=0, weights=WEIGHTS, method="inverted_cdf"),
    ):
        with pytest.raises(ValueError, match="weights"):
            call()


def test_missing_numbers_and_weights():
    holes = np.array([[1.0, np.nan, 3.0], [4.0, 2.0, 6.0]])
    for name in ("quantile", "nanquantile"):
        options = {"axis": 1, "weights": np.broadcast_to(WEIGHTS, (2, 3)), "method": "inverted_cdf"}
        want = getattr(np, name)(holes, 0.6, **options)
        z = getattr(np, name)(mg.tensor(holes, requires_grad=True), 0.6, **options)
        np.testing.assert_array_equal(z.data, want)


def test_nan_to_num_in_place():
    x = mg.tensor([1.0, np.nan], requires_grad=True)
    y = x * 2
    assert np.nan_to_num(y, copy=False, nan=7.0) is y
    y.sum().backward()
    assert y.tolist() == [2, 7]
    assert x.grad.tolist() == [2, 0]


def test_what_cannot_be_done_is_refused_by_name():
    x = mg.tensor(X, requires_grad=True)
    for call, error, word in [
        (lambda: np.reshape(x, 9, order="A"), UnsupportedError, "order='A'.*order='C'"),
        (lambda: np.concatenate([x, x], dtype=np.float32, casting="safe"), TypeError, "casting='safe'"),
        (lambda: np.concatenate([x, x], dtype=int, casting="unsafe"), UnsupportedError, "dtype=int64"),
        (lambda: np.einsum("ij->j", x, dtype=np.float32), TypeError, "casting='safe'"),
        (lambda: np.cumsum(x, dtype=int), UnsupportedError, "dtype=int64"),
        (lambda: np.sort(x, order="a"), MinigradError, "order"),
        (lambda: np.linalg.qr(x, mode="raw"), UnsupportedError, "mode='raw'"),
    ]:
        with pytest.raises(error, match=word):
            call()
