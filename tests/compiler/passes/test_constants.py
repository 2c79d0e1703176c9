"""What depends on constants alone is made once."""

import numpy as np

import minigrad as mg
from minigrad.compiler.tracing.trace_comparison import same_bits
from tests.compiler.replaying import compiled


def test_what_depends_on_constants_alone_is_made_once():
    def f(x):
        ramp = np.exp(mg.tensor(np.arange(6.0)) * 0.1) + 1
        return x * ramp, ramp.sum() + x

    made = compiled(f, np.ones(6))
    assert made.stats()["calls"] <= 4
    assert "np.exp" in made.source()

    def g(x):
        y = mg.tensor(np.arange(6.0)) * 2
        return y, x * y  # it leaves: new memory in each run

    made = mg.compile(g, backend="numpy")
    results = [made(np.ones(6))[0].data for _ in range(4)]
    results[2][...] = 7
    assert same_bits(results[3], np.arange(6.0) * 2)
    assert results[2] is not results[3]
