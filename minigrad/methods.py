"""What a Tensor can do as a NumPy array can: operators and methods, each the op of the same name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, SupportsIndex, cast

import numpy as np
from numpy.typing import DTypeLike

from minigrad import table
from minigrad.errors import DTypeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from minigrad.tensor import Tensor

# The table holds callables that answer Tensors with Tensors.
ops = cast("dict[str, Callable[..., Tensor]]", table.ops)


class ArrayMethods:
    """The operators and methods of Tensor that record an operation."""

    __slots__ = ()

    _node: Any

    # -- operators ----------------------------------------------------------------------------

    def __add__(self, other: Any) -> Tensor:
        return ops["add"](self, other)

    def __radd__(self, other: Any) -> Tensor:
        return ops["add"](other, self)

    def __sub__(self, other: Any) -> Tensor:
        return ops["subtract"](self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return ops["subtract"](other, self)

    def __mul__(self, other: Any) -> Tensor:
        return ops["multiply"](self, other)

    def __rmul__(self, other: Any) -> Tensor:
        return ops["multiply"](other, self)

    def __truediv__(self, other: Any) -> Tensor:
        return ops["divide"](self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return ops["divide"](other, self)

    def __pow__(self, other: Any) -> Tensor:
        return ops["power"](self, other)

    def __rpow__(self, other: Any) -> Tensor:
        return ops["power"](other, self)

    def __matmul__(self, other: Any) -> Tensor:
        return ops["matmul"](self, other)

    def __rmatmul__(self, other: Any) -> Tensor:
        return ops["matmul"](other, self)

    def __neg__(self) -> Tensor:
        return ops["negative"](self)

    def __abs__(self) -> Tensor:
        return ops["abs"](self)

    # -- NumPy's methods ----------------------------------------------------------------------

    def sum(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """The sum over ``axis`` (an int, a tuple, or None for all)."""
        return ops["sum"](self, axis, keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """The mean over ``axis``."""
        return ops["mean"](self, axis, keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """The maximum over ``axis``; tied elements share the gradient evenly."""
        return ops["max"](self, axis, keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """The minimum over ``axis``; tied elements share the gradient evenly."""
        return ops["min"](self, axis, keepdims)

    def var(self, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Tensor:
        """The variance over ``axis``, divided by n - ddof."""
        return ops["var"](self, axis, ddof, keepdims)

    def std(self, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Tensor:
        """The standard deviation over ``axis``; its gradient where it is 0 is 0."""
        return ops["std"](self, axis, ddof, keepdims)

    def reshape(self, *shape: Any) -> Tensor:
        """The same elements in another shape: ``x.reshape(2, -1)`` or ``x.reshape((2, -1))``."""
        return ops["reshape"](self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Tensor:
        """The axes in another order, reversed by default: ``x.transpose(1, 0, 2)``."""
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], SupportsIndex) else axes or None
        return ops["transpose"](self, order)

    def swapaxes(self, axis1: int, axis2: int) -> Tensor:
        """Two axes exchanged."""
        return ops["swapaxes"](self, axis1, axis2)

    def squeeze(self, axis: Any = None) -> Tensor:
        """Without axes of size 1."""
        return ops["squeeze"](self, axis)

    def ravel(self) -> Tensor:
        """The elements along one axis."""
        return ops["reshape"](self, -1)

    def astype(self, dtype: DTypeLike) -> Tensor:
        """The elements in another dtype; the gradient comes back in this one's."""
        if self._node is not None and np.dtype(dtype).kind not in "fc":
            name = str(np.dtype(dtype))
            raise DTypeError(f"a tensor of dtype {name} has no gradient: write x.detach().astype({name!r})")
        return ops["astype"](self, dtype)

    def clip(self, min: Any = None, max: Any = None) -> Tensor:  # noqa: A002 - NumPy's names
        """The elements limited to [min, max]."""
        return ops["clip"](self, min, max)

    def exp(self) -> Tensor:
        """e to the power of each element."""
        return ops["exp"](self)

    def log(self) -> Tensor:
        """The natural logarithm of each element."""
        return ops["log"](self)

    def sqrt(self) -> Tensor:
        """The square root of each element."""
        return ops["sqrt"](self)

    def square(self) -> Tensor:
        """Each element times itself."""
        return ops["square"](self)

    def abs(self) -> Tensor:
        """The absolute value of each element; its gradient at 0 is 0."""
        return ops["abs"](self)

    def conj(self) -> Tensor:
        """Each element with the other sign of its imaginary part; a real tensor as it is."""
        return ops["conjugate"](self) if cast("Tensor", self).dtype.kind == "c" else cast("Tensor", self)

    def dot(self, other: Any) -> Tensor:
        """NumPy's dot product: a matrix product for matrices."""
        return ops["dot"](self, other)

    def relu(self) -> Tensor:
        """max(x, 0); its gradient at 0 is 0."""
        return ops["relu"](self)

    def sigmoid(self) -> Tensor:
        """1 / (1 + exp(-x))."""
        return ops["sigmoid"](self)

    def tanh(self) -> Tensor:
        """The hyperbolic tangent."""
        return ops["tanh"](self)

    def softmax(self, axis: int = -1) -> Tensor:
        """exp(x) / sum(exp(x)) along ``axis``."""
        return ops["softmax"](self, axis)

    def log_softmax(self, axis: int = -1) -> Tensor:
        """log(softmax(x)) along ``axis``, without underflow."""
        return ops["log_softmax"](self, axis)

    def logsumexp(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """log(sum(exp(x))) over ``axis``, without overflow."""
        return ops["logsumexp"](self, axis, keepdims)
