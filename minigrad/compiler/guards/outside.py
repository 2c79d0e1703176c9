"""What code asks of the world outside of the step by name: the clock, the environment, the current folder.

What gives something else in each call is refused. What somebody may change now and then is compared before each replay.
Functions of files have others in their places while a step is recorded: see ``outer_reads``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from types import BuiltinFunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minigrad.compiler.guards.reachable import Reach

#: Functions and classes of the clock, of files and of typed input: they give something else in each call.
_CHANGING = frozenset(
    """
    time.time time.time_ns time.perf_counter time.perf_counter_ns time.monotonic time.monotonic_ns time.process_time
    time.process_time_ns time.localtime time.gmtime time.ctime time.strftime time.asctime time.clock_gettime
    time.clock_gettime_ns time.thread_time time.thread_time_ns io.open _io.open _io.FileIO builtins.input posix.urandom
    nt.urandom posix.times
    """.split()
)
_TODAY = frozenset({"now", "utcnow", "today"})

#: Names by which code, or a function of Python's that it calls, asks for ``os.environ``.
OF_ENVIRONMENT = frozenset({"environ", "environb", "getenv", "getenvb", "expanduser", "expandvars", "home"})


def _folder() -> str:
    """The current folder, which somebody may have removed."""
    try:
        return os.getcwd()
    except OSError:
        return ""


#: What a process has one of: the names that ask for it, and what tells it before each replay.
_OF_PROCESS: dict[str, tuple[frozenset[str], Callable[[], Any]]] = {
    "the current folder": (frozenset("getcwd getcwdb abspath realpath absolute resolve cwd".split()), _folder),
    "the number of the process": (frozenset({"getpid"}), os.getpid),
}


def refuse_changing(reach: Reach, x: Any) -> None:
    """Refuse a function in C, or a class, that gives something else in each call."""
    owner = x.__module__ if isinstance(x, type) else getattr(x.__self__, "__name__", "")
    if f"{owner}.{x.__name__}" in _CHANGING:
        reach.refuse(
            f"the step calls {owner}.{x.__name__}, which gives something else in each call",
            "call it outside, and pass what the step needs as an argument",
            frozenset({x.__name__}),
        )
    if isinstance(x, BuiltinFunctionType):  # by whatever name
        reach.mentioned |= {x.__name__} & frozenset().union(*[names for names, _ in _OF_PROCESS.values()])


def watch(reach: Reach) -> None:
    """Compare what code in reach asks for by name."""
    if reach.mentioned & OF_ENVIRONMENT:
        reach.look(os.environ, "os.environ")
    for name, (names, ask) in _OF_PROCESS.items():
        if reach.mentioned & names and reach.is_new(ask):
            reach.guards.add(name, "content", ask, None, ask())


def refuse_time(reach: Reach) -> None:
    """Refuse ``datetime.now()`` and its like."""
    if reach.attributes & _TODAY and any(isinstance(x, type) and x.__module__ == "datetime" for x in reach.seen()):
        reach.refuse("the step asks for the time", "ask outside, and pass what the step needs as an argument", _TODAY)
