"""Numbers of Python in a step: counters, totals, lists of losses, decisions; a program for each way that it takes."""

import collections
import math
import random
import statistics
import threading
import warnings

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.compiler.backends import BACKENDS
from minigrad.compiler.tracing.trace_comparison import same_bits
from minigrad.errors import CompileError
from minigrad.nn import functional as F

X = np.random.default_rng(0).standard_normal((6, 3)).astype("float32")
Y = np.arange(6) % 2


class Meter:
    """The average of what it is given, as scripts have it."""

    def __init__(self):
        self.value = self.total = self.count = self.average = 0

    def update(self, value, n=1):
        self.value = value
        self.total += value * n
        self.count += n
        self.average = self.total / self.count


class Training:
    """A step, and what it keeps in Python."""

    def __init__(self, body):
        self.model = nn.Sequential(nn.Linear(3, 4, generator=np.random.default_rng(0)), nn.Tanh(), nn.Linear(4, 2,
                                   generator=np.random.default_rng(1)))  # fmt: skip
        self.optimizer = optim.Adam(self.model.parameters(), lr=0.01)
        self.n, self.total, self.best, self.history, self.seen = 0, 0.0, float("inf"), [], collections.deque(maxlen=5)
        self.meter, self.log, self.correct, self.bad = Meter(), {"loss": [], "steps": 0}, 0, 0
        self.source = random.Random(5)
        self.said = []
        self._body = body

    def step(self, x, y):
        self.optimizer.zero_grad()
        loss = self._body(self, x, y)
        loss.backward()
        self.optimizer.step()
        return loss

    @property
    def kept(self):
        meter = vars(self.meter)
        return [self.n, self.total, self.best, self.history, [*self.seen], meter, self.log, self.correct, self.bad,
                self.source.getstate(), self.said]  # fmt: skip


def _loss(t, x, y):
    return F.cross_entropy(t.model(x), y)


def _counter(t, x, y):
    t.n += 1
    return _loss(t, x, y)


def _counter_that_counts(t, x, y):
    t.n += 1
    return _loss(t, x, y) * (1 / (1 + t.n)) + (x * 0.5**t.n).mean()


def _total(t, x, y):
    loss = _loss(t, x, y)
    t.total += loss.item() * len(x)
    t.correct += (t.model(x).data.argmax(1) == y).sum().item()
    return loss


def _history(t, x, y):
    loss = _loss(t, x, y)
    t.history.append(loss.item())
    t.seen.append(loss.item())
    t.log["loss"].append(round_trip(loss.item()))
    t.log["steps"] += 1
    return loss


def round_trip(x):
    return (x + 1.0) - 1.0


def _meter(t, x, y):
    loss = _loss(t, x, y)
    t.meter.update(loss.item(), x.shape[0])
    return loss


def _best(t, x, y):
    loss = _loss(t, x, y)
    t.best = min(t.best, loss.item())
    return loss


def _smallest(t, x, y):
    loss = _loss(t, x, y)
    t.best = min(t.best, loss.item())
    return loss


def _dictionaries(t, x, y):
    loss = _loss(t, x, y)
    t.history.append({"loss": loss.item(), "step": t.optimizer.iterations, "rate": 0.5})
    return loss


def _tensors(t, x, y):
    loss = _loss(t, x, y)
    t.history.append(loss.detach())
    t.seen.append(t.model(x).data.argmax(1))
    return loss


def _every_third(t, x, y):
    t.n += 1
    return _loss(t, x, y) * 2 if t.n % 3 == 0 else _loss(t, x, y)


def _by_iterations(t, x, y):
    return _loss(t, x, y) * 2 if t.optimizer.iterations % 4 == 0 else _loss(t, x, y)


def _warm_up(t, x, y):
    return _loss(t, x, y) * min(1.0, (t.optimizer.iterations + 1) / 10)


def _teacher_forcing(t, x, y):
    h = t.model(x)
    return F.cross_entropy(h if t.source.random() < 0.5 else h * 2, y)


def _skips(t, x, y):
    loss = _loss(t, x, y)
    if not np.isfinite(loss.item()) or loss.item() > 0.7:
        t.bad += 1
        return loss * 0.1
    return loss


def _of_a_tensor(t, x, y):
    loss = _loss(t, x, y)
    if loss > 0.68:
        return loss * 2
    return loss if (loss > 0.5).all() else loss * 3


