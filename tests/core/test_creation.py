"""Functions that make Tensors: NumPy's values, the default dtype, and what they refuse."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import DTypeError, GraphError

MADE = {
    "zeros": (lambda **o: mg.zeros((2, 3), **o), np.zeros((2, 3))),
    "ones": (lambda **o: mg.ones(4, **o), np.ones(4)),
    "full": (lambda **o: mg.full((2, 2), [1, 2], **o), np.full((2, 2), [1, 2])),
    "eye": (lambda **o: mg.eye(2, 3, **o), np.eye(2, 3)),
    "arange": (lambda **o: mg.arange(1, 7, 2, **o), np.arange(1.0, 7, 2)),
    "linspace": (lambda **o: mg.linspace(0, 1, 5, **o), np.linspace(0, 1, 5)),
}


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("dtype", [None, "float64", "float32"])
def test_values_and_dtypes(name, dtype):
    make, expected = MADE[name]
    x = make(dtype=dtype, requires_grad=True)
    np.testing.assert_array_equal(x.data, expected.astype("float32"))
    assert x.dtype == (dtype or "float32")
    assert x.requires_grad
    assert not make().requires_grad


@pytest.mark.parametrize("name", MADE)
def test_an_option_of_another_framework_is_refused(name):
    with pytest.raises(TypeError, match="no option device="):
        MADE[name][0](device="cpu")


def test_likeness_is_in_shape_and_dtype():
    x = mg.tensor(np.ones((2, 1), "float64"))
    for make, value in ((mg.zeros_like, 0), (mg.ones_like, 1)):
        z = make(x)
        assert (z.shape, z.dtype, z.tolist()) == ((2, 1), np.float64, [[value]] * 2)
        assert make([1, 2], dtype="float32").dtype == np.float32


def test_a_shape_is_one_argument():
    with pytest.raises(TypeError, match="a shape is one argument"):
        mg.zeros((2,), None, False, 3)
    with pytest.raises(DTypeError, match="write the shape as a tuple"):
        mg.zeros(2, 3)


def test_a_gradient_does_not_end_unseen():
    t = mg.tensor(3.0, requires_grad=True)
    with pytest.raises(GraphError, match=r"mg\.arange takes numbers"):
        mg.arange(t)
    mg.full((2, 2), t).sum().backward()
    assert t.grad == 4


@pytest.mark.parametrize("like", [np.zeros_like, np.empty_like, np.ones_like])
def test_an_array_like_a_tensor_is_filled_under_every_transform(like):
    def f(u):
        flux, total = like(u), like(u, shape=2)
        flux[1:-1] = u[1:-1] ** 2 * u[:-2]
        flux[0] = flux[-1] = u[0]
        total[:] = 1
        total[0] += flux.sum()
        np.multiply(flux, u, out=flux)
        flux.T[2] = u[1] ** 3
        return (flux**2).sum() * total[0]

    u = np.array([0.5, 1.5, -1.0, 2.0, 0.3])
    step = 1e-6
    expected = np.array([(f(u + step * e) - f(u - step * e)) / (2 * step) for e in np.eye(5)])
    compiled = mg.compile(mg.grad(f), backend="numpy")
    for found in (mg.grad(f)(u), mg.jacfwd(f)(u), mg.vmap(mg.grad(f))(np.stack([u, u]))[1], compiled(u), compiled(u)):
        np.testing.assert_allclose(found, expected, rtol=1e-7)
    along = (mg.grad(f)(u + step) - mg.grad(f)(u - step)) / (2 * step)
    np.testing.assert_allclose(mg.hvp(f, u, np.ones(5)), along, rtol=1e-6)


def test_what_is_like_a_tensor_is_one_and_like_an_array_is_an_array():
    x = mg.tensor([[1.0, 2.0]], requires_grad=True)
    for like in (np.zeros_like, np.empty_like, np.ones_like, lambda a, *more: np.full_like(a, 2, *more)):
        assert type(like(x.data)) is np.ndarray
        for made in (like(x), like(x * 2), like(mg.tensor([[1, 2]]), "float32")):
            assert isinstance(made, mg.Tensor)
            assert not made.requires_grad
            assert (made.shape, made.dtype) == ((1, 2), np.float32)
        assert like(x, int).dtype == np.dtype(int)
        for kind in (object, str, "datetime64[s]"):
            with pytest.raises(DTypeError):
                like(x, kind)


COMPLEX = [1 + 2j, np.complex64(1 + 2j), np.array([1 + 2j, 0]), mg.Tensor(np.array(1 + 2j)), [1 + 2j, 3]]


@pytest.mark.parametrize("value", COMPLEX)
def test_complex_values_stay_complex(value):
    expected = np.broadcast_to(value.data if isinstance(value, mg.Tensor) else value, 2)
    filled = mg.full(2, value)
    assert filled.dtype == np.complex64
    np.testing.assert_array_equal(filled.data, expected)
    for ends in ((value, 0.0), (0.0, value)):
        np.testing.assert_allclose(
            mg.linspace(*ends, 3).data[1], expected[0] / 2 if np.ndim(value) == 0 else expected / 2
        )


def test_a_complex_value_with_a_gradient_stays_complex():
    z = mg.tensor(1 + 2j, dtype=complex, requires_grad=True)
    (mg.full(3, z).imag.sum() + mg.linspace(z, 0, 3).imag.sum()).backward()
    assert z.grad.item() == pytest.approx(4.5j)


@pytest.mark.parametrize("make", [mg.tensor, lambda value, dtype: mg.full(2, value, dtype)])
@pytest.mark.parametrize("value", [1j, [1, 2j]])
def test_a_complex_value_for_a_real_dtype_is_refused(make, value):
    with pytest.raises(DTypeError, match="complex numbers do not become float64"):
        make(value, dtype=float)


def test_what_has_a_dtype_of_another_library_is_read_by_its_numbers():
    class Foreign:
        dtype = "float32 of another library"

        def __array__(self, dtype=None, copy=None):
            return np.array([1.0, 2.0], dtype)

    assert mg.full((3, 2), Foreign()).tolist() == [[1, 2]] * 3
    assert mg.linspace(Foreign(), 0.0, 3).tolist() == [[1, 2], [0.5, 1], [0, 0]]
