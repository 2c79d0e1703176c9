"""The moving average of weights."""

import json
import math

import numpy as np
import pytest

from minigrad import nn, optim
from minigrad.errors import DTypeError, GraphError, HyperparameterError, StateError

RNG = np.random.default_rng


def pairs(seed=0, dtype="float64"):
    rng = RNG(seed)
    shapes = {"w": (3, 2), "b": (), "empty": (0, 2), "large": (200, 300)}
    return [(name, nn.Parameter(rng.normal(size=shape).astype(dtype))) for name, shape in shapes.items()]


@pytest.mark.parametrize("names", [["w", "b"], ["w", "b", "empty", "large"]], ids=["gathered", "one by one"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_is_the_formula(names, dtype):
    params = [(name, p) for name, p in pairs(dtype=dtype) if name in names]
    ema = optim.EMA(params, decay=0.75)
    expected = {name: p.data.astype("float64") for name, p in params}
    rng = RNG(1)
    for _ in range(6):
        for name, p in params:
            p.data = rng.normal(size=p.shape).astype(dtype)
            expected[name] = 0.75 * expected[name] + 0.25 * p.data
        ema.update()
    averages = ema.state_dict()["averages"]
    for name, p in params:
        np.testing.assert_allclose(
            averages[name], expected[name], rtol=1e-6 if dtype == "float32" else 1e-13, atol=1e-6
        )
        assert (averages[name].shape, averages[name].dtype) == (p.shape, p.dtype)


def test_mixed_dtypes():
    params = [nn.Parameter([1.0], dtype=dtype) for dtype in ("float32", "float64", "float32")]
    ema = optim.EMA(params, decay=0.5)
    for p in params:
        p.data[...] = 3
    ema.update()
    averages = ema.state_dict()["averages"]
    assert {name: (a.tolist(), str(a.dtype)) for name, a in averages.items()} == {
        "0": ([2], "float32"), "1": ([2], "float64"), "2": ([2], "float32"),
    }  # fmt: skip


def trained(steps=5):
    model = nn.Sequential(nn.Linear(3, 4, generator=RNG(0)), nn.Tanh(), nn.Linear(4, 1, generator=RNG(1)))
    optimizer, ema = optim.Adam(model.parameters(), lr=0.1), optim.EMA(model, decay=0.5)
    for seed in range(steps):
        step(model, optimizer, seed)
        ema.update()
    return model, optimizer, ema


def step(model, optimizer, seed):
    optimizer.zero_grad()
    (model(RNG(seed).normal(size=(5, 3)).astype("float32")) ** 2).mean().backward()
    optimizer.step()


def test_applied_and_back():
    """Inside, the model is that of the averages; afterwards all is as before, to the bit, and training goes on."""
    model, optimizer, ema = trained()
    twin, twin_optimizer, _ = trained()
    weights = model.state_dict()
    arrays = [p.data for p in model.parameters()]
    with ema.applied():
        averages = ema.state_dict()["averages"]
        for name, array in model.state_dict().items():
            np.testing.assert_array_equal(array, averages[name])
            assert not np.array_equal(array, weights[name])
    assert all(p.data is array for p, array in zip(model.parameters(), arrays, strict=True))
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, weights[name])
    for seed in range(3):
        step(model, optimizer, seed)
        step(twin, twin_optimizer, seed)
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        np.testing.assert_array_equal(p.data, q.data)


def test_an_error_inside_brings_the_weights_back():
    model, _, ema = trained()
    weights = model.state_dict()
    with pytest.raises(ZeroDivisionError), ema.applied():
        model.parameters()[0].data *= 1 / 0
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, weights[name])
    with ema.applied():
        pass


def _train(model, optimizer):
    step(model, optimizer, 0)


def _assign(model, _):
    model.parameters()[0].data = np.zeros((4, 3), "float32")


def _reshape(model, _):
    model.parameters()[0].data = np.zeros((2, 2), "float32")


@pytest.mark.parametrize("change", [_train, _assign, _reshape])
def test_training_inside_is_an_error_at_the_end(change):
    model, optimizer, ema = trained()
    weights = model.state_dict()
    with pytest.raises(StateError, match="trained or assigned inside of applied"), ema.applied():
        change(model, optimizer)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, weights[name])
    step(model, optimizer, 1)


def test_frozen_parameters_and_graphs_that_hold_them():
    """A graph saved a frozen parameter as a constant: its memory is not written to."""
    x, w = nn.Parameter([2.0]), nn.Parameter([5.0])
    ema = optim.EMA([x, w], decay=0.5)
    w.data[...] = 7
    ema.update()
    w.requires_grad_(False)
    loss = (x * w).sum()
    with ema.applied():
        assert w.data.tolist() == [6]
        loss.backward()
    assert w.data.tolist() == [7]
    assert x.grad.tolist() == [7]


