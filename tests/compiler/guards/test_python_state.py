"""What a step keeps in Python from one call to the next, tensors and arrays among it: as eager keeps it."""

import collections
import types
from collections import deque

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.compiler.audit import AuditError
from minigrad.compiler.backends import BACKENDS
from minigrad.compiler.guards.python_state import SMALL, Grown, Held, has_grown, is_number
from minigrad.errors import CompileError
from tests.compiler.backends.interpreting import by_python

X = np.random.default_rng(0).standard_normal((5, 4)).astype("float32")
ROOM = {"numpy": 0, "native": 1e-5, "jax": 1e-5}


def _hidden(s, model, x):
    hidden = s.hidden if s.hidden is not None and len(s.hidden) == len(x) else mg.zeros((len(x), 4), dtype="float32")
    hidden = np.tanh(model(x) + 0.5 * hidden)
    s.hidden = hidden.detach()
    return hidden


def _activations(s, model, x):
    s.kept["x"] = model(x)
    s.kept["mean"] = s.kept["x"].mean()
    return s.kept["x"] * 2


def _new_list(s, model, x):
    s.hidden = []
    for _ in range(2):
        x = np.tanh(model(x))
        s.hidden.append(x.detach())
    return x + sum(s.hidden)


def _new_dict(s, model, x):
    loss = (model(x) ** 2).mean()
    s.hidden = {"loss": loss.item(), "largest": model(x).data.max(), "what": "loss", "more": (model(x), [1])}
    return loss


def _parameters(s, model, x):
    old = s.hidden or {"w": mg.ones((4, 4), dtype="float32"), "b": [mg.zeros(4, dtype="float32")]}
    gradient = mg.grad(lambda p: (np.tanh(x @ p["w"] + p["b"][0]) ** 2).mean())(old)
    s.hidden = {"w": old["w"] - 0.1 * gradient["w"], "b": [old["b"][0] - 0.1 * gradient["b"][0]]}
    return model(x) @ s.hidden["w"]


def _swapped(s, model, x):
    s.one, s.two = s.two, s.one * 0.5 + model(x).detach().mean(axis=0)
    return s.one + s.two


def _array(s, model, x):
    z = model(x)
    s.array = 0.9 * s.array + 0.1 * z.data.mean(axis=0)
    return z - s.array


def _copies(s, model, x):
    for i, p in enumerate(model.parameters()):
        s.kept[i] = p.data.copy()
        p.data += 0.1
    z = model(x)
    for i, p in enumerate(model.parameters()):
        p.data[...] = s.kept[i]
    return z


def _scalar(s, model, x):
    loss = (model(x) ** 2).mean()
    s.best = np.minimum(s.best, loss.data)
    return loss * s.best


def _counters_in_a_list(s, model, x):
    z = model(x)
    s.counts[0] += 1
    s.counts[1] += z.mean().item()
    return z * s.counts[0]


def _window(s, model, x):
    loss = (model(x) ** 2).mean()
    s.window.append(loss.item())
    return loss * (sum(s.window) / len(s.window)) + max(s.window)


def _now_and_then(s, model, x):
    z = model(x) if s.hidden is None else model(x) + s.hidden
    s.n += 1
    s.hidden = None if s.n % 3 == 0 else z.detach().mean(axis=0) * 0.5
    return z


def _weights(s, model, x):
    s.weight = model.weight.data.copy() * 0.5
    return model(x) + s.weight


State = collections.namedtuple("State", "n mean hidden")


def _named_tuple(s, model, x):
    last = s.slot
    z = model(x) if last is None else model(x) + 0.1 * last.hidden
    n, mean = (1, 0.0) if last is None else (last.n + 1, 0.9 * last.mean + z.sum().item())
    s.slot = State(n, mean, z.mean(axis=0).detach())
    return z * s.slot.n


RUNNING = [
    _hidden, _activations, _new_list, _new_dict, _parameters, _swapped, _array, _copies, _scalar, _counters_in_a_list,
    _window, _now_and_then, _named_tuple,
]  # fmt: skip


