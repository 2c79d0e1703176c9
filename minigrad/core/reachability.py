"""Which elements a gradient flows to: what a branch not taken would have contributed is nothing.

``where(x > 0, log(x), 0)`` does not depend on ``log(x)`` where x is 0, yet the chain rule multiplies the
0 that ``where`` sends there by 1 / 0, and gets NaN. Calling every 0 times inf a 0 would be wrong: it
would hide that ``sqrt(x)**2`` has no derivative at 0 along its parts. So the walk remembers *why* a
gradient is 0: a ``Path`` says which elements of a value are reached at all. Rows say how they pass it on:

- ``ROUTING``: the formula selects or shares out g, as ``where``, ``relu`` and indexing do. Then the
  formula, given ones, says itself what is reached, or the row's ``reach`` in its place.
- ``MOVING``: the formula puts all of g somewhere, as ``reshape`` and ``sum`` do: the same, where
  something was not reached before.
- ``ELEMENTWISE``: an element of the output depends on the elements in the same place, as in ``log``.
  What is not reached gets 0, whatever the formula says.
- ``ROWS``: an element of the output depends on one row, along the last axis of the argument, as in the cross entropy of
  classes. What is in a row that is not reached gets 0.
- ``PACKED``: several results in one array, as of ``eigh``. Its formula is given the Path, as ``reached``, and so
  knows which of them were used.
- ``DENSE``: anything else, such as a matrix product; all is reached.

Below no choice there is no Path, and below one it is only a note of formulas to ask if a NaN comes up.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.core.members import everywhere

DENSE, ELEMENTWISE, MOVING, PACKED = "dense", "elementwise", "moving", "packed"
ROUTING, ROWS = "routing", "rows"

#: Functions that are constant between jumps: their gradient is 0 everywhere.
_JUMPING = frozenset({"ceil", "floor", "floor_divide", "rint", "round", "sign", "trunc"})

#: Notes that may follow one another before they are worked out into a mask, at most: a chain of a million
#: ``relu`` must neither recurse nor keep all its arrays.
_DEPTH = 32


class Path:
    """The elements of a value that a gradient reaches: those that ``formula`` sends something to."""

    __slots__ = ("above", "depth", "dtype", "formula", "mask", "saved", "shape")

    def __init__(
        self, above: Path | None, formula: Callable[..., Any], saved: tuple[Any, ...], shape: Any, dtype: Any
    ) -> None:
        self.above = above  # what is reached of the output of the formula's op; None: everything
        self.formula = formula
        self.saved = saved
        self.shape = shape  # of that output
        self.dtype = dtype
        self.mask: np.ndarray | None = None
        self.depth: int = 1 if above is None else above.depth + 1
        if self.depth > _DEPTH:
            self.reached()

    def reached(self) -> np.ndarray:
        """A mask of the elements that something flows to."""
        if self.mask is None:
            g = np.ones(self.shape, self.dtype)
            if self.above is not None:
                g = g * sum_any(self.above.reached(), self.shape)
            with np.errstate(all="ignore"):
                mask = self.formula(g, *self.saved)
                self.mask = (np.asarray(mask) if isinstance(mask, (np.generic, bool, int, float)) else mask) != 0
            self.above, self.saved, self.depth = None, (), 0  # the mask is all there is to remember
        return self.mask

    def joined_by(self, other: Path, shape: tuple[int, ...]) -> Path:
        """The elements of a value of ``shape`` that are reached on this way or the other."""
        both = Path(None, _either, (self, other, shape), (), np.dtype(bool))
        both.depth = max(self.depth, other.depth) + 1
        if both.depth > _DEPTH:
            both.reached()
        return both


def _either(g: Any, one: Path, other: Path, shape: tuple[int, ...]) -> np.ndarray:
    """The formula of two ways to one value."""
    reached: np.ndarray = np.logical_and(g, sum_any(one.reached(), shape) | sum_any(other.reached(), shape))
    return reached


def is_constant(node: Any) -> bool:
    """Whether all ways down from here end at functions that are constant between jumps, so that no gradient flows."""
    stack, seen = [node], {node}
    while stack:  # of a constant and of a leaf: no edges
        edges = getattr(stack[-1], "edges", None)
        if not edges:  # a leaf, or what was freed
            return False
        name = stack.pop().op.name
        ways = edges[1:] if name == "heaviside" else () if name in _JUMPING else edges  # the value at 0 is an argument
        below = {edge[0] for edge in ways if edge is not None} - seen
        stack += below
        seen |= below
    return True


def path_onward(node: Any, path: Path | None, formula: Callable[..., Any], saved: tuple[Any, ...]) -> Path | None:
    """The part of an argument that this formula reaches, where ``path`` of ``node`` is reached; None: all of it."""
    flow = node.op.flow
    if flow is ROUTING or (flow is MOVING and path is not None):
        return Path(path, node.op.reach or formula, saved, node.shape, node.dtype)
    if flow is ROWS and path is not None:
        return _in_rows(path, node.shape)
    return path if flow is ELEMENTWISE else None


def _in_rows(path: Path, shape: tuple[int, ...]) -> Path:
    """The rows for the elements of an output of ``shape`` that are reached."""
    return Path(path, operator.itemgetter((..., None)), (), shape, np.dtype(bool))


def formula_below(path: Path, flow: str, formula: Callable[..., Any], g: Any, saved: tuple[Any, ...]) -> Any:
    """A formula's gradient where not all of the output is reached."""
    if flow is PACKED:
        return formula(g, *saved, reached=path)
    if flow is ROWS:
        path = _in_rows(path, g.shape)
    elif flow is not ELEMENTWISE:
        return formula(g, *saved)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):  # of what is not reached
        return keep_reached(formula(g, *saved), path)


def join_paths(paths: dict[Any, Path], parent: Any, onward: Path | None) -> None:
    """Note one more way to ``parent``: where everything is reached on it, there is nothing to note."""
    if onward is None:
        del paths[parent]
    else:
        paths[parent] = paths[parent].joined_by(onward, parent.shape)


def keep_reached(gradient: Any, path: Path) -> Any:
    """``gradient`` with 0 where nothing flows and yet it is not finite. Works on arrays and Tensors."""
    plain = isinstance(gradient, (np.ndarray, np.generic))
    values = gradient if plain else getattr(gradient, "_array" if hasattr(gradient, "_node") else "data")
    if everywhere(np.isfinite(values)):
        return gradient
    return np.where(sum_any(path.reached(), values.shape), gradient, 0)


def sum_any(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A mask for a value of ``shape`` that was broadcast to the mask's: reached if any copy is."""
    extra = mask.ndim - len(shape)
    axes = tuple(a for a in range(mask.ndim) if a < extra or (shape[a - extra] == 1 and mask.shape[a] != 1))
    return mask.any(axes).reshape(shape) if axes else mask
