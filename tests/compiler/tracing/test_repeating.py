"""Programs inside of a program: a condition that does not hold sends the call back to the step as it is written."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.compiler.tracing.repeating import Nested
from minigrad.errors import TargetError

H, X = mg.tensor(np.ones(3)), mg.tensor(np.ones((4, 3)))


def entropy(total, label):
    return total + mg.softmax_cross_entropy(H[None], label[None]), None


@pytest.mark.parametrize("within", ["scan", "cond", "while"])
def test_labels_out_of_range_are_an_error_of_the_step(within):
    def step(labels):
        if within == "scan":
            return mg.scan(entropy, 0.0, labels)[0]
        if within == "cond":
            f = lambda s, x: (mg.cond(s >= 0, lambda s: entropy(s, x)[0], lambda s: s, s), None)  # noqa: E731
            return mg.scan(f, 0.0, labels)[0]
        labels = mg.tensor(labels)
        return mg.while_loop(lambda s: s[1] < 4, lambda s: (entropy(s[0], labels[s[1]])[0], s[1] + 1), (0.0, 0))[0]

    compiled = mg.compile(step, backend="numpy")
    good, bad = np.array([0, 1, 2, 0]), np.array([0, 1, 2, 3])
    for _ in range(4):
        assert compiled(good).item() == step(good).item()
    with pytest.raises(TargetError, match="0 to 2"):
        compiled(bad)
    assert compiled(good).item() == step(good).item()


def test_two_are_the_same_where_their_programs_are():
    one = Nested("mg.scan", [], 1, False)
    assert one == Nested("mg.scan", [], 1, False)
    assert one != Nested("mg.scan", [], 2, False)
    assert one != Nested("mg.cond", [], 1, False)
    assert one != "mg.scan"
    assert len({one, Nested("mg.scan", [], 1, False)}) == 2


def test_results_have_memory_of_their_own():
    step = mg.compile(lambda h, xs: mg.scan(lambda h, x: (h, x), h, xs), backend="numpy")
    for _ in range(4):
        last, ys = step(H, X)
    last.data[:], ys.data[:] = 7, 7
    assert H.data.tolist() == [1, 1, 1]
    assert X.data.sum() == 12


@pytest.mark.parametrize("backend", ["numpy", "native"])
@pytest.mark.parametrize("kind", ["scan", "scan of columns", "while", "cond"])
def test_a_state_may_come_back_in_another_order_of_axes(kind, backend):
    if backend == "native":
        pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")
    rng = np.random.default_rng(0)
    h, w = rng.standard_normal((300, 300)), rng.standard_normal((300, 300))

    def turned(s, w):
        return s.T + 0.5, mg.exp(s * w * 0.01) + s * w

    def step(h, w, number):
        if kind == "cond":
            z = mg.cond(number > 1, lambda s: s.T + 0.5, lambda s: s * 2, h)
            return mg.exp(z * w * 0.01) + z * w
        if kind == "while":
            go_on = lambda s: s[1] < number  # noqa: E731
            h, _ = mg.while_loop(go_on, lambda s: (turned(s[0], w)[0], s[1] + 1), (h, 0))
            return mg.exp(h * w * 0.01) + h * w
        return mg.scan(lambda s, _: turned(s, w), h.T if kind == "scan of columns" else h, length=3)

    compiled = mg.compile(step, backend=backend)
    for number in (1, 2, 3, 2):
        for found, expected in zip(compiled(h, w, number), step(h, w, number), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