def state_of():
    return types.SimpleNamespace(
        hidden=None, kept={}, n=0, one=mg.tensor(X[0]), two=mg.tensor(X[1]), array=np.zeros(4, np.float32),
        best=np.float32(9), counts=[0, 0.0], window=collections.deque(maxlen=3), other=[None], slot=None,
    )  # fmt: skip


def plain(x):
    if isinstance(x, dict):
        return {key: plain(item) for key, item in x.items()}
    if isinstance(x, (list, tuple, collections.deque)):
        return [plain(item) for item in x]
    return np.array(x._array) if isinstance(x, mg.Tensor) else x


def both(body, backend="numpy", others=lambda s: None, calls=24):
    """The calls of an eager and a compiled step; the compiled one."""
    made = []
    for wrapped in (lambda f: f, lambda f: mg.compile(f, backend=backend)):
        s, model = state_of(), nn.Linear(4, 4, generator=np.random.default_rng(1))
        made.append((s, wrapped(lambda x, s=s, model=model: body(s, model, x))))
    (one, eager), (other, compiled) = made
    for i in range(calls):
        if i == 15:
            others(one), others(other)
        x = X * np.float32(1 + i % 3) if i % 7 != 6 else X[:3]
        expected, got = eager(x), compiled(x)
        for a, b in ((expected, got), (vars(one), vars(other))):
            np.testing.assert_equal(_kinds(b), _kinds(a))
            _close(plain(a), plain(b), ROOM[backend])
    return compiled


def _kinds(x):
    if isinstance(x, dict):
        return {key: _kinds(item) for key, item in x.items()}
    return [type(x), *map(_kinds, x)] if isinstance(x, (list, tuple, collections.deque)) else type(x)


def _close(one, other, room):
    if isinstance(one, dict):
        assert list(one) == list(other)
        one, other = list(one.values()), list(other.values())
    if isinstance(one, list):
        for a, b in zip(one, other, strict=True):
            _close(a, b, room)
    elif isinstance(one, (float, np.ndarray, np.generic)):
        np.testing.assert_allclose(other, one, rtol=room, atol=room)
    else:
        assert one == other


@pytest.mark.parametrize("body", RUNNING, ids=lambda body: body.__name__)
def test_what_a_step_keeps_comes_in_again(body):
    assert both(body).stats()["replayed"] >= 2


@pytest.mark.parametrize("body", RUNNING, ids=lambda body: body.__name__)
@pytest.mark.parametrize("backend", ["native", "jax"])
def test_other_backends(body, backend):
    pytest.importorskip(BACKENDS[backend][1])
    with by_python():
        assert both(body, backend).stats()["replayed"] >= 2


def _replace(s):
    s.hidden = None
    s.array = np.ones(4, np.float32)
    s.counts = [5, 0.25]
    s.one = mg.tensor(X[3])
    s.best = np.float32(0.1)


@pytest.mark.parametrize("body", RUNNING, ids=lambda body: body.__name__)
def test_others_may_put_something_else_there(body):
    assert both(body, others=_replace).stats()["replayed"] >= 1


def test_memory_that_is_kept_and_written():
    """A weight itself, kept under another name: what the optimizer writes is seen there."""

    def body(s, model, x):
        optimizer = s.other[0] = s.other[0] or optim.SGD(model.parameters(), lr=0.1)
        loss = (model(x) ** 2).mean() + (s.array * 0.1).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        s.array = model.weight.data[0]
        return loss

    outcome = []
    for wrapped in (lambda f: f, lambda f: mg.compile(f, backend="numpy")):
        s, model = state_of(), nn.Linear(4, 4, generator=np.random.default_rng(1))
        s.other[0] = optim.SGD(model.parameters(), lr=0.1)
        step = wrapped(lambda x, s=s, model=model: body(s, model, x))
        outcome.append([(step(X).data.tobytes(), s.array.tobytes(), model.weight.data.tobytes()) for _ in range(12)])
    assert outcome[0] == outcome[1]


