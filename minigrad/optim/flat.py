"""``Flat``: the parameters of a group in one contiguous array, so that a step is a few long calls.

NumPy spends most of its time on a small array before it looks at the numbers. Here each ``p.data``
is a view into one array, the gradients are gathered into another, and the state (momenta, caches)
lies in more of them: a step costs a dozen calls however many parameters there are.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
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
        self._weights = np.empty(self.size, self.dtype)
        self._gradients = np.empty(self.size if self.size <= GATHER else 0, self.dtype)
        self._scratch = tuple(np.empty(min(self.size, BLOCK), self.dtype) for _ in range(2))
        self._views: list[np.ndarray] = []
        for p, part in zip(self.parameters, self.slices, strict=True):
            view = self._weights[part].reshape(p.shape)
            view[...] = p.data
            p._data = view  # the same numbers in another place: for a graph that saved them, nothing has changed
            self._views.append(view)

    def is_current(self) -> bool:
        """Whether every ``p.data`` still is the view it was given: a user may have assigned another."""
        for p, view in zip(self.parameters, self._views, strict=True):
            if p._data is not view:
                return False
        return True

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """The shape of each parameter, as it was when it was laid in here."""
        return [view.shape for view in self._views]

    def apply(self, update: Update, group: dict[str, Any], lr: Any, lift: Callable[..., Any] | None = None) -> None:
        """Call ``update(group, lr, weights, gradients, scratch, *state)`` on all that has a gradient.

        The arrays are one-dimensional and aligned; the update writes into weights and state.
        Parameters without a gradient, and their state, stay as they are. ``lift`` is what ``mg.compile`` puts around
        an array, given its name, to record what is done to it.
        """
        weights, gathered, scratches, states = self._weights, self._gradients, self._scratch, [*self.state.values()]
        if lift is not None:
            weights, gathered = lift(weights, "weights"), lift(gathered, "gradients")
            scratches = tuple([lift(array, "scratch") for array in scratches])
            states = [lift(array, name) for name, array in self.state.items()]
        gradients = [p.grad for p in self.parameters]
        if lift is not None:
            gradients = [g if g is None else lift(g, "") for g in gradients]
        present = [g.reshape(-1) for g in gradients if g is not None]
        if len(present) == len(gradients) and self.size <= GATHER:
            np.concatenate(present, out=gathered)
            update(group, lr, weights, gathered, scratches, *states)
        else:
            for part, gradient in zip(self.slices, gradients, strict=True):
                if gradient is not None:
                    g, w, own = gradient.reshape(-1), weights[part], [state[part] for state in states]
                    for start in range(0, len(g), BLOCK):
                        block = slice(start, start + BLOCK)
                        scratch = tuple([array[: len(g[block])] for array in scratches])
                        update(group, lr, w[block], g[block], scratch, *[state[block] for state in own])
        mark_written([p._node for p, gradient in zip(self.parameters, gradients, strict=True) if gradient is not None])

    def flush(self) -> None:
        """Set state too small for a normal float to zero.

        A momentum that decays by 0.9 sticks at the smallest subnormal (0.9 of it rounds back to it),
        and arithmetic on subnormals is many times slower.
        """
        tiny = float(np.finfo(self.dtype).tiny)
        for array in self.state.values():
            array[np.abs(array) < tiny] = 0


def mark_written(leaves: Sequence[Leaf]) -> None:
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
