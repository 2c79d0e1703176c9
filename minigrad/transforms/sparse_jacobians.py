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
from minigrad.core.trees import aligned, rebuilt
from minigrad.errors import CompileError, GraphError, ShapeError
from minigrad.ops.elementwise import astype
from minigrad.ops.shaping import concatenate, reshape
from minigrad.transforms.batches import over_rows
from minigrad.transforms.functions import Forward, grad, outputs_of
from minigrad.transforms.jacobians import MOST, dtype_of, two_numbers
from minigrad.transforms.sparsity import coloured, pattern
from minigrad.transforms.traced_call import Argnums, RecordedCall, check_argnums

__all__ = ["hessian", "jacobian", "jacobian_sparsity"]


def jacobian_sparsity(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The function that finds where derivatives of ``f`` may be: a sparse matrix of ones, (result.size, x.size).

    Of structures, and of several arguments, there is one for each pair of leaves, as in ``jacobian``. No entry is
    missing; some of those listed may be 0. A choice in place (``where``, ``maximum``) has the entries of all
    that it can choose; ``sort``, ``max`` along an axis, an index made of numbers and a branch of Python's are as they
    are at this x.

    >>> mg.sparse.jacobian_sparsity(lambda x: np.diff(x) ** 2)(np.ones(4)).toarray()
    array([[1, 1, 0, 0],
           [0, 1, 1, 0],
           [0, 0, 1, 1]], dtype=int32)
    """
    check_function("jacobian_sparsity", f)

    @functools.wraps(f, updated=())
    def find(*args: Any, **kwargs: Any) -> Any:
        call = _SparseCall(f, args, kwargs, argnums)
        return call.in_blocks(call.places(None), np.int32)

    return find


def jacobian(f: Callable[..., Any], argnums: Argnums = 0, sparsity: Any = None) -> Callable[..., Any]:
    """The function that computes all derivatives of ``f`` as a ``scipy.sparse.csr_array``: (result.size, x.size).

    Of structures, and of several arguments, there is one for each pair of leaves, laid out as by ``mg.jacobian``. At
    each call their pattern is found as by ``jacobian_sparsity``. With ``sparsity``, a structure of sparse matrices or
    0/1 arrays laid out in the same way, nothing is searched for: one more tangent, along a random direction, tells
    whether an entry is missing. Columns that have no row in common have one colour, and one walk carries a tangent for
    each colour; or rows, and cotangents, where these need fewer.

    >>> mg.sparse.jacobian(lambda x: np.diff(x) ** 2)(np.array([1.0, 2.0, 4.0])).toarray()
    array([[-2.,  2.,  0.],
           [ 0., -4.,  4.]])

    What comes out is a constant: no gradient leads through it. Complex numbers are as in ``mg.jacobian``. Raises
    ``ShapeError`` for a ``sparsity`` of another shape or structure, ``GraphError`` where an entry is missing in it.
    """
    check_function("sparse.jacobian", f)
    check_argnums(argnums)

    @functools.wraps(f, updated=())
    def derivatives(*args: Any, **kwargs: Any) -> Any:
        call = _SparseCall(f, args, kwargs, argnums)
        places = call.places(sparsity)
        rows, columns = places.nonzero()
        by_rows, colours = _fewest(places)
        if by_rows:
            values = call.pulled(_seeds(colours))[colours[rows], columns]
        else:
            values = call.pushed(_seeds(colours))[colours[columns], rows]
        matrix = importlib.import_module("scipy.sparse").csr_array((values, (rows, columns)), places.shape)
        if sparsity is not None:
            tried = np.random.default_rng(0).uniform(0.5, 1, (1, places.shape[1]))
            _check_nothing_missing(matrix @ tried[0], call.pushed(tried)[0], call.eps)
        return call.in_blocks(matrix)

    return derivatives


def hessian(f: Callable[..., Any], argnums: Argnums = 0, sparsity: Any = None) -> Callable[..., Any]:
    """The function that computes all second derivatives of a scalar ``f`` as a sparse matrix, as ``jacobian`` does.

    >>> mg.sparse.hessian(lambda x: np.sum(x[1:] * x[:-1] ** 2))(np.array([1.0, 2.0, 3.0])).toarray()
    array([[4., 2., 0.],
           [2., 6., 4.],
           [0., 4., 0.]])
    """
    return jacobian(grad(f, argnums), argnums, sparsity)


class _SparseCall:
    """One call: its results and arguments as the rows and columns of one matrix, and how seeds are carried through."""

    def __init__(self, f: Any, args: Any, kwargs: Any, argnums: Argnums) -> None:
        if recorder() is not None:
            raise CompileError(
                "mg.compile: the pattern of a sparse Jacobian is found from a graph, and a program has none: find it "
                "outside of the compiled function"
            )
        refuse_effect("a sparse Jacobian is found", "call it for each member outside")
        self._call = RecordedCall(f, args, kwargs, argnums)
        self._result, self._outputs = outputs_of(self._call.result, "a sparse Jacobian")
        self._complex = [any(x.dtype.kind == "c" for x in some) for some in (self._outputs, self._call.wanted)]
        if all(self._complex):
            raise two_numbers("sparse.jacobian")
        self._section = self._call.section(self._outputs)
        self.eps = max([float(np.finfo(x.dtype).eps) for x in (*self._outputs, *self._call.wanted)], default=0)

    def places(self, sparsity: Any) -> Any:
        """The pattern of all: found, or as somebody says it in a structure of blocks."""
        if sparsity is None:
            return pattern(self._outputs, self._call.wanted)
        sparse, bands = importlib.import_module("scipy.sparse"), []
        inputs = self._call.in_structure(list(self._call.wanted))
        for name, row, z in aligned(sparsity, self._result, "sparsity"):
            blocks = [sparse.csr_array(block) for _, block, _ in aligned(row, inputs, name)]
            for block, x in zip(blocks, self._call.wanted, strict=True):
                shape = (z.size, math.prod(x.shape))
                if block.shape != shape:
                    raise ShapeError(f"{name} has the shape (result.size, x.size): expected {shape}, got {block.shape}")
            bands.append(sparse.hstack(blocks, format="csr"))
        return sparse.vstack(bands, format="csr")

    def in_blocks(self, matrix: Any, dtype: Any = None) -> Any:
        """One block for each result and argument, as ``mg.jacobian`` lays them out."""
        bands, start = [], 0
        for z in self._outputs:
            band, blocks, column = matrix[start : start + z.size], [], 0
            for x in self._call.wanted:
                size = math.prod(x.shape)
                kind = dtype_of(z, x)
                block = band[:, column : column + size]
                blocks.append((block if kind.kind == "c" else block.real).astype(dtype or kind, copy=False))
                column += size
            bands.append(self._call.in_structure(blocks))
            start += z.size
        return rebuilt(self._result, iter(bands))

    def pushed(self, seeds: np.ndarray) -> np.ndarray:
        """How the results move along each row: (rows, elements of results); of complex arguments, as in ``uphill``."""
        forward = Forward(self._call, self._section, self._outputs)
        wanted = self._call.wanted

        def push(moves: list[Tensor]) -> list[Tensor]:
            return forward.push(range(len(wanted)), moves, record=False)

        tangents = self._carried(push, seeds, wanted)
        return tangents + 1j * self._carried(push, seeds, wanted, 1j) if self._complex[1] else tangents

    def pulled(self, seeds: np.ndarray) -> np.ndarray:
        """What each row becomes as a gradient of the arguments: (rows, elements of arguments)."""
        roots = [z._node for z in self._outputs]

        def pull(moves: list[Tensor]) -> list[Tensor]:
            return self._call.pull(self._section, roots, moves, record=False, retain=True)

        cotangents: np.ndarray = np.conjugate(self._carried(pull, seeds, self._outputs))
        return cotangents + 1j * self._carried(pull, seeds, self._outputs, -1j) if self._complex[0] else cotangents

    def _carried(
        self, carry: Callable[[list[Tensor]], list[Tensor]], seeds: np.ndarray, likes: Any, unit: complex = 1
    ) -> np.ndarray:
        """Each row, cut up in the shapes of ``likes``, through ``carry``; times i only what is complex."""

        def joined(row: Tensor) -> Any:
            parts, start = [], 0
            for like in likes:
                size = math.prod(like.shape)
                factor = unit if like.dtype.kind == "c" else float(unit == 1)
                parts.append(astype(reshape(row[start : start + size], like.shape), like.dtype) * factor)
                start += size
            moved = [reshape(x, (-1,)) for x in carry(parts)]
            return concatenate(moved) if len(moved) > 1 else moved[0]

        step = max(1, MOST // max(1, self._section.largest()))
        dtype = np.result_type(*[like.dtype.type(0).real for like in likes])
        moves = [
            over_rows(joined, wrap(seeds[start : start + step].astype(dtype)))._array
            for start in range(0, len(seeds), step)
        ]
        return np.concatenate(moves)


def _fewest(places: Any) -> tuple[bool, np.ndarray]:
    """Whether rows need fewer colours than columns, and the colours. No colouring has fewer than the fullest line."""
    fullest = [int(np.diff(each.indptr).max(initial=0)) for each in (places.tocsr(), places.tocsc())]
    rows_first = fullest[1] < fullest[0]
    colours = coloured(places.T if rows_first else places)
    if colours.max(initial=0) + 1 > fullest[0 if rows_first else 1]:
        other = coloured(places if rows_first else places.T)
        if other.max(initial=0) < colours.max(initial=0):
            return not rows_first, other
    return rows_first, colours


def _seeds(colours: np.ndarray) -> np.ndarray:
    """For each colour a row with ones in its places."""
    seeds = np.zeros((colours.max(initial=0) + 1, len(colours)), np.float64)
    seeds[colours, np.arange(len(colours))] = 1
    return seeds


def _check_nothing_missing(product: Any, moved: Any, eps: float) -> None:
    scale = np.abs(moved).max(initial=0) + np.abs(product).max(initial=0)
    tolerance = 1e3 * eps * scale
    if not (np.abs(product - moved) <= tolerance).all():
        row = int(np.argmax(np.abs(product - moved)))
        raise GraphError(
            f"sparsity has no entry where a derivative is, in row {row}: leave it out, or find it at this x with "
            "mg.sparse.jacobian_sparsity(f)(x)"
        )
