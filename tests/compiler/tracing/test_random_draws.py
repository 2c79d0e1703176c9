"""Random numbers of a step: each source is drawn from in each replay, or refused."""

import math
import random

import numpy as np
import pytest

import minigrad as mg
from tests.compiler.refusing import refused


def test_random_numbers():
    generator = np.random.default_rng(0)
    refused(lambda x: x * generator.random(out=np.empty(3)), "random numbers are drawn")
    refused(lambda x: x * np.float32(np.random.random()), "random numbers are drawn", calls=1)


WEIGHTED = {
    "choice": lambda r, p: r.choice(4, (2, 3), p=p),
    "a list of values": lambda r, p: r.choice([1.0, 2.0]) * p,
    "a list": lambda r, p: r.choice(3, 2, p=[0.2, 0.3, 0.5]) * p[0],
    "multinomial": lambda r, p: r.multinomial(9, p),
    "normal": lambda r, p: r.normal(p, 2 * p, (5, 4)).sum(0),
    "the old one": lambda _, p: np.random.choice(4, 3, p=p),
    "acceptance": lambda r, p: (1.0 if math.log(r.random()) < -0.5 else math.exp(-r.random())) * p,
}


@pytest.mark.parametrize("draw", WEIGHTED)
def test_draws_with_weights_are_new_in_each_run_and_weights_are_watched(draw):
    found = []
    for wrapped in (lambda f: f, lambda f: mg.compile(f, backend="numpy", audit=False)):
        rng, p = np.random.default_rng(0), np.array([0.1, 0.2, 0.3, 0.4])
        np.random.seed(0)
        step = wrapped(lambda x, rng=rng, p=p: x * WEIGHTED[draw](rng, p).sum())
        results = []
        for i in range(16):
            if i == 9:
                p[:] = p[::-1].copy()
            results.append(step(np.ones(2)))
        found.append(results)
    np.testing.assert_array_equal(*found)
    assert step.stats()["replayed"] > 5


#: By what one whole number, drawn anew, may read and write. ``choice`` of a Generator gives NumPy's own.
PICKS = {
    "an element": lambda x, k: x[k] * 2,
    "from the end": lambda x, k: x.reshape(1, 3)[0, -k - 1],
    "several": lambda x, k: x[[k, 0]].sum(),
    "a table": lambda x, k: x.sum() * TABLE[k],
    "a place": lambda x, k: _put(k, x) @ x,
}
TABLE = np.array([2.0, 3.0, 5.0])


def _put(k, x):
    made = np.zeros(3)
    made[k] = x[0].item()
    return mg.tensor(made)


@pytest.mark.parametrize("pick", PICKS)
def test_a_number_of_python_s_that_is_drawn_is_an_index(pick):
    found = []
    for wrapped in (lambda f: f, lambda f: mg.compile(f, backend="numpy", audit=False)):
        plain, of_numpy = random.Random(0), np.random.default_rng(0)

        def step(x, plain=plain, of_numpy=of_numpy):
            return PICKS[pick](x, plain.randint(0, 2)) + PICKS[pick](x, of_numpy.choice(3, p=[0.2, 0.3, 0.5]))

        step = wrapped(step)
        found.append([step(mg.tensor([1.0, 2.0, 4.0]) * i).item() for i in range(1, 12)])
    assert found[0] == found[1]
    assert step.stats()["replayed"] > 5
