"""What the loops for the package's own functions have in common: a call that runs a kernel, on arrays of one kind."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minigrad.compiler.backends.kernel_expressions import TYPES
from minigrad.compiler.backends.machine_code import features
from minigrad.compiler.backends.team import TEAM

#: Products from which on it is worth to wake a thread.
SHARED = 4_000_000


class Registers(NamedTuple):
    """How many numbers of a type a register of this processor holds, and how many registers there are."""

    lanes: int
    held: int


@functools.cache
def registers(dtype: np.dtype) -> Registers:
    """Those of this machine; of one that is not known, what every processor of today has."""
    present = features()
    known = (("avx512f", 64, 32), ("avx", 32, 16), ("neon", 16, 32))
    size, count = next(((size, count) for name, size, count in known if name in present), (16, 16))
    return Registers(size // dtype.itemsize, count)


class Loop:
    """A function of arrays that runs a kernel: what stands in a call of a program."""

    def __init__(self, name: str, run: Callable[..., Any], kernel: Any, sample: list[Any], takes_out: bool) -> None:
        self.__name__ = name
        self.kernel = kernel  # to be compiled for the types of ``sample``
        self.sample = sample
        self.takes_out = takes_out  # whether the result may have a place in a buffer
        self._run = run

    def __call__(self, *args: Any, out: Any = None, **kwargs: Any) -> Any:
        """The result, in ``out`` where that is given."""
        return self._run(*args, out=out, **kwargs)


def alike(dtype: Any, *values: Any) -> bool:
    """Whether these are arrays of one dtype of floats."""
    return dtype in TYPES and dtype.kind == "f" and all(x.is_array and x.dtype == dtype for x in values)


def shared(kernel: Any, chunks: int, work: int) -> Callable[..., Any]:
    """The kernel over all its chunks, by one thread or by the team."""
    if work >= SHARED and chunks > 1:
        return lambda *args: TEAM.run(kernel, chunks, 0, 0, *args)
    return lambda *args: kernel(0, chunks, 0, 0, *args)
