"""Products with sparse matrices and their systems, with gradients for their values too, by SciPy.

data are the values of a matrix row by row, indices their columns, indptr where each row begins
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from minigrad.core.primitive import primitive
from minigrad.core.stands import numpy_function
from minigrad.core.table import Primitive

__all__: list[str] = []


@numpy_function
def row_product(data: Any, x: Any, indices: Any, indptr: Any) -> Any:
    """The product of a sparse matrix and a vector, or a matrix of columns."""
    shape = (len(indptr) - 1, x.shape[0])
    return importlib.import_module("scipy.sparse").csr_array((data, indices, indptr), shape) @ np.ascontiguousarray(x)


@numpy_function
def row_solution(data: Any, b: Any, indices: Any, indptr: Any) -> Any:
    """The x with a @ x = b for a square sparse matrix a; ``b`` is a vector, or a matrix of columns."""
    n = len(indptr) - 1
    dtype = np.result_type(data, b, np.float32)
    a = importlib.import_module("scipy.sparse").csr_array((data.astype(dtype), indices, indptr), (n, n))
    try:
        factors = importlib.import_module("scipy.sparse.linalg").splu(a.tocsc())
    except RuntimeError as error:
        raise np.linalg.LinAlgError(f"Singular matrix: {error}") from None
    return factors.solve(np.ascontiguousarray(b.astype(dtype)))


def rows_of(indptr: Any) -> Any:
    """The row of each value."""
    return np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))


def by_rows(rows: Any, columns: Any, count: int) -> tuple[Any, Any, Any]:
    """The order in which values lie row by row, their columns in it, and where each of ``count`` rows begins."""
    order = np.lexsort((columns, rows))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=count))])
    return order, columns[order], indptr


def _of_transposed(f: Any, data: Any, g: Any, indices: Any, indptr: Any, columns: int) -> Any:
    """f of the transposed matrix and g."""
    order, others, starts = by_rows(indices, rows_of(indptr), columns)
    return f(data[order], g, others, starts)


def _of_values(g: Any, x: Any, indices: Any, indptr: Any) -> Any:
    """The elements of g @ x.T that are in the pattern."""
    products = g[rows_of(indptr)] * x[indices]
    return products if len(x.shape) == 1 else np.sum(products, -1)


sparse_product: Primitive = primitive(
    row_product,
    lambda g, x, indices, indptr: _of_values(g, x, indices, indptr),
    lambda g, data, indices, indptr, x_shape: _of_transposed(sparse_product, data, g, indices, indptr, x_shape[0]),
    name="sparse_product", holomorphic=True,
    doc="The product of a sparse matrix, of these values, columns and beginnings of rows, and a vector or a matrix.",
)
sparse_solution: Primitive = primitive(
    row_solution,
    lambda g, z, data, indices, indptr: -_of_values(
        _of_transposed(sparse_solution, data, g, indices, indptr, len(indptr) - 1), z, indices, indptr
    ),
    lambda g, data, indices, indptr: _of_transposed(sparse_solution, data, g, indices, indptr, len(indptr) - 1),
    name="sparse_solution", holomorphic=True,
    doc="x with a @ x = b for a square sparse matrix a, of these values, columns and beginnings of rows.",
)
