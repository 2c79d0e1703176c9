"""Schedules: their curves at 0, at the end and beyond, as data, and in optimizers."""

import copy
import inspect
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad import nn, optim
from minigrad.errors import HyperparameterError
from minigrad.optim import schedules

# schedule -> {step: rate}
CURVES = {
    schedules.inverse_time(0.5, 0.25): {0: 0.5, 1: 0.4, 4: 0.25, 10**9: 0.5 / (1 + 0.25e9)},
    schedules.exponential(0.5, 0.1): {0: 0.5, 1: 0.05, 2: 0.005, 10**6: 0.0},
    schedules.step(1.0, 3, 0.5): {0: 1, 2: 1, 3: 0.5, 5: 0.5, 6: 0.25},
    schedules.multi_step(1.0, [2, 3]): {0: 1, 1: 1, 2: 0.1, 3: 0.01, 99: 0.01},
    schedules.multi_step(1.0, []): {0: 1, 99: 1},
    schedules.piecewise((2, 5), (0.1, 0.3, 0.0)): {0: 0.1, 1: 0.1, 2: 0.3, 4: 0.3, 5: 0, 99: 0},
    schedules.polynomial(1.0, 4): {0: 1, 1: 0.75, 4: 0, 5: 0, 99: 0},
    schedules.polynomial(1.0, 4, power=2, end=0.2): {0: 1, 2: 0.4, 4: 0.2, 99: 0.2},
    schedules.cosine(1.0, 4): {0: 1, 2: 0.5, 4: 0, 5: 0, 99: 0},
    schedules.cosine(1.0, 4, end=0.5): {0: 1, 2: 0.75, 4: 0.5, 99: 0.5},
    schedules.cosine_restarts(1.0, 4): {0: 1, 2: 0.5, 4: 1, 6: 0.5, 4 * 10**9 + 2: 0.5},
    schedules.cosine_restarts(1.0, 2, growth=2): {0: 1, 1: 0.5, 2: 1, 4: 0.5, 6: 1, 10: 0.5, 14: 1, 2 * (2**40 - 1): 1},
    schedules.linear_warmup(1.0, 4): {0: 0, 1: 0.25, 3: 0.75, 4: 1, 99: 1},
    schedules.linear_warmup(schedules.cosine(1.0, 4), 2, start=0.5): {0: 0.5, 1: 0.75, 2: 1, 4: 0.5, 6: 0, 99: 0},
    schedules.one_cycle(1.0, 20, pct_start=0.5, div_factor=4, final_div_factor=5): {0: 0.25, 9: 1, 14: 0.525, 19: 0.05},
    schedules.one_cycle(1.0, 1): {0: 1 / 25 / 1e4, 1: 1 / 25 / 1e4},
}  # fmt: skip


@pytest.mark.parametrize("schedule", CURVES, ids=str)
def test_the_curve(schedule):
    for step, rate in CURVES[schedule].items():
        assert math.isclose(schedule(step), rate, rel_tol=1e-9, abs_tol=1e-12), step
        assert type(schedule(step)) in (float, int)


def test_every_schedule_has_a_curve():
    assert {schedule.name for schedule in CURVES} == set(schedules.TABLE)


@pytest.mark.parametrize("schedule", CURVES, ids=str)
def test_it_is_data(schedule):
    """It can be printed and read again, compared, hashed, copied, and written as JSON."""
    assert eval(repr(schedule), {name: getattr(schedules, name) for name in schedules.TABLE}) == schedule
    assert schedules.schedule_from(json.loads(json.dumps(schedule.state_dict()))) == schedule
    assert copy.deepcopy(schedule) == schedule
    assert hash(schedule) == hash(schedules.schedule_from(schedule.state_dict()))
    with pytest.raises(AttributeError):
        schedule.name = "other"


@pytest.mark.parametrize("name", schedules.TABLE)
def test_the_functions_are_documented_with_their_numbers(name):
    make = getattr(schedules, name)
    assert make.__doc__ == schedules.TABLE[name].__doc__
    assert list(inspect.signature(make).parameters) == [*inspect.signature(schedules.TABLE[name]).parameters][1:]


