"""What the launcher knows of the ranks: which live, which wait, and which of them is to blame when it goes wrong."""

from __future__ import annotations

import contextlib
import hmac
import socket
import time
from typing import Any, NamedTuple

from minigrad.distributed.messages import Lines, send
from minigrad.distributed.reporting import AT_THE_END

_SETTLED = 3.0  # seconds after which ranks that all wait at different places have been told apart from a moment's view
_FRESH = 1.5  # seconds after which a rank that has said nothing may stand elsewhere by now
_START = 60.0  # seconds in which ranks begin, at least
_PATIENCE = 2.0  # seconds for the cause to come in, where what came first follows from another rank's failure


class Failure(NamedTuple):
    """Which rank was to blame, and why."""

    rank: int
    reason: str

    @property
    def hangs(self) -> bool:
        """Whether it is late, and might say where it stands."""
        return self.reason.startswith("it hangs")


class Rank:
    """What is known of one."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.lines = Lines()
        self.number = -1  # not known yet
        self.heard = self.moved = time.monotonic()
        self.count, self.inside, self.done, self.is_gone = 0, "", False, False


class Watch:
    """The ranks' connections, and what they said."""

    def __init__(self, size: int, host: str, port: int, token: str, limit: float) -> None:
        self._size, self._token, self._limit = size, token, limit
        self.listener = socket.create_server((host, port))
        self.ranks: dict[int, Rank] = {}
        self._accepted: list[Rank] = []
        self._begun = time.monotonic()
        self._found: Failure | None = None
        self._follows: tuple[float, Failure] | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.listener.getsockname()[1])

    def accepted(self) -> Rank:
        """A new connection; whose it is, its first message says."""
        connection, _ = self.listener.accept()
        connection.setblocking(False)
        self._accepted.append(Rank(connection))
        return self._accepted[-1]

    def heard(self, rank: Rank) -> bool:
        """Take in what a connection has to say; False where it is over."""
        try:
            data = rank.connection.recv(1 << 16)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        try:
            for message in rank.lines.fed(data):
                self._take(rank, message)
        except (ValueError, TypeError, KeyError):  # a stranger
            data = b""
        if not data:
            rank.connection.close()
            rank.is_gone = True
            if rank.number >= 0 and not rank.done:
                # Its error was said before, if it could say one; how the process ended, its parent knows better.
                self.blame(rank.number, "it ended without a word, as a process that is killed", follows=True)
        return bool(data)

    def _take(self, rank: Rank, message: dict[str, Any]) -> None:
        rank.heard = time.monotonic()
        if "token" in message:
            number = int(message["rank"])
            if not hmac.compare_digest(str(message["token"]), self._token) or not 0 <= number < self._size:
                raise ValueError("another run")
            rank.number = number
            self.ranks[number] = rank
        elif rank.number < 0:
            raise ValueError("nobody known")
        elif "error" in message:
            self.blame(rank.number, str(message["error"]).splitlines()[-1], bool(message.get("follows")))
        elif "done" in message:
            rank.done = True
        else:
            now = int(message["count"]), str(message["inside"])
            if now != (rank.count, rank.inside):
                rank.count, rank.inside = now
                rank.moved = rank.heard

    def left(self, number: int) -> bool:
        """Whether a rank is gone before the end of the script."""
        rank = self.ranks.get(number)
        return rank is not None and rank.is_gone and not rank.done

    def blame(self, number: int, reason: str, follows: bool = False) -> None:
        """Note that a rank has failed; with ``follows`` that another one may be the cause."""
        failure = Failure(number, reason)
        if not follows:
            self._found = self._found or failure
        elif self._follows is None:
            self._follows = time.monotonic(), failure
        elif self._follows[1].rank == number:  # known better now
            self._follows = self._follows[0], failure

    def verdict(self, final: bool = False) -> Failure | None:
        """The rank that is to blame, where one is; ``final`` where no more will be heard."""
        now = time.monotonic()
        if self._found is None and self._follows is not None and (final or now - self._follows[0] > _PATIENCE):
            self._found = self._follows[1]
        return self._found or (None if final else self._late(now))

    def _late(self, now: float) -> Failure | None:
        """A rank that others wait for, for longer than they may."""
        start = max(self._limit, _START)
        if now - self._begun > start:
            for number in range(self._size):
                if number not in self.ranks:
                    return Failure(number, f"it has not begun within {start:g} s")
        known = [rank for rank in self.ranks.values() if not rank.done]
        for rank in known:
            if now - rank.heard > self._limit:
                return Failure(rank.number, f"it hangs: nothing was heard of it for {self._limit:g} s")
        waiting = [rank for rank in known if rank.inside]
        if not waiting:
            return None
        first = max(waiting, key=lambda rank: (rank.count, rank.inside == AT_THE_END))
        behind = [rank for rank in known if rank.count < first.count or not rank.inside]
        if behind and now - min(rank.moved for rank in waiting) > self._limit:
            last = min(behind, key=lambda rank: rank.count)
            return Failure(last.number, f"it hangs: others wait {_at(first)} for {self._limit:g} s, and it {_is(last)}")
        places = {(rank.count, rank.inside) for rank in waiting}
        are_known = all(now - rank.moved > _SETTLED and now - rank.heard < _FRESH for rank in waiting)
        if len(waiting) == self._size and len(places) > 1 and are_known:
            last = min(waiting, key=lambda rank: (rank.inside != AT_THE_END, rank.count))
            other = next(rank for rank in waiting if (rank.count, rank.inside) != (last.count, last.inside))
            return Failure(
                last.number, f"it waits {_at(last)}, and others {_at(other)}: ranks must decide alike, of the same data"
            )
        return None

    def end(self, failure: Failure) -> None:
        """Tell all that are left to end."""
        reason = f"rank {failure.rank} has failed: {failure.reason}"
        for rank in self.ranks.values():
            with contextlib.suppress(OSError):
                rank.connection.setblocking(True)
                rank.connection.settimeout(1.0)
                send(rank.connection, {"end": reason, "hangs": rank.number == failure.rank and failure.hangs})

    def close(self) -> None:
        """Close all connections."""
        self.listener.close()
        for rank in self._accepted:
            rank.connection.close()


def _at(rank: Rank) -> str:
    return rank.inside if rank.inside == AT_THE_END else f"at meeting {rank.count} for {rank.inside}"


def _is(rank: Rank) -> str:
    return f"waits {_at(rank)}" if rank.inside else f"has not come back from meeting {rank.count}"
