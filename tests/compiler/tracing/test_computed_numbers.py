"""Numbers that a step computes, and what Python does with them."""

import re

import pytest

from tests.compiler.refusing import refused


def test_many_branches_on_values():
    def step(x):
        loss = (x * x).sum()
        for i in range(40):
            if loss > i:  # here
                loss = loss * 1.5
        return loss

    message = refused(step, "mg.where")
    assert "if loss > i:  # here" in message
    assert re.search(r"test_computed_numbers\.py:\d+", message)


@pytest.mark.parametrize(
    "take",
    [float, int, complex, lambda loss: loss.tolist(), lambda loss: f"{loss:.3f}", lambda loss: hash(loss.item()),
     lambda loss: range(10)[loss.astype(int)]],
)  # fmt: skip
def test_a_number_taken_into_python(take):
    message = refused(lambda x: x * take(x.sum()), "return it from the compiled function")
    assert re.search(r"test_computed_numbers\.py:\d+: .*loss", message) or "take(x.sum())" in message
