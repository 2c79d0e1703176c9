"""Python's operators on Tensors: arithmetic is the op of the same name; a comparison, or one of bits, a plain array."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from minigrad.core import table
from minigrad.core.conversion import OptedOutError, detached
from minigrad.core.inplace import write_all, write_at
from minigrad.errors import DTypeError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from minigrad.core.tensor import Tensor

# The table holds callables that answer Tensors with Tensors.
ops = cast("dict[str, Callable[..., Tensor]]", table.ops)


class Operators:
    """The operators of Tensor."""

    __slots__ = ()

    _array: Any
    _node: Any

    # -- arithmetic ---------------------------------------------------------------------------

    # An operand that has opted out of NumPy's functions gets its turn with its own reflected operator.

    def __add__(self, other: Any) -> Tensor:
        try:
            return ops["add"](self, other)
        except OptedOutError:
            return NotImplemented

    def __radd__(self, other: Any) -> Tensor:
        return ops["add"](other, self)

    def __sub__(self, other: Any) -> Tensor:
        try:
            return ops["subtract"](self, other)
        except OptedOutError:
            return NotImplemented

    def __rsub__(self, other: Any) -> Tensor:
        return ops["subtract"](other, self)

    def __mul__(self, other: Any) -> Tensor:
        try:
            return ops["multiply"](self, other)
        except OptedOutError:
            return NotImplemented

    def __rmul__(self, other: Any) -> Tensor:
        return ops["multiply"](other, self)

    def __truediv__(self, other: Any) -> Tensor:
        try:
            return ops["divide"](self, other)
        except OptedOutError:
            return NotImplemented

    def __rtruediv__(self, other: Any) -> Tensor:
        return ops["divide"](other, self)

    def __pow__(self, other: Any) -> Tensor:
        try:
            return ops["power"](self, other)
        except OptedOutError:
            return NotImplemented

    def __rpow__(self, other: Any) -> Tensor:
        return ops["power"](other, self)

    def __matmul__(self, other: Any) -> Tensor:
        try:
            return ops["matmul"](self, other)
        except OptedOutError:
            return NotImplemented
        except DTypeError:
            if hasattr(getattr(type(other), "__rmatmul__", None), "takes_tensors"):  # minigrad.sparse
                return NotImplemented
            raise

    def __rmatmul__(self, other: Any) -> Tensor:
        return ops["matmul"](other, self)

    def __neg__(self) -> Tensor:
        return ops["negative"](self)

    def __abs__(self) -> Tensor:
        return ops["abs"](self)

    def __pos__(self) -> Tensor:
        return ops["positive"](self)  # a copy, as NumPy's

    def __mod__(self, other: Any) -> Tensor:
        try:
            return ops["remainder"](self, other)
        except OptedOutError:
            return NotImplemented

    def __rmod__(self, other: Any) -> Tensor:
        return ops["remainder"](other, self)

    def __floordiv__(self, other: Any) -> Tensor:
        try:
            return ops["floor_divide"](self, other)
        except OptedOutError:
            return NotImplemented

    def __rfloordiv__(self, other: Any) -> Tensor:
        return ops["floor_divide"](other, self)

    def __divmod__(self, other: Any) -> tuple[Tensor, Tensor]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Tensor, Tensor]:
        return other // self, other % self

    def __round__(self, digits: int | None = None) -> Tensor:
        return ops["round"](self, digits or 0)

    # -- in place -----------------------------------------------------------------------------

    # x += y changes this tensor and its views, as NumPy does: minigrad.core.inplace.

    def __iadd__(self, other: Any) -> Tensor:
        return write_all(cast("Tensor", self), self + other)

    def __isub__(self, other: Any) -> Tensor:
        return write_all(cast("Tensor", self), self - other)

    def __imul__(self, other: Any) -> Tensor:
        return write_all(cast("Tensor", self), self * other)

    def __itruediv__(self, other: Any) -> Tensor:
        return write_all(cast("Tensor", self), self / other)

    def __ifloordiv__(self, other: Any) -> Tensor:
        return write_all(cast("Tensor", self), self // other)

    def __imod__(self, other: Any) -> Tensor:
        return write_all(cast("Tensor", self), self % other)

    def __ipow__(self, other: Any) -> Tensor:
        return write_all(cast("Tensor", self), self**other)

    def __imatmul__(self, other: Any) -> Tensor:
        return write_all(cast("Tensor", self), self @ other)

    def __iand__(self, other: Any) -> Any:
        return self._write(self._array & detached(other))

    def __ior__(self, other: Any) -> Any:
        return self._write(self._array | detached(other))

    def __ixor__(self, other: Any) -> Any:
        return self._write(self._array ^ detached(other))

    def __ilshift__(self, other: Any) -> Any:
        return self._write(self._array << detached(other))

    def __irshift__(self, other: Any) -> Any:
        return self._write(self._array >> detached(other))

    def _write(self, bits: Any) -> Any:
        """Masks and integers have no gradient: a plain answer is written."""
        if np.shape(bits) != self._array.shape:
            raise ShapeError(
                f"a tensor of shape {self._array.shape} does not hold a result of shape {np.shape(bits)} in place"
            )
        write_at(cast("Tensor", self), ..., bits)
        return self

    # -- comparisons --------------------------------------------------------------------------

    # A comparison has no gradient: it answers with a plain array of bools.

    def __eq__(self, other: object) -> Any:
        return self._array == detached(other)

    def __ne__(self, other: object) -> Any:
        return self._array != detached(other)

    def __lt__(self, other: Any) -> Any:
        return self._array < detached(other)

    def __le__(self, other: Any) -> Any:
        return self._array <= detached(other)

    def __gt__(self, other: Any) -> Any:
        return self._array > detached(other)

    def __ge__(self, other: Any) -> Any:
        return self._array >= detached(other)

    # Nor have bits, of masks and integers.

    def __and__(self, other: Any) -> Any:
        return self._array & detached(other)

    def __or__(self, other: Any) -> Any:
        return self._array | detached(other)

    def __xor__(self, other: Any) -> Any:
        return self._array ^ detached(other)

    def __lshift__(self, other: Any) -> Any:
        return self._array << detached(other)

    def __rshift__(self, other: Any) -> Any:
        return self._array >> detached(other)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __rlshift__(self, other: Any) -> Any:
        return detached(other) << self._array

    def __rrshift__(self, other: Any) -> Any:
        return detached(other) >> self._array

    def __invert__(self) -> Any:
        return ~self._array

    __hash__ = object.__hash__
