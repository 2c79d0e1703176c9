"""Checksums of everything from outside: a write that the recorder cannot see changes one, and the step is refused."""

from __future__ import annotations

import contextlib
import zlib

import numpy as np

from minigrad.core.watching import user_line
from minigrad.errors import CompileError


class UnseenWriteError(CompileError):
    """A plain NumPy call has written into an array. Where a name holds it, a recorded one can stand in its place."""


class Memory:
    """The arrays from outside that a recording knows, and what they held when they were last looked at."""

    def __init__(self) -> None:
        self._sums: dict[int, tuple[np.ndarray, int, str]] = {}

    def watch(self, array: np.ndarray, name: str) -> None:
        """From here on, notice what is written into an array."""
        is_file = isinstance(array, np.memmap) and not array.flags.writeable  # perhaps larger than the memory
        if id(array) not in self._sums and not is_file:
            self._sums[id(array)] = (array, checksum(array), name)

    def verify(self, written: np.ndarray | None = None) -> None:
        """Raise ``CompileError`` if an array (one that shares memory with ``written``, if given) has changed unseen."""
        for array, total, name in self._sums.values():
            if (written is None or np.may_share_memory(array, written)) and checksum(array) != total:
                raise UnseenWriteError(
                    f"mg.compile: {name or 'an array from outside'} was written to by a NumPy call that the recorder "
                    f"cannot see (such as p.data *= 0.9, or a[i] = x); it was noticed at\n  {user_line()}\nwrite to it "
                    "outside the compiled function, or compute a new tensor"
                )

    def refresh(self, written: np.ndarray) -> None:
        """Note the content of an array after a write that is recorded."""
        for key, (array, _, name) in self._sums.items():
            if np.may_share_memory(array, written):
                self._sums[key] = (array, checksum(array), name)


def checksum(array: np.ndarray) -> int:
    """One number for the contents of an array."""
    if array.flags.c_contiguous and array.size:
        with contextlib.suppress(ValueError):  # dates, and dtypes of other libraries such as bfloat16, have no buffer
            return zlib.crc32(array.data)
    return zlib.crc32(array.tobytes())
