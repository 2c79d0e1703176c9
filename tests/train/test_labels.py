"""Predictions and targets as classes."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import HyperparameterError, ShapeError, TargetError
from minigrad.train import F1, Accuracy, ConfusionMatrix, Precision, Recall, TopKAccuracy


def test_binary_scores_have_a_threshold():
    sklearn = pytest.importorskip("sklearn.metrics", reason="the reference is scikit-learn (pip install scikit-learn)")
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=50).astype(np.float32), rng.integers(0, 2, 50)
    predicted = logits > 0
    for ours, theirs in ((Precision, "precision_score"), (Recall, "recall_score"), (F1, "f1_score")):
        expected = getattr(sklearn, theirs)(labels, predicted)  # scikit-learn's default is the binary average
        assert ours("binary", threshold=0.0)(logits, labels) == pytest.approx(expected)
        column = ours("binary", threshold=0.0)(logits[:, None], labels[:, None].astype(np.float32))
        assert column == pytest.approx(expected)
        assert ours("binary", threshold=0.0)(logits[:, None], labels) == pytest.approx(expected)
    assert Accuracy(threshold=0.0)(logits, labels) == np.mean(predicted == labels)


def test_tensors_one_hot_labels_classes_and_more_axes():
    scores = mg.tensor([[[2.0, 1.0], [0.0, 1.0]]], requires_grad=True)  # (1, 2, classes)
    assert Accuracy(axis=-1)(scores, [[0, 0]]) == 0.5
    assert Accuracy()(scores, np.array([[[1, 0], [1, 0]]])) == 0.5
    assert Accuracy()([0, 2, 1], [0, 2, 2]) == pytest.approx(2 / 3)
    assert TopKAccuracy(2, axis=-1)(scores, [[0, 0]]) == 1


WITH_LABELS = [Accuracy, TopKAccuracy, ConfusionMatrix, Precision, Recall, F1]


@pytest.mark.parametrize("kind", WITH_LABELS)
def test_samples_with_the_label_ignore_index_do_not_count(kind):
    rng = np.random.default_rng(0)
    scores, labels = rng.normal(size=(4, 6, 3)).astype("f4"), rng.integers(0, 3, (4, 6))
    padded = np.where(rng.random((4, 6)) < 0.3, -1, labels)
    kept = padded >= 0
    expected = kind()(scores[kept], labels[kept])
    np.testing.assert_array_equal(kind(ignore_index=-1)(mg.tensor(scores), padded), expected)
    np.testing.assert_array_equal(kind(ignore_index=-1)(scores, np.full((4, 6), -1)), kind()(scores[:0], labels[:0]))
    with pytest.raises(TargetError, match="-1"):
        kind()(scores, padded)
    with pytest.raises(TargetError, match="labels that are ints, got dtype float"):
        kind(ignore_index=-1)(scores, np.eye(3)[labels])
    with pytest.raises(ShapeError, match=r"predictions of shape \(4, 6, 3\) and targets of shape \(6,\)"):
        kind(ignore_index=-1)(scores, labels[0])
    with pytest.raises(HyperparameterError, match=f"{kind.__name__}: ignore_index is a label such as -1"):
        kind(ignore_index="pad")


def test_scores_with_a_threshold_and_classes_leave_out_labels_too():
    labels = np.array([0, 1, -1, 1])
    assert Accuracy(0.5, ignore_index=-1)(np.array([[0.2], [0.8], [0.9], [0.1]]), labels) == pytest.approx(2 / 3)
    assert Accuracy(ignore_index=-1)(np.array([0, 0, 0, 1]), labels) == pytest.approx(2 / 3)
