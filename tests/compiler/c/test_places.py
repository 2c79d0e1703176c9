"""Where views lie: NumPy says so."""

import numpy as np
import pytest

from minigrad.compiler.backends.kernel_kinds import F4
from minigrad.compiler.c.places import Block, Place

VIEWS = {
    "transposed": lambda a: a.T,
    "backwards": lambda a: a[::-1, :, 1],
    "spread": lambda a: np.broadcast_to(a, (2, *a.shape)),
    "reshaped": lambda a: a.reshape(6, 4),
    "diagonal": lambda a: np.diagonal(a, axis1=1, axis2=2),
    "new axis": lambda a: a[:, None],
    "windows": lambda a: np.lib.stride_tricks.sliding_window_view(a, 2, 1),
    "one": lambda a: a[1, 2, 3, ...],
}


@pytest.mark.parametrize("kind", VIEWS)
def test_a_view_is_found(kind):
    numbers = np.arange(24.0).reshape(2, 3, 4)
    place = Place(Block(F4, 24), 0, (2, 3, 4), (12, 4, 1)).moved(VIEWS[kind])
    expected = VIEWS[kind](numbers)
    assert place.shape == expected.shape
    grid = np.indices(place.shape)
    found = place.start + sum((i * s for i, s in zip(grid, place.strides, strict=True)), np.zeros(place.shape, int))
    np.testing.assert_array_equal(found, expected)


def test_a_copy_is_no_view():
    with pytest.raises(RuntimeError, match="no view"):
        Place(Block(F4, 24), 0, (2, 3, 4), (12, 4, 1)).moved(lambda a: a + 1)
