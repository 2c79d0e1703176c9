"""autograd's ``vspace``: the space in which a value lies, with its zeros, its ones and a basis."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from minigrad.compat.autograd.values import getval
from minigrad.errors import DTypeError
from minigrad.random import drawn

__all__ = ["VSpace", "vspace"]


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
            raise DTypeError(
                f"vspace is of an array or a number, got {type(value).__name__}: join the parts of a structure first, "
                "with flatten of minigrad.compat.autograd.misc"
            )
        self.shape: tuple[int, ...] = array.shape
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
        found = drawn(None, "normal", 0.0, 1.0, self.shape)
        return np.asarray(
            found + 1j * drawn(None, "normal", 0.0, 1.0, self.shape) if self.iscomplex else found, self.dtype
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


def vspace(value: Any) -> VSpace:
    """The space in which an array, a number or what stands for one lies. Raises ``DTypeError`` for structures."""
    return VSpace(value)
