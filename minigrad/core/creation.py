"""Functions that make Tensors from nothing but numbers, in the default dtype unless told otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Never

import numpy as np
from numpy.typing import DTypeLike

from minigrad.core.context import get_default_dtype
from minigrad.core.conversion import as_data, as_dtype, complex_default, detached, is_complex
from minigrad.core.operators import ops
from minigrad.core.stands import Stand
from minigrad.core.table import numpy_functions
from minigrad.core.tensor import Tensor, around, wrap
from minigrad.errors import DTypeError, GraphError
from minigrad.support.idioms import refuse_keywords

if TYPE_CHECKING:
    from minigrad.typing import ArrayLike

Shape = int | tuple[int, ...]


def _dtype(dtype: DTypeLike | None, *values: Any) -> np.dtype:
    """The dtype asked for, or the default: a complex one where one of ``values`` is complex."""
    if isinstance(dtype, int):
        raise DTypeError(f"{dtype} is no dtype: write the shape as a tuple, mg.zeros((2, 3))")
    if dtype is not None:
        return as_dtype(dtype)
    return complex_default() if is_complex(values) else get_default_dtype()


def _numbers(name: str, instead: str, *values: Any) -> None:
    """Raise ``GraphError`` for a tensor in place of a number, whose gradient would end here."""
    if any(isinstance(x, Tensor) and x.requires_grad for x in values):
        raise GraphError(
            f"mg.{name} takes numbers, and the gradient of a tensor would end here: write {instead}, or t.item() to "
            "leave the graph on purpose"
        )


def _refuse(foreign: dict[str, Any], sizes: tuple[int, ...] = ()) -> None:
    """Raise ``TypeError`` for an option of another framework, and for a shape that is not one argument."""
    if foreign:
        refuse_keywords("a function that makes a tensor", foreign)
    if sizes:
        raise TypeError("a shape is one argument: write it as a tuple, mg.zeros((2, 3))")


def zeros(
    shape: Shape, dtype: DTypeLike | None = None, requires_grad: bool = False, *sizes: Never, **foreign: Never
) -> Tensor:
    """A Tensor of zeros.

    >>> mg.zeros((2, 3)).shape
    (2, 3)
    """
    _refuse(foreign, sizes)
    return around(np.zeros(shape, _dtype(dtype)), requires_grad)


def ones(
    shape: Shape, dtype: DTypeLike | None = None, requires_grad: bool = False, *sizes: Never, **foreign: Never
) -> Tensor:
    """A Tensor of ones.

    >>> mg.ones((2, 3)).shape
    (2, 3)
    """
    _refuse(foreign, sizes)
    return around(np.ones(shape, _dtype(dtype)), requires_grad)


def full(
    shape: Shape, value: ArrayLike, dtype: DTypeLike | None = None, requires_grad: bool = False, **foreign: Never
) -> Tensor:
    """A Tensor full of ``value``, a number or an array that broadcasts to ``shape``.

    >>> mg.full((2, 2), 7.0)
    tensor([[7., 7.],
            [7., 7.]])
    """
    _refuse(foreign)
    dtype = _dtype(dtype, value)
    if isinstance(value, Tensor) and value.requires_grad:
        return ops["copy"](ops["broadcast_to"](value.astype(dtype), shape))
    data = as_data(value._array if isinstance(value, Tensor) else value, dtype)
    is_recorded = isinstance(data, Stand)
    return around(np.copy(np.broadcast_to(data, shape)) if is_recorded else np.full(shape, data), requires_grad)


def eye(
    n: int, m: int | None = None, dtype: DTypeLike | None = None, requires_grad: bool = False, **foreign: Never
) -> Tensor:
    """A matrix (n, m) with ones on the diagonal; square by default.

    >>> mg.eye(2, 3)
    tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    _refuse(foreign)
    return around(np.eye(n, m, dtype=_dtype(dtype)), requires_grad)


def arange(
    start: float,
    stop: float | None = None,
    step: float = 1,
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    **foreign: Never,
) -> Tensor:
    """The numbers from ``start`` (0 if only one is given) up to ``stop``, which is left out.

    >>> mg.arange(0, 1, 0.25)
    tensor([0.  , 0.25, 0.5 , 0.75])
    """
    _refuse(foreign)
    _numbers("arange", "start + step * mg.arange(n)", start, stop, step)
    first, last = (0, start) if stop is None else (start, stop)
    return around(np.arange(first, last, step, dtype=_dtype(dtype)), requires_grad)


def linspace(
    start: float | Tensor,
    stop: float | Tensor,
    num: int = 50,
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    **foreign: Never,
) -> Tensor:
    """``num`` numbers at equal distances from ``start`` to ``stop``, both included; both may be tensors.

    >>> mg.linspace(0, 1, 5)
    tensor([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """
    _refuse(foreign)
    dtype = _dtype(dtype, start, stop)
    if isinstance(start, Tensor) or isinstance(stop, Tensor):
        samples = ops["linspace"](start, stop, num, dtype=dtype)
        return samples.requires_grad_() if requires_grad else samples
    return around(np.linspace(start, stop, num, dtype=dtype), requires_grad)


def zeros_like(x: ArrayLike, dtype: DTypeLike | None = None, requires_grad: bool = False, **foreign: Never) -> Tensor:
    """A Tensor of zeros in the shape and dtype of ``x``.

    >>> mg.zeros_like(mg.ones(3))
    tensor([0., 0., 0.])
    """
    _refuse(foreign)
    x = x if isinstance(x, Tensor) else wrap(as_data(x))
    return zeros(x.shape, dtype or x.dtype, requires_grad)


def ones_like(x: ArrayLike, dtype: DTypeLike | None = None, requires_grad: bool = False, **foreign: Never) -> Tensor:
    """A Tensor of ones in the shape and dtype of ``x``.

    >>> mg.ones_like(mg.zeros(3))
    tensor([1., 1., 1.])
    """
    _refuse(foreign)
    x = x if isinstance(x, Tensor) else wrap(as_data(x))
    return ones(x.shape, dtype or x.dtype, requires_grad)


def _like(function: Callable[..., Any]) -> None:
    """Answer NumPy's function, of a tensor, by a tensor: it can be filled in place by what has a gradient."""

    def new_like(a: Any, dtype: Any = None, order: Any = "K", shape: Any = None) -> Tensor:
        return wrap(function(detached(a), None if dtype is None else _dtype(dtype), order, shape=shape))

    numpy_functions[function] = new_like


for _function in (np.empty_like, np.ones_like, np.zeros_like):
    _like(_function)
