"""The figures of "How it works", computed and drawn when the site is built; ``figures.py`` places them."""

from __future__ import annotations

import re
from collections.abc import Callable

import drawing
import numpy as np

import minigrad as mg
from minigrad import nn, optim


def latest_first() -> str:
    """The graph of b = a + a; c = b + b, with the gradient that has come to each node when the walk takes it."""
    a = mg.tensor(3.0, requires_grad=True)
    b = a + a
    c = b + b
    gradients = [*mg.autograd.grad(c, [c, b, a])]
    names = ["c = b + b", "b = a + a", "a"]
    told = [f"visit {place} of the walk, gradient {float(g.data):g}" for place, g in enumerate(gradients, 1)]
    return drawing.chain(list(zip(names, told, strict=True)), joined=2)


def evaluated() -> str:
    """One formula on arrays and on Tensors: the gradient of tanh, and the gradient of that gradient."""
    x = mg.tensor(np.array([-1.0, 0.0, 0.5, 2.0]))
    first = mg.grad(lambda t: mg.tanh(t).sum())
    second = mg.grad(lambda t: first(t).sum())
    values = {"x": x, "z = tanh(x)": mg.tanh(x), "1 - z * z": first(x), "gradient of that": second(x)}
    return drawing.matrices({name: value.data[None].round(2) + 0.0 for name, value in values.items()})


def orders() -> str:
    """x**4 and three of its derivatives, each the gradient of the one before."""
    functions: list[Callable[..., mg.Tensor]] = [lambda x: x**4]
    for _ in range(3):
        functions.append(mg.grad(functions[-1]))
    x = np.linspace(-1, 1, 81)
    names = ["x**4", "1st derivative", "2nd", "3rd"]
    return drawing.lines(
        {name: (x, mg.vmap(f)(mg.tensor(x)).data) for name, f in zip(names, functions, strict=True)}, "x", ""
    )


def kinks() -> str:
    """The gradients of four functions with a kink at 0: left of it, there, and right of it."""
    x = np.array([-0.5, 0.0, 0.5])
    functions = {
        "abs(x)": mg.abs,
        "relu(x)": mg.relu,
        "maximum(x, 0)": lambda t: mg.maximum(t, mg.zeros(t.shape)),
        "clip(x, 0, 1)": lambda t: mg.clip(t, 0, 1),
    }
    slopes = {name: mg.grad(lambda t, f=f: f(t).sum())(mg.tensor(x)).data for name, f in functions.items()}
    return drawing.matrices({name: values[None] for name, values in {"x": x, **slopes}.items()})


def program() -> str:
    """How many NumPy calls each part of a compiled step has: the spiral network, with Adam."""
    mg.manual_seed(0)
    model, loss_of = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 3)), nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters())
    x, y = mg.tensor(np.zeros((300, 2), "float32")), np.zeros(300, int)

    @mg.compile(backend="numpy")
    def step(x: mg.Tensor) -> mg.Tensor:
        loss = loss_of(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(3):
        step(x)
    calls = {}
    for part in step.source().split("\n    # -- ")[1:]:
        title, _, code = part.partition("\n")
        calls[title.partition(":")[0]] = len(re.findall(r"^[^#\n]*\(", code, re.MULTILINE))
    return drawing.bars({"calls": np.array(list(calls.values()))}, list(calls))


FIGURES: dict[str, Callable[[], str]] = {
    "latest-first": latest_first,
    "evaluated": evaluated,
    "orders": orders,
    "kinks": kinks,
    "program": program,
}
