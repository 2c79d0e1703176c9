"""Lines of JSON, in whatever pieces they come."""

import socket

import pytest

from minigrad.distributed.messages import Lines, address, send


def test_messages_come_whole_from_any_pieces():
    one, other = socket.socketpair()
    with one, other:
        for message in ({"rank": 1}, {"error": "two\nlines"}):
            send(one, message)
        data = other.recv(1000)
    for cut in range(len(data) + 1):
        lines = Lines()
        assert [*lines.fed(data[:cut]), *lines.fed(data[cut:])] == [{"rank": 1}, {"error": "two\nlines"}]


@pytest.mark.parametrize("data", [b"hello\n", b"[1]\n", b"3\n", b"\xff\n", b"x" * 70_000])
def test_what_is_no_message_is_refused(data):
    with pytest.raises((ValueError, TypeError)):
        list(Lines().fed(data))


def test_an_address():
    assert address("127.0.0.1:80") == ("127.0.0.1", 80)
