"""The notebook's nine training runs equal its hand-wired NumPy code, step for step, in float64."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from tests.optim import notebook as reference

# run -> (minigrad's optimizer, its settings, how the reference is made)
RUNS = {
    "SGD, lr 1.0": (optim.SGD, {}, lambda: reference.SGD()),
    "SGD, lr 0.85": (optim.SGD, {"lr": 0.85}, lambda: reference.SGD(0.85)),
    "SGD, decay 1e-2": (optim.SGD, {"decay": 1e-2}, lambda: reference.SGD(decay=1e-2)),
    "SGD, decay 1e-3": (optim.SGD, {"decay": 1e-3}, lambda: reference.SGD(decay=1e-3)),
    "SGD, momentum 0.5": (optim.SGD, {"decay": 1e-3, "momentum": 0.5}, lambda: reference.SGD(1.0, 1e-3, 0.5)),
    "SGD, momentum 0.9": (optim.SGD, {"decay": 1e-3, "momentum": 0.9}, lambda: reference.SGD(1.0, 1e-3, 0.9)),
    "AdaGrad": (optim.AdaGrad, {"decay": 1e-4}, lambda: reference.AdaGrad(1.0, 1e-4)),
    "RMSProp": (optim.RMSProp, {"decay": 1e-4}, lambda: reference.RMSProp(0.001, 1e-4)),
    "Adam": (optim.Adam, {"lr": 0.05, "decay": 5e-7}, lambda: reference.Adam(0.05, 5e-7)),
}


def networks(seed, clip):
    """minigrad's classifier and the reference, both with the same weights in float64."""
    rng = np.random.default_rng(seed)
    first = nn.Linear(2, 64, init="notebook", generator=rng, dtype="float64")
    last = nn.Linear(64, 3, init="notebook", generator=rng, dtype="float64")
    return nn.Sequential(first, nn.ReLU(), last), reference.Network(first.weight.data.T, last.weight.data.T, clip)


def close(ours, theirs):
    """Relative 1e-9 of the largest element, so that an element that is nearly 0 does not decide."""
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9 * np.max(np.abs(theirs)))


# AdaGrad's first steps have length 1 and carry probabilities beyond the clip, where only the fused loss has a gradient.
STYLES = [(run, "fused") for run in RUNS] + [(run, "parts") for run in RUNS if run != "AdaGrad"]


@pytest.mark.parametrize(("run", "style"), STYLES)
def test_equals_the_reference_over_50_steps(run, style):
    """Loss, every gradient and weight, and the rate, after each of 50 steps."""
    make, settings, reference_optimizer = RUNS[run]
    theirs = reference_optimizer()
    model, network = networks(seed=3, clip=0 if style == "fused" else 1e-7)
    head = model if style == "fused" else nn.Sequential(model, nn.Softmax())
    criterion = nn.CrossEntropyLoss() if style == "fused" else nn.CategoricalCrossEntropy()
    optimizer = make(model.parameters(), **settings)
    inputs, labels = reference.spiral()
    for _ in range(50):
        loss = criterion(head(inputs), labels)
        optimizer.zero_grad()
        loss.backward()
        close(loss.item(), network.forward(inputs, labels))
        network.backward(labels)
        for p, gradient in zip(model.parameters(), network.gradients(), strict=True):
            close(p.grad, gradient)
        optimizer.step()
        network.step(theirs)
        assert optimizer.current_lr == theirs.current_learning_rate
        assert optimizer.iterations == theirs.iterations
        for p, expected in zip(model.parameters(), network.parameters(), strict=True):
            close(p.data, expected)


# (optimizer, lr, decay, epoch, the rate that the notebook prints there)
PRINTED = [
    (optim.SGD, 1.0, 1e-2, 100, "0.5025125628140703"),
    (optim.SGD, 1.0, 1e-2, 200, "0.33444816053511706"),
    (optim.SGD, 1.0, 1e-2, 600, "0.14306151645207438"),
    (optim.SGD, 1.0, 1e-2, 1500, "0.06253908692933083"),
    (optim.SGD, 1.0, 1e-3, 0, "1.0"),
    (optim.SGD, 1.0, 1e-3, 100, "0.9099181073703367"),
    (optim.SGD, 1.0, 1e-3, 700, "0.5885815185403178"),
    (optim.SGD, 1.0, 1e-3, 1500, "0.4001600640256102"),
    (optim.Adam, 0.05, 5e-7, 100, "0.04999752512250644"),
    (optim.Adam, 0.05, 5e-7, 700, "0.049982531105378675"),
    (optim.Adam, 0.05, 5e-7, 1500, "0.04996255306647668"),
]


@pytest.mark.parametrize(("make", "lr", "decay", "epoch", "printed"), PRINTED)
def test_prints_the_notebooks_learning_rates(make, lr, decay, epoch, printed):
    """To the last digit; a line is printed after ``epoch`` steps and shows the rate of the latest."""
    p = nn.Parameter([1.0])
    optimizer = make([p], lr=lr, decay=decay)
    p.grad = [0.0]
    for _ in range(epoch):
        optimizer.step()
    assert str(optimizer.current_lr) == printed


@pytest.mark.parametrize("classes", [2, 3, 100])
def test_softmax_equals_the_full_jacobian_of_each_sample(classes):
    """The notebook's backward builds diag(p) - p pT for each sample; ours never does."""
    rng = np.random.default_rng(0)
    x, g = rng.normal(size=(2, 20, classes)) * 3
    softmax = reference.Softmax()
    logits = mg.tensor(x, requires_grad=True)
    p = nn.Softmax()(logits)
    np.testing.assert_allclose(p.data, softmax.forward(x), rtol=1e-13)
    p.backward(g)
    np.testing.assert_allclose(logits.grad, softmax.backward(g), rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("one_hot", [False, True])
def test_categorical_cross_entropy_of_softmax_equals_the_fused_loss(one_hot):
    """In value and gradient, and both equal the notebook's layers one after the other."""
    rng = np.random.default_rng(1)
    x, labels = rng.normal(size=(30, 4)), rng.integers(0, 4, 30)
    target = (labels[:, None] == np.arange(4)).astype(float) if one_hot else labels
    parts, fused = mg.tensor(x, requires_grad=True), mg.tensor(x, requires_grad=True)
    of_parts = nn.CategoricalCrossEntropy()(nn.Softmax()(parts), target)
    of_fused = nn.CrossEntropyLoss()(fused, target)
    of_parts.backward()
    of_fused.backward()
    softmax, loss = reference.Softmax(), reference.CategoricalCrossentropy()
    expected = loss.forward(softmax.forward(x), target)
    gradient = softmax.backward(loss.backward(softmax.output, target))
    np.testing.assert_allclose([of_parts.item(), of_fused.item()], expected, rtol=1e-12)
    np.testing.assert_allclose(parts.grad, gradient, rtol=1e-10, atol=1e-16)
    np.testing.assert_allclose(fused.grad, gradient, rtol=1e-10, atol=1e-16)
