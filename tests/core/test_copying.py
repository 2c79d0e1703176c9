"""``copy.copy`` and ``copy.deepcopy`` of a tensor: a step of a function that is transformed, or a tensor of its own."""

import copy

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn

COPIES = {"copy": copy.copy, "deepcopy": copy.deepcopy, "in a structure": lambda x: copy.deepcopy({"a": [x]})["a"][0]}
POINT = np.array([1.0, -2.0, 3.0])


@pytest.fixture(params=COPIES)
def copied(request):
    return COPIES[request.param]


@pytest.mark.parametrize("before", [lambda x: x, lambda x: x * 1.0, lambda x: x[:]], ids=["argument", "step", "view"])
def test_a_copy_in_a_function_that_is_differentiated_has_the_gradient(copied, before):
    """It was refused, though an array in its place is copied, and the copy of a tensor has but one meaning there."""

    def f(x):
        return np.sum(copied(before(x)) ** 3 * x)

    expected = 4 * POINT**3
    assert mg.grad(f)(POINT) == pytest.approx(expected)
    assert mg.jvp(f, (POINT,), (np.ones(3),))[1] == pytest.approx(expected.sum())
    assert mg.hessian(f)(POINT) == pytest.approx(np.diag(12 * POINT**2))
    assert mg.vmap(mg.grad(f))(np.stack([POINT, 2 * POINT]))[1] == pytest.approx(8 * expected)
    assert mg.compile(mg.grad(f))(POINT) == pytest.approx(expected)


def test_a_copy_is_written_to_alone(copied):
    def f(x):
        y = x * 1.0
        z = copied(y)
        z[0] = 10.0
        return np.sum(y**2) + np.sum(z * x)

    assert mg.grad(f)(POINT).tolist() == [2 * 1 + 10, 4 * -2, 4 * 3]


def test_members_of_a_batch_and_steps_of_a_program_are_copied(copied):
    assert mg.vmap(lambda x: copied(x) * 2)(POINT).tolist() == [2, -4, 6]
    step = mg.compile(lambda x: copied(x) * 2)
    assert [step(mg.tensor(POINT * k)).data.tolist() for k in (1, 2)] == [[2, -4, 6], [4, -8, 12]]


def test_what_is_computed_is_copied_in_the_graph():
    x = mg.tensor(POINT, requires_grad=True)
    copy.copy(x * 2).sum().backward()
    assert x.grad.tolist() == [2, 2, 2]


def test_a_leaf_outside_is_copied_as_a_leaf_with_its_attributes():
    class Named(nn.Parameter):
        pass

    x = Named(mg.tensor(POINT))
    x.note = {"self": x}
    shallow, deep = copy.copy(x), copy.deepcopy(x)
    assert type(shallow) is type(deep) is Named
    assert (shallow.is_leaf, deep.is_leaf) == (True, True)
    assert shallow.note is x.note
    assert deep.note["self"] is deep
    deep.data[0] = 7.0
    assert x.data[0] == 1.0
