"""The array API standard over tensors: results, gradients, and what each function gives."""

import numpy as np
import pytest

import minigrad as mg
import minigrad.array_api as xp
from minigrad.errors import DTypeError, GraphError, ShapeError, UnsupportedError

A = np.array([[0.3, 0.7, 0.2], [0.9, 0.4, 0.6]])
B = np.array([[0.5, 0.1, 0.8], [0.25, 0.35, 0.15]])
S = A @ A.T + np.eye(2)

#: Functions of one array with a gradient, of two, of a matrix, and those that give constants.
ONE = """abs acos asin asinh atan atanh ceil cos cosh exp expm1 floor log log10 log1p log2 negative positive real
reciprocal round sign sin sinh sqrt square tan tanh trunc matrix_transpose max mean min prod std sum var sort diff flip
squeeze unstack""".split()
TWO = "add atan2 copysign divide hypot logaddexp maximum minimum multiply pow remainder subtract vecdot".split()
MATRIX = "cholesky det eigh eigvalsh inv matrix_norm pinv qr slogdet svd svdvals trace vector_norm".split()
CONSTANT = "isfinite isinf isnan logical_not signbit argmax argmin argsort count_nonzero nonzero all any".split()


def flat(result):
    return [part for part in (result if isinstance(result, tuple) else (result,)) if part.dtype.kind == "f"]


def check(name, f, numpys, *arrays):
    """Values are NumPy's, results are tensors, and gradients those of the package's own functions."""
    xs = [mg.tensor(x, requires_grad=True) for x in arrays]
    got, want = f(*xs), numpys(*arrays)
    assert all(type(z) is mg.Tensor for z in (got if isinstance(got, tuple) else (got,)))
    for one, other in zip(flat(got), flat(want), strict=True):
        np.testing.assert_allclose(one.data, other, rtol=1e-14)
        assert one.requires_grad or name == "slogdet"  # whose sign is a constant
    sum((z * z).sum() for z in flat(got) if z.requires_grad).backward()
    ys = [mg.tensor(x, requires_grad=True) for x in arrays]
    sum((z * z).sum() for z in flat(numpys(*ys)) if getattr(z, "requires_grad", False)).backward()
    for x, y in zip(xs, ys, strict=True):
        np.testing.assert_array_equal(x.grad, y.grad)


@pytest.mark.parametrize("name", ONE)
def test_functions_of_one_array(name):
    check(name, getattr(xp, name), getattr(np, name) if hasattr(np, name) else getattr(mg, name), A)


@pytest.mark.parametrize("name", TWO)
def test_functions_of_two_arrays(name):
    check(name, getattr(xp, name), getattr(np, name), A, B)


@pytest.mark.parametrize("name", MATRIX)
def test_functions_of_matrices(name):
    check(name, getattr(xp.linalg, name), getattr(np.linalg, name), S)


@pytest.mark.parametrize("name", CONSTANT)
def test_what_has_no_gradient_is_a_constant_tensor(name):
    got, want = getattr(xp, name)(mg.tensor(A, requires_grad=True)), getattr(np, name)(A)
    parts = got if isinstance(got, tuple) else (got,)
    for one, other in zip(parts, want if isinstance(want, tuple) else (want,), strict=True):
        assert type(one) is mg.Tensor
        assert not one.requires_grad
        np.testing.assert_array_equal(one.data, other)


@pytest.mark.parametrize("name", "equal not_equal less less_equal greater greater_equal".split())
def test_comparisons_are_tensors_in_the_namespace(name):
    x, y = mg.tensor(A, requires_grad=True), mg.tensor(B)
    assert type(getattr(xp, name)(x, y)) is mg.Tensor
    assert getattr(xp, name)(x, 0.4).data.tolist() == getattr(np, name)(A, 0.4).tolist()


