"""NumPy's functions that write into an array, on tensors."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import DTypeError, GraphError, ShapeError, UnsupportedError
from tests.numpy_check import check_call

X = np.random.default_rng(4).uniform(0.5, 2.0, (2, 3))
MASK = np.array([[True, False, True], [True, True, False]])
LAST = np.argsort(X, 1)

WRITES = {
    "copyto": lambda y, x: np.copyto(y, x[0] ** 2),
    "copyto, where": lambda y, x: np.copyto(y, x**2, where=MASK),
    "copyto, a row of a mask": lambda y, x: np.copyto(dst=y, src=x**2, casting="no", where=MASK[0]),
    "copyto, a number": lambda y, x: np.copyto(y, 3, casting="unsafe"),
    "place": lambda y, x: np.place(y, MASK, x[0] * 2),
    "place, over and over": lambda y, x: np.place(y, MASK, [1.0, 2.0]),
    "putmask": lambda y, x: np.putmask(y, MASK, x**2),
    "putmask, over and over": lambda y, x: np.putmask(y, MASK, x[0] ** 2),
    "put": lambda y, x: np.put(y, [0, -1, 0], x[0]),
    "put, a number": lambda y, x: np.put(y, 2, x[0, 0] * 2),
    "put, wrap": lambda y, x: np.put(y, [0, 7], x[0] * 2, mode="wrap"),
    "put, clip": lambda y, x: np.put(y, [0, 7, -9], x[0] * 2, mode="clip"),
    "put_along_axis": lambda y, x: np.put_along_axis(y, LAST, x**2, 1),
    "put_along_axis, broadcast": lambda y, x: np.put_along_axis(y, LAST[:, :1], x[:, :1] ** 2, axis=-1),
    "put_along_axis, flat": lambda y, x: np.put_along_axis(y, np.array([1, 3]), x[0, :2] ** 2, None),
    "fill_diagonal": lambda y, x: np.fill_diagonal(y, x[0, 0] ** 2),
    "fill_diagonal, values": lambda y, x: np.fill_diagonal(y, x[0] ** 2),
    "fill_diagonal, wrap": lambda y, x: np.fill_diagonal(y.T, x[0, 0] * 2, wrap=True),
}


@pytest.mark.parametrize("name", WRITES)
def test_a_write_has_numpys_meaning_and_the_right_gradients(name):
    def written(x):
        y = x * 1.5
        view = y[0]  # views follow
        assert WRITES[name](y, x) is None
        return y * view.sum()

    check_call(written, [X])


@pytest.mark.parametrize("name", WRITES)
def test_into_an_array_a_gradient_is_not_lost(name):
    plain = np.zeros((2, 3), np.float64)
    if name in ("copyto, a number", "place, over and over"):
        WRITES[name](plain, X)  # nothing of a tensor in it
        return
    # NumPy makes an array of the values of fill_diagonal before it asks anybody.
    with pytest.raises((UnsupportedError, GraphError), match=r"into an? .*array would lose the gradient.*mg.zeros"):
        WRITES[name](plain, mg.tensor(X, requires_grad=True))
    assert not plain.any()
    want = np.zeros((2, 3), np.float64)
    WRITES[name](want, X)
    WRITES[name](plain, mg.tensor(X))
    np.testing.assert_array_equal(plain, want)


@pytest.mark.parametrize("write", ["place", "putmask", "copyto"])
@pytest.mark.parametrize("values", [lambda x: x**2, lambda x: x[:2] * 3])
def test_a_mask_of_the_numbers_may_differ_by_member_and_from_call_to_call(write, values):
    def f(x):
        y = x * 1.0
        if write == "copyto":
            np.copyto(y, np.mean(values(x)), where=x > 1)
        else:
            getattr(np, write)(y, x > 1, values(x))
        return (y**2).sum()

    rows = np.random.default_rng(1).uniform(0.5, 2.0, (4, 5))
    each = np.stack([mg.grad(f)(row) for row in rows])
    check_call(f, [rows[0]])
    np.testing.assert_allclose(mg.vmap(mg.grad(f))(rows), each)
    compiled = mg.compile(mg.grad(f))
    np.testing.assert_allclose([compiled(row) for row in rows], each)


def test_what_cannot_be_written_is_refused_and_nothing_changes():
    leaf = mg.tensor(X, requires_grad=True)
    y = leaf * 1.0
    for call, error in [
        (lambda: np.copyto(leaf, 0.0), GraphError),
        (lambda: np.fill_diagonal(leaf, 0.0), GraphError),
        (lambda: np.copyto(y, 1j), DTypeError),
        (lambda: np.copyto(mg.zeros((2, 3), dtype=int), y), DTypeError),
        (lambda: np.copyto(y, np.ones(7)), ValueError),
        (lambda: np.place(y, [True], 1.0), ShapeError),
        (lambda: np.place(y, MASK, []), ShapeError),
        (lambda: np.putmask(y, [True], 1.0), ShapeError),
        (lambda: np.put(y, [99], 1.0), IndexError),
        (lambda: np.put(y, [0], 1.0, mode="x"), ValueError),
        (lambda: np.put_along_axis(y, np.array([0]), 1.0, 1), ShapeError),
        (lambda: np.fill_diagonal(y[0], 1.0), ShapeError),
    ]:
        with pytest.raises(error):
            call()
    np.testing.assert_array_equal(y.detach().data, X)


def test_in_a_compiled_step():
    @mg.compile
    def step(x):
        y = x * 2
        np.fill_diagonal(y, x[0, 0])
        np.copyto(y, 7.0, where=MASK[1])
        np.put(y, [5], x[1, 1])
        return y

    want = X * 2
    np.fill_diagonal(want, X[0, 0])
    np.copyto(want, 7.0, where=MASK[1])
    np.put(want, [5], X[1, 1])
    for _ in range(3):
        np.testing.assert_array_equal(step(mg.tensor(X)).data, want)
