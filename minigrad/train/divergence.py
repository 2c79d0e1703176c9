"""What is said where a loss or a gradient is not finite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.core.tensor import Tensor
from minigrad.errors import DivergenceError
from minigrad.train.gradients import finite

if TYPE_CHECKING:
    from minigrad.train.run_state import RunState


def diverged(trainer: RunState, what: str, value: float, x: Any) -> DivergenceError:
    """The error of a step that was not made, with the likely cause; x are the inputs of its batch."""
    inputs = x if isinstance(x, tuple) else (x,)
    bad = any(isinstance(i, Tensor) and i.dtype.kind == "f" and not np.isfinite(i._array).all() for i in inputs)
    if bad:
        advice = "The inputs of this batch hold NaN or inf: look at the data"
    elif not finite(trainer.model.parameters()):
        advice = (
            "The weights themselves are not finite, so the gradients of an earlier step were not; with "
            "mg.detect_anomaly(): fit(...) names the operation that gave the first such number, and with "
            "clip_norm= such a step stops the run before it is made"
        )
    else:
        advice = (
            f"Try a smaller learning rate than {trainer.optimizer.current_lr:.4g}, or clip_norm=1.0; "
            "with mg.detect_anomaly(): fit(...) names the operation that gave the first such number"
        )
    back = ""
    if trainer.checkpoints is not None and trainer.checkpoints.paths():
        back = f"; trainer.resume({str(trainer.checkpoints.folder)!r}) goes back to the last checkpoint"
    return DivergenceError(
        f"{what} is {value} in step {trainer.step + 1} (epoch {trainer.epoch + 1}, batch {trainer.batch}): the "
        f"step was not made, and the weights are those after step {trainer.step}. {advice}{back}"
    )
