"""The results of many steps, one after the other: as arrays of all steps, where those of each step are alike."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from minigrad.compiler.guards.python_state import Fresh
from minigrad.core.tensor import Tensor, wrap
from minigrad.core.trees import is_record, mapped_all

_NUMBERS = (float, int, bool, complex)


class Block(NamedTuple):
    """One result of several steps: an array of them, and what each is: a Tensor, a number of a type, or an array."""

    array: np.ndarray
    is_tensor: bool
    number: Any

    def at(self, k: int) -> Any:
        """The result of one step."""
        x = self.array[k]
        return wrap(x) if self.is_tensor else self.number(x) if self.number is not None else x


class _Piece(NamedTuple):
    steps: int
    tree: Any
    is_block: bool


class Stacked:
    """Collects the results of ``n`` steps."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.count = 0
        self._pieces: list[_Piece] = []

    def add(self, result: Any) -> None:
        """The result of the next step."""
        self._pieces.append(_Piece(1, result, False))
        self.count += 1

    def add_block(self, count: int, results: Any) -> None:
        """Those of the next steps: a structure with a ``Block`` in the place of each output."""
        self._pieces.append(_Piece(count, results, True))
        self.count += count

    def result(self) -> Any:
        """All of them: see ``Compiled.repeat``."""
        trees = [piece.tree for piece in self._pieces]
        forms = {_form(tree) for tree in trees}
        if len(forms) == 1:
            columns = zip(*[_leaves(tree) for tree in trees], strict=True)
            try:
                joined = iter([self._joined(column) for column in columns])
            except _UnlikeError:
                pass
            else:
                return mapped_all(lambda _: next(joined), trees[0], is_leaf=_is_block)
        return [self._step(piece, k) for piece in self._pieces for k in range(piece.steps)]

    def _joined(self, column: tuple[Any, ...]) -> Any:
        if all(x is None for x in column):
            return None
        kinds = {_kind(x) for x in column}
        if None in kinds:
            if len(kinds) > 1:
                raise _UnlikeError
            return [_one(x) for x, piece in zip(column, self._pieces, strict=True) for _ in range(piece.steps)]
        if len(kinds) > 1:
            raise _UnlikeError
        array = np.concatenate([_array(x, piece.steps) for x, piece in zip(column, self._pieces, strict=True)])
        return wrap(array) if kinds.pop()[0] is Tensor else array

    def _step(self, piece: _Piece, k: int) -> Any:
        if not piece.is_block:
            return piece.tree
        return mapped_all(lambda x: x.at(k) if _is_block(x) else _one(x), piece.tree, is_leaf=_is_block)


class _UnlikeError(Exception):
    """Results of two steps are not of one kind."""


def _is_block(x: Any) -> bool:
    return isinstance(x, Block)


def _one(x: Any) -> Any:
    """What one step gives, of what all give."""
    return x.now() if isinstance(x, Fresh) else x


def _leaves(tree: Any) -> list[Any]:
    leaves: list[Any] = []
    mapped_all(leaves.append, tree, is_leaf=_is_block)
    return leaves


def _form(tree: Any) -> Any:
    """The structure alone."""
    if _is_block(tree):
        return None
    if isinstance(tree, (tuple, list)):
        return (type(tree), *map(_form, tree))
    if isinstance(tree, dict):
        return (type(tree), *[(key, _form(x)) for key, x in tree.items()])
    if is_record(tree):
        return (type(tree), *[_form(x) for x in vars(tree).values()]) if hasattr(tree, "__dict__") else (type(tree),)
    return None


def _kind(x: Any) -> Any:
    """What can stand in one array, or None: a Tensor or array of a shape and dtype, a number of a type."""
    if _is_block(x):
        if x.number is not None:
            return (x.number,)
        return (Tensor if x.is_tensor else np.ndarray, x.array.shape[1:], x.array.dtype)
    if isinstance(x, Tensor):
        return (Tensor, x.shape, x.dtype)
    if isinstance(x, (np.ndarray, np.generic)):
        return (np.ndarray, x.shape, x.dtype)
    is_number = type(x) in _NUMBERS and not (type(x) is int and abs(x) >= 2**63)
    return (type(x),) if is_number else None


def _array(x: Any, steps: int) -> np.ndarray:
    """A result of several steps, with an axis of steps. Whatever is no ``Block`` is the same in each of them."""
    if _is_block(x):
        array: np.ndarray = x.array if x.number is None else x.array.astype(np.dtype(x.number))
        return array
    return np.repeat(np.asarray(x._array if isinstance(x, Tensor) else x)[None], steps, 0)
