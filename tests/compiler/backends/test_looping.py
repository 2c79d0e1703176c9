"""Which programs loop in machine code, and what their loop leaves."""

import random

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")

import minigrad as mg
from minigrad import nn, optim
from minigrad.compiler.backends import looping
from minigrad.optim import schedules

pytestmark = pytest.mark.native

IN_MACHINE_CODE = "repeats in machine code"


def training(lr=0.1, of=optim.Adam, layers=tuple, more=lambda loss, _: loss, clips=False, averages=False):
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(2, 8, generator=rng), *layers(), nn.Tanh(), nn.Linear(8, 3, generator=rng))
    optimizer, loss_fn = of(model.parameters(), lr=lr), nn.CrossEntropyLoss()

    average = optim.EMA(model, 0.9) if averages else None

    @mg.compile(backend="native", audit=False)
    def step(x, y):
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        if clips:
            optim.clip_grad_norm_(model.parameters(), 0.1)
        optimizer.step()
        if averages:
            average.update()
        return more(loss, optimizer)

    x = np.random.default_rng(1).standard_normal((30, 2)).astype("float32")
    return step, (mg.tensor(x), np.arange(30) % 3), model, optimizer


@pytest.mark.parametrize("of", [optim.SGD, optim.AdaGrad, optim.RMSProp, optim.Adam])
@pytest.mark.parametrize("lr", [0.1, schedules.cosine(0.1, steps=9)], ids=["number", "schedule"])
def test_a_step_of_a_small_classifier_is_a_loop(of, lr):
    step, batch, _, optimizer = training(lr, of)
    step.repeat(5, *batch)
    assert step.stats()[IN_MACHINE_CODE]
    assert step.stats()["recorded"] + step.stats()["replayed"] == optimizer.iterations == 5


STEPS = {
    "batch norm": {"layers": lambda: [nn.BatchNorm1d(8)]},
    "layer norm": {"layers": lambda: [nn.LayerNorm(8)]},
    "gelu": {"layers": lambda: [nn.GELU()]},
    "elu": {"layers": lambda: [nn.ELU()]},
    "gradients are looked at": {"of": lambda p, lr: optim.SGD(p, lr=lr, skip_nonfinite=True)},
    "gradients are clipped": {"clips": True},
    "averages of weights": {"averages": True},
    "a drawing layer": {"layers": lambda: [nn.Dropout(0.2)]},
    "two more generators": {"more": lambda loss, _: (loss * SECOND.normal(size=3) * THIRD.random()).sum()},
}
SECOND, THIRD = np.random.default_rng(5), random.Random(6)


@pytest.mark.parametrize("name", STEPS)
def test_what_steps_are_made_of_is_machine_code(name):
    made = []
    for repeats in (False, True):
        mg.manual_seed(0)
        SECOND.bit_generator.state, _ = np.random.default_rng(5).bit_generator.state, THIRD.seed(6)
        step, batch, model, optimizer = training(**STEPS[name])
        found = step.repeat(70, *batch).data if repeats else np.array([step(*batch).item() for _ in range(70)])
        assert step.stats()[IN_MACHINE_CODE]
        drawn = [mg.random.default_generator().random(), SECOND.random(), THIRD.random()]
        made.append([found, optimizer.iterations, *model.state_dict().values(), drawn])
    for one, other in zip(*made, strict=True):
        np.testing.assert_array_equal(one, other)


OTHERS = {
    "a schedule of the user's": {"lr": lambda step: 0.1},
    "a product that BLAS does": {"layers": lambda: [nn.Linear(8, 400), nn.Tanh(), nn.Linear(400, 8)]},
}


@pytest.mark.parametrize("name", OTHERS)
def test_where_python_comes_in_between_the_loop_is_pythons(name):
    step, batch, *_ = training(**OTHERS[name])
    step.repeat(5, *batch)
    assert not step.stats()[IN_MACHINE_CODE]


@pytest.mark.parametrize("repeats", [False, True])
def test_what_is_drawn_for_steps_that_are_not_made_goes_back(repeats):
    step, (x, y), *_ = training(layers=lambda: [nn.Dropout(0.2)], lr=0.0)
    xs, ys = mg.tensor(np.stack([x.data] * 40)), np.stack([y] * 40)
    ys[30, 7] = 3  # no class
    mg.manual_seed(0)
    with pytest.raises(mg.errors.TargetError):
        step.repeat(40, xs, ys, each=True) if repeats else [step(x, y) for y in ys]
    assert step.stats()["replayed"] >= 27
    assert step.stats()[IN_MACHINE_CODE]
    following = mg.random.default_generator().random()
    mg.manual_seed(0)
    for _ in range(31):  # the step that fails has drawn, as it is written
        mg.random.mask(None, (30, 8), 0.8, np.float32)
    assert mg.random.default_generator().random() == following


