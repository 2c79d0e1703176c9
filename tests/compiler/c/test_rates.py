"""Rates as C: the text of the optimizer's class, with its numbers put in."""

import ctypes
import re
import subprocess

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.compiler.c.kernels import Kernels
from minigrad.compiler.c.rates import Rates
from minigrad.optim import schedules
from tests.compiler.c.compiling import COMPILER, STRICT, needs_compiler

KINDS = {
    "SGD": {"decay": 1e-2}, "Adam": {"betas": (0.8, 0.95)}, "AdamW": {"weight_decay": 0.1}, "NAdam": {}, "RAdam": {},
    "Adamax": {}, "Lion": {}, "AdaGrad": {"decay": 0.1}, "RMSProp": {}, "Adadelta": {},
}  # fmt: skip


def own(step):
    """A rate of the test's."""
    top = 10
    if step < top and step % 3 != 1:
        return 0.1 * (step + 1) / top
    rate, k = 0.1, 0
    while k < step // 4:
        rate, k = rate * 0.9, k + 1
    return max(rate, 1e-3) if not step > 50 else (rate, 0.01)[1]


def _pair(step, scale):
    first, second = scale, step
    if step > 5:
        first, second = second, first
    else:
        third = step * 2
        first += third
    return first, -second


class Falls:
    """A rate with numbers of its own."""

    def __init__(self, numbers):
        self.numbers = numbers

    def __call__(self, step):
        low, high = _pair(step, self.numbers["scale"])
        flag = not (step > 3 and step < 9) or self.numbers["scale"] > 100
        size = abs(low - high) / (1 + float(int(0.5 * step)) + (step % 3))
        size *= 0.5 if flag else 0.25
        return 0.1 / (1 + min(size, 3, 2.5)) if self.numbers else 0.0


SCHEDULES = {
    "inverse_time": schedules.inverse_time(0.1, 0.1), "exponential": schedules.exponential(0.1, 0.9),
    "step": schedules.step(0.1, 3), "multi_step": schedules.multi_step(0.1, (3, 6)),
    "piecewise": schedules.piecewise((3, 9), (0.1, 0.05, 0.01)), "polynomial": schedules.polynomial(0.1, 10, 2.0),
    "cosine": schedules.cosine(0.1, 10, 0.01), "restarts": schedules.cosine_restarts(0.1, 4),
    "growing": schedules.cosine_restarts(0.1, 3, 2), "one_cycle": schedules.one_cycle(0.1, 12),
    "warmup": schedules.linear_warmup(schedules.cosine(0.1, 10), 5), "to a number": schedules.linear_warmup(0.1, 5),
    "own": own, "an object": Falls({"scale": 2}),
}  # fmt: skip


def optimizers():
    parameter = nn.Parameter(np.ones(3, np.float32))
    found = {kind: getattr(optim, kind)([parameter], lr=0.01, **options) for kind, options in KINDS.items()}
    return found | {f"SGD, {name}": optim.SGD([parameter], lr=lr) for name, lr in SCHEDULES.items()}


def texts(optimizer, missed=0):
    kernels = Kernels()
    rates = Rates(kernels)
    name, count = rates.of(optimizer, 0, missed, "optimizer")
    return name, count, [*kernels.helpers.values(), *rates.texts]


@needs_compiler
def test_they_are_those_of_the_class(tmp_path):
    every, parts = optimizers(), ["#include <math.h>\n#include <stdbool.h>\n#include <stdint.h>\n"]
    for k, optimizer in enumerate(every.values()):
        name, _, made = texts(optimizer, missed=2 * (k % 2))
        text = "\n".join(made).replace(f"static void {name}", f"void rates_{k}")
        helpers = [line.split("(")[0].split()[-1] for line in text.splitlines() if line.startswith("static")]
        for word in helpers:  # one file for all of them
            text = re.sub(rf"\b{word}\(", f"{word}_of_{k}(", text)
        parts.append(text)
    (tmp_path / "rates.c").write_text("\n".join(parts))
    command = [
        COMPILER,
        *STRICT,
        "-shared",
        "-fPIC",
        "-o",
        str(tmp_path / "rates.so"),
        str(tmp_path / "rates.c"),
        "-lm",
    ]
    subprocess.run(command, check=True)
    library = ctypes.CDLL(str(tmp_path / "rates.so"))
    for k, (kind, optimizer) in enumerate(every.items()):
        optimizer.missed = 2 * (k % 2)
        for t in (2, 3, 4, 5, 6, 9, 10, 11, 12, 30, 64, 1000):
            optimizer.iterations = t
            expected = optimizer.rates(optimizer.param_groups[0])
            expected = expected if isinstance(expected, tuple) else (expected,)
            found = np.zeros(4)
            getattr(library, f"rates_{k}")(ctypes.c_int64(t), ctypes.c_void_p(found.ctypes.data))
            np.testing.assert_allclose(found[: len(expected)], expected, 1e-13, err_msg=f"{kind}, step {t}")


def test_what_is_known_is_put_in():
    _, count, made = texts(optim.Adam([nn.Parameter(np.ones(2))], lr=0.25, betas=(0.5, 0.75)))
    text = "\n".join(made)
    assert count == 2
    assert "sqrt(1.0 - pow(0.75" in text
    assert "0.25 * " in text
    assert "group" not in text


def test_a_rate_that_depends_on_nothing_is_a_number():
    _, count, made = texts(optim.SGD([nn.Parameter(np.ones(2))], lr=0.25))
    assert count == 1
    assert "rate[0] = " in made[-1]


def _looks_up(step):
    return {0: 0.1}.get(step, 0.2)


def _formats(step):
    return float(f"{step}")


def _loops(step):
    total = 0.1
    for _ in range(3):
        total = total / (step + 1)
    return total


def _gives_none(step):
    if step > 3:
        return None
    return 0.1


def _names(step):
    return 0.1 * step.real


def _chains(step):
    return 0.1 if 0 < step < 10 else 0.2


def _writes(step):
    found = [0.1]
    found[0] = step
    return found[0]


@pytest.mark.parametrize(
    "schedule", [_looks_up, _formats, _loops, _gives_none, _names, _chains, _writes, lambda step: 0.1 / (step + 1)]
)
def test_what_has_no_form_is_refused(schedule):
    with pytest.raises(mg.errors.CompileError, match=r"has no form in C: write it|define it in a file|no number in C"):
        texts(optim.SGD([nn.Parameter(np.ones(2))], lr=schedule))
