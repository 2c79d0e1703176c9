"""Loops and branches inside a program: the bits of eager, one call each, and what a body may not do, by name."""

import functools
import math
import random
import re

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.core.trees import leaves
from minigrad.errors import CompileError

RNG = np.random.default_rng(0)
H, X = mg.tensor(RNG.normal(size=3)), mg.tensor(RNG.normal(size=(5, 3)))  # sums of both signs come up
W = mg.tensor(RNG.normal(size=(3, 3)) / 2, requires_grad=True)
V = mg.tensor(RNG.normal(size=(3, 3)) / 2, requires_grad=True)
ROW = np.ones(3)
CELL = nn.GRUCell(3, 3, dtype="float64", generator=RNG)
SCALE = [0.5]


def cell(h, x):
    return mg.tanh(h @ W + x), (h * x).sum()


def chosen(h, x):
    return mg.cond(h.sum() > 0, lambda h, v: mg.tanh(h @ W), lambda h, v: h * W[0] * x + h @ v, h, V), h


def loss(f, h, xs):
    last, ys = mg.scan(f, h, xs)
    return (last**2).sum() + (0.0 if ys is None else mg.sin(ys).sum())


def trained(f, *parameters):
    """A step that gives the loss and all gradients."""

    def step(h, xs):
        for p in parameters:
            p.grad = None
        value = loss(f, h, xs)
        value.backward()
        return value, *[p.grad for p in parameters]

    return step


def halved(h):
    return mg.while_loop(lambda h: (h * h).sum() > 1e-2, lambda h: mg.tanh(h @ W) * 0.9, h, max_steps=40)


def halved_loss(h, _):
    W.grad = None
    value = halved(h).sum()
    value.backward()
    return value, W.grad


#: Steps, with the calls that their programs have at most.
STEPS = {
    "forward": (lambda h, xs: mg.scan(cell, h, xs), 3),
    "reverse": (lambda h, xs: mg.scan(cell, h, xs, reverse=True), 3),
    "gradients": (trained(cell, W), 40),
    "a module": (trained(lambda h, x: (CELL(x, h), None), *CELL.parameters()), 40),
    "a scan in a scan": (
        trained(lambda h, x: (mg.scan(lambda k, _: (mg.tanh(k @ W + x), None), h, length=3)[0], h), W), 40
    ),
    "a branch": (trained(chosen, W, V), 40),
    "a loop in a scan": (
        lambda h, xs: mg.scan(
            lambda h, x: (mg.while_loop(lambda h: (h * h).sum() > 1, lambda h: h / 2, h + x), h), h, xs
        ), 3,
    ),
    "a loop": (lambda h, _: mg.while_loop(lambda h: (h * h).sum() > 1e-3, lambda h: 0.5 * h, h), 3),
    "the gradient of a loop": (halved_loss, 40),
    "second order": (
        lambda h, xs: mg.hvp(lambda h: loss(lambda h, x: (mg.tanh(h @ W.detach() * x), h), h, xs), h, h), 120
    ),
    "a hessian of branches": (
        lambda h, xs: mg.hessian(
            lambda h: mg.scan(
                lambda h, x: (mg.cond(h.sum() > 0, lambda h: mg.sin(h) * h, lambda h: h * h * x, h), None), h, xs
            )[0].sum()
        )(h), 90,
    ),
    "a batch": (
        lambda h, xs: mg.vmap(mg.grad(lambda h, xs: loss(lambda h, x: (mg.tanh(h * x), h), h, xs), argnums=(0, 1)))(
            mg.stack([h, 2 * h]), mg.stack([xs, -xs])
        ), 60,
    ),
    "members that choose": (
        lambda h, xs: mg.vmap(mg.grad(lambda h: loss(lambda h, x: (
            mg.cond(h.sum() > 0, mg.sin, lambda h: h * x, h), None), h, xs)))(mg.stack([h, -h])), 60,
    ),
    "structures": (lambda h, xs: mg.scan(lambda s, x: ((s[0] + x, s[1] + 1), {"n": s[1]}), (h, 0), xs), 3),
    "an exchange": (lambda h, xs: mg.scan(lambda s, x: ((s[1], s[0]), s[0]), (h, xs[0]), xs), 4),
    "no steps": (lambda h, xs: mg.scan(cell, h, xs[:0]), 9),
    "a checkpoint": (trained(lambda h, x: (mg.checkpoint(lambda h: mg.tanh(h @ W), h) + x, None), W), 40),
    "labels": (
        trained(lambda h, x: (h + mg.softmax_cross_entropy((x @ W)[None], np.array([1])), None), W), 40
    ),
}  # fmt: skip


