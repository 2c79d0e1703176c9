"""Counts and rates of an optimizer that a step reads by itself."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from tests.compiler.refusing import X, refused


@pytest.mark.parametrize(
    "use",
    [lambda x, o: x * o.current_lr, lambda x, o: x if o.current_lr > 1 else x * 2, lambda x, o: o.current_lr or x,
     lambda x, o: x * mg.tensor(o.current_lr), lambda x, o: (x, f"{o.iterations}"), lambda x, o: [x][o.iterations],
     lambda x, o: x * np.float32(o.current_lr), lambda x, o: x * float(o.current_lr)],
)  # fmt: skip
def test_a_rate_that_the_step_reads(use):
    w = nn.Parameter(X.copy())
    optimizer = optim.SGD([w], lr=0.1)

    def step(x):
        (w * x).sum().backward()
        optimizer.step()
        return use(x, optimizer)

    assert "test_counts.py:" in refused(step, "return it from the compiled function, ")


def test_the_rate_of_the_step_before():
    w = nn.Parameter(X.copy())
    optimizer = optim.SGD([w], lr=0.1)

    def step(x):
        rate = optimizer.current_lr
        (w * x).sum().backward()
        optimizer.step()
        return rate

    assert "rate = optimizer.current_lr" in refused(step, "the rate of the step before is read")
