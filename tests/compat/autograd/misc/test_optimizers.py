"""The small optimizers: autograd's steps to the last digits, on structures."""

import numpy as np
import pytest

import minigrad.compat.autograd.numpy as anp
from minigrad.compat.autograd import grad
from minigrad.compat.autograd.misc import optimizers

START = {"w": np.array([1.0, -2.0]), "b": 0.5}


def loss(p, i):
    return (p["w"][0] - 3) ** 2 + 0.1 * p["w"][1] ** 4 + (p["b"] + i * 0.01) ** 2


@pytest.mark.parametrize("name", ["adam", "rmsprop", "sgd"])
def test_steps_are_autograds(name):
    theirs = pytest.importorskip("autograd.misc.optimizers")
    seen = []
    found = getattr(optimizers, name)(grad(loss), START, lambda x, i, g: seen.append((x, i, g)), num_iters=20)
    want = getattr(theirs, name)(grad(loss), START, num_iters=20)
    np.testing.assert_allclose(found["w"], want["w"], rtol=1e-12)
    np.testing.assert_allclose(found["b"], want["b"], rtol=1e-12)
    assert [i for _, i, _ in seen] == list(range(20))
    assert seen[0][0]["b"] == 0.5
    assert seen[0][2]["w"].tolist() == grad(loss)(START, 0)["w"].tolist()


@pytest.mark.parametrize(("name", "steps"), [("sgd", 300), ("rmsprop", 300), ("adam", 2000)])
def test_they_come_down(name, steps):
    found = getattr(optimizers, name)(grad(lambda p, i: anp.sum((p - 1.0) ** 2)), np.zeros(2), num_iters=steps)
    np.testing.assert_allclose(found, [1.0, 1.0], atol=0.15)


@pytest.mark.parametrize("told", [False, True])
def test_an_optimizer_of_vectors_takes_structures(told):
    seen = []

    @optimizers.unflatten_optimizer
    def halve(gradient, x, callback=None, times=1):
        for i in range(times):
            g = gradient(x, i)
            callback and callback(x, i, g)
            x = x - g / 4
        return x

    found = halve(
        grad(lambda p, i: anp.sum(p["w"] ** 2)), START, (lambda *call: seen.append(call)) if told else None, times=2
    )
    assert found["w"].tolist() == [0.25, -0.5]
    assert [i for _, i, _ in seen] == [0, 1] * told
    assert not told or (seen[0][0]["w"].tolist(), seen[0][2]["w"].tolist()) == ([1.0, -2.0], [2.0, -4.0])
