"""Whole expressions as one operation: faster, or more exact, than the parts they are made of.

Beside each stands its composite, the same function written with the parts: it says what the fused
one computes, and the tests hold the two against each other.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minigrad.core.conversion import contiguous
from minigrad.core.primitive import REALS, primitive
from minigrad.core.reachability import ELEMENTWISE
from minigrad.errors import ShapeError, TargetError
from minigrad.ops.along import summable
from minigrad.ops.elementwise import inexact, logistic
from minigrad.ops.products import rows

__all__ = ["log_softmax", "sigmoid_cross_entropy", "softmax"]


def _read_only(array: np.ndarray) -> np.ndarray:
    """The array, locked, because one serves many callers."""
    array.flags.writeable = False
    return array


# -- softmax and its logarithm ------------------------------------------------------------------

# NumPy reduces a short last axis slowly. Up to this length it is several times faster to copy the
# classes to the front, where the reductions run along the samples.
_NARROW = 64


def _along_first(f: Any, x: Any, axis: int) -> Any:
    """``f`` of x along ``axis``, computed along axis 0 of a copy when the axis is short."""
    x = inexact(x)
    if x.dtype.char == "e":  # a sum of many would leave its range
        return _along_first(f, x.astype(np.float32), axis).astype(np.float16)
    axis = normalize_axis_index(axis, x.ndim)
    if not x.size:  # there is no largest element, and nothing to compute
        return np.exp(x)
    if x.ndim < 2 or x.shape[axis] > _NARROW:
        return f(x, axis)
    return np.swapaxes(f(contiguous(np.swapaxes(x, 0, axis)), 0), 0, axis)


def _shifted(x: Any, axis: int) -> Any:
    """x less its maximum, so that exp does not overflow; softmax does not change."""
    with np.errstate(over="ignore"):  # a difference beyond the largest float is -inf, of which exp is 0
        return x - np.maximum.reduce(x.real, axis, keepdims=True)


def _normalised(x: Any, axis: int) -> Any:
    e = np.exp(_shifted(x, axis))
    return e / np.add.reduce(e, axis, keepdims=True)


def _softmax(x: Any, axis: int = -1) -> Any:
    return _along_first(_normalised, x, axis)


def _softmax_pullback(g: Any, p: Any, axis: int) -> Any:
    """The product of g with the Jacobian diag(p) - p pT, without building it."""
    return p * (g - np.sum(g * p, axis, keepdims=True))


softmax = primitive(
    _softmax, lambda g, z, axis: _softmax_pullback(g, z, axis),
    analytic=True, doc="exp(x) / sum(exp(x)) along ``axis``: positive numbers that sum to 1.",
)


def _log_normalised(x: Any, axis: int) -> Any:
    shifted = _shifted(x, axis)
    return shifted - np.log(np.add.reduce(np.exp(shifted), axis, keepdims=True))


def _log_softmax(x: Any, axis: int = -1) -> Any:
    return _along_first(_log_normalised, x, axis)


log_softmax = primitive(
    _log_softmax, lambda g, z, axis: g - np.exp(z) * np.sum(g, axis, keepdims=True),
    analytic=True, doc="log(softmax(x)) along ``axis``, exact where softmax underflows to 0.",
)

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
    return _read_only(np.arange(count))


def _cross_entropy(x: Any, target: Any, reduction: str = "mean") -> tuple[Any, Any]:
    """The losses, and softmax(x) - target, both from one pass over classes-first copies."""
    x = inexact(x)
    if x.dtype.char == "e":
        loss, error = _cross_entropy(x.astype(np.float32), target, reduction)
        return loss.astype(np.float16), error.astype(np.float16)
    flat, classes = rows(x), x.shape[-1]
    first = contiguous(flat.T if classes <= _NARROW else flat)
    axis = 0 if classes <= _NARROW else 1
    shifted = _shifted(first, axis)
    e = np.exp(shifted)
    total = np.add.reduce(e, axis, keepdims=True)
    e /= total  # e is new here and now the softmax
    if _is_sparse(x, target):
        labels, samples = target.reshape(-1), _counting(flat.shape[0])
        # The label's places in memory: one index into a flat array costs half of two into a matrix.
        at = samples * classes + labels if axis else labels * flat.shape[0] + samples
        losses = np.log(total.reshape(-1)) - shifted.reshape(-1)[at]
        e.reshape(-1)[at] = np.expm1(-losses)  # softmax - 1 at the label, of which the softmax is exp(-loss)
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


def _error_of_softmax(x: Any, target: Any) -> Any:
    return _cross_entropy(x, target, "none")[1]


def _target_rows(target: Any, z: Any) -> Any:
    return label_rows(target, z.shape[-1], z.dtype) if _is_sparse(z, target) else target.astype(z.dtype)


def _error_pullback(g: Any, z: Any, target: Any) -> Any:
    weights = _target_rows(target, z)
    mass = np.sum(weights, -1, keepdims=True)
    return mass * _softmax_pullback(g, (z + weights) / np.where(mass == 0, 1, mass), -1)


softmax_error = primitive(
    _error_of_softmax, lambda g, z, target: _error_pullback(g, z, target),
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
    name="softmax_cross_entropy", residuals={"error": softmax_error}, analytic=True, real=True,
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


# -- linear -------------------------------------------------------------------------------------


def _linear(x: Any, weight: Any, bias: Any) -> Any:
    if bias.ndim != 1:
        raise ShapeError(f"the bias of linear has the shape (out_features,), got {bias.shape}: write bias.reshape(-1)")
    product = _all_rows(x, weight.T)
    if product.dtype.kind not in "fc":
        product = _all_rows(summable(x), summable(weight).T)
    if len(x.shape) > 2 and product.dtype == bias.dtype:
        return np.add(product, bias, out=product)  # a second array of this size costs more than the sum
    return product + bias


def _all_rows(x: Any, matrix: Any) -> Any:
    """x @ matrix as one product: NumPy multiplies a stack of matrices one by one."""
    if len(x.shape) <= 2:
        return np.matmul(x, matrix)
    return np.matmul(rows(x), matrix).reshape((*x.shape[:-1], matrix.shape[-1]))


@functools.lru_cache(maxsize=64)
def _ones(count: int, dtype: np.dtype) -> np.ndarray:
    return _read_only(np.ones(count, dtype))


def sum_of_rows(g: Any) -> Any:
    """The sum over all axes but the last, as a product with ones: BLAS sums rows faster than np.sum."""
    flat = rows(g)
    return np.matmul(_ones(flat.shape[0], flat.dtype), flat)


linear = primitive(
    _linear,
    lambda g, weight: _all_rows(g, weight),
    lambda g, x: np.matmul(rows(g).T, rows(x)),
    lambda g: sum_of_rows(g),
    analytic=True,
    doc="x @ weight.T + bias: x of shape (..., in), weight (out, in), bias (out,), the result (..., out).",
)

# -- what the fused operations are made of ------------------------------------------------------


def _logsoftmax_by_parts(x: Any, axis: int = -1) -> Any:
    lifted = x - np.max(x._data, axis, keepdims=True)
    return lifted - np.log(np.sum(np.exp(lifted), axis, keepdims=True))


def _cross_entropy_by_parts(x: Any, target: Any, reduction: str = "mean") -> Any:
    losses = -np.sum(_target_rows(target, x) * _logsoftmax_by_parts(x), -1)
    return losses if reduction == "none" else np.mean(losses) if reduction == "mean" else np.sum(losses)


def _sigmoid_cross_entropy_by_parts(x: Any, target: Any) -> Any:
    p = 1 / (1 + np.exp(-x))
    return -(target * np.log(p) + (1 - target) * np.log(1 - p))


#: The plain function that each fused operation equals, on Tensors.
composites: dict[str, Callable[..., Any]] = {
    "softmax": lambda x, axis=-1: np.exp(_logsoftmax_by_parts(x, axis)),
    "log_softmax": _logsoftmax_by_parts,
    "softmax_cross_entropy": _cross_entropy_by_parts,
    "sigmoid_cross_entropy": _sigmoid_cross_entropy_by_parts,
    "linear": lambda x, weight, bias: np.add(np.matmul(x, np.transpose(weight)), bias),
}
