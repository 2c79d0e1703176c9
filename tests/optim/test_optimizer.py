"""Optimizers against their formulas written plainly, and everything around the formulas."""

import copy
import inspect
import json
import math

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.errors import GraphError, HyperparameterError, StateError, UnsupportedError
from tests.optim.formulas import (
    CASES,
    SHAPES,
    Plain,
    parameters,
)

RNG = np.random.default_rng


case = pytest.mark.parametrize("case", CASES)


def test_defaults_are_those_of_the_notebook():
    """Learning rates, eps, rho and betas."""
    p = nn.Parameter([1.0])
    group = {make: make([p]).param_groups[0] for make in (optim.SGD, optim.AdaGrad, optim.RMSProp, optim.Adam)}
    assert {**group[optim.AdaGrad], "params": 0} == {"params": 0, "lr": 1.0, "decay": 0.0, "eps": 1e-7}
    assert {**group[optim.RMSProp], "params": 0} == {"params": 0, "lr": 0.001, "decay": 0.0, "rho": 0.9, "eps": 1e-7}
    betas = (0.9, 0.999)
    assert {**group[optim.Adam], "params": 0} == {"params": 0, "lr": 0.001, "decay": 0.0, "betas": betas, "eps": 1e-7}
    assert (group[optim.SGD]["lr"], group[optim.SGD]["momentum"]) == (1.0, 0.0)


@case
def test_many_steps_of_one_scalar_parameter_learn(case):
    """A 0-d parameter is changed by a real backward and step."""
    make, *_, settings = CASES[case]
    p = nn.Parameter(2.0, dtype="float64")
    optimizer = make([p], lr=0.05, **settings)
    for _ in range(20):
        optimizer.zero_grad()
        (p * p).backward()
        optimizer.step()
    assert abs(p.item()) < (1.999 if make is optim.Adadelta else 1.9)  # which begins with tiny steps
    assert (p.shape, p.data.shape) == ((), ())


# -- the rate -----------------------------------------------------------------------------------


def test_current_lr_is_that_of_the_latest_step():
    """lr before any step and in the first; lr / (1 + decay t) in step t; lr itself never changes."""
    p = nn.Parameter([0.0])
    optimizer = optim.SGD([p], lr=0.5, decay=0.25)
    assert (optimizer.lr, optimizer.current_lr, optimizer.iterations) == (0.5, 0.5, 0)
    rates = []
    for _ in range(4):
        optimizer.step()
        rates.append(optimizer.current_lr)
    assert rates == [0.5 * (1 / (1 + 0.25 * t)) for t in range(4)]
    assert (optimizer.lr, optimizer.iterations) == (0.5, 4)


def test_assigning_lr_sets_the_initial_rate_of_all_groups():
    """From the next step; a bad value changes nothing."""
    p, q = parameters([(2,), (2,)])
    optimizer = optim.SGD([{"params": [p], "lr": 0.5}, {"params": [q]}])
    optimizer.lr = 0.25
    with pytest.raises(HyperparameterError):
        optimizer.lr = -1
    assert [group["lr"] for group in optimizer.param_groups] == [0.25, 0.25]


# -- gradients and data that users hold ---------------------------------------------------------


@case
@pytest.mark.parametrize("shapes", ["small", "several blocks, odd sizes"])
def test_parameters_without_a_gradient_stay_with_their_state(case, shapes):
    """Whether they never had one or have none this time."""
    make, formula, lr, settings = CASES[case]
    params, rng = parameters(SHAPES[shapes]), RNG(1)
    optimizer, plain = make(params, **settings), Plain(params, formula, lr, 0.0, settings)
    for present in ([1, 0, 1, 0], [0, 0, 1, 1], [0, 0, 0, 0], [1, 1, 0, 1]):
        for p, there in zip(params, present, strict=True):
            p.grad = rng.normal(size=p.shape) if there else None
        before = [p.data.copy() for p in params]
        plain.step([p.grad for p in params])
        optimizer.step()
        for p, old, w, there in zip(params, before, plain.weights, present, strict=True):
            np.testing.assert_allclose(p.data, w, rtol=1e-11, atol=1e-13)
            assert there or np.array_equal(p.data, old)


