"""What a step puts into arrays, and reads of them, by numbers that it computes or counts."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.compiler.backends import BACKENDS
from minigrad.compiler.tracing.trace_comparison import same_bits
from minigrad.errors import CompileError

X = np.random.default_rng(0).standard_normal((24, 4, 3))


def history(state, x):
    state["kept"][state["n"], 0] = (x * x).sum().item()
    state["kept"][state["n"], 1] = float(x.mean()) * 2


def scalars(state, x):
    state["kept"][state["n"] % 5, 1] = x.max()
    state["kept"][-1] = mg.tensor(x).sum()
    state["count"][int(x.argmax()) % 4] += state["n"]


def queue(state, x):
    at = 4 * (state["n"] % 6)
    state["kept"][at : at + len(x)] = x[:, :2]
    state["kept"][:, 1] *= 0.5


def column(state, x):
    at = state["n"] % 20
    state["kept"][at : at + 4, 1] = x[:, 0]


def bandit(state, x):
    arm = int((state["kept"][:3, 0] + np.sqrt(np.log(state["n"] + 1) / (state["count"][:3] + 1))).argmax())
    state["count"][arm] += 1
    state["kept"][arm, 0] += (x[0, arm] - state["kept"][arm, 0]) / state["count"][arm]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("put", [history, scalars, queue, column, bandit])
def test_what_is_put_where_numbers_say(put, backend):
    found = []
    for wrapped in (lambda f: f, lambda f: mg.compile(f, backend=backend, audit=False)):
        state = {"n": 0, "kept": np.zeros((24, 2)), "count": np.zeros(4)}

        @wrapped
        def step(x, state=state):
            put(state, x)
            state["n"] += 1
            return state["kept"].sum()

        found.append([(step(x), state["n"], state["kept"].copy(), state["count"].copy()) for x in X])
    assert step.stats()["replayed"] > 12
    for one, other in zip(*found, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=0 if backend == "numpy" else 1e-12, atol=0)


def test_a_slice_of_another_length_is_another_way():
    kept, n = np.zeros(24), 0

    def step(x):
        nonlocal n
        n += 1
        kept[n : n + (3 if n > 12 else 2)] = x[0, 0]
        return kept.sum()

    compiled = mg.compile(step, backend="numpy", audit=False)
    for i, x in enumerate(X[:20], 1):
        before = kept.copy()
        before[i : i + (3 if i > 12 else 2)] = x[0, 0]
        compiled(x)
        assert same_bits(kept, before)
    assert compiled.stats()["replayed"] > 10


def test_the_shape_of_an_array_is_not_assigned_to():
    def step(x):
        z = x * 2
        z.shape = (12,)
        return z

    with pytest.raises(CompileError, match=r"\.shape of an array is assigned to"):
        mg.compile(step)(X[0])


def test_parts_of_complex_numbers_are_put():
    def step(x):
        z = np.zeros_like(x, complex)
        z.real = x
        z.imag[:] = x * 2
        return z

    compiled = mg.compile(step, backend="numpy")
    for x in X[:5]:
        assert same_bits(compiled(x), x + 2j * x)
    assert compiled.stats()["replayed"] == 3
