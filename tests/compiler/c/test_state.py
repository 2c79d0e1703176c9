"""The state of a program as a struct and as a file."""

import zlib

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.compiler.c.kernels import Kernels
from minigrad.compiler.c.state import State
from minigrad.compiler.program import CAPTURE, Value
from tests.compiler.c.compiling import InC, exported, needs_compiler, same
from tests.compiler.c.test_export import spiral


def test_the_file_is_what_the_header_says(tmp_path):
    step, x, y = spiral("SGD", momentum=0.9)
    exported(step, tmp_path / "step.c", x, y)
    image = (tmp_path / "step.bin").read_bytes()
    assert zlib.crc32(image[:-8]).to_bytes(8, "little") == image[-8:]
    assert np.frombuffer(image, "<i8", 1, 16) == [3]  # the steps made so far
    weights = np.frombuffer(image, "<f4", 99, 24)
    header = (tmp_path / "step.h").read_text()
    assert header.index("optimizer_iterations[1];") < header.index("weights[99];")
    assert weights.any()


def test_another_program_has_another_file(tmp_path):
    for name, kind in (("one", "SGD"), ("two", "AdaGrad")):
        step, x, y = spiral(kind)
        exported(step, tmp_path / f"{name}.c", x, y)
    one, two = ((tmp_path / f"{name}.bin").read_bytes() for name in ("one", "two"))
    assert one[:8] == two[:8] == b"minigrad"
    assert one[8:16] != two[8:16]


@needs_compiler
def test_arrays_that_overlap_are_one(tmp_path):
    whole = np.arange(6, dtype=np.float32)
    first, last = nn.Parameter(np.zeros(4, np.float32)), nn.Parameter(np.zeros(4, np.float32))
    first.data, last.data = whole[:4], whole[5:1:-1]

    def f(x):
        first.data[...] *= x
        return last.data * 2, first.data + 1

    x = np.float32([1, 2, 3, 4])
    exported(f, tmp_path / "f.c", x)
    in_c = InC(tmp_path / "f.c", "-O0")
    assert len(in_c.members) == 1
    for _ in range(2):
        _, made, _ = in_c.run(x)
        for one, other in zip(made, f(x), strict=True):
            same(one, other)


def test_memory_of_two_types_is_refused():
    whole = np.zeros(4, np.float32)
    values = [Value(k, CAPTURE, array, array) for k, array in enumerate((whole, whole.view(np.int32)[1:]))]
    with pytest.raises(mg.errors.CompileError, match="share memory as numbers of different types"):
        State(Kernels(), "f").add_captured(values, {})


def test_a_large_constant_is_part_of_the_state(tmp_path):
    table = np.random.default_rng(0).standard_normal((40, 40))
    exported(lambda x: x @ table, tmp_path / "f.c", np.ones((2, 40)))
    assert "[1600];" in (tmp_path / "f.h").read_text()
    assert (tmp_path / "f.bin").stat().st_size == 24 + 1600 * 8
