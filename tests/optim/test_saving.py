"""Optimizers under whatever may happen between steps: saved and restored at any of them, frozen, assigned, skipped."""

import copy
import json

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import minigrad as mg
from minigrad import nn, optim, train
from minigrad.errors import StateError
from minigrad.optim import schedules
from tests.optim.formulas import CASES, Plain

SHAPES = [(3, 2), (), (4,), (1, 5)]
RATES = [
    0.01, 0.0, schedules.cosine(0.02, 20), schedules.linear_warmup(schedules.exponential(0.02, 0.9), 5),
    schedules.piecewise([3, 9], [0.01, 0.0, 0.02]), schedules.inverse_time(0.02, 0.1),
]  # fmt: skip


def through_json(state):
    """A state dict of which all but the arrays was written as JSON."""
    return {**json.loads(json.dumps({**state, "state": None})), "state": copy.deepcopy(state["state"])}


class Interrupted(RuleBasedStateMachine):
    """Two runs, of which one is restored now and then from what it saved, and the formulas written plainly.

    Both runs stay the same to the last bit, and near to the formulas.
    """

    @initialize(case=st.sampled_from(sorted(CASES)), rate=st.sampled_from(RATES), groups=st.booleans())
    def begin(self, case, rate, groups):
        self.make, formula, _, self.settings = CASES[case]
        self.groups, self.rate = groups, rate
        rng = np.random.default_rng(0)
        arrays = [rng.normal(size=shape) for shape in SHAPES]
        self.steady = self.run_of(arrays)
        self.broken = self.run_of(arrays)
        self.plain = Plain(self.steady[0], formula, 0.0, 0.0, self.settings)

    def run_of(self, arrays, frozen=()):
        params = [nn.Parameter(a, requires_grad=i not in frozen) for i, a in enumerate(arrays)]
        named = [(f"p{i}", p) for i, p in enumerate(params)]
        given = [{"params": named[:2]}, {"params": named[2:]}] if self.groups else named
        return params, self.make(given, lr=self.rate, skip_nonfinite=True, **self.settings)

    @rule(seed=st.integers(0, 9), present=st.sets(st.integers(0, 3)))
    def step(self, seed, present):
        rng = np.random.default_rng(seed)
        gradients = [rng.normal(size=shape) if i in present else None for i, shape in enumerate(SHAPES)]
        for params, optimizer in (self.steady, self.broken):
            for p, g in zip(params, gradients, strict=True):
                if p.requires_grad:
                    p.grad = g
            optimizer.step()
        frozen = {i for i, p in enumerate(self.steady[0]) if not p.requires_grad}
        t = self.plain.t
        self.plain.lr = self.rate(t) if callable(self.rate) else self.rate
        self.plain.step([None if i in frozen else g for i, g in enumerate(gradients)])
        assert self.steady[1].current_lr == self.plain.rate

    @rule(many=st.integers(1, 70))
    def steps(self, many):
        for seed in range(many):
            self.step(seed, {0, 1, 2, 3})

    @rule(i=st.integers(0, 3), value=st.sampled_from([np.nan, np.inf, -np.inf]))
    def a_gradient_that_is_not_finite(self, i, value):
        for params, optimizer in (self.steady, self.broken):
            if params[i].requires_grad:
                params[i].grad = np.full(SHAPES[i], value)
                before = optimizer.skipped
                optimizer.step()
                assert optimizer.skipped == before + 1
            params[i].zero_grad()

    @rule(i=st.integers(0, 3))
    def freeze_or_unfreeze(self, i):
        for params, _ in (self.steady, self.broken):
            params[i].requires_grad_(not params[i].requires_grad)

    @rule(i=st.integers(0, 3), seed=st.integers(0, 9))
    def assign(self, i, seed):
        new = np.random.default_rng(seed).normal(size=SHAPES[i])
        for params, _ in (self.steady, self.broken):
            params[i].data = new.copy()
        self.plain.weights[i] = new.copy()

    @rule(rate=st.sampled_from(RATES))
    def another_rate(self, rate):
        self.rate = rate
        for _, optimizer in (self.steady, self.broken):
            optimizer.lr = rate

    @rule()
    def restore(self):
        params, optimizer = self.broken
        state = through_json(optimizer.state_dict())
        frozen = {i for i, p in enumerate(params) if not p.requires_grad}
        rate, self.rate = self.rate, 0.123  # the saved one counts
        self.broken = self.run_of([p.data.copy() for p in params], frozen)
        self.rate = rate
        self.broken[1].load_state_dict(state)
        assert self.broken[1].lr == rate

    @precondition(lambda self: hasattr(self, "plain"))
    @invariant()
    def all_are_the_same(self):
        (params, optimizer), (others, restored) = self.steady, self.broken
        for p, q, w in zip(params, others, self.plain.weights, strict=True):
            np.testing.assert_array_equal(p.data, q.data)
            np.testing.assert_allclose(p.data, w, rtol=1e-9, atol=1e-9)
        assert (optimizer.iterations, optimizer.skipped) == (restored.iterations, restored.skipped)
        assert optimizer.iterations == self.plain.t
        assert (optimizer.current_lr, repr(optimizer)) == (restored.current_lr, repr(restored))