def _says(t, x, y):
    t.n += 1
    loss = _loss(t, x, y)
    if t.n % 5 == 0:
        t.said.append(f"{t.n}: {loss.item():.4f}")
    return loss


def _accumulates(t, x, y):
    t.n += 1
    loss = _loss(t, x, y)
    if t.n % 2 == 0:
        t.history.append(t.n)
    return loss


BODIES = [_counter, _counter_that_counts, _total, _history, _meter, _best, _smallest, _dictionaries, _tensors,
          _every_third, _by_iterations, _warm_up, _teacher_forcing, _skips, _of_a_tensor, _says,
          _accumulates]  # fmt: skip


def plain(tree):
    """Nested lists and dicts with arrays for tensors."""
    if isinstance(tree, dict):
        return {key: plain(x) for key, x in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [plain(x) for x in tree]
    return tree.data if isinstance(tree, mg.Tensor) else tree


def assert_alike(one, other, exact):
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        one, other = [*one.values()], [*other.values()]
    if isinstance(one, list):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_alike(a, b, exact)
    elif exact or not isinstance(one, (float, np.ndarray)):
        assert type(one) is type(other)
        assert same_bits(np.asarray(one), np.asarray(other)) if isinstance(one, np.ndarray) else one == other
    else:
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-6)


OTHERS = [_history, _meter, _best, _teacher_forcing, _skips]


@pytest.mark.parametrize(
    ("body", "backend"),
    [*[(body, "numpy") for body in BODIES], *[(body, name) for body in OTHERS for name in ("native", "jax")]],
)
@pytest.mark.slow
def test_what_a_step_keeps_is_that_of_eager(body, backend):
    (one, other), calls = (Training(body), Training(body)), 30 if backend == "numpy" else 16
    step, exact = mg.compile(other.step, backend=backend), backend == "numpy"
    for i in range(calls):
        x = X * np.float32(1 + i % 7)
        assert_alike(plain(one.step(x, Y)), plain(step(x, Y)), exact)
        assert_alike(plain(one.kept), plain(other.kept), exact)
    if backend == "numpy":
        assert same_bits(one.model[0].weight.data, other.model[0].weight.data)
    assert step.stats()["replayed"] >= calls // 2


@pytest.mark.parametrize("body", BODIES)
def test_others_may_change_it_at_any_time(body):
    one, other = Training(body), Training(body)
    step = mg.compile(other.step, backend="numpy", audit=False)
    rng = np.random.default_rng(1)
    for i in range(40):
        if rng.random() < 0.3:
            kind = rng.integers(6)
            for t in (one, other):
                if kind == 0:
                    t.n, t.total, t.best = 0, 0.0, 0.69
                elif kind == 1:
                    t.history.clear()
                    t.seen.clear()
                elif kind == 2:
                    t.history, t.meter, t.log["loss"] = [], Meter(), []
                elif kind == 3:
                    t.optimizer.iterations += 2
                elif kind == 4:
                    t.source.seed(int(i))
                else:
                    t.step(X, Y)
        x = X * np.float32(1 + i % 7)
        assert_alike(plain(one.step(x, Y)), plain(step(x, Y)), True)
        assert_alike(plain(one.kept), plain(other.kept), True)


def variable():
    count, total = 0, 0.0

    def step(x):
        nonlocal count, total
        count += 1
        total += x.sum().item()
        return x * count

    return step, lambda: (count, total)


COUNT = 0


def by_global():
    def step(x):
        global COUNT  # noqa: PLW0603 - it is the point
        COUNT += 1
        return x * COUNT

    def look():
        global COUNT
        before, COUNT = COUNT, 0
        return before

    return step, look


def by_item():
    state = {"n": 0, "mean": 0.0}

    def step(x):
        state["n"] += 1
        state["mean"] += (x.mean().item() - state["mean"]) / state["n"]
        return x * state["n"]

    return step, lambda: state


@pytest.mark.parametrize(
    "kind", [collections.Counter, collections.OrderedDict, lambda **k: collections.defaultdict(int, **k)]
)
def test_counters_in_dicts_of_other_kinds(kind):
    (one, other), (lists, lists_2) = (kind(n=0), kind(n=0)), (kind(loss=[]), kind(loss=[]))

    def made(counts, lists):
        def step(x):
            counts["n"] += 1
            lists["loss"].append(x.sum().item())
            return x * counts["n"]

        return step

    eager, compiled = made(one, lists), mg.compile(made(other, lists_2), backend="numpy")
    for i in range(12):
        x = mg.tensor(X + np.float32(i))
        assert same_bits(eager(x).data, compiled(x).data)
        assert (one, lists) == (other, lists_2)
        if i == 7:
            for counts in (one, other):
                counts["n"] = 40
    assert compiled.stats()["recorded"] == 3


