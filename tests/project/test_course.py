"""The course: each row of its table of names gives the numbers of what it stands for, each page has its figure."""

import importlib
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim, train
from minigrad.data import DataLoader
from tests.optim import notebook

DOCS = Path(__file__).parents[2] / "docs"
COURSE = (DOCS / "course.md").read_text(encoding="utf-8")
TABLE = COURSE.split("## Names")[1].split("## Slips")[0]
ROWS = [
    tuple(cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1])
    for line in TABLE.splitlines()
    if line.startswith("| `")
]
RIGHT = {left: re.findall(r"`([^`]+)`", right) for left, right in ROWS}
CHECKS = {}

#: The classes of the notebook and of the book: none may be missing from the table.
CLASSES = """
    Layer_Dense Layer_Dropout Layer_Input Activation_ReLU Activation_Softmax Activation_Sigmoid Activation_Linear
    Loss Loss_CategoricalCrossentropy Activation_Softmax_Loss_CategoricalCrossentropy Loss_BinaryCrossentropy
    Loss_MeanSquaredError Loss_MeanAbsoluteError Optimizer_SGD Optimizer_Adagrad Optimizer_RMSprop Optimizer_RMSProp
    Optimizer_Adam Accuracy_Categorical Accuracy_Regression Model
""".split()


def names():
    """What the right column speaks of, made anew: float64 data, a small network that has a gradient, a trainer."""
    mg.manual_seed(0)
    draw = np.random.default_rng(0)
    X, y = draw.normal(size=(6, 2)), np.array([0, 1, 2, 0, 1, 2])
    layer = nn.Linear(2, 3, dtype="float64")
    model, loss = nn.Sequential(layer), nn.CrossEntropyLoss()
    loss(model(X), y).backward()
    optimizer, accuracy = optim.SGD(model.parameters(), lr=0.5), train.Accuracy()
    trainer = train.Trainer(model, optimizer, loss, metrics=[accuracy])
    parameters = [nn.Parameter(draw.normal(size=4))]
    return {
        "mg": mg, "nn": nn, "optim": optim, "train": train, "DataLoader": DataLoader, "np": np, "X": X, "y": y,
        "x": mg.tensor(X), "layer": layer, "model": model, "loss": loss, "criterion": loss, "optimizer": optimizer,
        "accuracy": accuracy, "trainer": trainer, "output": model(X), "draw": draw,
    } | {"parameters": parameters}  # fmt: skip


def row(*lefts):
    """Hold a function as the test of these rows. It is given all names, and ``made`` by the first code at the right."""

    def held(function):
        CHECKS.update(dict.fromkeys(lefts, function))
        return function

    return held


def close(ours, theirs):
    np.testing.assert_allclose(getattr(ours, "data", ours), theirs, rtol=1e-9, atol=1e-12)


def through(function, inputs, dvalues):
    """The output, and the gradient of the inputs when ``dvalues`` come back."""
    x = mg.tensor(inputs, requires_grad=True)
    out = function(x)
    out.backward(dvalues)
    return out.data, x.grad


@row("`Layer_Dense(2, 64)`")
def _(n):
    made = n["made"]
    made = nn.Linear(made.in_features, made.out_features, dtype="float64")
    hand = notebook.Dense(made.weight.data.T.copy(), made.bias.data[None].copy())
    dvalues = n["draw"].normal(size=(6, 64))
    out, dinputs = through(made, n["X"], dvalues)
    close(out, hand.forward(n["X"]))
    close(dinputs, hand.backward(dvalues))
    close(made.weight.grad.T, hand.dweights)
    close(made.bias.grad[None], hand.dbiases)


@row("`Layer_Dense(2, 64, weight_regularizer_l2=5e-4)`")
def _(n):
    made = n["made"]
    penalty = nn.Sequential(made).regularization_loss()
    penalty.backward()
    np.testing.assert_allclose(penalty.data, 5e-4 * np.sum(made.weight.data**2), rtol=1e-5)
    np.testing.assert_allclose(made.weight.grad, 2 * 5e-4 * made.weight.data, rtol=1e-5)
    others = nn.Linear(2, 64, weight_regularizer_l1=1e-4, bias_regularizer_l1=1e-4, bias_regularizer_l2=1e-4)
    np.testing.assert_allclose(others.regularization_loss().data, 1e-4 * np.sum(np.abs(others.weight.data)), rtol=1e-5)


