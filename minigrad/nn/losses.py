"""Losses as modules: they hold their options and call ``minigrad.nn.functional``, which has formulas and errors."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core.context import get_default_dtype
from minigrad.errors import HyperparameterError
from minigrad.nn import functional as F
from minigrad.nn.module import Module
from minigrad.nn.parameter import Buffer
from minigrad.nn.targets import (
    check_axis,
    check_ignore_index,
    check_kl_reduction,
    check_label_smoothing,
    check_positive,
    constant,
)
from minigrad.ops.targets import check_reduction

__all__ = [
    "BCELoss", "BCEWithLogitsLoss", "CategoricalCrossEntropy", "CrossEntropyLoss", "HingeEmbeddingLoss", "HuberLoss",
    "KLDivLoss", "L1Loss", "MSELoss", "MultiMarginLoss", "NLLLoss", "SmoothL1Loss",
]  # fmt: skip


class _Loss(Module):
    def __init__(self, reduction: str = "mean") -> None:
        check_reduction(reduction)
        self.reduction = reduction

    def extra_repr(self) -> str:
        """The options that are not as usual."""
        held = {name: value.tolist() if isinstance(value, Buffer) else value for name, value in vars(self).items()}
        usual = {"reduction": "mean", "label_smoothing": 0, "training": held.get("training")}
        shown = {name: value for name, value in held.items() if value is not None and usual.get(name) != value}
        return ", ".join(f"{name}={value!r}" for name, value in shown.items())


def _weights(loss: str, name: str, value: Any) -> Buffer | None:
    """The weights of classes as a buffer: they are saved with the loss, as in PyTorch."""
    if value is None:
        return None
    dtype = value.dtype if getattr(getattr(value, "dtype", None), "kind", "") == "f" else get_default_dtype()
    weights = np.array(constant(loss, name, value, dtype))
    if not ((weights >= 0) & (weights < np.inf)).all():
        raise HyperparameterError(f"{loss}: {name} has finite numbers from 0 on, got {weights.tolist()!r:.80}")
    return Buffer(weights)


class CrossEntropyLoss(_Loss):
    """-log softmax(logits)[target], averaged over the rows: for the outputs of a last Linear layer.

    Takes logits (..., classes) and integer labels (...) or one-hot labels (..., classes); exact for
    any finite logits. ``label_smoothing`` s moves s of each label to all classes evenly. ``weight`` (classes,)
    says how much each class counts; rows with the label ``ignore_index`` do not count. ``axis`` says where the classes
    are, if not on the last axis: ``CrossEntropyLoss(axis=1)`` for logits (N, C, H, W).
    """

    def __init__(
        self,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
        weight: Any = None,
        ignore_index: int | None = None,
        *,
        axis: int | None = None,
    ) -> None:
        super().__init__(reduction)
        check_label_smoothing(label_smoothing)
        check_ignore_index("CrossEntropyLoss", ignore_index)
        self.label_smoothing = label_smoothing
        self.weight = _weights("CrossEntropyLoss", "weight", weight)
        self.ignore_index = ignore_index
        self.axis = check_axis("CrossEntropyLoss", axis)

    def forward(self, logits: Any, target: Any) -> Any:
        """logits (..., classes), target (...) or (..., classes) -> a scalar."""
        return F.cross_entropy(
            logits, target, self.reduction, self.label_smoothing, self.weight, self.ignore_index, axis=self.axis
        )


class NLLLoss(_Loss):
    """-log_probabilities[target], averaged over the rows: for the outputs of a last LogSoftmax layer.

    Takes logarithms of probabilities (..., classes) and integer labels (...). ``weight``, ``ignore_index`` and
    ``axis`` as in ``CrossEntropyLoss``.
    """

    def __init__(
        self,
        reduction: str = "mean",
        weight: Any = None,
        ignore_index: int | None = None,
        *,
        axis: int | None = None,
    ) -> None:
        super().__init__(reduction)
        check_ignore_index("NLLLoss", ignore_index)
        self.weight = _weights("NLLLoss", "weight", weight)
        self.ignore_index = ignore_index
        self.axis = check_axis("NLLLoss", axis)

    def forward(self, log_probabilities: Any, target: Any) -> Any:
        """log_probabilities (..., classes), target (...) -> a scalar."""
        return F.nll_loss(log_probabilities, target, self.reduction, self.weight, self.ignore_index, axis=self.axis)


class CategoricalCrossEntropy(_Loss):
    """-log(p[target]) of probabilities, clipped to [1e-7, 1 - 1e-7] as in the notebook.

    For the outputs of a softmax layer. On logits, ``CrossEntropyLoss`` is more exact and faster; ``axis`` as there.
    """

    def __init__(self, reduction: str = "mean", *, axis: int | None = None) -> None:
        super().__init__(reduction)
        self.axis = check_axis("CategoricalCrossEntropy", axis)

    def forward(self, probabilities: Any, target: Any) -> Any:
        """probabilities (..., classes), target (...) or (..., classes) -> a scalar."""
        return F.categorical_cross_entropy(probabilities, target, self.reduction, axis=self.axis)


class MultiMarginLoss(_Loss):
    """The hinge loss of several classes: sum_c max(0, margin - x[target] + x[c])^p / classes, averaged over rows.

    ``axis`` as in ``CrossEntropyLoss``.
    """

    def __init__(self, reduction: str = "mean", p: int = 1, margin: float = 1.0, *, axis: int | None = None) -> None:
        super().__init__(reduction)
        if p not in (1, 2):
            raise HyperparameterError(f"MultiMarginLoss: p is 1 or 2, got {p!r}")
        self.p = p
        self.margin = margin
        self.axis = check_axis("MultiMarginLoss", axis)

    def forward(self, scores: Any, target: Any) -> Any:
        """scores (..., classes), target (...) -> a scalar."""
        return F.multi_margin_loss(scores, target, self.reduction, self.p, self.margin, axis=self.axis)


class BCEWithLogitsLoss(_Loss):
    """-w t log sigmoid(x) - (1 - t) log(1 - sigmoid(x)), averaged over all elements; t in [0, 1].

    ``pos_weight`` w, which broadcasts to x, says how much a positive counts.
    """

    def __init__(self, reduction: str = "mean", pos_weight: Any = None) -> None:
        super().__init__(reduction)
        self.pos_weight = _weights("BCEWithLogitsLoss", "pos_weight", pos_weight)

    def forward(self, logits: Any, target: Any) -> Any:
        """Two of one shape -> a scalar."""
        return F.binary_cross_entropy_with_logits(logits, target, self.reduction, self.pos_weight)


class BCELoss(_Loss):
    """-t log(p) - (1 - t) log(1 - p), averaged over all elements; for the outputs of a last Sigmoid layer.

    On logits, ``BCEWithLogitsLoss`` is more exact and faster.
    """

    def forward(self, probabilities: Any, target: Any) -> Any:
        """Two of one shape -> a scalar."""
        return F.binary_cross_entropy(probabilities, target, self.reduction)


class HingeEmbeddingLoss(_Loss):
    """x where the target is 1, max(0, margin - x) where it is -1, averaged over all elements."""

    def __init__(self, reduction: str = "mean", margin: float = 1.0) -> None:
        super().__init__(reduction)
        self.margin = margin

    def forward(self, x: Any, target: Any) -> Any:
        """Two of one shape -> a scalar."""
        return F.hinge_embedding_loss(x, target, self.reduction, self.margin)


class MSELoss(_Loss):
    """(prediction - target)², averaged over all elements; both of one shape."""

    def forward(self, prediction: Any, target: Any) -> Any:
        """Two of one shape -> a scalar."""
        return F.mse_loss(prediction, target, self.reduction)


class L1Loss(_Loss):
    """|prediction - target|, averaged over all elements; both of one shape."""

    def forward(self, prediction: Any, target: Any) -> Any:
        """Two of one shape -> a scalar."""
        return F.l1_loss(prediction, target, self.reduction)


class HuberLoss(_Loss):
    """d² / 2 where |d| <= delta, else delta (|d| - delta / 2), averaged over all elements; d = prediction - target."""

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        check_positive("HuberLoss", "delta", delta)
        self.delta = delta

    def forward(self, prediction: Any, target: Any) -> Any:
        """Two of one shape -> a scalar."""
        return F.huber_loss(prediction, target, self.reduction, self.delta)


class SmoothL1Loss(_Loss):
    """d² / (2 beta) where |d| <= beta, else |d| - beta / 2, averaged over all elements; d = prediction - target."""

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction)
        check_positive("SmoothL1Loss", "beta", beta)
        self.beta = beta

    def forward(self, prediction: Any, target: Any) -> Any:
        """Two of one shape -> a scalar."""
        return F.smooth_l1_loss(prediction, target, self.reduction, self.beta)


class KLDivLoss(_Loss):
    """target (log(target) - log_probabilities), averaged over all elements; "batchmean" is the mean divergence."""

    def __init__(self, reduction: str = "mean") -> None:
        check_kl_reduction(reduction)
        self.reduction = reduction

    def forward(self, log_probabilities: Any, target: Any) -> Any:
        """Two of one shape -> a scalar."""
        return F.kl_div(log_probabilities, target, self.reduction)