@pytest.mark.parametrize("other", [0.5, True, np.int64(3), np.float32(2.5), 10**30, -(2**40), None, "deleted"])
@pytest.mark.parametrize("when", [1, 2, 3, 7])
def test_a_counter_that_becomes_something_else(other, when):
    class Kind:
        n = 5

    one, two = Kind(), Kind()
    one.n = two.n = 0

    def made(box):
        def step(x):
            box.n = (box.n or 0) + 1
            return x * (box.n % 7) if isinstance(box.n, int) else x + box.n

        return step

    eager, compiled, refused = made(one), mg.compile(made(two), backend="numpy", audit=False), False
    for i in range(14):
        if i == when:
            for box in (one, two):
                if other == "deleted":
                    del box.n
                else:
                    box.n = other
        expected = eager(X)
        try:
            assert same_bits(expected, compiled(X))
        except CompileError:
            refused = True
            break
        assert (one.n, type(one.n)) == (two.n, type(two.n))
    # What has more bits than a backend is refused after some calls.
    assert refused == (type(other) is int and abs(other) > 2**31)


class Apart:
    """Takes no part in NumPy's functions: its own operators are asked."""

    __array_ufunc__ = None
    scale = 2.0

    def __rmul__(self, other):
        return other * self.scale

    def __gt__(self, other):
        return other < self.scale


def test_operators_of_what_takes_no_part_in_numpys_functions():
    apart = Apart()
    compiled = mg.compile(lambda x: x * apart + (x < apart), backend="numpy")
    for i in range(8):
        apart.scale = 2.0 if i < 5 else 3.0
        assert same_bits(compiled(X), X * apart.scale + (apart.scale > X))


@pytest.mark.parametrize("make", [variable, by_global, by_item])
def test_counters_of_every_kind_of_name(make):
    (one, look), (function, look_2) = make(), make()
    expected = [one(mg.tensor(X + np.float32(i))).data for i in range(12)]
    kept = look()
    step = mg.compile(function, backend="numpy")
    for i, x in enumerate(expected):
        assert same_bits(x, step(mg.tensor(X + np.float32(i))).data)
    assert look_2() == kept
    assert step.stats()["recorded"] == 3


def test_a_way_that_is_rarely_taken_says_what_it_says():
    said, count = [], 0

    class Out:
        def write(self, text):
            said.append(text)

    out = Out()

    def step(x):
        nonlocal count
        count += 1
        if count % 10 == 0:
            out.write("ten")
        return x * 2

    compiled = mg.compile(step, backend="numpy", audit=False)
    for _ in range(100):
        compiled(X)
    assert compiled.stats()["replayed"] > 80
    assert len(said) == 10


def test_numbers_from_outside_that_change_are_inputs():
    training = Training(_counter)
    training.weight, training.parts = 1.0, {"beta": 0.5}

    def step(x):
        return (x * training.weight + training.parts["beta"]).sum()

    compiled = mg.compile(step, backend="numpy")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for i in range(30):
            training.weight, training.parts["beta"] = 1.0 / (1 + i), 0.5 + i
            assert same_bits(step(mg.tensor(X)).data, compiled(mg.tensor(X)).data)
    assert compiled.stats()["recorded"] <= 4


@pytest.mark.parametrize(
    ("take", "match"),
    [(lambda x: str(x.sum().item()), "into Python"), (lambda x: f"{x.sum().item():.2f}", "into Python"),
     (lambda x: range(int(x.sum().item())), "into Python"), (lambda x: [1, 2, 3][int(x.sum().item())], "into Python"),
     (lambda x: {x.sum().item(): 1}, "into Python"), (lambda x: np.float32(x.sum().item()), "into Python")],
)  # fmt: skip
def test_digits_of_what_the_step_computes_are_refused(take, match):
    step = mg.compile(lambda x: [take(x), x][1], backend="numpy")
    with pytest.raises(CompileError, match=match):
        step(mg.tensor(X))


