"""Samples that were loaded one by one, put together into a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minigrad.core.context import get_default_dtype
from minigrad.data.columns import numbers_of
from minigrad.errors import DataError, DTypeError


def collate(samples: Sequence[Any]) -> Any:
    """A batch of the structure of one sample, with an array in place of each number, array or tensor.

    Arrays keep their dtype. Python's floats become the default dtype, ints and bools arrays of theirs; strings
    and None stay as they are, in a list.

    >>> mg.data.collate([{"image": [1.0, 2.0], "label": 0}, {"image": [3.0, 4.0], "label": 1}])
    {'image': [array([1., 3.], dtype=float32), array([2., 4.], dtype=float32)], 'label': array([0, 1])}

    Raises ``DataError`` where samples differ in structure or shape, and ``DTypeError`` for other objects.
    """
    return _batch_of(samples, "sample")


def _batch_of(samples: Sequence[Any], path: str) -> Any:
    first = samples[0]
    for i, sample in enumerate(samples):
        if _kind(sample) != _kind(first):
            raise DataError(
                f"{path} is not of one structure in a batch: {_kind(first)} at place 0, {_kind(sample)} at place {i}"
            )
    if isinstance(first, Mapping):
        return {key: _batch_of([sample[key] for sample in samples], f"{path}[{key!r}]") for key in first}
    if isinstance(first, (tuple, list)):
        parts = [_batch_of([sample[i] for sample in samples], f"{path}[{i}]") for i in range(len(first))]
        return type(first)(*parts) if hasattr(first, "_fields") else type(first)(parts)
    if first is None or isinstance(first, str):
        return list(samples)
    return _stack([numbers_of(sample) for sample in samples], path)


def _kind(sample: Any) -> str:
    """The properties that samples of one batch must share."""
    if isinstance(sample, Mapping):
        return f"a dict with the keys {sorted(map(repr, sample))}"
    if isinstance(sample, (tuple, list)):
        return f"a {type(sample).__name__} of {len(sample)}"
    return type(sample).__name__ if sample is None or isinstance(sample, str) else "numbers"


def _stack(values: list[Any], path: str) -> np.ndarray:
    shapes = [np.shape(value) for value in values]
    for i, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise DataError(
                f"{path} has not one shape in a batch: {shapes[0]} at place 0, {shape} at place {i}; pad the samples "
                "to one shape, or pass DataLoader(..., collate=your_function)"
            )
    batch = np.asarray(values)
    if batch.dtype.kind not in "biufc":
        raise DTypeError(
            f"{path} is {type(values[0]).__name__}, which does not stack into an array of numbers: convert it in the "
            "dataset, or pass DataLoader(..., collate=your_function)"
        )
    if batch.dtype == np.float64 and not any(hasattr(value, "dtype") for value in values):
        batch = batch.astype(get_default_dtype())
    return batch
