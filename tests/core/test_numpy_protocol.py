"""``np.f(tensor)``: options arrive under NumPy's names and positions, and what has no formula refuses by name."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import UnsupportedError

X = mg.tensor([[1.0, 4.0], [3.0, 2.0]], dtype=float, requires_grad=True)
A = X.data


@pytest.mark.parametrize(
    ("call", "want"),
    [
        (lambda x: np.sum(x, 0, None, None, True), [[4, 6]]),
        (lambda x: np.max(x, 1, None, True), [[4], [3]]),
        (lambda x: np.var(x, 0, None, None, 1), [2, 2]),
        (lambda x: np.std(x, axis=0, ddof=0), [1, 1]),
        (lambda x: np.mean(x, axis=1, keepdims=True), [[2.5], [2.5]]),
        (lambda x: np.clip(x, 2, 3), [[2, 3], [3, 2]]),
        (lambda x: np.add(x, 1, where=True, out=None), [[2, 5], [4, 3]]),
        (lambda x: np.reshape(x, (4,), "C"), [1, 4, 3, 2]),
        (lambda x: np.concatenate([x, x], 1), [[1, 4, 1, 4], [3, 2, 3, 2]]),
        (lambda x: np.concatenate((x, A), axis=None), [1, 4, 3, 2, 1, 4, 3, 2]),
        (lambda x: np.stack([x, x], axis=-1)[0], [[1, 1], [4, 4]]),
        (lambda x: np.where(A > 2, x, 0), [[0, 4], [3, 0]]),
        (lambda x: np.transpose(x, (1, 0)), [[1, 3], [4, 2]]),
        (lambda x: np.broadcast_to(x, shape=(1, 2, 2)), [[[1, 4], [3, 2]]]),
        (lambda x: np.matmul(A, x), [[13, 12], [9, 16]]),
    ],
)
def test_options_by_numpys_names_and_positions(call, want):
    z = call(X)
    assert isinstance(z, mg.Tensor)
    assert z.requires_grad
    assert z.tolist() == want


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.1.0", reason="np.clip took min= and max= in NumPy 2.1")
def test_clip_by_its_second_names():
    assert np.clip(X, min=2, max=3).tolist() == [[2, 3], [3, 2]]


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda x: np.sum(x, 0, int), "int64"),
        (lambda x: np.sum(x, 0, None, np.zeros(2)), "np.sum(out=...)"),
        (lambda x: np.add(x, 1, out=np.zeros((2, 2))), "np.add(out=...)"),
        (lambda x: np.add(x, 1, np.zeros((2, 2))), "np.add(out=...)"),
        (lambda x: np.add(x, 1, where=A > 2), "np.add(where=...)"),
        (lambda x: np.reshape(x, (4,), order="A"), "np.reshape(order='A')"),
        (lambda x: np.concatenate([x, x], 0, np.zeros((4, 2))), "np.concatenate"),
        (lambda x: np.add.at(np.zeros(2), 0, x[0]), "np.add.at"),
        (lambda x: np.fft.fft(x, out=np.zeros((2, 2), complex)), "np.fft.fft(out=...)"),
        (lambda x: np.sort(x, order="x"), "np.sort(order=...)"),
        (lambda x: np.gcd(x, 1), "np.gcd"),
        (lambda x: np.unique(x), "np.unique"),
        (lambda x: np.copyto(np.zeros((2, 2)), x), "np.copyto"),
    ],
)
def test_what_has_no_formula_refuses_by_name_and_names_a_way_out(call, name):
    with pytest.raises(UnsupportedError) as caught:
        call(X)
    assert name in str(caught.value)
    assert "x.data" in str(caught.value) or "out=, where=" in str(caught.value)
    assert A.tolist() == [[1, 4], [3, 2]]


def test_an_op_on_arrays_alone_is_the_numpy_function():
    for got, want in [(mg.exp(A), np.exp(A)), (mg.sum(A, axis=0), A.sum(0)), (mg.stack([A, A]), np.stack([A, A]))]:
        assert type(got) is np.ndarray
        np.testing.assert_array_equal(got, want)


def test_plain_answers_inside_lists_too():
    assert np.array_equal(X, A)
    assert np.argmax(X, axis=0).tolist() == [1, 0]
    assert np.allclose([X.data, X.data], A)
    assert np.result_type(X, np.float32) == np.float64
    assert np.ones_like(X).tolist() == [[1, 1], [1, 1]]