RATE = st.floats(0, 10)
STEPS = st.integers(1, 50)
ANY = st.one_of(
    st.builds(schedules.inverse_time, RATE, RATE),
    st.builds(schedules.exponential, RATE, st.floats(0, 1)),
    st.builds(schedules.step, RATE, STEPS, st.floats(0, 1)),
    st.builds(schedules.polynomial, RATE, STEPS, st.floats(0.1, 4), RATE),
    st.builds(schedules.cosine, RATE, STEPS, RATE),
    st.builds(schedules.cosine_restarts, RATE, STEPS, st.integers(1, 3), RATE),
    st.builds(schedules.linear_warmup, st.one_of(RATE, st.builds(schedules.cosine, RATE, STEPS)), STEPS, RATE),
    st.builds(schedules.one_cycle, RATE, STEPS, st.floats(0.01, 0.99), st.floats(1, 30), st.floats(1, 1e4)),
)


@given(ANY, st.integers(0, 200))
def test_it_is_a_pure_function_between_its_numbers(schedule, step):
    """The same each time, finite, and never outside of the rates that it was given."""
    rate = schedule(step)
    assert rate == schedule(step)
    text = json.dumps(schedule.state_dict())
    given_rates = [v for k, v in _numbers(json.loads(text)) if k in ("lr", "start", "end", "then")]
    top = max([*given_rates, 0.0])
    assert 0 <= rate <= top * (1 + 1e-12)
    assert schedules.schedule_from(json.loads(text))(step) == rate


def _numbers(tree):
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _numbers(value)
        else:
            yield key, value


BAD = [
    (lambda: schedules.cosine(-0.1, 5), "schedules.cosine: lr is a finite number >= 0, such as 0.1; got -0.1"),
    (lambda: schedules.cosine(math.nan, 5), "lr is a finite number"),
    (lambda: schedules.cosine(0.1, 0), "steps is a whole number >= 1, such as 1000; got 0"),
    (lambda: schedules.cosine(0.1, 2.5), "steps is a whole number"),
    (lambda: schedules.cosine(0.1, True), "steps is a whole number"),
    (lambda: schedules.cosine(0.1), "missing a required argument: 'steps'; it takes (lr: 'float', steps: 'int', end"),
    (lambda: schedules.cosine(0.1, 5, 0.0, 1), "too many positional arguments"),
    (lambda: schedules.cosine(0.1, steps=5, t=3), "multiple values for argument 't'"),
    (lambda: schedules.exponential(0.1, -1), "gamma is a finite number >= 0"),
    (lambda: schedules.step(0.1, 0), "every is a whole number >= 1"),
    (lambda: schedules.multi_step(0.1, [3, 3]), "milestones is a list of whole numbers >= 1 that increase"),
    (lambda: schedules.multi_step(0.1, [5, 3]), "that increase"),
    (lambda: schedules.multi_step(0.1, [0]), "milestones is"),
    (lambda: schedules.multi_step(0.1, 3), "milestones is"),
    (lambda: schedules.piecewise([3], [0.1]), "around 1 milestones there are 2 values, got 1"),
    (lambda: schedules.piecewise([3], [0.1, -1]), "values is a list of finite numbers >= 0"),
    (lambda: schedules.polynomial(0.1, 5, 0), "power is a finite number > 0"),
    (lambda: schedules.cosine_restarts(0.1, 5, 0), "growth is a whole number >= 1"),
    (lambda: schedules.linear_warmup(lambda t: 0.1, 5), "another of these schedules (a function of one's own cannot"),
    (lambda: schedules.linear_warmup(nn.Linear(1, 1), 5), "another of these schedules"),
    (lambda: schedules.one_cycle(0.1, 5, 1.0), "pct_start is a number in (0, 1)"),
    (lambda: schedules.one_cycle(0.1, 5, div_factor=0), "div_factor is a finite number > 0"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "message"), BAD)
def test_wrong_numbers_are_refused(make, message):
    with pytest.raises(HyperparameterError) as caught:
        make()
    assert message in str(caught.value)


# -- in an optimizer ------------------------------------------------------------------------------


