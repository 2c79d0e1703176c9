"""Losses as modules: they hold their options and call ``minigrad.nn.functional``."""

from __future__ import annotations

from typing import Any

from minigrad.nn import functional as F
from minigrad.nn.module import Module
from minigrad.nn.targets import check_label_smoothing
from minigrad.ops.targets import check_reduction


class _Loss(Module):
    def __init__(self, reduction: str = "mean") -> None:
        check_reduction(reduction)
        self.reduction = reduction

    def extra_repr(self) -> str:
        """The reduction, where it is not the mean."""
        return "" if self.reduction == "mean" else f"reduction={self.reduction!r}"


class CrossEntropyLoss(_Loss):
    """-log softmax(logits)[target], averaged over the rows: for the outputs of a last Linear layer.

    Takes logits (..., classes) and integer labels (...) or one-hot labels (..., classes); exact for
    any finite logits. ``label_smoothing`` s moves s of each label to all classes evenly.
    """

    def __init__(self, reduction: str = "mean", label_smoothing: float = 0.0) -> None:
        super().__init__(reduction)
        check_label_smoothing(label_smoothing)
        self.label_smoothing = label_smoothing

    def forward(self, logits: Any, target: Any) -> Any:
        """logits (..., classes), target (...) or (..., classes) -> a scalar."""
        return F.cross_entropy(logits, target, self.reduction, self.label_smoothing)


class CategoricalCrossEntropy(_Loss):
    """-log(p[target]) of probabilities, clipped to [1e-7, 1 - 1e-7] as in the notebook.

    For the outputs of a softmax layer. On logits, ``CrossEntropyLoss`` is more exact and faster.
    """

    def forward(self, probabilities: Any, target: Any) -> Any:
        """probabilities (..., classes), target (...) or (..., classes) -> a scalar."""
        return F.categorical_cross_entropy(probabilities, target, self.reduction)


class MSELoss(_Loss):
    """(prediction - target)², averaged over all elements; both of one shape."""

    def forward(self, prediction: Any, target: Any) -> Any:
        """Two of one shape -> a scalar."""
        return F.mse_loss(prediction, target, self.reduction)


class BCEWithLogitsLoss(_Loss):
    """-t log sigmoid(x) - (1 - t) log(1 - sigmoid(x)), averaged over all elements; t in [0, 1]."""

    def forward(self, logits: Any, target: Any) -> Any:
        """Two of one shape -> a scalar."""
        return F.binary_cross_entropy_with_logits(logits, target, self.reduction)
