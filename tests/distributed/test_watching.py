"""Which rank is to blame, from what the ranks say; without processes."""

import socket
import types

import pytest

from minigrad.distributed import watching
from minigrad.distributed.messages import send
from minigrad.distributed.watching import Watch


class Ranks:
    """Ranks as their launcher sees them."""

    def __init__(self, size, limit=100.0):
        self.watch = Watch(size, "127.0.0.1", 0, "token", limit)
        self.connections, self.heard = [], []
        for number in range(size):
            self.connect({"rank": number, "token": "token"})

    def connect(self, message):
        connection = socket.create_connection(("127.0.0.1", self.watch.port))
        rank = self.watch.accepted()
        self.connections.append(connection)
        self.heard.append(rank)
        self.say(-1, message)

    def say(self, number, message):
        send(self.connections[number], message)
        rank = self.heard[number]
        rank.connection.setblocking(True)
        return self.watch.heard(rank)

    def stand(self, *places):
        """Each rank says where it is, as (meetings, what it waits for)."""
        for number, (count, inside) in enumerate(places):
            self.say(number, {"count": count, "inside": inside})

    def close(self):
        for connection in self.connections:
            connection.close()
        self.watch.close()


@pytest.fixture
def ranks():
    made = []

    def make(*args):
        made.append(Ranks(*args))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """A clock that stands, so that a machine that is busy makes no rank late."""
    now = [100.0]
    monkeypatch.setattr(watching, "time", types.SimpleNamespace(monotonic=lambda: now[0]))
    return now


@pytest.fixture
def later(clock):
    """Set the clock forward."""

    def wait(seconds):
        clock[0] += seconds

    return wait


def test_ranks_that_work_and_wait_are_no_failure(ranks, later):
    made = ranks(3)
    for places in ([(4, "")] * 3, [(5, "a step"), (4, ""), (5, "a step")], [(5, "a step")] * 3):
        made.stand(*places)
        later(99)
        assert made.watch.verdict() is None
        made.stand(*[(0, "")] * 3)


def test_an_error_is_told_with_the_rank_and_its_last_line(ranks):
    made = ranks(2)
    made.say(1, {"error": "ValueError: row 7 is bad\nnote: of the second file"})
    assert made.watch.verdict() == (1, "note: of the second file")
    made.say(0, {"error": "another"})
    assert made.watch.verdict()[0] == 1


def test_what_follows_from_another_failure_waits_for_its_cause(ranks, later):
    made = ranks(2)
    made.say(0, {"error": "Gloo: closed by peer", "follows": True})
    assert made.watch.verdict() is None
    made.watch.blame(1, "it was ended by SIGKILL")
    assert made.watch.verdict() == (1, "it was ended by SIGKILL")

    made = ranks(2)
    made.say(0, {"error": "Gloo: closed by peer", "follows": True})
    later(3)
    assert made.watch.verdict() == (0, "Gloo: closed by peer")


def test_a_connection_that_closes_without_a_word(ranks, later):
    made = ranks(2)
    made.connections[1].close()
    made.heard[1].connection.setblocking(True)
    assert not made.watch.heard(made.heard[1])
    later(3)
    assert made.watch.verdict()[0] == 1
    assert "without a word" in made.watch.verdict()[1]


def test_a_rank_that_has_come_to_its_end_may_close(ranks, later):
    made = ranks(2)
    made.say(1, {"done": True})
    made.connections[1].close()
    made.watch.heard(made.heard[1])
    later(1000)
    made.stand((4, ""))
    assert made.watch.verdict() is None


def test_a_rank_that_others_wait_for_is_named(ranks, later):
    made = ranks(3, 20.0)
    made.stand((7, "a step"), (6, ""), (7, "a step"))
    later(19)
    assert made.watch.verdict() is None
    later(2)
    made.stand((7, "a step"), (6, ""), (7, "a step"))
    failure = made.watch.verdict()
    assert failure.rank == 1
    assert failure.hangs
    assert "others wait at meeting 7 for a step for 20 s" in failure.reason
    assert "not come back from meeting 6" in failure.reason


def test_a_rank_that_waits_at_an_earlier_meeting_is_named(ranks, later):
    made = ranks(2)
    made.stand((7, "a step"), (6, "a step"))
    assert made.watch.verdict() is None  # it may be a moment's view
    later(5)
    made.say(0, {"count": 7, "inside": "a step"})
    assert made.watch.verdict() is None  # the other may stand still, and elsewhere by now
    made.stand((7, "a step"), (6, "a step"))
    assert made.watch.verdict()[0] == 1


def test_a_rank_that_left_early_is_named(ranks, later):
    made = ranks(2)
    made.stand((7, watching.AT_THE_END), (7, "a step"))
    later(5)
    made.stand((7, watching.AT_THE_END), (7, "a step"))
    failure = made.watch.verdict()
    assert failure.rank == 0
    assert "at the end of the script, and others at meeting 7" in failure.reason


def test_a_rank_of_which_nothing_is_heard(ranks, later):
    made = ranks(2, 20.0)
    later(30)
    made.say(0, {"count": 0, "inside": ""})
    assert made.watch.verdict()[0] == 1


def test_a_rank_that_does_not_begin(ranks, later):
    made = ranks(2, 20.0)
    del made.watch.ranks[1]
    later(70)
    made.say(0, {"count": 0, "inside": ""})
    assert made.watch.verdict() == (1, "it has not begun within 60 s")


@pytest.mark.parametrize(
    "message", [{"rank": 0, "token": "other"}, {"rank": 2, "token": "token"}, {"count": 3, "inside": ""}, {"rank": 0}]
)
def test_strangers_are_shut_out(ranks, message):
    made = ranks(2)
    made.connections.append(socket.create_connection(("127.0.0.1", made.watch.port)))
    made.heard.append(made.watch.accepted())
    assert not made.say(-1, message)
    assert made.watch.verdict() is None
    assert made.watch.ranks == {0: made.heard[0], 1: made.heard[1]}


def test_all_are_told_to_end(ranks):
    made = ranks(2)
    made.connections[1].close()
    made.watch.end(watching.Failure(1, "it hangs: for long"))
    assert b'"hangs": false' in made.connections[0].recv(1000)
