"""``Flat``: the parameters of a group in one contiguous array, so that a step is a few long calls.

NumPy spends most of its time on a small array before it looks at the numbers. Here each ``p.data``
is a view into one array, the gradients are gathered into another, and the state (momenta, caches)
lies in more of them: a step costs a dozen calls however many parameters there are.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from minigrad.core.away import bring, keep
from minigrad.core.graph import Leaf, next_order
from minigrad.core.members import everywhere
from minigrad.core.memory import share
from minigrad.core.tensor import Tensor
from minigrad.errors import UnsupportedError

#: Elements worked on at a time: an update passes over its arrays a dozen times, and blocks of this
#: size stay in the cache.
BLOCK = 131_072

#: Up to this many elements the gradients of neighbours are gathered into one array; above, the copy
#: costs more than the calls it saves.
GATHER = 16_384

Update = Callable[..., object]
#: Of an ``update`` whose result would be dropped, so that nothing is learned.
RETURNED = "update of an optimizer returned a value: it writes into w, as in w -= lr * g, and returns nothing"


class FewRows:
    """A gradient that is 0 but in a few rows: what an update in ``BY_ROWS`` gets in place of the vector."""

    __slots__ = ("numbers", "values")

    def __init__(self, numbers: np.ndarray, values: np.ndarray) -> None:
        self.numbers = numbers
        self.values = values  # (numbers, width)

    def add(self, array: np.ndarray, values: np.ndarray) -> None:
        """Add ``values``, made of the gradient's, to an array that lies beside it."""
        array.reshape(-1, values.shape[1])[self.numbers] += values


#: The updates that take ``FewRows``, and may then leave no other bits than with the vector: (optimizer, group) -> bool
#: says whether these do.
BY_ROWS: dict[Any, Callable[[Any, dict[str, Any]], bool]] = {}


class _Run(NamedTuple):
    """Neighbours whose gradients are one vector: their numbers, the place for it, and the pieces of an update.

    Of a single parameter there is no such place: its gradient is a vector itself. A piece is (its part of the vector,
    None for all of it; weights, scratch, states).
    """

    first: int
    stop: int
    gathered: np.ndarray | None
    step: int  # the length of a piece
    pieces: list[tuple[slice | None, np.ndarray, tuple[np.ndarray, ...], list[np.ndarray]]]


