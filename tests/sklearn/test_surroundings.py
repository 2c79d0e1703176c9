"""What is another while an estimator is fitted, and afterwards as it was."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed: its estimators cannot be")
import minigrad as mg
from minigrad import nn
from minigrad.sklearn import MinigradClassifier
from tests.sklearn.test_fitting import SMALL, X, Y, bits


def test_the_generator_of_the_package_goes_on_as_if_nothing_had_been():
    mg.manual_seed(0)
    expected = [nn.Linear(2, 2).weight.data.tolist() for _ in range(2)]
    mg.manual_seed(0)
    first = nn.Linear(2, 2).weight.data.tolist()
    MinigradClassifier(**SMALL).fit(X, Y)
    assert [first, nn.Linear(2, 2).weight.data.tolist()] == expected


def test_a_random_state_of_numpy_goes_on_and_none_is_the_global_one():
    first, second, third = (MinigradClassifier(**SMALL) for _ in range(3))
    state = np.random.RandomState(0)
    first.set_params(random_state=state).fit(X, Y)
    assert bits(first) == bits(second.fit(X, Y))
    assert bits(first) != bits(first.fit(X, Y))
    before = np.random.get_state()
    try:
        np.random.seed(0)
        assert bits(third.set_params(random_state=None).fit(X, Y)) == bits(second)
    finally:
        np.random.set_state(before)


def test_fits_in_threads_do_not_disturb_each_other():
    expected = [bits(MinigradClassifier(**{**SMALL, "random_state": seed}).fit(X, Y)) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        fits = [pool.submit(MinigradClassifier(**{**SMALL, "random_state": s}).fit, X, Y) for s in range(4)]
        assert [bits(fit.result()) for fit in fits] == expected


def test_control_c_is_an_ordinary_interrupt():
    class Interrupted(nn.Sequential):
        def forward(self, x):
            os.kill(os.getpid(), signal.SIGINT)
            return super().forward(x)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            MinigradClassifier(module=lambda i, o: Interrupted(nn.Linear(i, o))).fit(X, Y)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        MinigradClassifier(module=lambda i, o: Interrupted(nn.Linear(i, o)), epochs=1).fit(X, Y)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
