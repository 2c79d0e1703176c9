"""Kernels in a row as one native call: new arrays, numbers that change, totals that a later kernel wants."""

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")

import minigrad as mg
from minigrad.compiler.backends import cache
from minigrad.compiler.backends.segments import Cell, New, Number, Segments, Step, address_of
from minigrad.support.codegen import Names, define

pytestmark = pytest.mark.native

TEXT = """
def kernel(first, last, rows, step, x, n, f, d, b, y):
    for i in range(np.uint64(first), np.uint64(last)):
        y[i] = y[i] + f8(x[i]) * f8(n) + f8(f) + d + f8(b)
"""


def ran(steps, **names):
    """The names of a function whose text is the segments of some steps."""
    bind = Names()
    segments = Segments(bind, cache.Compiler().runner())
    for step in steps:
        segments.check(*step) if isinstance(step, tuple) and not isinstance(step, Step) else segments.add(step)
    lines = segments.lines("missed")
    text = "\n".join([f"def make({', '.join(bind.bound)}):", *[f"    {line}" for line in lines], "    return locals()"])
    return define(text, "segment", dict(names))["make"](*bind.bound.values()), lines


def compiled(x):
    compiler = cache.Compiler()
    kernel = compiler.kernel(TEXT)
    compiler.finish([(kernel, [x, 1, np.float32(1), 1.0, True, np.zeros(1)])])
    return kernel


def test_arguments_of_all_kinds():
    x, y = np.arange(5, dtype="f4"), np.zeros(5)
    kernel = compiled(x)
    fixed = Step(kernel, 0, 5, (5, 1, x, 3, np.float32(0.5), 0.25, True, y))
    ran([fixed])
    np.testing.assert_array_equal(y, x * 3 + 1.75)
    kinds = [Number(name, np.dtype(dtype)) for name, dtype in zip("nfdb", ("i8", "f4", "f8", "?"), strict=True)]
    changing = Step(kernel, 1, 4, (5, 1, New("x"), *kinds, New("y")))
    y[...] = 0
    _, lines = ran([changing, fixed, changing], x=x, y=y, n=np.int64(-2), f=0.5, d=1, b=np.bool_(False))
    assert sum("segment" in line for line in lines) == 1
    expected = x * 3 + 1.75
    expected[1:4] += 2 * (x[1:4] * -2 + 1.5)
    np.testing.assert_array_equal(y, expected)


def test_a_number_that_a_kernel_makes_goes_on_to_the_next_one():
    x, total, y = np.ones(2, "f4"), np.zeros(1), np.zeros(2)
    kernel = compiled(x)
    one = Step(kernel, 0, 1, (2, 1, x, 3, np.float32(0), 0.0, False, total))
    other = Step(kernel, 0, 2, (2, 1, x, 0, np.float32(0), Cell(total), False, y))
    _, lines = ran([one, other])
    assert len(lines) == 1
    np.testing.assert_array_equal(y, [3, 3])


@pytest.mark.parametrize("holds", [True, False])
@pytest.mark.parametrize("expected", [True, False])
def test_a_condition_that_does_not_hold_ends_the_segment(holds, expected):
    x, y, truth = np.ones(2, "f4"), np.zeros(2), np.array([holds] + [False] * 7)
    step = Step(compiled(x), 0, 2, (2, 1, x, 3, np.float32(0), 0.0, False, y))
    found, lines = ran([step, (truth, expected), step], missed="missed")
    assert len(lines) == 1
    np.testing.assert_array_equal(y, 6 if holds == expected else 3)
    assert found == "missed" if holds != expected else isinstance(found, dict)


def test_a_view_begins_so_many_bytes_later():
    x, y = np.arange(5, dtype="f4"), np.zeros(5)
    step = Step(compiled(x), 0, 3, (5, 1, New("x", 8), 1, np.float32(0), 0.0, False, New("y", 16)))
    ran([step], x=x, y=y)
    np.testing.assert_array_equal(y, [0, 0, 2, 3, 4])


def test_a_sum_in_a_program_goes_on_into_the_next_kernel():
    def f(x):
        total = mg.sum(x * 2)
        return x - total, total

    compiled, x = mg.compile(f, backend="native"), mg.tensor(np.arange(4.0))
    for _ in range(4):
        x.data[...] += 1
        for got, expected in zip(compiled(x), f(x), strict=True):
            np.testing.assert_allclose(got.data, expected.data)


def test_results_have_memory_of_their_own_in_each_run():
    compiled = mg.compile(lambda x: (x * 2 + 1, (x * 2 + 1) @ x), backend="native")
    kept = [compiled(np.full((9, 9), float(n))) for n in range(6)]
    for n, (one, other) in enumerate(kept):
        np.testing.assert_array_equal(one, 2.0 * n + 1)
        np.testing.assert_array_equal(other, 9 * (2.0 * n + 1) * n)


def test_weights_that_are_exchanged_are_the_new_ones():
    w = mg.tensor(np.ones((8, 8)))
    compiled = mg.compile(lambda x: (x * 2) @ w + w, backend="native")
    x = mg.tensor(np.eye(8))
    for n in range(6):
        if n % 2:
            w.data = np.full((8, 8), float(n))
        np.testing.assert_allclose(compiled(x).data, 3 * w.data)


def test_a_kernel_without_memory_of_its_own_says_so_in_a_segment():
    text = "def kernel(first, last, rows, step, a):\n    k = np.empty(np.uint64(rows), np.float64)\n    a[0] = k[0]\n"
    compiler, a = cache.Compiler(), np.zeros(1)
    kernel = compiler.kernel(text)
    compiler.finish([(kernel, [a])])
    with pytest.raises(MemoryError):
        ran([Step(kernel, 0, 1, (2**58, 1, a))])
    assert address_of(a) == a.ctypes.data
