"""Recorded arrays answer as arrays do, or refuse by name."""

import copy
import random
import re

import numpy as np
import pytest

import minigrad as mg
from tests.compiler.refusing import refused
from tests.compiler.replaying import X, compiled


def test_more_of_an_array_s_attributes():
    def f(x):
        z = np.fft.fft(x) * 2
        return z.imag + z.real + x.copy().real + len(x) + sum(row for row in x) * x.itemsize

    compiled(f, X)


@pytest.mark.parametrize("text", [repr, lambda x: repr([x]), lambda x: f"{x!r}"])
def test_no_program_is_made_of_what_reads_the_text_of_an_array(text):
    refused(lambda x: x * len(text(x.data)), "into Python")


@pytest.mark.parametrize(
    "hide",
    [np.asfortranarray, lambda a: np.ndarray(3).dot(a), lambda a: np.require(a),
     lambda a: np.ndarray(3, np.float32).__setitem__(0, a[0])],
)  # fmt: skip
def test_a_hidden_numpy_call(hide):
    message = refused(lambda x: [hide(x.data), x][1], "plain array|into Python")
    assert re.search(r"test_recorded_array\.py:\d+: .*(lambda a|hide)", message)


def test_shapes_that_depend_on_numbers():
    refused(lambda x: x[x > 0], "as many elements as are true")
    refused(lambda x: np.nonzero(x.data)[0], "depends on the numbers")


WRITING = {
    "+=": 2, "-=": 2, "*=": 2, "//=": 2, "%=": 3, "**=": 2, "&=": 6, "|=": 8, "^=": 5, "<<=": 2, ">>=": 1,
    "@=": np.array([[0, 1, 1], [1, 0, 2], [1, 1, 0]]),
}  # fmt: skip


@pytest.mark.parametrize("of_scalars", [False, True], ids=["arrays", "scalars"])
@pytest.mark.parametrize("backend", ["numpy", pytest.param("native", marks=pytest.mark.native)])
@pytest.mark.parametrize("sign", WRITING)
def test_what_writes_in_place_is_seen_under_other_names(sign, backend, of_scalars):
    if backend == "native":
        pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")
    if of_scalars and sign == "@=":
        pytest.skip("a scalar has no matrix product")
    space = {}
    exec(f"def write(z, y):\n    z {sign} y\n    return z", space)  # an operator's function has no name of z's

    def step(x, y):
        made = (x + 1).max() if of_scalars else x + 1
        one, view = made, made if of_scalars else made[:2]
        made = space["write"](made, y.max() if of_scalars else y)
        given = space["write"](x, y)
        return made * 1, one * 1, view * 1, given * 1

    compiled = mg.compile(step, backend=backend)
    for k in range(5):
        numbers = np.arange(9).reshape(3, 3) % 5 + k
        y = np.broadcast_to(WRITING[sign], (3, 3)) + 0
        other = numbers.copy()
        for one, expected in zip(compiled(numbers, y), step(other, y), strict=True):
            np.testing.assert_array_equal(one, expected)
        np.testing.assert_array_equal(numbers, other)
    assert compiled.stats()["replayed"] == 3


@pytest.mark.parametrize("shift", [lambda x: x << 2, lambda x: 2 << x, lambda x: x >> 1, lambda x: 99 >> x.max()])
def test_shifts_of_bits(shift):
    compiled(shift, np.arange(6).reshape(2, 3))


def test_copies_of_an_array_are_new_ones():
    def f(x):
        made = np.zeros(3)
        made[0] = x[0].item()
        one, (other, same) = copy.copy(made), copy.deepcopy([made, made])
        one[1], other[2] = x[1].item(), 7.0
        return mg.tensor(np.stack([made, one, other, same]))

    compiled(f, mg.tensor([2.0, 3.0, 4.0]))


def test_rounding_by_python_is_refused_by_name():
    rng = random.Random(0)
    refused(lambda x: x * round(rng.random(), 1), "taken out of the step into Python")


@pytest.mark.parametrize("take", [np.asfortranarray, np.asarray_chkfinite], ids=lambda take: take.__name__)
def test_what_is_written_under_the_name_that_a_library_gives_is_not_lost(take):
    def step(x):
        made = np.zeros(3)
        take(made)[0] = 5.0
        made[1] = x[0].item()
        return x.sum() * made.sum()

    with pytest.raises(ValueError, match="read-only"):
        mg.compile(step, backend="numpy", audit=False)(mg.tensor([1.0, 2.0, 3.0]))
    compiled(step_of_a_copy, mg.tensor([1.0, 2.0, 3.0]))


def step_of_a_copy(x):
    made = np.zeros(3)
    other = np.array(made)
    other[0] = 5.0
    made[1] = x[0].item()
    return x.sum() * made.sum() + other.sum()


@pytest.mark.parametrize("text", [str, lambda x: f"{x}", "{}".format, lambda x: f"{x:}"])
@pytest.mark.parametrize("array", [lambda x: x.data, lambda x: (x * 2).data, lambda x: x.sum().data])
def test_the_text_of_an_array_is_refused_as_its_numbers_are(text, array):
    """It was the text of what stands for the array: of another length, with none of its digits."""
    refused(lambda x: x * len(text(array(x))), "taken out of the step into Python")
