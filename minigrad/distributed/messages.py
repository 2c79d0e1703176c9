"""What ranks and their launcher say to each other: lines of JSON over a connection."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from typing import Any

_LONGEST = 1 << 16  # bytes of a line


def address(text: str) -> tuple[str, int]:
    """Host and port of "host:port"."""
    host, _, port = text.rpartition(":")
    return host, int(port)


def send(connection: socket.socket, message: Mapping[str, Any]) -> None:
    """Write a line."""
    connection.sendall(json.dumps(message).encode() + b"\n")


class Lines:
    """The messages that come in by a connection, whatever pieces they come in."""

    def __init__(self) -> None:
        self._begun = b""

    def fed(self, data: bytes) -> Iterator[dict[str, Any]]:
        """The messages that ``data`` completes. Raises ``ValueError`` or ``TypeError`` for what is none."""
        *whole, self._begun = (self._begun + data).split(b"\n")
        if len(self._begun) > _LONGEST:
            raise ValueError("a line without an end")
        for line in whole:
            yield dict(json.loads(line))
