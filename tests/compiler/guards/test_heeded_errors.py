"""Errors of arithmetic that NumPy is told to raise: a program raises them as the step as it is written does."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.data import DataLoader
from minigrad.train import Trainer

BACKENDS = [
    "numpy",
    pytest.param("native", marks=pytest.mark.native),
    pytest.param("jax", marks=pytest.mark.jax),
]
#: The third, which would be the first replay, and two later ones divide by 0.
CALLS = [np.arange(4.0, dtype="float32") + (k not in (2, 6, 9)) for k in range(11)]


def training(inside="warn"):
    """A step that divides, and its weights."""
    w = mg.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    optimizer = optim.SGD([w], lr=0.1, momentum=0.9)

    def step(x):
        with np.errstate(divide=inside) if inside else np.errstate():
            loss = (w / x).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

    return step, w


def outcomes(step, w):
    """What each call gives, NaN for an error, and the weights behind it."""
    rows = []
    for x in CALLS:
        try:
            loss = step(mg.tensor(x)).item()
        except FloatingPointError:
            loss = np.nan
        rows.append([loss, *w.data])
    return np.array(rows)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("inside", [False, True])
def test_an_error_is_raised_and_no_weight_is_touched(inside, backend):
    with np.errstate(divide="warn" if inside else "raise"):
        step, w = training("raise" if inside else "")
        expected = outcomes(step, w)
        step, w = training("raise" if inside else "")
        compiled = mg.compile(step, backend=backend)
        np.testing.assert_allclose(outcomes(compiled, w), expected, rtol=1e-5)
    assert np.isnan(expected[:, 0]).sum() == 3
    assert compiled.stats()["replayed"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_step_that_trains_hears_of_it_later(backend):
    def run(compiles):
        step, w = training("")
        step = compiles(step)
        for _ in range(4):
            step(mg.tensor(CALLS[0]))
        with np.errstate(divide="raise"):
            rows = outcomes(step, w)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.concatenate([rows, outcomes(step, w)])

    compiled = run(lambda step: mg.compile(step, backend=backend))
    np.testing.assert_allclose(compiled, run(lambda step: step), rtol=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("outside", [False, True])
def test_a_step_that_handles_the_error_goes_on(outside, backend):
    def step(x):
        try:
            with np.errstate() if outside else np.errstate(divide="raise"):
                return (1 / x).sum()
        except FloatingPointError:
            return (x * 0).sum() - 1

    with np.errstate(divide="raise" if outside else "ignore"):
        compiled = mg.compile(step, backend=backend)
        for x in CALLS:
            assert compiled(mg.tensor(x)).item() == pytest.approx(step(mg.tensor(x)).item())


@pytest.mark.parametrize("outside", [False, True])
def test_a_function_that_numpy_calls_is_called_as_often(outside):
    """What it appends is no part of a program, which would append it in each run."""

    def run(wrapped):
        said = []

        def step(x):
            with np.errstate() if outside else np.errstate(divide="call", call=lambda *what: said.append(what)):
                return (1 / x).sum()

        compiled, counts = wrapped(step), []
        with np.errstate(divide="call" if outside else "warn", call=lambda *what: said.append(what)):
            for divides in (True, True, False, False, True, False):
                compiled(mg.tensor(np.arange(4.0, dtype="float32") + (not divides)))
                counts.append(len(said))
        return counts

    assert run(lambda step: mg.compile(step, backend="numpy")) == run(lambda step: step)


@pytest.mark.native
def test_a_fit_is_stopped_by_it():
    x = np.ones((64, 3), "float32")
    x[40] = 1e30

    def run(compile):
        model = nn.Sequential(nn.Linear(3, 1, generator=np.random.default_rng(0)))
        trainer = Trainer(model, optim.SGD(model.parameters(), lr=0.01), nn.MSELoss(), compile=compile)
        with np.errstate(over="raise"), pytest.raises(FloatingPointError):
            trainer.fit(DataLoader((x, x[:, :1]), 4), 1, progress="none")
        return trainer.step, [p.data for p in model.parameters()]

    (steps, weights), (expected, others) = run("native"), run(False)
    assert steps == expected == 10
    for one, other in zip(weights, others, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)
