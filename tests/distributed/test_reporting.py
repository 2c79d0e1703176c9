"""What a rank tells its launcher, with a launcher that is a socket of this process."""

import socket
import threading

import pytest

from minigrad.distributed import reporting
from minigrad.distributed.messages import Lines, send
from minigrad.distributed.reporting import Reporter, meeting, reporter
from minigrad.distributed.variables import Place


class Launcher:
    """The other end of a rank's connection."""

    def __init__(self):
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.place = Place(1, 2, "127.0.0.1:1", f"127.0.0.1:{self.listening.getsockname()[1]}", "token", 60.0)
        self.lines, self.waiting, self.connection = Lines(), [], None

    def accept(self):
        self.connection, _ = self.listening.accept()
        self.connection.settimeout(60)

    def next(self, key):
        """The next message that has this key."""
        while True:
            while self.waiting:
                message = self.waiting.pop(0)
                if key in message:
                    return message
            data = self.connection.recv(4096)
            assert data, f"no message with {key}"
            self.waiting += self.lines.fed(data)

    def close(self):
        self.listening.close()
        if self.connection is not None:
            self.connection.close()


@pytest.fixture
def launcher():
    made = Launcher()
    yield made
    made.close()


@pytest.fixture
def ended(monkeypatch):
    """What a rank that is ended says, where it would end this process."""
    said, over = [], threading.Event()

    def leave(status):
        said.append(status)
        reporter()._over = True  # ends the thread
        over.set()

    monkeypatch.setattr(reporting.os, "_exit", leave)
    return said, over


@pytest.fixture
def own(launcher, monkeypatch):
    monkeypatch.setattr(reporting, "_reporters", [])
    monkeypatch.setattr(reporting, "PULSE", 0.02)
    reporting.report_to(launcher.place)
    launcher.accept()
    made = reporter()
    yield made
    made.done()
    for thread in threading.enumerate():
        if thread.name == "minigrad-rank":
            thread.join(60)
    made._connection.close()


def test_it_says_who_it_is_and_where_it_stands(launcher, own):
    assert launcher.next("rank")["rank"] == 1
    with meeting("a step"):
        while launcher.next("count")["inside"] != "a step":
            pass
        assert own.count == 1
    while launcher.next("count")["inside"]:
        pass
    reporting.report_to(launcher.place)  # once
    assert reporter() is own


def test_it_says_why_it_fails_and_whether_another_is_the_cause(launcher, own):
    error = MemoryError("9 GiB")
    error.add_note("while sample 3 was loaded")  # printed with the traceback; not the reason
    own.failed(error)
    assert launcher.next("error") == {"error": "MemoryError: 9 GiB", "follows": False}
    own.failed(RuntimeError("Gloo: connection closed by peer"))
    assert launcher.next("error")["follows"] is True
    own.done()
    assert launcher.next("done") == {"done": True}


@pytest.mark.usefixtures("own")
def test_it_ends_when_it_is_told_to(launcher, ended, capfd):
    said, over = ended
    send(launcher.connection, {"end": "rank 0 failed: ValueError: no", "hangs": True})
    assert over.wait(60)
    assert said == [reporting.ENDED_WITH_OTHERS]
    told = capfd.readouterr().err
    assert "this rank ends: rank 0 failed: ValueError: no" in told
    assert "most recent call first" in told  # where it stands


@pytest.mark.usefixtures("own")
def test_it_ends_when_its_launcher_is_gone(launcher, ended, capfd):
    said, over = ended
    launcher.connection.close()
    assert over.wait(60)
    assert said == [reporting.ENDED_WITH_OTHERS]
    assert "its launcher is gone" in capfd.readouterr().err


def test_a_launcher_that_never_answers_is_named():
    with socket.socket() as held:  # nobody listens there, nor can anybody else
        held.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{held.getsockname()[1]}"
        with pytest.raises(ConnectionError, match=f"no launcher answers at {where} for 0.1 s"):
            Reporter(Place(0, 2, "127.0.0.1:1", where, "token", 0.1))
