"""A step that writes into what a graph has saved: gradients of its program are those of the step as written."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.compiler import snapshot
from minigrad.data import DataLoader
from minigrad.errors import CompileError, GraphError
from minigrad.train import Trainer


def add(t):
    t.data += 1


def item(t):
    t.data[0] = t.data[0] + 10.0


def copyto(t):
    np.copyto(t.data, t.data * 2)


def view(t):
    t[1:].data[...] = 3.0


def out(t):
    np.multiply(t.data, 2.0, out=t.data)


WRITES = [add, item, copyto, view, out]


class Model:
    def __init__(self, x):
        self.x = x


def steps(place, write, x):
    """The step, and what it is called with."""
    model, table = Model(x), {"x": x}

    def of(t):
        write(t)
        return t.sum()

    return {
        "argument": (lambda t: of(t), lambda: (x,)),
        "in a dict": (lambda d: of(d["x"]), lambda: ({"x": x},)),
        "a view": (lambda t: of(t), lambda: (x[:2],)),
        "closure": (lambda: of(x), tuple),
        "attribute": (lambda: of(model.x), tuple),
        "item": (lambda: of(table["x"]), tuple),
    }[place]


def calls(place, write, compiled, backend="numpy"):
    """Results, gradients of graphs made before each call, and the data after it."""
    w, x = mg.tensor([1.0, 2.0, 3.0], dtype=float, requires_grad=True), mg.tensor([4.0, 5.0, 6.0], dtype=float)
    step, given = steps(place, write, x)
    step = mg.compile(step, backend=backend) if compiled else step
    seen = []
    for _ in range(8):
        w.grad = None
        y = (x * w).sum()
        result = step(*given())
        y.backward()
        seen.append((float(result), w.grad.tolist(), x.data.tolist()))
    assert not compiled or step.stats()["replayed"] >= 5
    return seen


@pytest.mark.parametrize("place", ["argument", "in a dict", "a view", "closure", "attribute", "item"])
@pytest.mark.parametrize("write", WRITES)
def test_a_graph_from_before_a_call_keeps_what_it_saved(place, write):
    assert calls(place, write, True) == calls(place, write, False)


@pytest.mark.native
@pytest.mark.parametrize("place", ["argument", "closure"])
def test_a_graph_from_before_a_native_call_keeps_what_it_saved(place):
    assert calls(place, item, True, "native") == calls(place, item, False)


@pytest.mark.jax
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_graph_from_before_a_call_on_jax_keeps_what_it_saved():
    assert calls("argument", item, True, "jax") == calls("argument", item, False)


@pytest.mark.parametrize("each", [False, True])
def test_repeat_writes_as_calls_do(each):
    def run(repeats):
        w = mg.tensor([1.0, 2.0, 3.0], dtype=float, requires_grad=True)
        x = mg.tensor(np.arange(24.0).reshape(8, 3) if each else np.array([4.0, 5.0, 6.0]))

        def step(t):
            item(t)
            return t.sum()

        compiled = mg.compile(step, backend="numpy")
        seen = []
        for _ in range(3):
            w.grad = None
            y = (x * w).sum()
            if repeats:
                results = compiled.repeat(8, x, each=each).data.tolist()
            else:
                results = [float(step(x[k] if each else x)) for k in range(8)]
            y.backward()
            seen.append((results, w.grad.tolist(), x.data.tolist()))
        return seen

    assert run(True) == run(False)


def test_a_tensor_that_is_new_in_each_call_is_not_copied_where_no_graph_has_it():
    step = mg.compile(lambda t: (item(t), t.sum())[1], backend="numpy", audit=False)
    for k in range(6):
        x = mg.ones(3, dtype=float)
        place = x._array.__array_interface__["data"][0]
        step(x)
        if k >= 4:
            assert x._array.__array_interface__["data"][0] == place
    assert step.stats()["replayed"] >= 3


# -- graphs of the step ---------------------------------------------------------------------------


def computed(x, w, write):
    h = x * w
    y = (h * w).sum()
    write(h)
    y.backward()
    return y, h.sum()


def given(x, w, write):
    y = (x * w).sum()
    write(x)
    y.backward()
    return (y,)


def detached(_, w, write):
    y = (w.detach() * w).sum()
    write(w)
    y.backward()
    return (y,)


def result(x, w, write):
    h = np.exp(w * 0.1)
    y = (h * x).sum()
    write(h)
    y.backward()
    return (y,)


def joined(_, w, write):
    h = mg.concatenate([w, w * 2])
    y = (h * h).sum()
    write(h)
    y.backward()
    return (y,)


def indexed(x, w, _):
    places = np.array([0, 1, 2])
    y = ((w * 2)[places] * x).sum()
    places[0] = 2
    y.backward()
    return (y,)


def filled(_, w, __):
    array = np.zeros(3)
    y = (w * array).sum()
    array[0] = 7.0
    y.backward()
    return (y,)


def inside(x, w, write):
    def f(t):
        h = t * w
        y = (h * h).sum()
        write(h)
        return y

    return (mg.grad(f)(x).sum(),)


def twice(x, w, write):
    h = x * 1
    first = (h * w).sum()
    write(h)
    second = (h * w).sum()
    write(h)
    (first + second).backward()
    return first, second


def attacked(x, w, _):
    a = x.detach().copy().requires_grad_()
    for _step in range(3):
        a.grad = None
        y = (a * w * w).sum()
        y.backward()
        a.data += 0.1 * np.sign(a.grad)
    return (a.sum(),)


@pytest.mark.parametrize("write", [item, view, out])
@pytest.mark.parametrize("body", [computed, given, detached, result, joined, indexed, filled, inside, twice, attacked])
def test_a_graph_of_the_step_keeps_what_it_saved(body, write):
    def run(compiled):
        w = mg.tensor([1.0, 2.0, 3.0], dtype=float, requires_grad=True)

        def step(x):
            w.grad = None
            return (*body(x, w, write), None if w.grad is None else mg.tensor(w.grad))

        call = mg.compile(step, backend="numpy", audit=False) if compiled else step
        seen = []
        for k in range(6):
            x = mg.tensor([4.0, 5.0, 6.0 + k], dtype=float)
            seen.append([None if r is None else r.data.tolist() for r in call(x)] + [x.data.tolist(), w.data.tolist()])
        assert not compiled or call.stats()["replayed"]
        return seen

    assert run(True) == run(False)


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("audit", [False, True])
def test_a_leaf_that_is_written_after_the_graph_of_the_step_saved_it(write, audit):
    w = mg.tensor([1.0, 2.0, 3.0], dtype=float, requires_grad=True)

    def step():
        y = (w * w).sum()
        write(w)
        y.backward()
        return y

    with pytest.raises(GraphError, match="data changed between forward and backward"):
        mg.compile(step, backend="numpy", audit=audit)()


@pytest.mark.parametrize("write", WRITES)
def test_a_leaf_that_a_replay_writes_is_noticed_by_graphs_from_before(write):
    w = mg.tensor([1.0, 2.0, 3.0], dtype=float, requires_grad=True)
    step = mg.compile(lambda: (write(w), w.sum())[1], backend="numpy", audit=False)
    for _ in range(5):
        y = (w * w).sum()
        step()
        with pytest.raises(GraphError, match="data changed between forward and backward"):
            y.backward()
    assert step.stats()["replayed"] >= 3


def test_training_goes_on_beside_such_a_write():
    def run(compiled):
        rng = np.random.default_rng(0)
        w = mg.tensor(rng.standard_normal(3), requires_grad=True)
        mean = mg.zeros(3, dtype=float)
        optimizer = optim.Adam([w], lr=0.1)

        def step(x):
            loss = ((x - mean) * w).sum() ** 2
            mean.data[...] = 0.9 * mean.data + 0.1 * x.data
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        call = mg.compile(step, backend="numpy") if compiled else step
        return [call(mg.tensor(rng.standard_normal(3))).item() for _ in range(10)]

    assert run(True) == run(False)


def test_what_cannot_be_put_back_is_refused(monkeypatch):
    monkeypatch.setattr(snapshot, "_ROOM", 0)
    table, x = np.ones(3), mg.tensor([4.0, 5.0, 6.0], dtype=float)

    def step():
        x.data[0] = 1.0
        return (x * table).sum()

    with pytest.raises(CompileError, match="writes into a tensor that a graph may need"):
        mg.compile(step, backend="numpy")()


@pytest.mark.parametrize("compile", [True, pytest.param("native", marks=pytest.mark.native)])
def test_data_that_a_loss_writes_while_batches_are_read_only_parts_of_it(compile):
    """It asked for the memory again and again, until Python's stack was full."""

    def parts():
        x = np.random.default_rng(0).normal(size=(24, 5)).astype("float32")
        model = nn.Linear(5, 1, generator=np.random.default_rng(1))
        return x, np.ones((24, 1), "float32"), model, optim.SGD(model.parameters(), lr=0.1)

    def loss_of(x):
        def loss(z, y):
            x[:] *= 0.9
            return ((z - y) ** 2).mean()

        return loss

    x, y, expected, optimizer = parts()
    for a, b in DataLoader((x, y), 4):
        optimizer.zero_grad()
        loss_of(x)(expected(a), b).backward()
        optimizer.step()
    x, y, model, optimizer = parts()
    Trainer(model, optimizer, loss_of(x), compile=compile).fit(DataLoader((x, y), 4), 1, progress="none")
    np.testing.assert_allclose(model.weight.data, expected.weight.data, rtol=1e-6)
