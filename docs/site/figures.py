"""The figures of the course and of "How it works", computed and drawn when the site is built.

A page asks for one by a comment, ``<!-- figure: name: caption -->``, which ``placed`` replaces. Where the pages are
read as they are, without the site, the comment is not seen.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from html import escape

import drawing
import how_figures
import numpy as np

import minigrad as mg
from minigrad import nn, optim, train
from minigrad.data import DataLoader

Array = np.ndarray
#: How many steps the networks of the figures take; a test takes a few.
STEPS = 1500

MARK = re.compile(r"^<!-- figure: ([\w-]+): (.+?) -->$", re.MULTILINE | re.DOTALL)


def placed(text: str) -> str:
    """The text of a page with its figures in place. Raises ``KeyError`` for a figure that nobody draws."""

    def figure(mark: re.Match[str]) -> str:
        caption = escape(" ".join(mark[2].split()))
        style = "color:var(--pst-color-text-base);font-weight:400;text-align:left"
        shown = f'<figcaption style="{style}">{caption}</figcaption>'
        return f'<figure role="img" aria-label="{caption}">\n{FIGURES[mark[1]]()}\n{shown}\n</figure>'

    return MARK.sub(figure, text)


def spiral(count: int = 100, arms: int = 3) -> tuple[Array, Array]:
    """Points (count * arms, 2) of spirals with a little noise, and which arm each is of."""
    draw = np.random.default_rng(0)
    radius = np.linspace(0.02, 1, count)
    turn = np.linspace(0, 4, count) + 4 * np.arange(arms)[:, None] + draw.normal(0, 0.2, (arms, count))
    points = np.stack([radius * np.sin(2.5 * turn), radius * np.cos(2.5 * turn)], -1).reshape(-1, 2)
    return points.astype("float32"), np.repeat(np.arange(arms), count)


def network(*sizes: int) -> nn.Sequential:
    """Layers of these sizes with ReLU between them, from the same weights each time."""
    mg.manual_seed(0)
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def trained(model: nn.Module, optimizer: optim.Optimizer, loss: Callable[..., mg.Tensor], X: Array, y: Array) -> Array:
    """The losses of a training over the whole data, which also trains the model."""
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        value = loss(model(X), y)
        value.backward()
        optimizer.step()
        losses.append(value.item())
    return np.array(losses)


def losses_of(**makers: Callable[..., optim.Optimizer]) -> str:
    """The loss of the spiral over the steps, for optimizers by name."""
    curves = {}
    for name, make in makers.items():
        model = network(2, 64, 3)
        losses = trained(model, make(model.parameters()), nn.CrossEntropyLoss(), *spiral())
        curves[name.replace("_", " ")] = (np.arange(STEPS)[:: max(1, STEPS // 150)], losses[:: max(1, STEPS // 150)])
    return drawing.lines(curves, "step", "loss")


def decided(model: nn.Module, X: Array, y: Array) -> str:
    """Where a model decides for which class."""
    plane = drawing.grid_over(X)
    with mg.no_grad():
        scores = model.eval()(mg.tensor(plane.astype("float32"))).data
    classes = scores.argmax(1) if scores.shape[1] > 1 else (scores[:, 0] > 0).astype(int)
    side = round(len(plane) ** 0.5)
    return drawing.regions(X, y, classes.reshape(side, side))


def dense() -> str:
    """A batch through a layer, forward and backward."""
    draw = np.random.default_rng(0)
    X, weights, dvalues = (draw.normal(size=shape).round(2) for shape in ((5, 2), (2, 3), (5, 3)))
    return drawing.matrices(
        {
            "X": X,
            "weights": weights,
            "output": X @ weights,
            "dvalues": dvalues,
            "dweights": X.T @ dvalues,
            "dinputs": dvalues @ weights.T,
        }
    )


def relu() -> str:
    """The function and its gradient."""
    x = np.linspace(-2, 2, 401)
    slope = mg.grad(lambda t: mg.relu(t).sum())(mg.tensor(x))
    return drawing.lines({"max(0, x)": (x, mg.relu(mg.tensor(x)).data), "its gradient": (x, slope.data)}, "x", "")


def softmax() -> str:
    """Scores, probabilities, derivatives."""
    scores = mg.tensor(np.array([1.5, 0.2, -1.0]))
    matrix = mg.jacobian(lambda z: z.softmax())(scores)
    return drawing.matrices({"scores": scores.data[None], "softmax": scores.softmax().data[None], "dp/dz": matrix.data})


def loss() -> str:
    """The loss of a probability."""
    p = np.linspace(0.005, 1, 300)
    return drawing.lines({"-log p": (p, -np.log(p))}, "probability of the right class", "loss")


def combined() -> str:
    """The gradient of the scores of a batch."""
    z = mg.tensor(np.random.default_rng(3).normal(size=(5, 3)), requires_grad=True)
    nn.CrossEntropyLoss(reduction="sum")(z, np.array([0, 2, 1, 1, 0])).backward()
    return drawing.matrices({"softmax": z.softmax(axis=1).data, "softmax - one hot": np.asarray(z.grad)})


def whole() -> str:
    """What a network decides before it has learned."""
    return decided(network(2, 64, 3), *spiral())


def sgd() -> str:
    """Three learning rates."""
    rates = (0.1, 0.5, 1.0)
    return losses_of(**{f"lr {lr}": lambda p, lr=lr: optim.SGD(p, lr=lr) for lr in rates})


def decay() -> str:
    """Rates over the steps."""
    t = np.arange(0, 10_001, 50)
    return drawing.lines({f"decay {d:g}": (t, 1 / (1 + d * t)) for d in (1e-2, 1e-3, 1e-4)}, "step", "rate")


def momentum() -> str:
    """Two ways down a valley."""
    curves = {}
    for name, share, lr in (("without", 0.0, 0.018), ("momentum 0.8", 0.8, 0.018)):
        place = nn.Parameter(np.array([-9.0, 1.6]))
        optimizer, way = optim.SGD([place], lr=lr, momentum=share), [place.data.copy()]
        for _ in range(30):
            optimizer.zero_grad()
            (0.5 * place[0] ** 2 + 50 * place[1] ** 2).backward()
            optimizer.step()
            way.append(place.data.copy())
        curves[name] = tuple(np.array(way).T)
    return drawing.lines(curves, "along the valley", "across", dots={"the lowest point": (np.zeros(1), np.zeros(1))})


def step_lengths(make: Callable[..., optim.Optimizer], gradients: Array) -> Array:
    """How far one weight goes at each step."""
    weight = nn.Parameter(np.zeros(1))
    optimizer, lengths = make([weight]), []
    for gradient in gradients:
        before, weight.grad = weight.data.copy(), np.array([gradient])
        optimizer.step()
        lengths.append(abs(float(weight.data[0] - before[0])))
    return np.array(lengths)


def adagrad() -> str:
    """Steps of weights whose gradients come every time, and seldom."""
    t, curves = np.arange(1, 101), {}
    for name, size, every in (("0.1 at each step", 0.1, 1), ("10 at every tenth", 10.0, 10)):
        comes = t % every == 0
        lengths = step_lengths(lambda p: optim.AdaGrad(p, lr=1.0), np.where(comes, size, 0.0))
        curves[name] = (t[comes], lengths[comes])
    return drawing.lines(curves, "step", "length of the step")


def rmsprop() -> str:
    """Steps when gradients become small."""
    t, gradients = np.arange(1, 151), np.where(np.arange(150) < 50, 1.0, 0.1)
    makers = {"AdaGrad": lambda p: optim.AdaGrad(p, lr=0.1), "RMSProp": lambda p: optim.RMSProp(p, lr=0.03)}
    curves = {name: (t, step_lengths(make, gradients)) for name, make in makers.items()}
    return drawing.lines(curves, "step", "length of the step")


def adam() -> str:
    """Four optimizers on the spiral."""
    return losses_of(
        SGD=lambda p: optim.SGD(p, lr=1.0, decay=1e-3, momentum=0.9),
        AdaGrad=lambda p: optim.AdaGrad(p, lr=1.0, decay=1e-4),
        RMSProp=lambda p: optim.RMSProp(p, lr=0.001, decay=1e-4),
        Adam=lambda p: optim.Adam(p, lr=0.05, decay=5e-7),
    )


def regularization() -> str:
    """Weights by size, with and without penalties."""
    X, y = spiral(14)
    curves = {}
    for name, costs in (("none", {}), ("L1", {"weight_regularizer_l1": 1e-3}), ("L2", {"weight_regularizer_l2": 1e-3})):
        mg.manual_seed(0)
        model = nn.Sequential(nn.Linear(2, 64, **costs), nn.ReLU(), nn.Linear(64, 3, **costs))
        optimizer = optim.Adam(model.parameters(), lr=0.02)
        for _ in range(STEPS):
            optimizer.zero_grad()
            value = nn.CrossEntropyLoss()(model(X), y)
            penalty = model.regularization_loss()
            (value if penalty is None else value + penalty).backward()
            optimizer.step()
        sizes = np.sort(np.abs(np.concatenate([p.data.ravel() for p in model.parameters() if p.ndim == 2])))
        curves[name] = (np.arange(len(sizes)), sizes)
    return drawing.lines(curves, "weights by size", "size")


def dropout() -> str:
    """A mask."""
    mg.manual_seed(0)
    return drawing.matrices({"": nn.Dropout(0.3)(mg.ones((8, 9))).data})


def binary() -> str:
    """Two spirals and one output."""
    X, y = spiral(arms=2)
    model = network(2, 64, 1)
    trained(model, optim.Adam(model.parameters(), lr=0.02), nn.BCEWithLogitsLoss(), X, y[:, None])
    return decided(model, X, y)


def regression() -> str:
    """A sine."""
    x = np.linspace(0, 1, 100, dtype="float32")[:, None]
    y = np.sin(2 * np.pi * x)
    model = network(1, 64, 64, 1)
    trained(model, optim.Adam(model.parameters(), lr=0.005, decay=1e-3), nn.MSELoss(), x, y)
    with mg.no_grad():
        learned = model(x).data
    return drawing.lines({"learned": (x[:, 0], learned[:, 0])}, "x", "y", dots={"data": (x[::3, 0], y[::3, 0])})


def model() -> str:
    """The history of a run."""
    draw = np.random.default_rng(15)
    y = np.arange(120) % 3
    X = (draw.normal(size=(120, 2)) + 4 * np.array([[0, 0], [1, 0], [0, 1]])[y]).astype("float32")
    module = network(2, 16, 3)
    trainer = train.Trainer(module, optim.Adam(module.parameters(), lr=0.02, decay=1e-3), nn.CrossEntropyLoss())
    columns = trainer.fit(
        DataLoader((X[:100], y[:100]), batch_size=32), epochs=20, validation=(X[100:], y[100:]), progress="none"
    ).to_dict()
    shown = {"loss": columns["loss"], "val_loss": columns["val_loss"]}
    return drawing.lines({name: (np.arange(1, 21), values) for name, values in shown.items()}, "epoch", "loss")


def batches() -> str:
    """One batch of all, and many small ones."""
    X, y = spiral()
    curves = {}
    epochs = max(2, STEPS // 20)
    for name, size in (("all 300 at once", 300), ("batches of 32", 32)):
        module = network(2, 64, 3)
        trainer = train.Trainer(module, optim.Adam(module.parameters(), lr=0.01), nn.CrossEntropyLoss())
        loader = DataLoader((X, y), batch_size=size, shuffle=True, seed=0)
        columns = trainer.fit(loader, epochs=epochs, progress="none").to_dict()
        curves[name] = (np.arange(epochs), columns["loss"])
    return drawing.lines(curves, "pass over the data", "loss")


def saving() -> str:
    """A confusion matrix."""
    X, y = spiral()
    held_out = np.arange(300) % 5 == 0
    module = network(2, 64, 3)
    trained(module, optim.Adam(module.parameters(), lr=0.02), nn.CrossEntropyLoss(), X[~held_out], y[~held_out])
    with mg.no_grad():
        counts = train.ConfusionMatrix(3)(module(X[held_out]), y[held_out])
    return drawing.matrices({"true class by predicted class": counts.astype(float)})


#: The figures by the name that pages use.
FIGURES: dict[str, Callable[[], str]] = {
    "dense": dense, "relu": relu, "softmax": softmax, "loss": loss, "combined": combined, "network": whole, "sgd": sgd,
    "decay": decay, "momentum": momentum, "adagrad": adagrad, "rmsprop": rmsprop, "adam": adam,
    "regularization": regularization, "dropout": dropout, "binary": binary, "regression": regression, "model": model,
    "batches": batches, "saving": saving, **how_figures.FIGURES,
}  # fmt: skip
