"""L-BFGS: its line search, its state, its limits. Compared with PyTorch's in tests/torch/test_optim.py."""

import copy
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import nn, optim
from minigrad.errors import HyperparameterError, StateError
from minigrad.optim.line_search import Point, strong_wolfe

WOLFE = {"line_search_fn": "strong_wolfe"}


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def closure_of(optimizer, f, *xs, seen=None):
    def closure():
        optimizer.zero_grad()
        loss = f(*xs)
        loss.backward()
        if seen is not None:
            seen.append(loss.item())
        return loss

    return closure


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_finds_the_minimum_in_the_valley(dtype):
    x = nn.Parameter([-1.2, 1.0, 0.5], dtype=dtype)
    optimizer = optim.LBFGS([x], **WOLFE)
    for _ in range(5):
        loss = optimizer.step(closure_of(optimizer, rosenbrock, x))
    np.testing.assert_allclose(x.data, 1, atol=1e-2 if dtype == "float32" else 1e-4)
    assert isinstance(loss, mg.Tensor)
    assert x.dtype == dtype
    assert all(array.dtype == dtype for array in optimizer.state_dict()["state"]["0"].values())


def test_a_quadratic_takes_as_many_iterations_as_it_has_dimensions():
    """With exact curvature pairs, up to the line search."""
    a = np.diag([1.0, 10.0, 100.0])
    x = nn.Parameter([1.0, 1.0, 1.0], dtype="float64")
    optimizer = optim.LBFGS([x], max_iter=25, max_eval=100, **WOLFE)
    optimizer.step(closure_of(optimizer, lambda x: (x @ a @ x) / 2, x))
    np.testing.assert_allclose(x.data, 0, atol=1e-6)
    assert optimizer.inner_iterations < 25


def test_the_result_is_that_of_the_first_call():
    x = nn.Parameter([3.0], dtype="float64")
    optimizer, seen = optim.LBFGS([x]), []
    loss = optimizer.step(closure_of(optimizer, lambda x: (x * x).sum(), x, seen=seen))
    assert loss.item() == 9 == seen[0]
    assert len(seen) > 1


def test_limits_of_iterations_and_evaluations():
    for settings, most in (({"max_iter": 1}, 1), ({"max_iter": 3}, 3), ({"max_eval": 6, **WOLFE}, 7)):
        x = nn.Parameter([-1.2, 1.0], dtype="float64")
        optimizer, seen = optim.LBFGS([x], lr=1e-3, **settings), []
        optimizer.step(closure_of(optimizer, rosenbrock, x, seen=seen))
        assert len(seen) <= most
        assert optimizer.iterations == 1


def test_at_the_minimum_nothing_happens():
    x = nn.Parameter([1.0, 1.0], dtype="float64")
    optimizer, seen = optim.LBFGS([x]), []
    optimizer.step(closure_of(optimizer, rosenbrock, x, seen=seen))
    assert (seen, x.data.tolist(), optimizer.inner_iterations) == ([0.0], [1, 1], 0)


def test_a_direction_that_does_not_descend_ends_the_step():
    """Of a pair of zero length nothing is learnt, and a slope of nearly 0 is no way down."""
    x = nn.Parameter([1e-6], dtype="float64")
    optimizer = optim.LBFGS([x], tolerance_grad=0.0)
    optimizer.step(closure_of(optimizer, lambda x: (x * x).sum(), x))
    assert x.data.tolist() == [1e-6]


def test_parameters_without_a_gradient_count_as_zero():
    x, y = nn.Parameter([3.0], dtype="float64"), nn.Parameter([5.0], dtype="float64")
    optimizer = optim.LBFGS([x, y], **WOLFE)
    optimizer.step(closure_of(optimizer, lambda x: (x * x).sum(), x))
    assert abs(x.item()) < 1e-6
    assert y.item() == 5


def test_a_schedule_and_decay():
    x = nn.Parameter([1.0, 2.0], dtype="float64")
    optimizer = optim.LBFGS([x], lr=optim.schedules.exponential(0.1, 0.5), decay=1.0, max_iter=2)
    for rate in (0.1, 0.025):
        optimizer.step(closure_of(optimizer, rosenbrock, x))
        assert math.isclose(optimizer.current_lr, rate)


