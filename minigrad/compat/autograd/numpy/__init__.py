"""NumPy's namespace for functions that are differentiated: ``import minigrad.compat.autograd.numpy as np``.

The functions are NumPy's own, which tensors answer, and take lists with tensors in them too. What tensors have no
derivative for is refused by name.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.compat.autograd.faces import face, holds_tensor, joined, namespace
from minigrad.compat.autograd.numpy import fft, linalg, numpy_boxes, random  # noqa: F401 - part of the namespace
from minigrad.core.creation import full as _filled
from minigrad.core.tensor import Tensor
from minigrad.errors import UnsupportedError
from minigrad.ops.shaping import concatenate as _concatenate


def array(A: Any, dtype: Any = None, *, copy: Any = True, ndmin: int = 0, **options: Any) -> Any:
    """``np.array``; of a tensor itself, and of a list of tensors and numbers their stack."""
    if not holds_tensor([A]):
        return np.array(A, dtype, copy=copy, ndmin=ndmin, **options)
    if options:
        raise UnsupportedError(f"np.array({', '.join(options)}=...) is for plain arrays: leave it out for tensors")
    result = joined(A)
    result = result if dtype is None or result.dtype == np.dtype(dtype) else result.astype(dtype)
    return result if result.ndim >= ndmin else result.reshape((1,) * (ndmin - result.ndim) + result.shape)


def asarray(a: Any, dtype: Any = None, **options: Any) -> Any:
    """``np.asarray``; of a tensor itself, and of a list of tensors and numbers their stack."""
    return array(a, dtype, **options) if holds_tensor([a]) else np.asarray(a, dtype, **options)


asanyarray = asarray


def full(shape: Any, fill_value: Any, dtype: Any = None, **options: Any) -> Any:
    """``np.full``; with a tensor for the value, the gradient goes to it."""
    fill_value = array(fill_value) if holds_tensor([fill_value]) else fill_value
    if not isinstance(fill_value, Tensor):
        return np.full(shape, fill_value, dtype, **options)
    return _filled(shape, fill_value, dtype or fill_value.dtype)


def full_like(a: Any, fill_value: Any, dtype: Any = None, **options: Any) -> Any:
    """``np.full_like``; with a tensor for the value, the gradient goes to it."""
    if not holds_tensor([a, fill_value]):
        return np.full_like(a, fill_value, dtype, **options)
    return full(np.shape(a), fill_value, dtype or np.result_type(a))


def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    """``np.where``, whose arguments may be given by name."""
    return _where(condition) if x is None and y is None else _where(condition, x, y)


def make_diagonal(D: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Matrices with the last axis of ``D`` on their diagonals: autograd's own, for the last two axes alone."""
    if (offset, axis1, axis2) != (0, -1, -2):
        raise UnsupportedError("make_diagonal makes matrices of the last two axes: offset=0, axis1=-1, axis2=-2")
    return D[..., None] * np.eye(D.shape[-1], dtype=D.dtype)


class _Brackets:
    """``np.r_`` and ``np.c_`` for tensors too: what is between the brackets, joined along one axis."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getitem__(self, key: Any) -> Any:
        items = key if isinstance(key, tuple) else (key,)
        plain = getattr(np, self.name)
        if not holds_tensor(items):
            return plain[key]
        if any(isinstance(item, str) for item in items):
            raise UnsupportedError(f"np.{self.name} takes no text beside tensors: write np.concatenate or np.stack")
        parts = [array(plain[item] if isinstance(item, slice) else item) for item in items]
        if self.name == "r_":
            return _concatenate([part.reshape(1) if not part.ndim else part for part in parts], 0)
        return _concatenate([part.reshape(-1, 1) if part.ndim < 2 else part for part in parts], -1)


_where = face(np.where)
row_stack = face(np.vstack)  # its old name
r_, c_ = _Brackets("r_"), _Brackets("c_")
__getattr__, __dir__ = namespace(np, globals())
