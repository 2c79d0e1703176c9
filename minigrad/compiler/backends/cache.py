"""Kernels by their text: compiled once, and kept on disk between processes.

The folder is the user's own, ``MINIGRAD_CACHE`` or the platform's place for caches. It holds machine code that is run,
so it is only used where nobody else can write to it or to a folder above it (``private.py``). A file has a name made of
all that its code depends on, and begins with a checksum: of a damaged one nothing is looked at, it is compiled anew.
A folder that cannot be used, or is deleted at any moment, costs the time to compile again.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import pickle
import platform
import sys
import threading
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
from numba import njit
from numba.core.caching import NullCache
from numba.core.compiler import CompilerBase, CompileResult, DefaultPassBuilder
from numba.core.serialize import dumps

from minigrad.compiler.backends import formulas
from minigrad.compiler.backends.private import NotPrivateError, private, read, write
from minigrad.core.codegen import define
from minigrad.core.forking import whole_at_fork

_LOCK = whole_at_fork(threading.RLock())
_KERNELS: OrderedDict[str, Any] = OrderedDict()

#: Kernels kept in the process, at most: those that were asked for last.
_KEPT = 1024

#: Seconds after which somebody who waits is told why.
_PATIENCE = 1.0

_TYPES = {"f4": np.float32, "f8": np.float64, "i8": np.int64, "b1": np.bool_}

#: Options of all kernels; ``Apart`` adds that arrays do not overlap.
_OPTIONS: dict[str, Any] = {"nogil": True, "fastmath": formulas.CONTRACT, "error_model": "numpy"}

#: Settings of Numba's (``NUMBA_OPT`` and so on) on which machine code depends.
_SETTINGS = tuple(
    """
    BOUNDSCHECK CPU_FEATURES CPU_NAME DEBUGINFO_DEFAULT DISABLE_INTEL_SVML ENABLE_AVX LLVM_REFPRUNE_FLAGS
    LLVM_REFPRUNE_PASS LOOP_VECTORIZE OPT SLP_VECTORIZE USING_SVML
    """.split()
)

_MAGIC = b"a kernel of minigrad, 1\n"


def _place() -> Path:
    given = os.environ.get("MINIGRAD_CACHE")
    if given:
        return Path(given)
    if _system() == "nt":
        return Path(os.environ.get("LOCALAPPDATA", "~")) / "minigrad" / "kernels"
    if _system() == "Darwin":
        return Path("~/Library/Caches/minigrad/kernels")
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "minigrad" / "kernels"


def folder() -> tuple[Path | None, str]:
    """Where kernels are kept, or None and the reason why they are not."""
    try:
        return private(_place()), ""
    except NotPrivateError as error:
        return None, str(error)


def _system() -> str:
    return "nt" if os.name == "nt" else platform.system()


def _settings() -> str:
    """All that machine code depends on beside the kernel's text and types."""
    found = {name: getattr(numba.config, name, None) for name in _SETTINGS}
    options = {**_OPTIONS, "fastmath": sorted(_OPTIONS["fastmath"]), "apart": True}
    return f"{_VERSIONS!r} {sorted(options.items())!r} {sorted(found.items())!r}"


class Kept(NullCache):
    """What Numba asks for the machine code of one kernel, and gives it to: a file for each signature."""

    def __init__(self, place: Path, text: str) -> None:
        self._place = place
        self._text = text

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The code for a signature, or None."""
        target_context.refresh()
        found = read(self._path(sig, target_context.codegen()))
        head = len(_MAGIC) + 32
        if found is None or found[:head] != _MAGIC + hashlib.sha256(found[head:]).digest():
            return None
        return CompileResult._rebuild(target_context, *pickle.loads(found[head:]))  # noqa: S301 - written by this user

    def save_overload(self, sig: Any, cres: Any) -> None:
        """Keep the code; a full disk, or a folder that is gone, is no error."""
        if cres.library.has_dynamic_globals:
            return
        content = dumps(cres._reduce())
        with contextlib.suppress(OSError):
            write(self._path(sig, cres.codegen), _MAGIC + hashlib.sha256(content).digest() + content)

    def _path(self, sig: Any, codegen: Any) -> Path:
        parts = [_settings(), repr(codegen.magic_tuple()), str(sig), self._text]
        return self._place / f"{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:40]}.kernel"


class Apart(CompilerBase):
    """Numba's compiler, told that no two arrays of a kernel overlap: else no loop becomes vector instructions."""

    def define_pipelines(self) -> list[Any]:
        """Numba's own, with the flag that it sets for the bodies of its parallel loops."""
        self.state.flags.noalias = True
        return [DefaultPassBuilder.define_nopython_pipeline(self.state)]


class Compiler:
    """Compiles the kernels of one program, and says so where it takes long."""

    def __init__(self) -> None:
        #: Where kernels are kept, or the reason why they are not.
        self.place, self.reason = folder()

    def kernel(self, text: str) -> Any:
        """The kernel with this text; it is compiled when its types are known."""
        key = _settings() + text
        with _LOCK:
            if key not in _KERNELS:
                _KERNELS[key] = self._made(text)
            _KERNELS.move_to_end(key)
            while len(_KERNELS) > _KEPT:
                _KERNELS.popitem(last=False)
            return _KERNELS[key]

    def _made(self, text: str) -> Any:
        namespace: dict[str, Any] = {
            "__name__": __name__,  # where Numba looks for it when it is loaded again
            "np": np,
            "math": math,
            "summed": formulas.summed,
            "larger": formulas.larger,
            "smaller": formulas.smaller,
            "maximum": formulas.maximum,
            "minimum": formulas.minimum,
            "sign": formulas.sign,
            **_TYPES,
        }
        for dtype, functions in formulas.ELEMENTARY.items():
            namespace |= {f"f{dtype.itemsize}_{name}": function for name, function in functions.items()}
        function = define(text, "kernel", namespace)["kernel"]
        # Kernels of several processes meet in one, and Numba finds their code by this name and a count.
        function.__qualname__ = f"kernel_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        kernel = njit(**_OPTIONS, pipeline_class=Apart)(function)
        if self.place is not None:
            kernel._cache = Kept(self.place, text)
        return kernel

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
                later = (
                    f"not kept for the next start ({self.reason})"
                    if self.reason
                    else "the next start finds them on disk"
                )
                text = f"mg.compile: kernel {done} of {total}, {seconds:.0f} s; {later}"
                sys.stderr.write(f"\r{text}" if live else f"{text}\n")
                sys.stderr.flush()
        if told and live:
            sys.stderr.write("\n")


def _compile(kernel: Any, types: tuple[Any, ...]) -> None:
    """Compile a kernel, without the cache where it is of no use."""
    try:
        kernel.compile(types)
    except Exception:
        if isinstance(kernel._cache, NullCache):
            raise
        kernel._cache = NullCache()
        kernel.compile(types)


_VERSIONS = (
    sys.version,
    numba.__version__,
    llvmlite.__version__,
    np.__version__,
    hashlib.sha256(Path(formulas.__file__).read_bytes() + Path(__file__).read_bytes()).hexdigest(),
)