class Flat:
    """Parameters of one dtype in one array, with their state in arrays beside it.

    Complex numbers lie there as pairs of real ones, so an update knows none: a step is that of the real and imaginary
    parts, whose gradient is the complex one.

    ``missed`` is the number of the optimizer's steps in which they had no gradient, where it counts them.
    """

    #: What leads to the arrays, see ``minigrad.core.away``.
    KEPT = ("weights", "state", "_placed", "_plan")

    #: On a device numbers below the smallest normal one are 0 already, or as fast as others.
    #: Who assigns other data brings all of it home.
    AWAY: ClassVar[dict[str, Any]] = {
        "flush": lambda _: None,
        "is_current": lambda self: all(
            p._node is leaf or (p._node is None and leaf in self.resting)
            for p, leaf in zip(self.parameters, self._leaves, strict=True)
        ),
    }

    def __init__(
        self, parameters: Sequence[Tensor], state_names: Sequence[str], missed: int, resting: Mapping[int, Leaf]
    ) -> None:
        self.parameters = list(parameters)
        self.state_names = tuple(state_names)
        self.missed = missed
        self.kind = self.parameters[0].dtype
        self.dtype = np.finfo(self.kind).dtype  # of the real numbers
        self.work = widened(self.dtype)
        sizes = [self.width * p.size for p in self.parameters]
        self.size = sum(sizes)
        self.state = {name: np.zeros(self.size, self.work) for name in state_names}
        ends = np.cumsum([0, *sizes]).tolist()
        self.slices = [slice(a, b) for a, b in itertools.pairwise(ends)]
        self.weights = np.empty(self.size, self.dtype)
        self._runs = _runs(sizes)
        longest = max((self._length(run) for run in self._runs if len(run) > 1), default=0)
        self._gradients = np.empty(longest, self.work)
        self._scratch = tuple(np.empty(min(self.size, BLOCK), self.work) for _ in range(2))
        #: The parameters that are frozen and may stay where they are, by the leaves that they had.
        self.resting = {resting[id(p)]: p for p in self.parameters if p._node is None and id(p) in resting}
        #: Of others that are frozen it is None.
        self._leaves: list[Any] = [p._node or resting.get(id(p)) for p in self.parameters]
        self._placed: list[tuple[Tensor, np.ndarray, Leaf | None]] = []
        for p, part, leaf in zip(self.parameters, self.slices, self._leaves, strict=True):
            view = self.weights[part].view(self.kind).reshape(p.shape)
            view[...] = p._array
            if leaf is None:  # nothing is written to a frozen one, and a program knows where it lies
                view = p._array
            p._array = view  # the same numbers in another place: for a graph that saved them, nothing has changed
            self._placed.append((p, view, leaf))
        self._plan: list[_Run] | None = None  # of a step in which all have a gradient
        if self.resting:
            share(self.weights)
        keep(self)

    def kept(self) -> list[np.ndarray]:
        """The arrays that nobody else holds."""
        return [self.weights, *self.state.values()]

    def tensors(self) -> list[Tensor]:
        """Those whose data are views of them, but for frozen ones."""
        return self.parameters

    def take(self, arrays: list[np.ndarray]) -> None:
        """The same numbers in other memory, where the parameters lie already."""
        placed = [(p, p._array, leaf) for p, leaf in zip(self.parameters, self._leaves, strict=True)]
        state = dict(zip(self.state_names, arrays[1:], strict=True))
        vars(self).update(weights=arrays[0], state=state, _placed=placed, _plan=None)

    @property
    def pieces(self) -> list[slice]:
        """Where each parameter lies, and those together whose gradients are gathered."""
        return [slice(self.slices[run[0]].start, self.slices[run[-1]].stop) for run in self._runs]

    @property
    def work_arrays(self) -> tuple[np.ndarray, ...]:
        """What is written anew in each step."""
        return (self._gradients, *self._scratch)

    @property
    def width(self) -> int:
        """How many real numbers an element of a parameter is."""
        return 2 if self.kind.kind == "c" else 1

    def part(self, state: np.ndarray, number: int) -> np.ndarray:
        """What is kept for a parameter in one of the arrays of the state, as a view with an item for each element."""
        part = state[self.slices[number]]
        return part.view(np.result_type(part, self.kind)) if self.kind.kind == "c" else part

    def is_current(self) -> bool:
        """Whether every parameter is as it was laid in here.

        A user may have assigned other data. Or froze it and let it go again: then a graph made in between holds this
        memory as a constant, which no leaf can mark as written, so the parameter is to move before it is written to.
        """
        for p, view, leaf in self._placed:
            if p._array is not view or (p._node is not leaf and (p._node is not None or leaf not in self.resting)):
                return False
        return True

    def rest(self, p: Tensor, leaf: Leaf) -> None:
        """Let a parameter that is to be frozen stay in this memory, with this leaf, until it is let go."""
        if leaf in self._leaves:
            self.resting[leaf] = p

    def settle(self) -> None:
        """Make graphs save copies of what rests here from now on; those from before are used up."""
        self.resting = {leaf: p for leaf, p in self.resting.items() if p._node is None}
        for leaf, p in self.resting.items():
            share(p._array)
            leaf.grad = leaf.rows = None
            leaf.written = leaf.reshaped = next_order()

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """The shape of each parameter, as it was when it was laid in here."""
        return [view.shape for _, view, _ in self._placed]

    def gradients(self, lift: Callable[..., Any] | None = None) -> list[Any]:
        """The gradient of each parameter, or None."""
        bring(self._leaves)
        gradients = [leaf and leaf.grad for leaf in self._leaves]
        if self.resting:  # a run that is put back has let them go since
            gradients = [None if p._node is None else g for p, g in zip(self.parameters, gradients, strict=True)]
        return gradients if lift is None else [g if g is None else lift(g, "") for g in gradients]

    def is_finite(self, lift: Callable[..., Any] | None = None) -> bool:
        """Whether every number in every gradient is finite."""
        present = [g for g in self.gradients(lift) if g is not None]
        if len(present) > 1 and self.size <= GATHER:
            present = [np.concatenate(present, axis=None)]  # not into the buffer: of a program this comes before writes
        for g in present:
            if not everywhere(np.isfinite(g)):
                return False
        return True

    def apply(
        self,
        update: Update,
        group: dict[str, Any],
        lr: Any,
        gradients: list[Any],
        without: int,
        lift: Callable[..., Any] | None = None,
    ) -> None:
        """Call ``update(group, lr, weights, gradients, scratch, *state)`` on all that has a gradient.

        The arrays are one-dimensional and aligned; the update writes into weights and state.
        Parameters without a gradient and their state stay as they are; ``without`` is their number. ``lift`` is
        what ``mg.compile`` puts around an array, given its name, to record what is done to it.
        """
        leaves = self._leaves
        if without:
            leaves = [leaf for leaf, gradient in zip(leaves, gradients, strict=True) if gradient is not None]
        if without or lift is not None or self.work != self.kind:  # of complex numbers it is real
            self._apply_to_parts(update, group, lr, gradients, without, lift)
        else:
            self._apply_to_all(update, group, lr, gradients)
        mark_written(leaves)

    def _apply_to_all(self, update: Update, group: dict[str, Any], lr: Any, gradients: list[Any]) -> None:
        """``apply`` where nothing is missing: the views that it hands out are the same in each step."""
        if self._plan is None:
            self._plan = [self._planned(run) for run in self._runs]
        for run in self._plan:
            if run.gathered is not None:
                g = np.concatenate(gradients[run.first : run.stop], axis=None, out=run.gathered)
            else:
                gradient = gradients[run.first]
                parts = self._rows_of(run, gradient, update, group)
                if parts is not None:
                    for part, (_, w, scratch, states) in zip(parts, run.pieces, strict=True):
                        update(group, lr, w, part, scratch, *states)
                    continue
                g = gradient.reshape(-1)
            for here, w, scratch, states in run.pieces:
                if update(group, lr, w, g if here is None else g[here], scratch, *states) is not None:
                    raise UnsupportedError(RETURNED)

    def _rows_of(self, run: _Run, gradient: Any, update: Any, group: dict[str, Any]) -> Iterator[FewRows] | None:
        """The gradient of a matrix in pieces, if it is 0 but in a few rows, and the update takes these."""
        leaf = self._leaves[run.first]
        note = None if leaf is None else leaf.rows
        if note is None or note.array() is not gradient or not gradient.size or run.step % gradient.shape[1]:
            return None
        takes = BY_ROWS.get(getattr(update, "__func__", None))
        if takes is None or not takes(update.__self__, group):
            return None
        return _row_parts(gradient, note.numbers, run.step // gradient.shape[1])

    def _planned(self, run: Sequence[int]) -> _Run:
        begin, length = self.slices[run[0]].start, self._length(run)
        shape = self.parameters[run[0]].shape
        width = shape[1] if len(run) == 1 and len(shape) == 2 and 0 < shape[1] <= BLOCK else 1
        step = BLOCK - BLOCK % width  # whole rows
        pieces: list[Any] = []
        for start in range(0, length, step):
            stop = min(start + step, length)
            here = slice(begin + start, begin + stop)
            states = [array[here] for array in self.state.values()]
            scratch = tuple([array[: stop - start] for array in self._scratch])
            pieces.append((None if length <= step else slice(start, stop), self.weights[here], scratch, states))
        return _Run(run[0], run[-1] + 1, self._gradients[:length] if len(run) > 1 else None, step, pieces)

    def _apply_to_parts(
        self, update: Update, group: dict[str, Any], lr: Any, gradients: list[Any], without: int, lift: Any
    ) -> None:
        """``apply`` where gradients are missing, arrays are recorded, or steps are made in a wider dtype."""
        weights, gathered, scratches, states = self.weights, self._gradients, self._scratch, [*self.state.values()]
        block, narrow = BLOCK, self.work != self.dtype
        if lift is not None:
            block, scratches = self.size, self._whole_scratch()  # a program is cut into blocks by who runs it
            weights, gathered = lift(weights, "weights"), lift(gathered, "gradients")
            scratches = tuple([lift(array, "scratch") for array in scratches])
            states = [lift(array, name) for name, array in self.state.items()]
            gradients = [g if g is None else lift(g, "") for g in gradients]
        if self.kind.kind == "c":
            gradients = [g if g is None else pairs(g) for g in gradients]
        for part, g in self._gradient_vectors(gradients, gathered, not without):
            for start in range(0, len(g), block):
                stop = min(start + block, len(g))
                here = slice(part.start + start, part.start + stop)
                w, g_here = weights[here], g[start:stop]
                if narrow:
                    w, g_here = w.astype(self.work), g_here.astype(self.work, copy=False)
                scratch = tuple([array[: stop - start] for array in scratches])
                if update(group, lr, w, g_here, scratch, *[state[here] for state in states]) is not None:
                    raise UnsupportedError(RETURNED)
                if narrow:
                    weights[here] = w

    def _gradient_vectors(self, gradients: list[Any], gathered: Any, whole: bool) -> Iterator[tuple[slice, Any]]:
        """The gradients as vectors, with their places; the gradients of a run are one vector."""
        for run in self._runs:
            here = gradients[run[0] : run[-1] + 1]
            if len(run) > 1 and (whole or all(g is not None for g in here)):
                place = slice(self.slices[run[0]].start, self.slices[run[-1]].stop)
                yield place, np.concatenate(here, axis=None, out=gathered[: self._length(run)])
            else:
                for i, g in zip(run, here, strict=True):
                    if g is not None:
                        yield self.slices[i], g.reshape(-1)

    def _length(self, run: Sequence[int]) -> int:
        length: int = self.slices[run[-1]].stop - self.slices[run[0]].start
        return length

    def _whole_scratch(self) -> tuple[np.ndarray, ...]:
        """Scratch for the longest update that is not cut into blocks: the same each time that it is asked for."""
        longest = max([len(self._gradients), *[part.stop - part.start for part in self.slices]])
        if len(self._scratch[0]) < longest:
            self._scratch = tuple(np.empty(longest, self.work) for _ in self._scratch)
        return self._scratch

    def flush(self) -> None:
        """Set state too small for a normal float to zero.

        A momentum that decays by 0.9 sticks at the smallest subnormal (0.9 of it rounds back to it),
        and arithmetic on subnormals is many times slower.
        """
        tiny = float(np.finfo(self.work).tiny)
        for array in self.state.values():
            array[np.abs(array) < tiny] = 0


def pairs(g: Any) -> Any:
    """The real and the imaginary part of each complex number, one after the other."""
    return np.stack([np.real(g), np.imag(g)], axis=-1).reshape(-1)


def _row_parts(gradient: np.ndarray, numbers: np.ndarray, step: int) -> Iterator[FewRows]:
    """The rows with these numbers, of ``step`` rows of the gradient at a time."""
    starts = range(0, len(gradient), step)
    ends = np.searchsorted(numbers, [*starts, len(gradient)])
    for start, a, b in zip(starts, ends[:-1], ends[1:], strict=True):
        here = numbers[a:b]
        yield FewRows(here - start, gradient[here])


def _runs(sizes: list[int]) -> list[list[int]]:
    """The numbers of neighbours that have at most ``GATHER`` elements together; a larger one is by itself."""
    runs: list[list[int]] = []
    total = 0
    for i, size in enumerate(sizes):
        total += size
        if runs and total <= GATHER:
            runs[-1].append(i)
        else:
            runs.append([i])
            total = size
    return runs


def widened(dtype: np.dtype) -> np.dtype:
    """The dtype of state and steps. For float16, which has no squares below 6e-8 and no eps of 1e-8, it is float32."""
    return np.result_type(dtype, np.float32)


def mark_written(leaves: Iterable[Any]) -> None:
    """Note that the data of these leaves changed: a graph that saved it must not be walked any more."""
    now = next_order()
    for leaf in leaves:
        leaf.written = now


def flats(
    parameters: Sequence[Tensor], state_names: Sequence[str], missed: Mapping[int, int], resting: Mapping[int, Leaf]
) -> list[Flat]:
    """One Flat for each dtype among the parameters, and for each number of steps that they missed, given by id."""
    alike: dict[Any, list[Tensor]] = {}
    for p in parameters:
        alike.setdefault((p.dtype, missed.get(id(p), 0)), []).append(p)
    return [Flat(same, state_names, count, resting) for (_, count), same in alike.items()]
