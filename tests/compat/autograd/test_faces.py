"""Functions over NumPy: lists with tensors in them, lists of numbers beside tensors, arrays alone."""

import numpy as np
import pytest

import minigrad.compat.autograd.numpy as anp
from minigrad.compat.autograd import grad
from minigrad.compat.autograd.faces import public
from minigrad.errors import MinigradError

X = np.array([0.1, 0.2, 0.3])

#: A function of a vector x of three, and its gradient at X.
PROGRAMS = {
    "a list of tensors": (lambda x: anp.sum([x[0], 2 * x[1]]), [1, 2, 0]),
    "a nested list": (lambda x: anp.sum(anp.array([[x[0], 1.0], [x[1], x[2]]])[1]), [0, 1, 1]),
    "a list of numbers": (lambda x: anp.dot(x, [0.1, 0.2, 0.7]), [0.1, 0.2, 0.7]),
    "a list of lists": (lambda x: anp.sum(anp.matmul([[0.1, 0.2, 0.7]], x)), [0.1, 0.2, 0.7]),
    "norm": (lambda x: anp.linalg.norm([3 * x[0] / x[0], 40 * x[1] / 2]), [0, 16, 0]),
    "append": (lambda x: anp.sum(anp.append([x[0], 1.0], [x[2]]) * [1.0, 0.1, 0.3]), [1, 0, 0.3]),
    "concatenate": (lambda x: anp.concatenate([[x[0], 0.1], x])[0], [1, 0, 0]),
    "stack": (lambda x: anp.sum(anp.stack([x, [0.1, 0.2, 0.3]])[0]), [1, 1, 1]),
    "stack, a dict's values": (lambda x: anp.sum(anp.stack({"a": x[:2], "b": x[1:]}.values())[1]), [0, 1, 1]),
    "concatenate, a generator": (lambda x: anp.concatenate(x[i : i + 1] * i for i in range(3))[2], [0, 0, 2]),
    "vstack, a map": (lambda x: anp.vstack(map(anp.sin, [x, 2 * x]))[1, 0], [2 * np.cos(0.2), 0, 0]),
    "hstack": (lambda x: anp.hstack((x[0], x))[0], [1, 0, 0]),
    "where": (lambda x: anp.sum(anp.where(condition := X > 0.15, x, [0.1, 0.1, 0.1]) * condition), [0, 1, 1]),
    "where, by name": (lambda x: anp.sum(anp.where(X > 0.15, x=x, y=0.0)), [0, 1, 1]),
    "select": (lambda x: anp.sum(anp.select([X > 0.25, X > 0.15], [x, 2 * x])), [0, 2, 1]),
    "array of a tensor": (lambda x: anp.sum(anp.array(x) * anp.asarray(x)), [0.2, 0.4, 0.6]),
    "array, ndmin": (lambda x: anp.array(x, ndmin=2)[0, 1], [0, 1, 0]),
    "array, dtype": (lambda x: anp.array([x[0], 1], dtype="float64")[0], [1, 0, 0]),
    "full": (lambda x: anp.sum(anp.full((2, 3), x)), [2, 2, 2]),
    "full_like": (lambda x: anp.sum(anp.full_like(X, x[1])), [0, 3, 0]),
    "r_": (lambda x: anp.sum(anp.r_[x, 1.0, x[0], 0:2] * [1.0, 1.0, 1.0, 5.0, 0.5, 0.1, 0.2]), [1.5, 1, 1]),
    "c_": (lambda x: anp.sum(anp.c_[x, [1.0, 1.0, 1.0]] * [0.1, 0.2]), [0.1, 0.1, 0.1]),
    "make_diagonal": (lambda x: anp.sum(anp.make_diagonal(x, 0, -1, -2)[1]), [0, 1, 0]),
    "row_stack": (lambda x: anp.row_stack([x, x])[1, 2], [0, 0, 1]),
    "fft": (lambda x: anp.real(anp.fft.fft(x)[0]), [1, 1, 1]),
    "comparisons": (lambda x: x[0] if x[0] < 1 and anp.all(x > 0) else x[1], [1, 0, 0]),
    "methods": (lambda x: x.reshape(3, 1).T.sum() + x.dot([0.1, 0.2, 0.3]), [1.1, 1.2, 1.3]),
    "operators": (lambda x: [0.1, 0.2, 0.3] @ (x * [0.1, 0.2, 0.3]), [0.01, 0.04, 0.09]),
}


@pytest.mark.parametrize("case", PROGRAMS)
def test_gradients_reach_tensors_in_lists_in_full_precision(case):
    f, want = PROGRAMS[case]
    assert isinstance(f(X), (float, np.generic, np.ndarray))
    np.testing.assert_allclose(grad(f)(X), want, rtol=1e-14, atol=1e-16)


@pytest.mark.parametrize("space", [anp, anp.linalg, anp.fft, anp.random], ids=["numpy", "linalg", "fft", "random"])
def test_every_public_name_of_numpy_is_there(space):
    theirs = getattr(np, space.__name__.removeprefix("minigrad.compat.autograd.numpy").strip(".") or "newaxis") or np
    for name in public(theirs):
        assert (getattr(space, name) is None) == (getattr(theirs, name) is None)
        assert name in dir(space)


def test_names_are_imported_as_they_are_from_numpy():
    namespace = {}
    exec("from minigrad.compat.autograd.numpy import *", namespace)
    assert namespace["exp"](0.0) == 1.0
    assert namespace["pi"] == np.pi
    with pytest.raises(AttributeError, match="no_such_name"):
        anp.no_such_name  # noqa: B018


def test_functions_of_arrays_are_numpys():
    assert anp.sum([[1, 2], [3, 4]], axis=0).tolist() == [4, 6]
    assert anp.zeros(2).dtype == np.float64
    assert type(anp.exp(1.0)) is np.float64
    assert anp.float64 is np.float64
    assert anp.linspace(0, 1, 3).tolist() == [0, 0.5, 1]
    assert anp.__version__ == np.__version__


@pytest.mark.parametrize(
    "f", [lambda x: anp.unique(x)[0], lambda x: anp.r_["0,2", x][0, 0], lambda x: anp.float64(x[0])]
)
def test_what_has_no_derivative_is_refused_by_name(f):
    with pytest.raises(MinigradError):
        grad(f)(X)
