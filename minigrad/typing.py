"""Names for what functions take and give, for annotations: ``ArrayLike``, ``Array``, ``Axis``, ``Shape`` and so on.

A function of arrays takes an ``ArrayLike``. It gives a Tensor where a Tensor is among its arguments, and an
``np.ndarray`` where all of them are ``Numbers``. A NumPy scalar counts as an array without axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import EllipsisType
from typing import TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from minigrad.core.tensor import Tensor

__all__ = ["Array", "ArrayLike", "Axis", "DTypeLike", "Index"]
__all__ += ["IntArrayLike", "Ints", "Numbers", "Shape", "TensorLike"]

# Lists are nested to a depth that is written out: a text is a sequence of texts, so to any depth it would be one too.
_Number: TypeAlias = complex | np.generic | np.ndarray
_Numbers1: TypeAlias = _Number | Sequence[_Number]
_Numbers2: TypeAlias = _Number | Sequence[_Numbers1]
_Numbers3: TypeAlias = _Number | Sequence[_Numbers2]
_Item: TypeAlias = _Number | Tensor
_Items1: TypeAlias = _Item | Sequence[_Item]
_Items2: TypeAlias = _Item | Sequence[_Items1]
_Items3: TypeAlias = _Item | Sequence[_Items2]

#: An array, a number, or lists of them: what is no Tensor and holds none.
Numbers: TypeAlias = _Number | Sequence[_Numbers3]
#: A Tensor, or lists that hold some.
TensorLike: TypeAlias = Tensor | Sequence[_Items3]
#: What functions of arrays take: ``Numbers`` or a ``TensorLike``.
ArrayLike: TypeAlias = _Item | Sequence[_Items3]
#: What functions of arrays give.
Array: TypeAlias = np.ndarray | Tensor

#: Whole numbers, such as indices, labels and ids.
IntArrayLike: TypeAlias = int | np.integer | np.ndarray | Tensor | Sequence[int] | Sequence[Sequence[int]]
#: One whole number, or one for each axis.
Ints: TypeAlias = int | tuple[int, ...] | list[int]
#: The size of one axis, or of each.
Shape: TypeAlias = Ints
#: An axis, several, or None for all.
Axis: TypeAlias = int | tuple[int, ...] | None

_Place: TypeAlias = int | np.integer | slice | EllipsisType | np.ndarray | Tensor | Sequence[int] | None
#: What stands in ``x[...]``: an index, or a tuple with one for each axis.
Index: TypeAlias = _Place | tuple[_Place, ...]