@case
def test_data_assigned_by_the_user_is_adopted(case):
    """The next step starts from it, and the state is kept."""
    make, formula, lr, settings = CASES[case]
    params, rng = parameters([(2, 3), (4,)]), RNG(1)
    optimizer, plain = make(params, **settings), Plain(params, formula, lr, 0.0, settings)
    for step in range(4):
        if step in (1, 3):
            new = rng.normal(size=(2, 3))
            params[0].data = new
            plain.weights[0] = new.copy()
        for p in params:
            p.grad = rng.normal(size=p.shape)
        plain.step([p.grad for p in params])
        optimizer.step()
        for p, w in zip(params, plain.weights, strict=True):
            np.testing.assert_allclose(p.data, w, rtol=1e-11)


def test_data_of_another_shape_is_refused_by_the_next_step():
    """Old momentum belongs to nothing any more; the state dict still holds it."""
    p = nn.Parameter([1.0, 2.0])
    optimizer = optim.Adam([("p", p)])
    p.grad = [1.0, 1.0]
    optimizer.step()
    p.data = np.ones(3, np.float32)
    p.grad = [1.0, 1.0, 1.0]
    with pytest.raises(StateError, match=r"'p' changed its shape from \(2,\) to \(3,\).*make a new Adam"):
        optimizer.step()
    assert p.data.tolist() == [1, 1, 1]
    assert optimizer.iterations == 1
    assert optimizer.state_dict()["state"]["p"]["mean"].shape == (2,)


def test_writing_into_data_changes_what_the_next_step_starts_from():
    """p.data is the memory that the optimizer works on."""
    p = nn.Parameter([1.0, 2.0])
    optimizer = optim.SGD([p], lr=1.0)
    for start in (5.0, 7.0):
        p.data[:] = start
        p.grad = [1.0, 2.0]
        optimizer.step()
        assert p.data.tolist() == [start - 1, start - 2]


@case
@pytest.mark.parametrize("size", [3, 70_000])
def test_a_gradient_that_a_user_keeps_is_never_changed(case, size):
    """Neither by the step, nor by the next backward, nor by accumulation."""
    make, _, _, settings = CASES[case]
    (p,) = parameters([(size,)])
    optimizer = make([p], **settings)
    (p * p).sum().backward()
    kept = p.grad
    copy_of_it = kept.copy()
    optimizer.step()
    (p * 3).sum().backward()
    optimizer.step()
    optimizer.zero_grad()
    (p * 5).sum().backward()
    np.testing.assert_array_equal(kept, copy_of_it)
    assert p.grad is not kept


def test_two_optimizers_may_share_a_parameter():
    """Each adopts what the other has written."""
    p = nn.Parameter([1.0], dtype="float64")
    one, two = optim.SGD([p], lr=0.1), optim.SGD([p], lr=0.01)
    for _ in range(3):
        for optimizer in (one, two):
            p.grad = [1.0]
            optimizer.step()
    np.testing.assert_allclose(p.data, [1 - 0.33])


@case
def test_mixed_dtypes_each_stay_what_they_are(case):
    """float32 and float64 parameters in one group, each by the formula."""
    make, formula, lr, settings = CASES[case]
    params = [*parameters([(3,), (2,)], "float32"), *parameters([(4,)], "float64"), *parameters([(2,)], "float32")]
    optimizer, plain, rng = make(params, **settings), Plain(params, formula, lr, 0.0, settings), RNG(2)
    for _ in range(3):
        for p in params:
            p.grad = rng.normal(size=p.shape)
        plain.step([p.grad for p in params])
        optimizer.step()
    for p, w in zip(params, plain.weights, strict=True):
        np.testing.assert_allclose(p.data, w, rtol=1e-5 if p.dtype == np.float32 else 1e-12)
    assert [str(p.dtype) for p in params] == ["float32", "float32", "float64", "float32"]


