"""Convolutions and pooling in C beside the step: strides, paddings, dilations, groups, one to three axes."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from tests.compiler.c.compiling import exported, follows, needs_compiler

F = nn.functional


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 4, 5, padding=2, generator=np.random.default_rng(0)), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3, generator=np.random.default_rng(1)), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(24, 10, generator=np.random.default_rng(2)),
    )  # fmt: skip


def training(model, optimizer):
    def step(x, y):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


@needs_compiler
@pytest.mark.slow
def test_lenet_trains(tmp_path):
    model = lenet()
    x = np.random.default_rng(3).standard_normal((6, 1, 14, 14)).astype(np.float32)
    step = training(model, optim.SGD(model.parameters(), lr=0.05, momentum=0.9))
    follows(step, tmp_path / "lenet.c", x, np.arange(6))


def test_lenet_forward_without_a_compiler(tmp_path):
    model = lenet()
    model.eval()
    with mg.no_grad():
        exported(lambda x: model(x), tmp_path / "lenet.c", np.zeros((1, 1, 14, 14), np.float32))
    text = (tmp_path / "lenet.c").read_text()
    assert "int lenet_run(const lenet_state *state," in text
    assert "maximum_f4" in text
    assert "factor" in text


def gradients(f):
    def step(x, w):
        x, w = (mg.tensor(a, requires_grad=True) for a in (x, w))
        z = f(x, w)
        return z, *mg.autograd.grad((z * np.cos(np.arange(z.size)).reshape(z.shape)).sum(), [x, w], allow_unused=True)

    return step


CASES = {
    "1d": (lambda x, w: F.conv1d(x, w, padding=2, stride=2), (3, 2, 9), (4, 2, 3)),
    "2d": (lambda x, w: F.conv2d(x, w, padding=(1, 2), stride=(2, 1), dilation=(1, 2)), (2, 3, 6, 7), (2, 3, 3, 2)),
    "groups": (lambda x, w: F.conv2d(x, w, groups=2, padding=1), (1, 4, 5, 4), (6, 2, 3, 3)),
    "3d": (lambda x, w: F.conv3d(x, w, padding=1), (1, 2, 3, 4, 3), (2, 2, 2, 2, 2)),
    "transposed": (lambda x, w: F.conv_transpose2d(x, w, stride=2, padding=1), (2, 3, 4, 3), (3, 2, 3, 3)),
    "max": (lambda x, w: F.max_pool2d(x, 3, stride=2, padding=1) * w.sum(), (2, 3, 6, 7), (2,)),
    "mean": (lambda x, w: F.avg_pool2d(x, (2, 3), stride=1) * w.sum(), (2, 3, 6, 7), (2,)),
    "unfold": (lambda x, w: F.fold(F.unfold(x, 2), (4, 5), 2) * w.sum(), (2, 3, 4, 5), (2,)),
}  # fmt: skip


@needs_compiler
@pytest.mark.parametrize("kind", [x if x in ("2d", "max") else pytest.param(x, marks=pytest.mark.slow) for x in CASES])
def test_windows(kind, tmp_path):
    f, x_shape, w_shape = CASES[kind]
    generator = np.random.default_rng(0)
    follows(gradients(f), tmp_path / "f.c", generator.standard_normal(x_shape), generator.standard_normal(w_shape),
            steps=1, options=("-O0",))  # fmt: skip


@pytest.mark.parametrize("kind", CASES)
def test_windows_without_a_compiler(kind, tmp_path):
    f, x_shape, w_shape = CASES[kind]
    exported(gradients(f), tmp_path / "f.c", np.ones(x_shape), np.ones(w_shape))
    text = (tmp_path / "f.c").read_text()
    assert "/* -- backward */" in text
    assert "for (ptrdiff_t" in text
