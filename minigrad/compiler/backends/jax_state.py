"""What a program keeps between its runs: captured arrays that it reads and writes, on their way to the device and back.

They are copied into memory that XLA reads where it lies, and what was written is copied back.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minigrad.compiler.program import Value

_ALIGNMENT = 64


class State:
    """The captured arrays of one program."""

    def __init__(self, values: Sequence[Value]) -> None:
        self.arrays = [_without_repeats(value.origin) for value in values]
        self.staged = [_aligned(array) for array in self.arrays]

    def read(self) -> list[np.ndarray]:
        """Their contents as they are now."""
        for staged, array in zip(self.staged, self.arrays, strict=True):
            np.copyto(staged, array)
        return self.staged


def _without_repeats(array: np.ndarray) -> np.ndarray:
    """What ``np.broadcast_to`` has spread, once: a constant gradient may be one number in the shape of a batch."""
    once = [slice(0, 1) if stride == 0 else slice(None) for stride in array.strides]
    return array[(..., *once)]  # a view, also of a single number: it is read anew in each run


def _aligned(array: np.ndarray) -> np.ndarray:
    """Memory that JAX on the CPU reads where it lies; of other arrays it makes a copy, in new memory in each call."""
    memory = np.empty(array.nbytes + _ALIGNMENT, np.uint8)
    start = -memory.__array_interface__["data"][0] % _ALIGNMENT
    staged: np.ndarray = memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    return staged
