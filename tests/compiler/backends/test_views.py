"""Views of arrays that are others in each run, in machine code: where they begin."""

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")

import minigrad as mg

pytestmark = pytest.mark.native

VIEWS = {
    "a slice": lambda x: x[1:3],
    "columns": lambda x: x[:, 2:],
    "a step": lambda x: x[::2, 1::2],
    "the transpose": lambda x: x.T,
    "a view of a view": lambda x: x[1:].T[2:4],
    "reshaped": lambda x: x.reshape(2, 2, 6)[1],
    "an axis more": lambda x: x[1:, None, :],
    "spread": lambda x: np.broadcast_to(x[2], (3, 6)),
    "backwards": lambda x: x[::-1],
    "the diagonal": lambda x: np.diagonal(x),
}


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_of_an_argument_and_of_a_result(name):
    def f(x):
        z = x * 2
        return VIEWS[name](x) + 1, VIEWS[name](z) * 3, z, VIEWS[name](z)

    compiled = mg.compile(f, backend="native", audit=False)
    for n in range(5):
        x = np.arange(24.0).reshape(4, 6) + n
        for got, expected in zip(compiled(x), f(x), strict=True):
            np.testing.assert_array_equal(got, expected)


def test_arguments_of_another_layout_have_a_program_of_their_own():
    compiled = mg.compile(lambda x: x[1:, :2] + 1, backend="native")
    for x in (np.arange(12.0).reshape(3, 4), np.asfortranarray(np.arange(12.0).reshape(3, 4))):
        for _ in range(4):
            np.testing.assert_array_equal(compiled(x), x[1:, :2] + 1)
