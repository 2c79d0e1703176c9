"""Matrices of scipy.sparse and tensors: operators in either order, every format, systems, gradients of values."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import sparse

import minigrad as mg
import minigrad.sparse
from minigrad.errors import DTypeError, ShapeError, UnsupportedError
from minigrad.testing import check_gradients

RNG = np.random.default_rng(0)
D = RNG.normal(size=(5, 4)) * (RNG.random((5, 4)) < 0.5)
FORMATS = [
    f"{kind}_{flavour}" for kind in ("bsr", "coo", "csc", "csr", "dia", "dok", "lil") for flavour in ("array", "matrix")
]
COLUMN, COLUMNS, ROW, ROWS = (RNG.normal(size=shape) for shape in ((4,), (4, 3), (5,), (3, 5)))


@pytest.mark.parametrize("name", FORMATS)
def test_operators(name):
    a = getattr(sparse, name)(D)
    calls = [
        (lambda t: a @ t, COLUMN),
        (lambda t: a @ t, COLUMNS),
        (lambda t: a.dot(t), COLUMN),
        (lambda t: a.T @ t, ROW),
        (lambda t: t @ a, ROW),
        (lambda t: t @ a, ROWS),
    ]
    if name.endswith("matrix"):
        calls.append((lambda t: a * t, COLUMNS))
    for f, x in calls:
        got = f(mg.tensor(x))
        assert isinstance(got, mg.Tensor)
        np.testing.assert_allclose(got.data, np.asarray(f(x)), atol=1e-14)  # arrays are SciPy's as before
        check_gradients(f, x, order=2)
    assert isinstance(a @ COLUMN, np.ndarray)


@pytest.mark.parametrize("kind", ["csr", "csc", "coo"])
def test_values_have_gradients(kind):
    a = getattr(sparse, f"{kind}_array")(D)
    np.testing.assert_allclose(mg.sparse.matmul(a, COLUMNS, data=2 * a.data), 2 * D @ COLUMNS)
    check_gradients(lambda d, x: mg.sparse.matmul(a, x, data=d), a.data, COLUMNS, order=2)
    check_gradients(lambda d, x: mg.sparse.matmul(x, a, data=d), a.data, ROWS, order=2)
    check_gradients(lambda d, x: mg.sparse.matmul(a, x, data=d), a.data, COLUMN, order=2)


@pytest.mark.parametrize("kind", ["csr", "csc", "coo"])
@pytest.mark.parametrize("shape", [(6,), (6, 2)])
def test_systems(kind, shape):
    dense = RNG.normal(size=(6, 6)) * (RNG.random((6, 6)) < 0.4) + 6 * np.eye(6, dtype=float)
    a, b = getattr(sparse, f"{kind}_array")(dense), RNG.normal(size=shape)
    np.testing.assert_allclose(mg.sparse.spsolve(a, b), np.linalg.solve(dense, b), rtol=1e-11)
    check_gradients(lambda b: mg.sparse.spsolve(a, b), b, order=2)
    check_gradients(lambda d, b: mg.sparse.spsolve(a, b, data=d), a.data, b, order=2)
    z = b + 1j * b[::-1]
    np.testing.assert_allclose(mg.sparse.spsolve(a * (1 + 0.2j), z), np.linalg.solve(dense * (1 + 0.2j), z), rtol=1e-11)


def test_dtypes_and_compiled():
    a = sparse.csr_array(D.astype("f4"))
    t = mg.tensor(COLUMN.astype("f4"), requires_grad=True)
    z = a @ t
    z.sum().backward()
    assert z.dtype == t.grad.dtype == np.float32
    b = sparse.csr_array(D)

    def slope(x):
        return mg.grad(lambda x: ((b @ x) ** 2).sum())(x)

    step = mg.compile(slope, backend="numpy")
    for k in range(4):
        np.testing.assert_allclose(step(COLUMN + k), 2 * D.T @ (D @ (COLUMN + k)), rtol=1e-12)
    assert step.stats()["replayed"] > 0


def test_a_constant_that_is_written_later_was_saved():
    a, t = sparse.csr_array(D), mg.tensor(COLUMN, requires_grad=True)
    z = (a @ t).sum()
    a.data[:] = 7
    z.backward()
    np.testing.assert_allclose(t.grad, D.sum(0))


def test_what_does_not_fit():
    a = sparse.csr_array(D)
    t = mg.tensor(COLUMN, requires_grad=True)
    for call in (lambda: a @ mg.tensor(ROW), lambda: t @ a):
        with pytest.raises(ShapeError, match="inner sizes differ"):
            call()
    with pytest.raises(ShapeError, match="takes a vector or a matrix"):
        a @ mg.tensor(np.ones((2, 4, 1)))
    with pytest.raises(ShapeError, match=r"shape of A\.data"):
        mg.sparse.matmul(a, COLUMN, data=np.ones(2))
    with pytest.raises(UnsupportedError, match=r"write A\.tocsr"):
        mg.sparse.matmul(sparse.dia_array(D), COLUMN, data=np.ones(2))
    with pytest.raises(ShapeError, match="square A"):
        mg.sparse.spsolve(a, ROW)
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        mg.sparse.spsolve(sparse.csr_array(np.zeros((2, 2))), np.ones(2))
    with pytest.raises(TypeError, match=r"scipy\.sparse"):
        mg.sparse.spsolve(np.eye(2), np.ones(2))
    with pytest.raises(DTypeError, match="sparse"):
        t + sparse.csr_array(D)


UNKNOWING = """
import numpy as np
import minigrad as mg
from scipy import sparse
A, t = sparse.csr_array(np.eye(2)), mg.tensor([1.0, 2.0], requires_grad=True)
calls = [(lambda: A @ t, "GraphError"), (lambda: A.dot(t), "GraphError"), (lambda: t @ A, "DTypeError")]
for call, name in calls:
    try:
        call()
    except getattr(mg.errors, name) as error:
        assert "import minigrad.sparse" in str(error)
    else:
        raise AssertionError("silent")
import minigrad.sparse
assert all(z.requires_grad for z in (A @ t, A.dot(t), t @ A))
"""
LOADED = """
from scipy import sparse
import numpy as np
import minigrad as mg
assert (sparse.csr_array(np.eye(2)) @ mg.tensor([1.0, 2.0], requires_grad=True)).requires_grad
"""


@pytest.mark.parametrize("text", [UNKNOWING, LOADED], ids=["imported later", "loaded before"])
def test_matrices_learn_of_tensors_when_the_module_is_imported(text):
    subprocess.run([sys.executable, "-c", text], check=True)