def _with_its_graph(s, model, x):
    z = model(x) if s.hidden is None else model(x) + s.hidden
    s.n += 1
    if s.n % 2 == 0:
        (z * z).mean().backward()
    s.hidden = None if s.n % 2 == 0 else z
    return z


def _written_into(s, model, x):
    s.n += 1
    if s.n < 6:
        s.hidden = [model(x)]
    else:
        s.hidden.append(model(x))
        del s.hidden[0]
    return model(x)


@pytest.mark.parametrize(
    ("body", "match"),
    [
        (_with_its_graph, r"hidden keeps a tensor with its graph .*self.h = h.detach\(\)"),
    ],
)
def test_what_a_program_cannot_keep_is_refused(body, match):
    with pytest.raises(CompileError, match=match) as raised:
        both(body)
    assert not isinstance(raised.value, AuditError)


def test_a_list_that_is_written_into_later_is_the_very_list():
    s, model = state_of(), nn.Linear(4, 4, generator=np.random.default_rng(1))
    compiled = mg.compile(lambda x: _written_into(s, model, x), backend="numpy")
    for _ in range(5):
        compiled(X)
    held = s.hidden
    for i in range(4):
        got = compiled(X * i)
        assert s.hidden is held
        assert np.array_equal(held[0].data, got.data)


def test_an_error_that_is_handled_around_the_call_is_no_failure_of_it():
    s, model = state_of(), nn.Linear(4, 4, generator=np.random.default_rng(1))
    compiled = mg.compile(lambda x: _new_list(s, model, x), backend="numpy")
    for i in range(8):
        try:
            raise ValueError(i)
        except ValueError:
            got = compiled(X * i)
        expected = _new_list(state_of(), model, X * np.float32(i))
        assert np.array_equal(got.data, expected.data)
        assert np.array_equal(s.hidden[1].data, np.tanh(model(np.tanh(model(X * np.float32(i))))).data)
    assert compiled.stats()["replayed"] >= 3


def test_what_is_kept_is_real_after_a_step_that_fails():
    s, model = state_of(), nn.Linear(4, 4, generator=np.random.default_rng(1))

    def step(x):
        s.kept["x"] = [model(x)]
        s.hidden = model(x)
        s.window.append(s.hidden)
        raise ValueError("a step that fails")

    compiled = mg.compile(step, backend="numpy")
    for _ in range(5):
        with pytest.raises(ValueError, match="a step that fails"):
            compiled(X)
        assert np.array_equal(s.hidden.data, model(X).data)
        assert np.array_equal(s.kept["x"][0].data, s.hidden.data)
        assert np.array_equal(s.window[-1].data, s.hidden.data)


# -- the places themselves ------------------------------------------------------------------------


def cell(value):
    return (lambda: value).__closure__[0]


@pytest.mark.parametrize("place", ["dict", "closure"])
def test_a_number_is_read_and_put_where_it_is(place):
    where, key = ({"n": 3}, "n") if place == "dict" else (cell(3), None)
    held = Held("n", where, key)
    assert (held.get(), held.state(), held.made(None)) == (3, 3, 3)
    held.put(5)
    assert held.get() == 5
    held.put_back(3)
    assert held.get() == 3
    assert held.is_like(Held("other name", where, key))
    assert not held.is_like(Held("n", {"n": 3}, "n"))


def test_what_was_deleted_is_no_number():
    held = Held("n", {}, "n")
    assert not is_number(held.get())
    gone = types.CellType()
    assert not is_number(Held("n", gone, None).get())


@pytest.mark.parametrize("kind", [list, deque])
def test_a_list_that_grows(kind):
    items = kind([1, 2])
    grown = Grown("losses", items)
    before = grown.state()
    grown.put([3, 4])
    assert list(items) == [1, 2, 3, 4]
    assert grown.made(2) == [3, 4]
    grown.settle([30, 40])
    assert list(items) == [1, 2, 30, 40]
    grown.put_back(before)
    assert list(items) == [1, 2]
    assert grown.is_like(Grown("x", items))
    assert not grown.is_like(Grown("losses", kind([1, 2])))


