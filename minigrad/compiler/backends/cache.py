"""Kernels by their text: compiled once, and kept on disk between processes.

The folder is the user's own, ``MINIGRAD_CACHE`` or the platform's place for caches: like ``__pycache__`` it holds
machine code that is run, so it is not used when anybody else may write to it. Numba keeps what it compiled beside the
file that a function is from; that file has the kernel's text, and is only written here, never read back as code.
A folder that cannot be used, or is deleted at any moment, costs the time to compile again.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import platform
import stat
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba import njit
from numba.core.caching import NullCache
from numba.core.compiler import CompilerBase, DefaultPassBuilder

from minigrad.compiler.backends import formulas

_LOCK = threading.RLock()
_KERNELS: dict[str, Any] = {}

#: Seconds after which somebody who waits is told why.
_PATIENCE = 1.0

_TYPES = {"f4": np.float32, "f8": np.float64, "i8": np.int64, "b1": np.bool_}


def folder() -> Path | None:
    """Where kernels are kept, or None where that cannot be trusted to be the user's own."""
    given = os.environ.get("MINIGRAD_CACHE")
    if given:
        place = Path(given)
    elif _system() == "nt":
        place = Path(os.environ.get("LOCALAPPDATA", "~")).expanduser() / "minigrad" / "kernels"
    elif _system() == "Darwin":
        place = Path("~/Library/Caches/minigrad/kernels").expanduser()
    else:
        place = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "minigrad" / "kernels"
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        if hasattr(os, "getuid"):
            found = place.stat()
            if found.st_uid != os.getuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                return None
        return place if os.access(place, os.W_OK) else None
    except (OSError, RuntimeError):  # no home, a file in its place, no space
        return None


def _system() -> str:
    return "nt" if os.name == "nt" else platform.system()


class Apart(CompilerBase):  # type: ignore[misc]
    """Numba's compiler, told that no two arrays of a kernel overlap: else no loop becomes vector instructions."""

    def define_pipelines(self) -> list[Any]:
        """Numba's own, with the flag that it sets for the bodies of its parallel loops."""
        self.state.flags.noalias = True
        return [DefaultPassBuilder.define_nopython_pipeline(self.state)]


class Compiler:
    """Compiles the kernels of one program, and says so where it takes long."""

    def __init__(self) -> None:
        self._place = folder()

    def kernel(self, text: str) -> Any:
        """The kernel with this text; it is compiled when its types are known."""
        with _LOCK:
            if text not in _KERNELS:
                _KERNELS[text] = self._made(text)
            return _KERNELS[text]

    def _made(self, text: str) -> Any:
        namespace: dict[str, Any] = {
            "__name__": __name__,  # where Numba looks for it when it is loaded again
            "np": np, "math": math, "summed": formulas.summed, "larger": formulas.larger,
            "smaller": formulas.smaller, "maximum": formulas.maximum, "minimum": formulas.minimum,
            "sign": formulas.sign, **_TYPES,
        }  # fmt: skip
        for dtype, functions in formulas.ELEMENTARY.items():
            namespace |= {f"f{dtype.itemsize}_{name}": function for name, function in functions.items()}
        filename = "<kernel>" if self._place is None else self._written(text)
        exec(compile(text, filename, "exec"), namespace)  # noqa: S102 - written in loops.py
        return njit(
            nogil=True, fastmath=formulas.CONTRACT, error_model="numpy", cache=filename != "<kernel>",
            pipeline_class=Apart,
        )(namespace["kernel"])  # fmt: skip

    def _written(self, text: str) -> str:
        """The text in a file of the cache, named by all that its machine code depends on."""
        name = hashlib.sha256("\0".join([_VERSIONS, text]).encode()).hexdigest()[:32]
        path = self._place / f"{name}.py"  # type: ignore[operator]
        if not path.exists():
            try:
                handle, temporary = tempfile.mkstemp(dir=self._place, suffix=".tmp")
                with os.fdopen(handle, "w") as file:
                    file.write(text)
                os.utime(temporary, (0, 0))  # Numba compares the time: written again, it is still the same kernel
                os.replace(temporary, path)
            except OSError:
                return "<kernel>"
        return str(path)

    def finish(self, samples: list[tuple[Any, list[Any]]]) -> None:
        """Compile all kernels for the types of sample arguments. A line on stderr shows progress after a second."""
        start, told, total = time.perf_counter(), 0.0, len(samples)
        live = sys.stderr is not None and sys.stderr.isatty()
        for done, (kernel, arguments) in enumerate(samples, 1):
            with _LOCK:
                _compile(kernel, (numba.int64,) * 4 + tuple([numba.typeof(argument) for argument in arguments]))
            seconds = time.perf_counter() - start
            if sys.stderr is not None and seconds - told > (_PATIENCE if not told or live else 10 * _PATIENCE):
                told = seconds
                text = f"mg.compile: kernel {done} of {total}, {seconds:.0f} s; the next start finds them on disk"
                sys.stderr.write(f"\r{text}" if live else f"{text}\n")
                sys.stderr.flush()
        if told and live:
            sys.stderr.write("\n")


def _compile(kernel: Any, types: tuple[Any, ...]) -> None:
    """Compile a kernel, without the cache where a file of it is broken or the disk is full."""
    try:
        kernel.compile(types)
    except Exception:
        if isinstance(kernel._cache, NullCache):
            raise
        with contextlib.suppress(OSError):
            kernel._cache.flush()
        kernel._cache = NullCache()
        kernel.compile(types)


_VERSIONS = "\0".join(
    [numba.__version__, np.__version__, hashlib.sha256(Path(formulas.__file__).read_bytes()).hexdigest()]
)
