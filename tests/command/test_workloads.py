"""What ``bench`` times is what docs/performance.md tells of: the same losses, step for step."""

import numpy as np
import pytest

from minigrad.command import workloads
from tests.benchmarks import layered, scalars
from tests.benchmarks import workloads as page

RATE = 1e-2
THERE = {
    "spiral": lambda: page.spiral(RATE)["minigrad"](),
    "mlp": lambda: page.mlp(RATE)["minigrad"](),
    "elem": lambda: scalars.elementwise()["minigrad"](),
    "chain": lambda: scalars.chain(by_tensor=True)["minigrad"](),
    "tfm": lambda: layered.builders("tfm", RATE)["minigrad"](),
    "gru": lambda: layered.builders("gru", RATE)["minigrad"](),
    "lenet": lambda: layered.builders("lenet", RATE)["minigrad"](),
}


def value(result):
    return float((result[0] if isinstance(result, tuple) else result).data)


@pytest.mark.parametrize("name", THERE)
def test_a_workload_is_that_of_the_page(name):
    make, parts = workloads.WORKLOADS[name]
    ours, theirs = (make() if name in {"elem", "chain"} else make(RATE)), THERE[name]()
    for _ in range(2):
        np.testing.assert_allclose(value(ours()), value(theirs()), rtol=1e-5)
    assert parts == (scalars.LENGTH if name == "chain" else 1)


def test_all_are_compared():
    assert set(THERE) == set(workloads.WORKLOADS) <= set(page.WORKLOADS)