def same(one, other):
    pairs = zip(leaves(one), leaves(other), strict=True)
    return all(np.asarray(getattr(a, "data", a)).tobytes() == np.asarray(getattr(b, "data", b)).tobytes()
               for (_, a), (_, b) in pairs)  # fmt: skip


@pytest.mark.parametrize("name", STEPS)
def test_a_program_has_the_bits_of_eager_and_a_call_for_a_loop(name):
    step, most = STEPS[name]
    compiled = mg.compile(step, backend="numpy")
    for _ in range(5):  # two recordings, and replays of which two run both ways
        assert same(compiled(H, X), step(H, X))
    assert compiled.stats()["replayed"] == 3
    assert compiled.stats()["calls recorded"] <= most


@pytest.mark.parametrize("steps", [10, 1000])
def test_the_size_of_a_program_does_not_grow_with_the_steps(steps):
    compiled = mg.compile(
        lambda y: mg.scan(lambda y, _: (y - 0.01 * mg.sin(y), None), y, length=steps)[0], backend="numpy"
    )
    for _ in range(3):
        compiled(H)
    assert (compiled.stats()["calls recorded"], compiled.stats()["replayed"]) == (1, 1)


def test_a_training_step():
    def losses(run):
        w = mg.tensor(W.data.copy(), requires_grad=True)
        optimizer = optim.Adam([w], lr=0.1)

        def step(h, xs):
            optimizer.zero_grad()
            value = loss(lambda h, x: (mg.tanh(h @ w + x), None), h, xs)
            value.backward()
            optimizer.step()
            return value

        step = run(step)
        return [step(H, X).item() for _ in range(6)]

    assert losses(lambda f: mg.compile(f, backend="numpy")) == losses(lambda f: f)


def test_what_a_body_reads_is_guarded():
    row = ROW.copy()
    step = lambda h, xs: mg.scan(lambda h, x: (h * SCALE[0] + x * row, h), h, xs)  # noqa: E731
    compiled = mg.compile(step, backend="numpy")
    for number in range(8):
        if number == 4:
            SCALE[0] = 0.75
        row[:] = number  # an array is read anew
        assert same(compiled(H, X), step(H, X))
    assert compiled.stats()["replayed"] >= 2


LOG, DRAWS, OUTSIDE = [], np.random.default_rng(0), np.zeros(3)


class Counter:
    """What a body must not move."""

    n = 0


COUNTER = Counter()


def appends(h, x):
    LOG.append(h)
    return h + x, None


def counts(h, x):
    COUNTER.n += 1
    return h + x, None


def writes(h, x):
    OUTSIDE[:] = h.data
    return h + x, None