def test_a_parameter_outside_the_graph_of_a_loss_is_not_held_to_be_changed():
    """A step that leaves q alone leaves graphs that saved q alone."""
    p, q = parameters([(2,), (2,)])
    optimizer = optim.SGD([p, q])
    for _ in range(2):
        of_p, of_q = (p * p).sum(), (q * q).sum()
        optimizer.zero_grad()
        of_p.backward()
        optimizer.step()
        of_q.backward()
        np.testing.assert_allclose(q.grad, 2 * q.data)


STATEFUL = [
    optim.SGD, optim.RMSProp, optim.AdaGrad, optim.Adam, optim.AdamW, optim.NAdam, optim.RAdam, optim.Adamax,
    optim.Lion, optim.Adadelta,
]  # fmt: skip


@pytest.mark.parametrize("make", STATEFUL)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_state_never_sticks_at_subnormal_numbers(make, dtype):
    """Of a unit that has died, the moving averages reach exactly 0, and no warning is given."""
    p = nn.Parameter(np.ones(4, dtype))
    fast = {"momentum": 0.5, "betas": (0.5, 0.6), "rho": 0.5}
    fast = {name: value for name, value in fast.items() if name in inspect.signature(make).parameters}
    optimizer = make([("p", p)], lr=1e-6, **fast)
    p.grad = np.full(4, 1e-18)
    optimizer.step()
    p.grad = np.zeros(4)
    for _ in range(2300 if dtype == "float64" else 320):
        optimizer.step()
    for name, array in optimizer.state_dict()["state"]["p"].items():
        if name in ("square_sum", "largest"):
            assert (np.abs(array) >= np.finfo(dtype).tiny).all() or not array.any()
        else:
            assert array.tolist() == [0, 0, 0, 0]
    np.testing.assert_allclose(p.data, 1, atol=1e-2)


# -- saving and loading -------------------------------------------------------------------------


def model_and_optimizer(make, settings, seed):
    model = nn.Sequential(nn.Linear(2, 5, generator=RNG(seed)), nn.Tanh(), nn.Linear(5, 3, generator=RNG(seed)))
    return model, make(model.parameters(), lr=0.05, decay=0.01, **settings)


def train(model, optimizer, steps, rng):
    for _ in range(steps):
        x, y = rng.normal(size=(8, 2)).astype(np.float32), rng.integers(0, 3, 8)
        optimizer.zero_grad()
        nn.CrossEntropyLoss()(model(x), y).backward()
        optimizer.step()


@case
@pytest.mark.parametrize("before", [0, 1, 5])
def test_a_restored_run_goes_on_bit_for_bit(case, before):
    """As the run that was not interrupted: weights, rates and state, through a fresh model and optimizer."""
    make, _, _, settings = CASES[case]
    model, optimizer = model_and_optimizer(make, settings, seed=0)
    train(model, optimizer, before, RNG(1))
    saved, state = model.state_dict(), copy.deepcopy(optimizer.state_dict())
    twin, restored = model_and_optimizer(make, {}, seed=9)
    twin.load_state_dict(saved)
    restored.load_state_dict(state)
    assert (restored.iterations, restored.current_lr) == (optimizer.iterations, optimizer.current_lr)
    train(model, optimizer, 5, RNG(2))
    train(twin, restored, 5, RNG(2))
    assert (restored.iterations, restored.current_lr) == (before + 5, optimizer.current_lr)
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        np.testing.assert_array_equal(p.data, q.data)
    one, two = optimizer.state_dict(), restored.state_dict()
    for name, arrays in one["state"].items():
        for key, array in arrays.items():
            np.testing.assert_array_equal(array, two["state"][name][key])


