"""A team of threads that share the chunks of a long loop.

Threads that wait for work by spinning, as those of OpenMP do, cost BLAS its cores: an MLP's step became ten times
slower. These threads sleep. A kernel runs without the interpreter's lock, so a
Python thread that calls it is as good as any; waking one takes some ten microseconds, and short loops do not ask.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

from minigrad.errors import CompileError

#: Numbers that a loop computes, of all its calls together, from which on it is worth to wake a thread.
SHARED = 1_000_000


class _Worker:
    """A thread that runs one job at a time."""

    def __init__(self) -> None:
        self._begin, self._end = threading.Lock(), threading.Lock()
        self._begin.acquire()
        self._end.acquire()
        self._job: tuple[Callable[..., Any], tuple[Any, ...]] | None = None
        self._error: BaseException | None = None
        threading.Thread(target=self._work, name="minigrad", daemon=True).start()

    def start(self, function: Callable[..., Any], *args: Any) -> None:
        """Give the thread a job."""
        self._job = function, args
        self._begin.release()

    def wait(self) -> BaseException | None:
        """Wait for the job; gives what it raised."""
        self._end.acquire()
        error, self._error = self._error, None
        return error

    def _work(self) -> None:
        while True:
            self._begin.acquire()
            function, args = self._job  # type: ignore[misc]
            self._job = None
            try:
                function(*args)
            except BaseException as error:  # noqa: BLE001 - raised where the job is waited for
                self._error = error
            finally:
                del function, args
                self._end.release()


def _processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _given() -> int:
    """How many threads the user wants, or 0."""
    setting = os.environ.get("MINIGRAD_NUM_THREADS") or "0"
    if not setting.isdecimal():
        raise CompileError(
            f"mg.compile: MINIGRAD_NUM_THREADS={setting!r}: expected a whole number, such as 4, or 0 for all processors"
        )
    return int(setting)


class Team:
    """The threads of a process: as many as it may use processors, and the caller is one of them."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Without threads: a child process has none of its parent's."""
        self._free = threading.Lock()
        self._workers: list[_Worker] | None = None
        self.size = _given() or _processors()

    def run(self, kernel: Callable[..., Any], chunks: int, *args: Any) -> None:
        """``kernel(first, last, ...)`` for all chunks, shared; then ``kernel(chunks, chunks, ...)`` for the end.

        Where the threads are busy with another caller's loop, this one does all of its own.
        """
        if self.size == 1 or not self._free.acquire(blocking=False):
            kernel(0, chunks, *args)
            return
        try:
            if self._workers is None:
                self._workers = [_Worker() for _ in range(self.size - 1)]
            share = -(-chunks // self.size)
            starts = range(share, chunks, share)
            busy = self._workers[: len(starts)]
            for worker, first in zip(busy, starts, strict=True):
                # NumPy's handling of floating-point errors is the caller's, in a context that a thread does not have.
                worker.start(copy_context().run, kernel, first, min(first + share, chunks), *args)
            try:
                kernel(0, share, *args)
            finally:
                errors = self._errors_of(busy)
        finally:
            self._free.release()
        for error in errors:
            if error is not None:
                raise error
        kernel(chunks, chunks, *args)

    def _errors_of(self, busy: list[_Worker]) -> list[BaseException | None]:
        """What the jobs raised, when all are done: only then is a worker free."""
        try:
            return [worker.wait() for worker in busy]
        except BaseException:  # Ctrl-C while waiting: others take the place of those that are still at work
            self._workers = None
            raise


TEAM = Team()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=TEAM.begin)
