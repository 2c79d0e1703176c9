"""Calls as C, of functions one by one and of programs that Hypothesis makes up, beside what NumPy makes of them."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import minigrad as mg
from tests.compiler.c.compiling import InC, exported, needs_compiler, same
from tests.compiler.test_random_programs import programs

X = np.random.default_rng(0).standard_normal((3, 4))
ROWS = np.array([[2, 0, -1, 1], [0, 0, 2, 1], [1, -2, 0, 2]])
CALLS = {
    "elementwise": lambda x, i: [
        np.sin(x),
        np.arctan2(x, 2.0),
        x**3,
        np.floor_divide(x, 0.7),
        np.remainder(x, -0.3),
        np.hypot(x, 1),
    ],
    "integers": lambda x, i: [
        i // 2,
        i % -3,
        i**2,
        abs(i),
        np.sign(i),
        np.left_shift(i, 2),
        np.invert(i),
        i / 2,
        i > 0,
        np.maximum(i, 1),
        np.bitwise_xor.reduce(i, 1),
        np.bitwise_and.reduce(i, 0),
    ],
    "small integers": lambda x, i: [
        i.astype(np.int8) * np.int8(100),
        i.astype(np.uint8) + np.uint8(1),
        i.astype(np.int32) - 5,
    ],
    "bools": lambda x, i: [
        (x > 0) & (i > 0),
        np.logical_xor(x > 0, i > 0),
        np.logical_not(x > 0),
        np.logical_not(i),
        (x > 0).sum(),
        (i > 0).any(1),
    ],
    "reductions": lambda x, i: [
        x.sum(0),
        x.prod(1),
        i.sum(),
        i.max(1),
        x.min(),
        (x > 0).all(0),
        x.mean((0, 1)),
        i.mean(1),
        x.std(0),
        x.var(),
    ],
    "places": lambda x, i: [x.argmax(1), x.argmin(), i.argmax(0), x.T.argmax(1)],
    "running": lambda x, i: [x.cumsum(0), i.cumsum(), x.cumprod(1), np.maximum.accumulate(x, 1)],
    "lookups": lambda x, i: [
        x[i[:, 0]],
        x[:, i[0]],
        x[i, np.arange(4)],
        np.take(x, i, 0),
        np.take_along_axis(x, i[:, :2], 1),
    ],
    "arrays": lambda x, i: [
        np.concatenate([x, x[:1]]),
        np.stack([x, x * 2], 1),
        np.tile(x, 2),
        np.roll(x, 1, 1),
        np.repeat(x, 2, 0),
    ],
    "products": lambda x, i: [
        x @ x.T,
        x[0] @ x[1],
        np.einsum("ij,kj->ik", x, x),
        np.outer(x[0], x[1]),
        i @ i.T,
        np.tensordot(x, x, ([1], [1])),
    ],
    "layouts": lambda x, i: [
        x.T.ravel(),
        np.flip(x, 1) + x,
        x.T.reshape(2, 6),
        np.pad(x, ((1, 0), (0, 2))),
        np.tril(x),
        np.diag(x[:, :3]),
    ],
    "choices": lambda x, i: [np.where(x > 0, i, x), np.clip(x, -0.5, 0.5), np.copysign(x, -1.0)],
}


def call(kind):
    def f(x, i):
        return CALLS[kind](mg.tensor(x), i)

    return f


@pytest.mark.parametrize("kind", CALLS)
def test_calls_without_a_compiler(kind, tmp_path):
    exported(call(kind), tmp_path / "f.c", X, ROWS)
    assert "return 0;\n}\n" in (tmp_path / "f.c").read_text()


@needs_compiler
@pytest.mark.parametrize(
    "kind", [x if x in ("integers", "lookups") else pytest.param(x, marks=pytest.mark.slow) for x in CALLS]
)
def test_calls(kind, tmp_path):
    exported(call(kind), tmp_path / "f.c", X, ROWS)
    code, made, _ = InC(tmp_path / "f.c", "-O0").run(X, ROWS)
    assert code == 0
    for one, other in zip(made, call(kind)(X, ROWS), strict=True):
        same(one, getattr(other, "data", other))


@needs_compiler
def test_an_index_out_of_range_changes_nothing(tmp_path):
    counts = np.zeros(3)

    def f(x, i):
        np.add.at(counts, i, 1.0)
        return x[i]

    exported(f, tmp_path / "f.c", X, ROWS[0])
    in_c = InC(tmp_path / "f.c", "-O0")
    before = in_c.saved()
    assert in_c.run(X, np.array([0, 1, 3, 0]))[0] == 1
    assert in_c.saved() == before
    code, (rows,), _ = in_c.run(X, ROWS[0])
    assert code == 0
    same(rows, X[ROWS[0]])
    assert in_c.saved() != before


@needs_compiler
@pytest.mark.slow
def test_programs_that_are_made_up(tmp_path):
    @settings(max_examples=15, suppress_health_check=list(HealthCheck))
    @given(programs(), st.integers(2, 4), st.sampled_from(["float32", "float64"]), st.integers(0, 2**32 - 1))
    def check(f, n, dtype, seed):
        x, y = (a.astype(dtype) for a in np.random.default_rng(seed).standard_normal((2, n, n)))

        def step(x, y):
            x = mg.tensor(x, requires_grad=True)
            z = f(x, y)
            return z, (
                mg.autograd.grad(z.sum(), [x], allow_unused=True)[0]
                if isinstance(z, mg.Tensor) and z.requires_grad
                else z
            )

        with np.errstate(all="ignore"):
            exported(step, tmp_path / "f.c", x, y)
            expected = step(x, y)
        code, made, _ = InC(tmp_path / "f.c", "-O0").run(x, y)
        assert code == 0
        for one, other in zip(made, expected, strict=False):
            if other is not None:
                same(one, getattr(other, "data", other), 1e-3 if dtype == "float32" else 1e-9)

    check()