def test_the_state_dict_names_parameters_and_copies_state():
    """By the names of the model, or of the pairs, or by number; what is not an array is JSON."""
    model, optimizer = model_and_optimizer(optim.Adam, {}, 0)
    train(model, optimizer, 1, RNG(0))
    state = optimizer.state_dict()
    names = ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert state["param_groups"][0]["params"] == list(state["state"]) == names
    assert {key: a.shape for key, a in state["state"]["2.weight"].items()} == {"mean": (3, 5), "square_mean": (3, 5)}
    assert json.loads(json.dumps({**state, "state": None}))["iterations"] == 1
    state["state"]["0.bias"]["mean"][:] = 99
    assert optimizer.state_dict()["state"]["0.bias"]["mean"].max() < 1
    p = nn.Parameter([1.0])
    assert optim.SGD([("mine", p)]).state_dict()["param_groups"][0]["params"] == ["mine"]
    assert optim.SGD([p]).state_dict()["param_groups"][0]["params"] == ["0"]


def test_settings_that_went_through_json_load():
    """Tuples have become lists there."""
    model, optimizer = model_and_optimizer(optim.Adam, {"betas": (0.5, 0.6)}, 0)
    state = optimizer.state_dict()
    other = model_and_optimizer(optim.Adam, {}, 0)[1]
    other.load_state_dict({**json.loads(json.dumps({**state, "state": None})), "state": state["state"]})
    train(model, other, 1, RNG(0))
    assert list(other.param_groups[0]["betas"]) == [0.5, 0.6]


def _without(path):
    def change(state):
        inner = state
        for key in path[:-1]:
            inner = inner[key]
        del inner[path[-1]]

    return change


def _with(path, value):
    def change(state):
        inner = state
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value

    return change


FIRST = ("state", "0.weight")
BAD_STATES = {
    "no iterations": (_without(["iterations"]), "missing: iterations"),
    "no state": (_without(["state"]), "missing: state"),
    "no groups": (_without(["param_groups"]), "missing: param_groups"),
    "groups that are none": (_with(["param_groups"], 3), "param_groups is a list of dicts, got 3"),
    "state that is none": (_with(["state"], {"0.weight": 3}), "state is a dict of dicts of arrays, got"),
    "a rate of nothing": (_with(["current_lr"], "fast"), "current_lr is a finite number >= 0"),
    "negative iterations": (_with(["iterations"], -1), "iterations is a whole number >= 0, got -1"),
    "fractional iterations": (_with(["iterations"], 1.5), "iterations is a whole number >= 0, got 1.5"),
    "another parameter": (_with(["param_groups", 0, "params"], ["0.weight"]), "expected the parameters"),
    "another setting": (_with(["param_groups", 0, "rho"], 0.9), "expected the hyperparameters"),
    "a missing setting": (_without(["param_groups", 0, "eps"]), "expected the hyperparameters"),
    "a bad setting": (_with(["param_groups", 0, "lr"], math.nan), "lr is a finite number"),
    "state of nobody": (_with(["state", "9.weight"], {}), "unexpected state: 9.weight"),
    "misshapen": (_with([*FIRST, "mean"], np.zeros((2, 5))), "0.weight"),
    "no floats": (_with([*FIRST, "mean"], np.array([["a"] * 2] * 5)), "dtype <U1"),
    "unknown array": (_with([*FIRST, "momentum"], np.zeros((5, 2))), "got momentum"),
    "half of a parameter's state": (_without([*FIRST, "square_mean"]), "square_mean"),
    "a parameter without state": (_without([*FIRST]), "0.weight"),
}


@pytest.mark.parametrize("bad", BAD_STATES)
def test_a_failing_load_changes_nothing(bad):
    """Missing, unexpected, misshapen: a StateError (or the hyperparameter's own) that names it."""
    change, message = BAD_STATES[bad]
    model, optimizer = model_and_optimizer(optim.Adam, {}, 0)
    train(model, optimizer, 2, RNG(0))
    state, weights = optimizer.state_dict(), model.state_dict()
    broken = copy.deepcopy(state)
    broken["iterations"] = 77
    broken["param_groups"][0]["lr"] = 0.77
    broken["state"]["2.bias"]["mean"][:] = 7
    change(broken)
    with pytest.raises((StateError, HyperparameterError)) as caught:
        optimizer.load_state_dict(broken)
    assert message in str(caught.value)
    assert_same_state(optimizer.state_dict(), state)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, weights[name])


