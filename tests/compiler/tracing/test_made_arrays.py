"""Arrays that a step makes are new in each run, by whatever name and from whatever place it calls NumPy."""

import functools

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import CompileError

LIBRARY = np


class OfClass:
    lib = np
    zeros = staticmethod(np.zeros)


class OfObject:
    def __init__(self):
        self.lib, self.zeros = np, np.zeros


def default(z, lib=np):
    return lib.zeros(z.shape)


def local(z):
    import numpy as np

    return np.zeros(z.shape)


def local_name(z):
    from numpy import zeros as new

    return new(z.shape)


def of_lists(held):
    return lambda z: held[0]["np"].zeros(z.shape)


OBJECT = OfObject()

HELD = {
    "a global": lambda z: LIBRARY.zeros(z.shape),
    "a class": lambda z: OfClass.lib.zeros(z.shape),
    "a static method": lambda z: OfClass.zeros(z.shape),
    "an object": lambda z, held=OBJECT: held.lib.zeros(z.shape),
    "a function in an object": lambda z, held=OBJECT: held.zeros(z.shape),
    "a list of dicts": of_lists([{"np": np}]),
    "a default": default,
    "an import in the function": local,
    "a name that it imports": local_name,
    "a partial": functools.partial(lambda zeros, z: zeros(z.shape), np.zeros),
}


def replayed(step, calls=5):
    """Results of a compiled step beside those of the step itself, which are the same bits."""
    compiled = mg.compile(step, backend="numpy")
    for i in range(calls):
        x = mg.tensor(np.arange(6.0).reshape(2, 3) + i)
        for one, other in zip(step(x), compiled(x), strict=True):
            assert np.asarray(one).dtype == np.asarray(other).dtype
            np.testing.assert_array_equal(one, other)
    assert compiled.stats()["replayed"] == calls - 2
    return compiled


@pytest.mark.parametrize("made", HELD.values(), ids=list(HELD))
def test_wherever_numpy_is_held(made):
    def step(x):
        z = (x * x).data
        rows = made(z)
        rows[0] = z[1]
        return rows, z

    before = OfClass.lib, vars(OfClass)["zeros"], default.__defaults__
    replayed(step)
    assert before == (OfClass.lib, vars(OfClass)["zeros"], default.__defaults__)


