"""Kernels by their text: compiled once, and kept on disk between processes.

The folder is the user's own, ``MINIGRAD_CACHE`` or the platform's place for caches. It holds machine code that is run,
so it is only used where nobody else can write to it or to a folder above it (``private.py``). A file has a name made of
all that its code depends on, and begins with a checksum of name and code: one that is damaged, or another kernel's, is
not looked at, and the kernel is compiled anew.
A folder that cannot be used, or is deleted at any moment, costs the time to compile again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from minigrad.compiler.backends.kernel_module import translated
from minigrad.compiler.backends.kernel_values import Argument
from minigrad.compiler.backends.machine_code import SYMBOL, Code, argument_of, compiled, described, loaded, runner
from minigrad.compiler.backends.private import NotPrivateError, private, read, write
from minigrad.compiler.backends.segment_code import TEXT as RUNNER
from minigrad.support.forking import whole_at_fork

_LOCK = whole_at_fork(threading.RLock())
_KERNELS: OrderedDict[tuple[str, tuple[Argument, ...]], Code] = OrderedDict()

#: How a loop begins whose size stands in the text, see ``loops.py``.
_FIXED_LOOP = re.compile(r"range\(n\d+\)")

#: What runs segments, once it is there.
_RUNNER: list[Any] = []

#: Kernels kept in the process, at most: those that were asked for last.
_KEPT = 1024

#: Seconds after which somebody who waits is told why.
_PATIENCE = 1.0

_MAGIC = b"a kernel of minigrad, 3\n"

#: The modules that say what a text means.
_TEXT = "formulas kernel_kinds kernel_module kernel_numbers kernel_reader kernel_values machine_code translation"
_MEANING = [*(f"minigrad.compiler.backends.{name}" for name in _TEXT.split()), "minigrad.kernels.normal"]
_SOURCES = hashlib.sha256(b"".join(Path(str(sys.modules[name].__file__)).read_bytes() for name in _MEANING)).hexdigest()


def _place() -> Path:
    setting = os.environ.get("MINIGRAD_CACHE")
    if setting:
        return Path(setting)
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


class Kernel:
    """A kernel of one program: called with its arguments, once it is compiled."""

    def __init__(self, compiler: Compiler, text: str) -> None:
        self.text = text
        self.function: Any = self._first
        self.address = 0  # where other machine code finds it, see ``machine_code.Code``
        self._compiler = compiler

    def __call__(self, *args: Any) -> None:
        """Run it."""
        self.function(*args)

    def ready(self, code: Code) -> None:
        """It is compiled."""
        self.function, self.address = code

    def _first(self, *args: Any) -> None:
        self._compiler.finish([(self, list(args[4:]))])
        self.function(*args)


class Compiler:
    """Compiles the kernels of one program, and says so where it takes long."""

    def __init__(self) -> None:
        #: Where kernels are kept, or the reason why they are not.
        self.place, self.reason = folder()
        #: How many kernels were compiled, and how many were found on disk.
        self.compiled, self.found = 0, 0

    def kernel(self, text: str) -> Kernel:
        """The kernel with this text; it is compiled when its types are known."""
        return Kernel(self, text)

    def finish(self, samples: Sequence[tuple[Kernel, Sequence[Any]]]) -> None:
        """Compile all kernels for the types of sample arguments. A line on stderr shows progress after a second."""
        start, told, total = time.perf_counter(), 0.0, len(samples)
        live = sys.stderr is not None and sys.stderr.isatty()
        for done, (kernel, sample) in enumerate(samples, 1):
            with _LOCK:
                kernel.ready(self._code(kernel.text, (_NUMBER,) * 4 + tuple(map(argument_of, sample))))
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

    def _code(self, text: str, arguments: tuple[Argument, ...]) -> Code:
        """The machine code for a text: of this process, from disk, or new."""
        key = text, arguments
        if key not in _KERNELS:
            may_fail = any(f"np.{name}(" in text for name in ("empty", "full", "zeros"))
            name = _file_name(text, arguments)
            # Loops of a size that stands in the text are written out. Of others that takes a quarter more time to
            # compile, and none less to run.
            unrolls = _FIXED_LOOP.search(text) is not None
            content, is_new = self._object(name, lambda: compiled(translated(text, arguments, SYMBOL), unrolls))
            self.found, self.compiled = self.found + (not is_new), self.compiled + is_new
            _KERNELS[key] = loaded(content, arguments, may_fail)
        _KERNELS.move_to_end(key)
        while len(_KERNELS) > _KEPT:
            _KERNELS.popitem(last=False)
        return _KERNELS[key]

    def runner(self) -> Any:
        """What runs segments: see ``segment_code.py``."""
        with _LOCK:
            if not _RUNNER:
                _RUNNER.append(runner(self._object(_file_name(RUNNER, ()), lambda: compiled(RUNNER))[0]))
            return _RUNNER[0]

    def _object(self, name: str, make: Callable[[], bytes]) -> tuple[bytes, bool]:
        """An object file: from disk, or made; and whether it is new."""
        path = None if self.place is None else self.place / name
        content = None if path is None else _kept(path)
        if content is not None:
            return content, False
        content = make()
        if path is not None:
            with contextlib.suppress(OSError):  # a full disk, or a folder that is gone
                write(path, _head(name, content) + content)
        return content, True


_NUMBER = argument_of(0)


def _kept(path: Path) -> bytes | None:
    """The object file that is kept there, or None where there is none, a damaged one, or another kernel's."""
    content, size = read(path), len(_MAGIC) + 32
    if content is None or content[:size] != _head(path.name, content[size:]):
        return None
    return content[size:]


def _head(name: str, content: bytes) -> bytes:
    """How the file of this name begins, if it has this content."""
    return _MAGIC + hashlib.sha256(name.encode() + content).digest()


def _file_name(text: str, arguments: Sequence[Argument]) -> str:
    """A name made of all that the machine code depends on."""
    types = " ".join(f"{x.kind.name}{'[]' * x.is_array}" for x in arguments)
    parts = chr(0).join([described(), _SOURCES, types, text])
    return f"{hashlib.sha256(parts.encode()).hexdigest()[:40]}.kernel"
