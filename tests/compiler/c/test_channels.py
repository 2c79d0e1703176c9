"""Normalisation in C beside the step."""

import re

import numpy as np
import pytest

from minigrad import nn, optim
from tests.compiler.c.compiling import exported, follows, needs_compiler, same
from tests.compiler.c.test_windows import training

F = nn.functional


class Images(nn.Module):
    def __init__(self):
        self.first = nn.Conv2d(2, 4, 3, bias=False, generator=np.random.default_rng(0))
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 3, generator=np.random.default_rng(1))

    def forward(self, x):
        return self.head(F.gelu(self.norm(self.first(x))).mean((2, 3)))


def arguments():
    return np.random.default_rng(2).standard_normal((5, 2, 6, 7)).astype(np.float32), np.arange(5) % 3


@needs_compiler
@pytest.mark.slow
def test_batch_norm_trains_and_its_statistics_run(tmp_path):
    model, (x, y) = Images(), arguments()
    in_c = follows(training(model, optim.SGD(model.parameters(), lr=0.1)), tmp_path / "step.c", x, y)
    same(in_c.arrays()["norm_running_mean"], model.norm.running_mean)
    assert in_c.arrays()["norm_running_var"].min() > 0


def test_statistics_are_written_after_the_last_condition(tmp_path):
    model, (x, y) = Images(), arguments()
    exported(training(model, optim.SGD(model.parameters(), lr=0.1)), tmp_path / "step.c", x, y)
    step = (tmp_path / "step.c").read_text().split("int step_run(")[1]
    written = step.index("state->norm_running_mean)")
    conditions = re.findall(r"return [1-9]", step)
    assert len(conditions) > 1
    assert step.index(conditions[-1]) < written


@needs_compiler
def test_numbers_about_a_large_mean(tmp_path):
    """Squares would lose all digits of numbers that agree in their first ones."""
    norm = nn.BatchNorm2d(2)
    x = (1e4 + np.random.default_rng(0).standard_normal((3, 2, 4, 4))).astype(np.float32)
    exported(lambda x: norm(x), tmp_path / "f.c", x)
    follows(lambda x: norm(x), tmp_path / "g.c", x, steps=1, options=("-O0",), digits=2e-3)
