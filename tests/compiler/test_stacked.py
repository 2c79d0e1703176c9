"""Results of many steps in arrays of all of them."""

from dataclasses import dataclass

import numpy as np
import pytest

import minigrad as mg
from minigrad.compiler.stacked import Block, Stacked


@dataclass
class Pair:
    one: object
    other: object


def stacked(*results):
    made = Stacked(len(results))
    for result in results:
        made.add(result)
    return made.result()


@pytest.mark.parametrize(
    ("results", "dtype", "shape"),
    [
        ([1.0, 2.0], "float64", (2,)), ([1, 2], "int64", (2,)), ([True, False], "bool", (2,)),
        ([1j, 2j], "complex128", (2,)), ([np.float32(1), np.float32(2)], "float32", (2,)),
        ([np.ones((2, 3), "int8")] * 4, "int8", (4, 2, 3)), ([np.ones((0, 3))] * 2, "float64", (2, 0, 3)),
    ],
)  # fmt: skip
def test_arrays_and_numbers(results, dtype, shape):
    found = stacked(*results)
    assert (type(found), found.dtype, found.shape) == (np.ndarray, np.dtype(dtype), shape)
    np.testing.assert_array_equal(found, results)


def test_structures():
    results = [(mg.tensor([k, 1.0]), {"a": [k, None], "b": Pair(k * 0.5, "text")}) for k in range(3)]
    tensor, rest = stacked(*results)
    assert isinstance(tensor, mg.Tensor)
    np.testing.assert_array_equal(tensor.data, [[0, 1], [1, 1], [2, 1]])
    np.testing.assert_array_equal(rest["a"][0], [0, 1, 2])
    assert rest["a"][1] is None
    np.testing.assert_array_equal(rest["b"].one, [0, 0.5, 1])
    assert rest["b"].other == ["text"] * 3


@pytest.mark.parametrize(
    "results",
    [
        [1, 2.0], [1, None], [(1, 2), (1,)], [np.ones(2), np.ones(3)], [np.ones(2), np.ones(2, "f4")],
        [{"a": 1}, {"b": 1}], [np.float32(1), mg.tensor(1.0)], [1, "a"], [(1, 2), [1, 2]],
    ],
)  # fmt: skip
def test_what_is_unlike_is_a_list(results):
    found = stacked(*results)
    assert found == results or all(a is b for a, b in zip(found, results, strict=True))


def test_whole_numbers_of_any_size_are_a_list():
    assert stacked(2**70, 2**71) == [2**70, 2**71]


def test_blocks_and_single_steps():
    made = Stacked(6)
    made.add((mg.tensor(0.0), 0.0))
    made.add_block(
        3, (Block(np.arange(1, 4, dtype="f4"), True, None), Block(np.arange(1, 4, dtype="f4"), False, float))
    )
    made.add((mg.tensor(4.0), 4.0))
    made.add_block(1, (Block(np.array([5], "f4"), True, None), Block(np.array([5], "f4"), False, float)))
    tensor, numbers = made.result()
    np.testing.assert_array_equal(tensor.data, np.arange(6))
    np.testing.assert_array_equal(numbers, np.arange(6))
    assert (tensor.dtype, numbers.dtype) == (np.float32, np.float64)


def test_what_is_the_same_in_all_steps_of_a_block_is_there_for_each():
    made = Stacked(7)
    made.add((0.0, 0.5, np.ones(2), "a"))
    made.add_block(4, (Block(np.arange(4.0), False, float), 0.5, np.ones(2), "a"))
    made.add_block(2, (Block(np.arange(2.0), False, float), 0.5, np.ones(2), "a"))
    numbers, halves, ones, texts = made.result()
    np.testing.assert_array_equal(numbers, [0, 0, 1, 2, 3, 0, 1])
    np.testing.assert_array_equal(halves, [0.5] * 7)
    np.testing.assert_array_equal(ones, np.ones((7, 2)))
    assert texts == ["a"] * 7


def test_blocks_that_are_unlike_are_taken_apart():
    made = Stacked(4)
    made.add_block(2, [Block(np.arange(2.0), True, None), "text"])
    made.add_block(2, [Block(np.arange(6).reshape(2, 3), False, None), "text"])
    found = made.result()
    assert [type(x[0]) for x in found] == [mg.Tensor] * 2 + [np.ndarray] * 2
    assert [x[1] for x in found] == ["text"] * 4
    np.testing.assert_array_equal(found[3][0], [3, 4, 5])
