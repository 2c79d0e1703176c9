"""Matrices of ``scipy.sparse`` and tensors: products with gradients, systems, and what ``@`` does with both."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.core.tensor import Tensor
from minigrad.errors import ShapeError, UnsupportedError
from minigrad.ops.along import together
from minigrad.ops.sparse import by_rows, rows_of, sparse_product, sparse_solution
from minigrad.typing import ArrayLike

__all__ = ["matmul", "spsolve"]

Pattern = tuple[Any, Any, Any]


def _pattern(name: str, a: Any, data: Any, turned: bool = False) -> Pattern:
    """The values row by row, their columns, and where each row begins; of the transposed matrix if ``turned``."""
    if not importlib.import_module("scipy.sparse").issparse(a):
        raise TypeError(f"{name} takes a matrix of scipy.sparse, got {type(a).__name__}")
    if a.ndim != 2:
        raise ShapeError(f"{name} takes a sparse matrix of two axes, got shape {a.shape}")
    if data is None:
        rows = (a.T if turned else a).tocsr()
        return rows.data, rows.indices, rows.indptr
    if a.format not in ("csr", "csc", "coo"):
        raise UnsupportedError(f"{name} with data= takes the formats csr, csc and coo, got {a.format}: write A.tocsr()")
    if np.shape(data) != a.data.shape:
        raise ShapeError(f"{name} takes data of the shape of A.data, which is {a.data.shape}, got {np.shape(data)}")
    first, second = a.coords if a.format == "coo" else _places(a)
    rows, columns = (second, first) if turned else (first, second)
    order, indices, indptr = by_rows(rows, columns, a.shape[1 if turned else 0])
    return data[order], indices, indptr


def _places(a: Any) -> tuple[Any, Any]:
    """The row and the column of each value."""
    lines = rows_of(a.indptr)
    return (lines, a.indices) if a.format == "csr" else (a.indices, lines)


def _operand(name: str, x: Any, data: Any) -> tuple[Any, Any]:
    """The dense operand and the values, as arrays."""
    x = x if hasattr(x, "dtype") else together(x)[0]
    if not 1 <= x.ndim <= 2:
        raise ShapeError(f"{name} takes a vector or a matrix beside a sparse one, got shape {x.shape}")
    return x, data if data is None or hasattr(data, "dtype") else together(data)[0]


def matmul(a: Any, b: Any, *, data: ArrayLike | None = None) -> Any:
    """``a @ b`` of a matrix of ``scipy.sparse`` and a vector or matrix, in either order.

    The sparse one is a constant. With ``data`` it is its pattern alone, and these are its values, in the order of
    ``A.data`` (csr, csc or coo): gradients go to them too. Raises ``ShapeError``.

    >>> from scipy.sparse import csr_array
    >>> mg.sparse.matmul(csr_array(np.eye(3)), mg.tensor([1.0, 2.0, 3.0]))
    tensor([1., 2., 3.], dtype=float64)
    """
    sparse = importlib.import_module("scipy.sparse").issparse
    if not sparse(a) and sparse(b):
        x, data = _operand("matmul", a, data)
        if x.shape[-1] != b.shape[0]:
            raise ShapeError(f"matmul of shapes {x.shape} and {b.shape}: the inner sizes differ")
        return np.transpose(sparse_product(*_with(_pattern("matmul", b, data, turned=True), np.transpose(x))))
    x, data = _operand("matmul", b, data)
    pattern = _pattern("matmul", a, data)
    if x.shape[0] != a.shape[1]:
        raise ShapeError(f"matmul of shapes {a.shape} and {x.shape}: the inner sizes differ")
    return sparse_product(*_with(pattern, x))


def _with(pattern: Pattern, x: Any) -> tuple[Any, Any, Any, Any]:
    values, indices, indptr = pattern
    return values, x, indices, indptr


def spsolve(A: Any, b: ArrayLike, *, data: ArrayLike | None = None) -> Any:
    """x with ``A @ x = b`` for a square sparse A, by a sparse factorisation; ``b`` is a vector or a matrix of columns.

    A is a constant; with ``data`` as in ``matmul`` gradients go to its values too. Raises ``ShapeError``, and NumPy's
    ``LinAlgError`` for a singular A.

    >>> from scipy.sparse import csc_array
    >>> mg.sparse.spsolve(csc_array(2.0 * np.eye(2)), mg.tensor([1.0, 4.0])).round(4)
    tensor([0.5, 2. ], dtype=float64)
    """
    x, data = _operand("spsolve", b, data)
    values, indices, indptr = _pattern("spsolve", A, data)
    if A.shape[0] != A.shape[1] or x.shape[0] != A.shape[0]:
        raise ShapeError(f"spsolve takes a square A and as many rows of b, got shapes {A.shape} and {x.shape}")
    return sparse_solution(values, x, indices, indptr)


# -- operators ----------------------------------------------------------------------------------


def _knowing(own: Callable[[Any, Any], Any], product: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """A method of SciPy's matrices that leaves Tensors to ``product``."""

    @functools.wraps(own)
    def method(self: Any, other: Any) -> Any:
        return product(self, other) if isinstance(other, Tensor) else own(self, other)

    vars(method)["takes_tensors"] = True
    return method


def teach() -> None:
    """Let ``A @ t``, ``t @ A``, ``A.dot(t)`` and the ``*`` of SciPy's matrices give Tensors with gradients.

    SciPy's own methods would make an array of a tensor before they ask it. They are changed for Tensors alone, once.
    """
    module = importlib.import_module("scipy.sparse")
    for kind in ("bsr", "coo", "csc", "csr", "dia", "dok", "lil"):
        for flavour in ("array", "matrix"):
            cls = getattr(module, f"{kind}_{flavour}")
            if hasattr(cls.__matmul__, "takes_tensors"):
                continue
            names = ["__matmul__", "__rmatmul__", "dot"] + ["__mul__", "__rmul__"] * (flavour == "matrix")
            for name in names:
                product = _matmul_from_right if name in ("__rmatmul__", "__rmul__") else matmul
                setattr(cls, name, _knowing(getattr(cls, name), product))


def _matmul_from_right(a: Any, t: Any) -> Any:
    return matmul(t, a)
