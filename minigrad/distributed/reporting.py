"""What a rank tells its launcher while it runs: that it lives, whether it waits for the others, why it fails."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import socket
import sys
import threading
import time
import traceback
from collections.abc import Iterator

from minigrad.distributed.messages import Lines, address, send
from minigrad.distributed.variables import Place

AT_THE_END = "at the end of the script"
PULSE = 0.25  # seconds between two reports
#: What JAX says in a rank whose neighbour is gone: not the cause.
_FOLLOWS = ("Gloo", "coordination service", "by peer", "NCCL")
ENDED_WITH_OTHERS = 75  # the exit status of a rank that ends because another has failed


class Reporter:
    """The connection of a rank to its launcher. A thread of it sends a pulse, and ends the process when it is told to.

    A rank that waits for another stands in a call of JAX, which nothing but the end of the process interrupts.
    """

    def __init__(self, place: Place) -> None:
        self.count = 0  # how often the ranks have met: where this one stands
        self.inside = ""  # what it waits for the others for, while it does
        self._connection = _connected(place)
        self._lock = threading.Lock()
        self._over = False
        self._say({"rank": place.rank, "token": place.token, "pid": os.getpid()})
        threading.Thread(target=self._live, name="minigrad-rank", daemon=True).start()

    def failed(self, error: BaseException) -> None:
        """Say why this rank ends; the launcher tells the others."""
        told = traceback.TracebackException.from_exception(error)
        told.__notes__ = []  # where it happened, for whom the whole is printed
        follows = any(words in str(error) for words in _FOLLOWS)
        self._over = True  # it ends by itself
        self._say({"error": "".join(told.format_exception_only()).strip()[:4000], "follows": follows})

    def done(self) -> None:
        """Say that this rank has come to its end as it should."""
        self._over = True
        self._say({"done": True})

    def _say(self, message: dict[str, object]) -> None:
        with self._lock, contextlib.suppress(OSError):  # the launcher is gone: the thread sees it
            send(self._connection, message)

    def _live(self) -> None:
        lines = Lines()
        self._connection.settimeout(PULSE)
        while not self._over:
            self._say({"count": self.count, "inside": self.inside})
            try:
                data = self._connection.recv(4096)
            except TimeoutError:
                continue
            except OSError:
                data = b""
            if self._over:
                return
            if not data:
                _end("its launcher is gone")
            for message in lines.fed(data):
                if message.get("hangs"):
                    faulthandler.dump_traceback()
                _end(str(message.get("end")))


def _end(why: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"this rank ends: {why}\n")
        sys.stderr.flush()
    os._exit(ENDED_WITH_OTHERS)


def _connected(place: Place) -> socket.socket:
    """A connection to the launcher of the first rank, which may begin later."""
    until = time.monotonic() + place.limit
    while True:
        try:
            return socket.create_connection(address(place.watch), timeout=10)
        except OSError as error:
            if time.monotonic() > until:
                raise ConnectionError(f"no launcher answers at {place.watch} for {place.limit:g} s: {error}") from None
            time.sleep(0.2)


#: That of this process, where a launcher has started it.
_reporters: list[Reporter] = []


def report_to(place: Place) -> None:
    """Begin to report, where there is a launcher to report to; once."""
    if place.watch and not _reporters:
        _reporters.append(Reporter(place))


def reporter() -> Reporter | None:
    """The reporter of this process; None where nobody is told."""
    return _reporters[0] if _reporters else None


@contextlib.contextmanager
def meeting(what: str = "a step") -> Iterator[None]:
    """Inside, this rank waits for the others: who does not come is named when the time limit is over."""
    own = reporter()
    if own is None:
        yield
        return
    own.count += 1
    own.inside = what
    try:
        yield
    finally:
        own.inside = ""
