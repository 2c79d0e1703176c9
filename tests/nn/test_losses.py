"""Losses: what counts and what does not, dtypes, extreme values, gradients of every order."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.errors import HyperparameterError
from minigrad.nn import functional as F

RNG = np.random.default_rng


def normal(*shape, dtype="f4"):
    return RNG(3).normal(size=shape).astype(dtype)


X, ONES = normal(4, 3), np.ones((4, 3), "f4")
LOGITS, TARGETS = normal(4, 3, dtype="f8"), RNG(5).uniform(0.1, 0.9, (4, 3))
LABELS, ROW = np.array([2, 0, 1, 1]), np.arange(4)
SIGNS = np.where(TARGETS > 0.5, 1, -1)
AWAY, CHANCES = LOGITS - TARGETS, 1 / (1 + np.exp(-LOGITS))
MARGINS = np.maximum(0, 0.9 - LOGITS[ROW, LABELS][:, None] + LOGITS) * (LABELS[:, None] != np.arange(3))

#: (loss, prediction, target, the loss of each element by its formula)
FORMULAS = {
    "NLLLoss": (nn.NLLLoss, LOGITS, LABELS, -LOGITS[ROW, LABELS]),
    "MultiMarginLoss": (lambda r: nn.MultiMarginLoss(r, margin=0.9), LOGITS, LABELS, MARGINS.sum(1) / 3),
    "MultiMarginLoss, squared": (lambda r: nn.MultiMarginLoss(r, 2, 0.9), LOGITS, LABELS, (MARGINS**2).sum(1) / 3),
    "BCELoss": (nn.BCELoss, CHANCES, TARGETS, -TARGETS * np.log(CHANCES) - (1 - TARGETS) * np.log(1 - CHANCES)),
    "BCEWithLogitsLoss": (
        lambda r: nn.BCEWithLogitsLoss(r, 2.0),
        LOGITS,
        TARGETS,
        -2 * TARGETS * np.log(CHANCES) - (1 - TARGETS) * np.log(1 - CHANCES),
    ),
    "HingeEmbeddingLoss": (
        nn.HingeEmbeddingLoss,
        LOGITS,
        SIGNS,
        np.where(SIGNS == 1, LOGITS, np.maximum(0, 1 - LOGITS)),
    ),
    "MSELoss": (nn.MSELoss, LOGITS, TARGETS, AWAY**2),
    "L1Loss": (nn.L1Loss, LOGITS, TARGETS, np.abs(AWAY)),
    "HuberLoss": (
        lambda r: nn.HuberLoss(r, 0.6),
        LOGITS,
        TARGETS,
        np.where(np.abs(AWAY) <= 0.6, AWAY**2 / 2, 0.6 * (np.abs(AWAY) - 0.3)),
    ),
    "SmoothL1Loss": (
        lambda r: nn.SmoothL1Loss(r, 0.6),
        LOGITS,
        TARGETS,
        np.where(np.abs(AWAY) <= 0.6, AWAY**2 / 1.2, np.abs(AWAY) - 0.3),
    ),
    "KLDivLoss": (nn.KLDivLoss, LOGITS, TARGETS, TARGETS * (np.log(TARGETS) - LOGITS)),
}


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", FORMULAS)
def test_losses_against_their_formulas(name, reduction):
    build, prediction, target, each = FORMULAS[name]
    loss = build(reduction)(mg.tensor(prediction), target)
    expected = each if reduction == "none" else getattr(each, reduction)()
    np.testing.assert_allclose(loss.data, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: nn.CrossEntropyLoss(weight=[1.0, -1.0]), r"weight has finite numbers from 0 on, got \[1.0, -1.0\]"),
        (lambda: nn.NLLLoss(weight=[1.0, np.nan]), "weight has finite numbers from 0 on"),
        (lambda: nn.BCEWithLogitsLoss(pos_weight=np.inf), "pos_weight has finite numbers from 0 on"),
        (lambda: nn.CrossEntropyLoss(ignore_index="pad"), "ignore_index is a label such as -1, or None; got 'pad'"),
        (lambda: nn.NLLLoss(ignore_index=True), "ignore_index is a label such as -1, or None; got True"),
    ],
)
def test_options_that_are_none(build, says):
    with pytest.raises(HyperparameterError, match=says):
        build()


@pytest.mark.parametrize("loss", ["mean", "sum"])
def test_weighted_losses_keep_float32(loss):
    """With weights and targets in float64 or integers."""
    x = mg.tensor(X, requires_grad=True)
    for z in (
        nn.CrossEntropyLoss(loss, 0.1, np.ones(3), 0)(x, [0, 1, 2, 1]),
        nn.CrossEntropyLoss(loss, weight=[1, 2, 3])(x, [0, 1, 2, 1]),
        F.nll_loss(x, [0, 1, 2, 1], loss, np.ones(3, int)),
        nn.BCEWithLogitsLoss(loss, np.ones(3))(x, ONES.astype(int)),
        F.kl_div(x, np.ones((4, 3)), loss),
        F.hinge_embedding_loss(x, np.ones((4, 3), int), loss),
        F.huber_loss(x, np.ones((4, 3)), loss),
        F.binary_cross_entropy(mg.sigmoid(x), np.ones((4, 3)), loss),
    ):
        assert z.dtype == np.float32


def test_the_weights_of_a_loss_are_its_own_and_are_saved():
    given = np.array([1.0, 2.0, 3.0])
    loss = nn.CrossEntropyLoss(weight=given)
    given[:] = 0
    assert loss.state_dict()["weight"].tolist() == [1, 2, 3]
    assert not loss.parameters()


# -- where the classes are --------------------------------------------------------------------------
