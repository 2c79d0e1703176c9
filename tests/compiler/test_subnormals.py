"""Under ``mg.compile`` state that decays ends at exactly 0, as it does in eager steps."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim

OPTIMIZERS = {
    "Adam": lambda p: optim.Adam(p, lr=1e-6, betas=(0.5, 0.6)),
    "SGD": lambda p: optim.SGD(p, lr=1e-6, momentum=0.7),
}


def trained(make, compiled, steps):
    """The state of a net of two hidden units, of which one dies after the first step, and the step."""
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
    for p, values in zip(model.parameters(), ([[1, 1], [1, 1]], [0.5, 0.5], [[1, 1]], [0]), strict=True):
        p.data = np.array(values, np.float32)
    optimizer = make(model.parameters())
    x = np.ones((4, 2), np.float32)

    def step(x):
        loss = (model(x) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    run = compiled(step)
    run(mg.tensor(x))
    model[0].weight.data[0] = -1  # written in place: the program stays
    for _ in range(steps):
        run(mg.tensor(x))
    return optimizer.state_dict()["state"], run


@pytest.mark.parametrize("backend", ["eager", "numpy", "native"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_momentum_of_a_dead_unit_becomes_exactly_zero(name, backend):
    if backend != "eager":
        pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")
    state, run = trained(OPTIMIZERS[name], lambda f: f if backend == "eager" else mg.compile(f, backend=backend), 400)
    if backend != "eager":
        assert run.stats()["replayed"] >= 390
    for array in state["0.weight"].values():
        assert array[0].tolist() == [0, 0]
        assert (np.abs(array[1]) > np.finfo(np.float32).tiny).all()
    for array in state["0.bias"].values():
        assert array[0] == 0
