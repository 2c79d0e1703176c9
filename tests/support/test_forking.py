"""A process that is forked while other threads are at work: the child has the locks, and what they guard is whole."""

import os
import threading

import numpy as np
import pytest

import minigrad as mg
from minigrad.support.forking import whole_at_fork

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no os.fork here")


def in_child(work, seconds=20):
    """The exit status of a forked process that does some work; it is ended when it takes longer."""
    pid = os.fork()
    if pid == 0:
        import signal

        signal.alarm(seconds)
        os._exit(0 if work() else 1)
    return os.waitpid(pid, 0)[1]


@pytest.mark.filterwarnings("ignore:.*fork")
def test_a_lock_that_another_thread_holds_is_free_in_the_child():
    lock, goes_on = whole_at_fork(threading.RLock()), threading.Event()

    def holding():
        with lock:
            goes_on.wait(0.3)

    thread = threading.Thread(target=holding)
    thread.start()
    assert in_child(lambda: lock.acquire(timeout=5)) == 0
    goes_on.set()
    thread.join()


@pytest.mark.filterwarnings("ignore:.*fork")
def test_a_compiled_function_goes_on_in_a_child_that_is_forked_in_the_middle_of_a_call():
    weight, x = mg.tensor(np.full((256, 256), 0.01)), np.ones((512, 256))
    compiled = mg.compile(lambda x: (x @ weight).tanh(), backend="numpy")
    expected = [compiled(x) for _ in range(3)][-1].data
    stopped = threading.Event()

    def calling():
        while not stopped.is_set():
            compiled(x)

    thread = threading.Thread(target=calling)
    thread.start()
    statuses = [in_child(lambda: np.array_equal(compiled(x).data, expected)) for _ in range(3)]
    stopped.set()
    thread.join()
    assert statuses == [0, 0, 0]