def assert_same_state(one, two):
    assert {**one, "state": 0} == {**two, "state": 0}
    assert {n: list(arrays) for n, arrays in one["state"].items()} == {n: list(a) for n, a in two["state"].items()}
    for name, arrays in one["state"].items():
        for key, array in arrays.items():
            np.testing.assert_array_equal(array, two["state"][name][key])


# -- validation ---------------------------------------------------------------------------------

NOT_NUMBERS = [math.nan, math.inf, -math.inf, -1e-9, True, "0.1", None, 1j, [0.1], 10**400]
FRACTIONS = [*NOT_NUMBERS, 1.0, 1.5]
PAIRS = [0.9, (0.9,), (0.9, 0.99, 0.999), "ab", None, *((0.9, value) for value in FRACTIONS), (1.0, 0.9), (True, 0.9)]
EVERY = [make for make in vars(optim).values() if isinstance(make, type) and issubclass(make, optim.Optimizer)]
EVERY.remove(optim.Optimizer)


def has(make, name):
    return name in inspect.signature(make).parameters


BAD_SETTINGS = [
    *((make, name, v) for make in EVERY for name in ("lr", "decay") for v in NOT_NUMBERS),
    *((make, "eps", v) for make in EVERY for v in NOT_NUMBERS if has(make, "eps")),
    *((make, "weight_decay", v) for make in EVERY for v in NOT_NUMBERS if has(make, "weight_decay")),
    *((make, "betas", v) for make in EVERY for v in PAIRS if has(make, "betas")),
    *((make, "rho", v) for make in EVERY for v in FRACTIONS if has(make, "rho")),
    *((optim.SGD, "momentum", v) for v in FRACTIONS),
    *((optim.SGD, "nesterov", v) for v in (2, 0.5, "yes", None)),
    *((optim.NAdam, "momentum_decay", v) for v in NOT_NUMBERS),
    *((optim.LBFGS, name, v) for name in ("tolerance_grad", "tolerance_change") for v in NOT_NUMBERS),
    *((optim.LBFGS, name, v) for name in ("max_iter", "history_size") for v in (0, -1, 1.0, True, "1", None)),
    *((optim.LBFGS, "max_eval", v) for v in (0, -1, 1.0, True, "1")),
    *((optim.LBFGS, "line_search_fn", v) for v in ("wolfe", 1, True)),
]


def test_every_bad_hyperparameter_is_refused_with_its_name_value_and_range():
    """At construction and in a group: a HyperparameterError, which is a ValueError."""
    for make, name, value in BAD_SETTINGS:
        (p,) = parameters([(2,)])
        data = p.data
        for arguments, settings in (([p], {name: value}), ([{"params": [p], name: value}], {})):
            with pytest.raises(HyperparameterError) as caught:
                make(arguments, **settings)
            message = str(caught.value)
            assert message.startswith(f"{make.__name__}: {name} is ")
            assert f"got {value!r}"[:40] in message
            assert isinstance(caught.value, ValueError)
        assert p.data is data


@pytest.mark.parametrize("number", [1, 0, 0.5, np.float64(0.5), np.float32(0.5), np.int64(1)])
def test_python_and_numpy_numbers_are_allowed(number):
    """And keep float32 weights float32."""
    p = nn.Parameter([1.0])
    optimizer = optim.SGD([p], lr=number)
    p.grad = [1.0]
    optimizer.step()
    assert p.dtype == np.float32
    assert p.item() == 1 - number


P = nn.Parameter([1.0])


