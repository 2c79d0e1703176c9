"""NumPy's methods of a Tensor, each the op of the same name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Never, NoReturn, SupportsIndex, cast

import numpy as np
from numpy.typing import DTypeLike

from minigrad.core.conversion import as_dtype, detached
from minigrad.core.operators import ops
from minigrad.core.reachability import is_constant
from minigrad.core.table import from_above
from minigrad.errors import DTypeError, GraphError, ShapeError
from minigrad.support.idioms import TENSOR, Elsewhere, refuse_keywords

if TYPE_CHECKING:
    from minigrad.core.tensor import Tensor
    from minigrad.typing import ArrayLike, Axis, IntArrayLike, Ints
    from minigrad.viz import Explanation

Casting = Literal["no", "equiv", "safe", "same_kind", "unsafe"]

#: Options of ``np.var`` and ``np.std`` that the ops do not have.
_OF_DEVIATIONS = frozenset({"dtype", "mean", "out", "where"})


class ArrayMethods:
    """The methods of Tensor that NumPy's arrays have too, and a few activations."""

    __slots__ = ()

    _array: Any
    _node: Any

    def explain(self, w: Tensor, model: Any = None) -> Explanation:
        """The gradient of this loss with respect to ``w``, or to ``w[3, 1]``, way by way: see ``mg.explain``."""
        explanation: Explanation = from_above("pictures").explain(self, w, model)
        return explanation

    def _repr_html_(self) -> str | None:
        """What a notebook shows: numbers, or a heat map, and the gradient."""
        shown: str | None = from_above("notebook").tensor_html(self)
        return shown

    # -- NumPy's methods ----------------------------------------------------------------------

    def _numpy(
        self, function: Callable[..., Any], *args: object, dim: object = None, keepdim: object = None, **options: object
    ) -> Tensor:
        """The answer of NumPy's function, which has all of NumPy's options."""
        if dim is not None or keepdim is not None:
            refuse_keywords(function.__name__, ["dim" if dim is not None else "keepdim"])
        result: Tensor = function(self, *args, **options)
        return result

    def sum(
        self, axis: Axis = None, keepdims: bool = False, dim: None = None, keepdim: None = None, **options: object
    ) -> Tensor:
        """The sum over ``axis`` (an int, a tuple, or None for all)."""
        if options:
            return self._numpy(np.sum, axis=axis, keepdims=keepdims, dim=dim, keepdim=keepdim, **options)
        return ops["sum"](self, axis, keepdims, dim, keepdim)

    def mean(
        self, axis: Axis = None, keepdims: bool = False, dim: None = None, keepdim: None = None, **options: object
    ) -> Tensor:
        """The mean over ``axis``."""
        if options:
            return self._numpy(np.mean, axis=axis, keepdims=keepdims, dim=dim, keepdim=keepdim, **options)
        return ops["mean"](self, axis, keepdims, dim, keepdim)

    def max(
        self, axis: Axis = None, keepdims: bool = False, dim: None = None, keepdim: None = None, **options: object
    ) -> Tensor:
        """The maximum over ``axis``; tied elements share the gradient evenly."""
        if options:
            return self._numpy(np.max, axis=axis, keepdims=keepdims, dim=dim, keepdim=keepdim, **options)
        return ops["max"](self, axis, keepdims, dim, keepdim)

    def min(
        self, axis: Axis = None, keepdims: bool = False, dim: None = None, keepdim: None = None, **options: object
    ) -> Tensor:
        """The minimum over ``axis``; tied elements share the gradient evenly."""
        if options:
            return self._numpy(np.min, axis=axis, keepdims=keepdims, dim=dim, keepdim=keepdim, **options)
        return ops["min"](self, axis, keepdims, dim, keepdim)

    def var(self, axis: Axis = None, ddof: int = 0, keepdims: bool = False, **options: object) -> Tensor:
        """The variance over ``axis``, divided by n - ddof."""
        if not options.keys().isdisjoint(_OF_DEVIATIONS):
            return self._numpy(np.var, axis=axis, ddof=ddof, keepdims=keepdims, **options)
        return ops["var"](self, axis, ddof, keepdims, **options)

    def std(self, axis: Axis = None, ddof: int = 0, keepdims: bool = False, **options: object) -> Tensor:
        """The standard deviation over ``axis``; its gradient where it is 0 is 0."""
        if not options.keys().isdisjoint(_OF_DEVIATIONS):
            return self._numpy(np.std, axis=axis, ddof=ddof, keepdims=keepdims, **options)
        return ops["std"](self, axis, ddof, keepdims, **options)

    def prod(
        self, axis: Axis = None, keepdims: bool = False, dim: None = None, keepdim: None = None, **options: object
    ) -> Tensor:
        """The product over ``axis``; its gradient is exact where elements are 0."""
        if options:
            return self._numpy(np.prod, axis=axis, keepdims=keepdims, dim=dim, keepdim=keepdim, **options)
        return ops["prod"](self, axis, keepdims, dim, keepdim)

    def cumsum(self, axis: int | None = None, dim: None = None, **options: object) -> Tensor:
        """The running sum along ``axis``, of the flattened elements by default."""
        if options:
            return self._numpy(np.cumsum, axis=axis, dim=dim, **options)
        return ops["cumsum"](self, axis, dim)

    def cumprod(self, axis: int | None = None, dim: None = None, **options: object) -> Tensor:
        """The running product along ``axis``, of the flattened elements by default."""
        if options:
            return self._numpy(np.cumprod, axis=axis, dim=dim, **options)
        return ops["cumprod"](self, axis, dim)

    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1, **options: object) -> Tensor:
        """The sum of a diagonal."""
        if options:
            return self._numpy(np.trace, offset=offset, axis1=axis1, axis2=axis2, **options)
        return ops["trace"](self, offset, axis1, axis2)

    def reshape(self, *shape: Ints, **options: object) -> Tensor:
        """The same elements in another shape: ``x.reshape(2, -1)`` or ``x.reshape((2, -1))``."""
        if options:
            return self._numpy(np.reshape, shape[0] if len(shape) == 1 else shape, **options)
        return ops["reshape"](self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Ints | None) -> Tensor:
        """The axes in another order, reversed by default: ``x.transpose(1, 0, 2)``."""
        if self._array.ndim > 2 == len(axes):
            raise ShapeError(
                f"transpose takes all {self._array.ndim} axes in their new order, got {axes}; "
                f"write x.swapaxes{axes} to exchange two"
            )
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], SupportsIndex) else axes or None
        return ops["transpose"](self, order)

    def swapaxes(self, axis1: int, axis2: int) -> Tensor:
        """Two axes exchanged."""
        return ops["swapaxes"](self, axis1, axis2)

    def squeeze(self, axis: Axis = None, dim: None = None) -> Tensor:
        """Without axes of size 1."""
        return ops["squeeze"](self, axis, dim)

    def ravel(self, order: str = "C") -> Tensor:
        """The elements along one axis."""
        return ops["reshape"](self, -1) if order == "C" else self._numpy(np.ravel, order)

    def flatten(self, order: str = "C", **foreign: Never) -> Tensor:
        """The elements along one axis, in memory of their own, as NumPy's; ``ravel`` gives a view."""
        if foreign or not isinstance(order, str):
            refuse_keywords("flatten", foreign or ["start_dim"])
        return ops["copy"](self.ravel(order))

    def repeat(self, repeats: IntArrayLike, axis: int | None = None) -> Tensor:
        """Each element ``repeats`` times, along ``axis`` or flattened."""
        return ops["repeat"](self, repeats, axis)

    def take(self, indices: IntArrayLike, axis: int | None = None, mode: str = "raise") -> Tensor:
        """The elements at ``indices`` along ``axis``."""
        return ops["take"](self, indices, axis, mode)

    def compress(self, condition: ArrayLike, axis: int | None = None) -> Tensor:
        """The slices along ``axis`` where the condition holds."""
        return ops["compress"](condition, self, axis)

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        """A diagonal of the last two, or of two given axes."""
        return ops["diagonal"](self, offset, axis1, axis2)

    def copy(self, order: str = "C") -> Tensor:
        """The same values in memory of their own, row by row as NumPy's method has them, in the graph."""
        return ops["copy"](self, order)

    def _is_laid_out(self, order: str) -> bool:
        """Whether the memory has the layout that NumPy calls "C", "F", "A" (one of these) or "K" (any)."""
        flags = self._array.flags
        laid_out = {"K": True, "A": flags.forc, "C": flags.c_contiguous, "F": flags.f_contiguous}
        return bool(laid_out.get(order.upper()))

    def astype(
        self, dtype: DTypeLike, order: str = "K", casting: Casting = "unsafe", subok: bool = True, copy: bool = True
    ) -> Tensor:
        """The elements in another dtype; the gradient comes back in this one's.

        They lie in memory of their own; with ``copy=False`` what is of this dtype and order is this tensor itself.
        """
        dtype = as_dtype(dtype)
        if not copy and self._array.dtype == dtype and self._is_laid_out(order):
            return cast("Tensor", self)
        if casting != "unsafe" and not np.can_cast(self._array.dtype, dtype, casting):
            raise DTypeError(f"{self._array.dtype} is not cast to {dtype} by the rule {casting!r}")
        if self._node is None or dtype.kind in "fc":
            converted = ops["astype"](self, dtype)
        elif is_constant(self._node):  # whole numbers, of which nothing is lost
            converted = ops["astype"](cast("Tensor", self).detach(), dtype)
        else:
            name = str(dtype)
            raise DTypeError(
                f"a tensor of dtype {name} has no gradient: write x.detach().astype({name!r}), or round first: "
                f"np.floor(x).astype({name!r})"
            )
        return converted if order in ("K", "A") else ops["copy"](converted, order)

    def clip(self, min: Any = None, max: Any = None, out: Tensor | None = None) -> Tensor:
        """The elements limited to [min, max]."""
        return ops["clip"](self, min, max) if out is None else self._numpy(np.clip, min, max, out=out)

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
        return ops["conjugate"](self) if self._array.dtype.kind == "c" else cast("Tensor", self)

    conjugate = conj

    def round(self, decimals: int = 0, out: Tensor | None = None) -> Tensor:
        """Each element rounded; the gradient is 0."""
        return ops["round"](self, decimals) if out is None else self._numpy(np.round, decimals, out=out)

    @property
    def mT(self) -> Tensor:  # noqa: N802 - NumPy's name
        """The last two axes exchanged."""
        return ops["matrix_transpose"](self)

    @property
    def real(self) -> Tensor:
        """The real part."""
        return ops["real"](self)

    @property
    def imag(self) -> Tensor:
        """The imaginary part."""
        return ops["imag"](self)

    def dot(self, b: ArrayLike, out: Tensor | None = None) -> Tensor:
        """NumPy's dot product: a matrix product for matrices."""
        return ops["dot"](self, b) if out is None else self._numpy(np.dot, b, out=out)

    def relu(self) -> Tensor:
        """max(x, 0); its gradient at 0 is 0."""
        return ops["relu"](self)

    def sigmoid(self) -> Tensor:
        """1 / (1 + exp(-x))."""
        return ops["sigmoid"](self)

    def tanh(self) -> Tensor:
        """The hyperbolic tangent."""
        return ops["tanh"](self)

    def softmax(self, axis: int = -1, dim: None = None) -> Tensor:
        """exp(x) / sum(exp(x)) along ``axis``."""
        return ops["softmax"](self, axis, dim)

    def log_softmax(self, axis: int = -1, dim: None = None) -> Tensor:
        """log(softmax(x)) along ``axis``, without underflow."""
        return ops["log_softmax"](self, axis, dim)

    def logsumexp(self, axis: Axis = None, keepdims: bool = False, dim: None = None, keepdim: None = None) -> Tensor:
        """log(sum(exp(x))) over ``axis``, without overflow."""
        return ops["logsumexp"](self, axis, keepdims, dim, keepdim)

    # -- plain answers ------------------------------------------------------------------------

    # Indices and truths have no gradient: they are plain arrays.

    def argmax(self, axis: int | None = None, *, keepdims: bool = False, **foreign: Never) -> Any:
        """The index of the maximum."""
        if foreign:
            refuse_keywords("argmax", foreign)
        return self._array.argmax(axis, keepdims=keepdims)

    def argmin(self, axis: int | None = None, *, keepdims: bool = False, **foreign: Never) -> Any:
        """The index of the minimum."""
        if foreign:
            refuse_keywords("argmin", foreign)
        return self._array.argmin(axis, keepdims=keepdims)

    def argsort(
        self, axis: int | None = -1, kind: str | None = None, *, stable: bool | None = None, **foreign: Never
    ) -> Any:
        """The indices that sort along ``axis``, equal elements in their order, whatever ``kind`` says."""
        if foreign:
            refuse_keywords("argsort", foreign)
        return self._array.argsort(axis, kind="stable")

    def argpartition(self, kth: Ints, axis: int | None = -1) -> Any:
        """The indices that put the k-th smallest element in its place."""
        return self._array.argpartition(kth, axis)

    def searchsorted(
        self, v: ArrayLike, side: Literal["left", "right"] = "left", sorter: np.ndarray | None = None
    ) -> Any:
        """Where to put ``v`` so that the elements stay sorted."""
        return self._array.searchsorted(detached(v), side, sorter)

    def nonzero(self) -> tuple[np.ndarray, ...]:
        """The indices of the elements that are not 0."""
        indices: tuple[np.ndarray, ...] = np.asarray(self._array).nonzero()
        return indices

    def all(self, axis: Axis = None, *, keepdims: bool = False, **foreign: Never) -> Any:
        """Whether all elements are true."""
        if foreign:
            refuse_keywords("all", foreign)
        return self._array.all(axis, keepdims=keepdims)

    def any(self, axis: Axis = None, *, keepdims: bool = False, **foreign: Never) -> Any:
        """Whether any element is true."""
        if foreign:
            refuse_keywords("any", foreign)
        return self._array.any(axis, keepdims=keepdims)

    # -- what NumPy does in place -------------------------------------------------------------

    def _not_in_place(self, name: str, rewrite: str) -> NoReturn:
        raise GraphError(
            f"an array's {name}() writes in place, which a tensor's does not: write {rewrite}, or x.data.{name}(...) "
            "to change the numbers outside any graph"
        )

    def sort(self, *_: object, **__: object) -> NoReturn:
        """Refused: it would write in place. ``mg.sort(x)`` gives a new tensor."""
        self._not_in_place("sort", "mg.sort(x, axis) for a new tensor, or x[...] = mg.sort(x, axis)")

    def partition(self, *_: object, **__: object) -> NoReturn:
        """Refused: it would write in place. ``mg.partition(x, kth)`` gives a new tensor."""
        self._not_in_place(
            "partition", "mg.partition(x, kth, axis) for a new tensor, or x[...] = mg.partition(x, kth, axis)"
        )

    def fill(self, *_: object) -> NoReturn:
        """Refused: it would write in place."""
        self._not_in_place("fill", "x[...] = value")

    def put(self, *_: object, **__: object) -> NoReturn:
        """Refused: it would write in place. ``mg.index_set`` gives a new tensor."""
        self._not_in_place("put", "x[index] = values, or mg.index_set(x, index, values) for a new tensor")

    def resize(self, *_: object, **__: object) -> NoReturn:
        """Refused: it would write in place. ``mg.resize(x, shape)`` gives a new tensor."""
        self._not_in_place("resize", "mg.resize(x, shape) for a new tensor")


for _name, _line in TENSOR.items():
    setattr(ArrayMethods, _name, Elsewhere("a Tensor", _name, _line))
