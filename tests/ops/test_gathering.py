"""Every row of minigrad/ops/gathering.py has the properties that a row must have."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import DTypeError, HyperparameterError
from minigrad.ops import gathering
from tests.ops.families import properties_of

test_properties = properties_of(gathering)


@pytest.mark.parametrize("mode", ["raise", "wrap", "clip", 0, 1, 2, None], ids=str)
@pytest.mark.parametrize("axis", [0, None])
def test_the_modes_of_take_by_all_of_their_names(mode, axis):
    a, indices = np.arange(1.0, 4.0), [1, -1, 2] if mode in ("raise", 2, None) else [1, -1, 4]
    x = mg.tensor(a, requires_grad=True)
    z = np.take(x, indices, axis, mode=mode)
    np.testing.assert_array_equal(z.data, np.take(a, indices, axis, mode=mode))
    (z * [1.0, 10.0, 100.0]).sum().backward()
    want = np.zeros(3, float)
    np.add.at(want, z.data.astype(int) - 1, [1.0, 10.0, 100.0])
    assert x.grad.tolist() == want.tolist()


@pytest.mark.parametrize("mode", ["w", 1.5, [], {}], ids=str)
def test_no_other_mode_is_taken(mode):
    with pytest.raises(HyperparameterError, match="choose: mode is 'raise', 'wrap' or 'clip'"):
        mg.choose([0, 1, 5], [mg.ones(3), mg.ones(3)], mode=mode)
    with pytest.raises((ValueError, TypeError, DeprecationWarning), match="take"):
        mg.take(mg.ones(3), [0, 1, 5], mode=mode)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: mg.ediff1d(x, to_begin=1j),
        lambda x: mg.insert(x, 1, 1j),
        lambda x: mg.trapezoid(x, dx=1j),
        lambda x: mg.polyint(x, 1, 1j),
        lambda x: mg.interp(1j, x, x),
    ],
)
def test_complex_numbers_do_not_lose_their_imaginary_part(call):
    with pytest.raises((DTypeError, TypeError), match="real number"):
        call(mg.tensor([1.0, 2.0, 3.0], requires_grad=True))