FILLED = {
    "full": lambda s, z: np.full(3, s),
    "full, of a dtype": lambda s, z: np.full((2, 1), s, np.float32),
    "full, of an array": lambda s, z: np.full((2, 3), z[0]),
    "full, of tensors": lambda s, z: np.full(2, mg.tensor(z).sum().data),
    "full, of a tensor": lambda s, z: np.full((2, 3), mg.tensor(z[0])),
    "mg.full": lambda s, z: mg.full((2, 1), s),
    "mg.full, of a tensor": lambda s, z: mg.full((2, 3), mg.tensor(z[0]), "float64"),
    "mg.tensor": lambda s, z: mg.tensor(s),
    "mg.tensor, of a dtype": lambda s, z: mg.tensor(abs(-s), "float64"),
    "full_like": lambda s, z: np.full_like(z, s),
    "full_like, of integers": lambda s, z: np.full_like(np.arange(3), int(s)),
    "linspace": lambda s, z: np.linspace(0, s, 3),
    "linspace, backwards": lambda s, z: np.linspace(s, -1, num=4),
    "logspace": lambda s, z: np.logspace(0, s / 1000, 3),
    "array": lambda s, z: np.array([s, 2.0]),
    "asarray of a list": lambda s, z: np.asarray([s, 2.0]),
    "asarray of a number": lambda s, z: np.asarray(s, np.float32),
    "full, by name": lambda s, z: np.full(shape=3, fill_value=s),
    "full_like, by name": lambda s, z: np.full_like(z, fill_value=s),
    "linspace, by name": lambda s, z: np.linspace(start=s, stop=1.0, num=3) + np.linspace(0.0, stop=s, num=3),
    "repeat": lambda s, z: np.repeat(s, 3) + np.repeat([s, 1.0], 2)[:3],
    "tile": lambda s, z: np.tile([s, 2.0], 2),
    "append": lambda s, z: np.append(np.zeros(2, dtype=float), s),
    "insert": lambda s, z: np.insert(np.ones(2, dtype=float), 1, s),
    "concatenate": lambda s, z: np.concatenate([np.zeros(2, dtype=float), [s, 1], z[0]]),
    "hstack": lambda s, z: np.hstack([1.0, s, 2]),
    "vstack": lambda s, z: np.vstack([[s, 1.0, 2.0], z]),
    "stack": lambda s, z: np.stack([s, s, 1]),
    "column_stack": lambda s, z: np.column_stack([s, 1.0]),
    "at least 1": lambda s, z: np.atleast_1d(s) + np.atleast_2d(s),
    "broadcast": lambda s, z: np.broadcast_to(s, (3,)) + 0.0,
    "diagonal": lambda s, z: np.diag([s, 1.0]),
    "a list beside a tensor": lambda s, z: mg.tensor(z) * [s, 1.0, 2.0],
    "mg.tensor of a list": lambda s, z: mg.tensor([[s, 1], [0.5, s]]),
    "mg.tensor of a list, of a dtype": lambda s, z: mg.tensor((s, 1), "float64"),
    "mg.stack": lambda s, z: mg.stack([s, 1.0, mg.tensor(z).sum()]),
    "mg.concatenate": lambda s, z: mg.concatenate([mg.ones(2), [s]]),
    "mg.full_like": lambda s, z: mg.full_like(mg.tensor(z), s),
    "rounded": lambda s, z: z * round(s) + round(s, 2) + round(int(s), 1),
}


@pytest.mark.parametrize("fill", FILLED.values(), ids=list(FILLED))
def test_it_is_filled_with_numbers_that_the_step_computes(fill):
    def step(x):
        z = (x * x).data
        return fill((x * x).sum().item(), z), z

    replayed(step)


TAKEN = {
    "the very array": lambda b: np.asarray(b),
    "of its dtype": lambda b: np.asarray(b, dtype=np.float64),
    "by its name": lambda b: np.asarray(a=b),
    "asanyarray": lambda b: np.asanyarray(b),
    "in its order": lambda b: np.ascontiguousarray(b),
    "in another order": lambda b: np.ascontiguousarray(b.T),
    "of another dtype": lambda b: np.asarray(b, np.float32),
    "a tensor": lambda b: np.asarray(mg.tensor(b)),
    "a view": lambda b: np.asarray(b)[:1],
}


@pytest.mark.parametrize("take", TAKEN.values(), ids=list(TAKEN))
def test_what_is_taken_as_an_array_is_the_very_array_or_a_copy_as_in_numpy(take):
    def step(x):
        b = np.zeros((2, 3))
        a, z = take(b), (x * x).data
        b[0] = z[1]
        return a.copy(), a, np.asarray(x * 2, float), np.asarray((x * 2).data, np.float32)

    replayed(step)


def test_what_a_library_took_is_not_written():
    def step(x):
        b = np.zeros(3)
        a = np.asfortranarray(b)
        b[0] = (x * x).data[0, 0]
        return a

    with pytest.raises(CompileError, match=r"handed to a library, and then written into"):
        mg.compile(step, backend="numpy")(mg.tensor(np.ones((2, 3))))


def test_numpy_is_itself_again_after_an_error():
    def step(x):
        rows = LIBRARY.zeros(3)
        rows[0] = x.data[0]
        raise ValueError(f"{len(local(x))} rows")

    for _ in range(3):
        with pytest.raises(ValueError, match="1 rows"):
            mg.compile(step, backend="numpy")(mg.tensor([1.0]))
    assert LIBRARY is np
    assert np.zeros is local.__globals__["np"].zeros
    assert __import__("numpy") is np