@row("`loss.regularization_loss()`")
def _(n):
    made = n["made"]
    assert float(made.data) == 0  # no layer of it has a penalty
    model = nn.Sequential(nn.Linear(2, 3, weight_regularizer_l2=0.5, dtype="float64"))
    before, gradient = model[0].weight.data.copy(), 2 * 0.5 * model[0].weight.data
    trainer = train.Trainer(model, optim.SGD(model.parameters(), lr=0.1), lambda out, _: 0 * out.sum())
    trainer.fit((n["X"], n["y"]), 1, progress="none")
    close(model[0].weight.data, before - 0.1 * gradient)


@row("`Layer_Dropout(0.1)`")
def _(n):
    made = n["made"]
    mg.manual_seed(0)
    out, dinputs = through(made, np.ones((100, 50)), np.ones((100, 50)))
    assert set(np.unique(out).round(9)) == {0, round(1 / 0.9, 9)}
    assert abs(np.mean(out == 0) - 0.1) < 0.02
    close(dinputs, out)
    close(made.eval()(n["X"]), n["X"])


@row("`Layer_Input()`", "`layer.forward(X)`, `layer.output`")
def _(n):
    made = n["made"]
    close(made, n["X"] @ n["layer"].weight.data.T + n["layer"].bias.data)


@row("`layer.weights`, `layer.biases`")
def _(n):
    made = n["made"]
    assert (made.shape, n["layer"].bias.data.shape) == ((3, 2), (3,))


@row("`layer.dweights`, `layer.dbiases`")
def _(n):
    made = n["made"]
    hand = notebook.Dense(n["layer"].weight.data.T.copy(), n["layer"].bias.data[None].copy())
    loss = notebook.SoftmaxCrossentropy(0)
    loss.forward(hand.forward(n["X"]), n["y"])
    hand.backward(loss.backward(n["y"]))
    close(made.T, hand.dweights)
    close(n["layer"].bias.grad[None], hand.dbiases)


@row("`layer.backward(dvalues)`")
def _(n):
    assert n["layer"].weight.grad is not None


@row("`Activation_ReLU()`", "`Activation_Softmax()`", "`Activation_Sigmoid()`")
def _(n):
    made = n["made"]
    z, dvalues = n["draw"].normal(size=(5, 3)), n["draw"].normal(size=(5, 3))
    out, dinputs = through(made, z, dvalues)
    if isinstance(made, nn.Sigmoid):
        hand = 1 / (1 + np.exp(-z))
        expected = hand, dvalues * (1 - hand) * hand
    else:
        by_hand = notebook.ReLU() if isinstance(made, nn.ReLU) else notebook.Softmax()
        expected = by_hand.forward(z), by_hand.backward(dvalues)
    close(out, expected[0])
    close(dinputs, expected[1])


@row("`Activation_Linear()`")
def _(n):
    made = n["made"]
    out, dinputs = through(made, n["X"], n["X"] + 1)
    close(out, n["X"])
    close(dinputs, n["X"] + 1)


@row("`Loss.calculate(output, y)`")
def _(n):
    made = n["made"]
    close(made, np.mean(nn.CrossEntropyLoss(reduction="none")(n["output"], n["y"]).data))


@row("`Loss_CategoricalCrossentropy()`", "`Activation_Softmax_Loss_CategoricalCrossentropy()`")
def _(n):
    made = n["made"]
    z, hand = n["output"].data, notebook.SoftmaxCrossentropy(1e-7)
    expected = hand.forward(z, n["y"])
    x = mg.tensor(z, requires_grad=True)
    apart = isinstance(made, nn.CategoricalCrossEntropy)
    ours = made(x.softmax(axis=1) if apart else x, n["y"])
    ours.backward()
    close(ours, expected)
    close(x.grad, hand.backward(n["y"]))


@row("`Loss_BinaryCrossentropy()`")
def _(n):
    made = n["made"]
    y, z = n["y"][:, None] % 2, n["X"][:, :1]
    p = 1 / (1 + np.exp(-z))
    expected = np.mean(-(y * np.log(p) + (1 - y) * np.log(1 - p)))
    out, dinputs = through(lambda x: made(x, y), p, None)
    close(out, expected)
    close(dinputs, -(y / p - (1 - y) / (1 - p)) / 6)
    close(nn.BCEWithLogitsLoss()(z, y), expected)


@row("`Loss_MeanSquaredError()`", "`Loss_MeanAbsoluteError()`")
def _(n):
    made = n["made"]
    predicted, y = n["X"], n["X"][::-1] + 0.3
    out, dinputs = through(lambda x: made(x, y), predicted, None)
    difference = y - predicted
    squared = isinstance(made, nn.MSELoss)
    close(out, np.mean(difference**2 if squared else np.abs(difference)))
    close(dinputs, (-2 * difference if squared else -np.sign(difference)) / 2 / 6)


