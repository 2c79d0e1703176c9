"""The standard's functions that make tensors: numbers have NumPy's dtypes, not the package's default."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from minigrad.array_api.answers import as_tensors
from minigrad.array_api.dtypes import check_device
from minigrad.core.conversion import familiar
from minigrad.core.creation import full as filled
from minigrad.core.tensor import Tensor, wrap
from minigrad.ops.shaping import stack

__all__ = ["arange", "asarray", "empty", "empty_like", "eye", "from_dlpack", "full", "full_like", "linspace"]
__all__ += ["meshgrid", "ones", "ones_like", "tril", "triu", "zeros", "zeros_like"]

Shape = int | tuple[int, ...]


def asarray(obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Any:
    """A Tensor of ``obj``: a Tensor itself, an array, a number, or a nested list of these.

    A Tensor stays in its graph, and is itself unless its dtype is another or ``copy`` is true. Raises ``ValueError``
    where a copy is needed and ``copy`` is false.
    """
    check_device(device)
    joined = _stack_of(obj)
    if joined is None:
        return Tensor(np.array(familiar(obj), dtype, copy=copy))
    changes = dtype is not None and joined.dtype != np.dtype(dtype)
    if copy is False and (changes or joined is not obj):
        raise ValueError("asarray(copy=False): another dtype, or a list, needs a copy")
    return joined.astype(dtype) if changes else joined.copy() if copy and joined is obj else joined


def _stack_of(obj: Any) -> Any:
    """A Tensor, or the stack of a nested list with Tensors in it; None where there is none."""
    if isinstance(obj, Tensor):
        return obj
    if not isinstance(obj, (list, tuple)):
        return None
    parts = [_stack_of(part) for part in obj]
    if all(part is None for part in parts):
        return None
    return stack([np.asarray(familiar(x)) if part is None else part for x, part in zip(obj, parts, strict=True)])


def arange(
    start: float, /, stop: float | None = None, step: float = 1, *, dtype: Any = None, device: Any = None
) -> Any:
    """The numbers from ``start`` (0 if only one is given) up to ``stop``, which is left out."""
    check_device(device)
    first: Any = 0 if stop is None else start
    return wrap(np.arange(first, start if stop is None else stop, step, dtype=dtype))


def empty(shape: Shape, *, dtype: Any = None, device: Any = None) -> Any:
    """A Tensor whose numbers are to be written: zeros."""
    return zeros(shape, dtype=dtype, device=device)


def empty_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Any:
    """A Tensor of the shape and dtype of ``x`` whose numbers are to be written: zeros."""
    return zeros_like(x, dtype=dtype, device=device)


def eye(n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None, device: Any = None) -> Any:
    """A matrix with ones on diagonal ``k``."""
    check_device(device)
    return wrap(np.eye(n_rows, n_cols, k, dtype or np.float64))


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Any:
    """A Tensor around the memory of an array of another library, by the DLPack protocol."""
    check_device(device)
    array = np.from_dlpack(x) if copy is None else np.from_dlpack(x, copy=copy)
    return Tensor(array)


def full(shape: Shape, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Any:
    """A Tensor full of a number; a 0-d Tensor for it gets a gradient."""
    check_device(device)
    if isinstance(fill_value, Tensor):
        return filled(shape, fill_value, dtype or fill_value.dtype)
    return wrap(np.asarray(np.full(shape, fill_value, dtype)))


def full_like(x: Any, /, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Any:
    """A Tensor of the shape and dtype of ``x``, full of a number."""
    return full(x.shape, fill_value, dtype=dtype or x.dtype, device=device)


def linspace(
    start: Any, stop: Any, /, num: int, *, dtype: Any = None, device: Any = None, endpoint: bool = True
) -> Any:
    """``num`` numbers at equal distances from ``start`` to ``stop``."""
    check_device(device)
    return as_tensors(np.linspace(start, stop, num, endpoint, dtype=dtype))


def meshgrid(*arrays: Any, indexing: Literal["xy", "ij"] = "xy") -> list[Any]:
    """Coordinate matrices of coordinate vectors."""
    return [as_tensors(grid) for grid in np.meshgrid(*arrays, indexing=indexing)] if arrays else []


def ones(shape: Shape, *, dtype: Any = None, device: Any = None) -> Any:
    """A Tensor of ones."""
    check_device(device)
    return wrap(np.ones(shape, dtype))


def ones_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Any:
    """A Tensor of ones in the shape and dtype of ``x``."""
    return ones(x.shape, dtype=dtype or x.dtype, device=device)


def zeros(shape: Shape, *, dtype: Any = None, device: Any = None) -> Any:
    """A Tensor of zeros."""
    check_device(device)
    return wrap(np.zeros(shape, dtype or np.float64))


def zeros_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Any:
    """A Tensor of zeros in the shape and dtype of ``x``."""
    return zeros(x.shape, dtype=dtype or x.dtype, device=device)


def tril(x: Any, /, *, k: int = 0) -> Any:
    """The lower triangles of matrices, up to diagonal ``k``."""
    return np.tril(x, k)


def triu(x: Any, /, *, k: int = 0) -> Any:
    """The upper triangles of matrices, from diagonal ``k``."""
    return np.triu(x, k)
