"""What code asks of the world outside of the step by name: the clock, the environment, the current folder.

What gives something else in each call is refused. What somebody may change now and then is compared before each replay.
Functions of files have others in their places while a step is recorded: see ``outer_reads``.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Callable
from types import CodeType
from typing import TYPE_CHECKING, Any

import numpy as np

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


def _decimal() -> Any:
    """The context of decimal arithmetic, if the module is imported."""
    module = sys.modules.get("decimal")
    return module and repr(module.getcontext())


def _locale() -> Any:
    """The locale of this process, if the module is imported."""
    module = sys.modules.get("locale")
    return module and module.setlocale(module.LC_ALL)


def _levels() -> Any:
    """The levels of all loggers, if the module is imported."""
    module = sys.modules.get("logging")
    if module is None:
        return None
    manager = module.root.manager
    own = [(name, x.level) for name, x in list(manager.loggerDict.items()) if isinstance(x, module.Logger)]
    return manager.disable, module.root.level, own


def _thread() -> tuple[int, str]:
    """The number and the name of this thread."""
    return threading.get_ident(), threading.current_thread().name


#: What a process or thread has one of: the names that ask for it, and what tells it before each replay.
_SETTINGS: dict[str, tuple[frozenset[str], Callable[[], Any]]] = {
    "the current folder": (frozenset("getcwd getcwdb abspath realpath absolute resolve cwd".split()), _folder),
    "the number of the process": (frozenset({"getpid"}), os.getpid),
    "this thread": (frozenset("current_thread get_ident get_native_id".split()), _thread),
    "the number of threads": (frozenset({"active_count"}), threading.active_count),
    "NumPy's treatment of errors": (frozenset("geterr seterr".split()), np.geterr),
    "NumPy's function for errors": (frozenset("geterrcall seterrcall".split()), np.geterrcall),
    "NumPy's options of printing": (
        frozenset("get_printoptions set_printoptions array2string array_repr array_str".split()),
        np.get_printoptions,
    ),
    "the context of decimal": (frozenset("getcontext localcontext Decimal Context".split()), _decimal),
    "NumPy's size of buffers": (frozenset("getbufsize setbufsize".split()), np.getbufsize),
    "levels of loggers": (frozenset("getLogger getEffectiveLevel isEnabledFor".split()), _levels),
    "the limit of digits": (frozenset({"get_int_max_str_digits"}), sys.get_int_max_str_digits),
    "the locale": (frozenset("setlocale getlocale localeconv format_string currency atof".split()), _locale),
    "whether garbage is collected": (frozenset({"isenabled"}), gc.isenabled),
    "the limit of recursion": (frozenset({"getrecursionlimit"}), sys.getrecursionlimit),
}

#: All of these names.
OF_PROCESS = frozenset().union(*[names for names, _ in _SETTINGS.values()])


def asked_by(code: CodeType) -> frozenset[str]:
    """What a function of a library asks for by name, or gives by its own name, whatever a step calls it."""
    return OF_ENVIRONMENT & set(code.co_names) | OF_PROCESS & {code.co_name}


def refuse_changing(reach: Reach, x: Any) -> None:
    """Refuse a function in C, or a class, that gives something else in each call."""
    owner = x.__module__ if isinstance(x, type) else getattr(x.__self__, "__name__", "")
    if f"{owner}.{x.__name__}" in _CHANGING:
        reach.refuse(
            f"the step calls {owner}.{x.__name__}, which gives something else in each call",
            "call it outside, and pass what the step needs as an argument",
            frozenset({x.__name__}),
        )
    reach.mentioned |= OF_PROCESS & {x.__name__}  # by whatever name


def watch(reach: Reach) -> None:
    """Compare what code in reach asks for by name."""
    if reach.mentioned & OF_ENVIRONMENT:
        reach.look(os.environ, "os.environ")
    for name, (names, ask) in _SETTINGS.items():
        if reach.mentioned & names and reach.is_new(ask):
            reach.guards.add(name, "content", ask, None, ask())


def refuse_time(reach: Reach) -> None:
    """Refuse ``datetime.now()`` and its like."""
    if reach.attributes & _TODAY and any(isinstance(x, type) and x.__module__ == "datetime" for x in reach.seen()):
        reach.refuse("the step asks for the time", "ask outside, and pass what the step needs as an argument", _TODAY)
