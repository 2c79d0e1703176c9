"""A plain function as a metric: it is given the predictions and targets of all batches at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.core.tensor import Tensor, wrap
from minigrad.core.trees import leaves, mapped, rebuilt
from minigrad.train.arguments import takes_targets_first
from minigrad.train.metric import Metric


class FunctionMetric(Metric):
    """``function(predictions, targets)`` of all rows since ``reset()``, however they were cut into batches.

    Predictions are Tensors without a graph, targets arrays, both joined along the first axis; structures of them too.
    They are kept until then: where that is too much, a subclass of ``Metric`` keeps sums. A function whose parameters
    are called ``y_true`` and ``y_pred``, or the like, in that order gets them so, as scikit-learn's do.
    """

    SUMS = ("predictions", "targets")

    def __init__(self, function: Callable[[Any, Any], Any]) -> None:
        self.function = function
        named = getattr(function, "func", function)  # of a functools.partial
        self.name = getattr(named, "__name__", type(named).__name__).strip("<>")
        super().__init__()

    def reset(self) -> None:
        """Forget all batches."""
        self.predictions: list[Any] = []
        self.targets: list[Any] = []

    def update(self, predictions: Any, targets: Any) -> None:
        """Keep a batch."""
        self.predictions.append(mapped(_copy, predictions))
        self.targets.append(mapped(_copy, targets))

    def value(self) -> Any:
        """The result of the function, a number or an array; NaN where there was nothing."""
        if not self.predictions:
            return float("nan")
        arguments = mapped(wrap, _concatenation(self.predictions)), _concatenation(self.targets)
        score = self.function(*(reversed(arguments) if takes_targets_first(self.function) else arguments))
        array = score._array if isinstance(score, Tensor) else score
        return array.item() if getattr(array, "size", 0) == 1 else array

    def __repr__(self) -> str:
        return self.name


def as_metric(metric: Any) -> Metric:
    """The metric itself, or a function as a metric."""
    return metric if isinstance(metric, Metric) else FunctionMetric(metric)


def _copy(x: Any) -> np.ndarray:
    """An array that nobody else writes to: a loader may use its memory again."""
    return np.array(x._array if isinstance(x, Tensor) else x)


def _concatenation(batches: list[Any]) -> Any:
    parts = zip(*[[leaf for _, leaf in leaves(batch)] for batch in batches], strict=True)
    return rebuilt(batches[0], iter([np.concatenate([np.atleast_1d(array) for array in part]) for part in parts]))
