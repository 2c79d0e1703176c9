"""Calls of single elements: NumPy's types, and writes over what is still read."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.compiler.c.elementwise import expression, spelled
from minigrad.compiler.c.form import RefusedError
from tests.compiler.c.compiling import InC, exported, follows, needs_compiler, same


@pytest.mark.parametrize(
    ("name", "dtype", "text"),
    [
        ("add", "float32", "x + y"),
        ("add", "bool", "x or y"),
        ("power", "int64", "whole_power(x, y)"),
        ("power", "float64", "c_pow(x, y)"),
        ("logical_and", "float32", "b1(x) and b1(y)"),
        ("rint", "int32", "x"),
        ("remainder", "uint8", "fmod_floor(x, y)"),
    ],
)
def test_a_ufunc_is_an_expression_of_its_type(name, dtype, text):
    assert expression(name, np.dtype(dtype), ["x", "y"]) == text


def test_what_there_is_not_is_refused():
    with pytest.raises(RefusedError, match="exp of int64"):
        expression("exp", np.dtype("int64"), ["x"])
    with pytest.raises(RefusedError, match="gcd of int64"):
        expression("gcd", np.dtype("int64"), ["x", "y"])
    with pytest.raises(RefusedError, match="300 as uint8"):
        spelled(300, np.dtype("uint8"))


@needs_compiler
def test_writes_over_what_is_read_elsewhere(tmp_path):
    line = np.arange(6.0)

    def step(x):
        line[1:] = line[:-1] * x
        np.add(line[:-2], line[2:], out=line[2:])
        line[::-1][:3] += line[:3]
        return line.sum() + x

    exported(step, tmp_path / "f.c", np.array(1.5))
    in_c = InC(tmp_path / "f.c", "-O0")
    for _ in range(3):
        code, (total,), _ = in_c.run(np.array(1.5))
        assert code == 0
        same(total, step(np.array(1.5)))
    same(in_c.arrays()["line"], line)


def _with_numbers(x):
    total = x.sum().item()
    size = 3 + total * 2
    return x * size, size, total * size - 0.5, total / 3


def test_numbers_of_python_without_a_compiler(tmp_path):
    exported(_with_numbers, tmp_path / "f.c", mg.tensor([0.5, 1.25]))
    assert "double *result_2" in (tmp_path / "f.c").read_text()


@needs_compiler
@pytest.mark.slow
def test_numbers_of_python(tmp_path):
    follows(_with_numbers, tmp_path / "f.c", mg.tensor([0.5, 1.25]), steps=1, options=("-O0",))
