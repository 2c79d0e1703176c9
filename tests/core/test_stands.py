"""What is recorded of functions on arrays."""

import numpy as np

import minigrad as mg
from minigrad.compiler.tracing.trace_comparison import same_bits
from minigrad.core import stands
from tests.compiler.test_table import functions_of


def test_without_a_recording_it_is_the_plain_function():
    @stands.numpy_function
    def doubled(x, by=2):
        """Twice."""
        return x * by

    x = np.arange(3)
    assert doubled.__doc__ == "Twice."
    assert same_bits(doubled(x, by=3), doubled.__wrapped__(x, 3))
    compiled = mg.compile(lambda x: doubled(x.data) + doubled(np.float32(1)))
    for _ in range(3):
        assert same_bits(compiled(mg.tensor([1.0, 2.0])), np.float32([4, 6]))
    assert functions_of(compiled).count("doubled") == 1
