"""Errors that numbers are the cause of, in a step that handles them: no program is made of that way."""

import numpy as np
import pytest

import minigrad as mg

BACKENDS = ["numpy", pytest.param("native", marks=pytest.mark.native), pytest.param("jax", marks=pytest.mark.jax)]
TABLE = mg.tensor(np.arange(5.0), dtype="float32")


def looked_up(x, i):
    try:
        return TABLE[i] + x
    except IndexError:
        return x - 1


def inverse(x, i):
    try:
        return mg.linalg.inv(mg.eye(2) * mg.tensor(1.0 - (i == 5))) + x
    except np.linalg.LinAlgError:
        return x - 1


def divided(x, i):
    try:
        with np.errstate(divide="raise"):
            return x / mg.tensor(5.0 - i)
    except FloatingPointError:
        return x - 1


def scanned(x, i):
    try:
        return mg.scan(lambda c, k: (c + TABLE[k], None), x, mg.tensor(np.repeat(i, 3)))[0]
    except IndexError:
        return x - 1


def divided_by_a_number(x, i):
    try:
        return x * (1 / mg.tensor(5.0 - i).sum().item())
    except ZeroDivisionError:
        return x - 1


#: For each call whether it raises an error inside.
ORDERS = {
    "the first calls": [True] * 4 + [False] * 6,
    "every other call": [True, False] * 6,
    "later calls": [False] * 4 + [True, False] * 3,
}


STEPS = [looked_up, inverse, divided, scanned, divided_by_a_number]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_handles_an_error_of_its_numbers_is_right_in_whatever_order(step, order, backend):
    compiled = mg.compile(step, backend=backend)
    for fails in ORDERS[order]:
        given = mg.tensor([1.0]), np.array([5 if fails else 1])
        np.testing.assert_allclose(compiled(*given).data, step(*given).data, rtol=1e-6)
    assert compiled.stats()["replayed"]


def test_an_error_of_shapes_is_the_same_in_each_call():
    def step(x):
        try:
            return x.reshape(2, 2)
        except ValueError:
            return x * 2

    compiled = mg.compile(step, backend="numpy")
    for _ in range(5):
        assert compiled(mg.tensor([1.0])).data == 2
    assert compiled.stats()["replayed"] == 3