def test_masks_and_bits():
    x, y = mg.tensor(np.array([1, 2, 7])), mg.tensor(np.array([3, 6, 5]))
    for name in ("bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_left_shift", "bitwise_right_shift"):
        assert getattr(xp, name)(x, y).data.tolist() == getattr(np, name)(x.data, y.data).tolist()
    assert [(x & y).tolist(), (x | y).tolist(), (x ^ y).tolist()] == [[1, 2, 5], [3, 6, 7], [2, 4, 2]]
    assert [(x << y).tolist(), (x >> 1).tolist(), (~x).tolist()] == [[8, 128, 224], [0, 1, 3], [-2, -3, -8]]
    mask = xp.less(x, y)
    assert xp.where(mask, x, y).data.tolist() == [1, 2, 5]
    assert xp.logical_and(mask, xp.logical_not(mask)).data.any() is np.False_


def test_numbers_have_numpys_dtypes():
    assert xp.asarray(1.0).dtype == np.float64
    assert xp.asarray([1, 2]).dtype == np.int64
    assert xp.asarray([True]).dtype == np.bool_
    assert xp.zeros(2).dtype == xp.ones(2).dtype == xp.linspace(0, 1, 2).dtype == xp.eye(2).dtype == np.float64
    assert xp.arange(3).dtype == xp.full(2, 3).dtype == np.int64
    assert xp.full(2, 3.0, dtype=xp.float32).dtype == np.float32
    assert (xp.asarray([1.0], dtype=xp.float32) * 0.1).dtype == np.float32


def test_asarray_keeps_a_tensor_and_its_graph():
    x = mg.tensor(A, requires_grad=True)
    assert xp.asarray(x) is x
    copied = xp.asarray(x, copy=True)
    assert copied.requires_grad
    assert not np.shares_memory(copied.data, x.data)
    assert xp.asarray(x, dtype=xp.float32).requires_grad
    xp.asarray([x[0, 0], 2.0]).sum().backward()
    assert x.grad.sum() == 1
    assert np.shares_memory(xp.asarray(A, copy=False).data, A)
    for needs_a_copy in (lambda: xp.asarray(x, dtype=xp.float32, copy=False), lambda: xp.asarray([1.0], copy=False)):
        with pytest.raises(ValueError, match="copy"):
            needs_a_copy()


def test_creation():
    x = mg.tensor(A)
    for f in (xp.zeros_like, xp.ones_like, xp.empty_like):
        assert f(x).shape == (2, 3)
        assert f(x, dtype=xp.int8).dtype == np.int8
    assert xp.full_like(x, 2).data.tolist() == np.full_like(A, 2).tolist()
    value = mg.tensor(3.0, requires_grad=True)
    xp.full((2, 2), value).sum().backward()
    assert value.grad == 4
    assert xp.eye(2, 3, k=1).data.tolist() == [[0, 1, 0], [0, 0, 1]]
    assert xp.arange(1, 7, 2).data.tolist() == [1, 3, 5]
    assert xp.linspace(0, 1, 4, endpoint=False).data.tolist() == [0, 0.25, 0.5, 0.75]
    grids = xp.meshgrid(xp.arange(2), xp.arange(3), indexing="ij")
    assert [grid.shape for grid in grids] == [(2, 3), (2, 3)]
    assert xp.meshgrid() == []
    assert xp.tril(x, k=-1).data.tolist() == np.tril(A, -1).tolist()
    assert xp.triu(x, k=1).data.tolist() == np.triu(A, 1).tolist()


def test_order():
    x = mg.tensor(np.array([[2.0, 1.0, 2.0, 3.0], [0.0, 0.0, 1.0, 0.0]]), requires_grad=True)
    assert xp.sort(x, descending=True).data.tolist() == [[3, 2, 2, 1], [1, 0, 0, 0]]
    assert xp.sort(x).requires_grad
    assert xp.argsort(x, descending=True).data.tolist() == [[3, 0, 2, 1], [2, 0, 1, 3]]
    assert xp.argsort(x, axis=0, descending=True).data.tolist() == [[0, 0, 0, 0], [1, 1, 1, 1]]
    assert xp.take(x, xp.asarray([1]), axis=1).data.tolist() == [[1], [0]]
    assert xp.take_along_axis(x, xp.argsort(x)).data.tolist() == [[1, 2, 2, 3], [0, 0, 0, 1]]
    assert xp.clip(x, 1.0, max=2.0).data.max() == 2
    assert [part.shape for part in xp.broadcast_arrays(x, xp.asarray(1.0))] == [(2, 4), (2, 4)]


