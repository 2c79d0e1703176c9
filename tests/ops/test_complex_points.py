"""Each row whose formulas hold for complex numbers, certified at complex points, at orders 1 and 2."""

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings

from minigrad.core.table import builtin, ops
from minigrad.testing import check_gradients
from tests.samples import samples

#: What takes no such points: matrices whose phases are arbitrary (test_complex_matrices.py has what no phase changes),
#: a transform of real numbers, counts with real weights, a change of dtype.
OTHERS = {"astype", "bincount", "packed_eigh", "packed_svd", "rfft"}
HOLOMORPHIC = sorted(
    name for name in builtin if getattr(getattr(ops.get(name), "op", None), "holomorphic", False) and name not in OTHERS
)


def turned(x, rng):
    """Complex numbers of the size of x, away from the axes, on which the cuts lie."""
    return x * np.exp(1j * rng.choice([-1, 1], x.shape) * rng.uniform(0.3, 0.6, x.shape))


@pytest.mark.parametrize("name", HOLOMORPHIC)
def test_a_row_at_complex_points(name):
    @settings(max_examples=2, phases=[Phase.generate], deadline=None, suppress_health_check=list(HealthCheck))
    @given(samples(ops[name]))
    def check(sample):
        floats = [x.dtype.kind == "f" for x in sample.arrays]
        assume(any(x.size for x, flag in zip(sample.arrays, floats, strict=True) if flag))
        rng = np.random.default_rng(0)
        points = [turned(x.astype(np.float64), rng) for x, flag in zip(sample.arrays, floats, strict=True) if flag]

        def f(*zs):
            each = iter(zs)
            return sample.call(
                ops[name],
                [next(each) if flag else x for x, flag in zip(sample.arrays, floats, strict=True)],
                sample.options,
            )

        check_gradients(f, *points)

    check()
