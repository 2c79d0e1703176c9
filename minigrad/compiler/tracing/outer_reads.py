"""What a step reads of the world outside: files, folders, the system's random numbers.

Functions of libraries do so too: ``np.load``, ``Path.read_text``, ``uuid.uuid4``. Nearly all of them come to a few
functions of Python's, and in the place of these others stand while a step is recorded.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from minigrad.compiler.guards.code_names import is_library
from minigrad.core.context import recorder


def _file(file: Any, mode: str = "r", *_: Any, **__: Any) -> str:
    """What is read of a file; writing is left out of programs, and libraries may read what is their own."""
    is_own = isinstance(file, str) and is_library(file)
    return f"the file {file!s:.80}" if not is_own and ("r" in mode or "+" in mode) else ""


def _seeded(seed: Any = None) -> str:
    return "the system's random numbers" if seed is None else ""


#: Functions by module and name, with what a call reads.
_READING: dict[tuple[str, str], Callable[..., str]] = {
    ("builtins", "open"): _file,
    ("io", "open"): _file,
    ("os", "listdir"): lambda path=".": f"the folder {path!s:.80}",
    ("os", "scandir"): lambda path=".": f"the folder {path!s:.80}",
    ("os", "urandom"): lambda _: _seeded(),
    ("numpy.random", "default_rng"): _seeded,
    ("numpy", "loadtxt"): lambda fname, *_, **__: f"the file {fname!s:.80}",
    ("numpy", "genfromtxt"): lambda fname, *_, **__: f"the file {fname!s:.80}",
}


@contextmanager
def refusing_reads() -> Iterator[None]:
    """Inside, a step that is recorded may not read them; behind a decision, the call runs as it is written."""
    places = [
        (vars(sys.modules[module]), name, what) for (module, name), what in _READING.items() if module in sys.modules
    ]
    before = [place[name] for place, name, _ in places]
    try:
        for (place, name, what), function in zip(places, before, strict=True):
            place[name] = _refusing(function, what)
        yield
    finally:
        for (place, name, _), function in zip(places, before, strict=True):
            place[name] = function


def _refusing(function: Callable[..., Any], what: Callable[..., str]) -> Callable[..., Any]:
    def reading(*args: Any, **kwargs: Any) -> Any:
        recording, read = recorder(), what(*args, **kwargs)
        if recording is not None and read:
            if len(recording.program.decisions) == recording.bounds:
                raise recording.refusal(
                    f"the step reads {read}, which may give something else in each call",
                    "read it outside, and pass what the step needs as an argument",
                )
            recording.leave_out()
        return function(*args, **kwargs)

    return reading
