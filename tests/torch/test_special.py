"""SciPy's special functions against PyTorch's, where it has them with a gradient."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.ops.scipy_names import FILES
from tests.torch.differential import compare, torch

TS, RNG = torch.special, np.random.default_rng(4)


def inside(low, high, *shape):
    return RNG.uniform(low, high, shape)


X = inside(-3, 3, 3, 4)
POSITIVE = inside(0.3, 4, 3, 4)

ROWS = {
    "erfcx": (mg.special.erfcx, TS.erfcx, [X]),
    "log_ndtr": (mg.special.log_ndtr, TS.log_ndtr, [X * 3]),
    "ndtri": (mg.special.ndtri, TS.ndtri, [inside(0.05, 0.95, 3, 4)]),
    "i0e": (mg.special.i0e, TS.i0e, [X]),
    "i1": (mg.special.i1, TS.i1, [X]),
    "i1e": (mg.special.i1e, TS.i1e, [X]),
    "multigammaln": (lambda x: mg.special.multigammaln(x, 3), lambda x: TS.multigammaln(x, 3), [POSITIVE + 50]),
    "gammainc": (
        lambda x: mg.special.gammainc(np.linspace(0.5, 2, 4), x),
        lambda x: TS.gammainc(torch.linspace(0.5, 2, 4, dtype=torch.float64), x),
        [POSITIVE],
    ),
    "gammaincc": (
        lambda x: mg.special.gammaincc(np.linspace(0.5, 2, 4), x),
        lambda x: TS.gammaincc(torch.linspace(0.5, 2, 4, dtype=torch.float64), x),
        [POSITIVE],
    ),
    "zeta": (
        lambda q: mg.special.zeta(np.linspace(1.5, 4, 4), q),
        lambda q: TS.zeta(torch.linspace(1.5, 4, 4, dtype=torch.float64), q),
        [POSITIVE],
    ),
}

#: Each a result of a function that has several.
PARTS = ["airy_part", "chi", "ci", "ellipj_part", "fresnel_c", "fresnel_s", "shi", "si"]
WITHOUT = {
    name: "PyTorch has none with a gradient; tests/ops/test_special.py compares with SciPy and mpmath"
    for name in [*PARTS, *(name for file in FILES for name in file.__all__)]
    if name not in ROWS
}


@pytest.mark.parametrize("row", ROWS)
def test_values_and_first_and_second_gradients_equal_pytorchs(row):
    compare(ROWS[row])
