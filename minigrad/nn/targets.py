"""What a loss compares: predictions and targets that fit together, each checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.arrays import as_array, as_data
from minigrad.errors import DTypeError, HyperparameterError, ShapeError, TargetError
from minigrad.tensor import Tensor


def floating(prediction: Any, loss: str) -> Any:
    """A prediction with a shape and a floating dtype; lists become arrays. Raises ``DTypeError``."""
    if not hasattr(prediction, "dtype"):
        prediction = as_data(prediction)
    if prediction.dtype.kind not in "fc":
        raise DTypeError(
            f"{loss} takes predictions of a floating dtype, got {prediction.dtype}: write .astype('float32')"
        )
    return prediction


def between_0_and_1(target: Any, loss: str) -> None:
    """Raise ``TargetError`` for a target outside [0, 1], or NaN."""
    values = as_array(target.data if isinstance(target, Tensor) else target)
    if not ((values >= 0) & (values <= 1)).all():
        raise TargetError(f"{loss} takes targets between 0 and 1, got values from {values.min()} to {values.max()}")


def same_shape(prediction: Any, target: Any, loss: str) -> None:
    """Raise ``ShapeError`` unless both shapes are equal: (N, 1) and (N,) would broadcast to (N, N)."""
    expected, got = prediction.shape, np.shape(target)
    if expected != got:
        raise ShapeError(
            f"{loss} compares element with element: the prediction has shape {expected}, the target {got}; "
            f"write target.reshape({', '.join(map(str, expected))}) if it holds the same elements"
        )


def check_label_smoothing(share: float) -> None:
    """Raise ``HyperparameterError`` unless the share that goes to all classes is in [0, 1)."""
    if not 0 <= share < 1:
        raise HyperparameterError(f"label_smoothing is a number in [0, 1), such as 0.1; got {share!r}")
