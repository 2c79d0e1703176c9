"""A function of arrays, replayed and held against itself."""

import numpy as np

import minigrad as mg
from minigrad.compiler.tracing.trace_comparison import same_bits


def compiled(function, *args, calls=3):
    """A compiled function that has been replayed, the result compared with the function's own."""
    made = mg.compile(function)
    for _ in range(calls):
        got, expected = made(*args), function(*args)
        assert same_bits(np.asarray(getattr(got, "data", got)), np.asarray(getattr(expected, "data", expected)))
    return made


X = np.arange(12, dtype=np.float32).reshape(3, 4) / 8 - 0.5
