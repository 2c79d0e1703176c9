"""What each process says, told to all: frames of one length, whatever the lengths of the payloads."""

import types

import numpy as np
import pytest

from minigrad.distributed import gathering


@pytest.fixture
def three(monkeypatch):
    """This process as rank 1 of three. Ranks 0 and 2 send ``others``; ``lengths`` has the size of each exchange."""
    others, lengths = [b"", b""], []

    def process_allgather(frame, tiled=False):
        if tiled:
            return np.concatenate([frame - 1, frame, frame + 1])
        lengths.append(len(frame))
        is_head = len(lengths) == 1
        rows = [
            other if not is_head else len(other).to_bytes(8, "little") + other[: len(frame) - 8] for other in others
        ]
        first, last = (np.frombuffer(row.ljust(len(frame), b"\0")[: len(frame)], np.uint8) for row in rows)
        return np.stack([first, frame, last])

    monkeypatch.setattr(gathering, "size", lambda: 3)
    monkeypatch.setattr(gathering, "_multihost", lambda: types.SimpleNamespace(process_allgather=process_allgather))
    return others, lengths


def test_a_process_alone_hears_itself():
    assert gathering.gathered(b"one") == [b"one"]


def test_short_payloads_take_one_exchange(three):
    others, lengths = three
    others[:] = [b"zero", b""]
    assert gathering.gathered(b"one") == [b"zero", b"one", b""]
    assert lengths == [1024]


def test_a_long_payload_takes_a_second_exchange_of_a_power_of_2(three):
    others, lengths = three
    others[:] = [b"short", bytes(range(256)) * 20]
    assert gathering.gathered(b"one") == [b"short", b"one", bytes(range(256)) * 20]
    assert lengths == [1024, 8192]


@pytest.mark.usefixtures("three")
def test_rows_lie_below_each_other():
    np.testing.assert_array_equal(gathering.gathered_rows(np.array([[1.0, 2.0]])), [[0, 1], [1, 2], [2, 3]])
