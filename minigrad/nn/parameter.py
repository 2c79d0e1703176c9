"""``Parameter`` and ``Buffer``: the tensors that a Module finds among its attributes."""

from __future__ import annotations

from typing import Any

from numpy.typing import DTypeLike

from minigrad.core.inplace import copied
from minigrad.core.memory import DETACHED, share
from minigrad.core.tensor import Tensor

__all__ = ["Buffer", "Parameter"]


class Parameter(Tensor):
    """A Tensor that a model learns: it requires a gradient and stands in ``parameters()``.

    >>> nn.Parameter(np.zeros((2, 3))).requires_grad
    True
    """

    __slots__ = ()

    def __init__(self, data: Any, dtype: DTypeLike | None = None, requires_grad: bool = True) -> None:
        super().__init__(data, dtype, requires_grad)

    def __repr__(self) -> str:
        return f"Parameter({super().__repr__()})"


class Buffer(Tensor):
    """A Tensor that a model keeps and saves but does not learn, such as a running mean.

    >>> layer = nn.BatchNorm1d(3)
    >>> type(layer.running_mean).__name__, layer.running_mean.requires_grad
    ('Buffer', False)
    """

    __slots__ = ()

    def __init__(self, data: Any, dtype: DTypeLike | None = None, requires_grad: bool = False) -> None:
        super().__init__(data, dtype, requires_grad)
        if not requires_grad:
            self._array = share(copied(self._array, "K"), DETACHED)  # a model writes to it
