"""Every row of minigrad/nn/functional/normalisation.py has the properties that a row must have."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import DTypeError
from minigrad.nn import functional as F
from minigrad.nn.functional import normalisation
from tests.ops.families import properties_of

test_properties = properties_of(normalisation)


@pytest.mark.parametrize("sizes", [(12,), (6, 5)], ids=str)
@pytest.mark.parametrize("name", ["group_norm", "instance_norm"])
@pytest.mark.parametrize("lies", ["as NumPy lays them", "batch last"])
def test_groups_of_large_images_are_normalised_as_those_of_small_ones(name, sizes, lies, monkeypatch):
    """Values, gradients and second gradients of both ways that a group is normalised."""
    rng = np.random.default_rng(5)
    data = rng.standard_normal((3, 6, *sizes)) * 2 + 3
    if lies == "batch last":
        data = np.ascontiguousarray(np.moveaxis(data, 0, -1))
    weight, bias = (mg.tensor(rng.standard_normal(6), requires_grad=True) for _ in "12")
    groups = (2,) if name == "group_norm" else ()
    found = []
    for large in (1, 10**9):
        monkeypatch.setattr("minigrad.nn.functional.normalisation.LARGE", large)
        x = mg.tensor(data, requires_grad=True)
        images = np.moveaxis(x, -1, 0) if lies == "batch last" else x
        z = getattr(F, name)(images, *groups, weight=weight, bias=bias)
        slopes = mg.autograd.grad((z**3).sum(), [x, weight, bias], create_graph=True)
        second = mg.autograd.grad(sum((g**2).sum() for g in slopes), [x, weight, bias])
        found.append([x.detach().numpy() for x in (z, *slopes, *second)])
    for one, other in zip(*found, strict=True):
        scale = np.abs(other).max()
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11 * scale)


@pytest.mark.parametrize("f", [F.normalize, lambda x: F.cosine_similarity(x, np.ones((2, 3), "float16"))])
def test_slopes_at_0_are_finite_in_float16(f):
    x = mg.tensor(np.zeros((2, 3), "float16"), requires_grad=True)
    f(x).sum().backward()
    assert x.grad.dtype == np.float16
    assert np.isfinite(x.grad).all()
    assert (x.grad > 1000).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("p", [0.5, 1, 2, 3, np.inf])
def test_a_vector_whose_length_is_beyond_the_largest_number_has_a_direction(dtype, p):
    most = np.finfo(dtype).max
    numbers = np.array([[1, 0.5, 1], [-0.25, 1, 1]], dtype)
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(F.normalize(most * numbers, p), F.normalize(numbers, p), rtol=1e-6)
        compiled = mg.compile(lambda x: F.normalize(x, p))
        for x in (numbers, most * numbers, numbers, most * numbers):  # one program holds for both
            np.testing.assert_allclose(compiled(x), F.normalize(numbers, p), rtol=1e-6)
        x = mg.tensor(most * numbers, requires_grad=True)
        z = F.normalize(x, p)
        np.testing.assert_allclose(z.data, F.normalize(numbers, p), rtol=1e-6)
        z[:, 0].sum().backward()
        y = mg.tensor(numbers, requires_grad=True)
        F.normalize(y, p)[:, 0].sum().backward()
        np.testing.assert_allclose(x.grad * most, y.grad, rtol=1e-2 if dtype == "float32" else 1e-6)
        if p == 2:
            z = F.cosine_similarity(x, np.array([[most, most, 0]], dtype))
            np.testing.assert_allclose(z.data, F.cosine_similarity(numbers, np.array([[1, 1, 0]], dtype)), rtol=1e-6)


def test_the_default_eps_in_float16_is_that_of_the_dtype_in_which_is_computed():
    x = np.array([[1e-3, 2e-3, -1e-3, 5e-4]], "float16")
    np.testing.assert_allclose(F.rms_norm(x, 4), F.rms_norm(x.astype("float32"), 4), rtol=1e-3)
    assert F.rms_norm(x, 4).dtype == np.float16


@pytest.mark.parametrize("rows", [4, 20_000])
@pytest.mark.parametrize(
    "norm",
    [
        lambda x, w: F.layer_norm(x, 2, w),
        lambda x, w: F.rms_norm(x, 2, w),
        lambda x, w: F.group_norm(x, 2, w),
        lambda x, w: F.instance_norm(x[..., None], w),
        lambda x, w: F.batch_norm(x, weight=w, training=True),
    ],
)
def test_complex_arrays_and_weights_are_refused(norm, rows):
    """Arrays went through, as if a variance were the mean of (x - mean)**2 there too."""
    x, w = np.arange(2.0 * rows).reshape(rows, 2), np.ones(2)
    for arguments in ((x * 1j, w), (x, w * 1j), (mg.tensor(x * 1j), w)):
        with pytest.raises(DTypeError, match="is of real numbers"):
            norm(*arguments)
