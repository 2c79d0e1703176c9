"""Every row of minigrad/nn/functional/attention.py has the properties that a row must have; heads may be shared."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.nn import functional as F
from minigrad.nn.functional import attention
from tests.ops.families import properties_of

test_properties = properties_of(attention)

RNG = np.random.default_rng(0)
MASKS = {
    "none": None,
    "of all": RNG.random((5, 7)) > 0.3,
    "of each sample": RNG.random((2, 1, 1, 7)) > 0.3,
    "of each head": RNG.normal(size=(6, 5, 7)),
    "of each": RNG.random((2, 6, 5, 7)) > 0.3,
}


@pytest.mark.parametrize("groups", [1, 2, 3, 6])
@pytest.mark.parametrize("mask", MASKS)
def test_grouped_heads_are_those_of_keys_and_values_repeated(groups, mask):
    arrays = [RNG.normal(size=shape) for shape in ((2, 6, 5, 4), (2, groups, 7, 4), (2, groups, 7, 3))]

    def grouped(q, k, v):
        return (F.scaled_dot_product_attention(q, k, v, MASKS[mask], enable_gqa=True) ** 2).sum()

    def repeated(q, k, v):
        k, v = (np.repeat(x, 6 // groups, axis=1) for x in (k, v))
        return (F.scaled_dot_product_attention(q, k, v, MASKS[mask]) ** 2).sum()

    for ours, expected in zip(*(mg.grad(f, (0, 1, 2))(*arrays) for f in (grouped, repeated)), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("heads", "message"),
    [((6, 4, 4), "a multiple of them of queries"), ((6, 2, 3), "as many heads of values"), ((6, 0, 0), "got 6 of")],
)
def test_heads_that_do_not_fit_are_refused(heads, message):
    arrays = [np.zeros((1, count, 3, 2)) for count in heads]
    with pytest.raises(mg.errors.ShapeError, match=message):
        F.scaled_dot_product_attention(*arrays, enable_gqa=True)


def test_grouped_heads_need_an_axis_of_heads():
    with pytest.raises(mg.errors.ShapeError, match="heads, length, size"):
        F.scaled_dot_product_attention(np.zeros((3, 2)), np.zeros((3, 2)), np.zeros((3, 2)), enable_gqa=True)