@pytest.mark.parametrize("before", [0, 1, 3, 70])
@pytest.mark.parametrize("settings", [{}, {"history_size": 2, **WOLFE}])
def test_a_restored_run_goes_on_bit_for_bit(before, settings):
    def fresh(data=(-1.2, 1.0, 0.3)):
        x = nn.Parameter(np.array(data))
        return x, optim.LBFGS([("x", x)], lr=0.01 if "history_size" not in settings else 1.0, max_iter=3, **settings)

    x, optimizer = fresh()
    for _ in range(before):
        optimizer.step(closure_of(optimizer, rosenbrock, x))
    state = optimizer.state_dict()
    state = {**json.loads(json.dumps({**state, "state": None})), "state": copy.deepcopy(state["state"])}
    y, other = fresh(x.data.copy())
    other.load_state_dict(state)
    for _ in range(4):
        optimizer.step(closure_of(optimizer, rosenbrock, x))
        other.step(closure_of(other, rosenbrock, y))
        np.testing.assert_array_equal(x.data, y.data)
    assert (optimizer.pairs, optimizer.inner_iterations) == (other.pairs, other.inner_iterations)
    assert optimizer.pairs <= optimizer.param_groups[0]["history_size"]


def test_a_shorter_history_drops_the_oldest():
    x = nn.Parameter([-1.2, 1.0, 0.3, 0.7], dtype="float64")
    optimizer = optim.LBFGS([x], max_iter=6, **WOLFE)
    optimizer.step(closure_of(optimizer, rosenbrock, x))
    assert optimizer.pairs > 2
    optimizer.param_groups[0]["history_size"] = 2
    optimizer.step(closure_of(optimizer, rosenbrock, x))
    assert optimizer.pairs == 2
    assert sorted(optimizer.state_dict()["state"]["0"]) == ["gradient", "s_0", "s_1", "step", "y_0", "y_1"]


def test_a_state_with_too_few_pairs_is_refused():
    x = nn.Parameter([-1.2, 1.0], dtype="float64")
    optimizer = optim.LBFGS([("x", x)], max_iter=6, **WOLFE)
    optimizer.step(closure_of(optimizer, rosenbrock, x))
    state = optimizer.state_dict()
    with pytest.raises(StateError, match="x: missing s_"):
        optimizer.load_state_dict({**state, "pairs": state["pairs"] + 1})
    with pytest.raises(StateError, match=r"pairs is a whole number >= 0, got 1\.5"):
        optimizer.load_state_dict({**state, "pairs": 1.5})
    with pytest.raises(StateError, match="pairs is 1000000000000, and there are"):
        optimizer.load_state_dict({**state, "pairs": 10**12})
    assert optimizer.pairs == state["pairs"]


def test_data_assigned_between_steps_is_adopted():
    x = nn.Parameter([-1.2, 1.0], dtype="float64")
    optimizer = optim.LBFGS([x], **WOLFE)
    optimizer.step(closure_of(optimizer, rosenbrock, x))
    x.data = np.array([0.5, 0.5])
    for _ in range(5):
        optimizer.step(closure_of(optimizer, rosenbrock, x))
    np.testing.assert_allclose(x.data, 1, atol=1e-4)


def test_an_error_in_the_closure_leaves_the_weights_of_the_last_good_point():
    x = nn.Parameter([-1.2, 1.0], dtype="float64")
    optimizer, seen = optim.LBFGS([x], **WOLFE), []
    good = closure_of(optimizer, rosenbrock, x, seen=seen)

    def failing():
        if len(seen) == 1:
            raise KeyboardInterrupt
        return good()

    with pytest.raises(KeyboardInterrupt):
        optimizer.step(failing)
    assert x.data.tolist() == [-1.2, 1.0]
    for _ in range(8):
        optimizer.step(good)
    np.testing.assert_allclose(x.data, 1, atol=1e-4)


def test_a_loss_that_is_not_finite_ends_the_step():
    x = nn.Parameter([1.0], dtype="float64")
    optimizer, seen = optim.LBFGS([x]), []
    with np.errstate(all="ignore"):
        optimizer.step(closure_of(optimizer, lambda x: (x * np.inf).sum(), x, seen=seen))
    assert x.data.tolist() == [1]
    assert len(seen) == 1


def test_the_search_turns_back_where_the_loss_is_not_finite():
    """log of a negative number beyond x = 0, which a full step would reach."""
    x = nn.Parameter([0.3], dtype="float64")
    optimizer, seen = optim.LBFGS([x], lr=1.0, **WOLFE), []
    with np.errstate(all="ignore"):
        for _ in range(3):
            optimizer.step(closure_of(optimizer, lambda x: (4 * x - mg.log(x)).sum(), x, seen=seen))
    np.testing.assert_allclose(x.data, 0.25, rtol=1e-6)
    x.data[...] = 3.0
    optimizer = optim.LBFGS([x], lr=1.0, **WOLFE)
    with np.errstate(all="ignore"):
        for _ in range(5):
            optimizer.step(closure_of(optimizer, lambda x: (400 * x - 100 * mg.log(x)).sum(), x, seen=seen))
    np.testing.assert_allclose(x.data, 0.25, rtol=1e-6)


