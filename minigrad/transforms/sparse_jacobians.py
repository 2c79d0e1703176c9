"""Jacobians with few entries that are not 0: one tangent carries all columns that have no row in common."""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.core.batches import refuse_effect
from minigrad.core.checks import check_function
from minigrad.core.context import recorder
from minigrad.core.tensor import Tensor, wrap
from minigrad.errors import CompileError, DTypeError, GraphError, ShapeError
from minigrad.transforms.batches import over_rows
from minigrad.transforms.functions import Forward, grad, outputs_of
from minigrad.transforms.jacobians import MOST
from minigrad.transforms.sparsity import coloured, pattern
from minigrad.transforms.traced_call import RecordedCall

__all__ = ["hessian", "jacobian", "jacobian_sparsity"]


def jacobian_sparsity(f: Callable[..., Any], argnums: int | str = 0) -> Callable[..., Any]:
    """The function that finds where derivatives of ``f`` may be: a sparse matrix of ones, (result.size, x.size).

    No entry is missing, and there may be more than there are. A choice in place (``where``, ``maximum``) has the
    entries of all that it can choose; ``sort``, ``max`` along an axis, an index made of numbers and a branch of
    Python's are as they are at this x.

    >>> mg.sparse.jacobian_sparsity(lambda x: np.diff(x) ** 2)(np.ones(4)).toarray()
    array([[1, 1, 0, 0],
           [0, 1, 1, 0],
           [0, 0, 1, 1]], dtype=int32)
    """
    check_function("jacobian_sparsity", f)

    @functools.wraps(f, updated=())
    def find(*args: Any, **kwargs: Any) -> Any:
        call, z = _recorded(f, args, kwargs, argnums)
        return pattern([z], call.wanted[0])

    return find


def jacobian(f: Callable[..., Any], argnums: int | str = 0, sparsity: Any = None) -> Callable[..., Any]:
    """The function that computes all derivatives of ``f`` as a ``scipy.sparse.csr_array``: (result.size, x.size).

    ``f`` takes an array and returns one. At each call its pattern is found as by ``jacobian_sparsity``; with
    ``sparsity``, a sparse matrix or an array of 0 and others, it is said, and one tangent along a random direction
    tells whether an entry is missing. Columns that have no row in common have one colour, and one walk carries a
    tangent for each colour; or rows, and cotangents, where these need fewer.

    >>> mg.sparse.jacobian(lambda x: np.diff(x) ** 2)(np.array([1.0, 2.0, 4.0])).toarray()
    array([[-2.,  2.,  0.],
           [ 0., -4.,  4.]])

    What comes out is a constant: no gradient leads through it. Raises ``DTypeError`` for structures and complex
    numbers, ``ShapeError`` for a ``sparsity`` of another shape, ``GraphError`` where an entry is missing in it.
    """
    check_function("sparse.jacobian", f)

    @functools.wraps(f, updated=())
    def derivatives(*args: Any, **kwargs: Any) -> Any:
        call, z = _recorded(f, args, kwargs, argnums)
        x = call.wanted[0]
        shape = (z.size, math.prod(x.shape))
        sparse = importlib.import_module("scipy.sparse")
        places = pattern([z], x) if sparsity is None else sparse.csr_array(sparsity)
        if places.shape != shape:
            raise ShapeError(f"sparsity has the shape (result.size, x.size): expected {shape}, got {places.shape}")
        rows, columns = places.nonzero()
        if z._node is None:
            return sparse.csr_array((np.zeros(len(rows), z.dtype), (rows, columns)), shape)
        carriers = _Carriers(call, z)
        by_rows, colours = _fewest(places)
        if by_rows:
            values = carriers.pulled(_seeds(colours))[colours[rows], columns]
        else:
            values = carriers.pushed(_seeds(colours))[colours[columns], rows]
        made = sparse.csr_array((values.astype(z.dtype, copy=False), (rows, columns)), shape)
        if sparsity is not None:
            tried = np.random.default_rng(0).uniform(0.5, 1, (1, shape[1]))
            _check_nothing_missing(made @ tried[0], carriers.pushed(tried)[0])
        return made

    return derivatives


