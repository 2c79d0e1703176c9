"""Each call of a program knows its phase, its layer and whose gradient it is; what formulas look at is a condition."""

import contextlib

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.nn import functional as F

X = np.random.default_rng(0).standard_normal((4, 3)).astype("float32")
P = np.full((4, 3), 1 / 3, "float32")


def program_of(function, *args):
    compiled = mg.compile(function, backend="numpy")
    for _ in range(3):
        compiled(*args)
    return compiled._latest.program


def numpy_calls(program):
    return [call for call in program.calls if not call.is_host]


class Net(nn.Module):
    def __init__(self):
        self.first = nn.Linear(3, 2)
        self.body = nn.Sequential(nn.Linear(2, 2), nn.Tanh())

    def forward(self, x):
        return self.body(self.first(x) * 2)


def test_phases_and_layers_of_a_training_step():
    model = Net()
    optimizer, ema = optim.SGD(model.parameters(), lr=0.1, momentum=0.9), optim.EMA(model.parameters())

    def step(x):
        loss = (model(x) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optim.clip_grad_norm_(model.parameters(), 1.0)
        optim.clip_grad_value_(model.parameters(), 0.5)
        optimizer.step()
        ema.update()
        return loss * 2

    calls = numpy_calls(program_of(step, mg.tensor(X)))
    phases = [call.phase for call in calls]
    changes = [a for a, b in zip(phases, [*phases[1:], ""], strict=True) if a != b]
    assert changes in (["forward", "backward", "update"], ["forward", "backward", "update", "forward"])
    layers = {call.layer for call in calls if call.phase == "forward"}
    assert {"first", "body.0", ""} <= layers
    assert {call.layer for call in calls if call.phase != "forward"} == {""}
    targets = {call.op for call in calls if call.phase == "backward"}
    assert {"first.weight_grad", "first.bias_grad", "body.0.weight_grad"} <= targets
    assert {call.op for call in calls if call.phase != "backward"} == {""}


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_gradient_by_name_is_the_backward_phase(create_graph):
    w = mg.tensor(X, requires_grad=True)

    def step(x):
        (g,) = mg.autograd.grad((w * x).sum(), [w], create_graph=create_graph)
        return np.add(g.data, 1)

    phases = [call.phase for call in numpy_calls(program_of(step, mg.tensor(X)))]
    assert "backward" in phases
    assert phases[-1] == "forward"


def test_a_phase_ends_where_an_error_is_caught():
    def step(x):
        w = mg.tensor(x.data, requires_grad=True)
        with contextlib.suppress(mg.errors.GraphError):
            w.backward()  # no scalar
        return x * 2

    assert {call.phase for call in numpy_calls(program_of(step, mg.tensor(X)))} == {"forward"}


CHECKED = {
    "cross_entropy": lambda x: F.cross_entropy(x, mg.tensor(np.arange(4) % 3)),
    "weights of classes": lambda x: F.cross_entropy(x, np.arange(4) % 3, weight=mg.tensor(np.ones(3, "float32"))),
    "probabilities": lambda x: F.cross_entropy(x, mg.softmax(x.detach(), -1)),
    "kl_div": lambda x: F.kl_div(x, mg.softmax(x.detach(), -1)),
    "binary": lambda x: F.binary_cross_entropy(mg.sigmoid(x), mg.sigmoid(x.detach())),
    "layer norm": lambda x: F.layer_norm(x, (3,)).sum(),
    "maximum": lambda x: mg.maximum(x, 0.5).sum(),
    "quantile": lambda x: mg.nanquantile(x, 0.5, axis=0).sum(),
    "average": lambda x: mg.average(x, axis=0, weights=mg.tensor(np.ones(4, "float32"))).sum(),
}


@pytest.mark.parametrize("name", CHECKED)
def test_what_a_formula_looks_at_is_a_condition_and_no_decision(name):
    w = mg.tensor(X, requires_grad=True)

    def step(x):
        w.zero_grad()
        loss = CHECKED[name](w * x)
        loss.backward()
        return loss

    program = program_of(step, mg.tensor(X))
    assert program.decisions == []


def test_what_the_step_itself_looks_at_is_a_decision():
    program = program_of(lambda x: x * 2 if x.data.sum() > -1e9 else x, mg.tensor(X))
    assert program.decisions == [True]


def test_an_operation_on_plain_arrays_inside_is_named():
    plain = mg.primitive(lambda x: np.sin(np.asarray(x)), lambda g, x: g * np.cos(x), name="plain_sine")
    with pytest.raises(mg.errors.CompileError, match="plain_sine on this line works on plain arrays inside"):
        mg.compile(plain, backend="numpy")(mg.tensor(X))