REFUSED = {
    "a list": (appends, "changes LOG"),
    "a counter": (counts, "changes COUNTER"),
    "a number": (lambda h, x: (h * h.sum().item() + x, None), r"takes a number out of the arithmetic"),
    "a decision": (
        lambda h, x: (h + x if h.sum() > 0 else h - x, None),
        r"lets Python decide .*\n.*\nchoose with mg\.cond",
    ),
    "a draw": (lambda h, x: (h + x * DRAWS.normal(), None), r"draws random numbers"),
    "a write": (writes, "a write into an array from outside"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_body_must_not_do_is_refused_by_name(name):
    f, message = REFUSED[name]
    compiled = mg.compile(lambda h, xs: mg.scan(f, h, xs)[0], backend="numpy")
    try:
        with pytest.raises(CompileError, match=re.compile(message, re.DOTALL)):
            compiled(H, X)
    finally:
        LOG.clear()


@pytest.mark.parametrize(
    "loop",
    [
        lambda h, xs: mg.scan(cell, h, xs)[0],
        lambda h, xs: mg.while_loop(lambda h: h.sum() < 20, lambda h: h + 1, h),
    ],
    ids=["scan", "while_loop"],
)
def test_a_step_with_a_loop_may_append_to_a_list(loop):
    log, wanted = [], []

    def step(h, xs, log):
        h = loop(h, xs)
        log.append(h.sum().item())
        return h

    compiled = mg.compile(lambda h, xs: step(h, xs, log), backend="numpy")
    for i in range(10):
        np.testing.assert_array_equal(compiled(H * i, X).data, step(H * i, X, wanted).data)
    assert log == wanted
    assert compiled.stats()["replayed"] >= 7


def test_a_loop_may_begin_with_numbers_of_the_step():
    kept = {"n": 0}

    def step(xs, kept):
        kept["n"] += 1
        given = kept["n"], xs.sum().item(), int(abs(xs[0, 0].item()))
        (n, total, _), counts = mg.scan(lambda c, x: ((c[0] + 1, c[1] * x.sum(), c[2]), c[0]), given, xs)
        return n, total, counts, mg.while_loop(lambda i: i < 40, lambda i: 2 * i + 1, given[2])

    compiled, other = mg.compile(lambda xs: step(xs, kept), backend="numpy"), {"n": 0}
    for i in range(10):
        for one, wanted in zip(compiled(X.astype("float32") * i), step(X.astype("float32") * i, other), strict=True):
            assert one.dtype == wanted.dtype
            np.testing.assert_array_equal(one, wanted)
    assert compiled.stats()["replayed"] >= 7


class Counted:
    """What a step counts, and what bodies of loops make of it."""

    def __init__(self):
        self.n, self.w = 0, mg.tensor(np.ones(3), requires_grad=True)
        self.optimizer = optim.SGD([self.w], lr=0.1)

    def body(self, h, x):
        u = math.exp(-self.n / 9) + self.n**2 / 50
        h = (h * 0.5 + u * x) if self.n % 2 else h * 0.5 - x / self.n
        return h / (1 + self.optimizer.iterations) + self.w * x, self.n

    def branch(self, h, x):
        return mg.cond(x.sum() > 0, lambda h: h * self.n, lambda h: h - self.n, h), None

    def deep(self, h, x):
        return mg.scan(lambda h, _: (h * 0.5 + self.n * x, None), h, length=3)[0], None

    def several(self, h, xs):
        return mg.vmap(lambda x: mg.scan(self.deep, h, mg.stack([x, -x]))[0])(xs).sum()

    def twice(self, h, _):
        return mg.while_loop(lambda h: (h * h).sum() < 50, lambda h: h * 2 + self.n, h).sum()


@pytest.mark.parametrize("name", ["body", "branch", "deep", "several", "twice"])
def test_a_loop_reads_numbers_that_change_from_call_to_call(name):
    """Counters, counts of optimizers, what is computed and drawn of numbers: inputs of the body, which are no new ones.

    They were the numbers of one call, and each call was recorded anew or refused.
    """

    def trained(one, scale, h, xs):
        one.n += 1
        function = getattr(one, name)
        by, drawn = xs.mean().item(), random.random()
        if name in ("several", "twice"):
            value = function(h * scale, xs)
        else:
            value = loss(lambda h, x: function(h * by + drawn * x * scale, x), h, xs)
        one.optimizer.zero_grad()
        (value + one.w.sum()).backward()
        one.optimizer.step()
        return value

    ways = []
    for compiled in (False, True):
        random.seed(0)
        one = Counted()
        step = functools.partial(trained, one)
        step = mg.compile(step, backend="numpy") if compiled else step
        ways.append([[x.data.copy() for x in (step(0.5 + i / 8, H, X), one.w)] for i in range(12)])
    assert all(map(same, *ways))
    assert step.stats()["replayed"] >= 6


def test_what_a_program_has_not_is_refused_by_name():
    step = lambda h: mg.while_loop(lambda h: (h * h).sum() > 1e-3, lambda h: mg.tanh(h @ W) / 2, h).sum()  # noqa: E731
    compiled = mg.compile(lambda h: step(h).backward(), backend="numpy")
    with pytest.raises(CompileError, match="write max_steps="):
        compiled(H)


def test_a_tensor_of_one_branch_alone_is_to_be_an_operand():
    f = lambda h, x: (mg.cond(h.sum() > 0, lambda h: h @ W + x, lambda h: h @ V, h), None)  # noqa: E731
    with pytest.raises(CompileError, match=r"Pass the tensor as an operand.*mg\.cond\(p, f, g, x, w\)"):
        mg.compile(trained(f, W, V), backend="numpy")(H, X)


def test_a_program_with_a_loop_is_not_exported(tmp_path):
    compiled = mg.compile(STEPS["forward"][0], backend="numpy")
    for _ in range(3):
        compiled(H, X)
    assert "scan(" in compiled.source()
    with pytest.raises(CompileError, match=r"export: mg\.scan is a program inside of the program"):
        compiled.export(tmp_path / "step.py")
