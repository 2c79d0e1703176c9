"""What a step reads of the world outside: files, folders, the system's random numbers.

Functions of libraries do so too: ``np.load``, ``Path.read_text``, ``uuid.uuid4``. Nearly all of them come to a few
functions of Python's, and in the place of these others stand while a step is recorded, wherever a name of the step
leads to one: ``from os import stat as look``. Whether a file is there, and what it looks like, is refused to code of
the user alone: libraries ask for it to write, to import, to show a line.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Any

from minigrad.compiler.guards.code_names import is_library
from minigrad.compiler.guards.read_tracking import Reads, standing
from minigrad.core.context import has_own_reads, own_reads, recorder

if TYPE_CHECKING:
    from minigrad.compiler.guards.reachable import Reach

#: Modules that ask for whoever calls them; these functions of theirs ask to make a folder, or to complete a name.
_ASKING = frozenset({"genericpath", "posixpath", "ntpath", "pathlib"})
_FOR_THEMSELVES = frozenset({"mkdir", "resolve", "realpath", "_joinrealpath"})


def _file(file: Any, mode: str = "r", *_: Any, **__: Any) -> str:
    """What is read of a file; writing is left out of programs, and libraries may read what is their own."""
    is_own = isinstance(file, str) and is_library(file)
    is_read = "r" in mode or {"a", "+"} <= {*mode}  # "w+" finds nothing
    return f"the file {file!s:.80}" if is_read and not is_own else ""


def _table(fname: Any, *_: Any, **__: Any) -> str:
    """NumPy reads a table of lines too, which are of no file."""
    return _file(fname) if isinstance(fname, (str, os.PathLike)) else ""


def _look(path: Any, *_: Any, **__: Any) -> str:
    """What the user's own code asks of a file, by its path or its descriptor."""
    frame: FrameType | None = sys._getframe(2)  # who calls what stands for the function
    while frame is not None and _asks_for_others(frame):
        frame = frame.f_back
    if frame is None or is_library(frame.f_code.co_filename):
        return ""
    return "an open file" if isinstance(path, int) else f"the file {path!s:.80}"


def _folder(path: Any = ".", *_: Any, **__: Any) -> str:
    return f"the folder {path!s:.80}"


def _removed(*_: Any, **__: Any) -> str:
    """A folder that is removed is listed for that, and not for the step."""
    return ""


def _asks_for_others(frame: FrameType) -> bool:
    module = str(frame.f_globals.get("__name__")).partition(".")[0]
    if module == "shutil":
        return frame.f_code.co_name in ("which", "_access_check", "disk_usage")
    return module in _ASKING and frame.f_code.co_name not in _FOR_THEMSELVES


def _opened(path: Any, flags: int, *_: Any, **__: Any) -> str:
    is_read = not flags & os.O_WRONLY and not is_library(sys._getframe(2).f_code.co_filename)
    return f"the file {path!s:.80}" if is_read else ""


def _seeded(seed: Any = None) -> str:
    return "the system's random numbers" if seed is None else ""


#: Functions by module and name, with what a call reads.
_READING: dict[tuple[str, str], Callable[..., str]] = {
    ("builtins", "open"): _file,
    ("io", "open"): _file,
    ("os", "open"): _opened,
    ("os", "listdir"): _folder,
    ("os", "scandir"): _folder,
    ("os", "urandom"): lambda *_, **__: _seeded(),
    ("os", "getrandom"): lambda *_, **__: _seeded(),
    ("shutil", "rmtree"): _removed,
    ("numpy.random", "default_rng"): _seeded,
    ("numpy", "loadtxt"): _table,
    ("numpy", "genfromtxt"): _table,
    ("numpy", "fromregex"): _table,
}
_READING |= {("os", name): _look for name in "stat lstat fstat access readlink statvfs read pread".split()}
#: Of these some systems ask in C.
_READING |= {("os.path", name): _look for name in "exists lexists isfile isdir islink".split()}


_READING |= {
    ("os", "getloadavg"): lambda: "the load of the machine",
    ("resource", "getrusage"): lambda _: "the use of the machine",
    ("uuid", "uuid1"): lambda *_, **__: "the clock",
}
#: Classes whose objects are a way to the outside, when one is made.
_READING |= {
    ("subprocess.Popen", "__init__"): lambda _, args, *__, **___: f"what the program {args!s:.80} does",
    ("socket.socket", "__init__"): lambda *_, **__: "what comes by a socket",
    ("socket", "getaddrinfo"): lambda host, *_, **__: f"the address of {host!s:.80}",
    ("socket", "gethostbyname"): lambda host: f"the address of {host!s:.80}",
}

#: Modules that have some of them by names of their own.
_IMPORTED = ("random",)


@contextmanager
def refusing_reads(reach: Reach) -> Iterator[None]:
    """Inside, a step that is recorded may not read them; behind a decision, the call runs as it is written."""
    places: list[tuple[Any, str, Any, Any]] = []
    for (path, name), what in _READING.items():
        owner: Any = sys.modules.get(path.partition(".")[0])
        owner = (
            getattr(owner, path.partition(".")[2], None) if "." in path and path != "os.path" else sys.modules.get(path)
        )
        if owner is not None and name in vars(owner):  # systems have others
            places.append((owner, name, vars(owner)[name], what))
    stands = {id(function): (function, _Reading(function, what)) for _, _, function, what in places}
    everywhere = [(Reads("", x, reach.holders.get(key, ())), stand) for key, (x, stand) in stands.items()]
    for module in [sys.modules[name] for name in _IMPORTED if name in sys.modules]:
        places += [(module, name, x, None) for name, x in vars(module).items() if id(x) in stands]
    import_module = importlib.import_module
    try:
        importlib.import_module = _imported
        for owner, name, function, _ in places:
            stand = stands[id(function)][1]
            setattr(owner, name, functools.partialmethod(stand) if isinstance(owner, type) else stand)
        with standing(everywhere):
            yield
    finally:
        for owner, name, function, _ in places:
            setattr(owner, name, function)
        importlib.import_module = import_module


def _imported(name: str, package: str | None = None) -> ModuleType:
    """``importlib.import_module``, as ops use it that need SciPy: its module is there once and for all."""
    with own_reads():
        return _import_module(name, package)


_import_module = importlib.import_module


class _Reading:
    """Stands for a function; as an object, since a module may keep it in a class, which binds what is a function."""

    def __init__(self, function: Callable[..., Any], what: Callable[..., str]) -> None:
        functools.update_wrapper(self, function)
        self._function, self._what = function, what

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        recording = recorder()
        if recording is None or has_own_reads():
            return self._function(*args, **kwargs)
        if self._what is _removed:
            with own_reads():
                return self._function(*args, **kwargs)
        read = self._what(*args, **kwargs)
        if read:
            if len(recording.program.decisions) == recording.bounds:
                raise recording.refusal(
                    f"the step reads {read}, which may give something else in each call",
                    "read it outside, and pass what the step needs as an argument",
                )
            recording.leave_out()
        return self._function(*args, **kwargs)