def test_a_failed_construction_leaves_the_optimizer_before_it_alone():
    """Its momentum and its hold on the parameters."""
    (p,) = parameters([(2,)])
    optimizer = optim.SGD([p], lr=1.0, momentum=0.5)
    p.grad = [1.0, 1.0]
    optimizer.step()
    data, before = p.data, p.data.copy()
    with pytest.raises(HyperparameterError):
        optim.Adam([p], betas=(2, 3))
    assert p.data is data
    optimizer.step()
    np.testing.assert_allclose(p.data, before - 1.5)


def test_a_step_between_forward_and_backward_is_noticed():
    """The graph has saved weights that are no longer there."""
    p = nn.Parameter([1.0, 2.0])
    optimizer = optim.SGD([p])
    loss = (p * p).sum()
    p.grad = [1.0, 1.0]
    optimizer.step()
    kept = p.grad
    with pytest.raises(GraphError, match="data changed between forward and backward: multiply"):
        loss.backward()
    assert p.grad is kept


def test_what_is_no_state_dict_at_all():
    """The message says what is."""
    with pytest.raises(StateError, match=r"SGD loads the dict that state_dict\(\) gave, got list"):
        optim.SGD([P]).load_state_dict([])


def test_an_option_that_is_no_bool():
    """Anything is true in Python."""
    with pytest.raises(HyperparameterError, match="SGD: skip_nonfinite is True or False; got 'never'"):
        optim.SGD([P], skip_nonfinite="never")


@pytest.mark.parametrize("kind", [int, np.bool_])
def test_an_option_may_be_1_or_0(kind):
    for flag in (True, False):
        optimizer = optim.SGD([P], momentum=0.9, nesterov=kind(flag), skip_nonfinite=kind(flag))
        assert optimizer.nesterov is optimizer.skip_nonfinite is optimizer.param_groups[0]["nesterov"] is flag
        optimizer.nesterov = kind(not flag)
        assert optimizer.nesterov is not flag


def test_repr_shows_the_settings():
    """As one would write them."""
    assert repr(optim.Adam([P], lr=0.05, decay=5e-7)) == "Adam(lr=0.05, decay=5e-07, betas=(0.9, 0.999), eps=1e-07)"


def test_an_optimizer_of_ones_own():
    """Two methods make one: sign descent."""

    class SignDescent(optim.Optimizer):
        def __init__(self, params, lr=0.1, decay=0.0):
            super().__init__(params, lr=lr, decay=decay)

        def state_names(self, group):
            return ()

        def update(self, group, lr, w, g, scratch, *state):
            w -= np.multiply(np.sign(g), lr, out=scratch[0])

    p = nn.Parameter([1.0, 2.0], dtype="float64")
    p.grad = [5.0, -3.0]
    SignDescent([p]).step()
    np.testing.assert_allclose(p.data, [0.9, 2.1])
    p.grad = [1.0, 1.0]
    half = type("Half", (optim.Optimizer,), {"state_names": lambda self, group: ()})([p], lr=0.1, decay=0.0)
    with pytest.raises(NotImplementedError, match="Half defines no update"):
        half.step()
    with pytest.raises(NotImplementedError, match="Optimizer defines no state_names"):
        optim.Optimizer([p], lr=0.1, decay=0.0).step()


@pytest.mark.parametrize("given", [[1.0, None], [1.0, 1.0]], ids=["one without a gradient", "all have one"])
def test_an_update_that_returns_what_it_should_write_is_refused(given):
    class Returns(optim.Optimizer):
        def state_names(self, group):
            return ()

        def update(self, group, lr, w, g, scratch):
            return w - lr * g

    parameters = [nn.Parameter([1.0, 2.0]) for _ in given]
    for p, g in zip(parameters, given, strict=True):
        p.grad = None if g is None else [g, g]
    with pytest.raises(UnsupportedError, match=r"writes into w, as in w -= lr \* g, and returns nothing"):
        Returns(parameters, lr=0.1, decay=0.0).step()