TestInterrupted = Interrupted.TestCase


@pytest.mark.parametrize("case", CASES)
def test_the_order_of_parameters_does_not_matter(case):
    """Their state is found by name."""
    make, _, _, settings = CASES[case]
    runs = []
    for order in ("abc", "cab"):
        params = {name: nn.Parameter(np.arange(1.0, 4.0 + i)) for i, name in enumerate("abc")}
        runs.append((params, make([(name, params[name]) for name in order], lr=0.1, **settings)))

    def step(run, seed):
        rng = np.random.default_rng(seed)
        for p in run[0].values():
            p.grad = rng.normal(size=p.shape)
        run[1].step()

    for seed in range(3):
        step(runs[0], seed)
    for name, p in runs[1][0].items():
        p.data = runs[0][0][name].data.copy()
    runs[1][1].load_state_dict(through_json(runs[0][1].state_dict()))
    for seed in range(3):
        for run in runs:
            step(run, seed)
    for name, p in runs[1][0].items():
        np.testing.assert_array_equal(p.data, runs[0][0][name].data)


# -- a frozen parameter, between forward and backward ----------------------------------------------


@pytest.mark.parametrize("make", [lambda p: optim.SGD(p, lr=1.0), lambda p: optim.SGD(p, lr=1.0, momentum=0.9)])
@pytest.mark.parametrize("steps_before", [0, 1])
@pytest.mark.parametrize("frozen_before", ["the steps", "the forward pass"])
def test_what_a_graph_saved_of_a_frozen_parameter_stays(make, steps_before, frozen_before):
    """It is a constant there, which no leaf marks as written; so the optimizer writes elsewhere."""
    x, w = (nn.Parameter(value, dtype="float64") for value in ([2.0, 3.0], [5.0, 7.0]))
    optimizer = make([x, w])
    if frozen_before == "the steps":
        w.requires_grad_(False)
    for _ in range(steps_before):
        x.grad = [0.0, 0.0]
        optimizer.step()
    w.requires_grad_(False)
    loss = (x * w).sum()
    w.requires_grad_()
    w.grad = [1.0, 1.0]
    optimizer.step()
    assert w.data.tolist() == [4, 6]
    loss.backward()
    assert x.grad.tolist() == [5, 7]


def test_freezing_and_thawing_between_forward_and_backward():
    """The graph leads to the leaf that was; the other gradient is that of the data that was."""
    x, w = (nn.Parameter(value, dtype="float64") for value in ([2.0, 3.0], [5.0, 7.0]))
    optimizer = optim.SGD([w], lr=1.0)
    w.grad = [0.0, 0.0]
    optimizer.step()
    loss = (x * w).sum()
    w.requires_grad_(False)
    w.requires_grad_()
    w.grad = [1.0, 1.0]
    optimizer.step()
    loss.backward()
    assert x.grad.tolist() == [5, 7]
    assert w.grad.tolist() == [1, 1]


# -- saving --------------------------------------------------------------------------------------


def one(lr, **settings):
    p = nn.Parameter([1.0, 2.0])
    return p, optim.SGD([("p", p)], lr=lr, **settings)


def test_a_schedule_is_saved_as_its_name_and_numbers():
    schedule = schedules.linear_warmup(schedules.cosine(0.1, steps=100), steps=10)
    _, optimizer = one(schedule)
    state = json.loads(json.dumps(optimizer.state_dict()))
    assert state["param_groups"][0]["lr"] == {
        "schedule": "linear_warmup",
        "then": {"schedule": "cosine", "lr": 0.1, "steps": 100, "end": 0.0},
        "steps": 10,
        "start": 0.0,
    }
    _, other = one(0.5)
    other.load_state_dict(state)
    assert other.lr == schedule


