"""What the package asks of data, where an array may stand for all members of a batch."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.members import anywhere, everywhere, is_true
from minigrad.errors import BatchError
from minigrad.nn import functional as F


@pytest.mark.parametrize(
    ("mask", "all_are", "some_are"),
    [
        (np.array([True, True]), True, True),
        (np.array([[True], [False]]), False, True),
        (np.zeros((0, 2), bool), True, False),
        (np.bool_(True), True, True),
        (np.bool_(False), False, False),
    ],
    ids=["all", "some", "empty", "yes", "no"],
)
def test_a_mask_is_asked_for_all_of_its_elements_or_for_some(mask, all_are, some_are):
    assert everywhere(mask) is all_are
    assert anywhere(mask) is some_are


@pytest.mark.parametrize("width", [(), (2,)], ids=["one-number", "rows"])
def test_of_a_batch_all_members_are_asked_by_the_package_and_python_itself_asks_none(width):
    seen = []

    def member(x):
        positive = x.data > 0
        seen.append((everywhere(positive), anywhere(positive), everywhere(x.data > -9), anywhere(x.data > 9)))
        with pytest.raises(BatchError, match="Python decides by a value"):
            bool(positive)
        with pytest.raises(BatchError, match="may differ"):
            is_true(positive.all())
        assert is_true(positive.all(), np.any)
        assert not is_true(positive.all(), np.all)
        assert is_true((x.data > -9).all())  # they agree
        return x * 2

    mg.vmap(member)(mg.tensor(np.stack([np.full(width, 1.0), np.full(width, -1.0)])))
    assert seen == [(False, True, True, False)]


def test_a_condition_on_data_is_plain_truth_without_a_recording_and_an_answer_of_the_program_with_one():
    assert is_true(np.bool_(True)) is True
    assert is_true(np.array([0.0])) is False
    seen = []

    @mg.compile(backend="numpy")
    def step(x):
        if everywhere(x.data > 0):
            return x * 2
        seen.append(x)
        return x * 3

    for value, factor in ((1.0, 2), (2.0, 2), (3.0, 2), (-1.0, 3), (4.0, 2)):
        assert step(mg.tensor([value])).data == factor * value


DIFFERING = {
    "equal eigenvalues": (lambda a: mg.linalg.eigvalsh(a)[1], [np.eye(2), np.diag([1.0, 3.0])]),
    "an infinite gradient": (lambda x: (mg.relu(x) * np.float64(1e200) * (x * 1e200)).sum(), [[1e-9, 1.0], [2.0, 3.0]]),
    "squares that overflow": (lambda x: F.rms_norm(x, 2)[0], [[1e200, 1.0], [2.0, 3.0]]),
    "a length that overflows": (mg.linalg.norm, [[1e200, 1.0], [2.0, 3.0]]),
    "squarings": (lambda a: mg.linalg.expm(a).sum(), [np.eye(2) * 9, np.eye(2) / 9]),
}


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("name", DIFFERING)
def test_members_that_differ_in_what_a_formula_asks_get_what_each_gets_alone(name):
    f, members = DIFFERING[name]
    members = np.array(members)
    alone = [mg.grad(f)(x) for x in members]
    np.testing.assert_allclose(mg.vmap(mg.grad(f))(members), alone, rtol=1e-12)