def test_a_number_that_is_kept_where_nobody_looks_is_refused():
    import logging

    box = logging.getLogger("of a test of ways")
    box.kept = []
    step = mg.compile(lambda x: [logging.getLogger("of a test of ways").kept.append(x.sum().item()), x][1])
    with pytest.raises(CompileError, match="keeps a number that it computes"):
        [step(mg.tensor(X)) for _ in range(3)]


def test_a_step_that_decides_at_random_forever_runs_as_it_is_written():
    source = random.Random(0)

    def step(x):
        for _ in range(6):
            x = x * 2 if source.random() < 0.5 else x + 1
        return x

    compiled = mg.compile(step, backend="numpy")
    twin = random.Random(0)
    source_state = source.getstate()
    for i in range(200):
        twin.setstate(source.getstate())
        expected = mg.tensor(X + np.float32(i))
        for _ in range(6):
            expected = expected * 2 if twin.random() < 0.5 else expected + 1
        assert same_bits(expected.data, compiled(mg.tensor(X + np.float32(i))).data)
        assert twin.getstate() == source.getstate()
    assert source_state != source.getstate()
    assert compiled.stats()["programs"] <= 8


def _big():
    return [float(i) for i in range(200)]


@pytest.mark.parametrize(
    "make", [lambda: [1.0, 2.0], _big, lambda: {"a": 1.0}, lambda: {str(i): i for i in range(200)}]
)
def test_containers_that_were_there_before_stay_the_same_objects(make):
    held, kept = make(), []

    def step(x):
        kept.append(held)
        return x * 2, held

    compiled = mg.compile(step, backend="numpy")
    for i in range(8):
        if i == 4:
            held.append(3.0) if isinstance(held, list) else held.update(b=3)
        assert compiled(X)[1] is held
    assert all(x is held for x in kept)
    assert len(kept) == 8


@pytest.mark.parametrize("make", [lambda: random.Random(0), lambda: np.random.default_rng(0)])
def test_streams_that_leave_a_step_are_the_very_streams(make):
    source, kept, box = make(), [], {"last": None}

    def step(x):
        kept.append(source)
        box["last"] = source
        return x * source.random(), source

    compiled = mg.compile(step, backend="numpy")
    assert all(compiled(X)[1] is source for _ in range(6))
    assert all(x is source for x in kept)
    assert box["last"] is source


def test_what_a_library_makes_of_a_counter_is_made_of_the_number():
    counts = {"n": 0}

    def step(x):
        counts["n"] += 1
        return x * statistics.mean([counts["n"], 2])

    compiled = mg.compile(step, backend="numpy")

    def calls():
        for i in range(12):
            assert counts["n"] == i
            assert same_bits(compiled(X), X * statistics.mean([i + 1, 2]))

    with pytest.raises(CompileError, match="from call to call"):
        calls()


def test_truths_of_numbers_beside_tensors():
    def step(x):
        total, count = x.sum().item(), (x > 0).sum().item()
        kept = mg.where(total > 0, x, 0.0) * (total / (1 + count))
        return kept + (total > 1) + (total > 10) * x

    compiled = mg.compile(step, backend="numpy")
    for i in range(12):
        x = mg.tensor(X * np.float32(i - 4))
        assert same_bits(step(x).data, compiled(x).data)


def _by_assignment(training):
    training.optimizer.lr = 0.1 / training.n


def _by_group(training):
    for group in training.optimizer.param_groups:
        group["lr"] = 0.1 / training.n


def _by_the_loss(training):
    if training.n % 4 == 0:
        training.optimizer.lr *= 0.5


def _by_cosine(training):
    training.optimizer.lr = 0.05 * (1 + math.cos(math.pi * training.n / 20)) if training.n > 3 else 0.1 * training.n / 3


@pytest.mark.parametrize("backend", ["numpy", "native", "jax"])
@pytest.mark.parametrize("change", [_by_assignment, _by_group, _by_the_loss, _by_cosine])
def test_a_rate_that_a_counter_sets_in_the_step(change, backend):
    if backend != "numpy":
        pytest.importorskip(BACKENDS[backend][1])

    def body(t, x, y):
        t.n += 1
        change(t)
        return _loss(t, x, y)

    one, other = Training(body), Training(body)
    step = mg.compile(other.step, backend=backend)
    room = 0 if backend == "numpy" else 1e-4
    for _ in range(24):
        expected, got = one.step(X, Y), step(X, Y)
        np.testing.assert_allclose(got.data, expected.data, rtol=room)
        assert other.optimizer.lr == pytest.approx(one.optimizer.lr, rel=room / 1e6, abs=0)
        assert other.optimizer.current_lr == pytest.approx(one.optimizer.current_lr, rel=room / 1e6, abs=0)
        assert type(other.optimizer.param_groups[0]["lr"]) is float
    assert step.stats()["replayed"] >= 10


