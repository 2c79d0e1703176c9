"""Memory for the buffers of several programs: those of one function, of which one runs at a time, write to the same."""

from __future__ import annotations

import mmap
import threading
import weakref
from typing import Any

import numpy as np

_ALIGNMENT = 64  # bytes: a cache line, and the widest vector of the processor
_SMALL, _LARGE, _MORE = 4096, 1 << 20, 64 << 20


class Arena:
    """Memory for buffers that several programs use in turn, and the lock that they hold meanwhile."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._blocks: list[Any] = []  # weak: a block lives as long as a program that has a buffer in it
        self._used: list[int] = []
        self._filled: dict[tuple[str, bytes], tuple[Any, int]] = {}  # a number: its block, weak too, and bytes of it

    def claim(self, size: int, taken: list[np.ndarray]) -> np.ndarray:
        """``size`` bytes that none of the blocks in ``taken`` has; their own block is added to these."""
        free = [
            (block.nbytes, i, block)
            for i, block in self._alive()
            if size + _ALIGNMENT <= block.nbytes <= 8 * size + _SMALL and not any(other is block for other in taken)
        ]
        if free:
            _, i, block = min(free, key=lambda one: one[0])
        else:
            # The first block of a kind is made to measure; where sizes grow, the next has space for more to come.
            more = min(3 * size, _MORE) if self._blocks else 0
            block, i = _memory(size + _ALIGNMENT + more), len(self._blocks)
            self._blocks.append(weakref.ref(block))
            self._used.append(0)
        taken.append(block)
        self._used[i] = max(self._used[i], size)
        start = -block.__array_interface__["data"][0] % _ALIGNMENT
        return block[start : start + size]

    def filled(self, number: np.generic, size: int) -> np.ndarray:
        """``size`` bytes that hold one number over and over; nobody writes to them again."""
        key = number.dtype.str, number.tobytes()
        held, done = self._filled.get(key, (None, 0))
        block = held() if held is not None else None
        if block is None or block.nbytes < size:
            more = 0 if block is None else min(3 * size, _MORE)
            block, done = _memory(size + more), 0
        if done < size:
            block[done:size].view(number.dtype)[:] = number
        self._filled[key] = weakref.ref(block), max(done, size)
        return block[:size]

    @property
    def nbytes(self) -> int:
        """The bytes of the blocks, as far as programs use them."""
        filled = sum(done for held, done in self._filled.values() if held() is not None)
        return filled + sum(self._used[i] for i, _ in self._alive())

    def _alive(self) -> list[tuple[int, np.ndarray]]:
        return [(i, block) for i, made in enumerate(self._blocks) if (block := made()) is not None]


def _memory(size: int) -> np.ndarray:
    """New memory. Of a large block, the system gives a page when that is first written, and has it back at the end."""
    if size < _LARGE:
        return np.empty(size, np.uint8)
    private = (
        {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
    )  # after a fork too
    return np.frombuffer(mmap.mmap(-1, size, **private), np.uint8)
