"""Backends: ways of running a program.

A backend is a module with one function, ``build(calls, program)``. It gets the calls that are left after the passes
that hold for every backend (dead calls and needless copies are gone), and gives a ``Built``. Whatever else it does,
buffers, fused kernels, another library, is its own business.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

from minigrad.compiler.program import Call, Program
from minigrad.errors import CompileError

#: What a run gives when a condition of the program does not hold: then the step runs as it is written.
MISSED = object()


class Built(NamedTuple):
    """A program that can run."""

    #: Takes the arrays of the arguments, reads and writes captured arrays and gradients, and gives a tuple of the
    #: outputs in the order of ``values_in(program.outputs)``, or ``MISSED`` before anything was written.
    run: Callable[..., Any]
    #: What ``stats()`` shows: "calls", "buffers", "bytes", and what the backend has to tell besides.
    stats: dict[str, Any]
    #: One run, kernel by kernel: takes what ``run`` takes, and gives (calls, seconds) of each, or ``MISSED``. It counts
    #: no step; whoever calls it puts the rest back. None where a backend cannot look inside of a run.
    timed: Callable[..., Any] | None = None


#: Name: its module, and the distribution and the extra that it needs.
_BACKENDS: dict[str, tuple[str, str, str]] = {
    "numpy": ("minigrad.compiler.backends.numpy", "numpy", ""),
    "numba": ("minigrad.compiler.backends.numba", "numba", "jit"),
}


def build(backend: str, calls: list[Call], program: Program) -> Built:
    """The program as a backend runs it."""
    made: Built = importlib.import_module(_BACKENDS[backend][0]).build(calls, program)
    return made


def checked(backend: str) -> str:
    """The name of a backend that is there, "auto" resolved. Raises ``CompileError``."""
    if backend not in _BACKENDS:
        raise CompileError(f"mg.compile: backend={backend!r}: expected one of {', '.join(map(repr, _BACKENDS))}")
    return backend
