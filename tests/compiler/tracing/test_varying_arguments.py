"""Numbers of NumPy as arguments are inputs as Python's are; where Python takes one, each value has its program."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.compiler.backends import BACKENDS
from minigrad.compiler.tracing.trace_comparison import same_bits

X = np.arange(6.0).reshape(2, 3)
KINDS = [np.float64, np.float32, np.int64, np.uint8, np.complex64]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_number_of_numpy_is_an_input(kind, backend):
    def step(x, n, more):
        kind_of = 1 if isinstance(n, np.generic) and not isinstance(n, np.ndarray) else 2
        return x * n + more["n"][0] * kind_of, n, np.where(x > 2, x, more["n"][0])

    compiled = mg.compile(step, backend=backend, audit=False)
    for i in range(9):
        given = X, kind(i), {"n": [kind(i % 4)]}
        for one, other in zip(step(*given), compiled(*given), strict=True):
            one, other = np.asarray(one), np.asarray(other)  # noqa: PLW2901
            assert same_bits(one, other) if backend == "numpy" else np.allclose(one, other, rtol=1e-6)
            assert one.dtype == other.dtype
    assert compiled.stats()["replayed"] > 4


def test_a_decision_by_it_is_a_condition():
    step = mg.compile(lambda x, n: x * 2 if n > 4 else x + n, backend="numpy", audit=False)
    for i in range(16):
        assert same_bits(step(X, np.float64(i % 8)), step.function(X, np.float64(i % 8)))
    assert step.stats()["recorded"] < 7


@pytest.mark.parametrize(
    "take",
    [
        lambda x, n: x[:, : int(n)],
        lambda x, n: x[n % 2],
        lambda x, n: sum(x for _ in range(n)),
        lambda x, n: x * float(str(n)),
    ],
)
def test_where_python_takes_it_each_value_has_its_program(take):
    step = mg.compile(take, backend="numpy", audit=False)
    for i in range(24):
        n = np.int64(i % 3 + 1)
        assert same_bits(step(X, n), take(X, n))
    assert step.stats()["replayed"] > 12
