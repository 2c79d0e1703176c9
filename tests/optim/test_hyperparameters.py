"""Hyperparameters that an optimizer states once, as attributes: in its signature, its groups and on itself."""

import copy
import inspect
import pickle

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.errors import HyperparameterError
from minigrad.optim.first_order import Moments
from minigrad.optim.hyperparameters import RANGES

PUBLIC = [getattr(optim, name) for name in optim.__all__ if name != "Optimizer"]
KINDS = [kind for kind in PUBLIC if inspect.isclass(kind) and issubclass(kind, optim.Optimizer)]

#: Another value for each name.
OTHER = {
    "lr": 0.25, "decay": 0.5, "eps": 1e-3, "betas": (0.5, 0.75), "rho": 0.25, "momentum": 0.5, "momentum_decay": 0.125,
    "nesterov": True, "weight_decay": 0.25, "max_iter": 3, "max_eval": 4, "tolerance_grad": 1e-3,
    "tolerance_change": 1e-4, "history_size": 5, "line_search_fn": "strong_wolfe",
}  # fmt: skip


def parameters(count=2):
    return [nn.Parameter(np.linspace(1, 2, 3 + i)) for i in range(count)]


def stated(kind):
    skipped = ("params", "skip_nonfinite")
    return {name: p.default for name, p in inspect.signature(kind).parameters.items() if name not in skipped}


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_stated_once(kind):
    """The default of the signature is in every group, has a range by its name, and is an attribute."""
    names = stated(kind)
    assert set(names) <= set(RANGES)
    assert next(iter(names)) == "lr"
    optimizer = kind(parameters())
    assert {key: value for key, value in optimizer.param_groups[0].items() if key != "params"} == names
    assert {name: getattr(optimizer, name) for name in names} == names
    assert repr(optimizer) == f"{kind.__name__}({', '.join(f'{name}={value!r}' for name, value in names.items())})"
    assert inspect.signature(kind.__init__).parameters["params"].annotation == "Parameters"


@pytest.mark.parametrize("kind", KINDS)
def test_by_place_and_by_name(kind):
    values = {name: OTHER[name] for name in stated(kind)}
    for optimizer in (kind(parameters(), *values.values()), kind(parameters(), **values)):
        assert {name: getattr(optimizer, name) for name in values} == values


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not optim.LBFGS])
def test_a_group_of_its_own(kind):
    for name, default in stated(kind).items():
        one, two = parameters()
        needed = {"momentum": 0.5} if name == "nesterov" else {}
        optimizer = kind([{"params": [one]}, {"params": [two], name: OTHER[name]}], skip_nonfinite=True, **needed)
        assert [group[name] for group in optimizer.param_groups] == [default, OTHER[name]]
        assert getattr(optimizer, name) == default  # that of the first group
        setattr(optimizer, name, OTHER[name])
        assert [group[name] for group in optimizer.param_groups] == [OTHER[name]] * 2
        assert optimizer.skip_nonfinite


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_out_of_range_changes_nothing(kind):
    optimizer = kind(parameters())
    for name, value in stated(kind).items():
        with pytest.raises(HyperparameterError, match=rf"{kind.__name__}: {name} is .*; got 'x'"):
            setattr(optimizer, name, "x")
        with pytest.raises(HyperparameterError, match=rf"{kind.__name__}: {name} is .*; got 'x'"):
            kind(parameters(), **{name: "x"})
        assert getattr(optimizer, name) == value


@pytest.mark.parametrize("kind", KINDS)
def test_what_it_takes_is_said(kind):
    with pytest.raises(TypeError, match=rf"{kind.__name__} has no option foo=; it takes \(params, lr=.*\)"):
        kind(parameters(), foo=1)
    with pytest.raises(TypeError, match=rf"{kind.__name__}.__init__\(\) missing a required argument: 'params'"):
        kind()


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])  # noqa: S301 - our own
@pytest.mark.parametrize("kind", KINDS)
def test_copies(kind, clone):
    optimizer = kind(parameters(), lr=0.5)
    other = clone(optimizer)
    assert repr(other) == repr(optimizer)
    other.lr = 0.25
    assert (optimizer.lr, other.lr) == (0.5, 0.25)


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])  # noqa: S301 - our own
@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_made_on_the_way_goes_on_with_the_same_bits(kind, clone):
    """Also where somebody has read ``.data``: what a tensor has handed out is no part of the copy."""
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    x = np.random.default_rng(0).normal(size=(5, 3))

    def train(model, optimizer):
        def closure():
            optimizer.zero_grad()
            loss = (model(x) ** 2).mean()
            assert all(np.isfinite(p.data).all() for p in model.parameters())
            loss.backward()
            return loss

        for _ in range(3):
            closure()
            optimizer.step(*[closure] * (kind is optim.LBFGS))
        return [p.data.tobytes() for p in model.parameters()]

    # L-BFGS stops early: near the optimum it makes much of the last bit of a product, which rests on where arrays lie.
    optimizer = kind(model.parameters(), **{"max_iter": 2} if kind is optim.LBFGS else {})
    started = train(model, optimizer)
    others = clone((model, optimizer))
    assert started != train(model, optimizer) == train(*others)


def test_the_moments_are_adams():
    """m and c are the same numbers in all that are made of them."""
    states = []
    for kind in (optim.Adam, optim.AdamW, optim.NAdam, optim.RAdam):
        assert issubclass(kind, Moments)
        (p,) = parameters(1)
        optimizer = kind([p], betas=(0.5, 0.75))
        for g in ([1.0, -2.0, 0.5], [0.25, 4.0, -1.0]):
            p.grad = np.array(g)
            optimizer.step()
        states.append(optimizer.state_dict()["state"]["0"])
    for state in states:
        np.testing.assert_array_equal(state["mean"], [0.375, 1.5, -0.375])
        np.testing.assert_array_equal(state["square_mean"], [0.203125, 4.75, 0.296875])


def test_an_optimizer_of_ones_own_may_derive_from_them():
    class Halving(optim.SGD):
        def __init__(self, params):
            super().__init__(params, lr=0.5, momentum=0.5)

    optimizer = Halving(parameters())
    assert (optimizer.lr, optimizer.momentum, optimizer.nesterov) == (0.5, 0.5, False)
    with pytest.raises(HyperparameterError, match="Halving: momentum is a number"):
        optimizer.momentum = 2


READERS = {
    "lr": lambda optimizer, x: x * optimizer.lr,
    "decay": lambda optimizer, x: x * optimizer.decay,
    "momentum": lambda optimizer, x: x * optimizer.momentum,
    "weight_decay": lambda optimizer, x: x * optimizer.weight_decay,
}


@pytest.mark.parametrize("name", READERS)
def test_a_compiled_step_that_reads_one_is_recorded_again_when_it_changes(name):
    p = nn.Parameter(np.ones(3))
    optimizer = optim.SGD([p], lr=0.25, decay=0.5, momentum=0.5, weight_decay=0.125)
    read = READERS[name]

    @mg.compile
    def step(x):
        optimizer.zero_grad()
        (p * x).sum().backward()
        optimizer.step()
        return read(optimizer, x)

    for value in (0.25, 0.25, 0.25, 0.5, 0.5, 0.5):
        setattr(optimizer, name, value)
        np.testing.assert_array_equal(step(mg.ones(3)), np.full(3, value))
