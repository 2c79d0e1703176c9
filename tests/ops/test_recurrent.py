"""Every row of minigrad/ops/recurrent.py has the properties that a row must have; the scan is its steps."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.ops import recurrent
from tests.ops import composites
from tests.ops.families import properties_of

test_properties = properties_of(recurrent)
RNG = np.random.default_rng(0)
GATES = {"rnn_tanh": 1, "rnn_relu": 1, "gru": 3, "lstm": 4}


@pytest.mark.parametrize("cell", GATES)
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("ended", [False, True])
def test_values_and_gradients_are_those_of_the_scan(cell, bias, ended):
    width = 2 * GATES[cell]
    given = [RNG.normal(size=(3, 2, width)), RNG.normal(size=(2, 2)), RNG.normal(size=(width, 2))]
    if cell == "lstm":
        given[1] = RNG.normal(size=(2, 2, 2))
    given.append(RNG.normal(size=width) if bias else None)
    mask = np.array([[[False], [False]], [[False], [True]], [[False], [True]]]) if ended else None
    results = []
    for function in (composites.recurrent_scan, mg.core.table.ops["recurrent_scan"]):
        xs = [None if x is None else mg.tensor(x, requires_grad=True) for x in given]
        z = function(*xs, mask, cell=cell)
        (z * z).sum().backward()
        results.append([z.data, *[x.grad for x in xs if x is not None]])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)
