"""Numbers of Python that a step computes, and what has no form: as C, with and without a compiler."""

import math

import numpy as np
import pytest

import minigrad as mg
from minigrad.compiler.c.rate_values import _product_of_momenta
from minigrad.errors import CompileError
from minigrad.nn import Linear
from minigrad.optim import NAdam
from tests.compiler.c.compiling import InC, exported, needs_compiler, same

X = np.array([1.5, 2.5, 0.5])
NUMBERS = {
    "a root": lambda x: x * math.sqrt(float((x * x).sum())),
    "the larger": lambda x: x * max(float(x[0]), float(x[1])),
    "the smaller": lambda x: x * min(float(x[0]), float(x[1])),
    "a power": lambda x: x * (float(x[0]) ** 2),
    "an integer": lambda x: x * int(x[1]),
    "towards 0": lambda x: x * math.trunc(float(x[0])),
    "a floor": lambda x: x * math.floor(float(x[1]) / 2),
    "an exponential": lambda x: x + math.exp(-float(x.sum())) * math.log(float(x[0])),
    "bounds": lambda x: np.clip(x, None, 1.0) + np.clip(x, 0.0, None) + np.clip(x, 0.6, 1.0),
    "shifts": lambda x: (x.astype(np.int8) << 1).astype(np.float64) + (x.astype(np.uint16) // 2).astype(np.float32),
    "both": lambda x: (x > 1) ^ (x > 2),
    "triangles": lambda x: np.tril(np.outer(x, x)) + np.triu(np.outer(x, x), 1) + np.eye(3) * x,
    "a mirror": lambda x: np.pad(x, 1, mode="reflect"),
    "a mask": lambda x: x[np.array([True, False, True])],
    "signs": lambda x: np.fmax(x, 1.0) + np.fmin(x, 1.0) + np.logaddexp(x, 0.0) + np.copysign(x, -1.0),
    "one of many": lambda x: mg.index_set(x, 1, 5.0) + np.ptp(x),
}
REFUSED = {
    "np.sort": lambda x: np.sort(x),
    "np.sinc": lambda x: np.sinc(x),
    "np.round": lambda x: np.round(x, 1),
    "np.cross": lambda x: np.cross(x, x[::-1]),
    "float16": lambda x: x.astype(np.float16) * 2,
    "complex128": lambda x: np.real(x * 1j),
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers_without_a_compiler(kind, tmp_path):
    exported(NUMBERS[kind], tmp_path / "f.c", mg.tensor(X))
    assert "return 0;\n}\n" in (tmp_path / "f.c").read_text()


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers(kind, tmp_path):
    exported(NUMBERS[kind], tmp_path / "f.c", mg.tensor(X))
    for other in (X, X[::-1].copy() + 0.25):
        code, made, _ = InC(tmp_path / "f.c", "-O0").run(other)
        assert code == 0
        same(made[0], NUMBERS[kind](mg.tensor(other)).data)


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_form_is_refused_by_name(name, tmp_path):
    with pytest.raises(CompileError, match=f"export: .*{name}"):
        exported(REFUSED[name], tmp_path / "f.c", mg.tensor(X))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("t", [0, 1, 7, 400])
def test_the_product_of_momenta_is_the_optimizers(t):
    optimizer = NAdam(Linear(2, 1).parameters())
    assert _product_of_momenta(None, 0.9, 0.004, t) == pytest.approx(optimizer._product(0.9, 0.004, t), rel=1e-12)