def warm(t):
    return 0.1 * min(1.0, (t + 1) / 5)


def test_a_function_of_the_users_is_saved_by_its_repr_and_given_again():
    p, optimizer = one(warm)
    for _ in range(3):
        p.grad = [1.0, 1.0]
        optimizer.step()
    state = through_json(optimizer.state_dict())
    assert state["param_groups"][0]["lr"] == {"callable": repr(warm)}
    q, other = one(warm)
    other.load_state_dict(state)
    assert (other.lr, other.current_lr, other.iterations) == (warm, warm(2), 3)
    for lr in (0.5, schedules.cosine(0.1, 5)):
        q, other = one(lr)
        before = other.state_dict()
        with pytest.raises(StateError, match=r"the rate was a function, <function warm.*make the SGD with lr= that"):
            other.load_state_dict(state)
        assert other.state_dict() == before
    assert q.data.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("lr", "message"),
    [
        ({"schedule": "sinus", "lr": 0.1}, "there is no schedule 'sinus'; there are inverse_time"),
        ({"schedule": ["cosine"]}, "there is no schedule"),
        ({"lr": 0.1}, "there is no schedule None"),
        ({"schedule": "cosine", "lr": 0.1}, "missing a required argument: 'steps'; it takes"),
        ({"schedule": "cosine", "lr": -1, "steps": 5}, "lr is a finite number >= 0"),
        ({"schedule": "linear_warmup", "then": {"schedule": "no"}, "steps": 5}, "there is no schedule 'no'"),
    ],
)
def test_a_damaged_schedule_is_refused(lr, message):
    _, optimizer = one(0.5)
    state = optimizer.state_dict()
    state["param_groups"][0]["lr"] = lr
    state["iterations"] = 7
    with pytest.raises(StateError) as caught:
        optimizer.load_state_dict(state)
    assert message in str(caught.value)
    assert (optimizer.iterations, optimizer.lr) == (0, 0.5)


def test_a_state_of_more_groups_is_refused():
    _, optimizer = one(warm)
    state = optimizer.state_dict()
    state["param_groups"] *= 2
    with pytest.raises(StateError, match="expected the parameters"):
        optimizer.load_state_dict(state)


def test_a_state_dict_from_before_steps_were_skipped():
    _, optimizer = one(0.5)
    state = optimizer.state_dict()
    del state["skipped"]
    optimizer.load_state_dict(state)
    assert optimizer.skipped == 0
    with pytest.raises(StateError, match="skipped is a whole number >= 0, got -1"):
        optimizer.load_state_dict({**state, "skipped": -1})


# -- skipping, accumulating -----------------------------------------------------------------------


@pytest.mark.parametrize("size", [3, 20_000])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_update_that_is_not_finite_changes_nothing_but_its_count(size, value):
    p, q = nn.Parameter(np.ones(size)), nn.Parameter(np.ones(2))
    optimizer = optim.Adam([p, q], skip_nonfinite=True)
    p.grad, q.grad = np.ones(size), np.ones(2)
    optimizer.step()
    before, weights = optimizer.state_dict(), [p.data.copy(), q.data.copy()]
    p.grad[1] = value
    optimizer.step()
    after = optimizer.state_dict()
    assert (optimizer.skipped, optimizer.iterations, optimizer.skip_nonfinite) == (1, 1, True)
    assert after["current_lr"] == before["current_lr"]
    for name, arrays in before["state"].items():
        for key, array in arrays.items():
            np.testing.assert_array_equal(array, after["state"][name][key])
    np.testing.assert_array_equal(p.data, weights[0])
    np.testing.assert_array_equal(q.data, weights[1])
    p.grad = None
    optimizer.step()
    assert (optimizer.skipped, optimizer.iterations) == (1, 2)


def test_without_the_option_what_is_not_finite_goes_in():
    p, optimizer = one(1.0)
    assert not optimizer.skip_nonfinite
    p.grad = [np.inf, 1.0]
    optimizer.step()
    assert (p.data.tolist(), optimizer.skipped) == ([-np.inf, 1.0], 0)


