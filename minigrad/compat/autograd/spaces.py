"""autograd's ``vspace``: the space in which a value or structure lies, with its zeros, its ones and a basis."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from minigrad.compat.autograd.values import getval
from minigrad.core.trees import leaves, mapped, rebuilt
from minigrad.errors import DTypeError
from minigrad.random import drawn

__all__ = ["StructureSpace", "VSpace", "vspace"]


class VSpace:
    """The real vector space of arrays like one; a complex number counts as two real ones.

    >>> from minigrad.compat.autograd.extend import vspace
    >>> import numpy as np
    >>> [basis.tolist() for basis in vspace(np.array([1.0, 2.0])).standard_basis()]
    [[1.0, 0.0], [0.0, 1.0]]
    """

    def __init__(self, value: Any) -> None:
        array = np.asarray(None if isinstance(value, (list, tuple, dict)) else getval(value))
        if array.dtype.kind not in "fciub":
            raise DTypeError(f"VSpace is of an array or a number, and vspace of structures of them; got {value!r:.60}")
        self.shape: Any = array.shape
        self.dtype: np.dtype = array.dtype if array.dtype.kind in "fc" else np.dtype(np.float64)
        self.iscomplex: bool = array.dtype.kind == "c"
        self.ndim: int = array.ndim
        self.size: int = math.prod(self.shape) * (2 if self.iscomplex else 1)

    def __eq__(self, other: Any) -> bool:
        return type(other) is VSpace and (self.shape, self.dtype) == (other.shape, other.dtype)

    __hash__ = None  # type: ignore[assignment]

    def zeros(self) -> Any:
        """An array of zeros."""
        return np.zeros(self.shape, self.dtype)

    def ones(self) -> Any:
        """An array of ones; of complex numbers, of 1 + 1j."""
        return np.ones(self.shape, self.dtype) * (1 + 1j if self.iscomplex else 1)

    def standard_basis(self) -> Iterator[Any]:
        """For each number an array with 1 in its place and zeros elsewhere; of complex ones then one with 1j."""
        for index in np.ndindex(*self.shape):
            for unit in (1, 1j) if self.iscomplex else (1,):
                basis = self.zeros()
                basis[index] = unit
                yield basis

    def randn(self) -> Any:
        """Normal random numbers of the package's generator."""
        numbers = drawn(None, "normal", 0.0, 1.0, self.shape)
        return np.asarray(
            numbers + 1j * drawn(None, "normal", 0.0, 1.0, self.shape) if self.iscomplex else numbers, self.dtype
        )

    def add(self, x: Any, y: Any) -> Any:
        """x + y."""
        return x + y

    def scalar_mul(self, x: Any, a: Any) -> Any:
        """x times a number."""
        return x * a

    def inner_prod(self, x: Any, y: Any) -> Any:
        """The product of x and y as vectors of real numbers."""
        return np.real(np.ravel(np.conjugate(x)) @ np.ravel(y))

    def covector(self, x: Any) -> Any:
        """The gradient of the product with x."""
        return np.conjugate(x)


class StructureSpace(VSpace):
    """The space of all arrays and numbers in a list, tuple or dict together.

    >>> from minigrad.compat.autograd.extend import vspace
    >>> [basis for basis in vspace({"a": 1.0, "b": (2.0,)}).standard_basis()][1]
    {'a': array(0.), 'b': (array(1.),)}
    """

    def __init__(self, value: Any) -> None:
        self._spaces = mapped(VSpace, value)
        self.shape = mapped(lambda space: space.shape, self._spaces)
        self.size = sum(space.size for _, space in leaves(self._spaces))
        self.iscomplex = any(space.iscomplex for _, space in leaves(self._spaces))

    def __eq__(self, other: Any) -> bool:
        return type(other) is StructureSpace and bool(self._spaces == other._spaces)

    __hash__ = None

    def _each(self, method: str, *structures: Any) -> list[Any]:
        """The results of a method of each space, on the parts that lie in it."""
        parts = zip(*[[x for _, x in leaves(tree)] for tree in (self._spaces, *structures)], strict=True)
        return [getattr(space, method)(*xs) for space, *xs in parts]

    def _joined(self, parts: list[Any]) -> Any:
        return rebuilt(self._spaces, iter(parts))

    def zeros(self) -> Any:
        """A structure of zeros."""
        return self._joined(self._each("zeros"))

    def ones(self) -> Any:
        """A structure of ones; of complex numbers, of 1 + 1j."""
        return self._joined(self._each("ones"))

    def standard_basis(self) -> Iterator[Any]:
        """For each number a structure with 1 in its place and zeros elsewhere; of complex ones then one with 1j."""
        for number, (_, space) in enumerate(leaves(self._spaces)):
            for basis in space.standard_basis():
                parts = self._each("zeros")
                parts[number] = basis
                yield self._joined(parts)

    def randn(self) -> Any:
        """Normal random numbers of the package's generator."""
        return self._joined(self._each("randn"))

    def add(self, x: Any, y: Any) -> Any:
        """x + y."""
        return self._joined(self._each("add", x, y))

    def scalar_mul(self, x: Any, a: Any) -> Any:
        """x times a number."""
        return mapped(lambda part: part * a, x)

    def inner_prod(self, x: Any, y: Any) -> Any:
        """The product of x and y as vectors of real numbers."""
        return sum(self._each("inner_prod", x, y))

    def covector(self, x: Any) -> Any:
        """The gradient of the product with x."""
        return self._joined(self._each("covector", x))


def vspace(value: Any) -> VSpace:
    """The space in which an array, a number, what stands for one, or a structure of these lies."""
    return StructureSpace(value) if isinstance(value, (list, tuple, dict)) else VSpace(value)
