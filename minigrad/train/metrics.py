"""Measures of predictions that are fed batch by batch: ``update(predictions, targets)``, ``value()``, ``reset()``.

Every metric keeps a few sums, adds a batch's to them, and ``value()`` is a formula of the sums. So a value does not
depend on how the data was cut into batches, and the sums are all there is to save.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.core.checks import whole
from minigrad.core.conversion import as_array, detached
from minigrad.errors import DivergenceError, HyperparameterError, ShapeError, TargetError
from minigrad.nn.targets import check_axis, check_ignore_index
from minigrad.support.idioms import told
from minigrad.train.labels import best, classes_of, counted
from minigrad.train.metric import Metric

Array = np.ndarray


# -- shares of hits -----------------------------------------------------------------------------


class _Share(Metric):
    SUMS = ("hits", "count")

    def reset(self) -> None:
        """Forget all batches."""
        self.hits = self.count = 0

    def value(self) -> float:
        """hits / count."""
        return _ratio(self.hits, self.count)


class Accuracy(_Share):
    """The share of samples whose class is predicted.

    Predictions are scores (..., classes), or classes as ints; targets are labels (...) or one-hot rows. With
    ``threshold``, predictions are one score per sample, and a score above the threshold means class 1: 0.0 for logits,
    0.5 for probabilities. A sample whose scores are NaN counts as wrong. Samples with the label ``ignore_index`` do not
    count. ``axis`` is the axis of the classes, as in the losses.

    >>> accuracy = train.Accuracy()
    >>> accuracy.update([[2.0, 0.0], [0.0, 1.0]], [0, 0])
    >>> accuracy.update([[0.0, 1.0], [0.0, 1.0]], [1, 1])
    >>> accuracy.value()
    0.75
    """

    name = "accuracy"

    @told
    def __init__(
        self, threshold: float | None = None, ignore_index: int | None = None, *, axis: int | None = None
    ) -> None:
        check_ignore_index("Accuracy", ignore_index)
        self.axis = check_axis("Accuracy", axis)
        super().__init__()
        self.threshold = threshold
        self.ignore_index = ignore_index

    def update(self, predictions: Any, targets: Any) -> None:
        """Scores or classes, and labels."""
        predictions, targets = counted(predictions, targets, self.ignore_index, "Accuracy", self.axis)
        predicted, true, _ = classes_of(predictions, targets, self.threshold, "Accuracy")
        self.hits += int(np.count_nonzero(predicted == true))
        self.count += true.size


class TopKAccuracy(_Share):
    """The share of samples whose class is among the ``k`` with the largest scores (..., classes).

    Of equal scores the first rank first, so with k = 1 it equals ``Accuracy``. ``ignore_index`` and ``axis`` are as
    there.

    >>> train.TopKAccuracy(k=2)(np.array([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0]]), np.array([1, 2]))
    0.5
    """

    @told
    def __init__(self, k: int = 5, ignore_index: int | None = None, *, axis: int | None = None) -> None:
        check_ignore_index("TopKAccuracy", ignore_index)
        self.axis = check_axis("TopKAccuracy", axis)
        super().__init__()
        self.k = whole("TopKAccuracy", "k", k)
        self.ignore_index = ignore_index
        self.name = f"top_{k}_accuracy"

    def update(self, predictions: Any, targets: Any) -> None:
        """Scores (..., classes) and labels."""
        predictions, targets = counted(predictions, targets, self.ignore_index, "TopKAccuracy", self.axis)
        scores = as_array(detached(predictions))
        _, true = best(scores, targets, "TopKAccuracy")
        rows, true = scores.reshape(-1, scores.shape[-1]), true.reshape(-1, 1)
        own = np.take_along_axis(rows, true, 1)
        before = ~(rows <= own) | ((rows == own) & (np.arange(rows.shape[1]) < true))  # NaN counts as larger
        self.hits += int(np.count_nonzero(before.sum(1) < self.k))
        self.count += len(rows)


# -- the confusion matrix and what follows from it ------------------------------------------------

#: name -> (numerator, denominator) for each class, of its true positives, false positives and false negatives.
OF_COUNTS: dict[str, Callable[[Array, Array, Array], tuple[Array, Array]]] = {
    "precision": lambda tp, fp, fn: (tp, tp + fp),
    "recall": lambda tp, fp, fn: (tp, tp + fn),
    "f1": lambda tp, fp, fn: (2 * tp, 2 * tp + fp + fn),
}

#: average -> what becomes of the numbers of the classes, given (numerators, denominators, true samples in each class).
AVERAGES: dict[str | None, Callable[[Array, Array, Array, Array], Any]] = {
    "macro": lambda n, d, support, seen: _mean(_ratios(n, d)[seen]),
    "weighted": lambda n, d, support, seen: _ratio(float(_ratios(n, d) @ support), float(support.sum())),
    "micro": lambda n, d, support, seen: _ratio(float(n.sum()), float(d.sum()), 0.0 if support.any() else np.nan),
    "binary": lambda n, d, support, seen: float(_ratios(n, d)[1]) if seen[1:].any() else 0.0 if seen.any() else np.nan,
    None: lambda n, d, support, seen: _ratios(n, d),
}


class ConfusionMatrix(Metric):
    """Counts (classes, classes): the number of samples of the row's class that were predicted as the column's class.

    Predictions, ``threshold``, ``ignore_index`` and ``axis`` are as in ``Accuracy``. There is a row for every class of
    the scores; if predictions are classes, up to the largest class so far. ``classes`` is the minimum number of rows.
    Scores that are NaN belong to no column, so they raise ``DivergenceError``.

    >>> train.ConfusionMatrix(2)(np.array([1, 1, 0]), np.array([1, 0, 0]))
    array([[1, 1],
           [0, 1]])
    """

    name = "confusion_matrix"
    SUMS = ("counts",)

    @told
    def __init__(
        self,
        classes: int = 0,
        threshold: float | None = None,
        ignore_index: int | None = None,
        *,
        axis: int | None = None,
    ) -> None:
        check_ignore_index(type(self).__name__, ignore_index)
        self.axis = check_axis(type(self).__name__, axis)
        self.classes = classes
        self.threshold = threshold
        self.ignore_index = ignore_index
        super().__init__()

    def reset(self) -> None:
        """Forget all batches."""
        self.counts = np.zeros((self.classes, self.classes), np.int64)

    def update(self, predictions: Any, targets: Any) -> None:
        """Scores or classes, and labels."""
        predictions, targets = counted(predictions, targets, self.ignore_index, type(self).__name__, self.axis)
        predicted, true, classes = classes_of(predictions, targets, self.threshold, type(self).__name__)
        undecided = np.count_nonzero(predicted < 0)
        if undecided:
            raise DivergenceError(
                f"{type(self).__name__}: the scores of {undecided} of {len(predicted)} samples are NaN, and predict no "
                "class: look for NaN in the inputs, np.isnan(X).any(), and in the weights"
            )
        classes = max(classes, len(self.counts))
        if predicted.size:
            self._check(classes)
        cells = np.bincount(true * classes + predicted, minlength=classes * classes).reshape(classes, classes)
        old = len(self.counts)
        cells[:old, :old] += self.counts
        self.counts = cells.astype(np.int64, copy=False)

    def _check(self, classes: int) -> None:
        """Raise where the measure is not defined for this number of classes."""

    def value(self) -> Any:
        """The counts so far."""
        return self.counts.copy()


class _OfCounts(ConfusionMatrix):
    """A measure that follows from the confusion matrix."""

    @told
    def __init__(
        self,
        average: str | None = "macro",
        threshold: float | None = None,
        ignore_index: int | None = None,
        *,
        axis: int | None = None,
    ) -> None:
        if average not in AVERAGES:
            raise HyperparameterError(
                f"{type(self).__name__}: average={average!r}: expected one of {', '.join(map(repr, AVERAGES))}"
            )
        super().__init__(0, threshold, ignore_index, axis=axis)
        self.average = average

    def _check(self, classes: int) -> None:
        if self.average == "binary" and classes > 2:
            raise TargetError(
                f"{type(self).__name__}: average='binary' is that of class 1 of two, and there are {classes}: write "
                "'macro', 'micro' or 'weighted', or None for an array of one number for each class"
            )

    def value(self) -> Any:
        """The average over the classes, or an array of one number for each."""
        hits, predicted, true = np.diag(self.counts), self.counts.sum(0), self.counts.sum(1)
        numerators, denominators = OF_COUNTS[self.name](hits, predicted - hits, true - hits)
        return AVERAGES[self.average](numerators, denominators, true, predicted + true > 0)


class Precision(_OfCounts):
    """The share of the samples predicted as a class that belong to it: TP / (TP + FP).

    ``average`` is the average over the classes: "macro", the plain mean over classes that occur; "weighted", the mean
    weighted by the number of true samples; "micro", the value for the summed counts; "binary", the value for class 1 of
    two; None, an array with a value per class. 0 / 0 is 0, as in scikit-learn. Predictions, ``threshold``,
    ``ignore_index`` and ``axis`` are as in ``Accuracy``.

    >>> train.Precision(average="binary")(np.array([1, 1, 0]), np.array([1, 0, 0]))
    0.5
    """

    name = "precision"


class Recall(_OfCounts):
    """The share of the samples of a class that are predicted as it: TP / (TP + FN). Options are as in ``Precision``.

    >>> train.Recall(average="binary")(np.array([1, 1, 0]), np.array([1, 0, 0]))
    1.0
    """

    name = "recall"


class F1(_OfCounts):
    """The harmonic mean of precision and recall: 2 TP / (2 TP + FP + FN). Options are as in ``Precision``.

    >>> round(train.F1(average="binary")(np.array([1, 1, 0]), np.array([1, 0, 0])), 4)
    0.6667
    """

    name = "f1"


# -- regression -----------------------------------------------------------------------------------


class _MeanError(Metric):
    SUMS = ("total", "count")

    def reset(self) -> None:
        """Forget all batches."""
        self.total, self.count = 0.0, 0

    def distance(self, difference: Array) -> Any:
        """The terms of the mean, from prediction - target."""
        raise NotImplementedError(f"{type(self).__name__} defines no distance(self, difference)")

    def update(self, predictions: Any, targets: Any) -> None:
        """Two of one shape."""
        predicted, true = _pair(predictions, targets, type(self).__name__)
        self.total += float(np.sum(self.distance(predicted - true)))
        self.count += true.size

    def value(self) -> float:
        """The sum / count."""
        return _ratio(self.total, self.count)


class MeanSquaredError(_MeanError):
    """The mean of (prediction - target)² over all elements; both have the same shape.

    >>> train.MeanSquaredError()(np.array([1.0, 2.0]), np.array([0.0, 4.0]))
    2.5
    """

    name = "mse"

    def distance(self, difference: Array) -> Any:
        """Its square."""
        return difference * difference


class MeanAbsoluteError(_MeanError):
    """The mean of |prediction - target| over all elements; both have the same shape.

    >>> train.MeanAbsoluteError()(np.array([1.0, 2.0]), np.array([0.0, 4.0]))
    1.5
    """

    name = "mae"

    def distance(self, difference: Array) -> Any:
        """Its magnitude."""
        return np.abs(difference)


class R2(Metric):
    """The share of the targets' variance that is explained: 1 - sum (p - t)² / sum (t - mean t)².

    1 is perfect, and 0 is the value for always predicting the mean of the targets. For several outputs (samples,
    outputs), it is the mean over the outputs. If the targets do not vary, it is 1 if every prediction is exact and else
    0, as in scikit-learn; for a single sample it is NaN.

    >>> round(train.R2()(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 4.0])), 4)
    0.7857
    """

    name = "r2"
    SUMS = ("residual", "mean", "spread", "count")

    def reset(self) -> None:
        """Forget all batches."""
        self.residual, self.mean, self.spread = (np.zeros(1, np.float64) for _ in range(3))
        self.count = 0

    def update(self, predictions: Any, targets: Any) -> None:
        """Two of one shape: (samples,) or (samples, outputs)."""
        predicted, true = _pair(predictions, targets, "R2")
        true = true.reshape(len(true), math.prod(true.shape[1:])) if true.ndim else true.reshape(1, 1)
        predicted = predicted.reshape(true.shape)
        if self.count and len(self.mean) != true.shape[1]:
            raise ShapeError(f"R2 was fed {len(self.mean)} outputs before, and now {true.shape[1]}")
        if not len(true):
            return
        # Means and spreads of two batches are merged without a large sum of squares, which would cancel:
        # Chan, Golub and LeVeque, Updating formulae and a pairwise algorithm for computing sample variances, 1979.
        mean = true.mean(0)
        spread = np.square(true - mean).sum(0)
        count = self.count + len(true)
        shift = mean - self.mean
        self.spread = self.spread + spread + np.square(shift) * (self.count * len(true) / count)
        self.mean = self.mean + shift * (len(true) / count)
        self.residual = self.residual + np.square(predicted - true).sum(0)
        self.count = count

    def value(self) -> float:
        """The mean over the outputs."""
        if self.count < 2:
            return float("nan")
        constant = self.spread == 0
        unexplained = np.where(constant, self.residual > 0, self.residual / np.where(constant, 1, self.spread))
        return float(np.mean(1 - unexplained))


def _pair(predictions: Any, targets: Any, metric: str) -> tuple[Array, Array]:
    """Both as float64: sums over many batches lose digits in float32."""
    predicted, true = as_array(detached(predictions)), as_array(detached(targets))
    if predicted.shape != true.shape:
        raise ShapeError(
            f"{metric} compares element with element: got predictions of shape {predicted.shape} and targets of "
            f"shape {true.shape}; write targets.reshape({', '.join(map(str, predicted.shape))}) if they hold the same"
        )
    return predicted.astype(np.float64, copy=False), true.astype(np.float64, copy=False)


def _ratio(numerator: float, denominator: float, otherwise: float = float("nan")) -> float:
    return float(numerator) / float(denominator) if denominator else otherwise


def _ratios(numerators: Array, denominators: Array) -> Array:
    return np.where(denominators == 0, 0.0, numerators / np.where(denominators == 0, 1, denominators))


def _mean(values: Array) -> float:
    return float(values.mean()) if values.size else float("nan")
