"""What cannot be a program is refused with the line and the rewrite, and never answered wrongly."""

import logging
import re
import sys

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.errors import CompileError
from tests.compiler.refusing import X, refused


@pytest.mark.parametrize(
    "read",
    [lambda i: np.diag([1, 2])[i], lambda i: np.take(np.diag([1, 2]), i, axis=0), lambda i: np.diag([1, 2])[i, i]],
)
def test_an_index_into_a_plain_array(read):
    message = refused(lambda i: mg.tensor(read(i)), r"write mg.tensor\(table\)\[i\] for an index", np.array([0, 1]))
    assert re.search(r"test_refusals\.py:\d+: .*(lambda i|read)", message)


def test_an_array_that_no_name_leads_to():
    logging.getLogger("of a test").table = np.ones(3, np.float32)
    refused(lambda x: x * logging.getLogger("of a test").table, "not found from the function's names")


def test_a_watch_inside():
    def step(x):
        with mg.detect_anomaly():
            return x * 2

    refused(step, "put it around the call")


def test_an_update_that_counts():
    class Odd(optim.SGD):
        def update(self, group, lr, w, g, scratch, *state):
            w -= g * (lr / (1 + self.iterations))

    w = nn.Parameter(X.copy())
    optimizer = Odd([w], lr=0.1)

    def step(x):
        (w * x).sum().backward()
        optimizer.step()

    refused(step, "put what depends on it into rates")


def test_gradients_from_outside_in_a_step_of_the_optimizer_alone():
    w = nn.Parameter(X.copy())
    optimizer = optim.SGD([w], lr=0.1)
    compiled = mg.compile(optimizer.step)
    expected = X.copy()
    for i in range(4):
        w.grad = np.full(3, i, np.float32)
        compiled()
        expected -= np.float32(0.1) * w.grad
        assert np.array_equal(w.data, expected)


def test_the_checked_mode_finds_what_the_rest_cannot():
    compiled = mg.compile(lambda x: x * sys.getswitchinterval(), check=True)
    for _ in range(3):
        compiled(X)
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.002)
    with pytest.raises(CompileError, match="differs from the step as it is written"):
        compiled(X)
    sys.setswitchinterval(before)
