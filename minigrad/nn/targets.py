"""Predictions and targets of losses, checked to fit together."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minigrad.core.checks import finite, is_whole, lies_between
from minigrad.core.conversion import as_array, detached, numbers_of
from minigrad.core.inplace import seen
from minigrad.core.members import everywhere, is_true
from minigrad.core.stands import shown
from minigrad.core.tensor import Tensor
from minigrad.errors import AmbiguousAxisWarning, DTypeError, GraphError, HyperparameterError, ShapeError, TargetError
from minigrad.nn.batch_weight import noted, nothing_counts
from minigrad.ops.along import given, require_real
from minigrad.support.user_warnings import warn

REDUCTIONS = ("mean", "sum", "none")

_INTP, _UINTP = np.dtype(np.intp), np.dtype(np.uintp)


def class_target(prediction: Any, target: Any) -> Any:
    """Labels for ``prediction`` (..., classes): indices of shape (...), or probabilities of its shape.

    Labels become ``intp``: an unsigned dtype would wrap where one is subtracted. Raises
    ``DTypeError`` for labels of a float dtype, ``TargetError`` for labels that are out of range or
    too many or too few, ``ShapeError`` for probabilities of another shape.
    """
    array, shape = target, prediction.shape
    if type(array) is not np.ndarray:
        if getattr(target, "requires_grad", False):
            raise GraphError(
                "the target of a classification loss has no gradient here: write target.detach() to leave it out on "
                "purpose"
            )
        array = as_array(detached(target))
    if not shape:
        raise ShapeError("a prediction has the shape (..., classes), got a 0-d one")
    if array.ndim == len(shape):
        return _probabilities(array, shape)
    if array.dtype.kind not in "iu":
        raise DTypeError(
            f"class labels are integers, got dtype {array.dtype}: write y.astype(int), or pass probabilities "
            f"of shape {shape}"
        )
    if array.shape != shape[:-1]:
        raise TargetError(
            f"one label for each row of the prediction: expected shape {shape[:-1]} for predictions of shape {shape}, "
            f"got {array.shape}{on_axis_1(array.shape, shape)}"
        )
    labels = array if array.dtype is _INTP else array.astype(_INTP, copy=False)
    # Seen as unsigned, a negative label is huge: one pass finds both kinds of stray label.
    if labels.size and is_true(np.maximum.reduce(labels.view(_UINTP), None) >= shape[-1], np.any):
        labels = shown(labels)
        stray = labels[(labels < 0) | (labels >= shape[-1])]
        raise TargetError(
            f"labels run from 0 to {shape[-1] - 1} for {shape[-1]} classes, got {stray[0]}"
            + (f" and {stray.size - 1} more out of range" if stray.size > 1 else "")
        )
    return labels


def _probabilities(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if array.shape != shape:
        hint = "; labels are one axis shorter: write y.reshape(-1)" if array.shape[-1:] == (1,) else ""
        hint = on_axis_1(array.shape, shape) or hint
        raise ShapeError(
            f"one-hot labels have the prediction's shape {shape}, integer labels {shape[:-1]}; got {array.shape}{hint}"
        )
    if array.dtype.kind not in "fiub" or not everywhere(array >= 0) or not _sums_to_1(array, -1):
        hint = AXIS_1 if array.dtype.kind in "fiub" and array.ndim > 2 and _sums_to_1(array, 1) else ""
        raise TargetError(f"each row of one-hot labels or class probabilities holds numbers >= 0 that sum to 1{hint}")
    return array


# -- where the classes are ------------------------------------------------------------------------

#: What to write where the classes are elsewhere.
AXIS_1 = "; where the classes lie along axis 1, as in PyTorch, pass axis=1"


def classes_last(loss: str, prediction: Any, target: Any, axis: int | None) -> tuple[Any, Any]:
    """Prediction and target with the classes on the last axis, where they are if ``axis`` is None.

    Warns with ``AmbiguousAxisWarning`` where ``axis`` is None and axis 1 would fit as well as the last.
    """
    shape = prediction.shape  # np.shape would go by way of a protocol, which takes 5 µs
    if axis is None:
        if len(shape) > 2 and shape[1] == shape[-1] != 1 and _fits_axis_1(shape, target):
            warn(
                f"{loss}: a prediction of shape {shape} and a target of shape {np.shape(target)} fit with the classes "
                "along the last axis and along axis 1. Taken is the last; pass axis=1 for the other, as in PyTorch, or "
                "axis=-1",
                AmbiguousAxisWarning,
            )
        return prediction, target
    axis = normalize_axis_index(axis, len(shape))
    if axis == len(shape) - 1:
        return prediction, target
    if len(np.shape(target)) == len(shape):
        target = np.moveaxis(target, axis, -1)
    return np.moveaxis(prediction, axis, -1), target


def _fits_axis_1(shape: tuple[int, ...], target: Any) -> bool:
    """Whether a target fits a prediction whose last axis and axis 1 are as long, with the classes along either."""
    array: np.ndarray = as_array(detached(target))
    if array.ndim < len(shape):
        return array.shape == shape[:-1] == (shape[0], *shape[2:])
    return array.shape == shape and array.dtype.kind in "fiub" and all(_sums_to_1(array, axis) for axis in (1, -1))


def _sums_to_1(array: np.ndarray, axis: int) -> bool:
    return is_true(np.allclose(np.sum(array, axis), 1, atol=1e-3), np.all)


def on_axis_1(target: tuple[int, ...], prediction: tuple[int, ...]) -> str:
    """The addition to an error where labels fit a prediction with its classes along axis 1."""
    return AXIS_1 if len(prediction) > 2 and target == (prediction[0], *prediction[2:]) else ""


def check_reduction(reduction: str) -> None:
    """Raise ``HyperparameterError`` for a reduction that is none of "mean", "sum" and "none"."""
    if reduction not in REDUCTIONS:
        raise HyperparameterError(f"reduction={reduction!r}: expected one of {', '.join(map(repr, REDUCTIONS))}")


# -- of all losses ---------------------------------------------------------------------------------


def floating(prediction: Any, loss: str, also_complex: bool = False) -> Any:
    """A prediction with a shape and a floating dtype; lists become arrays. Raises ``DTypeError``."""
    prediction = given(prediction)
    kind = prediction.dtype.kind
    if kind not in "fc":
        raise DTypeError(
            f"{loss} takes predictions of a floating dtype, got {prediction.dtype}: write .astype('float32')"
        )
    if kind == "c" and not also_complex:
        require_real(loss, prediction)
    return prediction


def between_0_and_1(target: Any, loss: str, what: str = "targets", hint: str = "") -> None:
    """Raise ``TargetError`` for a target outside [0, 1], or NaN."""
    values = as_array(seen(target) if isinstance(target, Tensor) else target)
    if not everywhere((values >= 0) & (values <= 1)):
        values = shown(values)
        raise TargetError(
            f"{loss} takes {what} between 0 and 1, got values from {values.min()} to {values.max()}{hint}"
        )


def same_shape(prediction: Any, target: Any, loss: str) -> None:
    """Raise ``ShapeError`` unless both shapes are equal: (N, 1) and (N,) would broadcast to (N, N)."""
    expected, got = prediction.shape, np.shape(target)
    if expected != got:
        raise ShapeError(
            f"{loss} compares element with element: the prediction has shape {expected}, the target {got}; "
            f"write target.reshape({', '.join(map(str, expected))}) if it holds the same elements"
        )


def check_label_smoothing(share: float) -> float:
    """The share that goes to all classes. Raises ``HyperparameterError`` unless it is in [0, 1)."""
    if not lies_between(share, 0, 1) or share == 1:
        raise HyperparameterError(f"label_smoothing is a number in [0, 1), such as 0.1; got {share!r}")
    return share


def check_ignore_index(owner: str, label: Any) -> int | None:
    """The label of rows that do not count. Raises ``HyperparameterError`` unless it is an int or None."""
    if not (label is None or is_whole(label)):
        raise HyperparameterError(f"{owner}: ignore_index is a label such as -1, or None; got {label!r}")
    return None if label is None else int(label)


def check_axis(owner: str, axis: Any) -> int | None:
    """The axis of the classes. Raises ``HyperparameterError`` unless it is an int or None."""
    if not (axis is None or is_whole(axis)):
        raise HyperparameterError(
            f"{owner}: axis is that of the classes, such as 1, or None for the last; got {axis!r}"
        )
    return None if axis is None else int(axis)


def check_positive(loss: str, name: str, value: Any) -> Any:
    """The value of a hyperparameter. Raises ``HyperparameterError`` unless it is a finite number above 0."""
    if not finite(loss, name, value, 0) > 0:
        raise HyperparameterError(f"{loss}: {name} is a finite number above 0, such as 1.0; got {value!r}")
    return value


def check_kl_reduction(reduction: str) -> None:
    """Raise ``HyperparameterError`` for a reduction that ``kl_div`` does not know."""
    if reduction not in ("mean", "batchmean", "sum", "none"):
        raise HyperparameterError(
            f"kl_div: reduction={reduction!r}: expected one of 'mean', 'batchmean', 'sum', 'none'"
        )


def constant(loss: str, name: str, value: Any, dtype: Any) -> Any:
    """The weights of a loss as an array of this dtype. Raises ``GraphError`` where it asks for a gradient."""
    if getattr(value, "requires_grad", False):
        raise GraphError(f"{loss}: the {name} has no gradient here: write {name}.detach() to leave it out on purpose")
    if np.iscomplexobj(value):
        raise DTypeError(f"{loss}: the {name} is of real numbers, got {value!r:.80}")
    # The data of a Tensor rather than an array: while a step is recorded, the two can be told apart.
    tensor = value if isinstance(value, Tensor) else Tensor(value)
    return seen(tensor).astype(dtype, copy=False)


def class_weights(loss: str, weight: Any, prediction: Any) -> Any:
    """One number for each class, as an array. Raises ``ShapeError``."""
    weight, classes = constant(loss, "weight", weight, prediction.dtype), prediction.shape[-1]
    if weight.shape != (classes,):
        hint = AXIS_1 if len(prediction.shape) > 2 and weight.shape == prediction.shape[1:2] else ""
        raise ShapeError(
            f"{loss}: the weight has one number for each class, shape ({classes},) for predictions of shape "
            f"{prediction.shape}; got {weight.shape}{hint}"
        )
    return weight


def in_dtype_of(prediction: Any, target: Any) -> Any:
    """A plain target in the prediction's dtype, so that integers do not promote float32 to float64.

    Raises ``DTypeError`` for complex targets of real predictions, which would lose their imaginary part.
    """
    target = target if isinstance(target, Tensor) else as_array(target)
    if target.dtype.kind == "c" and prediction.dtype.kind != "c":
        raise DTypeError(
            f"the target is complex and the prediction of dtype {prediction.dtype}: compare target.real and "
            f"target.imag, or make the prediction complex with astype({target.dtype.name!r})"
        )
    if isinstance(target, Tensor):
        return target if target.dtype.kind in "fc" else target.astype(prediction.dtype)
    if type(target) is np.ndarray:
        return numbers_of(target, prediction.dtype)
    return target.astype(prediction.dtype, copy=False)


def reduced(losses: Any, reduction: str) -> Any:
    """The mean or the sum of losses, or each of them. Raises ``TargetError`` for the mean of none at all."""
    if reduction == "none":
        return losses
    count = int(losses.size)
    if reduction == "sum":
        return noted(np.sum(losses), count, is_sum=True)
    if not count:
        nothing_counts(f"the mean loss of no samples at all (shape {losses.shape}): skip empty batches")
        return noted(np.sum(losses), 0)
    return noted(np.mean(losses), count)
