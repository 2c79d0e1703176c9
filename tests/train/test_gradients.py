"""The gradients of a step: those of several batches are those of the whole."""

import numpy as np
import pytest

from minigrad import nn, optim
from minigrad.train import Trainer
from tests.train.runs import X
from tests.train.test_counting import CUTS, LOSSES, cut, network, stepped


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("options", [{}, {"weight_regularizer_l2": 0.1, "bias_regularizer_l1": 0.1}], ids=str)
@pytest.mark.parametrize("loss", LOSSES)
def test_accumulated_gradients_are_those_of_the_whole(loss, options, compiled):
    function, y = LOSSES[loss]
    expected = stepped(function, (X, y), model=network(**options))
    for places in ("uneven",) if compiled else CUTS:
        data = cut(y, CUTS[places])
        got = stepped(function, data, model=network(**options), compile=compiled)
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)


def test_gradients_of_float16_are_added_in_float32():
    """Weighed by their rows, the gradients of a large batch after a small one would be infinite."""
    w = nn.Parameter(np.float16([0.0]))
    model = nn.Module()
    model.w, model.forward = w, lambda x: w * x
    ours = Trainer(model, optim.SGD([w], lr=1e-3), nn.L1Loss(), accumulate=2)
    data = [(np.full((n, 1), 1000, np.float16), np.full((n, 1), -1, np.float16)) for n in (1, 99)]
    ours.fit(data, 1, progress="none")
    assert w.data.tolist() == [-1]