class Heavy(optim.Optimizer):
    """Momentum of one's own: hyperparameters that no optimizer of the package has."""

    def __init__(self, params, lr=0.1, mu=0.9, **others):
        super().__init__(params, lr=lr, mu=mu, **others)

    def state_names(self, group):
        return ("velocity",)

    def update(self, group, lr, w, g, scratch, *state):
        (v,) = state
        v *= group["mu"]
        v += g
        w -= np.multiply(v, lr, out=scratch[0])


def test_an_optimizer_of_ones_own_has_hyperparameters_of_its_own(tmp_path):
    """In groups, in files, after a change; decay is there and 0."""

    def made(mu):
        rng = np.random.default_rng(0)
        model = nn.Sequential(nn.Linear(2, 3, generator=rng), nn.Linear(3, 1, generator=rng))
        slow = {"params": [(f"1.{name}", p) for name, p in model[1].named_parameters()], "mu": mu}
        others = {"how": "gently", "window": (1, 2.5), "clip": None, "on": np.True_}
        first = {"params": [(f"0.{name}", p) for name, p in model[0].named_parameters()]}
        return model, Heavy([first, slow], mu=np.float32(0.5), **others)

    def steps(model, optimizer, n):
        for i in range(n):
            optimizer.zero_grad()
            (model(mg.full((4, 2), 1.0 + i)) ** 2).mean().backward()
            optimizer.step()
        return np.concatenate([p.data.ravel() for p in model.parameters()])

    model, optimizer = made(0.25)
    assert repr(made(0.5)[1]) == "Heavy(lr=0.1, mu=0.5, how='gently', window=(1, 2.5), clip=None, on=True, decay=0.0)"
    assert [group["mu"] for group in optimizer.param_groups] == [0.5, 0.25]
    steps(model, optimizer, 2)
    mg.save(tmp_path / "state", {"model": model.state_dict(), "optimizer": optimizer.state_dict()})
    again, of_again = made(0.1)
    state = mg.load(tmp_path / "state")
    again.load_state_dict(state["model"])
    of_again.load_state_dict(state["optimizer"])
    assert of_again.param_groups[1]["mu"] == 0.25
    optimizer.param_groups[0]["mu"] = of_again.param_groups[0]["mu"] = 0.75
    assert steps(model, optimizer, 2).tobytes() == steps(again, of_again, 2).tobytes()


@pytest.mark.parametrize("value", [np.ones(2), {"a": 1}, lambda step: 0.5, object(), [np.ones(1)], 1j])
def test_a_hyperparameter_that_no_state_dict_can_hold_is_refused(value):
    optimizer = Heavy([P])
    with pytest.raises(HyperparameterError, match="Heavy: mu is a number, a string, True, False, None or a tuple"):
        Heavy([P], mu=value)
    optimizer.param_groups[0]["mu"] = value
    with pytest.raises(HyperparameterError, match="Heavy: mu is a number"):
        optimizer.step()


def test_an_optimizer_without_a_rate_is_refused():
    with pytest.raises(HyperparameterError, match=r"Bare: every optimizer has a rate: write super\(\)"):
        type("Bare", (optim.Optimizer,), {})([P])


class OwnRates(optim.SGD):
    def rates(self, group):
        return super().rates(group) * 0.5


def test_rates_are_plain_where_no_function_of_the_users_is_called():
    def of(make=optim.SGD, lr=0.1):
        return make([nn.Parameter([1.0])], lr=lr)

    for plain in (of(), of(optim.Adam, np.float32(0.1)), of(lr=optim.schedules.cosine(0.1, steps=9))):
        assert plain.has_plain_rates()
    for name in ("rates", "rates_of", "_rate", "finish", "miss"):
        patched = of()
        setattr(patched, name, lambda *given: 0.1)
        assert not patched.has_plain_rates()
    for own in (of(lr=lambda step: 0.1), of(OwnRates)):
        assert not own.has_plain_rates()
