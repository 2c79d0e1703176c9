"""The types of ``minigrad.integrate``, written by ``python -m tests.stubs``."""

# mypy: disable-error-code="overload-overlap"

import numpy as np
from typing import overload
from minigrad.core.tensor import Tensor
from minigrad.typing import ArrayLike, Numbers
from minigrad.ops import trapezoid

__all__ = ["cumulative_simpson", "cumulative_trapezoid", "simpson", "trapezoid"]
@overload
def cumulative_simpson(y: Numbers, *, x: Numbers | None = None, dx: ArrayLike = 1.0, axis: int = -1, initial: float | None = None) -> np.ndarray: ...
@overload
def cumulative_simpson(y: ArrayLike, *, x: ArrayLike | None = None, dx: ArrayLike = 1.0, axis: int = -1, initial: float | None = None) -> Tensor: ...
@overload
def cumulative_trapezoid(y: Numbers, x: Numbers | None = None, dx: ArrayLike = 1.0, axis: int = -1, initial: float | None = None) -> np.ndarray: ...
@overload
def cumulative_trapezoid(y: ArrayLike, x: ArrayLike | None = None, dx: ArrayLike = 1.0, axis: int = -1, initial: float | None = None) -> Tensor: ...
@overload
def simpson(y: Numbers, *, x: Numbers | None = None, dx: ArrayLike = 1.0, axis: int = -1) -> np.ndarray: ...
@overload
def simpson(y: ArrayLike, *, x: ArrayLike | None = None, dx: ArrayLike = 1.0, axis: int = -1) -> Tensor: ...
