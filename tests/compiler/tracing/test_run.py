"""One recorded run: its program gives what the function gives, and its frame keeps nothing."""

import gc

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.compiler import compiled
from minigrad.compiler.backends.numpy import build
from minigrad.compiler.program import ARGUMENT
from minigrad.compiler.tracing.recorded_array import Recorded
from minigrad.compiler.tracing.run import recorded_run
from minigrad.errors import CompileError

X = np.float32([1.0, 2.0, -3.0])


@pytest.fixture
def runs(monkeypatch):
    """The programs and results of all recorded runs."""
    seen = []

    def noted(*args):
        seen.append(recorded_run(*args))
        return seen[-1]

    monkeypatch.setattr(compiled, "recorded_run", noted)
    return seen


def test_two_runs_make_the_program_that_gives_the_result(runs):
    def step(x, *, parts):
        return (x * 2 + parts["y"]).sum()

    function = mg.compile(step, backend="numpy")
    for _ in range(4):
        expected = function(mg.tensor(X), parts={"y": mg.tensor(X)})
    assert len(runs) == 2  # the others were replays
    for program, result in runs:
        assert [value.shape for value in program.of_kind(ARGUMENT)] == [(3,), (3,)]
        (total,) = build(program.calls, program).run(X, X)
        assert total == expected.data == result.data


def test_an_error_of_the_step_comes_out_as_it_is_and_nothing_is_recorded(runs):
    def step(x):
        raise LookupError(f"nothing of {x.shape}")

    with pytest.raises(LookupError, match=r"nothing of \(3,\)"):
        mg.compile(step, backend="numpy")(mg.tensor(X))
    assert runs == []


def test_arrays_of_the_recording_are_gone_with_the_frame(runs):
    gc.collect()
    before = {id(x) for x in gc.get_objects() if isinstance(x, Recorded)}
    function = mg.compile(lambda x: (x * 2).exp() + 1, backend="numpy")
    function(mg.tensor(X))
    assert len(runs) == 1
    gc.collect()
    assert not [x for x in gc.get_objects() if isinstance(x, Recorded) and id(x) not in before]


def test_an_optimizer_that_is_new_in_the_step_is_no_refusal_but_a_leaf_that_stays_frozen_is():
    w = nn.Parameter(X.copy())
    optimizer = optim.SGD([w], lr=0.1)

    def step(x):
        w.requires_grad = False
        w.requires_grad = True
        optimizer.zero_grad()
        (w * x).sum().backward()
        optimizer.step()

    function = mg.compile(step, backend="numpy")
    for _ in range(4):
        function(mg.tensor(X))
    np.testing.assert_allclose(w.data, X - 0.4 * X, rtol=1e-6)
    assert function.stats()["replayed"] == 2


def test_what_a_recorded_array_cannot_say_is_refused_in_the_run(runs):
    with pytest.raises(CompileError):
        mg.compile(lambda x: x * len(str(x.data)), backend="numpy")(mg.tensor(X))
    assert runs == []


def entered(x):
    with mg.detect_anomaly():
        return x * 2


OUTSIDE = mg.tensor([1.0])
AVERAGE = optim.EMA(nn.Linear(1, 1), 0.9)


def written(x):
    OUTSIDE[0] = 5.0
    return x * 2


def exchanged(x):
    with AVERAGE.applied():
        return x * 2


@pytest.mark.parametrize("refused", [entered, written, exchanged])
def test_a_refusal_that_the_step_catches_is_raised_all_the_same(refused):
    """The step would go on as if it were written otherwise, from the first call on."""

    def step(x):
        try:
            return refused(x)
        except Exception:  # noqa: BLE001 - as users do
            return x * 3

    compiled = mg.compile(step, backend="numpy")
    for _ in range(3):
        with pytest.raises(CompileError):
            compiled(mg.tensor([1.0]))
