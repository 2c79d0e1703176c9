"""Losses: what counts and what does not, dtypes, extreme values, gradients of every order."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import nn, train
from minigrad.errors import AmbiguousAxisWarning, HyperparameterError, ShapeError, TargetError
from minigrad.nn import functional as F
from minigrad.testing import check_gradients

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


def test_the_mean_divergence_is_that_of_the_rows():
    losses = nn.KLDivLoss("none")(mg.tensor(LOGITS), TARGETS)
    np.testing.assert_allclose(nn.KLDivLoss("batchmean")(LOGITS, TARGETS), losses.data.sum(1).mean(), rtol=1e-12)


def test_ignored_rows_count_nothing_even_where_they_are_infinite():
    logits = mg.tensor(np.array([[1.0, 2.0], [-np.inf, 0.0], [-np.inf, 1e30]], "f4"), requires_grad=True)
    labels = np.array([0, 255, 255], np.uint8)
    loss = F.cross_entropy(logits, labels, ignore_index=255)
    loss.backward()
    alone = mg.tensor(logits.data[:1], requires_grad=True)
    expected = F.cross_entropy(alone, [0])
    expected.backward()
    assert loss.item() == pytest.approx(expected.item())
    np.testing.assert_allclose(logits.grad, [alone.grad[0], [0, 0], [0, 0]], rtol=1e-6)
    assert F.cross_entropy(logits, [9, 9, 9], "sum", ignore_index=9).item() == 0
    assert F.cross_entropy(logits, [9, 9, 9], "none", ignore_index=9).tolist() == [0, 0, 0]


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


@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    classes=st.integers(1, 5),
    smoothing=st.sampled_from([0.0, 0.3]),
    weighted=st.booleans(),
    reduction=st.sampled_from(["mean", "sum"]),
)
def test_ignoring_rows_is_leaving_them_out(seed, shape, classes, smoothing, weighted, reduction):
    """In value and gradient, whatever else weighs the loss; and a weight of 1 for each class is none."""
    rng = RNG(seed)
    logits, labels = rng.normal(size=(*shape, classes)), rng.integers(0, classes, shape)
    ignored = rng.random(shape) < 0.5
    assume(not ignored.all())
    weight = rng.uniform(0.5, 2, classes) if weighted else np.ones(classes)
    whole, part = mg.tensor(logits, requires_grad=True), mg.tensor(logits[~ignored], requires_grad=True)
    loss = F.cross_entropy(whole, np.where(ignored, -7, labels), reduction, smoothing, weight, -7, axis=-1)
    expected = F.cross_entropy(part, labels[~ignored], reduction, smoothing, weight if weighted else None, axis=-1)
    loss.backward()
    expected.backward()
    np.testing.assert_allclose(loss.data, expected.data, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(whole.grad[~ignored], part.grad, rtol=1e-11, atol=1e-13)
    assert not whole.grad[ignored].any()


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


def test_the_weights_of_a_loss_are_its_own_and_are_saved():
    given = np.array([1.0, 2.0, 3.0])
    loss = nn.CrossEntropyLoss(weight=given)
    given[:] = 0
    assert loss.state_dict()["weight"].tolist() == [1, 2, 3]
    assert not loss.parameters()


@pytest.mark.parametrize("big", [1e2, 1e30])
def test_weighted_binary_cross_entropy_is_exact_for_extreme_logits(big):
    loss = F.binary_cross_entropy_with_logits(mg.tensor([big, -big]), [1, 0], "none", pos_weight=3.0)
    assert loss.tolist() == pytest.approx([0, 0], abs=1e-40)
    wrong = F.binary_cross_entropy_with_logits(mg.tensor([-big, big]), [1, 0], "none", pos_weight=3.0)
    np.testing.assert_allclose(wrong.data, [3 * big, big], rtol=1e-6)


# -- where the classes are --------------------------------------------------------------------------

WEIGHT = np.array([0.5, 2.0, 1.0])
#: name -> (loss of (prediction, target, reduction, axis), whether it takes probabilities for targets)
OF_CLASSES = {
    "cross_entropy": (lambda x, t, r, axis: F.cross_entropy(x, t, r, axis=axis), True),
    "smoothed": (lambda x, t, r, axis: F.cross_entropy(x, t, r, 0.2, axis=axis), True),
    "weighted": (lambda x, t, r, axis: F.cross_entropy(x, t, r, 0.2, WEIGHT, axis=axis), True),
    "weighted labels": (lambda x, t, r, axis: F.cross_entropy(x, t, r, 0.1, WEIGHT, 1, axis=axis), False),
    "ignored": (lambda x, t, r, axis: F.cross_entropy(x, t, r, ignore_index=2, axis=axis), False),
    "nll_loss": (lambda x, t, r, axis: F.nll_loss(x, t, r, WEIGHT, axis=axis), False),
    "multi_margin_loss": (lambda x, t, r, axis: F.multi_margin_loss(x, t, r, 2, axis=axis), False),
    "categorical": (lambda x, t, r, axis: F.categorical_cross_entropy(F.softmax(x, axis), t, r, axis=axis), True),
    "CrossEntropyLoss": (lambda x, t, r, axis: nn.CrossEntropyLoss(r, 0.1, WEIGHT, axis=axis)(x, t), True),
    "NLLLoss": (lambda x, t, r, axis: nn.NLLLoss(r, WEIGHT, 0, axis=axis)(x, t), False),
    "MultiMarginLoss": (lambda x, t, r, axis: nn.MultiMarginLoss(r, axis=axis)(x, t), False),
    "CategoricalCrossEntropy": (
        lambda x, t, r, axis: nn.CategoricalCrossEntropy(r, axis=axis)(F.softmax(x, axis), t), True,
    ),
    "accuracy": (lambda x, t, r, axis: F.accuracy(x, t, axis=axis), True),
    "Accuracy": (lambda x, t, r, axis: measured(train.Accuracy(axis=axis), x, t), True),
    "TopKAccuracy": (lambda x, t, r, axis: measured(train.TopKAccuracy(2, 1, axis=axis), x, t), False),
    "F1": (lambda x, t, r, axis: measured(train.F1(axis=axis), x, t), True),
    "ConfusionMatrix": (lambda x, t, r, axis: measured(train.ConfusionMatrix(axis=axis), x, t), True),
}  # fmt: skip


def measured(metric, x, t):
    metric.update(x, t)
    return metric.value()


def numbers(value):
    return value.data if isinstance(value, mg.Tensor) else np.asarray(value)


@pytest.mark.parametrize("shape", [(2, 4, 5, 3), (2, 3, 3, 3), (5, 3, 3), (4, 3)])
@pytest.mark.parametrize("name", OF_CLASSES)
def test_classes_along_any_axis_are_those_along_the_last(name, shape):
    loss, soft = OF_CLASSES[name]
    rng = RNG(2)
    x, labels = rng.normal(size=shape), rng.integers(0, 3, shape[:-1])
    for target in [labels, rng.dirichlet([1, 1, 1], shape[:-1])] if soft else [labels]:
        for reduction in ("mean", "sum", "none"):
            here = mg.tensor(x, requires_grad=True)
            expected = loss(here, target, reduction, -1)
            for axis in range(len(shape)):
                moved = mg.tensor(np.moveaxis(x, -1, axis), requires_grad=True)
                goal = target if np.ndim(target) < len(shape) else np.moveaxis(target, -1, axis)
                found = loss(moved, goal, reduction, axis)
                np.testing.assert_allclose(numbers(found), numbers(expected), rtol=1e-12)
                if isinstance(found, mg.Tensor):
                    here.zero_grad()
                    loss(here, target, reduction, -1).sum().backward()
                    found.sum().backward()
                    np.testing.assert_allclose(np.moveaxis(moved.grad, axis, -1), here.grad, rtol=1e-12)


def test_cross_entropy_along_axis_1_as_in_pytorch():
    """PyTorch 2.13: F.cross_entropy(x, labels) of shapes (2, 3, 3, 3) and (2, 3, 3)."""
    x = np.arange(54.0).reshape(2, 3, 3, 3) * 7 % 5
    labels = np.arange(18).reshape(2, 3, 3) % 3
    assert F.cross_entropy(x, labels, axis=1) == pytest.approx(2.501364887281, rel=1e-9)
    assert F.cross_entropy(x, labels, axis=-1) == pytest.approx(1.945809331726, rel=1e-9)


@pytest.mark.parametrize("shape", [(2, 3, 3, 3), (5, 3, 3), (1, 3, 3, 3, 3)])
@pytest.mark.parametrize("name", OF_CLASSES)
def test_where_both_fit_a_warning_says_which_was_taken(name, shape):
    loss, soft = OF_CLASSES[name]
    x, labels = RNG(4).normal(size=shape), RNG(5).integers(0, 3, shape[:-1])
    uniform = np.full(shape, 1 / 3)
    for target in [labels, uniform] if soft else [labels]:
        with pytest.warns(AmbiguousAxisWarning, match=r"Taken is the last; pass axis=1 for the other"):
            taken = loss_of_none(loss, x, target)
        np.testing.assert_array_equal(numbers(taken), numbers(loss(mg.tensor(x), target, "sum", -1)))


def loss_of_none(loss, x, target):
    """With axis=None; the softmax that some take has an axis of its own."""
    with pytest.MonkeyPatch.context() as patch:
        softmax = F.softmax
        patch.setattr(F, "softmax", lambda x, axis: softmax(x, -1 if axis is None else axis))
        return loss(mg.tensor(x), target, "sum", None)


@pytest.mark.parametrize(
    ("shape", "target"),
    [
        ((2, 4, 3), (2, 4)),  # axis 1 does not fit
        ((2, 1, 1), (2, 1)),  # of one class there is one reading
        ((4, 3), (4,)),
        ((3, 3), (3,)),
    ],
)
def test_what_fits_in_one_way_says_nothing(shape, target):
    F.cross_entropy(normal(*shape), np.zeros(target, int))


def test_one_hot_rows_that_fit_in_one_way_say_nothing():
    hot = np.eye(3)[RNG(0).integers(0, 3, (2, 3))]
    hot[0] = np.eye(3)[[0, 0, 1]]  # along axis 1 these do not sum to 1
    F.cross_entropy(normal(2, 3, 3), hot)


@pytest.mark.parametrize("name", [name for name in OF_CLASSES if "accuracy" not in name.lower()])
@pytest.mark.parametrize("soft", [False, True])
def test_classes_on_axis_1_are_refused_with_what_to_write(name, soft):
    loss, takes_soft = OF_CLASSES[name]
    x, labels = normal(2, 3, 4, 6), RNG(1).integers(0, 3, (2, 4, 6))
    target = np.moveaxis(np.eye(3)[labels], -1, 1) if soft else labels
    if soft and not takes_soft:
        return
    with pytest.raises((TargetError, ShapeError), match="as in PyTorch, pass axis=1"):
        loss_of_none(loss, x, target)


def test_an_axis_that_is_none():
    with pytest.raises(IndexError, match="axis 4 is out of bounds"):
        F.cross_entropy(normal(2, 3, 4), np.zeros((2, 4), int), axis=4)
    with pytest.raises(HyperparameterError, match="axis is that of the classes, such as 1, or None for the last"):
        nn.CrossEntropyLoss(axis="1")
    assert repr(nn.CrossEntropyLoss(axis=1)) == "CrossEntropyLoss(axis=1)"


def test_an_axis_is_compiled():
    x, labels = normal(2, 3, 4, 4), RNG(1).integers(0, 3, (2, 4, 4))
    compiled = mg.compile(lambda x, y: F.cross_entropy(x, y, label_smoothing=0.1, axis=1), backend="numpy")
    expected = F.cross_entropy(mg.tensor(x), labels, label_smoothing=0.1, axis=1).item()
    assert [compiled(mg.tensor(x), labels).item() for _ in range(3)] == [expected] * 3
