"""Recordings that wait for a second one like them."""

import functools

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.compiler.tracing.trace_comparison import same_bits
from minigrad.errors import CompileError
from tests.compiler.refusing import refused


def test_a_name_that_changes_in_every_call():
    count = ""

    def step(x):
        nonlocal count
        count += "a"
        return x * 2

    refused(step, "changes count", calls=20)


def _trained(model, optimizer, setting, x, y):
    model.train()
    setting["how"], setting["seen"] = "training", None
    optimizer.zero_grad()
    loss = ((model(x) - y) ** 2).mean()
    loss.backward()
    optimizer.step()
    return loss


def _evaluated(model, _, setting, x, y):
    model.eval()
    setting["how"], setting["seen"] = "evaluation", True
    return ((model(x) - y) ** 2).mean().detach()


@pytest.mark.parametrize("order", ["te", "tte", "tttee", "etet", "ttttttte"])
def test_training_and_evaluation_set_the_mode_in_turns(order):
    def made(compiled):
        own = np.random.default_rng(0)
        model = nn.Sequential(
            nn.Linear(3, 4, generator=own), nn.BatchNorm1d(4), nn.Dropout(0.3, own), nn.Linear(4, 1, generator=own)
        )
        parts = model, optim.SGD(model.parameters(), lr=0.1), {"how": "", "seen": False}
        steps = [functools.partial(step, *parts) for step in (_trained, _evaluated)]
        return parts, [mg.compile(step, backend="numpy") for step in steps] if compiled else steps

    (one, eager), (other, compiled) = made(False), made(True)
    rng = np.random.default_rng(1)
    for i in range(30):
        x, y = rng.standard_normal((6, 3)).astype("float32"), rng.standard_normal((6, 1)).astype("float32")
        which = "te".index(order[i % len(order)])
        if i == 20:
            one[0][2].p = other[0][2].p = 0.5
        assert same_bits(compiled[which](x, y).data, eager[which](x, y).data)
        assert one[2] == other[2]
        assert [module.training for module in one[0].modules()] == [module.training for module in other[0].modules()]
    counts = [step.stats() for step in compiled]
    assert sum(count["replayed"] for count in counts) >= 12
    assert any(count["audited"] for count in counts)


def test_what_a_step_sets_by_chance_is_no_setting():
    held = {"mode": False}

    def step(x):
        held["mode"] = not held["mode"]
        return x * (2 if held["mode"] else 3)

    compiled = mg.compile(step, backend="numpy")
    for i in range(12):
        np.testing.assert_array_equal(compiled(np.ones(2)), np.ones(2) * (3 if i % 2 else 2))
        assert held["mode"] is (i % 2 == 0)
    assert compiled.stats()["replayed"] >= 7


def test_a_list_that_grows_and_is_read_is_named():
    memory = []

    def step(x):
        memory.append(x.sum().item())
        return x * sum(memory[-2:])

    compiled = mg.compile(step, backend="numpy")
    with pytest.raises(CompileError, match=r"appends to memory and reads it.*deque\(maxlen=n\)"):
        [compiled(np.ones(2)) for _ in range(12)]
