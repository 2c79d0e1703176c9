"""State that stays on the device: whoever looks, however, sees what a step as it is written would have left."""

import copy
import importlib
import pickle
import threading

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.core import away
from tests.compiler.backends.test_jax import needs_jax

pytestmark = pytest.mark.jax


class Side:
    """A model, its optimizer, the step, and what somebody has kept."""

    def __init__(self, seed, compiled, averages=True):
        draw = np.random.default_rng(seed)
        self.model = nn.Sequential(
            nn.Linear(3, 5, generator=draw), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 4, generator=draw)
        )
        for p in (*self.model.parameters(), *self.model.buffers()):
            if p.dtype == np.float32:
                p.data = p.data.astype(np.float64)
        self.parameters = list(self.model.parameters())
        self.optimizer = optim.Adam(self.model.parameters(), lr=0.01, eps=1e-3)
        self.ema = optim.EMA(self.model, decay=0.9)
        self.held, self.saved = {}, []
        loss_fn = nn.CrossEntropyLoss()

        def step(x, y):
            loss = loss_fn(self.model(x), y)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            if averages:
                self.ema.update()
            return loss

        def forward(x):
            return self.model(x)

        self.eager = step
        self.step = mg.compile(step, backend="jax") if compiled else step
        self.forward = mg.compile(forward, backend="jax") if compiled else forward
        self.plain = mg.compile(forward, backend="numpy") if compiled else forward

    def train(self, draw):
        rows = int(draw.choice([6, 6, 6, 4]))
        return self.step(mg.tensor(draw.standard_normal((rows, 3))), draw.integers(0, 4, rows)).item()


def _drawn(draw, shape):
    return draw.standard_normal(shape)


def _data(s, _):
    return [p.data.copy() for p in s.parameters]


def _one(s, _):
    return s.parameters[2].data[1:].copy()


def _ops(s, _):
    with mg.no_grad():
        return [(p * 2 + 1).data for p in s.parameters]


def _asarray(s, _):
    return [np.array(np.asarray(p.detach())) for p in s.parameters]


def _item(s, _):
    return [p[0].detach().data.copy() for p in s.parameters], s.parameters[0].tolist(), repr(s.parameters[1])[:12]


def _state_dict(s, _):
    return s.model.state_dict()


def _optimizer_state(s, _):
    state = s.optimizer.state_dict()
    return state["state"], state["iterations"]


def _averages(s, _):
    return s.ema.state_dict()["averages"]


def _applied(s, draw):
    with s.ema.applied():
        return _data(s, draw)


def _pickled(s, _):
    return [p.data for p in pickle.loads(pickle.dumps(s.model)).parameters()]  # noqa: S301 - our own


def _copied(s, _):
    return [p.data for p in copy.deepcopy(s.model).parameters()], copy.copy(s.parameters[0]).data


def _copied_optimizer(s, _):
    return copy.deepcopy(s.optimizer).state_dict()["state"]


def _saved(s, _):
    s.saved = [s.model.state_dict(), s.optimizer.state_dict()]


def _loaded(s, _):
    if s.saved:
        s.model.load_state_dict(s.saved[0])


def _loaded_optimizer(s, _):
    if s.saved:
        s.optimizer.load_state_dict(s.saved[1])


def _written(s, draw):
    p = s.parameters[int(draw.integers(len(s.parameters)))]
    p.data[...] = _drawn(draw, p.shape)


def _assigned(s, draw):
    p = s.parameters[int(draw.integers(len(s.parameters)))]
    p.data = s.held["array"] = _drawn(draw, p.shape)


def _written_buffer(s, _):
    next(iter(s.model.buffers())).data[...] = 0.25


def _eager(s, draw):
    return s.eager(mg.tensor(_drawn(draw, (6, 3))), draw.integers(0, 4, 6)).item()


def _backward(s, draw):
    s.model(mg.tensor(_drawn(draw, (6, 3)))).sum().backward()
    return [p.grad.copy() for p in s.parameters]


def _stepped(s, _):
    s.optimizer.step()


def _gradients(s, _):
    return [None if p.grad is None else p.grad.copy() for p in s.parameters]


def _gradient_written(s, _):
    if s.parameters[0].grad is not None:
        s.parameters[0].grad[...] = 0.5


def _gradient_assigned(s, _):
    s.parameters[1].grad = np.ones(s.parameters[1].shape)


def _cleared(s, _):
    s.parameters[2].zero_grad()


def _clipped(s, _):
    return float(optim.clip_grad_norm_(s.model.parameters(), 0.01))


def _buffers(s, _):
    return [b.data.copy() for b in s.model.buffers()]


