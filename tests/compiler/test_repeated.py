"""Many calls in one: whatever a step is, ``repeat`` leaves what a loop of calls leaves, to the bit."""

import os
import signal
import threading
import warnings

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.errors import CompileError, GraphError, HyperparameterError, ShapeError
from minigrad.optim import schedules

BACKENDS = ["numpy", pytest.param("native", marks=pytest.mark.native)]
N = 75


@pytest.fixture(autouse=True)
def _installed(request):
    if "native" in request.node.name:
        pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")


class Net(nn.Module):
    def __init__(self, *layers):
        rng = np.random.default_rng(0)
        self.layers = nn.Sequential(nn.Linear(2, 8, generator=rng), *layers, nn.ReLU(), nn.Linear(8, 3, generator=rng))

    def forward(self, x):
        return self.layers(x)


X = np.random.default_rng(1).standard_normal((30, 2)).astype("float32")
Y = np.arange(30) % 3


def training(make=lambda p: optim.SGD(p, lr=0.1), *layers, turn=None, backend="native"):
    """A compiled step, and what it leaves."""
    model = Net(*layers)
    optimizer, loss_fn = make(model.parameters()), nn.CrossEntropyLoss()

    def step(x, y):
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss if turn is None else turn(loss, optimizer, model)

    def left():
        arrays = [*model.state_dict().values(), *[p.grad for p in model.parameters()]]
        return [*map(np.copy, arrays), optimizer.iterations, optimizer.current_lr, optimizer.skipped]

    return mg.compile(step, backend=backend), left


def assert_same(one, other):
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert np.asarray(a).dtype == np.asarray(b).dtype
        np.testing.assert_array_equal(a, b)


def both(make_step, n, *args):
    """A loop of calls and ``repeat``, from the same start: what both give and leave is the same."""
    made = []
    for repeats in (False, True):
        mg.manual_seed(3)
        step, left = make_step()
        results = step.repeat(n, *args) if repeats else [step(*args) for _ in range(n)]
        stats = step.stats()
        made.append((results, left(), [stats[x] for x in ("recorded", "replayed", "eager", "audited")]))
    (each, left, counts), (all_of_them, left_too, counts_too) = made
    assert_same(left, left_too)
    assert counts == counts_too
    return each, all_of_them


