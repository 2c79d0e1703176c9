"""Running statistics are written in place, and once where a layer runs again."""

import numpy as np

from minigrad.core.context import again
from minigrad.nn.running_statistics import count, follow, share_of_next


def test_they_follow_in_place():
    running = np.array([1.0, 2.0])
    memory = running
    follow(running, np.array([3.0, 0.0]), 0.25)
    assert running is memory
    assert running.tolist() == [1.5, 1.5]


def test_a_second_run_writes_nothing():
    running, tracked = np.array([1.0]), np.array(4)
    with again():
        follow(running, np.array([9.0]), 0.5)
        count(tracked)
    assert (running.tolist(), tracked.item()) == ([1.0], 4)
    count(tracked)
    assert tracked == 5


def test_the_share_makes_a_mean_of_all_batches():
    running, tracked, batches = np.zeros(1), np.array(0), [2.0, 4.0, 9.0]
    for batch in batches:
        share = share_of_next(tracked, np.float32)
        assert share.dtype == np.float32
        follow(running, np.array([batch]), np.float64(1) / (tracked + 1))
        count(tracked)
    np.testing.assert_allclose(running, np.mean(batches))