def optimizer_row(left, hand):
    @row(left)
    def _(n):
        made = n["made"]
        [parameter] = n["parameters"]
        theirs = hand()
        weights, momentum, cache = parameter.data.copy(), np.zeros_like(parameter.data), np.zeros_like(parameter.data)
        for gradient in n["draw"].normal(size=(5, 4)):
            parameter.grad = gradient
            made.step()
            theirs.current_learning_rate = theirs.learning_rate / (1 + theirs.decay * theirs.iterations)
            hand.update(theirs, weights, gradient, momentum, cache)
            theirs.iterations += 1
        close(parameter.data, weights)
        close(made.current_lr, theirs.current_learning_rate)


class HandSGD(notebook.SGD):
    def __init__(self):
        super().__init__(0.85, 1e-3, 0.9)


class HandAdaGrad(notebook.AdaGrad):
    def __init__(self):
        super().__init__(1.0, 1e-4)


class HandRMSProp(notebook.Optimizer):
    def __init__(self):
        super().__init__(0.02, 1e-5)

    def update(self, w, dw, _momentum, cache):
        cache[...] = 0.999 * cache + (1 - 0.999) * dw**2
        w += -self.current_learning_rate * dw / (np.sqrt(cache) + 1e-7)


class HandAdam(notebook.Adam):
    def __init__(self):
        super().__init__(0.05, 5e-7)


optimizer_row("`Optimizer_SGD(learning_rate=0.85, decay=1e-3, momentum=0.9)`", HandSGD)
optimizer_row("`Optimizer_Adagrad(learning_rate=1.0, decay=1e-4, epsilon=1e-7)`", HandAdaGrad)
optimizer_row(
    "`Optimizer_RMSProp(learning_rate=0.02, decay=1e-5, rho=0.999)`, in the book `Optimizer_RMSprop`", HandRMSProp
)
optimizer_row("`Optimizer_Adam(learning_rate=0.05, decay=5e-7, beta_1=0.9, beta_2=0.999)`", HandAdam)


@row("`optimizer.pre_update_params()`, `update_params(layer)`, `post_update_params()`")
def _(n):
    fresh = names()  # ``made`` has moved these by one step
    close(n["layer"].bias.data, fresh["layer"].bias.data - 0.5 * fresh["layer"].bias.grad)
    assert n["optimizer"].iterations == 1


@row("`optimizer.current_learning_rate`")
def _(n):
    made = n["made"]
    assert made == 0.5


@row("`Accuracy_Categorical()`")
def _(n):
    made = n["made"]
    close(made(n["output"], n["y"]), np.mean(np.argmax(n["output"].data, axis=1) == n["y"]))


@row("`Accuracy_Categorical(binary=True)`")
def _(n):
    made = n["made"]
    p, y = np.array([[0.2], [0.7], [0.4], [0.9]]), np.array([[0], [1], [1], [0]])
    close(made(p, y), np.mean((p > 0.5) * 1 == y))


@row("`Accuracy_Regression()`")
def _(n):
    made = n["made"]
    close(made(n["X"], n["X"]), 1.0)


@row("`Model()`, `model.add(layer)`", "`model.set(loss=, optimizer=, accuracy=)`, `model.finalize()`")
def _(n):
    made = n["made"]
    if isinstance(made, train.Trainer):
        assert made.fit((n["X"], n["y"]), 2, progress="none")["accuracy"][-1] >= 0
    else:
        close(made(n["X"]), n["output"].data)


@row("`model.train(X, y, epochs=2, batch_size=128)`", "`model.evaluate(X, y)`", "`model.predict(X)`")
def _(n):
    made = n["made"]
    if isinstance(made, train.History):
        assert (len(made["loss"]), n["trainer"].step) == (2, 2)
    elif isinstance(made, dict):
        close(made["loss"], nn.CrossEntropyLoss()(n["output"], n["y"]).data)
    else:
        close(made, n["output"].data)


@row("`model.get_parameters()`")
def _(n):
    made = n["made"]
    assert list(made) == ["0.weight", "0.bias"]


@row("`model.set_parameters(parameters)`")
def _(n):
    close(n["model"](n["X"]), 0 * n["output"].data)  # they were zeros


@row("`model.save_parameters(path)`, `model.load_parameters(path)`", "`model.save(path)`", "`Model.load(path)`")
def _(n):
    saved = mg.load(n["path"])
    close(saved.get("model", saved)["0.bias"], n["layer"].bias.data)


