"""Loops as one native call: what a step reads and writes moves on, in either direction, as eager has it."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.trees import leaves

pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")

from minigrad.compiler.backends import native_scans

RNG = np.random.default_rng(0)
H, W = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 3)) / 2
XS, NUMBERS = RNG.normal(size=(7, 4, 3)), RNG.normal(size=7)


def cell(h, x):
    h = mg.tanh(h @ W + x)
    return h, h


def counted(state, x):
    h, t, total = state
    h = mg.tanh(h) * x + t
    return (h, t + 1, total + h), (h, t)


def gradient(f, *given):
    return mg.value_and_grad(lambda *xs: sum(mg.sin(x).sum() for _, x in leaves(f(*xs)) if x.dtype.kind == "f"))(*given)


#: Steps of a matrix, rows and a number; whether the loop is one call of machine code.
LOOPS = {
    "a state that is a result too": (lambda h, xs, n: mg.scan(cell, h, xs), True),
    "from the last to the first": (lambda h, xs, n: mg.scan(cell, h, xs, reverse=True), True),
    "states alone": (lambda h, xs, n: mg.scan(lambda h, x: (cell(h, x)[0], None), h, xs), True),
    "an odd number of steps": (lambda h, xs, n: mg.scan(lambda h, _: (cell(h, n)[0], None), h, length=5), True),
    "numbers": (lambda h, xs, n: mg.scan(counted, (n, 0.0, n * 2), NUMBERS), True),
    "numbers of float32": (
        lambda h, xs, n: mg.scan(lambda s, x: (s * x + 1, s), np.float32(0.5), NUMBERS.astype("float32")),
        True,
    ),
    "numbers, backwards": (lambda h, xs, n: mg.scan(counted, (n, 0.0, n * 2), NUMBERS, reverse=True), True),
    "the state before": (lambda h, xs, n: mg.scan(lambda h, x: (mg.tanh(h @ W + x), h), h, xs), True),
    "the row itself, and what is closed over": (lambda h, xs, n: mg.scan(lambda h, x: (h + x, (x, n)), h, xs), True),
    "a state that stays": (lambda h, xs, n: mg.scan(lambda s, x: ((s[0] * x, s[1]), s[1]), (h, h + n), xs), True),
    "states that change places": (lambda h, xs, n: mg.scan(lambda s, x: ((s[1], s[0] + x), None), (h, h), xs), False),
    "rows that lie otherwise": (lambda h, xs, n: mg.scan(cell, h, xs.T.copy().T), True),
    "a slice of the state": (lambda h, xs, n: mg.scan(lambda h, x: (h * 0.5 + h[:1] * x, h[:, 1:].sum()), h, xs), True),
    "its gradient": (lambda h, xs, n: gradient(lambda h: mg.scan(cell, h, xs), h), True),
    "its gradient, backwards": (lambda h, xs, n: gradient(lambda h: mg.scan(cell, h * n, xs, reverse=True), h), True),
    "the gradient of numbers": (
        lambda h, xs, n: gradient(lambda n: mg.scan(counted, (n, 0.0, n * 2), NUMBERS), n),
        True,
    ),
    "the gradient of parts": (
        lambda h, xs, n: gradient(lambda h: mg.scan(lambda h, x: (h * x[:, :1] + h[0] * h[:, 1:2], None), h, xs), h),
        True,
    ),
    "a function of NumPy's": (lambda h, xs, n: mg.scan(lambda h, x: (mg.sort(h + x, axis=0), h), h, xs), False),
}


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_is_one_call_with_the_results_of_eager(name, monkeypatch):
    step, is_one = LOOPS[name]
    runs = []
    run = native_scans.Scanned._run
    monkeypatch.setattr(native_scans.Scanned, "_run", lambda self, *given: runs.append(1) or run(self, *given))
    monkeypatch.setattr(native_scans, "MOST", 4)  # of seven steps, so that a loop is two native calls
    compiled = mg.compile(step, backend="native")
    for number in np.array([0.5, 1.5, -0.25, 0.75]):
        found, expected = (leaves(f(H * number, XS, number)) for f in (compiled, step))
        for (_, one), (_, other) in zip(found, expected, strict=True):
            assert (one.dtype, one.shape) == (other.dtype, other.shape)
            np.testing.assert_allclose(one, other, rtol=1e-12 if one.dtype == np.float64 else 1e-6, atol=1e-12)
    assert compiled.stats()["replayed"] > 0
    assert bool(runs) is is_one


def test_results_have_memory_of_their_own():
    step = mg.compile(lambda h, xs: mg.scan(cell, h, xs), backend="native")
    results = [step(H, XS) for _ in range(4)]
    for last, ys in results:
        np.testing.assert_array_equal(last, ys[-1])
        ys[:] = 7
        assert last.max() < 7
        last[:] = 7
    assert H.max() < 7
    assert XS.max() < 7


def test_a_condition_that_does_not_hold_is_an_error_of_the_step():
    def step(h, labels):
        return mg.scan(lambda t, label: (t + mg.softmax_cross_entropy(h[:1], label[None]), t), 0.0, labels)

    compiled = mg.compile(step, backend="native")
    good, bad = np.array([0, 1, 2, 0]), np.array([0, 1, 3, 0])
    for _ in range(3):
        np.testing.assert_allclose(compiled(H, good)[1], step(H, good)[1], rtol=1e-12)
    with pytest.raises(ValueError, match="0 to 2"):
        compiled(H, bad)
    np.testing.assert_allclose(compiled(H, good)[1], step(H, good)[1], rtol=1e-12)


TABLE = mg.tensor(H)

#: Programs inside of a step that look up rows by an array of indices, and have no other condition.
LOOKING_UP = {
    "scan": lambda at: mg.scan(lambda h, i: (h * 0.5 + TABLE[i], h), np.zeros((3, 3)), np.stack([at, at])),
    "added up": lambda at: mg.scan(lambda h, i: (mg.index_add(h, i, H[:3]), h * 2), np.zeros((4, 3)), at[None]),
    "while_loop": lambda at: mg.while_loop(
        lambda state: state[0] < 2, lambda state: (state[0] + 1, state[1] + TABLE[at]), (0, np.zeros((3, 3)))
    ),
}


@pytest.mark.parametrize("name", LOOKING_UP)
def test_an_index_out_of_range_inside_of_a_loop_is_an_error_of_the_step(name):
    step = LOOKING_UP[name]
    compiled = mg.compile(step, backend="native")
    good, bad = np.array([0, 3, -1]), np.array([0, 4, 1])
    for _ in range(4):
        compiled(good)
    for at in (bad, bad - 9) * 4:  # some calls run as the step is written too
        with pytest.raises(IndexError, match="out of bounds"):
            compiled(at)
        for (_, got), (_, expected) in zip(leaves(compiled(good)), leaves(step(good)), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-12)


@pytest.mark.parametrize("steps", [1, 1023, 1024, 1025, 3001])
def test_loops_of_several_native_calls(steps):
    """The first call makes 1,024 steps, and the next ones more."""
    draws = np.random.default_rng(steps)
    xs, w = draws.normal(size=(steps, 3)), np.array([0.3, -0.2, 0.1])

    def loss(w, xs):
        def body(state, x):
            v, total = state
            v = mg.tanh(v * w + x)
            total = 0.9 * total + (v * x).sum()
            return (v, total), total

        (v, total), totals = mg.scan(body, (mg.zeros(3, dtype=float), mg.zeros((), dtype=float)), xs)
        return (totals**2).mean() + v.sum() + total

    expected = mg.value_and_grad(loss, argnums=(0, 1))(w, xs)
    compiled = mg.compile(mg.value_and_grad(loss, argnums=(0, 1)), backend="native")
    for _ in range(4):
        value, gradients = compiled(w, xs)
        np.testing.assert_allclose(value, expected[0], rtol=1e-12)
        for one, other in zip(gradients, expected[1], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-13)
    assert compiled.stats()["replayed"] == 2
