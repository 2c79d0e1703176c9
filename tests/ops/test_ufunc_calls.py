"""Options of a call of any ufunc."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import GraphError, MinigradError, ShapeError, UnsupportedError
from tests.numpy_check import check_call

X = np.random.default_rng(0).uniform(0.5, 2.0, (2, 3))
MASK = np.array([[True, False, True], [False, True, True]])


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.add(x, x, dtype=np.float64),
        lambda x: np.exp(x, order="F"),
        lambda x: np.multiply(x, 2, signature="dd->d"),
        lambda x: np.multiply(x, 2, signature=(None, None, np.float64)),
        lambda x: np.add(x, 1, casting="safe", subok=False),
        lambda x: np.matmul(x, x, axes=[(-2, -1), (-1, -2), (-1, -2)]),
        lambda x: np.matmul(x, x[0], axes=[(0, 1), (0,), (0,)]),
        lambda x: np.vecdot(x, x, axis=0, keepdims=True),
        lambda x: np.vecdot(x, x, axes=[0, 0, ()]),
        lambda x: np.divmod(x, 0.3, order="C")[1],
        lambda x: np.modf(x, casting="safe")[0],
    ],
)
def test_options_have_numpys_values_and_the_right_gradients(call):
    check_call(call, [X])


@pytest.mark.parametrize("call", [lambda x: np.add(x, x, dtype="f4"), lambda x: np.hypot(x, 2, dtype=np.float32)])
def test_a_dtype_is_that_of_the_result(call):
    z = call(mg.tensor(X, requires_grad=True))
    assert z.dtype == np.float32
    z.sum().backward()
    np.testing.assert_allclose(z.data, call(X), rtol=1e-6)


@pytest.mark.parametrize(
    "call",
    [
        lambda x, out: np.add(x, 1, out=out),
        lambda x, out: np.multiply(x, out, out),
        lambda x, out: np.log(x - 1.1, out=out, where=x > 1.1),
        lambda x, out: np.multiply(x[0], 2.0, out=out),  # it broadcasts to what is written
        lambda x, out: np.sqrt(x, out=out, where=MASK, order="F", dtype=float),
        lambda x, out: np.sum(np.stack([x, x * x]), 0, out=out),
        lambda x, out: np.cumsum(x, 1, None, out),
        lambda x, out: np.clip(x, 0.7, 1.5, out),
        lambda x, out: np.take(x, [1, 0], 0, out),
        lambda x, out: np.concatenate([x[:1], x[1:] * 2], 0, out=out),
    ],
)
def test_a_tensor_is_written_in_place_by_out(call):
    def filled(x):
        out = mg.tensor(np.ones((2, 3))) if isinstance(x, mg.Tensor) else np.ones((2, 3))
        assert call(x, out) is out
        return out * 2

    check_call(filled, [X])


def test_two_results_are_written_each_into_its_own():
    def filled(x):
        one, two = (
            mg.zeros((2, 3), dtype=float) if isinstance(x, mg.Tensor) else np.zeros((2, 3), np.float64)
            for _ in range(2)
        )
        np.modf(x * 2, out=(one, two))
        return one + two

    check_call(filled, [X])


def test_what_would_lose_a_gradient_is_refused_by_name():
    x = mg.tensor(X, requires_grad=True)
    plain = np.zeros((2, 3), np.float64)
    for call, word in [
        (lambda: np.add(x, 1, out=plain), r"np.add\(out=...\).*mg.zeros"),
        (lambda: np.sum(x, 0, None, plain), r"np.sum\(out=...\).*mg.zeros"),
        (lambda: np.add(x, 1, where=MASK), r"np.add\(where=...\) without out=.*mg.where"),
        (lambda: np.matmul(x, x.T, keepdims=True), "keepdims"),
    ]:
        with pytest.raises(UnsupportedError, match=word):
            call()
    assert not plain.any()
    with pytest.raises(GraphError, match="requires a gradient"):
        np.add(X, 1, out=x)
    with pytest.raises(ShapeError, match="out="):
        np.add(x, 1, out=mg.zeros((3,), dtype=float))
    with pytest.raises(ShapeError, match="out="):
        np.sum(x, 0, out=mg.zeros((2, 3), dtype=float))
    with pytest.raises((TypeError, MinigradError)):
        np.add(x, 1, dtype=int)
    with pytest.raises(TypeError):
        np.add(x, 1, dtype=np.float32, casting="safe")


def test_without_a_gradient_an_array_is_written_by_numpy():
    out = np.zeros((2, 3), np.float64)
    assert np.add(mg.tensor(X), 1, out=out, where=MASK) is out
    np.testing.assert_array_equal(out, np.where(MASK, X + 1, 0))


def test_what_is_masked_gives_no_warning_and_no_nan():
    x = mg.tensor([[-1.0, 2.0]], dtype=float, requires_grad=True)
    out = mg.zeros((1, 2), dtype=float)
    np.log(x, out=out, where=np.array([[False, True]]))
    out.sum().backward()
    assert x.grad.tolist() == [[0, 0.5]]


def test_options_inside_a_compiled_step():
    @mg.compile
    def step(x):
        x = mg.tensor(x, dtype=float, requires_grad=True) if not isinstance(x, mg.Tensor) else x
        out = mg.zeros((2, 3), dtype=float)
        np.sqrt(x, out=out, where=MASK)
        return np.sum(out, where=MASK, initial=2.0) + np.add.reduce(x, None) + np.multiply.outer(x, x).sum()

    want = float(np.sqrt(X)[MASK].sum() + 2 + X.sum() + np.multiply.outer(X, X).sum())
    for _ in range(3):
        assert step(mg.tensor(X)).item() == pytest.approx(want)
