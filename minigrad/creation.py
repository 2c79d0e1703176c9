"""Functions that make Tensors from nothing but numbers, in the default dtype unless told otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minigrad.arrays import as_dtype
from minigrad.context import get_default_dtype
from minigrad.errors import DTypeError
from minigrad.idioms import refuse_keywords
from minigrad.tensor import Tensor

Shape = int | tuple[int, ...]


def _dtype(dtype: DTypeLike | None) -> np.dtype:
    if isinstance(dtype, int):
        raise DTypeError(f"{dtype} is no dtype: write the shape as a tuple, mg.zeros((2, 3))")
    return get_default_dtype() if dtype is None else as_dtype(dtype)


def _refuse(foreign: dict[str, Any]) -> None:
    """Raise ``TypeError`` for an option of another framework."""
    if foreign:
        refuse_keywords("a function that makes a tensor", foreign)


def zeros(
    shape: Shape,
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    **foreign: Any,
) -> Tensor:
    """A Tensor of zeros."""
    _refuse(foreign)
    return Tensor(np.zeros(shape, _dtype(dtype)), requires_grad=requires_grad)


def ones(
    shape: Shape,
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    **foreign: Any,
) -> Tensor:
    """A Tensor of ones."""
    _refuse(foreign)
    return Tensor(np.ones(shape, _dtype(dtype)), requires_grad=requires_grad)


def full(
    shape: Shape,
    value: float,
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    **foreign: Any,
) -> Tensor:
    """A Tensor of which every element is ``value``."""
    _refuse(foreign)
    return Tensor(np.full(shape, value, _dtype(dtype)), requires_grad=requires_grad)


def eye(
    n: int,
    m: int | None = None,
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    **foreign: Any,
) -> Tensor:
    """A matrix (n, m) with ones on the diagonal; square by default."""
    _refuse(foreign)
    return Tensor(np.eye(n, m, dtype=_dtype(dtype)), requires_grad=requires_grad)


def arange(
    start: float,
    stop: float | None = None,
    step: float = 1,
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    **foreign: Any,
) -> Tensor:
    """The numbers from ``start`` (0 if only one is given) up to ``stop``, which is left out."""
    _refuse(foreign)
    first, last = (0, start) if stop is None else (start, stop)
    return Tensor(np.arange(first, last, step, dtype=_dtype(dtype)), requires_grad=requires_grad)


def linspace(
    start: float,
    stop: float,
    num: int = 50,
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    **foreign: Any,
) -> Tensor:
    """``num`` numbers at equal distances from ``start`` to ``stop``, both included."""
    _refuse(foreign)
    return Tensor(np.linspace(start, stop, num, dtype=_dtype(dtype)), requires_grad=requires_grad)


def zeros_like(
    x: Any,
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    **foreign: Any,
) -> Tensor:
    """A Tensor of zeros in the shape and dtype of ``x``."""
    _refuse(foreign)
    x = x if isinstance(x, Tensor) else Tensor(x)
    return zeros(x.shape, dtype or x.dtype, requires_grad)


def ones_like(
    x: Any,
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    **foreign: Any,
) -> Tensor:
    """A Tensor of ones in the shape and dtype of ``x``."""
    _refuse(foreign)
    x = x if isinstance(x, Tensor) else Tensor(x)
    return ones(x.shape, dtype or x.dtype, requires_grad)
