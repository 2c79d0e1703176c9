"""Which elements a gradient flows to: what a branch not taken would have contributed is nothing.

``where(x > 0, log(x), 0)`` does not depend on ``log(x)`` where x is 0, yet the chain rule multiplies the
0 that ``where`` sends there by 1 / 0, and gets NaN. Calling every 0 times inf a 0 would be wrong: it
would hide that ``sqrt(x)**2`` has no derivative at 0 along its parts. So the walk remembers *why* a
gradient is 0: a ``Path`` says which elements of a value are reached at all. Rows say how they pass it on:

- ``ROUTING``: the formula only moves, selects or shares out g, as ``where``, ``relu``, indexing and
  ``reshape`` do. Then the formula, given ones, says itself what is reached.
- ``ELEMENTWISE``: an element of the output depends on the elements in the same place, as in ``log``.
  What is not reached gets 0, whatever the formula says.
- ``DENSE``: anything else, such as a matrix product; all is reached.

Most of the time nothing is calculated here: a Path is a note of formulas to ask if a NaN comes up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

DENSE, ELEMENTWISE, ROUTING = "dense", "elementwise", "routing"

#: So many notes may follow one another before they are worked out into a mask: a chain of a million
#: ``relu`` must neither recurse nor keep all its arrays.
_DEPTH = 32


class Path:
    """The elements of a value that a gradient reaches: those that ``formula`` sends something to."""

    __slots__ = ("above", "also", "depth", "dtype", "formula", "mask", "saved", "shape")

    def __init__(
        self, above: Path | None, formula: Callable[..., Any], saved: tuple[Any, ...], shape: Any, dtype: Any
    ) -> None:
        self.above = above  # what is reached of the output of the formula's op; None: everything
        self.formula = formula
        self.saved = saved
        self.shape = shape  # of that output
        self.dtype = dtype
        self.mask: np.ndarray | None = None
        self.also: Path | None = None  # another way to the same value
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
                self.mask = np.asarray(self.formula(g, *self.saved)) != 0
            if self.also is not None:
                self.mask = self.mask | sum_any(self.also.reached(), self.mask.shape)
            # From here on a mask is all there is to remember.
            self.above = self.also = None
            self.saved, self.depth = (), 0
        return self.mask

    def joined_by(self, other: Path) -> Path:
        """What is reached on this way or the other."""
        both = Path(self.above, self.formula, self.saved, self.shape, self.dtype)
        both.mask = self.mask
        both.also = other
        if self.mask is not None:
            both.mask = self.mask | sum_any(other.reached(), self.mask.shape)
        both.depth = max(self.depth, other.depth) + 1
        if both.depth > _DEPTH:
            both.reached()
        return both


def keep_reached(gradient: Any, path: Path) -> Any:
    """``gradient`` with 0 where nothing flows and yet it is not finite. Works on arrays and Tensors."""
    values = gradient if isinstance(gradient, (np.ndarray, np.generic)) else gradient.data
    if np.isfinite(values).all():
        return gradient
    return np.where(sum_any(path.reached(), values.shape), gradient, 0)


def sum_any(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A mask for a value of ``shape`` that was broadcast to the mask's: reached if any copy is."""
    extra = mask.ndim - len(shape)
    axes = tuple(a for a in range(mask.ndim) if a < extra or (shape[a - extra] == 1 and mask.shape[a] != 1))
    return mask.any(axes).reshape(shape) if axes else mask
