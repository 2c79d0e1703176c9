"""Rows of mean 0 and variance 1 in float32 against their definition in float64: layouts, sizes, weights, far means."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.kernels import row_norms as kernels
from minigrad.nn import functional as F
from minigrad.nn.functional.normalisation import LARGE

#: Shapes, how many axes a row has, and the shape of a weight: long runs with one weight, short ones, none.
CASES = {
    "layer": ((7, 5, 12), 1, (12,)),
    "layer of two axes": ((7, 5, 12), 2, (5, 12)),
    "one number": ((6, 1), 1, (1,)),
    "groups": ((3, 2, 4, 8, 6), 3, (2, 4, 1, 1)),
    "groups of small images": ((3, 2, 4, 5, 6), 3, (2, 4, 1, 1)),
    "images": ((3, 4, 1, 8, 8), 3, (4, 1, 1, 1)),
    "one group of one": ((3, 1, 1, 8, 8), 3, (1, 1, 1, 1)),
}


def summed_to(x, shape):
    extra = x.ndim - len(shape)
    axes = (*range(extra), *[extra + axis for axis, size in enumerate(shape) if size == 1])
    return x.sum(axes, keepdims=True).reshape(shape)


def by_definition(y, x, weight, bias, axes, eps):
    """Values, mean and rms, and the gradients of x and the weight."""
    y, x = y.astype("f8"), x.astype("f8")
    last = tuple(range(x.ndim - axes, x.ndim))
    mean, rms = x.mean(last, keepdims=True), 1 / np.sqrt(x.var(last, keepdims=True) + eps)
    part, v = (x - mean) * rms, y * weight
    back = rms * (v - v.mean(last, keepdims=True) - part * (v * part).mean(last, keepdims=True))
    return part * weight + bias, mean, rms, back, summed_to(y * part, weight.shape)


def close(got, want, rtol):
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol * max(np.abs(want).max(), 1e-30))


@pytest.mark.parametrize(("shape", "axes", "parameter"), CASES.values(), ids=CASES)
@pytest.mark.parametrize(("shift", "size"), [(0.3, 1), (1e3, 1), (0, 1e-25), (0, 1e25), (1e3, 0.1), (0, 0)])
def test_values_and_the_way_back(shape, axes, parameter, shift, size):
    rng = np.random.default_rng(0)
    x = (rng.normal(size=shape) * size + shift).astype("f4")
    y = rng.normal(size=shape).astype("f4")
    weight, bias = rng.normal(size=(2, *parameter)).astype("f4")
    eps = 1e-5 if size in (1, 0) or x.shape[-axes:] == (1,) * axes else 0.0
    z, mean, rms = kernels.row_norm(x, weight, bias, axes, eps)
    want = by_definition(y, x, weight, bias, axes, eps)
    rounding = 1e-5 * max(1, shift / size / 20 if shift and size else 0)
    for got, expected in zip((z, mean, rms), want, strict=False):
        close(got, expected, rounding)
    if x.shape[-axes:] == (1,) * axes or not size:
        return  # of constants the gradients are what rounding leaves
    close(kernels.row_pullback(y, x, mean, rms, weight, axes), want[3], 5 * rounding)
    close(kernels.row_product(y, x, mean, rms, axes, parameter), want[4], 5 * rounding)


@pytest.mark.parametrize("axes", [1, 2])
def test_layouts_and_what_is_left_out(axes):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 6, 4, 10))
    plain = kernels.row_norm(x, None, None, axes, 1e-5)
    shape = x.shape[-axes:]
    bias = rng.normal(size=shape)
    np.testing.assert_allclose(kernels.row_norm(x, None, bias, axes, 1e-5)[0], plain[0] + bias)
    np.testing.assert_allclose(kernels.row_norm(x, np.ones(shape), None, axes, 1e-5)[0], plain[0])
    back = kernels.row_pullback(y, x, *plain[1:], None, axes)
    np.testing.assert_allclose(kernels.row_pullback(y, x, *plain[1:], np.ones(shape), axes), back)
    for turn in ((2, 1, 0), (1, 0, 2)):
        turned = np.ascontiguousarray(x.transpose(turn)).transpose(np.argsort(turn))
        for got, want in zip(kernels.row_norm(turned, None, None, axes, 1e-5), plain, strict=True):
            np.testing.assert_array_equal(got, want)
        np.testing.assert_array_equal(kernels.row_pullback(y[::-1][::-1], turned, *plain[1:], None, axes), back)


@pytest.mark.parametrize("shape", [(0, 5), (3, 0), (0, 0)])
def test_no_numbers(shape):
    x, weight = np.zeros(shape, "f4"), np.ones(shape[1:], "f4")
    z, mean, rms = kernels.row_norm(x, weight, weight, 1, 1e-5)
    assert (z.shape, mean.shape, rms.shape) == (shape, (shape[0], 1), (shape[0], 1))
    assert kernels.row_pullback(x, x, mean, rms, weight, 1).shape == shape
    np.testing.assert_array_equal(kernels.row_product(x, x, mean, rms, 1, weight.shape), np.zeros_like(weight))


def test_dtypes_of_weights_count():
    x, wide = np.ones((4, 40), "f4"), np.ones(40)
    z, mean, rms = kernels.row_norm(x, wide, None, 1, 1e-5)
    assert (z.dtype, mean.dtype, rms.dtype) == (np.float64, np.float32, np.float32)
    assert kernels.row_pullback(x, x, mean, rms, wide, 1).dtype == np.float64


@pytest.mark.parametrize("shape", [(LARGE // 64, 64), (LARGE // 64 - 1, 64)], ids=["rows", "two steps"])
def test_both_forms_of_a_layer_agree(shape):
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, *shape))
    w, b = rng.normal(size=(2, 64))
    tensors = [mg.tensor(a, requires_grad=True) for a in (x, w, b)]
    z = F.layer_norm(tensors[0], 64, *tensors[1:])
    got = [z, *mg.autograd.grad(z, tensors, y)]
    value, _, _, back, product = by_definition(y, x, w, b, 1, 1e-5)
    for one, want in zip(got, (value, back, product, y.sum(0)), strict=True):
        np.testing.assert_allclose(one.data, want, rtol=1e-9, atol=1e-9)


def test_per_sample_gradients_and_members_with_weights_of_their_own():
    rng = np.random.default_rng(3)
    x, w, b = rng.normal(size=(3, LARGE // 32, 32)), rng.normal(size=(3, 32)), rng.normal(size=(3, 32))

    def loss(x, w, b):
        return (F.layer_norm(x, 32, w, b) ** 3).sum()

    both = mg.vmap(mg.grad(loss, (0, 1, 2)))(x, w, b)
    shared = mg.vmap(mg.grad(loss, (0, 1, 2)), (0, None, None))(x, w[0], b[0])
    for k in range(3):
        for got, want in zip(both, mg.grad(loss, (0, 1, 2))(x[k], w[k], b[k]), strict=True):
            np.testing.assert_allclose(np.asarray(got[k]), np.asarray(want), rtol=1e-8, atol=1e-8)
        for got, want in zip(shared, mg.grad(loss, (0, 1, 2))(x[k], w[0], b[0]), strict=True):
            np.testing.assert_allclose(np.asarray(got[k]), np.asarray(want), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("level", [1e17, 3e33])
@pytest.mark.parametrize("norm", ["layer_norm", "batch_norm"])
def test_large_constants_have_no_error_of_arithmetic_on_the_way_back(norm, level):
    """Their mean times 1 / sqrt(eps) is beyond float32: a warning, or an error where NumPy is told to raise one."""
    x = mg.tensor(np.full((LARGE // 16, 16), level, "f4"), requires_grad=True)
    with np.errstate(all="raise", under="ignore"):
        z = F.layer_norm(x, 16) if norm == "layer_norm" else F.batch_norm(x.reshape(-1, 16, 1), training=True)
        (z * z).sum().backward()
    assert not z.data.any()
    assert not np.asarray(x.grad).any()