def _evaluated(s, draw):
    s.model.eval()
    made = s.forward(mg.tensor(_drawn(draw, (6, 3)))).data.copy()
    s.model.train()
    return made


def _evaluated_plainly(s, draw):
    s.model.eval()
    made = s.plain(mg.tensor(_drawn(draw, (6, 3)))).data.copy()
    s.model.train()
    return made


def _in_a_thread(s, _):
    found = []
    thread = threading.Thread(target=lambda: found.extend(_data(s, None)))
    thread.start()
    thread.join()
    return found


def _held_data(s, _):
    s.held["data"] = s.parameters[0].data


def _held_part(s, _):
    s.held["part"] = s.parameters[2].data.T[1:]


def _held_detached(s, _):
    s.held["detached"] = s.parameters[3].detach()


def _held_view(s, _):
    with mg.no_grad():
        s.held["view"] = s.parameters[0][1]


def _held_buffer(s, _):
    s.held["memory"] = memoryview(next(iter(s.model.buffers())).data)


def _let_go(s, _):
    s.held.clear()


def _failed(s, draw):
    with pytest.raises(mg.errors.MinigradError):
        s.step(mg.tensor(_drawn(draw, (6, 3))), np.full(6, 9))


def _rate(s, draw):
    s.optimizer.lr = float(draw.uniform(0.001, 0.02))


def _graph_from_before(s, _):
    if "graph" in s.held and s.parameters[3].requires_grad:
        s.held.pop("graph").backward()
        return s.parameters[3].grad.copy()
    s.held["graph"] = s.parameters[3].sum()
    return None


ACTIONS = [
    _data, _one, _ops, _asarray, _item, _state_dict, _optimizer_state, _averages, _applied, _pickled, _copied,
    _copied_optimizer, _saved, _loaded, _loaded_optimizer, _written, _assigned, _written_buffer, _eager, _backward,
    _stepped, _gradients, _gradient_written, _gradient_assigned, _cleared, _clipped, _buffers, _evaluated,
    _evaluated_plainly, _in_a_thread, _held_data, _held_part, _held_detached, _held_view, _held_buffer, _let_go,
    _failed, _rate, _graph_from_before,
]  # fmt: skip


def numbers(found):
    """All numbers in what a look gives, one after the other."""
    if found is None:
        return []
    if isinstance(found, dict):
        return [x for key in found for x in numbers(found[key])]
    if isinstance(found, (list, tuple)):
        return [x for item in found for x in numbers(item)]
    if isinstance(found, (str, int)):
        return []
    data = found.data if isinstance(found, mg.Tensor) and not found.requires_grad else found
    return [np.array(data.detach().data if isinstance(data, mg.Tensor) else data, np.float64)]


def assert_same(one, other, what):
    one, other = numbers(one), numbers(other)
    assert len(one) == len(other), what
    for a, b in zip(one, other, strict=True):
        assert a.shape == b.shape, what
        assert np.allclose(a, b, rtol=1e-6, atol=1e-8), (what, np.abs(a - b).max())


def _run(seed, length):
    sides, draws = [Side(seed, False), Side(seed, True)], [np.random.default_rng(seed) for _ in "ab"]
    choices = np.random.default_rng(seed + 1)
    history = []
    for _ in range(length):
        for _ in range(int(choices.integers(0, 4))):
            history.append("train")
            assert_same(*[s.train(d) for s, d in zip(sides, draws, strict=True)], history)
        action = ACTIONS[int(choices.integers(len(ACTIONS)))]
        history.append(action.__name__)
        assert_same(*[action(s, d) for s, d in zip(sides, draws, strict=True)], history)
        if choices.random() < 0.5:
            held = [{key: x for key, x in s.held.items() if key != "graph"} for s in sides]
            assert_same(*held, history)
            if choices.random() < 0.5:
                for s in sides:
                    s.held.clear()
    for look in (_data, _buffers, _optimizer_state, _averages, _gradients):
        assert_same(*[look(s, None) for s in sides], [*history, look.__name__])
    return sides[1]


def _state():
    return importlib.import_module("minigrad.compiler.backends.jax_state")


@needs_jax
def test_state_is_on_the_device_alone_until_somebody_looks():
    side = Side(0, True)

    def is_away():
        return {type(x) is not x.__class__ for x in (*side.parameters, *side.optimizer._flats[0])}

    for _ in range(7):
        side.train(np.random.default_rng(1))
    assert is_away() == {True}
    assert all(type(p) is not nn.Parameter and isinstance(p, nn.Parameter) for p in side.parameters)
    side.parameters[0].data  # noqa: B018
    assert is_away() == {False}
    side.train(np.random.default_rng(1))
    side.train(np.random.default_rng(1))
    assert is_away() == {True}
    assert not {name for name in vars(side.optimizer._flats[0][0]) if name in ("weights", "state", "_placed")}
    held = side.parameters[1].data
    before = held.copy()
    side.train(np.random.default_rng(1))
    assert is_away() == {False}  # somebody holds an array
    assert not np.array_equal(before, held)
    assert np.array_equal(held, side.parameters[1].data)
    del held
    side.train(np.random.default_rng(1))
    assert is_away() == {True}


