"""Losses as modules: a statement for each, over the function of ``minigrad.nn.functional`` that has the formula."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from minigrad.core.checks import is_whole
from minigrad.core.context import get_default_dtype
from minigrad.errors import HyperparameterError
from minigrad.nn import functional as F
from minigrad.nn.layer import FunctionLayer, layer_of
from minigrad.nn.parameter import Buffer
from minigrad.nn.targets import (
    check_axis,
    check_ignore_index,
    check_kl_reduction,
    check_label_smoothing,
    check_positive,
    check_reduction,
    constant,
)

__all__ = ["BCELoss", "BCEWithLogitsLoss", "CategoricalCrossEntropy", "CrossEntropyLoss", "HingeEmbeddingLoss"]
__all__ += ["HuberLoss", "KLDivLoss", "L1Loss", "MSELoss", "MultiMarginLoss", "NLLLoss", "SmoothL1Loss"]


class Loss(FunctionLayer):
    """The base of the losses: checks the options, and shows those that are not as usual."""

    reduction: str

    def _check(self) -> None:
        check_reduction(self.reduction)
        for name in self._names:
            if name in _CHECKS:
                setattr(self, name, _CHECKS[name](type(self).__name__, name, getattr(self, name)))

    def extra_repr(self) -> str:
        """The options that are not as usual."""
        options = {name: value.tolist() if isinstance(value, Buffer) else value for name, value in vars(self).items()}
        usual = {"reduction": "mean", "label_smoothing": 0, "training": options.get("training")}
        shown = {name: value for name, value in options.items() if value is not None and usual.get(name) != value}
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


#: What an option of that name must be: given the loss, the name and the value; it returns the value to hold.
_CHECKS: dict[str, Callable[[str, str, Any], Any]] = {
    "label_smoothing": lambda _loss, _name, value: check_label_smoothing(value),
    "ignore_index": lambda loss, _name, value: check_ignore_index(loss, value),
    "axis": lambda loss, _name, value: check_axis(loss, value),
    "weight": _weights,
    "pos_weight": _weights,
    "delta": check_positive,
    "beta": check_positive,
}


@layer_of(F.cross_entropy)
class CrossEntropyLoss(Loss):
    """-log softmax(logits)[target], averaged over the rows: for the outputs of a last Linear layer.

    Takes logits (..., classes) and integer labels (...) or one-hot labels (..., classes); exact for
    any finite logits. ``label_smoothing`` s moves s of each label to all classes evenly. ``weight`` (classes,)
    says how much each class counts; rows with the label ``ignore_index`` do not count. ``axis`` says where the classes
    are, if not on the last axis: ``CrossEntropyLoss(axis=1)`` for logits (N, C, H, W).

    >>> nn.CrossEntropyLoss()(mg.tensor([[2.0, 0.0], [0.0, 2.0]]), [0, 1]).round(4)
    tensor(0.1269)
    """

    reduction: str = "mean"
    label_smoothing: float = 0.0
    weight: Any = None
    ignore_index: int | None = None
    _: KW_ONLY
    axis: int | None = None


@layer_of(F.nll_loss)
class NLLLoss(Loss):
    """-log_probabilities[target], averaged over the rows: for the outputs of a last LogSoftmax layer.

    Takes logarithms of probabilities (..., classes) and integer labels (...). ``weight``, ``ignore_index`` and
    ``axis`` as in ``CrossEntropyLoss``.

    >>> nn.NLLLoss()(mg.tensor([[0.5, 0.5]]).log(), [1]).round(4)
    tensor(0.6931)
    """

    reduction: str = "mean"
    weight: Any = None
    ignore_index: int | None = None
    _: KW_ONLY
    axis: int | None = None


@layer_of(F.categorical_cross_entropy)
class CategoricalCrossEntropy(Loss):
    """-log(p[target]) of probabilities, clipped to [1e-7, 1 - 1e-7] as in the notebook.

    For the outputs of a softmax layer. On logits, ``CrossEntropyLoss`` is more exact and faster; ``axis`` as there.

    >>> nn.CategoricalCrossEntropy()(mg.tensor([[0.7, 0.3], [0.4, 0.6]]), [0, 1]).round(4)
    tensor(0.4338)
    """

    reduction: str = "mean"
    _: KW_ONLY
    axis: int | None = None


@layer_of(F.multi_margin_loss)
class MultiMarginLoss(Loss):
    """The hinge loss of several classes: sum_c max(0, margin - x[target] + x[c])^p / classes, averaged over rows.

    ``axis`` as in ``CrossEntropyLoss``.

    >>> nn.MultiMarginLoss()(mg.tensor([[2.0, 1.5, 0.0]]), [0]).round(4)
    tensor(0.1667)
    """

    reduction: str = "mean"
    p: int = 1
    margin: float = 1.0
    _: KW_ONLY
    axis: int | None = None

    def _check(self) -> None:
        super()._check()
        if not is_whole(self.p, 1) or self.p > 2:
            raise HyperparameterError(f"MultiMarginLoss: p is 1 or 2, got {self.p!r}")


@layer_of(F.binary_cross_entropy_with_logits)
class BCEWithLogitsLoss(Loss):
    """-w t log sigmoid(x) - (1 - t) log(1 - sigmoid(x)), averaged over all elements; t in [0, 1].

    ``pos_weight`` w, which broadcasts to x, says how much a positive counts.

    >>> nn.BCEWithLogitsLoss()(mg.tensor([[0.0], [1000.0]]), [[1], [1]]).round(4)
    tensor(0.3466)
    """

    reduction: str = "mean"
    pos_weight: Any = None


@layer_of(F.binary_cross_entropy)
class BCELoss(Loss):
    """-t log(p) - (1 - t) log(1 - p), averaged over all elements; for the outputs of a last Sigmoid layer.

    On logits, ``BCEWithLogitsLoss`` is more exact and faster.

    >>> nn.BCELoss()(mg.tensor([[0.9], [0.2]]), [[1], [0]]).round(4)
    tensor(0.1643)
    """

    reduction: str = "mean"


@layer_of(F.hinge_embedding_loss)
class HingeEmbeddingLoss(Loss):
    """x where the target is 1, max(0, margin - x) where it is -1, averaged over all elements.

    >>> nn.HingeEmbeddingLoss()(mg.tensor([0.5, 0.5]), [1, -1])
    tensor(0.5)
    """

    reduction: str = "mean"
    margin: float = 1.0


@layer_of(F.mse_loss)
class MSELoss(Loss):
    """(prediction - target)², averaged over all elements; both of one shape.

    >>> nn.MSELoss()(mg.tensor([1.0, 2.0]), [0.0, 4.0])
    tensor(2.5)
    """

    reduction: str = "mean"


@layer_of(F.l1_loss)
class L1Loss(Loss):
    """|prediction - target|, averaged over all elements; both of one shape.

    >>> nn.L1Loss()(mg.tensor([1.0, 2.0]), [0.0, 4.0])
    tensor(1.5)
    """

    reduction: str = "mean"


@layer_of(F.huber_loss)
class HuberLoss(Loss):
    """d² / 2 where |d| <= delta, else delta (|d| - delta / 2), averaged over all elements; d = prediction - target.

    >>> nn.HuberLoss()(mg.tensor([0.5, 3.0]), [0.0, 0.0])
    tensor(1.3125)
    """

    reduction: str = "mean"
    delta: float = 1.0


@layer_of(F.smooth_l1_loss)
class SmoothL1Loss(Loss):
    """d² / (2 beta) where |d| <= beta, else |d| - beta / 2, averaged over all elements; d = prediction - target.

    >>> nn.SmoothL1Loss()(mg.tensor([0.5, 3.0]), [0.0, 0.0])
    tensor(1.3125)
    """

    reduction: str = "mean"
    beta: float = 1.0


@layer_of(F.kl_div)
class KLDivLoss(Loss):
    """target (log(target) - log_probabilities), averaged over all elements; "batchmean" is the mean divergence.

    >>> nn.KLDivLoss(reduction="batchmean")(mg.tensor([[0.5, 0.5]]).log(), [[0.25, 0.75]]).round(4)
    tensor(0.1308)
    """

    reduction: str = "mean"

    def _check(self) -> None:
        check_kl_reduction(self.reduction)
