"""The text of programs, in source() and in exported files: functions that are not NumPy's, and all of the table."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from numpy.lib.stride_tricks import sliding_window_view

import minigrad as mg
from minigrad.compiler.output import definitions
from minigrad.compiler.tracing.trace_comparison import same_bits
from minigrad.core.stands import numpy_function
from minigrad.core.table import ops
from minigrad.core.trees import leaves
from minigrad.errors import CompileError
from tests.compiler.output.exported import exported, run_alone
from tests.compiler.test_table import TABLE, _data, value_and_gradients
from tests.samples import samples

_SHIFTS = {"one": 1}


def written(*functions, taken=("np",)):
    """The texts of functions, and what they define."""
    texts = definitions.Definitions(taken)
    for function in functions:
        assert texts.name(function) == function.__name__
    texts.complete()
    lines = ["from __future__ import annotations", *texts.imports, "import numpy as np", *texts.texts]
    namespace = {"__name__": "text"}
    exec("\n".join(lines), namespace)
    return "\n".join(lines), namespace


def _size(x):
    return x.size


def _size_of_pair(pair):
    return _size(pair[0]) + _SHIFTS["one"]


def test_functions_of_numpy_and_of_the_package():
    windows = sliding_window_view

    def with_closure(x):
        return windows(x, 2), np.linalg.norm(x), mg.exp

    _, namespace = written(
        mg.nn.functional.windows.sizes_of, _size_of_pair
    )  # with errors of the package, and named tuples
    assert namespace["sizes_of"](2, 3, "stride", 1) == mg.nn.functional.windows.sizes_of(2, 3, "stride", 1)
    assert namespace["_size_of_pair"]([np.ones(3)]) == 4
    texts = definitions.Definitions({"np"})
    texts.name(with_closure)
    with pytest.raises(CompileError, match="with_closure uses mg, a module, which cannot be written"):
        texts.complete()
    assert "from numpy.lib.stride_tricks import sliding_window_view as windows" in texts.imports


def test_ops_and_arrays_in_own_functions():
    from minigrad.core.conversion import as_array, zeros
    from minigrad.ops.elementwise import exp
    from minigrad.ops.selection import relu

    def f(x):
        return exp(as_array(x)) + zeros(x.shape, x) + relu(x)

    _, namespace = written(f)
    x = np.float32([1, -2])
    assert same_bits(namespace["f"](x), f(x))


class _Window(NamedTuple):
    """How many, and from where on."""

    size: int
    start: int = 0


@numpy_function
def _averages(x, window):
    """The mean of each window, and the largest."""
    means = _windows(x[window.start :], window.size).mean(-1, dtype=x.dtype)
    return means, means.max()


@numpy_function
def _windows(x, size):
    return sliding_window_view(x, size)


@pytest.mark.parametrize("largest", [False, True])
def test_own_functions_stand_above_the_program(largest, tmp_path):
    averages = "the name of a variable"

    @mg.compile
    def f(x):
        means, most = _averages(x, _Window(3, 1))
        return means * (most if largest else 2) + len(averages), _averages(x, _Window(2))[0]

    x = np.arange(8, dtype=np.float32)
    for _ in range(3):
        expected = f(x)
    source = f.source()
    assert source.count("def _averages(x, window):") == 1
    assert "_averages(x, _Window(3, 1))" in source
    assert "numpy_function" not in source
    namespace = {"__name__": "text"}
    exec(source, namespace)
    made = exported(f, tmp_path / "f.py")
    f.source()  # once more: nothing is written twice
    results, _ = namespace["step"](x, f.state(), ())
    for one, other, third in zip(expected, results, made.predict(x, made.load()), strict=True):
        assert same_bits(one, other)
        assert same_bits(one, third)
    np.save(tmp_path / "x.npy", x)
    run_alone(tmp_path / "f.py", "x.npy")


def _tree(x):
    found = [np.asarray(_data(leaf)) for _, leaf in leaves(x) if leaf is not None]
    # Of a zero that comes out of irfftn's complex products, the sign has been seen to differ from run to run.
    return [array + array.dtype.type(0) if array.dtype.kind in "fc" else array for array in found]


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.slow
def test_the_text_of_every_function_of_the_table(name):
    @settings(max_examples=2, suppress_health_check=list(HealthCheck))
    @given(samples(ops[name]))
    def check(sample):
        arrays = [np.array(x, copy=True, order="K") for x in sample.arrays]
        compiled = mg.compile(value_and_gradients(ops[name], sample))
        with np.errstate(all="ignore"):
            for _ in range(3):
                expected = _tree(list(compiled(*arrays)))
            namespace = {"__name__": "text"}
            exec(compiled.source(), namespace)
            made, gradients = namespace["step"](*arrays, compiled.state(), ())
        assert not gradients
        for one, other in zip(expected, _tree(list(made)), strict=True):
            assert same_bits(one, other)

    check()
