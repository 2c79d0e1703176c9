"""Losses of classes: predictions (..., classes) against labels (...), or two classes element by element."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad import ops
from minigrad.core.checks import finite
from minigrad.core.conversion import as_array, detached
from minigrad.core.failures import named
from minigrad.core.members import everywhere, for_all, is_true
from minigrad.core.stands import shown
from minigrad.errors import HyperparameterError, ShapeError, TargetError
from minigrad.nn.batch_weight import is_heard, noted, nothing_counts
from minigrad.nn.targets import (
    between_0_and_1,
    check_ignore_index,
    check_label_smoothing,
    check_reduction,
    class_target,
    class_weights,
    classes_last,
    constant,
    floating,
    in_dtype_of,
    reduced,
    same_shape,
)
from minigrad.ops.activations import softplus
from minigrad.ops.along import given, narrowed, widened
from minigrad.ops.cross_entropies import bernoulli_cross_entropy, label_rows, unchecked_cross_entropy

__all__ = ["accuracy", "binary_cross_entropy", "binary_cross_entropy_with_logits"]
__all__ += ["categorical_cross_entropy", "cross_entropy", "hinge_embedding_loss", "multi_margin_loss", "nll_loss"]

# -- one of several classes ---------------------------------------------------------------------


def softmax_cross_entropy(x: Any, target: Any, reduction: str = "mean") -> Any:
    """-sum(target * log(softmax(x))) over the last axis, the classes: exact for any finite logits x.

    ``x`` (..., classes); ``target`` integers (...) or probabilities (..., classes); ``reduction`` is
    "mean", "sum" or "none" over the rows. Raises ``TargetError``, ``DTypeError`` or ``ShapeError`` for
    targets that do not fit, ``HyperparameterError`` for another reduction.

    >>> mg.softmax_cross_entropy(mg.tensor([[2.0, 0.0], [0.0, 2.0]]), [0, 0]).round(4)
    tensor(1.1269)
    """
    check_reduction(reduction)
    x = given(x)
    return unchecked_cross_entropy(x, class_target(x, target), reduction)


@named
def cross_entropy(
    logits: Any,
    target: Any,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
    weight: Any = None,
    ignore_index: int | None = None,
    *,
    axis: int | None = None,
) -> Any:
    """-sum_c t_c log softmax(logits)_c for each row, exact for any finite logits.

    ``logits`` (..., classes); ``target`` integers (...) or probabilities (..., classes). The classes are on the last
    axis unless ``axis`` says where: axis=1 for PyTorch's (N, C, H, W). Where None would fit both,
    ``AmbiguousAxisWarning`` says which it took. The result is
    a scalar for ``reduction`` "mean" and "sum", of shape (...) for "none". ``label_smoothing`` s in
    [0, 1) moves s of the target's weight to all classes evenly (Szegedy et al., 2016). ``weight`` (classes,)
    multiplies each t_c; the mean over integer labels is then divided by the sum of the labels' weights. Rows
    with the label ``ignore_index`` (in PyTorch -100 by default, here none) have the loss 0 and do not count.

    >>> F = mg.nn.functional
    >>> F.cross_entropy(mg.tensor([[2.0, 0.0], [0.0, 2.0]]), [0, 1]).item()
    0.126928...

    Raises ``TargetError``, ``DTypeError`` or ``ShapeError`` for targets that do not fit, and ``TargetError``
    for a mean over rows that are all ignored.
    """
    logits = floating(logits, "cross_entropy")
    shape = logits.shape
    if axis is not None or len(shape) > 2:
        logits, target = classes_last("cross_entropy", logits, target, axis)
    if 0 in shape and reduction == "mean":
        nothing_counts(f"the mean loss of no samples at all (logits of shape {logits.shape}): skip such batches")
        return noted(np.sum(logits), 0)
    if label_smoothing:
        check_label_smoothing(label_smoothing)
    elif weight is None and ignore_index is None:  # as most often: its checks are those of all others
        check_reduction(reduction)
        loss = unchecked_cross_entropy(logits, class_target(logits, target), reduction)
        return _with_count(loss, logits, reduction) if is_heard() else loss
    ignore_index = check_ignore_index("cross_entropy", ignore_index)
    check_reduction(reduction)
    weight = None if weight is None else class_weights("cross_entropy", weight, logits)
    labels, counted = _labels(logits, target, ignore_index)
    sparse = labels.ndim < len(logits.shape)
    shares = _shares(labels, counted, weight, logits.dtype) if sparse else None
    if sparse and not label_smoothing:
        return _weighted(softmax_cross_entropy(logits, labels, "none"), shares, reduction)
    classes = logits.shape[-1]
    rows = label_rows(labels, classes, logits.dtype) if sparse else labels.astype(logits.dtype)
    if label_smoothing:
        rows = (1 - label_smoothing) * rows + label_smoothing / classes
    rows = rows if weight is None else rows * weight
    if weight is not None and not sparse:  # a row of weight 0 counts as little as an ignored one
        counted = np.any(detached(rows) != 0, -1)
    total, count = _total(shares) if shares is not None and reduction == "mean" else (None, None)
    if counted is None:
        if total is None:
            return _with_count(unchecked_cross_entropy(logits, rows, reduction), logits, reduction)
        return noted(unchecked_cross_entropy(logits, rows / total, "sum"), count)
    losses = np.where(counted, unchecked_cross_entropy(logits, rows, "none"), 0)
    if total is None:
        return _with_count(reduced(losses, reduction), logits, reduction)
    return noted(np.sum(losses) / total, count)


@named
def nll_loss(
    log_probabilities: Any,
    target: Any,
    reduction: str = "mean",
    weight: Any = None,
    ignore_index: int | None = None,
    *,
    axis: int | None = None,
) -> Any:
    """-log_probabilities[target] for each row: what ``cross_entropy`` is on the outputs of ``log_softmax``.

    ``log_probabilities`` (..., classes), ``target`` integers (...); options and errors as in ``cross_entropy``.

    >>> F.nll_loss(mg.tensor([[0.0, 1.0]]).log_softmax(axis=1), [1]).round(4)
    tensor(0.3133)
    """
    check_reduction(reduction)
    x = floating(log_probabilities, "nll_loss")
    x, target = classes_last("nll_loss", x, target, axis)
    weight = None if weight is None else class_weights("nll_loss", weight, x)
    ignore_index = check_ignore_index("nll_loss", ignore_index)
    labels, counted = _labels(x, target, ignore_index)
    losses = -_at_label("nll_loss", x, labels)[..., 0]
    return _weighted(losses, _shares(labels, counted, weight, x.dtype), reduction)


@named
def multi_margin_loss(
    scores: Any, target: Any, reduction: str = "mean", p: int = 1, margin: float = 1.0, *, axis: int | None = None
) -> Any:
    """sum_c max(0, margin - scores[target] + scores[c])^p / classes over the other classes c, for each row.

    ``scores`` (..., classes), ``target`` integers (...), ``p`` 1 or 2: the multi-class hinge loss (Crammer and Singer,
    2001; Weston and Watkins, 1999). At the kink the gradient is 0. ``axis`` and errors as in ``cross_entropy``.

    >>> F.multi_margin_loss(mg.tensor([[2.0, 1.5, 0.0]]), [0]).round(4)
    tensor(0.1667)
    """
    check_reduction(reduction)
    if p not in (1, 2):
        raise HyperparameterError(f"multi_margin_loss: p is 1 or 2, got {p!r}")
    finite("multi_margin_loss", "margin", margin)
    x = floating(scores, "multi_margin_loss")
    x, target = classes_last("multi_margin_loss", x, target, axis)
    labels = class_target(x, target)
    if not x.shape[-1]:
        return reduced(np.sum(x, -1), reduction)  # there are no rows, as a label would be one of the classes
    hinges = widened(ops.relu(margin - _at_label("multi_margin_loss", x, labels) + x))
    others = 1 - label_rows(labels, x.shape[-1], x.dtype)
    return narrowed(reduced(np.mean((hinges if p == 1 else np.square(hinges)) * others, -1), reduction), x)


def _labels(prediction: Any, target: Any, ignore_index: int | None) -> tuple[Any, Any]:
    """The target, checked, with some class in the place of ``ignore_index``; and which rows are kept, or None."""
    if ignore_index is None:
        return class_target(prediction, target), None
    array = as_array(detached(target))
    if array.ndim == len(prediction.shape):
        raise HyperparameterError("ignore_index goes with integer labels: rows of probabilities have none")
    ignored = array == ignore_index
    return class_target(prediction, np.where(ignored, 0, array)), np.logical_not(ignored)


def _at_label(loss: str, x: Any, labels: Any) -> Any:
    """The elements (..., 1) of x (..., classes) at the labels (...)."""
    if labels.ndim == len(x.shape):
        raise ShapeError(f"{loss} takes integer labels of shape {x.shape[:-1]}, got probabilities of shape {x.shape}")
    return np.take_along_axis(x, labels[..., None], -1)


def _shares(labels: Any, kept: Any, weight: Any, dtype: Any) -> Any:
    """How much each row counts, or None where all count alike."""
    if weight is None:
        return None if kept is None else kept.astype(dtype)
    shares = for_all(np.take, weight, labels)
    return shares if kept is None else shares * kept


def _with_count(loss: Any, logits: Any, reduction: str) -> Any:
    """A loss in which every row counts 1."""
    if reduction == "none" or not is_heard():
        return loss
    return noted(loss, math.prod(logits.shape[:-1]), reduction == "sum")


def _total(shares: Any) -> tuple[Any, Any]:
    """What a mean is divided by, and how much its rows count."""
    total = np.sum(shares)
    if is_true(total > 0, np.all):
        return total, total
    if not is_true(total >= 0, np.all):
        raise HyperparameterError(
            f"the weights of classes are finite numbers from 0 on: those of these labels sum to {shown(total)}"
        )
    nothing_counts(
        "the mean loss of rows that count nothing: every label is ignore_index, or of a class of weight 0; skip "
        'such batches, or take reduction="sum"'
    )
    return (1, 0) if getattr(total, "batch", None) is None else (np.where(total > 0, total, 1), total)


def _weighted(losses: Any, shares: Any, reduction: str) -> Any:
    if shares is None:
        return reduced(losses, reduction)
    # A row that does not count is left out also where its loss is infinite or NaN.
    if reduction == "mean":
        total, count = _total(shares)
        return noted(np.sum(np.where(shares == 0, 0, losses) * (shares / total)), count)
    return reduced(np.where(shares == 0, 0, losses) * shares, reduction)


#: Probabilities are kept this far from 0 and 1, as in the notebook, so that no logarithm is infinite.
CLIP = 1e-7


@named
def categorical_cross_entropy(
    probabilities: Any, target: Any, reduction: str = "mean", *, axis: int | None = None
) -> Any:
    """-sum_c t_c log(p_c) for each row, with p clipped to [1e-7, 1 - 1e-7].

    ``probabilities`` (..., classes), as softmax gives them; ``target`` and ``axis`` as in ``cross_entropy``, which
    is the better choice on logits. The gradient is that of the logarithm at the clipped p, also where the clip acts: a
    class of probability 0 that is right is not lost.

    >>> F.categorical_cross_entropy(mg.tensor([[0.7, 0.3], [0.4, 0.6]]), [0, 1]).round(4)
    tensor(0.4338)
    """
    check_reduction(reduction)
    probabilities = floating(probabilities, "categorical_cross_entropy")
    probabilities, target = classes_last("categorical_cross_entropy", probabilities, target, axis)
    target = class_target(probabilities, target)
    if not probabilities.shape[-1]:
        return reduced(np.sum(probabilities, -1), reduction)  # there are no rows
    low = max(CLIP, float(np.finfo(probabilities.dtype).tiny))  # that of float16 is larger
    values = detached(probabilities)
    clipped = probabilities + (np.clip(values, low, 1 - CLIP) - values)
    if target.ndim < len(probabilities.shape):
        picked = np.reshape(clipped, (-1, probabilities.shape[-1]))[np.arange(target.size), target.reshape(-1)]
        return reduced(np.reshape(-np.log(picked), target.shape), reduction)
    return reduced(-np.log(np.sum(clipped * target.astype(clipped.dtype), -1)), reduction)


# -- two classes --------------------------------------------------------------------------------


@named
def binary_cross_entropy_with_logits(logits: Any, target: Any, reduction: str = "mean", pos_weight: Any = None) -> Any:
    """-w t log sigmoid(x) - (1 - t) log(1 - sigmoid(x)), exact for any finite logits x; t in [0, 1].

    ``logits`` and ``target`` have one shape. ``pos_weight`` w, which broadcasts to it, says how much a positive counts
    (1 unless given): negatives / positives balances two classes.

    >>> F.binary_cross_entropy_with_logits(mg.tensor([2.0, -1.0]), [1.0, 0.0]).round(4)
    tensor(0.2201)
    """
    check_reduction(reduction)
    logits = floating(logits, "binary_cross_entropy_with_logits")
    same_shape(logits, target, "binary_cross_entropy_with_logits")
    between_0_and_1(target, "binary_cross_entropy_with_logits")
    target = in_dtype_of(logits, target)
    if pos_weight is None:
        return reduced(ops.sigmoid_cross_entropy(logits, target), reduction)
    weight = constant("binary_cross_entropy_with_logits", "pos_weight", pos_weight, logits.dtype)
    sizes = weight.shape
    if len(sizes) > len(logits.shape) or any(
        n not in (1, m) for n, m in zip(sizes[::-1], logits.shape[::-1], strict=False)
    ):
        raise ShapeError(f"pos_weight broadcasts to the logits' shape {logits.shape}, got {sizes}")
    return reduced(weight * target * softplus(-logits) + (1 - target) * softplus(logits), reduction)


@named
def binary_cross_entropy(probabilities: Any, target: Any, reduction: str = "mean") -> Any:
    """-t log(p) - (1 - t) log(1 - p) for probabilities p and targets t of one shape, both in [0, 1].

    A logarithm is at least -100, and in the gradient (1 - t) / (1 - p) - t / p a denominator is at least 1e-12: where
    0 or 1 is wrong, it is large (PyTorch has the same limits). On logits, ``binary_cross_entropy_with_logits`` is
    exact. Raises ``TargetError`` for numbers outside [0, 1].

    >>> F.binary_cross_entropy(mg.tensor([0.9, 0.2]), [1.0, 0.0]).round(4)
    tensor(0.1643)
    """
    check_reduction(reduction)
    p = floating(probabilities, "binary_cross_entropy")
    same_shape(p, target, "binary_cross_entropy")
    between_0_and_1(target, "binary_cross_entropy")
    hint = ": for logits there is binary_cross_entropy_with_logits"
    between_0_and_1(p, "binary_cross_entropy", "probabilities", hint)
    return reduced(bernoulli_cross_entropy(p, in_dtype_of(p, target)), reduction)


@named
def hinge_embedding_loss(x: Any, target: Any, reduction: str = "mean", margin: float = 1.0) -> Any:
    """x where the target is 1, max(0, margin - x) where it is -1: for distances x of pairs that are alike or not.

    Both have one shape. At the kink the gradient is 0. Raises ``TargetError`` for targets other than 1 and -1.

    >>> F.hinge_embedding_loss(mg.tensor([0.5, 0.5]), [1.0, -1.0])
    tensor(0.5)
    """
    check_reduction(reduction)
    finite("hinge_embedding_loss", "margin", margin)
    x = floating(x, "hinge_embedding_loss")
    same_shape(x, target, "hinge_embedding_loss")
    signs = constant("hinge_embedding_loss", "target", target, x.dtype)
    if not everywhere((signs == 1) | (signs == -1)):
        raise TargetError(
            "hinge_embedding_loss takes targets 1 (alike) and -1 (not alike): write 2 * y - 1 for 0 and 1"
        )
    return reduced(np.where(signs == 1, x, ops.relu(margin - x)), reduction)


# -- a measure ----------------------------------------------------------------------------------


@named
def accuracy(prediction: Any, target: Any, *, axis: int | None = None) -> float:
    """The share of rows (..., classes) whose largest element is at the target's class.

    ``prediction`` may hold logits or probabilities; ``target`` and ``axis`` as in ``cross_entropy``. A row with a NaN
    is no hit.

    >>> F.accuracy(mg.tensor([[2.0, 0.0], [0.0, 2.0]]), [0, 0])
    0.5
    """
    prediction = prediction if hasattr(prediction, "argmax") else np.asarray(prediction)
    prediction, target = classes_last("accuracy", prediction, target, axis)
    labels = class_target(prediction, target)
    if labels.ndim == len(prediction.shape):
        labels = labels.argmax(-1)
    hits = prediction.argmax(-1) == labels
    scores = as_array(detached(prediction))
    if labels.size and is_true(np.isnan(np.maximum.reduce(scores, None))):
        hits = hits & ~np.isnan(np.max(scores, -1))
    share: float = (np.sum(hits) / max(labels.size, 1)).item()  # a number that a program knows too
    return share