@pytest.mark.parametrize(
    ("x", "is_one"), [(1, True), (1.5, True), (True, False), ("1", False), (SMALL, False), (None, False)]
)
def test_numbers_that_can_be_inputs(x, is_one):
    assert is_number(x) == is_one


@pytest.mark.parametrize(("now", "grew"), [([1, 2, 3], True), ([1, 2], False), ([9, 2, 3], False), ([1], False)])
def test_growing_is_having_more_behind(now, grew):
    one, two = object(), object()
    names = {1: one, 2: two}
    as_objects = [names.get(x, x) for x in now]
    assert has_grown(as_objects, [one, two]) == grew


TOTAL = 0.0


def _in_attribute(s, _, found):
    s.n = found


def _in_dict(s, _, found):
    s.kept["n"] = found


def _in_list(s, _, found):
    s.counts[1] = found


def _in_global(_, __, found):
    global TOTAL  # noqa: PLW0603
    TOTAL = found


def _as_whole_number(s, _, found):
    s.n = int(found)


def _as_a_mean(s, x, _):
    s.n = float((x.data.max(axis=1) > 0).mean())


def _as_a_tensor(s, x, _):
    s.n = np.maximum(x, 0).sum()


@pytest.mark.parametrize(
    "keep",
    [_in_attribute, _in_dict, _in_list, _in_global, _as_whole_number, _as_a_mean, _as_a_tensor],
    ids=lambda keep: keep.__name__,
)
def test_a_number_that_is_the_same_by_chance_while_it_is_recorded_is_kept_later(keep):
    s = state_of()
    s.kept["n"] = 0.0
    compiled = mg.compile(lambda x: keep(s, x, np.maximum(x, 0).sum().item()), backend="numpy", audit=False)
    for i in range(8):
        x = np.abs(X) * (1.0 + i) if i > 4 else -np.abs(X)
        compiled(mg.tensor(x))
        wanted = float(np.mean(x.max(axis=1) > 0)) if keep is _as_a_mean else np.maximum(x, 0).sum()
        found = {_in_dict: s.kept["n"], _in_list: s.counts[1], _in_global: TOTAL}.get(keep, s.n)
        assert float(found) == (int(wanted) if keep is _as_whole_number else wanted)
    assert compiled.stats()["replayed"] >= 3


def test_a_kept_number_may_be_looked_at_in_between():
    def keep(s, model, x):
        s.hidden = {"loss": (model(x) ** 2).mean().detach(), "all": [model(x).sum().detach()]}
        s.one = model(x).mean().detach()
        return model(x)

    assert both(keep).stats()["replayed"] >= 16
    s, model = state_of(), nn.Linear(4, 4, generator=np.random.default_rng(1))
    compiled = mg.compile(lambda x: keep(s, model, x), backend="numpy")
    for i in range(12):
        compiled(X)
        if i % 3:  # from here on they are arrays, and no scalars
            assert s.hidden["loss"].data.shape == s.hidden["all"][0].data.shape == s.one.data.shape == ()
    assert compiled.stats()["replayed"] >= 7


@pytest.mark.parametrize("kind", [tuple, list, dict])
@pytest.mark.parametrize("is_number", [False, True], ids=["a tensor", "a number"])
def test_what_the_first_call_puts_into_a_new_attribute_is_real(kind, is_number):
    s, w = state_of(), nn.Parameter(np.ones(4))

    def step(x):
        y = w * x  # has a graph while it is recorded
        item = y.sum().item() if is_number else y
        s.new = {"item": item} if kind is dict else kind([item])
        return y

    compiled = mg.compile(step, backend="numpy")
    for i in range(6):
        y = compiled(mg.tensor(X * (i + 1))).data
        [kept] = s.new.values() if kind is dict else s.new
        assert type(kept) is (float if is_number else mg.Tensor)
        np.testing.assert_array_equal(kept if is_number else kept.data, y.sum() if is_number else y)