def test_dtypes():
    x = mg.tensor(A, dtype="float32", requires_grad=True)
    assert xp.astype(x, xp.float64).requires_grad
    assert xp.astype(x, xp.float32, copy=False) is x
    assert xp.astype(np.ones(2), xp.int8).dtype == np.int8
    with pytest.raises(DTypeError):
        xp.astype(x, xp.int64)
    assert xp.can_cast(x, xp.float64)
    assert not xp.can_cast(x, xp.int8)
    assert xp.result_type(x, xp.float64, 1) == np.float64
    assert xp.result_type(x, 1.0) == np.float32
    assert xp.isdtype(x.dtype, "real floating")
    info = xp.__array_namespace_info__()
    assert info.default_dtypes()["real floating"] == xp.zeros(1).dtype
    assert info.dtypes(kind="bool") == {"bool": np.dtype(bool)}
    assert len(info.dtypes()) == 13
    assert info.devices() == [info.default_device()] == ["cpu"]
    assert info.capabilities()["boolean indexing"]


def test_fourier_transforms_and_special_functions():
    x = mg.tensor(A, requires_grad=True)
    assert xp.fft.rfft(x).requires_grad
    assert xp.fft.fftfreq(4, d=0.5).data.tolist() == np.fft.fftfreq(4, 0.5).tolist()
    assert xp.fft.rfftfreq(4, dtype=xp.float32).dtype == np.float32
    pytest.importorskip("scipy")
    assert xp.special.erf(x).requires_grad
    assert type(xp.special.gammaln(A)) is mg.Tensor
    assert "erf" in dir(xp.special)
    assert not hasattr(xp.special, "mathieu_a")


def test_refusals_stay_refusals():
    x = mg.tensor(A, requires_grad=True)
    for f in (xp.unique_values, xp.unique_counts):
        with pytest.raises(UnsupportedError):
            f(x)
        assert isinstance(f(x.detach()), (mg.Tensor, tuple))
    with pytest.raises(ShapeError, match="one length"):
        xp.vecdot(xp.ones(1), xp.ones(3))
    with pytest.raises(GraphError):
        xp.from_dlpack(x)


@pytest.mark.parametrize("f", [xp.zeros, xp.ones, xp.arange, xp.empty, xp.asarray])
def test_there_is_one_device(f):
    assert f(2, device="cpu").device == "cpu"
    with pytest.raises(UnsupportedError, match="cuda"):
        f(2, device="cuda")


@pytest.mark.parametrize(
    "f",
    [
        lambda t: xp.linspace(t, 2.0, 3),
        lambda t: xp.linspace(0.0, t, 3, endpoint=False),
        lambda t: xp.full((3,), t),
        lambda t: xp.full_like(xp.zeros(3), t),
        lambda t: xp.asarray([t, 2.0]),
        lambda t: xp.meshgrid(xp.asarray([t, 1.0]), xp.zeros(2))[0],
        lambda t: xp.tril(xp.full((2, 2), t)),
        lambda t: xp.triu(xp.full((2, 2), t)),
    ],
)
def test_what_is_made_of_a_tensor_has_its_gradient(f):
    t = mg.tensor(1.5, dtype=float, requires_grad=True)
    z = f(t)
    assert type(z.data) is np.ndarray
    mg.sum(z).backward()
    step = 1e-6
    slope = (mg.sum(f(mg.tensor(1.5 + step, dtype=float))) - mg.sum(f(mg.tensor(1.5 - step, dtype=float)))) / (2 * step)
    np.testing.assert_allclose(t.grad, slope.item(), rtol=1e-6)


@pytest.mark.parametrize(
    "f",
    [
        lambda t: xp.arange(t, 3.0),
        lambda t: xp.arange(0.0, 3.0, t),
        lambda t: xp.from_dlpack(t),
        lambda t: xp.asarray(t, dtype=int),
        lambda t: xp.full(2, t, dtype=int),
        lambda t: xp.linspace(t, 2.0, 3, dtype=int),
        lambda t: xp.eye(t),
        lambda t: xp.zeros(t),
    ],
)
def test_what_would_lose_a_gradient_is_refused(f):
    with pytest.raises((mg.errors.MinigradError, TypeError)):
        f(mg.tensor(1.5, requires_grad=True))