def test_a_graph_across_a_step_is_refused():
    x = nn.Parameter([-1.2, 1.0], dtype="float64")
    optimizer = optim.LBFGS([x])
    loss = rosenbrock(x)
    optimizer.step(closure_of(optimizer, rosenbrock, x))
    with pytest.raises(mg.errors.GraphError, match="data changed between forward and backward"):
        loss.backward()


def test_one_group_of_one_dtype():
    p, q = nn.Parameter([1.0]), nn.Parameter([1.0], dtype="float64")
    with pytest.raises(HyperparameterError, match=r"one group of parameters of one dtype.*got 2 groups"):
        optim.LBFGS([{"params": [p]}, {"params": [nn.Parameter([1.0])]}])
    with pytest.raises(HyperparameterError, match=r"1 groups of dtypes \['float32', 'float64'\]"):
        optim.LBFGS([p, q])
    with pytest.raises(TypeError, match="closure"):
        optim.LBFGS([p]).step()


# -- the line search by itself -----------------------------------------------------------------

CURVES = {
    "parabola": (lambda t: (t - 1) ** 2, lambda t: 2 * (t - 1)),
    "far away": (lambda t: (t - 300) ** 2, lambda t: 2 * (t - 300)),
    "near": (lambda t: (t - 1e-3) ** 2, lambda t: 2 * (t - 1e-3)),
    "quartic": (lambda t: (t - 2) ** 4, lambda t: 4 * (t - 2) ** 3),
    "wave": (lambda t: -math.sin(t), lambda t: -math.cos(t)),
    "wall": (lambda t: -t if t < 0.7 else math.inf, lambda t: -1.0 if t < 0.7 else math.nan),
    "well": (lambda t: -t / (t * t + 2), lambda t: (t * t - 2) / (t * t + 2) ** 2),
}


@pytest.mark.parametrize("name", CURVES)
@given(st.floats(1e-3, 1e3))
def test_what_is_found_fulfils_the_conditions(name, first):
    """Or is at least better than where it began, when it gave up."""
    f, slope = CURVES[name]
    start = Point(0.0, f(0), np.zeros(1), slope(0))
    tried = []

    def at(t):
        tried.append(t)
        return Point(t, f(t), np.zeros(1), slope(t))

    found, tries = strong_wolfe(at, start, first, smallest=1e-9, limit=40)
    assert len(tried) == tries <= 41
    assert found.loss == f(found.t) <= start.loss
    enough = found.loss <= start.loss + 1e-4 * found.t * start.slope
    flat = abs(found.slope) <= 0.9 * abs(start.slope)
    assert (enough and flat) or tries == 41 or name == "wall"


def test_a_search_that_may_not_look_far_takes_the_better_point():
    f, slope = CURVES["far away"]
    start = Point(0.0, f(0), np.zeros(1), slope(0))
    found, tries = strong_wolfe(lambda t: Point(t, f(t), np.zeros(1), slope(t)), start, 1e-6, smallest=1e-9, limit=1)
    assert tries == 2
    assert 0 < found.t < 300
    worse, _ = strong_wolfe(lambda t: Point(t, 1e9, np.zeros(1), -1e6), start, 1e-6, smallest=1e-9, limit=0)
    assert worse.t == 0


def test_points_of_which_no_cubic_has_a_minimum_are_halved():
    """Both slopes the same, and a difference that needs no bend."""
    start = Point(0.0, 0.0, np.zeros(1), -1.0)
    seen = []

    def at(t):
        seen.append(t)
        return Point(t, 1.0, np.zeros(1), -1.0)

    strong_wolfe(at, start, 1.0, smallest=0.2, limit=10)
    assert seen[0] == 1.0
    assert all(0 < t <= 1 for t in seen)


@pytest.mark.parametrize("steep", [2.0, 5.0, 100.0, 1e6])
@pytest.mark.parametrize("kink", [0.01, 0.3, 0.9])
def test_a_kink_has_no_flat_point_but_is_found(steep, kink):
    """The interpolation keeps to one end there, until it is pushed off."""
    seen = []

    def at(t):
        seen.append(t)
        return Point(t, -t if t < kink else -kink + steep * (t - kink), np.zeros(1), -1.0 if t < kink else steep)

    found, tries = strong_wolfe(at, Point(0.0, 0.0, np.zeros(1), -1.0), 1.0, smallest=1e-9, limit=25)
    assert abs(found.t - kink) < 0.01 * kink
    assert len(seen) == tries <= 26
