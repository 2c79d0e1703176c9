"""Functions that somebody replaces between two calls: ``np.exp``, a method of a class of the package, a builtin."""

import builtins
import math
import types

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.nn import functional as F

X = np.random.default_rng(0).standard_normal((3, 4)).astype("float32")
LAYER = nn.Linear(4, 2, generator=np.random.default_rng(1))
HELPERS = types.ModuleType("helpers")
exec("import numpy as np\ndef act(x): return np.tanh(x)\ndef inner(x): return act(x) * 2\n", vars(HELPERS))
LOSS = nn.CrossEntropyLoss()


def by_another_name(x):
    library = np
    return library.exp(mg.tensor(x))


CASES = {
    "a function of NumPy": (np, "exp", lambda x: np.exp(mg.tensor(x))),
    "one of a module in it": (np.linalg, "norm", lambda x: np.linalg.norm(mg.tensor(x))),
    "one of another module in it": (np.fft, "fft", lambda x: np.fft.fft(mg.tensor(x))),
    "one by another name of NumPy's": (np, "exp", by_another_name),
    "one by getattr": (np, "exp", lambda x: getattr(np, "exp")(mg.tensor(x))),  # noqa: B009 - that is the case
    "one that a helper calls": (np, "tanh", lambda x: HELPERS.inner(mg.tensor(x))),
    "a helper": (HELPERS, "act", lambda x: HELPERS.inner(mg.tensor(x))),
    "a function of Python's": (math, "sqrt", lambda x: mg.tensor(x) * math.sqrt(len(x))),
    "a builtin": (builtins, "abs", lambda x: abs(mg.tensor(x))),
    "a function of the package": (mg, "tanh", lambda x: mg.tanh(mg.tensor(x))),
    "one of nn.functional": (F, "relu", lambda x: F.relu(mg.tensor(x))),
    "a method of tensors": (mg.Tensor, "relu", lambda x: mg.tensor(x).relu()),
    "the forward of a layer": (nn.Linear, "forward", LAYER),
    "what the forward of a layer calls": (F, "linear", LAYER),
    "the forward of a loss": (nn.CrossEntropyLoss, "forward", lambda x: LOSS(mg.tensor(x), np.zeros(3, int))),
}


@pytest.mark.parametrize(("place", "name", "function"), CASES.values(), ids=CASES)
def test_a_function_that_is_replaced_is_the_new_one(place, name, function, monkeypatch):
    compiled = mg.compile(function, backend="numpy", audit=False)
    for _ in range(4):
        compiled(X)
    assert compiled.stats()["replayed"]

    monkeypatch.setattr(place, name, lambda *given: mg.tensor(7.0))
    got, wanted = compiled(X).numpy(), function(X).detach().numpy()
    monkeypatch.undo()
    assert np.array_equal(got, wanted)
    assert not np.array_equal(got, function(X).detach().numpy())


@pytest.mark.parametrize("name", ["update", "rates", "finish"])
def test_a_part_of_an_optimizer_that_is_replaced_is_the_new_one(name, monkeypatch):
    weights = []
    for wrapped in (lambda step: step, lambda step: mg.compile(step, backend="numpy", audit=False)):
        layer = nn.Linear(4, 2, generator=np.random.default_rng(1))
        optimizer = optim.SGD(layer.parameters(), lr=0.1)

        def step(x, layer=layer, optimizer=optimizer):
            loss = (layer(x) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        step = wrapped(step)
        for _ in range(4):
            step(X)
        monkeypatch.setattr(optim.SGD, name, REPLACED[name])
        step(X)
        monkeypatch.undo()
        weights.append((layer.weight.data.copy(), optimizer.iterations))
    np.testing.assert_equal(weights[0], weights[1])


REPLACED = {
    "update": lambda self, group, lr, w, g, scratch, *state: w.fill(0.25),
    "rates": lambda self, group: 0.5,
    "finish": lambda self: None,
}
