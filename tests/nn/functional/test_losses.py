"""Losses as functions."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.nn import functional as F
from minigrad.testing import check_gradients
from tests.nn.test_losses import LOGITS, ONES, TARGETS, normal


def test_the_mean_divergence_is_that_of_the_rows():
    losses = nn.KLDivLoss("none")(mg.tensor(LOGITS), TARGETS)
    np.testing.assert_allclose(nn.KLDivLoss("batchmean")(LOGITS, TARGETS), losses.data.sum(1).mean(), rtol=1e-12)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: F.multi_margin_loss(x, [0, 2, 1, 1], p=2, margin=0.7),
        lambda x: F.cross_entropy(x, [0, 2, 1, 9], weight=[1.0, 2.0, 0.5], ignore_index=9, label_smoothing=0.1),
        lambda x: F.nll_loss(mg.log_softmax(x), [0, 2, 1, 9], weight=[1.0, 2.0, 0.5], ignore_index=9),
        lambda x: F.binary_cross_entropy_with_logits(x, ONES / 3, pos_weight=2.0),
        lambda x: F.kl_div(mg.log_softmax(x), mg.softmax(2 * x), "batchmean"),
        lambda x: F.smooth_l1_loss(x, mg.tanh(x), beta=0.3),
    ],
)
def test_gradients_of_losses_hold_to_the_third_order(f):
    check_gradients(f, normal(4, 3, dtype="f8"), order=3)


def test_the_divergence_of_an_impossible_class_is_0_where_its_target_is():
    x = mg.tensor(np.array([-np.inf, 0.0], "f4"), requires_grad=True)
    loss = F.kl_div(x, [0, 1], "sum")
    loss.backward()
    assert loss.item() == 0
    assert x.grad.tolist() == [0, -1]


def test_losses_take_lists():
    assert F.l1_loss([1.0, 2.0], [0, 0]).tolist() == 1.5
    assert F.kl_div([0.0], [1]) == 0
    assert nn.HuberLoss("none", 1.0)([0.5, -3.0], [0, 0]).tolist() == [0.125, 2.5]