def test_rates_are_those_of_each_step():
    other = optim.SGD([mg.tensor([1.0], requires_grad=True)], lr=0.25)

    def more(loss, optimizer):
        return loss, optimizer.current_lr, other.current_lr

    schedule = schedules.cosine(0.1, steps=90)
    step, batch, *_ = training(schedule, more=more)
    _, rates, others = step.repeat(80, *batch)
    assert step.stats()[IN_MACHINE_CODE]
    np.testing.assert_array_equal(rates, [schedule(k) for k in range(80)])
    np.testing.assert_array_equal(others, [0.25] * 80)
    assert rates.dtype == others.dtype == np.float64


def test_a_count_is_read_before_each_step():
    step, batch, *_ = training(more=lambda loss, optimizer: (loss, optimizer.iterations))
    np.testing.assert_array_equal(step.repeat(20, *batch)[1], np.arange(1, 21))
    assert not step.stats()[IN_MACHINE_CODE]


def test_one_native_call_makes_many_steps(monkeypatch):
    counts = []
    run = looping.Looped._run
    monkeypatch.setattr(looping.Looped, "_run", lambda self, n, *rest: counts.append(n) or run(self, n, *rest))
    step, batch, _, optimizer = training()
    step.repeat(200, *batch)
    step.repeat(200, *batch)
    assert sum(counts) == 400 - 2
    assert max(counts) == 64  # tiny state is looked at every 64 steps
    assert len(counts) <= 400 // 64 + 6
    optimizer.lr = lambda step: 0.01  # which may look at anything
    step.repeat(9, *batch)
    assert sum(counts) == 398
    assert optimizer.iterations == 409


def test_gradients_are_nobodys_after_it():
    step, batch, model, _ = training()
    step.repeat(9, *batch)
    kept = [p.grad for p in model.parameters()]
    copies = [g.copy() for g in kept]
    step.repeat(9, *batch)
    for g, copy, p in zip(kept, copies, model.parameters(), strict=True):
        np.testing.assert_array_equal(g, copy)
        assert not np.shares_memory(g, p.grad)
        assert g.flags.writeable


def test_results_with_axes_in_every_layout():
    w = mg.tensor(np.arange(6.0).reshape(2, 3))

    def f(x):
        w.data *= 0.5
        z = w * x
        return z, z.sum(0), (z.T + 1).sum(), mg.exp(z.T)

    compiled, x = mg.compile(f, backend="native", audit=False), np.ones((2, 3))
    found = compiled.repeat(7, x)
    assert compiled.stats()[IN_MACHINE_CODE]
    w.data[...] = np.arange(6.0).reshape(2, 3)
    fresh = mg.compile(f, backend="native", audit=False)
    for k in range(7):
        for all_of_them, one in zip(found, fresh(x), strict=True):
            np.testing.assert_array_equal(all_of_them.data[k], one.data)


def test_numbers_are_arguments_of_the_loop():
    compiled = mg.compile(lambda x, n: mg.exp(x * n) + n, backend="native", audit=False)
    for n in (1.0, 2.0, 2.0, 3.0, 4.0):
        x = np.linspace(0, 1, 4)
        np.testing.assert_allclose(compiled.repeat(5, x, n), [np.exp(x * n) + n] * 5, rtol=1e-12)
    assert compiled.stats()[IN_MACHINE_CODE]


def test_without_memory_the_steps_before_are_counted(monkeypatch):
    step, batch, _, optimizer = training()
    step.repeat(5, *batch)
    run = looping.Looped._run

    def failing(self, n, *rest):
        run(self, n - 2, *rest)
        return 1

    monkeypatch.setattr(looping.Looped, "_run", failing)
    with pytest.raises(MemoryError, match="no memory"):
        step.repeat(12, *batch)
    assert optimizer.iterations == 15


@pytest.mark.parametrize("place", ["_draws", "_places", "_run"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_what_is_drawn_goes_back_where_an_error_comes_before_the_steps(place, error, monkeypatch):
    made, real = [], vars(looping.Looped)[place]
    for fails in (False, True):
        mg.manual_seed(0)
        step, batch, model, optimizer = training(layers=lambda: [nn.Dropout(0.2)])
        step.repeat(4, *batch)

        def failing(self, *args):
            if place == "_draws":
                real(self, *args)
                monkeypatch.undo()
            raise error

        if fails:
            monkeypatch.setattr(looping.Looped, place, failing)
            with pytest.raises(error):
                step.repeat(20, *batch)
            monkeypatch.undo()
            assert optimizer.iterations == 4
        losses = step.repeat(20, *batch)
        made.append([losses.data, *model.state_dict().values(), mg.random.default_generator().random()])
    for one, other in zip(*made, strict=True):
        np.testing.assert_array_equal(one, other)