def hessian(f: Callable[..., Any], argnums: int | str = 0, sparsity: Any = None) -> Callable[..., Any]:
    """The function that computes all second derivatives of a scalar ``f`` as a sparse matrix, as ``jacobian`` does.

    >>> mg.sparse.hessian(lambda x: np.sum(x[1:] * x[:-1] ** 2))(np.array([1.0, 2.0, 3.0])).toarray()
    array([[4., 2., 0.],
           [2., 6., 4.],
           [0., 4., 0.]])
    """
    return jacobian(grad(f, argnums), argnums, sparsity)


def _recorded(f: Any, args: Any, kwargs: Any, argnums: int | str) -> tuple[RecordedCall, Tensor]:
    if recorder() is not None:
        raise CompileError(
            "mg.compile: the pattern of a sparse Jacobian is found from a graph, and a program has none: find it "
            "outside of the compiled function"
        )
    refuse_effect("a sparse Jacobian is found", "call it for each member outside")
    call = RecordedCall(f, args, kwargs, argnums)
    _, outputs = outputs_of(call.result, "a sparse Jacobian")
    if len(outputs) != 1 or len(call.wanted) != 1:
        raise DTypeError(
            "a sparse Jacobian is of one array with respect to one array: join them, np.concatenate([a, b]), and take "
            "the argument apart in the function"
        )
    if outputs[0].dtype.kind == "c" or call.wanted[0].dtype.kind == "c":
        raise DTypeError(
            "a sparse Jacobian is of real numbers: write complex ones as pairs, np.stack([z.real, z.imag])"
        )
    return call, outputs[0]


class _Carriers:
    """One call: how rows of tangents or of cotangents are carried through it, as many at once as memory allows."""

    def __init__(self, call: RecordedCall, z: Tensor) -> None:
        self._call, self._z = call, z
        self._section = call.section([z])

    def pushed(self, seeds: np.ndarray) -> np.ndarray:
        """How the result moves along each row: (rows, result.size)."""
        forward = Forward(self._call, self._section, [self._z])
        return self._carried(lambda row: forward.push([0], [row], record=False), seeds, self._call.wanted[0])

    def pulled(self, seeds: np.ndarray) -> np.ndarray:
        """What each row becomes as a gradient of the argument: (rows, x.size)."""
        call, section, z = self._call, self._section, self._z
        return self._carried(lambda row: call.pull(section, [z._node], [row], record=False, retain=True), seeds, z)

    def _carried(self, carry: Callable[[Tensor], list[Tensor]], seeds: np.ndarray, like: Any) -> np.ndarray:
        step = max(1, MOST // max(1, self._section.largest()))
        found = []
        for start in range(0, len(seeds), step):
            part = seeds[start : start + step].astype(like.dtype)
            [moved] = over_rows(carry, wrap(part.reshape(len(part), *like.shape)))
            found.append(np.reshape(moved._array, (len(part), -1)))
        return np.concatenate(found)


def _fewest(places: Any) -> tuple[bool, np.ndarray]:
    """Whether rows need fewer colours than columns, and the colours. No colouring has fewer than the fullest line."""
    fullest = [int(np.diff(each.indptr).max(initial=0)) for each in (places.tocsr(), places.tocsc())]
    rows_first = fullest[1] < fullest[0]
    found = coloured(places.T if rows_first else places)
    if found.max(initial=0) + 1 > fullest[0 if rows_first else 1]:
        other = coloured(places if rows_first else places.T)
        if other.max(initial=0) < found.max(initial=0):
            return not rows_first, other
    return rows_first, found


def _seeds(colours: np.ndarray) -> np.ndarray:
    """For each colour a row with ones in its places."""
    seeds = np.zeros((colours.max(initial=0) + 1, len(colours)), np.float64)
    seeds[colours, np.arange(len(colours))] = 1
    return seeds


def _check_nothing_missing(product: Any, moved: Any) -> None:
    scale = np.abs(moved).max(initial=0) + np.abs(product).max(initial=0)
    tolerance = 1e3 * np.finfo(moved.dtype).eps * scale
    if not (np.abs(product - moved) <= tolerance).all():
        row = int(np.argmax(np.abs(product - moved)))
        raise GraphError(
            f"sparsity has no entry where a derivative is, in row {row}: leave it out, or find it at this x with "
            "mg.sparse.jacobian_sparsity(f)(x)"
        )
