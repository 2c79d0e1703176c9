"""Losses of numbers: what compares a prediction with a target element by element, as functions of tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core.conversion import as_array
from minigrad.core.failures import named
from minigrad.core.inplace import seen
from minigrad.core.members import everywhere
from minigrad.core.stands import shown
from minigrad.core.tensor import Tensor
from minigrad.errors import TargetError
from minigrad.nn.batch_weight import noted
from minigrad.nn.targets import (
    check_kl_reduction,
    check_positive,
    check_reduction,
    floating,
    in_dtype_of,
    reduced,
    same_shape,
)
from minigrad.ops.along import narrowed, widened

__all__ = ["huber_loss", "kl_div", "l1_loss", "mse_loss", "smooth_l1_loss"]


def _pair(loss: str, prediction: Any, target: Any, reduction: str, also_complex: bool = False) -> tuple[Any, Any]:
    """Both in the prediction's dtype, of one shape."""
    check_reduction(reduction)
    prediction = floating(prediction, loss, also_complex)
    same_shape(prediction, target, loss)
    return prediction, in_dtype_of(prediction, target)


@named
def mse_loss(prediction: Any, target: Any, reduction: str = "mean") -> Any:
    """(prediction - target)², over all elements; both of one shape.

    >>> F.mse_loss(mg.tensor([1.0, 2.0]), [0.0, 4.0], "none")
    tensor([1., 4.])
    """
    prediction, target = _pair("mse_loss", prediction, target, reduction)
    d = prediction - target
    return narrowed(reduced(np.square(widened(d)), reduction), d)


@named
def l1_loss(prediction: Any, target: Any, reduction: str = "mean") -> Any:
    """|prediction - target|, over all elements; both of one shape, real or complex.

    Where they are equal the gradient is 0.

    >>> F.l1_loss(mg.tensor([1.0, 2.0]), [0.0, 4.0], "none")
    tensor([1., 2.])
    """
    prediction, target = _pair("l1_loss", prediction, target, reduction, also_complex=True)
    return reduced(np.abs(prediction - target), reduction)


@named
def huber_loss(prediction: Any, target: Any, reduction: str = "mean", delta: float = 1.0) -> Any:
    """d² / 2 where |d| <= delta, else delta (|d| - delta / 2), with d = prediction - target; both of one shape.

    Source: Huber, Robust estimation of a location parameter, 1964. Raises ``HyperparameterError`` unless delta > 0.

    >>> F.huber_loss(mg.tensor([0.5, 3.0]), [0.0, 0.0])
    tensor(1.3125)
    """
    check_positive("huber_loss", "delta", delta)
    prediction, target = _pair("huber_loss", prediction, target, reduction)
    d = prediction - target
    return narrowed(reduced(_huber(widened(d), delta), reduction), d)


@named
def smooth_l1_loss(prediction: Any, target: Any, reduction: str = "mean", beta: float = 1.0) -> Any:
    """d² / (2 beta) where |d| <= beta, else |d| - beta / 2, with d = prediction - target: Huber's loss / beta.

    Source: Girshick, Fast R-CNN, 2015. Raises ``HyperparameterError`` unless beta > 0 (for 0 there is ``l1_loss``).

    >>> F.smooth_l1_loss(mg.tensor([0.5, 3.0]), [0.0, 0.0])
    tensor(1.3125)
    """
    check_positive("smooth_l1_loss", "beta", beta)
    prediction, target = _pair("smooth_l1_loss", prediction, target, reduction)
    d = prediction - target
    return narrowed(reduced(_huber(widened(d), beta) / beta, reduction), d)


def _huber(d: Any, delta: float) -> Any:
    # With c = d limited to [-delta, delta], both branches are c (d - c / 2), and no branch is taken.
    c = np.clip(d, -delta, delta)
    return c * (d - c / 2)


@named
def kl_div(log_probabilities: Any, target: Any, reduction: str = "mean") -> Any:
    """target (log(target) - log_probabilities), 0 where the target is 0; both of one shape.

    The divergence of Kullback and Leibler, 1951, of the target from the prediction, which is given as logarithms. It
    is the sum over the classes, so ``reduction="batchmean"``, the sum divided by the first size, is the mean of
    divergences (..., classes); "mean" divides by the number of elements, as PyTorch does. Raises ``TargetError`` for a
    negative target.

    >>> F.kl_div(mg.tensor([[0.5, 0.5]]).log(), [[0.25, 0.75]], "batchmean").round(4)
    tensor(0.1308)
    """
    check_kl_reduction(reduction)
    x, t = _pair("kl_div", log_probabilities, target, "none")
    values = as_array(seen(t) if isinstance(t, Tensor) else t)
    if not everywhere(values >= 0):
        raise TargetError(f"kl_div takes target probabilities of at least 0, got {shown(values).min()}")
    some = values > 0
    # Neither the logarithm of 0 nor that of an impossible class is multiplied by a target of 0.
    losses = t * (np.log(np.where(some, t, 1)) - np.where(some, x, 0))
    if reduction == "batchmean":
        count = x.shape[0] if x.shape else 1
        return noted(np.sum(losses) / max(count, 1), count)
    return reduced(losses, reduction)
