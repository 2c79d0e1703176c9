"""Datasets: what has a length and gives a sample for an index. Any list will do."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, Protocol, SupportsIndex, cast

import numpy as np

from minigrad.core.checks import is_index
from minigrad.core.failures import named
from minigrad.core.tensor import Tensor
from minigrad.data.columns import as_column
from minigrad.errors import DataError
from minigrad.random import generator_or_default


class Dataset(Protocol):
    """The protocol of datasets: a length, and a sample for each index from 0 on. No base class is needed.

    A sample is an array, a number, or tuples, lists and dicts of these. A dataset may also have a
    method ``batch(indices)`` that gives a whole batch, for an array of ints or a slice: then it is called instead, once
    a batch.

    >>> class Squares:
    ...     def __len__(self):
    ...         return 3
    ...
    ...     def __getitem__(self, index):
    ...         return float(index**2)
    >>> next(iter(mg.data.DataLoader(Squares(), batch_size=3)))
    array([0., 1., 4.], dtype=float32)
    """

    def __len__(self) -> int:
        """How many samples there are."""
        ...

    def __getitem__(self, index: int, /) -> Any:
        """The sample at ``index``, from 0 to ``len(self) - 1``."""
        ...


class ArrayDataset:
    """Arrays of the same length: sample i is the tuple of their rows i.

    Takes arrays, lists, tensors, pandas frames and series, and memory-mapped files (``np.load(path, mmap_mode="r")``),
    which are read batch by batch. Arrays are not copied unless necessary, and keep their dtypes. Indices may be ints,
    slices, or arrays of ints.

    >>> data = mg.data.ArrayDataset([[1.0, 2.0], [3.0, 4.0]], [0, 1])
    >>> data[1]
    (array([3., 4.], dtype=float32), np.int64(1))

    Raises ``DataError`` where lengths differ, and ``DTypeError`` for what is not numeric.
    """

    def __init__(self, *arrays: Any) -> None:
        if not arrays:
            raise DataError("a dataset is made of at least one array: ArrayDataset(X, y)")
        self.arrays = tuple(as_column(array) for array in arrays)
        lengths = [len(array) for array in self.arrays]
        if len(set(lengths)) > 1:
            raise DataError(
                f"the arrays of a dataset have a row for each sample: expected one length, got {lengths} "
                f"(shapes {', '.join(str(array.shape) for array in self.arrays)})"
            )

    def __len__(self) -> int:
        return len(self.arrays[0])

    def __getitem__(self, index: Any) -> tuple[Any, ...]:
        return tuple([array[index] for array in self.arrays])

    def batch(self, indices: Any) -> tuple[np.ndarray, ...]:
        """The rows at ``indices``: a view for a slice, a copy for an array of ints."""
        if isinstance(indices, slice):
            return tuple([array[indices] for array in self.arrays])
        return tuple([array.take(indices, 0) for array in self.arrays])  # faster than array[indices]

    def __repr__(self) -> str:
        shapes = ", ".join(f"{array.dtype}{array.shape}" for array in self.arrays)
        return f"{type(self).__name__}({shapes})"


TensorDataset = ArrayDataset  # PyTorch's name


class Subset:
    """The samples of ``dataset`` at ``indices``, in that order.

    Raises ``DataError`` for an index that ``dataset`` does not have.

    >>> part = mg.data.Subset([10.0, 20.0, 30.0], [2, 0])
    >>> len(part), part[0]
    (2, 30.0)
    """

    def __init__(self, dataset: Dataset, indices: Any) -> None:
        self.dataset = as_dataset(dataset)
        chosen = np.asarray(indices)
        if chosen.ndim != 1 or (chosen.dtype.kind not in "iu" and chosen.size):
            raise DataError(
                f"indices of a subset are a list of ints, got {chosen.dtype} of shape {chosen.shape}"
                + ("; write np.flatnonzero(mask)" if chosen.dtype == bool else "")
            )
        outside = chosen[(chosen < 0) | (chosen >= len(self.dataset))]
        if outside.size:
            raise DataError(
                f"{len(self.dataset)} samples have the indices 0 to {len(self.dataset) - 1}, got {outside[0]}"
            )
        self.indices = chosen.astype(np.intp)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Any:
        return self.dataset[int(self.indices[index])]


class MapDataset:
    """``function`` of each sample of ``dataset``, when it is asked for.

    >>> mg.data.MapDataset(range(5), lambda n: n * n)[3]
    9
    """

    def __init__(self, dataset: Dataset, function: Callable[[Any], Any]) -> None:
        self.dataset = as_dataset(dataset)
        self.function = function

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        return self.function(self.dataset[index])


def as_dataset(data: Any) -> Dataset:
    """``data`` if it is a dataset; an array, tensor, frame, or tuple of these becomes an ``ArrayDataset``."""
    if isinstance(data, tuple):
        return ArrayDataset(*data)
    if isinstance(data, (np.ndarray, Tensor)) or hasattr(data, "to_numpy"):
        return ArrayDataset(data)
    if not hasattr(data, "__len__") or not hasattr(data, "__getitem__") or isinstance(data, (str, dict)):
        raise DataError(
            f"a dataset has a length and gives a sample for each index from 0 on, got {type(data).__name__}; "
            "make ArrayDataset(X, y) of arrays, list(...) of an iterator"
        )
    dataset: Dataset = data
    return dataset


@named
def random_split(dataset: Any, lengths: Sequence[float], seed: int | np.random.Generator | None = None) -> list[Subset]:
    """Split ``dataset`` at random into parts of these ``lengths``, no sample in two of them.

    ``lengths`` are ints that add up to the number of samples, or fractions that add up to 1. Fractions are rounded
    down, and the samples that are left go to the first of the parts that lost by it, one to each. ``seed`` is an int, a
    generator, or None for the package's generator (``mg.manual_seed``).

    >>> [len(part) for part in mg.data.random_split(range(10), [0.75, 0.25], seed=0)]
    [8, 2]

    Raises ``DataError`` where the lengths do not fit.
    """
    dataset = as_dataset(dataset)
    if isinstance(lengths, str) or not hasattr(lengths, "__iter__"):
        raise DataError(f"lengths has one number for each part, such as [0.8, 0.2]; got {lengths!r}")
    sizes = _sizes(list(lengths), len(dataset))
    order = as_generator(seed).permutation(len(dataset))
    ends = np.cumsum(sizes)
    return [Subset(dataset, order[end - size : end]) for size, end in zip(sizes, ends, strict=True)]


def _sizes(lengths: list[float], samples: int) -> list[int]:
    if not lengths or any(isinstance(n, bool) or not isinstance(n, Real) or not n >= 0 for n in lengths):
        raise DataError(f"lengths are ints or fractions from 0 on, at least one, got {lengths}")
    if all(hasattr(n, "__index__") for n in lengths):
        sizes = [operator.index(cast(SupportsIndex, n)) for n in lengths]
        if sum(sizes) != samples:
            raise DataError(f"lengths add up to the {samples} samples, or are fractions: got {sizes}, sum {sum(sizes)}")
        return sizes
    if not math.isclose(math.fsum(lengths), 1, abs_tol=1e-9):
        raise DataError(f"fractions add up to 1, got {lengths}, sum {math.fsum(lengths)}")
    # 0.29 * 100 is 28.999999999999996, and meant as 29.
    slack = 1e-9 * max(samples, 1)
    sizes = [math.floor(n * samples + slack) for n in lengths]
    rounded = [i for i, size in enumerate(sizes) if lengths[i] * samples - size > slack]
    for i in rounded[: samples - sum(sizes)]:
        sizes[i] += 1
    return sizes


def as_generator(seed: int | np.random.Generator | None) -> np.random.Generator:
    """A generator for a seed: itself if it is one, the package's own for None."""
    if seed is None or isinstance(seed, np.random.Generator):
        return generator_or_default(seed)
    if not is_index(seed, 0):
        raise DataError(f"seed= is an int from 0 on, a numpy.random.Generator, or None, got {seed!r}")
    return np.random.default_rng(operator.index(seed))
