"""Calls that run a kernel, alone or shared among threads."""

import numpy as np
import pytest

from minigrad.compiler.backends.machine import SHARED, Loop, alike, shared
from minigrad.compiler.program import RESULT, Program

pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")


def value(array):
    return Program().new(RESULT, array)


def test_alike_are_arrays_of_one_float_dtype():
    one, two, whole = (value(np.ones(2, dtype)) for dtype in ("f4", "f8", "i4"))
    assert alike(one.dtype, one, value(np.ones(3, "f4")))
    assert not alike(one.dtype, one, two)
    assert not alike(whole.dtype, whole)
    assert not alike(one.dtype, value(np.float32(1)))


@pytest.mark.parametrize("work", [1, SHARED])
def test_a_kernel_goes_over_all_its_chunks(work):
    done = []
    shared(lambda first, last, *rest: done.extend(range(first, last)), 5, work)("a", "b")
    assert sorted(done) == [0, 1, 2, 3, 4]


def test_a_loop_passes_its_place_on():
    loop = Loop("double", lambda x, out=None: np.multiply(x, 2, out=out), None, [], True)
    place = np.empty(2)
    assert loop(np.ones(2), out=place) is place
    assert loop(np.ones(2)).tolist() == [2, 2]
    assert (loop.__name__, loop.takes_out) == ("double", True)
