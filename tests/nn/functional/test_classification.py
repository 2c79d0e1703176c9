"""Losses of classes: weights, labels that are ignored, and the axis."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.nn import functional as F
from tests.nn.test_losses import RNG, normal
from tests.nn.test_targets import OF_CLASSES, numbers


def test_ignored_rows_count_nothing_even_where_they_are_infinite():
    logits = mg.tensor(np.array([[1.0, 2.0], [-np.inf, 0.0], [-np.inf, 1e30]], "f4"), requires_grad=True)
    labels = np.array([0, 255, 255], np.uint8)
    loss = F.cross_entropy(logits, labels, ignore_index=255)
    loss.backward()
    alone = mg.tensor(logits.data[:1], requires_grad=True)
    expected = F.cross_entropy(alone, [0])
    expected.backward()
    assert loss.item() == pytest.approx(expected.item())
    np.testing.assert_allclose(logits.grad, [alone.grad[0], [0, 0], [0, 0]], rtol=1e-6)
    assert F.cross_entropy(logits, [9, 9, 9], "sum", ignore_index=9).item() == 0
    assert F.cross_entropy(logits, [9, 9, 9], "none", ignore_index=9).tolist() == [0, 0, 0]


@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    classes=st.integers(1, 5),
    smoothing=st.sampled_from([0.0, 0.3]),
    weighted=st.booleans(),
    reduction=st.sampled_from(["mean", "sum"]),
)
def test_ignoring_rows_is_leaving_them_out(seed, shape, classes, smoothing, weighted, reduction):
    """In value and gradient, whatever else weighs the loss; and a weight of 1 for each class is none."""
    rng = RNG(seed)
    logits, labels = rng.normal(size=(*shape, classes)), rng.integers(0, classes, shape)
    ignored = rng.random(shape) < 0.5
    assume(not ignored.all())
    weight = rng.uniform(0.5, 2, classes) if weighted else np.ones(classes)
    whole, part = mg.tensor(logits, requires_grad=True), mg.tensor(logits[~ignored], requires_grad=True)
    loss = F.cross_entropy(whole, np.where(ignored, -7, labels), reduction, smoothing, weight, -7, axis=-1)
    expected = F.cross_entropy(part, labels[~ignored], reduction, smoothing, weight if weighted else None, axis=-1)
    loss.backward()
    expected.backward()
    np.testing.assert_allclose(loss.data, expected.data, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(whole.grad[~ignored], part.grad, rtol=1e-11, atol=1e-13)
    assert not whole.grad[ignored].any()


@pytest.mark.parametrize("big", [1e2, 1e30])
def test_weighted_binary_cross_entropy_is_exact_for_extreme_logits(big):
    loss = F.binary_cross_entropy_with_logits(mg.tensor([big, -big]), [1, 0], "none", pos_weight=3.0)
    assert loss.tolist() == pytest.approx([0, 0], abs=1e-40)
    wrong = F.binary_cross_entropy_with_logits(mg.tensor([-big, big]), [1, 0], "none", pos_weight=3.0)
    np.testing.assert_allclose(wrong.data, [3 * big, big], rtol=1e-6)


@pytest.mark.parametrize("shape", [(2, 4, 5, 3), (2, 3, 3, 3), (5, 3, 3), (4, 3)])
@pytest.mark.parametrize("name", OF_CLASSES)
def test_classes_along_any_axis_are_those_along_the_last(name, shape):
    loss, soft = OF_CLASSES[name]
    rng = RNG(2)
    x, labels = rng.normal(size=shape), rng.integers(0, 3, shape[:-1])
    for target in [labels, rng.dirichlet([1, 1, 1], shape[:-1])] if soft else [labels]:
        for reduction in ("mean", "sum", "none"):
            here = mg.tensor(x, requires_grad=True)
            expected = loss(here, target, reduction, -1)
            for axis in range(len(shape)):
                moved = mg.tensor(np.moveaxis(x, -1, axis), requires_grad=True)
                goal = target if np.ndim(target) < len(shape) else np.moveaxis(target, -1, axis)
                found = loss(moved, goal, reduction, axis)
                np.testing.assert_allclose(numbers(found), numbers(expected), rtol=1e-12)
                if isinstance(found, mg.Tensor):
                    here.zero_grad()
                    loss(here, target, reduction, -1).sum().backward()
                    found.sum().backward()
                    np.testing.assert_allclose(np.moveaxis(moved.grad, axis, -1), here.grad, rtol=1e-12)


def test_cross_entropy_along_axis_1_as_in_pytorch():
    """PyTorch 2.13: F.cross_entropy(x, labels) of shapes (2, 3, 3, 3) and (2, 3, 3)."""
    x = np.arange(54.0).reshape(2, 3, 3, 3) * 7 % 5
    labels = np.arange(18).reshape(2, 3, 3) % 3
    assert F.cross_entropy(x, labels, axis=1) == pytest.approx(2.501364887281, rel=1e-9)
    assert F.cross_entropy(x, labels, axis=-1) == pytest.approx(1.945809331726, rel=1e-9)


def test_an_axis_is_compiled():
    x, labels = normal(2, 3, 4, 4), RNG(1).integers(0, 3, (2, 4, 4))
    compiled = mg.compile(lambda x, y: F.cross_entropy(x, y, label_smoothing=0.1, axis=1), backend="numpy")
    expected = F.cross_entropy(mg.tensor(x), labels, label_smoothing=0.1, axis=1).item()
    assert [compiled(mg.tensor(x), labels).item() for _ in range(3)] == [expected] * 3


def test_the_accuracy_of_a_step_is_in_its_program():
    seen = []

    def step(x, y):
        share = F.accuracy(x, y)
        seen.append(share)
        return share

    compiled = mg.compile(step, backend="numpy")
    for seed in range(6):
        rng = np.random.default_rng(seed)
        x, y = mg.tensor(rng.standard_normal((9, 3))), rng.integers(0, 3, 9)
        got = compiled(x, y)
        assert type(got) is float
        assert got == seen[-1] == np.mean(x.data.argmax(1) == y)
    assert compiled.stats()["replayed"] == 4
