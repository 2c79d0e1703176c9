"""Memory for buffers that the programs of one function share, since one of them runs at a time."""

from __future__ import annotations

import bisect
import mmap
import threading
import weakref
from typing import Any

import numpy as np

from minigrad.support.forking import whole_at_fork

_ALIGNMENT = 64  # bytes: a cache line, and the widest vector of the processor
_SMALL, _LARGE, _MORE = 4096, 1 << 20, 64 << 20


class Arena:
    """Memory for buffers that several programs use in turn, and the lock that they hold meanwhile."""

    def __init__(self) -> None:
        self.lock = whole_at_fork(threading.RLock())
        self._blocks: list[Any] = []  # weak: a block lives as long as a program that has a buffer in it
        self._used: list[int] = []
        self._filled: dict[tuple[str, bytes], tuple[Any, int]] = {}  # a number: its block, weak too, and bytes of it

    def claims(self) -> Claims:
        """A new set of buffers: none of them shares memory with another one of the set."""
        return Claims(self)

    def filled(self, number: np.generic, size: int) -> np.ndarray:
        """``size`` bytes that hold one number over and over; nobody writes to them again."""
        key = number.dtype.str, number.tobytes()
        alive, done = self._filled.get(key, (None, 0))
        block = alive() if alive is not None else None
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
        filled = sum(done for block, done in self._filled.values() if block() is not None)
        return filled + sum(self._used[i] for i, _ in self._alive())

    def _alive(self) -> list[tuple[int, np.ndarray]]:
        return [(i, block) for i, reference in enumerate(self._blocks) if (block := reference()) is not None]


class Claims:
    """The buffers of one program. ``blocks`` are those of the arena that they lie in: who holds them keeps them."""

    def __init__(self, arena: Arena) -> None:
        self.blocks: list[np.ndarray] = []
        self._arena = arena
        # By size; the number tells blocks of one size apart. A search in it is what keeps many buffers cheap.
        self._free = sorted((block.nbytes, i) for i, block in arena._alive())

    def claim(self, size: int) -> np.ndarray:
        """``size`` bytes that no other buffer of the set has."""
        arena = self._arena
        place = bisect.bisect_left(self._free, (size + _ALIGNMENT, 0))
        while place < len(self._free) and self._free[place][0] <= 8 * size + _SMALL:
            _, i = self._free.pop(place)
            block: np.ndarray = arena._blocks[i]()
            if block is not None:
                break
        else:
            # The first block of a kind is made to measure; where sizes grow, the next has space for more to come.
            more = min(3 * size, _MORE) if arena._blocks else 0
            block, i = _memory(size + _ALIGNMENT + more), len(arena._blocks)
            arena._blocks.append(weakref.ref(block))
            arena._used.append(0)
        self.blocks.append(block)
        arena._used[i] = max(arena._used[i], size)
        start = -address_of(block) % _ALIGNMENT
        return block[start : start + size]


def address_of(array: Any) -> int:
    """Where an array's first element lies."""
    address: int = array.__array_interface__["data"][0]
    return address


def _memory(size: int) -> np.ndarray:
    """New memory. Of a large block, the system gives a page when that is first written, and has it back at the end."""
    if size < _LARGE:
        return np.empty(size, np.uint8)
    private = (
        {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
    )  # after a fork too
    return np.frombuffer(mmap.mmap(-1, size, **private), np.uint8)
