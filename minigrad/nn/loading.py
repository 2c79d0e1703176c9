"""What ``load_state_dict`` of a module checks before anything is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from minigrad.core.inplace import seen
from minigrad.core.tensor import Tensor
from minigrad.errors import StateError
from minigrad.support.idioms import closest


def fitting(owner: str, own: Mapping[str, Tensor], state: Mapping[str, Any], strict: bool) -> dict[str, np.ndarray]:
    """Copies of the arrays of ``state`` by name, in the dtypes of ``own``, a module's tensors.

    Raises ``StateError`` with a line for everything that does not fit.
    """
    arrays = {name: _as_array(value) for name, value in state.items() if name in own}
    problems = []
    if strict:
        problems += [f"missing: {name} {own[name].shape}" for name in own if name not in state]
        problems += [f"unexpected: {name}{_hint(name, own)}" for name in state if name not in own]
    elif state and own and not arrays:
        problems += [
            f"none of its names fits: {', '.join(map(str, list(state)[:3]))}, and here {', '.join(list(own)[:3])}"
        ]
    for name, array in arrays.items():
        if array.shape != own[name].shape:
            problems.append(f"{name}: expected shape {own[name].shape}, got {array.shape}")
        elif array.dtype.kind not in "fiubc" or not np.can_cast(array.dtype, own[name].dtype, "same_kind"):
            problems.append(f"{name}: expected dtype {own[name].dtype}, got {array.dtype}")
    copies = {} if problems else {name: _cast(array, own[name].dtype) for name, array in arrays.items()}
    first: dict[int, str] = {}
    for name, copied in copies.items():
        other = first.setdefault(id(own[name]), name)
        if copied.tobytes() != copies[other].tobytes():
            problems.append(f"{other} and {name} are one {type(own[name]).__name__} here, and have two values")
    if problems:
        hint = "" if not strict else "; strict=False skips missing and unexpected names"
        raise StateError(
            f"this state dict does not fit {owner}, nothing was loaded:\n  " + "\n  ".join(problems) + hint
        )
    return copies


def _as_array(value: Any) -> np.ndarray:
    try:
        return np.asarray(seen(value) if isinstance(value, Tensor) else value)
    except ValueError:  # a ragged list
        return np.asarray(None)


def _cast(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    with np.errstate(over="ignore"):  # what a smaller dtype cannot hold becomes inf
        return array.astype(dtype)


def _hint(name: str, own: Iterable[str]) -> str:
    close = closest(str(name), own)
    return f" (is it {close}?)" if close else ""
