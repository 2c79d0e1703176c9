"""The methods of ufuncs, on every ufunc that has them."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.numpy_protocol import FUNCTIONS
from minigrad.core.table import standing_for
from minigrad.errors import UnsupportedError
from tests.numpy_check import check_call, same_values

X = np.random.default_rng(1).uniform(0.5, 2.0, (2, 4))
MASK = np.array([[True, False, True, True], [False, True, True, False]])

BINARY = {
    name: ufunc
    for name, ufunc in vars(np).items()
    if isinstance(ufunc, np.ufunc)
    and (ufunc.nin, ufunc.nout, ufunc.signature) == (2, 1, None)
    and "d" in str(ufunc.types)
}
SMOOTH = sorted(name for name, ufunc in BINARY.items() if ufunc not in FUNCTIONS and name not in ("ldexp", "nextafter"))


def floats(name):
    """Elements for which every ufunc is smooth, twice differentiable, and of moderate size."""
    return X / 3 + np.arange(8.0).reshape(2, 4) % 3 if name in ("remainder", "mod", "fmod", "floor_divide") else X


@pytest.mark.parametrize("name", SMOOTH)
def test_the_methods_of_every_ufunc_of_two_numbers(name):
    f, x = BINARY[name], floats(name)
    assert standing_for(f) is not None
    check_call(lambda x: f.outer(x[0] * 1.03, x), [x])
    check_call(lambda x: f.accumulate(x, axis=1), [x])
    # NumPy's vector loops for powers and angles do not take the elements in turn on every machine.
    in_turn = name in ("power", "pow", "float_power", "arctan2", "atan2")

    def reduce(x, *args):
        if in_turn and isinstance(x, np.ndarray):
            return f.accumulate(x, *args)[(slice(None),) * (args[0] if args else 0) + (slice(-1, None),)]
        return f.reduce(x, *args, keepdims=True)

    check_call(lambda x: reduce(x), [x])
    check_call(lambda x: reduce(x, 1), [x])
    if not in_turn:
        check_call(lambda x: f.reduceat(x, [0, 2, 1], axis=1), [x])


@pytest.mark.parametrize("name", SMOOTH)
def test_at_writes_once_for_each_time_that_an_element_is_named(name):
    f, x = BINARY[name], floats(name)
    rows = np.array([0, 1, 1, 0, 1])

    def filled(x):
        y = x * 1.0
        assert f.at(y, rows, x[rows, ::-1] * 0.7 + 0.1) is None
        f.at(y, (0, [1, 1]), 0.8)
        return y

    check_call(filled, [x])


def test_at_of_one_argument():
    def filled(x):
        y = x * 1.0
        np.negative.at(y, [0])
        np.sqrt.at(y, (1, [0, 0, 2]))
        return y

    check_call(filled, [X])


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.add.reduce(x, None),
        lambda x: np.add.reduce(x, (0, 1), keepdims=True),
        lambda x: np.add.reduce(x, 1, initial=2.0, where=MASK),
        lambda x: np.multiply.reduce(x, 1, np.float64, initial=2.0),
        lambda x: np.maximum.reduce(x, axis=None, initial=1.0, where=MASK),
        lambda x: np.minimum.reduce(x, 1),
        lambda x: np.subtract.reduce(x, 1, initial=3.0),
        lambda x: np.logaddexp.reduce(x, (0, 1)),
        lambda x: np.logaddexp.reduce(x, 0, initial=0.5),
        lambda x: np.add.reduce(x, ()),
        lambda x: np.add.accumulate(x, 1, np.float64),
        lambda x: np.multiply.accumulate(x),
        lambda x: np.logaddexp.accumulate(x, 1),
        lambda x: np.multiply.reduceat(x, [3, 0], -1),
        lambda x: np.maximum.reduceat(x, [0, 1]),
        lambda x: np.add.outer(x, x, dtype=np.float64),
        lambda x: np.multiply.outer(0.1, x),
        lambda x: np.subtract.outer(x, [0.1, 0.7]),
        lambda x: np.add.reduceat(x[0], np.array([0, 3, 1, 1])),
    ],
)
def test_options(call):
    check_call(call, [X])


def test_a_result_is_written_into_a_tensor():
    def filled(x):
        out = mg.zeros(4, dtype=float) if isinstance(x, mg.Tensor) else np.zeros(4, np.float64)
        assert np.add.reduce(x, 0, out=out) is out
        return out

    check_call(filled, [X])


def test_functions_with_a_plain_answer_keep_it():
    x = mg.tensor(X, requires_grad=True)
    for got, want in [
        (np.greater.outer(x, 1.0), np.greater.outer(X, 1.0)),
        (np.logical_and.reduce(x), np.logical_and.reduce(X)),
        (np.logical_or.accumulate(x, 1), np.logical_or.accumulate(X, 1)),
        (np.bitwise_or.reduce(mg.tensor(np.arange(5))), 7),
    ]:
        assert not isinstance(got, mg.Tensor)
        same_values(got, want)


def test_what_would_lose_a_gradient_is_refused_by_name():
    x = mg.tensor(X, requires_grad=True)
    plain = np.zeros((2, 4), np.float64)
    for call, word in [
        (lambda: np.add.at(plain, 0, x[0]), "np.add.at into a plain array.*mg.zeros"),
        (lambda: np.add.reduce(x, out=np.zeros(4, np.float64)), "mg.zeros"),
        (lambda: np.subtract.reduce(x, 1, where=MASK, initial=0.0), "np.subtract.reduce"),
        (lambda: np.gcd.outer(x, x), "np.gcd.outer"),
    ]:
        with pytest.raises(UnsupportedError, match=word):
            call()
    assert not plain.any()
    np.add.at(plain, 0, mg.tensor(X)[0])
    np.testing.assert_array_equal(plain[0], X[0])
    for call, error in [
        (lambda: np.sin.outer(x, x), ValueError),
        (lambda: np.add.reduceat(x, [9]), IndexError),
        (lambda: np.add.accumulate(x, 7), np.exceptions.AxisError),
        (lambda: np.subtract.reduce(x[:0]), ValueError),
    ]:
        with pytest.raises(error):
            call()
