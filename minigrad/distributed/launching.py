"""The launcher: starts the ranks of this machine, passes on what they print, and ends all when one ends badly."""

from __future__ import annotations

import contextlib
import os
import secrets
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import IO, Any

from minigrad.distributed.messages import address
from minigrad.distributed.reporting import ENDED_WITH_OTHERS
from minigrad.distributed.variables import Place
from minigrad.distributed.watching import Failure, Rank, Watch

_GRACE = 3.0  # seconds in which ranks end by themselves when they are told to,
_ASKED_TWICE = 10.0  # and after a second signal
_TICK = 0.1
_NOISE = (b"[Gloo] Rank ",)  # lines in which a library says that all is well


class Process:
    """One rank: the process, and the pieces of lines that it has printed."""

    def __init__(self, place: Place, command: Sequence[str]) -> None:
        self.rank = place.rank
        # A session of its own: Ctrl-C in a terminal comes by the launcher, once for all ranks.
        self.popen = subprocess.Popen(  # noqa: S603 - the script that the user names
            command,
            env={**os.environ, **place.variables()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.last_error = ""  # the last line on stderr


class Launch:
    """A run of ranks on this machine: all of a run, or the one that a cluster wants here."""

    def __init__(self, places: Sequence[Place], command: Sequence[str], write: Callable[[int, bytes], None]) -> None:
        self._places, self._command, self._write = places, command, write
        self._selector = selectors.DefaultSelector()
        self._processes: list[Process] = []
        self._watch: Watch | None = None
        self._begun: dict[tuple[int, int], bytes] = {}
        self._asked: list[float] = []  # when somebody wished all to end

    def run(self) -> tuple[int, Failure | None]:
        """Start the ranks and stay until the last one has ended: the exit status, and what went wrong."""
        first = self._places[0]
        if first.rank == 0:
            host, port = address(first.watch)
            self._watch = Watch(first.size, host, port, first.token, first.limit)
            self._places = [p._replace(watch=f"{host}:{self._watch.port}") for p in self._places]
            self._selector.register(self._watch.listener, selectors.EVENT_READ, self._accept)
        with self._signals():
            try:
                for place in self._places:
                    self._start(place)
                return self._until_the_end()
            finally:
                self._kill()
                self._close()

    def _start(self, place: Place) -> None:
        process = Process(place, self._command)
        self._processes.append(process)
        for number, pipe in ((1, process.popen.stdout), (2, process.popen.stderr)):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
                self._selector.register(pipe, selectors.EVENT_READ, self._reader(process, number, pipe))

    # -- the loop ------------------------------------------------------------------------------

    def _until_the_end(self) -> tuple[int, Failure | None]:
        failure: Failure | None = None
        while True:
            for key, _ in self._selector.select(_TICK):
                key.data()
            failure = self._verdict()
            if failure is not None:
                break
            if all(process.popen.poll() is not None for process in self._processes):
                self._drain()
                failure = self._verdict(final=True)
                break
            if len(self._asked) > 1 and time.monotonic() - self._asked[1] > _ASKED_TWICE:
                break
        if failure is None:
            return self._status(None), None
        if self._watch is not None:
            self._watch.end(failure)
        until = time.monotonic() + _GRACE
        while time.monotonic() < until and any(process.popen.poll() is None for process in self._processes):
            if failure.hangs and time.monotonic() > until - _GRACE / 2:  # it holds what Python's threads need
                self._abort(failure.rank)
            for key, _ in self._selector.select(_TICK):
                key.data()
        self._kill()
        self._drain()
        return self._status(failure), failure

    def _verdict(self, final: bool = False) -> Failure | None:
        """The rank that has failed; of several the first that does not follow from another."""
        watch = self._watch
        for process in self._processes:
            status = process.popen.poll()
            if status and (watch is None or status == ENDED_WITH_OTHERS):
                return Failure(process.rank, _ending(status, process.last_error))
            if status and watch is not None:
                follows = status > 0 or status == -signal.SIGABRT  # JAX aborts where another rank is gone
                watch.blame(process.rank, _ending(status, process.last_error), follows)
            if status == 0 and watch is not None and watch.left(process.rank):
                watch.blame(process.rank, "it left before the end of the script, with exit status 0")
        return None if watch is None else watch.verdict(final)

    def _status(self, failure: Failure | None) -> int:
        """The exit status of the rank that failed; of those that a signal has ended as a shell says it."""
        codes = {process.rank: process.popen.returncode for process in self._processes}
        statuses = list(codes.values()) if failure is None else [codes.get(failure.rank, ENDED_WITH_OTHERS)]
        worst = next((status for status in statuses if status), 0 if failure is None else ENDED_WITH_OTHERS)
        return 128 - worst if worst < 0 else worst

    # -- what comes in -------------------------------------------------------------------------

    def _accept(self) -> None:
        if self._watch is not None:
            rank = self._watch.accepted()
            self._selector.register(rank.connection, selectors.EVENT_READ, lambda: self._hear(rank))

    def _hear(self, rank: Rank) -> None:
        connection = rank.connection
        if self._watch is not None and not self._watch.heard(rank):
            self._selector.unregister(connection)

    def _reader(self, process: Process, number: int, pipe: IO[bytes]) -> Callable[[], None]:
        def read() -> None:
            data = pipe.read(1 << 16)
            if not data:
                if data is not None:
                    self._selector.unregister(pipe)
                    self._print(process, number, b"\n" if self._begun.get((process.rank, number)) else b"")
                return
            self._print(process, number, data)

        return read

    def _print(self, process: Process, number: int, data: bytes) -> None:
        """Whole lines, each with the rank in front."""
        key = process.rank, number
        *lines, self._begun[key] = (self._begun.get(key, b"") + data).split(b"\n")
        for line in lines:
            if line.startswith(_NOISE):
                continue
            if number == 2 and line.strip():
                process.last_error = line.decode(errors="replace").strip()
            self._write(number, b"[%d] %s\n" % (process.rank, line))

    def _drain(self) -> None:
        """The output that is left in the pipes and connections of processes that have ended."""
        until = time.monotonic() + 1.0
        while time.monotonic() < until:
            ready = [key for key, _ in self._selector.select(0) if key.data != self._accept]
            if not ready:
                return
            for key in ready:
                key.data()

    # -- the end -------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Ctrl-C and SIGTERM go to all ranks, which end after a step; a third time ends them at once."""

        def ask(number: int, _: FrameType | None) -> None:
            self._asked.append(time.monotonic())
            for process in self._processes:
                if process.popen.poll() is None:
                    process.popen.send_signal(number if len(self._asked) < 3 else signal.SIGKILL)

        before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _abort(self, rank: int) -> None:
        """Let a rank that hangs say where."""
        for process in self._processes:
            if process.rank == rank and process.popen.poll() is None:
                process.popen.send_signal(signal.SIGABRT)

    def _kill(self) -> None:
        """End what is left, with whatever it has started."""
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.popen.pid, signal.SIGKILL)
            process.popen.wait()

    def _close(self) -> None:
        for process in self._processes:
            for pipe in (process.popen.stdout, process.popen.stderr):
                if pipe is not None:
                    pipe.close()
        if self._watch is not None:
            self._watch.close()
        self._selector.close()


def _ending(status: int, last_error: str) -> str:
    if status >= 0:
        return last_error or f"exit status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"it was ended by {name}"


@contextlib.contextmanager
def on_this_machine(processes: int, limit: float) -> Iterator[list[Place]]:
    """Places for that number of ranks on the loopback address; inside, the coordinator's port is kept from others."""
    with socket.socket() as listener:
        if hasattr(socket, "SO_REUSEPORT"):  # the coordinator's own socket may share it with this one
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(("127.0.0.1", 0))
        coordinator, token = f"127.0.0.1:{listener.getsockname()[1]}", secrets.token_hex(16)
        if not hasattr(socket, "SO_REUSEPORT"):
            listener.close()
        yield [Place(rank, processes, coordinator, "127.0.0.1:0", token, limit) for rank in range(processes)]


def launched(places: Sequence[Place], script: Sequence[str]) -> tuple[int, Failure | None]:
    """Run a script as these ranks; their output goes to this process's own, with the rank before each line."""
    command = [sys.executable, "-u", "-m", "minigrad.distributed.script", *script]
    streams: dict[int, Any] = {1: sys.stdout, 2: sys.stderr}

    def write(number: int, line: bytes) -> None:
        streams[number].write(line.decode(errors="replace"))
        streams[number].flush()

    return Launch(places, command, write).run()