@needs_jax
def test_nobody_sees_old_numbers(monkeypatch):
    monkeypatch.setattr(_state(), "LARGE", 0)  # above, a run writes over the state that it got
    _run(1, 5)


@needs_jax
def test_a_run_that_is_interrupted_when_it_is_over(monkeypatch):
    monkeypatch.setattr(_state(), "LARGE", 0)
    sides = [Side(0, False), Side(0, True)]
    for _ in range(7):
        assert_same(*[s.train(np.random.default_rng(1)) for s in sides], "train")
    module, calls = importlib.import_module("minigrad.compiler.backends.jax"), []
    monkeypatch.setattr("jax.stages.Compiled.__call__", None)  # of Python: at its end results would be lost

    def settle(real=module.settle):
        calls.append(0)
        if len(calls) == 2:
            raise KeyboardInterrupt
        real()

    with monkeypatch.context() as patched:
        patched.setattr(module, "settle", settle)
        with pytest.raises(KeyboardInterrupt):
            sides[1].train(np.random.default_rng(1))
    sides[0].train(np.random.default_rng(1))
    assert_same(*[_data(s, None) for s in sides], "interrupted")


@needs_jax
def test_jax_has_the_function_in_c_that_a_run_calls():
    jax = importlib.import_module("jax")
    compiled = jax.jit(lambda x: x + 1).lower(jax.ShapeDtypeStruct((2,), np.float32)).compile()
    compiled(np.ones(2, np.float32))
    assert not hasattr(compiled._call, "__code__"), "an interruption loses what a run gives: see Run._run"


@needs_jax
@pytest.mark.parametrize("part", ["go", "come_home"])
def test_moving_that_is_interrupted(part, monkeypatch):
    sides = [Side(0, False), Side(0, True)]
    for _ in range(7):
        assert_same(*[s.train(np.random.default_rng(1)) for s in sides], "train")
    if part == "go":
        sides[1].parameters[0].data  # noqa: B018 - all come home
    calls, real = [], away.set_class

    def set_class(x, kind):
        calls.append(0)
        if len(calls) == 3:
            raise KeyboardInterrupt
        real(x, kind)

    with monkeypatch.context() as patched:
        patched.setattr(away, "set_class", set_class)
        with pytest.raises(KeyboardInterrupt):
            _data(sides[1], None) if part == "come_home" else sides[1].train(np.random.default_rng(1))
    for s in sides:  # one that is at home already, or still
        s.parameters[0 if part == "come_home" else -1].data[...] = 0.5
    for _ in range(2):
        assert_same(*[s.train(np.random.default_rng(1)) for s in sides], part)
        assert_same(*[_data(s, None) for s in sides], part)


@needs_jax
def test_nothing_but_the_batch_and_the_loss_is_copied(monkeypatch):
    side, seen = Side(0, True, averages=False), []
    for _ in range(7):
        side.train(np.random.default_rng(1))
    memory = importlib.import_module("minigrad.compiler.backends.jax_lodging").Memory
    for name in ("upload", "download", "fetch"):
        monkeypatch.setattr(memory, name, lambda *_, name=name: seen.append(name))
    monkeypatch.setattr(_state().State, "read", lambda self: seen.extend(self.staged) or [])
    side.train(np.random.default_rng(1))  # the fifth replay; the eighth is audited
    side.train(np.random.default_rng(1))
    assert seen == []
    monkeypatch.undo()
    assert np.isfinite(side.parameters[0].data).all()


@needs_jax
def test_a_run_that_fails_leaves_what_was():
    side = Side(0, True)
    for _ in range(7):
        side.train(np.random.default_rng(1))
    before = _data(side, None)
    with pytest.raises(mg.errors.MinigradError):
        side.step(mg.tensor(np.ones((6, 3))), np.full(6, 9))
    assert_same(before, _data(side, None), "failed")


@needs_jax
@pytest.mark.slow
@pytest.mark.parametrize(("seed", "large"), [(2, 0), (3, 1 << 24)])
def test_nobody_sees_old_numbers_at_length(seed, large, monkeypatch):
    monkeypatch.setattr(_state(), "LARGE", large)
    _run(seed, 30)