@pytest.mark.parametrize("left", [left for left, _ in ROWS])
def test_a_row_of_the_names(left, tmp_path):
    """All code of the right cell runs, and the first of it gives the numbers that are told of the left one."""
    n = names() | {"path": tmp_path / "model.safetensors"}
    mg.save(n["path"], n["model"].state_dict())
    if left == "`model.set_parameters(parameters)`":
        n["parameters"] = {name: np.zeros_like(value) for name, value in n["model"].state_dict().items()}
    if left == "`layer.backward(dvalues)`":
        n["model"].zero_grad()
        n["loss"] = n["loss"](n["model"](n["X"]), n["y"])
    made = [eval(code, n) for code in RIGHT[left] if code not in {"Optimizer_RMSprop", "load_state_dict", "Trainer"}]
    CHECKS[left](n | {"made": next(iter(made), None)})


def test_every_row_has_its_check_and_every_class_its_row():
    assert {left for left, _ in ROWS} == set(CHECKS)
    told = set(
        re.findall(
            r"\b(?:Layer|Activation|Loss|Optimizer|Accuracy|Model)(?:_\w+)?\b", "".join(left for left, _ in ROWS)
        )
    )
    assert told == set(CLASSES)


# -- pages ------------------------------------------------------------------------------------------

PAGES = sorted((DOCS / "course").glob("*.md"))


@pytest.fixture(scope="module")
def figures():
    sys.path.insert(0, str(DOCS / "site"))
    module = importlib.import_module("figures")
    module.STEPS = 4
    yield module
    sys.path.remove(str(DOCS / "site"))
    for name in ("figures", "how_figures", "drawing"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_of_the_course(page, figures):
    """It has both ways and their equality, a figure that the package makes, and it is in the list of steps."""
    text = page.read_text(encoding="utf-8")
    heads = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert [head for head in heads if head in {"By hand", "By the graph", "The same numbers"}] == [
        "By hand", "By the graph", "The same numbers",
    ]  # fmt: skip
    assert "assert_allclose" in text or "assert_array_equal" in text
    assert f"(course/{page.name})" in COURSE
    marks = figures.MARK.findall(text)
    assert [name for name, _ in marks] == [page.stem]
    made = figures.placed(text)
    assert "<svg" in made
    assert "nan" not in made.split("<svg")[1].split("</svg>")[0]
    [block] = re.findall(r"<figure .*?</figure>", made, re.DOTALL)
    assert "\n\n" not in block  # an empty line would end the block in Markdown
    assert set(re.findall(r'(?:fill|stroke)="([^"]+)"', block)) <= {"none", "currentColor", *figures.drawing.COLOURS}


def test_every_figure_is_on_a_page(figures):
    others = [page for page in DOCS.glob("*.md") if figures.MARK.search(page.read_text(encoding="utf-8"))]
    marks = [name for page in others for name, _ in figures.MARK.findall(page.read_text(encoding="utf-8"))]
    assert sorted(figures.FIGURES) == sorted([*marks, *(page.stem for page in PAGES)])
    assert {page.stem for page in others} == {"how-it-works", "architecture", "conventions", "compile"}
    for page in others:
        made = figures.placed(page.read_text(encoding="utf-8"))
        for block in re.findall(r"<figure .*?</figure>", made, re.DOTALL):
            assert "<svg" in block
            assert "nan" not in block
            assert "\n\n" not in block  # an empty line would end the block in Markdown


def test_round_numbers_on_an_axis(figures):
    ticks = figures.drawing.ticks
    assert ticks(0, 1) == [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert ticks(-3, 17) == [0, 5, 10, 15]
    assert ticks(-2.2, 0.4, whole=True) == [-2, -1, 0]


def test_the_notebook_is_one_thing():
    """A page that speaks of "the notebook" says where that is explained; one of Jupyter's is "a notebook"."""
    told = [DOCS.parent / "README.md", *DOCS.glob("*.md"), *DOCS.glob("examples/*.md")]
    speaking = [page for page in told if re.search(r"\bthe\s+notebook\b", text_of(page), re.IGNORECASE)]
    assert len(speaking) > 7
    assert [page.name for page in speaking if "course.md" not in text_of(page) and page.name != "course.md"] == []
    assert not [page.name for page in told if re.search(r"the (Jupyter|IPython) notebook", text_of(page))]


def text_of(page):
    """What a page says itself: what a command prints is not its own."""
    return re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