@pytest.mark.parametrize("backend", ["numpy", "numba", "jax"])
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (optim.SGD, "lr"), (optim.SGD, "momentum"), (optim.Adam, "lr"), (optim.Adam, "decay"), (optim.Adam, "eps"),
        (optim.AdamW, "weight_decay"), (optim.NAdam, "decay"), (optim.AdaGrad, "decay"),
    ],
)  # fmt: skip
def test_a_number_of_a_group_that_a_counter_sets_until_it_is_a_constant(kind, name, backend):
    """From the fourth step on, each puts the same number there, whatever somebody else has put between two calls."""
    if backend != "numpy":
        pytest.importorskip(backend)

    def body(t, x, y):
        t.n += 1
        t.optimizer.param_groups[0][name] = 0.02 * min(t.n, 4)
        return _loss(t, x, y)

    worlds = Training(body), Training(body)
    for world in worlds:
        world.optimizer = kind(world.model.parameters(), lr=0.05)
    step = mg.compile(worlds[1].step, backend=backend)
    for i in range(16):
        if i in (8, 11, 13):
            for world in worlds:
                world.optimizer.param_groups[0][name] = 0.9
        expected, got = worlds[0].step(X, Y), step(X, Y)
        np.testing.assert_allclose(got.data, expected.data, rtol=0 if backend == "numpy" else 1e-4)
        assert worlds[1].optimizer.current_lr == pytest.approx(worlds[0].optimizer.current_lr, rel=1e-9)
        assert worlds[1].optimizer.param_groups[0][name] == 0.02 * min(i + 1, 4)
    assert step.stats()["replayed"] >= 5


def test_a_count_of_steps_that_the_step_sets_is_refused():
    def body(t, x, y):
        t.optimizer.iterations = 4
        return _loss(t, x, y)

    step = mg.compile(Training(body).step, backend="numpy")
    with pytest.raises(CompileError, match=r"optimizer.iterations is set in the step:\n.*\nset it outside"):
        step(X, Y)


def test_a_rate_that_is_none_is_the_error_of_the_step():
    def body(t, x, y):
        t.n += 1
        t.optimizer.lr = 0.1 * (8 - t.n)
        return _loss(t, x, y)

    one, other = Training(body), Training(body)
    step = mg.compile(other.step, backend="numpy")
    for _ in range(8):
        assert same_bits(one.step(X, Y).data, step(X, Y).data)
    for call in (one.step, step):
        with pytest.raises(ValueError, match="lr is a finite number >= 0"):
            call(X, Y)


@pytest.mark.parametrize(
    "how", [lambda x: math.isfinite(x.item()), lambda x: not math.isnan(x.item()) and not math.isinf(x)]
)
def test_what_math_is_asked_about_a_loss(how):
    state, functions = {"bad": 0}, (math.isfinite, math.isnan, math.isinf)

    def step(x):
        total = x.sum()
        if not how(total):
            state["bad"] += 1
            return -x
        return x * 2

    compiled = mg.compile(step, backend="numpy")
    for i in range(20):
        x = mg.tensor(np.ones(3, np.float32) * np.float32([1.0, np.inf, np.nan, 1.0, 1.0][i % 5]))
        assert same_bits(compiled(x).data, step(x).data)
        assert state["bad"] == 2 * ((i + 1) // 5 * 2 + min(max((i + 1) % 5 - 1, 0), 2))
    assert compiled.stats()["replayed"] >= 9
    assert functions == (math.isfinite, math.isnan, math.isinf)


def test_another_thread_that_reads_a_counter_meanwhile_reads_the_number():
    state, seen, go, done = {"n": 0}, [], threading.Event(), threading.Event()

    def read():
        go.wait(10)
        seen.append(state["n"] + 1)
        done.set()

    def step(x):
        state["n"] += 1
        if not done.is_set():
            go.set()
            done.wait(10)
        return x * state["n"]

    done.set()
    compiled = mg.compile(step, backend="numpy")
    compiled(X)
    done.clear()
    threading.Thread(target=read, daemon=True).start()
    for i in range(2, 9):
        assert same_bits(compiled(X), X * i)
    assert (seen, type(seen[0])) == ([3], int)