def test_frozen_and_thawed_inside():
    for first in (True, False):
        w = nn.Parameter([5.0], requires_grad=first)
        ema = optim.EMA([w], decay=0.5)
        w.data[...] = 7
        ema.update()
        with ema.applied():
            w.requires_grad_(not first)
            assert w.data.tolist() == [6]
        assert w.data.tolist() == [7]


def test_a_graph_across_the_exchange_is_refused():
    w = nn.Parameter([5.0])
    ema = optim.EMA([w], decay=0.5)
    w.data[...] = 7
    ema.update()
    loss = (w * w).sum()
    with ema.applied(), pytest.raises(GraphError, match="data changed between forward and backward"):
        loss.backward()
    with ema.applied():
        loss = (w * w).sum()
    with pytest.raises(GraphError, match="data changed between forward and backward"):
        loss.backward()


def test_memory_that_may_not_be_written_to():
    w = nn.Parameter(np.ones(2))
    w.data = np.frombuffer(np.full(2, 7.0).tobytes())
    ema = optim.EMA([w], decay=0.5)
    ema.load_state_dict({"decay": 0.5, "averages": {"0": np.zeros(2)}})
    with ema.applied():
        assert w.data.tolist() == [0, 0]
    assert w.data.tolist() == [7, 7]


def test_saved_and_restored():
    model, optimizer, ema = trained()
    state = ema.state_dict()
    assert json.loads(json.dumps({"decay": state["decay"]})) == {"decay": 0.5}
    assert list(state["averages"]) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    other = optim.EMA(model, decay=0.9)
    other.load_state_dict(state)
    assert repr(other) == "EMA(decay=0.5, 4 parameters)"
    for seed in range(3):
        step(model, optimizer, seed)
        ema.update()
        other.update()
    for name, array in ema.state_dict()["averages"].items():
        np.testing.assert_array_equal(array, other.state_dict()["averages"][name])
    state["averages"]["0.bias"][...] = 99
    assert ema.state_dict()["averages"]["0.bias"].max() < 99


BAD_STATES = {
    "nothing": (None, "loads the dict"),
    "no averages": ({"decay": 0.5}, "loads the dict"),
    "no decay": ({"averages": {"w": np.ones(2)}}, "decay is a number in [0, 1), got None"),
    "missing": ({"decay": 0.5, "averages": {}}, "missing: w"),
    "unexpected": ({"decay": 0.5, "averages": {"w": np.ones(2), "v": np.ones(2)}}, "unexpected: v"),
    "misshapen": ({"decay": 0.5, "averages": {"w": np.ones(3)}}, "w: expected shape (2,), got (3,)"),
    "text": ({"decay": 0.5, "averages": {"w": ["a", "b"]}}, "dtype <U1"),
}


@pytest.mark.parametrize("name", BAD_STATES)
def test_a_failing_load_changes_nothing(name):
    state, message = BAD_STATES[name]
    ema = optim.EMA([("w", nn.Parameter([1.0, 2.0]))], decay=0.75)
    with pytest.raises(StateError) as caught:
        ema.load_state_dict(state)
    assert message in str(caught.value)
    assert ema.state_dict()["averages"]["w"].tolist() == [1, 2]
    assert ema.decay == 0.75


@pytest.mark.parametrize("decay", [1.0, -0.1, math.nan, "0.9", None, True])
def test_a_decay_out_of_range(decay):
    with pytest.raises(HyperparameterError, match=r"EMA: decay is a number in \[0, 1\)"):
        optim.EMA([nn.Parameter([1.0])], decay=decay)


def test_what_it_cannot_average():
    with pytest.raises(HyperparameterError, match="EMA got no parameters"):
        optim.EMA(nn.ReLU())
    with pytest.raises(DTypeError, match="EMA takes Tensors that require a gradient, got ndarray"):
        optim.EMA([np.ones(2)])
    p = nn.Parameter([1.0])
    ema = optim.EMA([("p", p)])
    with ema.applied():
        with pytest.raises(StateError, match="call update"):
            ema.update()
        with pytest.raises(StateError, match="in use already"), ema.applied():
            pass
    p.data = np.ones(2, "float32")
    with pytest.raises(
        StateError, match=r"parameter 'p' was float32 of shape \(1,\) and is now float32 of shape \(2,\)"
    ):
        ema.update()
