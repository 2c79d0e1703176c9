"""The cross entropies of classes, on logits and on probabilities, and their gradients."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from minigrad.core.conversion import contiguous, read_only
from minigrad.core.primitive import REALS, primitive
from minigrad.core.reachability import ELEMENTWISE, ROWS
from minigrad.errors import TargetError
from minigrad.ops.elementwise import inexact, logistic
from minigrad.ops.fused import NARROW, shifted_down, softmax_pullback
from minigrad.ops.products import rows

__all__ = ["sigmoid_cross_entropy"]

# -- cross entropy ------------------------------------------------------------------------------


def _is_sparse(x: Any, target: Any) -> bool:
    """Whether the target holds one class number per row, rather than a probability per class."""
    return len(target.shape) < len(x.shape)


def label_rows(labels: Any, classes: int, dtype: Any) -> Any:
    """Class numbers (...) as rows (..., classes) of zeros with a single 1."""
    return (labels[..., None] == np.arange(classes)).astype(dtype)


@functools.lru_cache(maxsize=64)
def _counting(count: int) -> np.ndarray:
    """0, 1, 2, ...: one read-only array for every call with as many samples."""
    return read_only(np.arange(count))


def _cross_entropy(x: Any, target: Any, reduction: str = "mean") -> tuple[Any, Any]:
    """The losses, and softmax(x) - target, both from one pass over classes-first copies."""
    x = inexact(x)
    if x.dtype.char == "e":
        loss, error = _cross_entropy(x.astype(np.float32), target, reduction)
        return loss.astype(np.float16), error.astype(np.float16)
    flat, classes = rows(x), x.shape[-1]
    if not classes:  # of no classes there are no rows: a label would have to be one of them
        losses = np.zeros(x.shape[:-1], x.dtype)
        return losses if reduction == "none" else np.add.reduce(losses, None), x
    first = contiguous(flat.T if classes <= NARROW else flat)
    axis = 0 if classes <= NARROW else 1
    shifted = shifted_down(first, axis)
    e = np.exp(shifted)
    total = np.add.reduce(e, axis, keepdims=True)
    e /= total  # e is new here and now the softmax
    if _is_sparse(x, target):
        labels, samples = target.reshape(-1), _counting(flat.shape[0])
        # The label's places in memory: one index into a flat array costs half of two into a matrix.
        at = samples * classes + labels if axis else labels * flat.shape[0] + samples
        losses = np.log(total.reshape(-1)) - shifted.reshape(-1)[at]
        e.reshape(-1)[at] = np.expm1(-losses)  # softmax - 1 at the label, where the softmax is exp(-loss)
    else:
        weights = target.astype(x.dtype).reshape(flat.shape)
        weights = weights if axis else weights.T
        mass = np.add.reduce(weights, axis, keepdims=True)
        # A class of weight 0 contributes nothing, also when its logit is -inf.
        taken = np.where(weights == 0, 0, shifted)
        losses = (np.log(total) * mass - np.add.reduce(weights * taken, axis, keepdims=True)).reshape(-1)
        e = e * mass - weights
    error = (e if axis else e.T).reshape(x.shape)
    if reduction == "none":
        return losses.reshape(x.shape[:-1]), error
    summed = np.add.reduce(losses)
    return (summed / _samples(x) if reduction == "mean" else summed), error


def _samples(x: Any) -> int:
    count = x.size // x.shape[-1] if x.shape[-1] else 0
    if not count:
        raise TargetError(f"the mean loss of no samples at all (logits of shape {x.shape}): skip empty batches")
    return count


def _target_rows(target: Any, z: Any) -> Any:
    return label_rows(target, z.shape[-1], z.dtype) if _is_sparse(z, target) else target.astype(z.dtype)


def _error_pullback(g: Any, z: Any, target: Any) -> Any:
    weights = _target_rows(target, z)
    mass = np.sum(weights, -1, keepdims=True)
    return mass * softmax_pullback(g, (z + weights) / np.where(mass == 0, 1, mass), -1)


softmax_error = primitive(
    lambda x, target: _cross_entropy(x, target, "none")[1], lambda g, z, target: _error_pullback(g, z, target),
    name="softmax_error", analytic=True,
    doc="softmax(x) * sum(target) - target: the gradient of the cross entropy of logits x.",
)


def _each(g: Any, error: Any, reduction: str) -> Any:
    """The gradient of each row's loss as a column: divided by the number of rows for a mean."""
    if reduction == "none":
        return np.expand_dims(g, -1)
    return g * (1 / _samples(error)) if reduction == "mean" else g


unchecked_cross_entropy = primitive(
    _cross_entropy, lambda g, error, target, reduction: _each(g, error, reduction) * error,
    name="softmax_cross_entropy", residuals={"error": softmax_error}, analytic=True, real=True, flow=ROWS,
    doc="-sum(target * log(softmax(x))) over the last axis, given class indices or any weight >= 0 per class.",
)


def _sigmoid_cross_entropy(x: Any, target: Any) -> Any:
    # max(x, 0) - x t + log(1 + exp(-|x|)): no exp of a large number, no log of 0 (and |x| by its
    # real part, so that it stays analytic away from 0).
    size = np.where(np.real(x) < 0, -x, x)
    return np.where(np.real(x) < 0, 0, x) - x * target + np.log1p(np.exp(-size))


def _sigmoid_error(x: Any, target: Any) -> Any:
    """sigmoid(x) - target, also where both are near 1."""
    return (1 - target) * logistic(x) - target * logistic(-x)


sigmoid_cross_entropy = primitive(
    _sigmoid_cross_entropy,
    lambda g, x, target: g * _sigmoid_error(x, target),
    lambda g, x: -(g * x),
    analytic=True, real=True, flow=ELEMENTWISE,
    doc="-t log(sigmoid(x)) - (1 - t) log(1 - sigmoid(x)) for each element: exact for any finite logits x.",
)

# -- two classes by their probabilities ---------------------------------------------------------

#: No logarithm of a probability counts as less than this, as in PyTorch.
LOWEST_LOG = -100.0


def _logs(p: Any) -> tuple[Any, Any]:
    """log(p) and log(1 - p), both limited."""
    with np.errstate(divide="ignore"):  # the logarithm of 0 is limited like all others
        return np.maximum(np.log(p), LOWEST_LOG), np.maximum(np.log1p(-p), LOWEST_LOG)


def _bernoulli_cross_entropy(p: Any, target: Any) -> Any:
    positive, negative = _logs(p)
    return -(target * positive + (1 - target) * negative)


def _bernoulli_slope(p: Any, target: Any) -> Any:
    """(1 - target) / (1 - p) - target / p, with denominators of at least 1e-12: so that no gradient ends."""
    least = max(1e-12, float(np.finfo(p.dtype).tiny))
    both = p * (1 - p)
    at_ends = (1 - target) / np.maximum(1 - p, least) - target / np.maximum(p, least)
    return np.where(both > least, (p - target) / np.maximum(both, least), at_ends)  # the first is exact near p = target


def _log_odds(p: Any) -> Any:
    positive, negative = _logs(p)
    return positive - negative


bernoulli_cross_entropy = primitive(
    _bernoulli_cross_entropy,
    lambda g, p, target: g * _bernoulli_slope(p, target), lambda g, p: -(g * _log_odds(p)),
    domain=((0.0, 1.0), REALS), real=True, flow=ELEMENTWISE,
    doc="-t log(p) - (1 - t) log(1 - p) for each element, with logarithms of at least -100. The gradient with respect "
    "to p is (1 - t) / (1 - p) - t / p with denominators of at least 1e-12: large at 0 and 1 where they are wrong.",
)