def test_gradients_accumulate_over_backward_calls():
    """Two halves of a batch give the step of the whole."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 1))
    models = [nn.Linear(3, 1, generator=np.random.default_rng(1), dtype="float64") for _ in range(2)]
    optimizers = [optim.Adam(model.parameters(), lr=0.1) for model in models]
    for _ in range(5):
        for optimizer in optimizers:
            optimizer.zero_grad()
        ((models[0](mg.tensor(x)) - y) ** 2).mean().backward()
        for half in (slice(4), slice(4, 8)):
            (((models[1](mg.tensor(x[half])) - y[half]) ** 2).mean() / 2).backward()
        for optimizer in optimizers:
            optimizer.step()
    for p, q in zip(models[0].parameters(), models[1].parameters(), strict=True):
        np.testing.assert_allclose(p.data, q.data, rtol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_going_back_in_the_same_optimizer(case):
    """A state from earlier, loaded into the optimizer that went on, repeats the same steps."""
    make, _, _, settings = CASES[case]
    p = nn.Parameter(np.arange(4.0), dtype="float64")
    optimizer = make([("p", p)], lr=0.1, **settings)

    def steps():
        for seed in range(5):
            p.grad = np.random.default_rng(seed).normal(size=4)
            optimizer.step()
        return p.data.copy()

    steps()
    state, weights = optimizer.state_dict(), p.data.copy()
    once = steps()
    p.data = weights
    optimizer.load_state_dict(state)
    np.testing.assert_array_equal(steps(), once)


# -- groups of submodules -----------------------------------------------------------------------------


class Pair(nn.Module):
    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        self.a, self.b = (nn.Linear(2, 2, generator=rng) for _ in "ab")


def grouped(model, order, by_name=False):
    groups = [
        [(f"{key}.{name}", p) for name, p in getattr(model, key).named_parameters()]
        if by_name
        else getattr(model, key).parameters()
        for key in order
    ]
    return optim.Adam([{"params": group} for group in groups], lr=0.1)


def stepped(model, optimizer):
    for p in model.parameters():
        p.grad = p.data * 3 + 1
    optimizer.step()
    return optimizer


def test_the_state_of_one_group_is_not_loaded_into_another_of_the_same_names():
    """The names of a submodule's parameters are local to it."""
    model, other = Pair(0), Pair(1)
    state = stepped(model, grouped(model, "ab")).state_dict()
    assert sorted(state["weights"]) == ["1.bias", "1.weight", "bias", "weight"]
    for restored in (grouped(model, "ba"), grouped(other, "ba"), grouped(other, "ab")):
        before = restored.state_dict()
        with pytest.raises(
            StateError, match=r"several groups have parameters of these names.*make groups with full name"
        ):
            restored.load_state_dict(state)
        assert restored.state_dict()["iterations"] == before["iterations"] == 0
    other.load_state_dict(model.state_dict())
    restored = grouped(other, "ab")
    restored.load_state_dict(state)
    assert np.array_equal(restored.state_dict()["state"]["1.bias"]["mean"], state["state"]["1.bias"]["mean"])
    with pytest.raises(StateError, match="weights is a dict of fingerprints"):
        restored.load_state_dict({**state, "weights": 3})
    del state["weights"]  # a file from before there were fingerprints
    restored.load_state_dict(state)


def test_with_full_names_groups_need_no_fingerprints():
    model = Pair(0)
    state = stepped(model, grouped(model, "ab", by_name=True)).state_dict()
    assert "weights" not in state
    with pytest.raises(StateError, match="expected the parameters"):
        grouped(model, "ba", by_name=True).load_state_dict(state)
    restored = grouped(Pair(1), "ab", by_name=True)
    restored.load_state_dict(state)
    assert np.array_equal(restored.state_dict()["state"]["b.bias"]["mean"], state["state"]["b.bias"]["mean"])


def test_a_run_with_groups_of_submodules_goes_on(tmp_path):
    """The trainer loads the model first."""
    x, y = np.random.default_rng(0).normal(size=(8, 2)).astype("float32"), np.zeros((8, 2), np.float32)

    def trainer():
        model = Pair(0)
        model.forward = lambda x: model.b(model.a(x))
        return train.Trainer(model, grouped(model, "ab"), nn.MSELoss())

    trainer().fit((x, y), 2, checkpoint_dir=tmp_path, progress="none")
    again, whole = trainer(), trainer()
    assert again.resume(tmp_path)
    again.fit((x, y), 3, checkpoint_dir=tmp_path, progress="none")
    whole.fit((x, y), 3, progress="none")
    for p, q in zip(again.model.parameters(), whole.model.parameters(), strict=True):
        np.testing.assert_array_equal(p.data, q.data)
