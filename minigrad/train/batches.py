"""Sources of batches: a ``DataLoader``, a pair (X, y), or any iterable of batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from minigrad.core.tensor import Tensor, wrap
from minigrad.data import ArrayDataset, DataLoader
from minigrad.data.columns import as_column
from minigrad.data.shares import Share
from minigrad.errors import DataError, StateError
from minigrad.support.user_warnings import warn
from minigrad.train.ranks import Held, shares
from minigrad.train.settings import batch_digest

Batch = tuple[Any, Any]


class Rewind(NamedTuple):
    """How data without a position is brought to where it was within an epoch."""

    back: Callable[[], None]  # generators and attributes to what they were when the epoch began
    forth: Callable[[], None]  # and to what they were at the checkpoint
    digest: str | None  # of the last batch before it
    stands_there: bool  # an iterator that is still the same: nothing is skipped


class Batches:
    """The batches of ``data``: (inputs, targets) for each, inputs as Tensors.

    A tuple of two is (X, y), and one batch of all of it. Whatever else can be iterated gives batches, each a tuple or
    list of inputs and targets; inputs that are a tuple are several arguments of the model. Where ``data`` has
    ``state_dict`` and ``load_state_dict``, as a ``DataLoader`` has, these are its position.

    Floating inputs and targets of another dtype than the model's become it.
    """

    def __init__(self, data: Any, dtype: np.dtype, name: str = "train") -> None:
        self.dtype = dtype
        self.name = name
        self.given = data
        self._whole: list[Batch] = []  # the one batch of a pair
        if isinstance(data, tuple) and len(data) == 2:
            x, y = ArrayDataset(*data).arrays
            if not len(x):
                raise DataError(f"{name} has no row: (X, y) of shapes {np.shape(x)} and {np.shape(y)}")
            data = self._whole = [(self._input(x), self._target(y))]
        elif not hasattr(data, "__iter__") or isinstance(data, (str, Mapping, np.ndarray, Tensor)):
            hint = ": write DataLoader(data, batch_size=32)" if hasattr(data, "__getitem__") else ""
            if isinstance(data, (np.ndarray, Tensor)):
                hint = " of inputs without targets: write (X, y), or DataLoader((X, y), batch_size=32)"
            raise DataError(
                f"{name} is a pair (X, y), a DataLoader, or another iterable of batches (X, y); got "
                f"{type(data).__name__}{hint}"
            )
        self.data: Any = data
        self.has_position = hasattr(data, "state_dict") and hasattr(data, "load_state_dict")
        self._is_iterator = iter(data) is data if hasattr(data, "__next__") else False
        self._used = False
        self.last: Any = None  # the batch that was given out last
        self.rewind: Rewind | None = None
        #: Of a run in several processes: the devices of all of them; 0 where it is alone.
        self.devices = 0
        self._held: Held | None = None
        #: Whether what it gives can depend on more than itself: on generators, on how often it was gone through.
        self.replays = not self._whole and not self.has_position and type(data) not in {list, tuple}

    def __len__(self) -> int:
        """The number of batches; 0 where that is not known."""
        try:
            return len(self.data)
        except TypeError:
            return 0

    def epoch(self, done: int = 0) -> Iterable[Batch]:
        """The batches of an epoch without the first ``done``, which have been trained on before.

        Raises ``DataError`` where there is none, or for one that is no pair.
        """
        return self._whole[done:] if self._whole else self._each(done)

    def _each(self, done: int) -> Iterator[Batch]:
        if self._is_iterator and self._used:
            raise DataError(
                f"{self.name} is an iterator, and has been gone through: pass what can be iterated in every epoch, "
                "such as a DataLoader, a list, or an object whose __iter__ starts anew"
            )
        self._used = True
        parts = shares(self.data, self.devices) if self.devices else None
        if parts is not None:
            yield from self._parts(parts)
            return
        batches = self._after(done) if done and not self.has_position else iter(self.data)
        empty = not done
        dtype = self.dtype
        for batch in batches:
            empty = False
            self.last = batch
            if type(batch) is tuple and len(batch) == 2:
                x, y = batch
                # What nearly every batch is, looked at without a call: a small network's step takes 100 µs.
                if type(x) is np.ndarray and type(y) is np.ndarray and x.dtype is dtype and y.dtype.kind == "i":
                    yield wrap(x), y
                    continue
                if type(x) is Tensor and type(y) is np.ndarray and y.dtype.kind == "i":
                    yield batch
                    continue
            yield self._pair(batch)
        if empty:
            raise DataError(f"{self.name} gave no batch: it is empty")

    @property
    def is_of_loader(self) -> bool:
        """Whether a loader gives them, to this process alone."""
        return type(self.data) is DataLoader and not self.devices

    def upcoming(self, most: int) -> Batch | None:
        """The next whole batches in one piece, (batches, batch_size, ...), where a loader has its data in memory."""
        arrays = self.data.upcoming(most) if self.is_of_loader else None
        return None if arrays is None or len(arrays) != 2 else self._pair(arrays)

    def skip(self, count: int) -> None:
        """Go on behind some of these."""
        self.data.skip(count)

    def _parts(self, parts: Iterator[Share]) -> Iterator[Batch]:
        """Batches; of each, this process has loaded its own rows."""
        for share in parts:
            self._held = Held(share, self._pair)
            yield self._held.batch

    def complete(self) -> None:
        """Load the rows of the batch that was given out last that are other processes' to load."""
        if self._held is not None:
            self._held.complete()

    def targets(self, y: Any) -> Any:
        """The targets of that batch with all rows."""
        return y if self._held is None else self._held.targets(y)

    def _after(self, done: int) -> Iterator[Any]:
        """The batches after the first ``done``, which are gone through as in the first place."""
        if self._is_iterator and self.rewind is not None and self.rewind.stands_there:
            return iter(self.data)
        if self.rewind is not None:
            self.rewind.back()
        batches: Iterator[Any] = iter(self.data)
        batch: Any = None
        for number in range(done):
            batch = next(batches, self)
            if batch is self:
                raise DataError(
                    f"the run has trained on {done} batches of this epoch, and {self.name} gives only {number} now: "
                    "pass the same data"
                )
        if self.rewind is not None:
            self.rewind.forth()
            digest = self.rewind.digest
            if digest is not None and digest != batch_digest(batch):
                warn(
                    f"batch {done} of {self.name} is not the one that the run trained on before it was interrupted: "
                    "it may not go on as it would. Data that is gone through again gives the same batches, or "
                    "has state_dict() and load_state_dict()"
                )
        return batches

    def inputs(self) -> Iterator[Any]:
        """The inputs alone, of batches with targets or without."""
        for batch in self.data:
            yield self._inputs(batch[0] if isinstance(batch, (tuple, list)) and len(batch) else batch)

    def state_dict(self) -> Any:
        """The position, where the data has one; else None."""
        return self.data.state_dict() if self.has_position else None

    def load_state_dict(self, state: Any) -> None:
        """Go on from a position. Raises ``StateError`` for that of data of another kind."""
        if (state is not None) != self.has_position:
            kinds = ("with a position of its own, such as a DataLoader", "without one, such as a pair or a list")
            own, other = kinds if self.has_position else kinds[::-1]
            raise StateError(f"the run was begun on {self.name} data {other}, and this is {own}: pass the same data")
        if self.has_position:
            self.data.load_state_dict(state)

    def _pair(self, batch: Any) -> Batch:
        if not isinstance(batch, (tuple, list)) or len(batch) != 2:
            got = f"{type(batch).__name__} of {len(batch)}" if hasattr(batch, "__len__") else type(batch).__name__
            raise DataError(
                f"a batch of {self.name} is a pair of inputs and targets, got a {got}; for two whole arrays write a "
                f"tuple, (X, y), and for a dataset DataLoader(dataset)"
            )
        return self._inputs(batch[0]), self._target(batch[1])

    def _inputs(self, x: Any) -> Any:
        return tuple([self._input(item) for item in x]) if isinstance(x, tuple) else self._input(x)

    def _input(self, x: Any) -> Any:
        if isinstance(x, (Tensor, Mapping)):
            return x
        array = x if type(x) is np.ndarray else as_column(x)
        if array.dtype.kind == "f" and array.dtype != self.dtype:
            array = array.astype(self.dtype)
        return wrap(array)

    def _target(self, y: Any) -> Any:
        if isinstance(y, (Tensor, Mapping)):
            return y
        if isinstance(y, tuple):
            return tuple([self._target(item) for item in y])
        array = y if type(y) is np.ndarray else as_column(y)
        return array.astype(self.dtype) if array.dtype.kind == "f" and array.dtype != self.dtype else array


def samples(inputs: Any, targets: Any) -> int:
    """The number of samples in a batch: the weight of its mean loss in the mean over an epoch.

    It is the number of rows of the targets; where these have names or several structures, that of the inputs.
    """
    if type(targets) is np.ndarray and targets.ndim:
        return len(targets)
    is_plain = not isinstance(targets, Mapping) and not (isinstance(targets, tuple) and not _rows(targets[:1]))
    shape = _rows((targets, inputs) if is_plain else (inputs, targets))
    return shape[0] if shape else 1


def _rows(x: Any) -> tuple[int, ...]:
    """The shape of the first array in a structure that has rows; () where none has."""
    if isinstance(x, (tuple, list, Mapping)):
        return next(filter(None, map(_rows, x.values() if isinstance(x, Mapping) else x)), ())
    return getattr(x, "shape", ())