def test_the_rate_in_use_and_the_schedule_are_seen():
    p, schedule = nn.Parameter([1.0]), schedules.polynomial(0.5, 4)
    optimizer = optim.SGD([p], lr=schedule)
    assert (optimizer.lr, optimizer.current_lr) == (schedule, 0.5)
    assert repr(optimizer).startswith("SGD(lr=polynomial(lr=0.5, steps=4, power=1.0, end=0.0), momentum=0.0")
    seen = []
    for _ in range(6):
        p.grad = [1.0]
        before = p.item()
        optimizer.step()
        seen.append(optimizer.current_lr)
        assert p.item() == np.float32(before) - np.float32(seen[-1])
    assert seen == [0.5, 0.375, 0.25, 0.125, 0, 0]
    optimizer.lr = 0.125
    p.grad = [1.0]
    optimizer.step()
    assert optimizer.current_lr == 0.125


def test_inverse_time_is_what_decay_does():
    """To the last bit."""
    rng = np.random.default_rng(0)
    p, q = (nn.Parameter(np.arange(5.0)) for _ in "ab")
    one, other = optim.Adam([p], lr=0.05, decay=1e-3), optim.Adam([q], lr=schedules.inverse_time(0.05, 1e-3))
    for _ in range(50):
        p.grad = q.grad = rng.normal(size=5)
        one.step()
        other.step()
        np.testing.assert_array_equal(p.data, q.data)
        assert one.current_lr == other.current_lr


def test_decay_multiplies_a_schedule():
    optimizer = optim.SGD([nn.Parameter([1.0])], lr=schedules.step(0.5, 1, 0.5), decay=1.0)
    for rate in (0.5, 0.125, 0.125 / 3):
        optimizer.step()
        assert math.isclose(optimizer.current_lr, rate)


def test_each_group_has_a_schedule_of_its_own():
    p, q = nn.Parameter([0.0]), nn.Parameter([0.0])
    groups = [{"params": [p], "lr": schedules.exponential(1.0, 0.5)}, {"params": [q]}]
    optimizer = optim.SGD(groups, lr=lambda t: 1.0 * t)
    for _ in range(3):
        p.grad = q.grad = [1.0]
        optimizer.step()
    assert (p.item(), q.item(), optimizer.current_lr) == (-1.75, -3, 0.25)


@pytest.mark.parametrize("number", [1, np.float64(0.5), np.float32(0.25)])
def test_a_function_may_give_any_number_and_weights_stay_float32(number):
    p = nn.Parameter([1.0])
    optimizer = optim.Adam([p], lr=lambda t: number)
    p.grad = [1.0]
    optimizer.step()
    assert p.dtype == np.float32
    assert (optimizer.current_lr, type(optimizer.current_lr)) == (number, float)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -0.1, None, "0.1", np.ones(1), True])
def test_what_is_no_rate_is_refused_with_its_step(bad):
    """Nothing has changed then."""
    p = nn.Parameter([1.0])

    def falls(t):
        return 0.5 if t < 1 else bad

    optimizer = optim.SGD([p], lr=falls)
    p.grad = [1.0]
    optimizer.step()
    with pytest.raises(
        HyperparameterError, match=r"SGD: the schedule <function .*falls.* gave .* in step 1; a rate is"
    ):
        optimizer.step()
    assert (p.item(), optimizer.iterations) == (0.5, 1)
    with pytest.raises(HyperparameterError, match=r"gave .* in step 0"):
        optim.SGD([p], lr=lambda t: bad)


def test_a_bad_rate_of_one_group_leaves_the_others_alone():
    p, q = nn.Parameter([1.0]), nn.Parameter([1.0])
    groups = [{"params": [p]}, {"params": [q], "lr": lambda t: 1.0 if t < 1 else -1.0}]
    optimizer = optim.SGD(groups, lr=schedules.step(1.0, 1))
    for _ in range(2):
        p.grad = q.grad = [1.0]
        if optimizer.iterations:
            with pytest.raises(HyperparameterError, match=r"gave -1\.0 in step 1"):
                optimizer.step()
        else:
            optimizer.step()
    assert (p.item(), q.item(), optimizer.iterations, optimizer.current_lr) == (0, 0, 1, 1)


def test_a_rate_beyond_all_floats_is_refused():
    p = nn.Parameter([1.0])
    optimizer = optim.SGD([p], lr=schedules.exponential(1.0, 1e200))
    optimizer.step()
    optimizer.step()
    with pytest.raises(HyperparameterError, match="gave inf in step 2"):
        optimizer.step()
