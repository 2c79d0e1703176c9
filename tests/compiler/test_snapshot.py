"""A call that fails while it is recorded: what it leaves is what the step as it is written leaves."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.nn import functional as F

X, Y = np.random.default_rng(0).standard_normal((6, 4)).astype("float32"), np.arange(6) % 3


def failing(wrapped, kind, where):
    """A model and its optimizer after a first call that fails."""
    layer = nn.Linear(4, 3, generator=np.random.default_rng(1))
    optimizer = getattr(optim, kind)(layer.parameters(), lr=0.1)
    taken = layer.weight.data

    def step(x, y):
        loss = F.cross_entropy(layer(x), y)
        optimizer.zero_grad()
        if where == "before":
            raise ValueError("a step that fails")
        loss.backward()
        layer.bias.data[...] = 1
        if where == "between":
            raise ValueError("a step that fails")
        optimizer.step()
        raise ValueError("a step that fails")

    with pytest.raises(ValueError, match="a step that fails"):
        wrapped(step)(X, Y)
    return layer, optimizer, taken


@pytest.mark.parametrize("where", ["before", "between", "after"])
@pytest.mark.parametrize("kind", ["SGD", "Adam", "RMSProp", "AdaGrad"])
def test_an_optimizer_has_no_state_before_its_first_step(kind, where):
    one, other = (failing(wrapped, kind, where) for wrapped in (lambda f: f, lambda f: mg.compile(f, backend="numpy")))
    (layer, optimizer, taken), (compiled_layer, compiled_optimizer, compiled_taken) = one, other
    np.testing.assert_equal(compiled_optimizer.state_dict(), optimizer.state_dict())
    np.testing.assert_equal(compiled_layer.state_dict(), layer.state_dict())
    is_the_same = layer.weight.data is taken
    assert (compiled_layer.weight.data is compiled_taken) == is_the_same == (where != "after")


@pytest.mark.parametrize("how", ["raise", "assert", "inner"])
def test_a_step_that_fails_by_itself_runs_once(how):
    calls = []

    def inner():
        raise ValueError("a step that fails")

    def step(x, k, fails):
        calls.append(k)
        if fails[0] and how == "inner":
            inner()
        if fails[0] and how == "raise":
            raise ValueError("a step that fails")
        assert not fails[0], "a step that fails"
        return x * k

    compiled, fails = mg.compile(step, backend="numpy"), [False]
    for k in (1.0, 2.0, 3.0):
        compiled(X, k, fails)
    del calls[:]
    fails[0] = True
    with pytest.raises((ValueError, AssertionError), match="a step that fails"):
        compiled(X, 4.0, fails)
    assert calls == [4.0]


def test_a_step_in_which_a_number_is_wanted_as_such_runs_again_with_it():
    def step(x, k):
        return x * bytes([k])[0]

    compiled = mg.compile(step, backend="numpy")
    for k in (1, 2, 3):
        assert (compiled(X, k) == X * k).all()


def test_an_optimizer_that_has_made_no_step_has_no_state():
    layer = nn.Linear(4, 3, generator=np.random.default_rng(1))
    optimizer = optim.Adam(layer.parameters())

    def collected(x, y, steps):
        F.cross_entropy(layer(x), y).backward()
        if steps:
            optimizer.step()

    compiled = mg.compile(collected, backend="numpy")
    compiled(X, Y, False)
    assert optimizer.state_dict()["state"] == {}
    compiled(X, Y, True)
    assert optimizer.state_dict()["state"].keys() == {"weight", "bias"}


def test_an_error_that_is_no_matter_of_numbers_leaves_them_inputs():
    layer, state = nn.Linear(4, 3, generator=np.random.default_rng(1)), {"n": 0}

    def step(x, k):
        state["n"] += 1
        return layer(x) * state["n"] * k

    compiled = mg.compile(step, backend="numpy")
    for i in range(20):
        if i in (5, 9):
            with pytest.raises(ValueError, match="shape"):
                compiled(X[:, :3], 0.5 + i)
        x = X if i < 10 else X[:4]
        assert np.array_equal(compiled(x, 0.5 + i).data, (layer(x) * state["n"] * (0.5 + i)).data)
    assert compiled.stats()["replayed"] >= 12
