"""Backends: ways of running a program.

A backend is a module with one function, ``build(calls, program)``. It gets the calls that are left after the passes
that hold for every backend (dead calls and needless copies are gone), and gives a ``Built``. Whatever else it does,
buffers, fused kernels, another library, is its own business. A constant ``EXACT`` that is false says that its results
agree with those of the step as it is written to rounding only. Options that the user gave come by name.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterable
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
    #: Many steps in one call: takes how many, the arguments of the first, and the bytes that each of these moves on
    #: from step to step; gives a ``looping.Ran``, or None where that cannot be done now. None where a backend has none.
    loop: Callable[..., Any] | None = None
    #: Whether tensors have the data that they had, where a backend has taken their arrays out of ``program.tensors``.
    holds: Callable[[], bool] | None = None


#: Name: its module, and the distribution that it needs.
BACKENDS: dict[str, tuple[str, str]] = {
    "numpy": ("minigrad.compiler.backends.numpy", "numpy"),
    "native": ("minigrad.compiler.backends.native", "llvmlite"),
    "jax": ("minigrad.compiler.backends.jax", "jax"),
}


#: Names that backends had before.
FORMER = {"numba": "native"}

#: What "auto" takes: the first that is installed.
AUTO = ("native", "numpy")


def build(backend: str, calls: list[Call], program: Program, options: dict[str, Any]) -> Built:
    """The program as a backend runs it."""
    built: Built = load(backend).build(calls, program, **options)
    return built


def is_exact(backend: str) -> bool:
    """Whether results are the same bits as those of the step as it is written."""
    return bool(getattr(load(backend), "EXACT", True))


def checked(backend: str, options: dict[str, Any]) -> str:
    """The name of a backend that is there, with options that it has. Raises ``CompileError``."""
    if backend == "auto":
        backend = next(name for name in AUTO if importlib.util.find_spec(BACKENDS[name][1]) is not None)
    backend = FORMER.get(backend, backend)
    if backend not in BACKENDS:
        names = ", ".join(map(repr, ("auto", *BACKENDS)))
        raise CompileError(f"mg.compile: backend={backend!r}: expected one of {names}")
    distribution = BACKENDS[backend][1]
    if importlib.util.find_spec(distribution) is None:
        raise CompileError(
            f"mg.compile: backend={backend!r} needs {distribution}, which is not installed: pip install {distribution}"
        )
    if "devices" in options and backend != "jax":
        raise CompileError(f'mg.compile: devices= is for backend="jax"; backend={backend!r} has no devices')
    if options.get("shard") and "devices" not in options:
        raise CompileError('mg.compile: shard=True needs devices= and backend="jax": devices=jax.devices()')
    if "devices" in options:
        options["devices"] = listed_devices(options["devices"])
    return backend


def listed_devices(devices: Any) -> tuple[Any, ...]:
    """Devices of JAX; whether a run may have them is the backend's to say."""
    listed = tuple(devices) if isinstance(devices, Iterable) else ()
    if not listed or not all(hasattr(device, "device_kind") for device in listed):
        raise CompileError(f"mg.compile: devices= lists devices of JAX, such as jax.devices(), got {devices!r:.60}")
    return listed


def load(backend: str) -> Any:
    """The module of a backend. The first time it imports the libraries that the backend needs."""
    return importlib.import_module(BACKENDS[backend][0])
