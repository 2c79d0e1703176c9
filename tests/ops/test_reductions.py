"""Every row of minigrad/ops/reductions.py has the properties that a row must have."""

import itertools
import warnings

import numpy as np
import pytest

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
