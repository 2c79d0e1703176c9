"""``DataLoader``: a dataset in batches, in an order that can be had again, from any position."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from minigrad.core.checks import is_flag, is_index
from minigrad.data.collating import collate as stack
from minigrad.data.datasets import ArrayDataset, Dataset, Subset, as_dataset, as_generator
from minigrad.data.prefetching import ahead
from minigrad.data.shares import Share, own_rows
from minigrad.errors import DataError, StateError
from minigrad.random import generator_from, generator_state, set_generator_state
from minigrad.support.idioms import check_options, refuse_names


@dataclass(slots=True)
class _Turn:
    """The batches of one ``for``: the next, the end, the size, and whose samples they are; None if transformed."""

    next: int
    end: int
    size: int
    dataset: Dataset | None
    order: np.ndarray | None


class DataLoader:
    """The batches of ``dataset``: each ``for`` over the loader is an epoch.

    Batches are NumPy arrays in the structure of a sample (``(X, y)`` of an ``ArrayDataset``): features keep their
    dtype and labels stay ints. Data in memory is sliced a whole batch at a time. Without ``shuffle`` such a batch is
    a view of the data, and read-only.

    - ``dataset``: anything with a length and an index; arrays, or a tuple of arrays, become an ``ArrayDataset``.
    - ``batch_size``: the number of samples in a batch. The last batch has the samples that are left; with
      ``drop_last``, a smaller last batch is left out.
    - ``shuffle``: whether each epoch has a new random order, drawn from the loader's own generator. ``seed`` is an int,
      a ``numpy.random.Generator``, or None for a seed from the package's generator (``mg.manual_seed``).
    - ``transform``: a function that is called with each batch, and returns the batch to use. If it has a second
      parameter called ``generator``, it gets a generator for that batch alone, from which augmentations should draw:
      the numbers are the same in a resumed run, and with any ``prefetch``.
    - ``collate``: a function that makes a batch from a list of samples; not called if the dataset has a method
      ``batch``.
    - ``prefetch``: the number of batches that ``threads`` background threads prepare ahead, for datasets that load or
      decode their samples. The batches and their order are the same as without. The threads end with the epoch, also
      when the loop is left early.

    ``state_dict()`` returns the position of the loader. After ``load_state_dict``, the next ``for`` continues in the
    middle of the epoch, with the same batches to the last bit.

    >>> loader = mg.data.DataLoader(([[0.0], [1.0], [2.0], [3.0], [4.0]], [0, 1, 0, 1, 0]), batch_size=2)
    >>> for x, y in loader:
    ...     print(x.ravel(), y)
    [0. 1.] [0 1]
    [2. 3.] [0 1]
    [4.] [0]

    Raises ``DataError`` for an empty dataset, a ``batch_size`` below 1, or if ``drop_last`` would drop everything. An
    error in the dataset is raised unchanged, with a note that names the sample.
    """

    def __new__(cls, *args: Any, **options: Any) -> Self:
        """An option of another framework is refused with what to write."""
        if options:
            check_options(cls, args, options)
        return object.__new__(cls)

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 32,
        shuffle: bool = False,
        drop_last: bool = False,
        seed: int | np.random.Generator | None = None,
        *,
        transform: Callable[..., Any] | None = None,
        collate: Callable[[Sequence[Any]], Any] = stack,
        prefetch: int = 0,
        threads: int = 1,
    ) -> None:
        self.dataset = as_dataset(dataset)
        self.batch_size = _count("batch_size", batch_size, 1)
        self.prefetch = _count("prefetch", prefetch, 0)
        self.threads = _count("threads", threads, 1)
        self.shuffle, self.drop_last = _flag("shuffle", shuffle), _flag("drop_last", drop_last)
        for name, function in (("transform", transform), ("collate", collate)):
            if not (callable(function) or (function is None and name == "transform")):
                raise DataError(f"{name}= is a function of a batch, got {function!r:.60}")
        self.transform, self.collate = transform, collate
        self._takes_generator = _takes_generator(transform)
        self.generator: np.random.Generator | None = None
        if seed is not None or shuffle or self._takes_generator:
            own = as_generator(seed)
            # The package's generator seeds one of our own: how often others draw from it changes no order.
            self.generator = own if seed is not None else np.random.default_rng(int(own.integers(2**63)))
        #: epochs that have ended, or were left for a new one
        self.epoch = 0
        self._position: int | None = None  # batches given out in this epoch; None between epochs
        self._start: Mapping[str, Any] | None = None  # the generator's state when this epoch began
        self._resumes = False
        self._turn: _Turn | None = None  # what is given out in this epoch
        if not len(self):
            samples = len(self.dataset)
            raise DataError(
                f"{samples} samples make no batch of {batch_size} with drop_last=True: choose a smaller batch_size"
                if samples
                else "the dataset is empty: there is nothing to load"
            )

    def __len__(self) -> int:
        """The number of batches in a whole epoch."""
        whole, left = divmod(len(self.dataset), self.batch_size)
        return whole + (left > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Any]:
        dataset, order, seed = self._laid_out()
        return self._given_out(self._loading(dataset, order, seed), dataset, order)

    def _laid_out(self) -> tuple[Dataset, np.ndarray | None, int | None]:
        """An epoch begins, or goes on, and everything random in it is drawn.

        Gives the dataset whose samples are loaded, their order (None: as they lie), and the seed of transforms.
        """
        generator = self.generator
        if self._resumes and self._start is not None and generator is not None:
            # Drawn from a copy: what else has been drawn from the generator since is in its own state.
            generator = generator_from(self._start, generator)
        elif not self._resumes:
            if self._position is not None:
                self.epoch += 1  # the last one was left early
            self._position = 0
            self._start = None if generator is None else generator_state(generator)
        self._resumes = False
        seed = int(generator.integers(2**63)) if generator is not None and self._takes_generator else None
        order = generator.permutation(len(self.dataset)) if generator is not None and self.shuffle else None
        dataset = self.dataset
        while isinstance(dataset, Subset):  # its indices are looked up once an epoch, not once a batch
            order = dataset.indices if order is None else dataset.indices[order]
            dataset = dataset.dataset
        return dataset, order, seed

    def _given_out(
        self, load: Callable[[int], Any], dataset: Dataset | None = None, order: np.ndarray | None = None
    ) -> Iterator[Any]:
        self._turn = None
        if self.prefetch:
            return self._batches_ahead(load, range(self._position or 0, len(self)))
        own = dataset if self.transform is None else None
        turn = self._turn = _Turn(self._position or 0, len(self), self.batch_size, own, order)
        return self._batches_in_turn(load, turn)

    def upcoming(self, most: int) -> tuple[np.ndarray, ...] | None:
        """The next whole batches of the epoch, at most ``most``, in one piece: arrays (batches, batch_size, ...).

        The ``for`` loop still gives them, unless ``skip`` says that they have been used. None where there are none, or
        where batches are not slices of arrays: with a ``transform`` or ``prefetch``, or of another dataset. Raises
        ``DataError`` where ``most`` is not an int from 0 on.

        >>> loader = mg.data.DataLoader(([[0.0], [1.0], [2.0], [3.0], [4.0]], [0, 1, 0, 1, 0]), batch_size=1)
        >>> for x, y in loader:
        ...     if y == 0 and (block := loader.upcoming(2)) is not None:
        ...         print(x.ravel(), "and", block[0].ravel())
        ...         loader.skip(len(block[0]))
        [0.] and [1. 2.]
        """
        count, turn = min(_count("most", most, 0), self._whole_left()), self._turn
        if turn is None or not count or type(turn.dataset) is not ArrayDataset:
            return None
        size = turn.size
        places = slice(turn.next * size, (turn.next + count) * size)
        arrays = turn.dataset.arrays
        pieces = [a[places] if turn.order is None else a.take(turn.order[places], 0) for a in arrays]
        batches = tuple([a.reshape(count, size, *a.shape[1:]) for a in pieces])
        for a in batches if turn.order is None else ():
            a.flags.writeable = False  # a view: writing to it would change the dataset in silence
        return batches

    def skip(self, count: int) -> None:
        """Go on behind the next ``count`` batches of the epoch, which ``upcoming`` has given.

        Raises ``DataError`` for more batches than are left whole, or below 0.
        """
        left = self._whole_left()
        if _count("count", count, 0) > left:
            raise DataError(f"skip({count}) goes beyond the end: {left} whole batches of this epoch are left")
        if self._turn is not None:
            self._turn.next = self._position = self._turn.next + count

    def _whole_left(self) -> int:
        """The whole batches that are left of the epoch in which a ``for`` loop is; 0 outside of one."""
        return 0 if self._turn is None else max(len(self.dataset) // self._turn.size - self._turn.next, 0)

    def shares(self, rank: int, size: int, devices: int) -> Iterator[Share]:
        """What rank number ``rank`` of ``size`` loads of each batch, in the order that one process would have them in.

        Samples that are loaded one by one, or that are rows of arrays, are divided: a rank gets its own rows of the
        first array. Functions of a whole batch (``transform``, ``collate``, the dataset's ``batch``) get the whole
        batch. A batch whose size is not a multiple of the number of ``devices`` is not divided either.
        """
        dataset, order, seed = self._laid_out()
        load, samples, length = self._loading(dataset, order, seed), len(self.dataset), self.batch_size
        arrays = dataset.arrays if type(dataset) is ArrayDataset else None
        by_sample = self.collate is stack and getattr(dataset, "batch", None) is None
        divided = self.transform is None and (by_sample if arrays is None else len(arrays) > 1)

        def share(number: int) -> Share:
            start = number * length
            rows = min(length, samples - start)
            first, last = own_rows(rows, rank, size, devices)
            if not divided or last - first == rows:
                return Share(load(number), rows, 0, rows, None)
            places = slice(start + first, start + last) if order is None else order[start + first : start + last]
            if arrays is not None:
                others = slice(start, start + rows) if order is None else order[start : start + rows]
                batch: Any = (arrays[0][places], *_batch(ArrayDataset(*arrays[1:]), others, stack))
            else:
                batch = _batch(dataset, places, self.collate)
            return Share(batch, rows, first, last, lambda: load(number))

        return self._given_out(share)

    def _batches_in_turn(self, load: Callable[[int], Any], turn: _Turn) -> Iterator[Any]:
        while turn.next < turn.end:
            number = turn.next
            batch = load(number)
            turn.next = self._position = number + 1  # the caller may ask for it while working on the batch
            yield batch
        self._end_epoch()

    def _batches_ahead(self, load: Callable[[int], Any], numbers: range) -> Iterator[Any]:
        with closing(ahead(load, numbers, self.prefetch, self.threads)) as batches:
            for number, batch in zip(numbers, batches, strict=True):
                self._position = number + 1
                yield batch
        self._end_epoch()

    def _end_epoch(self) -> None:
        self._position = self._start = self._turn = None
        self.epoch += 1

    def _loading(self, dataset: Dataset, order: np.ndarray | None, seed: int | None) -> Callable[[int], Any]:
        """The function that makes a batch by its number."""
        size, samples = self.batch_size, len(self.dataset)
        transform, collate = self.transform, self.collate
        if type(dataset) is ArrayDataset and order is not None and transform is None:
            arrays = dataset.arrays
            # The most frequent case, where a few calls more would cost as much as the slicing of a small batch.
            return lambda number: tuple([a.take(order[number * size : (number + 1) * size], 0) for a in arrays])

        def load(number: int) -> Any:
            start = number * size
            stop = min(start + size, samples)
            try:
                batch = _batch(dataset, slice(start, stop) if order is None else order[start:stop], collate)
                if transform is None:
                    return batch
                return transform(batch) if seed is None else transform(batch, generator=_generator(seed, number))
            except StopIteration as error:  # which a generator may not let out
                raise DataError(
                    f"batch {number} of the {type(dataset).__name__} raised StopIteration, in its batch method, the "
                    "transform or collate: something that is read there by next() has come to its end"
                ) from error

        return load

    # -- its position -------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Where the loader stands: plain values and the state of its generator, for ``mg.save``.

        Taken while a batch is being worked on, that batch counts as done, and the others of the epoch are to come.
        """
        return {
            **self._identity(),
            "epoch": self.epoch,
            "position": self._position,
            "epoch_generator": self._start,
            "generator": None if self.generator is None else generator_state(self.generator),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where ``state`` was taken: the next ``for`` gives the rest of that epoch.

        Raises ``StateError``, and changes nothing, for a state of a loader with other settings or another number of
        samples.
        """
        expected = self.state_dict()
        if not isinstance(state, Mapping) or state.keys() != expected.keys():
            raise StateError(f"the state of a loader has {', '.join(expected)}, got {_keys(state)}")
        for name, value in self._identity().items():
            if state[name] != value:
                raise StateError(f"the loader has {name}={value}, and the state is of one with {name}={state[name]}")
        if (state["generator"] is None) != (self.generator is None):
            raise StateError("the loader and the state differ in whether anything is random: pass the same arguments")
        epoch, position, start = _plain(state["epoch"]), state["position"], state["epoch_generator"]
        if position is not None and _plain(position) > len(self):
            raise StateError(f"the loader has {len(self)} batches, and the state stands at {position}")
        if (start is None) != (self.generator is None or position is None):
            raise StateError("the state of a loader has the generator's state from the start of the epoch it is in")
        if self.generator is not None:
            if start is not None:
                generator_from(start, self.generator)  # checked before anything is set
            set_generator_state(state["generator"], self.generator)
        self.epoch, self._position, self._start = epoch, position, start
        self._resumes, self._turn = position is not None, None

    def _identity(self) -> dict[str, Any]:
        """The settings that must match for a position to mean the same."""
        return {
            "samples": len(self.dataset),
            "batch_size": self.batch_size,
            "shuffle": self.shuffle,
            "drop_last": self.drop_last,
        }


refuse_names(DataLoader, "a DataLoader")


def _batch(dataset: Dataset, indices: Any, collate: Callable[[Sequence[Any]], Any]) -> Any:
    """The samples at ``indices`` (a slice, or an array of ints), in the fastest way that the dataset has."""
    if type(dataset) is ArrayDataset:
        batch = dataset.batch(indices)
        if type(indices) is slice:
            for array in batch:
                array.flags.writeable = False  # a view: writing to it would change the dataset in silence
        return batch
    whole = getattr(dataset, "batch", None)
    if whole is not None:
        return whole(indices)
    numbers = range(indices.start, indices.stop) if isinstance(indices, slice) else indices.tolist()
    return collate([_sample(dataset, number) for number in numbers])


def _sample(dataset: Dataset, index: int) -> Any:
    try:
        return dataset[index]
    except StopIteration as error:  # which a generator may not let out
        raise DataError(
            f"sample {index} of the {type(dataset).__name__} raised StopIteration: something in it that is read by "
            "next() has come to its end. A dataset gives every sample from 0 to len() - 1, whenever it is asked"
        ) from error
    except Exception as error:
        error.add_note(f"while sample {index} of the {type(dataset).__name__} was loaded")
        raise


def _generator(seed: int, number: int) -> np.random.Generator:
    """The generator of one batch: it depends on nothing that was drawn for another."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(number,))))


def _takes_generator(transform: Callable[..., Any] | None) -> bool:
    if transform is None:
        return False
    try:
        return "generator" in inspect.signature(transform).parameters
    except (ValueError, TypeError):  # a function that is written in C has no signature
        return False


def _flag(name: str, value: Any) -> bool:
    """True or False. Raises ``DataError`` for anything else: every text is true to Python, "no" as well."""
    if not is_flag(value):
        raise DataError(f"{name}= is True or False, got {value!r}")
    return bool(value)


def _count(name: str, value: Any, least: int) -> int:
    if not is_index(value, least):
        raise DataError(f"{name}= is an int from {least} on, got {value!r}")
    return operator.index(value)


def _plain(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise StateError(f"the state of a loader has counts from 0 on, got {value!r}")
    return value


def _keys(state: Any) -> str:
    return ", ".join(map(str, state)) if isinstance(state, Mapping) else type(state).__name__
