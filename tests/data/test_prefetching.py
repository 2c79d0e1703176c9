"""Batches made ahead of time, by threads that end."""

import threading
import time

import pytest

import minigrad as mg
from minigrad.core.context import is_recording
from minigrad.data import DataLoader
from minigrad.errors import DataError
from tests.data.test_loader import X


def loader_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("minigrad-loader")]


class Slow:
    """A dataset that loads, notes by which thread, and fails at one sample."""

    def __init__(self, n=12, bad=None, seconds=0.001):
        self.n, self.bad, self.loaded, self.threads, self.seconds = n, bad, [], set(), seconds

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        self.threads.add(threading.current_thread().name)
        self.loaded.append(index)
        if index == self.bad:
            raise OSError("no such picture")
        time.sleep(self.seconds)
        return index


class TestThreads:
    def test_batches_are_made_ahead_by_threads_that_end(self):
        data = Slow()
        iterator = iter(DataLoader(data, 2, prefetch=2, threads=2))
        next(iterator)
        deadline = time.monotonic() + 30
        while len(data.loaded) < 6 and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(0.02)
        assert len(data.loaded) == 6  # the batch given out, and two ahead, no more
        assert len(list(iterator)) == 5
        assert all(name.startswith("minigrad-loader") for name in data.threads)
        assert not loader_threads()

    @pytest.mark.parametrize("leave", ["break", "error", "close", "drop"])
    def test_none_is_left_when_the_loop_ends_early(self, leave):
        loader = DataLoader(Slow(), 2, prefetch=3, threads=3)
        iterator = iter(loader)
        if leave == "break":
            for _ in loader:
                break
        elif leave == "error":
            with pytest.raises(ZeroDivisionError):
                list(map(lambda batch: 1 / 0, loader))  # noqa: C417
        elif leave == "close":
            next(iterator)
            assert loader_threads()
            iterator.close()
        else:
            next(iterator)
            del iterator
        assert not loader_threads()

    def test_what_was_not_begun_when_the_loop_ends_is_not_loaded(self):
        data = Slow(n=40, seconds=0.05)
        for _ in DataLoader(data, 2, prefetch=15):
            break
        assert len(data.loaded) < 20

    def test_none_starts_before_the_first_batch_is_asked_for(self):
        iterator = iter(DataLoader(Slow(), 2, prefetch=3))
        assert not loader_threads()
        del iterator

    @pytest.mark.parametrize("prefetch", [0, 3])
    def test_an_error_comes_where_its_batch_would_have_and_names_the_sample(self, prefetch):
        loader = DataLoader(Slow(bad=7), 2, prefetch=prefetch, threads=2)
        seen = []
        with pytest.raises(OSError, match="no such picture") as caught:
            seen.extend(loader)
        assert [batch.tolist() for batch in seen] == [[0, 1], [2, 3], [4, 5]]
        assert "while sample 7 of the Slow was loaded" in caught.value.__notes__
        assert loader.state_dict()["position"] == 3
        assert not loader_threads()

    def test_position_counts_what_was_given_out_not_what_was_prefetched(self):
        loader = DataLoader(Slow(), 2, prefetch=4)
        iterator = iter(loader)
        next(iterator)
        time.sleep(0.02)
        assert loader.state_dict()["position"] == 1
        iterator.close()

    def test_the_mode_of_the_caller_holds_in_the_threads(self):
        modes = []
        loader = DataLoader(X, 5, prefetch=2, transform=lambda batch: modes.append(is_recording()) or batch)
        with mg.no_grad():
            list(loader)
        list(loader)
        assert modes == [False, False, True, True]

    def test_stop_iteration_in_a_dataset_does_not_end_the_epoch_in_silence(self):
        class Ending(Slow):
            def __getitem__(self, index):
                raise StopIteration

        for prefetch in (0, 2):
            with pytest.raises(DataError, match=r"sample .* raised StopIteration"):
                list(DataLoader(Ending(), 2, prefetch=prefetch))
