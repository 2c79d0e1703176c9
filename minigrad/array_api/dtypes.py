"""The standard's functions of dtypes. There is one device, the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.core.tensor import Tensor
from minigrad.errors import UnsupportedError


def check_device(device: Any) -> None:
    """Raise ``UnsupportedError`` for any device but the CPU, where all tensors are."""
    if device not in (None, "cpu"):
        raise UnsupportedError(f"tensors are in the memory of the CPU, device 'cpu'; got {device!r}")


def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    """``x`` in another dtype; itself where it has that dtype and ``copy`` is false."""
    check_device(device)
    x = x if isinstance(x, Tensor) else Tensor(x)
    return x.astype(dtype) if copy or x.dtype != np.dtype(dtype) else x


def _dtype(x: Any) -> Any:
    return x.dtype if isinstance(x, Tensor) else x


def can_cast(from_: Any, to: Any, /) -> bool:
    """Whether a dtype, or a Tensor's, becomes another by promotion."""
    return bool(np.can_cast(_dtype(from_), _dtype(to)))


def result_type(*arrays_and_dtypes: Any) -> Any:
    """The dtype that these promote to; Python's numbers are weak."""
    return np.result_type(*[_dtype(x) for x in arrays_and_dtypes])
