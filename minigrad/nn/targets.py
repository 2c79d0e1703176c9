# NEED seen
"""What a loss compares: predictions and targets that fit together, each checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core.checks import is_whole
from minigrad.core.conversion import as_array, shown
from minigrad.core.inplace import seen
from minigrad.core.tensor import Tensor
from minigrad.errors import DTypeError, GraphError, HyperparameterError, ShapeError, TargetError
from minigrad.nn.batch_weight import NothingCountsError, noted
from minigrad.ops.along import given, require_real
from minigrad.ops.targets import AXIS_1


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
    if not ((values >= 0) & (values <= 1)).all():
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
    if not 0 <= share < 1:
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
    if not 0 < value < np.inf:
        raise HyperparameterError(f"{loss}: {name} is a finite number above 0, such as 1.0; got {value!r}")
    return value


def check_kl_reduction(reduction: str) -> None:
    """Raise ``HyperparameterError`` for a reduction that ``kl_div`` does not know."""
    if reduction not in ("mean", "batchmean", "sum", "none"):
        raise HyperparameterError(
            f"kl_div: reduction={reduction!r}: expected one of 'mean', 'batchmean', 'sum', 'none'"
        )


def constant(loss: str, name: str, value: Any, dtype: Any) -> Any:
    """What weighs a loss, as an array of this dtype. Raises ``GraphError`` where it asks for a gradient."""
    if getattr(value, "requires_grad", False):
        raise GraphError(f"{loss}: the {name} has no gradient here: write {name}.detach() to leave it out on purpose")
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
    return target.astype(prediction.dtype, copy=False)


def reduced(losses: Any, reduction: str) -> Any:
    """The mean or the sum of losses, or each of them. Raises ``TargetError`` for the mean of none at all."""
    if reduction == "none":
        return losses
    count = int(losses.size)
    if reduction == "sum":
        return noted(np.sum(losses), count, is_sum=True)
    if not count:
        raise NothingCountsError(f"the mean loss of no samples at all (shape {losses.shape}): skip empty batches")
    return noted(np.mean(losses), count)
