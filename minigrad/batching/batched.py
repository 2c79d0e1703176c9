"""``Batched``: the arrays of all members of a batch in one, which answers as the array of one member would.

It stands inside a Tensor while ``vmap`` runs a function of one member. The real array has a batch axis in front;
shapes are those of a member. Operators, NumPy's functions and an array's methods find their rule by the NumPy function
(``minigrad.batching.rules``). What would take a number out of the arithmetic (``float(x)``, ``if x > 0``) is refused,
since it differs from member to member.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from minigrad.batching import rules
from minigrad.core.batches import Batch
from minigrad.core.library_calls import instead
from minigrad.core.stands import Stand, give_operators, shown
from minigrad.errors import BatchError

_Array = np.ndarray

#: Functions that answer with shapes and dtypes, which all members share.
_DESCRIPTIONS = frozenset(
    getattr(np, name)
    for name in "shape ndim size result_type can_cast common_type iscomplexobj isrealobj min_scalar_type".split()
)


def _binary(function: Callable[..., Any], reflected: bool) -> Callable[..., Any]:
    def method(self: Batched, other: Any) -> Any:
        kind = type(other)
        if kind is Batched and other.batch is self.batch:
            a, b = self.array, other.array
            if a.ndim == b.ndim:
                return Batched(self.batch, function(a, b))
        elif kind is float or kind is int:
            return Batched(self.batch, function(other, self.array) if reflected else function(self.array, other))
        elif hasattr(other, "_node") or getattr(kind, "__array_ufunc__", other) is None:
            return NotImplemented  # a Tensor knows what to do, and so does what takes no part in NumPy's functions
        return rules.respond(function, (other, self) if reflected else (self, other), {})

    return method


def _in_place(function: Callable[..., Any], anew: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Batched, other: Any) -> Any:
        if not self.ndim:
            return anew(self, other)  # scalars are replaced, not written
        _, array, value = rules.written(self, other)
        function(array, value)
        return self

    return method


def _unary(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self: Batched(self.batch, function(self.array))


def _named(function: Any) -> Callable[..., Any]:
    def method(self: Batched, *args: Any, **kwargs: Any) -> Any:
        return rules.respond(function, (self, *args), kwargs)

    return method


def _description(name: str) -> Any:
    return property(lambda self: getattr(self.array, name))


class Batched(Stand):
    """The arrays of all members of a batch: ``array`` has them along its first axis."""

    __slots__ = ("__weakref__", "array", "batch")

    array: np.ndarray

    def __init__(self, batch: Batch, array: Any) -> None:
        self.batch = batch
        self.array = array

    # -- what all members share ---------------------------------------------------------------

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """An array's: ``isinstance(x, np.ndarray)`` goes the same way as for the array of one member."""
        return _Array

    dtype, flags, itemsize, base = map(_description, ("dtype", "flags", "itemsize", "base"))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one member."""
        return self.array.shape[1:]

    @property
    def ndim(self) -> int:
        """The number of axes of one member."""
        return self.array.ndim - 1

    @property
    def size(self) -> int:
        """The number of elements of one member."""
        return math.prod(self.array.shape[1:])

    @property
    def strides(self) -> tuple[int, ...]:
        """Those of one member."""
        return self.array.strides[1:]

    @property
    def nbytes(self) -> int:
        """Those of one member."""
        return self.size * self.array.itemsize

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<{self.batch.size} members: {self.dtype} {self.shape}>"

    __hash__ = Stand.__hash__

    # -- operators: see ``give_operators`` -----------------------------------------------------

    def __matmul__(self, other: Any) -> Any:
        return NotImplemented if hasattr(other, "_node") else rules.respond(np.matmul, (self, other), {})

    def __rmatmul__(self, other: Any) -> Any:
        return rules.respond(np.matmul, (other, self), {})

    def __imatmul__(self, other: Any) -> Any:
        product = rules.respond(np.matmul, (self, other), {})
        if np.shape(product) != self.shape:
            raise ValueError(f"x @= y: the product has the shape of x, {self.shape}, got {np.shape(product)}")
        self[...] = product
        return self

    # -- methods ------------------------------------------------------------------------------

    sum, mean, prod, max, min = map(_named, (np.sum, np.mean, np.prod, np.max, np.min))
    var, std, argmax, argmin = map(_named, (np.var, np.std, np.argmax, np.argmin))
    all, any = _named(np.all), _named(np.any)
    argsort, argpartition, cumsum, cumprod = map(_named, (np.argsort, np.argpartition, np.cumsum, np.cumprod))
    clip, round, take, dot, repeat = map(_named, (np.clip, np.round, np.take, np.dot, np.repeat))
    conj, conjugate = _named(np.conjugate), _named(np.conjugate)
    swapaxes, squeeze, ravel = map(_named, (np.swapaxes, np.squeeze, np.ravel))
    diagonal, trace, searchsorted = map(_named, (np.diagonal, np.trace, np.searchsorted))

    def reshape(self, *shape: Any, order: str = "C") -> Any:
        """Another shape of each member."""
        return rules.respond(np.reshape, (self, shape[0] if len(shape) == 1 else shape), {"order": order})

    def transpose(self, *axes: Any) -> Any:
        """Another order of a member's axes."""
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], (int, np.integer)) else axes or None
        return rules.respond(np.transpose, (self, order), {})

    def flatten(self, order: str = "C") -> Any:
        """All elements of each member, copied."""
        return self.reshape(-1, order=order).copy()

    def astype(self, dtype: Any, *args: Any, **kwargs: Any) -> Batched:
        """Another dtype."""
        return Batched(self.batch, self.array.astype(dtype, *args, **kwargs))

    def view(self, dtype: Any) -> Any:
        """The bytes as another dtype."""
        return Batched(self.batch, (self.array if self.ndim else self.array.copy()).view(dtype))

    def copy(self, order: Any = "C") -> Batched:
        """A copy."""
        return Batched(self.batch, self.array.copy(order))

    def fill(self, value: Any) -> None:
        """Write one value everywhere."""
        self[...] = value

    @property
    def T(self) -> Any:
        """The transpose of each member."""
        return self.transpose()

    @property
    def real(self) -> Batched:
        """The real part."""
        return self if self.dtype.kind != "c" else Batched(self.batch, self.array.real)

    @property
    def imag(self) -> Batched:
        """The imaginary part."""
        return Batched(self.batch, self.array.imag)

    def as_array(self) -> Batched:
        """Itself."""
        return self

    def __getitem__(self, index: Any) -> Any:
        return rules.respond(operator.getitem, (self, index), {})

    def __setitem__(self, index: Any, value: Any) -> None:
        rules.respond(operator.setitem, (self, index, value), {})

    @staticmethod
    def index(x: Any, index: Any) -> Any:
        """``x[index]`` for any x."""
        return rules.respond(operator.getitem, (x, index), {})

    @staticmethod
    def respond(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The result of a function for all members."""
        return rules.respond(function, args, kwargs)

    @staticmethod
    def by_members(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The same in a loop over the members."""
        batch = rules.innermost((*args, *kwargs.values()))
        return function(*args, **kwargs) if batch is None else rules.by_members(batch, function, args, kwargs)

    # -- NumPy's protocols --------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if any(hasattr(x, "_node") for x in inputs):
            return NotImplemented
        if method == "__call__":
            return rules.respond(ufunc, inputs, kwargs)
        if kwargs.get("out") is not None:
            kwargs = {**kwargs, "out": kwargs["out"][0]}
        return rules.respond(getattr(ufunc, method), inputs, kwargs, (ufunc, method))

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if any(hasattr(kind, "backward") for kind in types):
            return NotImplemented
        if function in _DESCRIPTIONS:
            return function(*map(_without_memory, args), **kwargs)
        return rules.respond(function, args, kwargs)

    # -- what leaves the arithmetic -----------------------------------------------------------

    def __bool__(self) -> bool:
        raise _undecided()  # the package asks by is_true, everywhere and anywhere

    def is_true(self, members: Callable[[Any], Any] | None) -> bool:
        """The answer of ``all`` members, or of ``any``, or the one answer that they agree in."""
        values = np.asarray(shown(self))
        if self.size == 1 and members is not None:
            return bool(members(values))
        if self.size == 1 and values.size and values.all() == values.any():
            return bool(values.all())
        raise _undecided()

    def _leaving(self) -> NoReturn:
        raise BatchError(
            "vmap: a number is taken out of the function into Python (float(x), x.item(), range(n)), and each member "
            "of the batch has its own: go on with the tensor itself, or return it"
        )

    def item(self, *index: Any) -> NoReturn:
        """Refused: each member has its own."""
        self._leaving()

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(_Array, name):
            raise AttributeError(f"'ndarray' has no attribute {name!r}")
        raise BatchError(f"vmap: .{name} of the arrays of a batch is not known: use functions of NumPy")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        raise BatchError(
            "vmap: something takes the plain array of one member here (np.asarray, np.array, an index into a plain "
            "array, or a write into one), and there are many: "
            + instead(
                "use functions of NumPy on the tensor itself, mg.tensor(table)[i] for an index, and mg.zeros(n) for "
                "what is filled"
            )
        )


def _undecided() -> BatchError:
    return BatchError(
        "vmap: Python decides by a value here (if, and, or, not, while), and the members of the batch may differ "
        "in it: choose with mg.where(condition, x, y), or call the function in a loop over the members"
    )


def _without_memory(x: Any) -> Any:
    """What a description is asked of: arrays without memory for those of a member."""
    return np.broadcast_to(np.empty((), x.dtype), x.shape) if type(x) is Batched else x


give_operators(Batched, _binary, _in_place, _unary)
rules.Made.kind = Batched
