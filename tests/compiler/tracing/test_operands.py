"""What of the arguments of a call a program has values for: arrays and numbers, at every depth, in order."""

import numpy as np

import minigrad as mg
from minigrad.compiler.tracing.operands import is_value, real_arrays_in, real_of, recorded_in
from minigrad.compiler.tracing.recorded_array import Recorded


def test_recorded_arrays_are_found_at_every_depth_and_stand_for_real_ones():
    seen = []

    @mg.compile(backend="numpy")
    def step(x):
        recorded = x._array
        if isinstance(recorded, Recorded):
            plain = np.arange(3.0)
            tree = ([recorded, 2.5], {"a": (plain, "text", recorded)}, None)
            seen.append((recorded_in(tree), real_arrays_in(tree), plain, recorded))
        return x * 2

    step(mg.tensor([1.0, 2.0, 3.0]))
    (found, real, plain, recorded), *_ = seen
    assert [x is recorded for x in found] == [True, True]
    assert [x is plain for x in real] == [False, True, False]
    assert real[0] is real[2]
    assert type(real[0]) is np.ndarray
    np.testing.assert_array_equal(real[0], [1.0, 2.0, 3.0])


def test_values_are_arrays_of_numbers_and_nothing_else():
    assert is_value(np.zeros(2, np.float64))
    assert is_value(np.array(3))
    for other in (2.5, "text", None, [np.zeros(2, np.float64)], np.array([None, 1], object)):
        assert not is_value(other)
        assert real_of(other) is other
