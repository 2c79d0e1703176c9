"""Which elements of results depend on which elements of an argument: from a recorded graph, without its numbers.

From the argument on, each node gets a row of dependences for each of its elements; an edge says which elements of its
parent they come from. How it says so is the ``flow`` of its op (``minigrad.core.reachability``):

- elementwise, and choices in place such as ``where`` and ``maximum``: those in the same place, whatever is chosen;
- moving, and routing by indices: what the formula, a sum of elements of g, puts where. It is asked with the bits of the
  numbers of the elements: of a sum of one element they say which, of a sum of several that there are more;
- products: the same, with ones in place of the factors (of a constant one its zeros are kept);
- anything else dense: what a formula sends somewhere, given the numbers of this run or some others;
- packed ops, functions with rules of their own, and what is too large to ask: all of them.

So no entry is missing, and some may be more than there are. What an op chooses by value from several places (``sort``,
``max`` along an axis), an index worked out from numbers and a branch of Python's are as they were in this run.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.core.graph import leading_to, sum_to_shape
from minigrad.core.reachability import DENSE, ELEMENTWISE, MOVING, ROUTING
from minigrad.transforms.functions import vjp

#: Routing ops that choose between elements in one place.
_CHOICES = frozenset(
    """
    ceil clip fmax fmin floor floor_divide hardtanh heaviside keep maximum minimum nan_to_num relu rint round sign
    softshrink spacing trunc where
    """.split()
)
#: Ops whose formulas are products of g and the other factors, added up.
_PRODUCTS = frozenset(
    "contract convolution convolution_kernel convolution_transpose convolve linear matmul sparse_product".split()
)
#: What a formula of no function of somebody's own has saved.
_PLAIN = (np.ndarray, np.generic, int, float, str, tuple, type(None), np.dtype)
#: Pairs of elements, at most, up to which a formula is asked about each element by itself.
_PAIRS = 1 << 22


def pattern(outputs: list[Any], wanted: list[Any]) -> Any:
    """A sparse matrix of ones, (elements of all outputs, elements of all of wanted), where a dependence may be."""
    sparse = importlib.import_module("scipy.sparse")
    columns = sparse.eye_array(sum(math.prod(x.shape) for x in wanted), format="csr", dtype=np.int32)
    route, _ = leading_to(set(wanted), [z._node for z in outputs if z._node is not None])
    parts, start = {}, 0
    for x in wanted:
        parts[x] = columns[start : start + math.prod(x.shape)]
        start += math.prod(x.shape)
    for node in sorted(route - parts.keys(), key=lambda node: -node.order):
        edges = [(number, edge[0]) for number, edge in enumerate(node.edges) if edge is not None and edge[0] in parts]
        parts[node] = _ones(sum(_local(node, number) @ parts[parent] for number, parent in edges))
    nothing = [sparse.csr_array((z.size, start), dtype=np.int32) for z in outputs]
    return sparse.vstack([parts.get(z._node, none) for z, none in zip(outputs, nothing, strict=True)], format="csr")


def _ones(matrix: Any) -> Any:
    """The same places, with ones in them."""
    matrix.sum_duplicates()
    matrix.data = np.ones(len(matrix.data), np.int32)
    return matrix


def _local(node: Any, number: int) -> Any:
    """The same of a node and one of its arguments: (its elements, the argument's)."""
    op, (parent, formula, saved) = node.op, node.edges[number]
    shape, into = tuple(node.shape), tuple(parent.shape)
    if (op.flow is ELEMENTWISE or op.name in _CHOICES) and _broadcasts(into, shape):
        places = np.broadcast_to(np.arange(math.prod(into)).reshape(into), shape).reshape(-1)
        return _entries(np.arange(places.size), places, shape, into)
    if op.flow is MOVING or (op.flow is ROUTING and op.reach is None):
        return _moved(lambda g: sum_to_shape(formula(g, *saved), into), shape, into)
    if op.name == "matmul":
        return _of_matmul(node, number, shape, into)
    if op.name in _PRODUCTS:
        constant = sum(edge is not None for edge in node.edges) == 1
        factors = [_factor(x, constant) for x in saved]
        return _moved(lambda g: sum_to_shape(formula(g, *factors), into), shape, into)
    asked = op.flow is DENSE or op.reach is not None
    if asked and all(isinstance(x, _PLAIN) for x in saved) and math.prod(shape) * math.prod(into) <= _PAIRS:
        return _sent(formula, saved, shape, into)
    return _all(shape, into)


def _sent(formula: Any, saved: tuple[Any, ...], shape: tuple[int, ...], into: tuple[int, ...]) -> Any:
    """What a formula sends where, of each element of g: with what it has saved, and with other numbers.

    With these, since a number may be 0 here; with those, since it may choose by them.
    """
    rng = np.random.default_rng(0)
    others = [
        rng.uniform(0.5, 1, x.shape) if isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind == "f" else x
        for x in saved
    ]
    units = np.eye(math.prod(shape), dtype=np.float64).reshape(-1, *shape)
    try:
        with np.errstate(all="ignore"):
            here, elsewhere = (
                np.array([np.reshape(sum_to_shape(formula(unit, *some), into), -1) for unit in units]) != 0
                for some in (saved, others)
            )
    except (ValueError, np.linalg.LinAlgError):  # other numbers may not do
        return _all(shape, into)
    if not units.size:
        return _all(shape, into)
    rows, columns = np.nonzero(here | elsewhere)
    return _entries(rows, columns, shape, into)


def _broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    return len(shape) <= len(to) and all(a in (1, b) for a, b in zip(shape[::-1], to[::-1], strict=False))


def _entries(rows: Any, columns: Any, shape: tuple[int, ...], into: tuple[int, ...]) -> Any:
    sparse = importlib.import_module("scipy.sparse")
    ones = np.ones(len(rows), np.int32)
    return sparse.csr_array((ones, (rows, columns)), (math.prod(shape), math.prod(into)))


def _all(shape: tuple[int, ...], into: tuple[int, ...]) -> Any:
    rows, columns = math.prod(shape), math.prod(into)
    return _entries(np.repeat(np.arange(rows), columns), np.tile(np.arange(columns), rows), shape, into)


def _factor(x: Any, constant: bool) -> Any:
    """What stands for a factor: ones, and zeros where a constant one has them."""
    if not isinstance(x, (np.ndarray, np.generic)) or x.dtype.kind not in "fc":
        return x
    return np.where(x == 0, 0.0, 1.0) if constant else np.ones(x.shape, np.float64)


def _of_matmul(node: Any, number: int, shape: tuple[int, ...], into: tuple[int, ...]) -> Any:
    """An element of a product has a row of the left matrix and a column of the right one."""
    places = np.arange(math.prod(into)).reshape(into)
    other = node.edges[1 - number]
    numbers = np.arange(math.prod(shape)).reshape(shape)
    saved = node.edges[number][2][0]  # the other factor
    left, right = (places, saved) if number == 0 else (saved, places)
    if right.ndim == 1:
        right, numbers = right[:, None], numbers[..., None]
    if left.ndim == 1:
        left, numbers = left[None], np.expand_dims(numbers, -2)
    rows, inner, columns = left[..., :, :, None], right[..., None, :, :], numbers[..., :, None, :]
    mine, theirs = (rows, inner) if number == 0 else (inner, rows)
    mine, theirs, columns = np.broadcast_arrays(mine, theirs, columns)
    nonzero = (theirs != 0).reshape(-1) if other is None else slice(None)
    return _entries(columns.reshape(-1)[nonzero], mine.reshape(-1)[nonzero], shape, into)


def _moved(pull: Callable[[Any], Any], shape: tuple[int, ...], into: tuple[int, ...]) -> Any:
    """The sum of a formula that each element of g is in."""
    rows, columns = math.prod(shape), math.prod(into)
    if not rows or not columns:
        return _all(shape, into)
    numbers = _numbers(pull, shape, rows)
    if numbers is not None:
        at = np.flatnonzero(numbers >= 0)
        return _entries(numbers[at], at, shape, into)
    push = vjp(pull, np.zeros(shape, np.float64))[1]
    numbers = _numbers(lambda t: push(t)[0], into, columns)
    if numbers is not None:
        at = np.flatnonzero(numbers >= 0)
        return _entries(at, numbers[at], shape, into)
    if rows * columns > _PAIRS:
        return _all(shape, into)
    units = np.eye(rows, dtype=np.float64).reshape(rows, *shape)
    at, numbers = np.nonzero(np.stack([np.reshape(pull(unit), -1) for unit in units]))
    return _entries(at, numbers, shape, into)


def _numbers(carry: Callable[[Any], Any], shape: tuple[int, ...], count: int) -> Any:
    """For each sum of a linear function with coefficients >= 0 the number of its only element, -1 of none.

    None where a sum has several.
    """
    numbers = np.arange(count).reshape(shape)
    there = np.reshape(carry(np.ones(shape, np.float64)), -1) != 0
    codes = np.zeros(there.shape, np.int64)
    for bit in range((count - 1).bit_length()):
        ones = (numbers >> bit) & 1
        has_one, has_zero = (np.reshape(carry(g.astype(np.float64)), -1) != 0 for g in (ones, 1 - ones))
        if (has_one & has_zero).any():
            return None
        codes += has_one.astype(np.int64) << bit
    return np.where(there, codes, -1)


def coloured(places: Any) -> np.ndarray:
    """A colour for each column of a sparse matrix, such that columns of one colour have no row in common.

    Greedy, the columns with most entries first. After Curtis, Powell and Reid, On the estimation of sparse Jacobian
    matrices, 1974.
    """
    by_column, by_row = places.tocsc(), places.tocsr()
    colours = np.full(places.shape[1], -1)
    for column in np.argsort(-np.diff(by_column.indptr), kind="stable"):
        rows = by_column.indices[by_column.indptr[column] : by_column.indptr[column + 1]]
        beside = [by_row.indices[by_row.indptr[row] : by_row.indptr[row + 1]] for row in rows]
        taken = np.unique(colours[np.concatenate(beside)]) if beside else np.zeros(0, np.intp)
        taken = taken[taken >= 0]
        gaps = np.flatnonzero(taken != np.arange(len(taken)))
        colours[column] = gaps[0] if len(gaps) else len(taken)
    return colours
