"""The function of a library that the user called, where it makes plain arrays or numbers of tensors.

What it needs is known from the frames above, which are looked at only on the way to an error or a warning.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from types import FrameType

from minigrad.support.idioms import TABLES, said
from minigrad.support.user_warnings import INSTALLED, PACKAGE, is_users

_ROWS = TABLES["libraries"]
_DUNDER = re.compile(r"\.__(init|new|call|setitem|array)__$")
_SHORT = {"numpy": "np", "minigrad": "mg"}


def instead(otherwise: str) -> str:
    """What to write in place of a call of a library's function, by its name; ``otherwise`` where it is none's."""
    path = _called()
    if path is None:
        return otherwise
    return f"{_shortened(path)} takes plain arrays alone; {_replacement(path) or otherwise}"


def _called() -> str | None:
    """The public path of the outermost function of a library below the user's line, or of its module."""
    frames: list[FrameType] = []
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and not is_users(frame):
        if INSTALLED in frame.f_code.co_filename and not frame.f_code.co_filename.startswith(PACKAGE):
            frames.append(frame)
        frame = frame.f_back
    if frame is None or not frames:
        return None
    paths = (path for each in reversed(frames) for path in _paths(each))
    return next(paths, None) or _public_part(frames[-1].f_globals.get("__name__", ""))


def _paths(frame: FrameType) -> Iterator[str]:
    """The paths under which the function of a frame is public, and of a wrapper what it closes over."""
    code = frame.f_code
    names = [(frame.f_globals.get("__name__", ""), code.co_qualname)]
    for name in code.co_freevars:
        function = frame.f_locals.get(name)
        names.append((getattr(function, "__module__", None) or "", getattr(function, "__qualname__", "")))
    for module, name in names:
        first, parts = name.partition(".")[0], _public_part(module).split(".")
        homes = [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
        values = [(home, getattr(sys.modules.get(home), first, None)) for home in homes if not first.startswith("_")]
        known = [(home, each) for home, each in values if callable(each)]
        if known:  # the shortest path to the innermost of the name
            home = next(home for home, each in known if each is known[-1][1])
            yield f"{home}.{_DUNDER.sub('', name)}"


def _public_part(module: str) -> str:
    """The path of a module as far as it is public."""
    return module.partition("._")[0]


def _replacement(path: str) -> str:
    """What to write for the function at a path: what its row says, its namesake here, or the row of its module."""
    module, _, name = path.rpartition(".")
    if path not in _ROWS and (home := _namesake(module, name)):
        return f"write {_shortened(home)}.{name}"
    while path and path not in _ROWS:
        path = path.rpartition(".")[0]
    return said(_ROWS[path]) if path else ""


def _namesake(module: str, name: str) -> str | None:
    """The module here that answers for another library's, if it has a function of this name.

    NumPy's functions are answered under their own names, but for those that make arrays.
    """
    if module == "numpy":
        return "minigrad" if hasattr(importlib.import_module("minigrad.core.creation"), name) else None
    try:
        home = importlib.import_module(f"minigrad{module.removeprefix('scipy')}")
    except ImportError:  # there is none of this name, or it needs what is not installed
        return None
    return home.__name__ if name in getattr(home, "__all__", ()) else None


def _shortened(path: str) -> str:
    first, dot, rest = path.partition(".")
    return _SHORT.get(first, first) + dot + rest
