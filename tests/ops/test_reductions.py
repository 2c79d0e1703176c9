"""Every row of minigrad/ops/reductions.py has the properties that a row must have."""

import itertools
import warnings

import numpy as np
import pytest

import minigrad as mg
from minigrad.ops import reductions
from minigrad.ops.reductions import average, total
from tests.ops.families import properties_of

test_properties = properties_of(reductions)


@pytest.mark.parametrize("dtype", "efdFDi")
@pytest.mark.parametrize("shape", [(), (7,), (5, 7), (64, 300), (3, 0), (2, 3, 4, 5)], ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
def test_plain_arrays_have_the_bits_and_types_of_numpys_sum_and_mean(dtype, shape, keepdims):
    """They go around NumPy's wrappers, while a program calls ``np.sum`` and ``np.mean``."""
    a = np.asarray(np.random.default_rng(0).normal(size=shape) * 100).astype(dtype)
    axes = [None, *range(-len(shape), len(shape)), *([(0, 1), (-1, 0)] if len(shape) > 1 else [])]
    for x in (a, np.asfortranarray(a), a[..., ::-1] if shape else a):
        for axis, (ours, numpys) in itertools.product(axes, [(total, np.sum), (average, np.mean)]):
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the mean of nothing
                got, wanted = ours(x, axis, keepdims), numpys(x, axis, keepdims=keepdims)
            assert type(got) is type(wanted)
            np.testing.assert_array_equal(got, wanted, strict=True)
            assert _layout(got) == _layout(wanted)  # what is made of it lies and is summed in the same order


def _layout(z):
    return [step for n, step in zip(np.shape(z), z.strides, strict=True) if n > 1]


@pytest.mark.parametrize(
    "values", [[1e308, 1e308, 1.2e308], [-1e308, -1.5e308, -1e308], [np.finfo(float).max, 1e308, 1.2e308]]
)
@pytest.mark.parametrize("ddof", [0, 1])
def test_deviations_of_numbers_whose_sum_overflows(values, ddof):
    x, unit = mg.tensor(np.array(values), requires_grad=True), mg.tensor(np.array(values) / 1e308, requires_grad=True)
    z = np.std(x, ddof=ddof)
    z.backward()
    np.std(unit, ddof=ddof).backward()
    np.testing.assert_allclose(z.data, 1e308 * np.std(unit.data, ddof=ddof), rtol=1e-12)
    np.testing.assert_allclose(x.grad, unit.grad, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.filterwarnings("error")
def test_the_largest_numbers_have_a_unit_too(dtype):
    largest = np.finfo(dtype).max
    x = np.array([largest, -largest], dtype)
    np.testing.assert_array_equal(mg.std(x), largest)
    np.testing.assert_array_equal(mg.linalg.norm(x[:1]), largest)
    np.testing.assert_array_equal(mg.linalg.norm(x[:1], 3), largest)


def test_functions_of_the_package_take_the_options_of_numpys():
    x = mg.tensor(np.array([[2.0, 1.0], [1.0, 3.0]]), requires_grad=True)
    for ours, numpys, options in (
        (mg.linalg.svd, np.linalg.svd, {"hermitian": True, "compute_uv": False}),
        (mg.nanvar, np.nanvar, {"where": np.array([[True], [False]])}),
        (mg.nancumsum, np.nancumsum, {"dtype": np.float32}),
        (mg.trace, np.trace, {"dtype": np.float32}),
    ):
        z, want = ours(x, **options), numpys(x, **options)
        np.testing.assert_array_equal(z.data, want.data)
        assert z.requires_grad
        assert z.dtype == want.dtype
    with pytest.raises(TypeError, match="svd has no option thin"):
        mg.linalg.svd(x, thin=True)
