"""Targets of classes: which axis they mean, and what is refused."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, train
from minigrad.errors import AmbiguousAxisWarning, HyperparameterError, ShapeError, TargetError
from minigrad.nn import functional as F
from tests.nn.test_losses import RNG, normal

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
