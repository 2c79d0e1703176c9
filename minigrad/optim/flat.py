"""``Flat``: the parameters of a group in one contiguous array, so that a step is a few long calls.

NumPy spends most of its time on a small array before it looks at the numbers. Here each ``p.data``
is a view into one array, the gradients are gathered into another, and the state (momenta, caches)
lies in more of them: a step costs a dozen calls however many parameters there are.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from minigrad.graph import Leaf, next_order
from minigrad.tensor import Tensor

#: Elements worked on at a time: an update passes over its arrays a dozen times, and so many of each
#: stay in the cache.
BLOCK = 65_536

#: Up to this many elements the gradients are gathered into one array; above, the copy costs more
#: than the calls it saves.
GATHER = 16_384

Update = Callable[..., None]


class Flat:
    """Parameters of one dtype in one array, with their state in arrays beside it."""

    def __init__(self, parameters: Sequence[Tensor], state_names: Sequence[str]) -> None:
        self.parameters = list(parameters)
        self.state_names = tuple(state_names)
        self.size = sum(p.size for p in self.parameters)
        self.dtype = self.parameters[0].dtype
        self.state = {name: np.zeros(self.size, self.dtype) for name in state_names}
        ends = np.cumsum([0, *(p.size for p in self.parameters)]).tolist()
        self.slices = [slice(a, b) for a, b in itertools.pairwise(ends)]
        self.weights = np.empty(self.size, self.dtype)
        self._gradients = np.empty(self.size if self.size <= GATHER else 0, self.dtype)
        self._scratch = tuple(np.empty(min(self.size, BLOCK), self.dtype) for _ in range(2))
        self._leaves = [p._node for p in self.parameters]  # None of a frozen one
        self._placed: list[tuple[Tensor, np.ndarray, Leaf | None]] = []
        for p, part, leaf in zip(self.parameters, self.slices, self._leaves, strict=True):
            view = self.weights[part].reshape(p.shape)
            view[...] = p.data
            p._data = view  # the same numbers in another place: for a graph that saved them, nothing has changed
            self._placed.append((p, view, leaf))

    def is_current(self) -> bool:
        """Whether every parameter is as it was laid in here.

        A user may have assigned other data. Or froze it and let it go again: then a graph made in between holds this
        memory as a constant, which no leaf can mark as written, so the parameter is to move before it is written to.
        """
        for p, view, leaf in self._placed:
            if p._data is not view or p._node is not leaf:
                return False
        return True

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """The shape of each parameter, as it was when it was laid in here."""
        return [view.shape for _, view, _ in self._placed]

    def gradients(self, lift: Callable[..., Any] | None = None) -> list[Any]:
        """The gradient of each parameter, or None."""
        found = [leaf and leaf.grad for leaf in self._leaves]
        return found if lift is None else [g if g is None else lift(g, "") for g in found]

    def is_finite(self, lift: Callable[..., Any] | None = None) -> bool:
        """Whether every number in every gradient is finite."""
        present = [g for g in self.gradients(lift) if g is not None]
        if len(present) > 1 and self.size <= GATHER:
            present = [np.concatenate(present, axis=None)]  # not into the buffer: of a program this comes before writes
        for g in present:
            if not np.isfinite(g).all():
                return False
        return True

    def apply(self, update: Update, group: dict[str, Any], lr: Any, lift: Callable[..., Any] | None = None) -> None:
        """Call ``update(group, lr, weights, gradients, scratch, *state)`` on all that has a gradient.

        The arrays are one-dimensional and aligned; the update writes into weights and state.
        Parameters without a gradient, and their state, stay as they are. ``lift`` is what ``mg.compile`` puts around
        an array, given its name, to record what is done to it.
        """
        weights, gathered, scratches, states = self.weights, self._gradients, self._scratch, [*self.state.values()]
        if lift is not None:
            weights, gathered = lift(weights, "weights"), lift(gathered, "gradients")
            scratches = tuple([lift(array, "scratch") for array in scratches])
            states = [lift(array, name) for name, array in self.state.items()]
        leaves, gradients = self._leaves, self.gradients(lift)
        present = [g for g in gradients if g is not None]
        if len(present) == len(gradients) and self.size <= GATHER:
            np.concatenate(present, axis=None, out=gathered)
            update(group, lr, weights, gathered, scratches, *states)
        else:
            leaves = [leaf for leaf, gradient in zip(leaves, gradients, strict=True) if gradient is not None]
            for part, gradient in zip(self.slices, gradients, strict=True):
                if gradient is not None:
                    g, w, own = gradient.reshape(-1), weights[part], [state[part] for state in states]
                    for start in range(0, len(g), BLOCK):
                        block = slice(start, start + BLOCK)
                        scratch = tuple([array[: len(g[block])] for array in scratches])
                        update(group, lr, w[block], g[block], scratch, *[state[block] for state in own])
        mark_written(leaves)

    def flush(self) -> None:
        """Set state too small for a normal float to zero.

        A momentum that decays by 0.9 sticks at the smallest subnormal (0.9 of it rounds back to it),
        and arithmetic on subnormals is many times slower.
        """
        tiny = float(np.finfo(self.dtype).tiny)
        for array in self.state.values():
            array[np.abs(array) < tiny] = 0


def mark_written(leaves: Iterable[Any]) -> None:
    """Note that the data of these leaves changed: a graph that saved it must not be walked any more."""
    now = next_order()
    for leaf in leaves:
        leaf.written = now


def flats(parameters: Sequence[Tensor], state_names: Sequence[str]) -> list[Flat]:
    """One Flat for each dtype among the parameters."""
    by_dtype: dict[np.dtype, list[Tensor]] = {}
    for p in parameters:
        by_dtype.setdefault(p.dtype, []).append(p)
    return [Flat(same, state_names) for same in by_dtype.values()]
