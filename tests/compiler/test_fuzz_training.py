"""Some runs of the fuzzer of training loops (``python -m tests.compiler.fuzz_training`` has more): would it notice?"""

import pytest

from minigrad.compiler.guards.guard_set import Guards
from tests.compiler import fuzz_steps
from tests.compiler.fuzz_training import Run


@pytest.fixture(autouse=True)
def _globals_as_they_were():
    yield
    fuzz_steps.SCALE, fuzz_steps.TABLE[...], fuzz_steps.penalty.factor = 1.0, 1.0, 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("first", [0, 10, 30, 40])
def test_compiled_training_is_training_as_it_is_written(first):
    runs = [Run(seed).made() for seed in range(first, first + 10)]
    assert not [str(run) for run in runs if run.outcome != "same"]
    assert sum(run.replayed for run in runs) > 60
    assert sum(run.error is None for run in runs) >= 8


@pytest.mark.slow
def test_a_program_that_is_not_guarded_is_noticed(monkeypatch):
    monkeypatch.setattr(Guards, "holding", lambda self, *more: lambda: True)
    outcomes = [Run(seed).made().outcome for seed in range(6)]
    assert "wrong" in outcomes