OPTIMIZERS = {
    "sgd with decay": lambda p: optim.SGD(p, lr=0.5, decay=1e-2, momentum=0.9),
    "adam": lambda p: optim.Adam(p, lr=0.05, decay=1e-4),
    "a schedule": lambda p: optim.RMSProp(p, lr=schedules.cosine(0.01, steps=50)),
    "a function": lambda p: optim.SGD(p, lr=lambda step: 0.5 / (step + 1)),
    "two groups": lambda p: optim.Adam([{"params": p[:2], "lr": 0.1}, {"params": p[2:]}], lr=0.01),
    "what is not finite is skipped": lambda p: optim.SGD(p, lr=0.1, skip_nonfinite=True),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_training_step(name, backend):
    each, losses = both(lambda: training(OPTIMIZERS[name], backend=backend), N, mg.tensor(X), Y)
    assert isinstance(losses, mg.Tensor)
    assert (losses.shape, losses.dtype, losses.requires_grad) == ((N,), np.float32, False)
    np.testing.assert_array_equal(losses.data, [x.item() for x in each])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("layer", [lambda: nn.Dropout(0.3), lambda: nn.BatchNorm1d(8)], ids=["dropout", "batch norm"])
def test_a_step_that_draws_and_one_that_writes_statistics(layer, backend):
    each, losses = both(lambda: training(OPTIMIZERS["adam"], layer(), backend=backend), 40, mg.tensor(X), Y)
    np.testing.assert_array_equal(losses.data, [x.item() for x in each])


class Kept:
    def __init__(self):
        self.n, self.total, self.history = 0, 0.0, []


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_a_step_keeps_in_python_is_read_and_written_in_each(backend):
    kepts = []

    def make():
        kept = Kept()
        kepts.append(kept)

        def turn(loss, *_):
            kept.n += 1
            kept.total += loss.item() * kept.n
            kept.history.append(loss.item())
            return loss * kept.n

        return training(turn=turn, backend=backend)

    each, losses = both(make, N, mg.tensor(X), Y)
    np.testing.assert_array_equal(losses.data, [x.item() for x in each])
    assert vars(kepts[0]) == vars(kepts[1])
    assert kepts[1].n == N


@pytest.mark.parametrize("backend", BACKENDS)
def test_results_of_all_kinds(backend):
    def turn(loss, optimizer, model):
        loss = {"loss": loss, "again": (loss.data * 2, None), "number": loss.item(), "text": "a"}
        return [loss, optimizer.iterations, optimizer.current_lr, model.layers[0].bias.grad * 1]

    each, found = both(lambda: training(OPTIMIZERS["sgd with decay"], turn=turn, backend=backend), 20, mg.tensor(X), Y)
    tree, iterations, rates, gradients = found
    np.testing.assert_array_equal(tree["loss"].data, [x[0]["loss"].item() for x in each])
    np.testing.assert_array_equal(tree["again"][0], [x[0]["again"][0] for x in each])
    assert tree["again"][1] is None
    assert tree["text"] == ["a"] * 20
    np.testing.assert_array_equal(tree["number"], [x[0]["number"] for x in each])
    assert tree["number"].dtype == np.float64
    assert list(iterations) == list(range(1, 21))
    np.testing.assert_array_equal(rates, [x[2] for x in each])
    np.testing.assert_array_equal(gradients, np.stack([x[3] for x in each]))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("add", [False, True], ids=["set", "added up"])
def test_gradients_alone(backend, add):
    made = []
    for repeats in (False, True):
        w = mg.tensor(np.ones((3, 2), "float32"), requires_grad=True)

        def step(x, w=w):
            if not add:
                w.zero_grad()
            loss = (mg.tanh(x @ w) ** 2).sum()
            loss.backward()
            w.data -= 0.01 * w.grad
            return loss, w.grad * 1

        compiled, x = mg.compile(step, backend=backend), np.ones((4, 3), "float32")
        found = compiled.repeat(25, x) if repeats else [compiled(x) for _ in range(25)]
        made.append((found, w.data.copy(), w.grad.copy()))
    (each, *left), (found, *left_too) = made
    assert_same(left, left_too)
    np.testing.assert_array_equal(found[0].data, [x[0].item() for x in each])
    np.testing.assert_array_equal(found[1], np.stack([x[1] for x in each]))


@pytest.mark.parametrize("backend", BACKENDS)
def test_batches_that_lie_in_memory(backend):
    rng = np.random.default_rng(5)
    xs, ys = rng.standard_normal((N, 30, 2)).astype("float32"), rng.integers(0, 3, (N, 30))
    made = []
    for repeats in (False, True):
        step, left = training(OPTIMIZERS["adam"], backend=backend)
        if repeats:
            losses = step.repeat(N, mg.tensor(xs), y=ys, each=True).data
        else:
            losses = np.array([step(mg.tensor(x), y=y).data for x, y in zip(xs, ys, strict=True)])
        made.append([losses, *left()])
    assert_same(*made)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("layout", [lambda x: x[::2], lambda x: np.asfortranarray(x[:9]), lambda x: x[9::-1]])
def test_batches_lie_as_they_like(backend, layout):
    xs = layout(np.random.default_rng(5).standard_normal((20, 4, 3)))
    scale = np.arange(float(len(xs)))
    compiled = mg.compile(lambda x, s: (mg.exp(mg.tensor(x)) * s).sum(), backend=backend)
    found = compiled.repeat(len(xs), xs, scale, each=True)
    np.testing.assert_allclose(found.data, [(np.exp(x) * s).sum() for x, s in zip(xs, scale, strict=True)])
    fresh = mg.compile(lambda x, s: (mg.exp(mg.tensor(x)) * s).sum(), backend=backend)
    each = [fresh(x, np.array(s)).item() for x, s in zip(xs, scale, strict=True)]
    np.testing.assert_array_equal(found.data, each)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_step_whose_condition_does_not_hold_runs_as_it_is_written(backend):
    """Gradients that are not finite, in the middle: the loop goes on behind them."""
    xs, ys = np.tile(X, (N, 1, 1)), np.tile(Y, (N, 1))
    for k in (0, 20, 21, 50, N - 1):
        xs[k, 3] = np.inf
    made = []
    for repeats in (False, True):
        step, left = training(OPTIMIZERS["what is not finite is skipped"], backend=backend)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            if repeats:
                losses = step.repeat(N, mg.tensor(xs), ys, each=True).data
            else:
                losses = np.array([step(mg.tensor(x), y).data for x, y in zip(xs, ys, strict=True)])
        made.append([losses, *left()])
    assert_same(*made)
    assert made[0][-1] == 5


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_error_is_raised_as_by_a_call_and_the_steps_before_it_are_made(backend):
    ys = np.tile(Y, (N, 1))
    ys[40, 2] = 7
    made = []
    for repeats in (False, True):
        step, left = training(OPTIMIZERS["adam"], backend=backend)
        loop = step.repeat if repeats else lambda n, xs, ys, step=step, **_: [step(xs[0], y) for y in ys]
        with pytest.raises(ValueError, match="7") as error:
            loop(N, mg.tensor(np.tile(X, (N, 1, 1))), ys, each=True)
        made.append([str(error.value), *left()])
    assert made[0][0] == made[1][0]
    assert_same(made[0][1:], made[1][1:])
    assert made[1][-3] == 40


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_schedule_that_raises_does_so_at_its_step(backend):
    def rate(step):
        if step == 30:
            raise RuntimeError("no rate")
        return 0.1

    step, left = training(lambda p: optim.SGD(p, lr=rate), backend=backend)
    with pytest.raises(RuntimeError, match="no rate"):
        step.repeat(N, mg.tensor(X), Y)
    assert left()[-3] == 30


@pytest.mark.parametrize("backend", BACKENDS)
def test_decisions_of_python(backend):
    def make():
        w = mg.tensor([1.0, 2.0])

        def step(x):
            w.data *= 0.9
            total = (w * x).sum()
            return total * 2 if total > 1 else total - 100

        return mg.compile(step, backend=backend), lambda: [w.data.copy()]

    each, found = both(make, 30, mg.tensor([1.0, 1.0]))
    np.testing.assert_array_equal(found.data, [x.item() for x in each])
    assert found.data.max() > 0 > found.data.min()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_number_among_the_arguments(backend):
    compiled = mg.compile(lambda x, n: x * n, backend=backend)
    for n in range(1, 6):
        np.testing.assert_array_equal(compiled.repeat(3, np.array([1.0, 2.0]), n * 0.5), [[0.5 * n, n]] * 3)


@pytest.mark.parametrize("backend", BACKENDS)
def test_arguments_that_the_step_writes(backend):
    queue = np.zeros((4, 3))

    def step(row, x):
        row[...] = row * 0.5 + x
        return row.sum()

    made = []
    for repeats in (False, True):
        compiled, row = mg.compile(step, backend=backend), np.zeros(3)
        found = (
            compiled.repeat(12, row, np.ones(3))
            if repeats
            else np.array([compiled(row, np.ones(3)) for _ in range(12)])
        )
        made.append([found, row])
    assert_same(*made)
    compiled = mg.compile(step, backend=backend)
    compiled.repeat(4, queue, np.ones((4, 3)), each=True)
    np.testing.assert_array_equal(queue, 1)
    compiled.repeat(4, queue, queue, each=True)  # they overlap: each step runs as it is written
    np.testing.assert_array_equal(queue, 1.5)


def test_structures_that_differ_are_a_list():
    kept = []

    def step(x):
        kept.append(0)
        return (x, None) if x.sum() > 2 else x * 2

    compiled = mg.compile(step, backend="numpy")
    found = compiled.repeat(4, np.array([[1.0], [3.0], [1.0], [4.0]]), each=True)
    assert [type(x) for x in found] == [np.ndarray, tuple, np.ndarray, tuple]


def test_changes_from_outside_are_seen_by_the_next_call():
    step, left = training(OPTIMIZERS["adam"], backend="numpy")
    step.repeat(9, mg.tensor(X), Y)
    model = next(cell.cell_contents for cell in step.function.__closure__ if isinstance(cell.cell_contents, Net))
    model.layers[0].weight.data = np.zeros((8, 2), "float32")
    before = model.layers[2].bias.data.copy()
    step.repeat(9, mg.tensor(X), Y)
    assert (model.layers[2].bias.data != before).any()
    assert left()[-3] == 18


def test_every_call_is_checked_where_that_is_asked_for():
    w = mg.tensor([1.0])
    compiled = mg.compile(lambda: (w * 2).sum(), backend="numpy", check=True)
    compiled.repeat(9)
    assert compiled.stats()["audited"] == 7


@pytest.mark.parametrize("n", [0, -1, 2.0, True, "3", None])
def test_a_number_of_steps_that_is_none(n):
    compiled = mg.compile(lambda x: x * 2, backend="numpy")
    with pytest.raises(HyperparameterError, match="the number of steps comes first"):
        compiled.repeat(n, np.ones(2))
    assert compiled.repeat(np.int64(2), np.ones(2)).shape == (2, 2)


def test_batches_that_do_not_fit():
    compiled = mg.compile(lambda x: x * 2, backend="numpy")
    for x in (np.ones((3, 2)), np.ones(()), mg.tensor(np.ones((5, 2)))):
        with pytest.raises(ShapeError, match="first axis of 4 steps"):
            compiled.repeat(4, x, each=True)
    with pytest.raises(GraphError, match=r"x.detach\(\)"):
        compiled.repeat(4, mg.tensor(np.ones((4, 2)), requires_grad=True), each=True)


def test_it_is_no_part_of_another_step():
    inner = mg.compile(lambda x: x * 2, backend="numpy")
    outer = mg.compile(lambda x: inner.repeat(2, x).sum(), backend="numpy")
    with pytest.raises(CompileError, match="for loop"):
        outer(mg.tensor([1.0]))
    with pytest.raises(CompileError, match="for loop"):
        mg.vmap(lambda x: inner.repeat(2, x))(mg.tensor([1.0]))
    np.testing.assert_array_equal(inner.repeat(2, mg.tensor([1.0])).data, [[2.0], [2.0]])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.skipif(os.name == "nt", reason="Windows sends no such signal to its own process")
def test_ctrl_c_ends_it_after_a_whole_step(backend):
    step, left = training(OPTIMIZERS["adam"], backend=backend)
    x = mg.tensor(X)
    step.repeat(5, x, Y)
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        step.repeat(10_000_000, x, Y)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    count = left()[-3]
    assert 5 < count < 1_000_000
    again, left_again = training(OPTIMIZERS["adam"], backend=backend)
    again.repeat(count, x, Y)
    assert_same(left(), left_again())


def test_another_thread_may_repeat():
    step, left = training(backend="numpy")
    thread = threading.Thread(target=step.repeat, args=(9, mg.tensor(X), Y))
    thread.start()
    thread.join()
    assert left()[-3] == 9
