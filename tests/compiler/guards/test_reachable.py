"""What a compiled step depends on besides its arguments: a change of it is noticed, and memory is nobody else's."""

import collections
import dataclasses
import functools
import os
import sys
import types
import weakref

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.compiler.guards.code_names import is_library
from minigrad.compiler.tracing.trace_comparison import same_bits
from minigrad.errors import CompileError

SCALE = 1.0


class Plain:
    scale = 1.0


class Slots:
    __slots__ = ("scale",)

    def __init__(self):
        self.scale = 1.0


@dataclasses.dataclass(slots=True)
class Settings:
    scale: float = 1.0


def _set():
    scales = {1.0}
    return lambda x: x * max(scales), lambda: scales.add(3.0)


def _deque():
    scales = collections.deque([1.0])
    return lambda x: x * scales[-1], lambda: scales.append(3.0)


def _order_of_a_dict():
    scales = {"a": 1.0, "b": 2.0}
    return lambda x: x * next(iter(scales.values())), lambda: scales.update(a=scales.pop("a"))


def _inherited():
    kind = type("Kind", (Plain,), {})
    thing = kind()
    return lambda x: x * thing.scale, lambda: setattr(kind, "scale", 3.0)


def _slots():
    thing = Slots()
    return lambda x: x * thing.scale, lambda: setattr(thing, "scale", 3.0)


def _slots_of_a_dataclass():
    thing = Settings()
    return lambda x: x * thing.scale, lambda: setattr(thing, "scale", 3.0)


def _namespace():
    thing = types.SimpleNamespace(scale=1.0)
    return lambda x: x * thing.scale, lambda: setattr(thing, "scale", 3.0)


def _defaults():
    def inner(x, scale=1.0):
        return x * scale

    return lambda x: inner(x), lambda: setattr(inner, "__defaults__", (3.0,))


def _code():
    def inner(x):
        return x * 1.0

    return lambda x: inner(x), lambda: setattr(inner, "__code__", (lambda x: x * 3.0).__code__)


def _module():
    settings = types.ModuleType("settings_of_a_test")
    settings.scale = 1.0
    return lambda x: x * settings.scale, lambda: setattr(settings, "scale", 3.0)


def _import_inside():
    settings = sys.modules["settings_of_a_test"] = types.ModuleType("settings_of_a_test")
    settings.scale = 1.0

    def step(x):
        import settings_of_a_test

        return x * settings_of_a_test.scale

    return step, lambda: setattr(settings, "scale", 3.0)


def _cached():
    scales = [1.0]

    @functools.lru_cache
    def scale():
        return scales[0]

    def change():
        scale.cache_clear()
        scales[0] = 3.0

    return lambda x: x * scale(), change


def _weak():
    thing = Slots.__new__(type("Weak", (Slots,), {}))
    thing.scale = 1.0
    reference, things = weakref.ref(thing), [thing]
    return lambda x: x * reference().scale * len(things), lambda thing=thing: setattr(thing, "scale", 3.0)


def _by_text():
    def change():
        globals()["SCALE"] = 3.0

    globals()["SCALE"] = 1.0
    return lambda x: x * eval("SCALE") * globals()["SCALE"], change


def _deep():
    inner = {"scale": 1.0}
    outer = inner
    for _ in range(40):
        outer = {"in": outer}

    def step(x):
        here = outer
        while "in" in here:
            here = here["in"]
        return x * here["scale"]

    return step, lambda: inner.update(scale=3.0)


CHANGES = [
    _set, _deque, _order_of_a_dict, _inherited, _slots, _slots_of_a_dataclass, _namespace, _defaults, _code, _module,
    _import_inside, _cached, _weak, _by_text, _deep,
]  # fmt: skip


@pytest.mark.parametrize("make", CHANGES, ids=lambda make: make.__name__.strip("_"))
def test_a_change_is_noticed(make):
    step, change = make()
    compiled = mg.compile(step)
    for i in range(8):
        if i == 4:
            change()
        x = mg.tensor([1.0, float(i)])
        assert same_bits(step(x).data, compiled(x).data)
    assert compiled.stats()["recorded"] == 4


# -- memory -----------------------------------------------------------------------------------


def test_an_argument_in_the_memory_of_a_weight():
    """The copy at the start of the step is dropped where nobody can see that: here somebody would."""

    def make():
        w = nn.Parameter(np.arange(4, dtype=np.float32))
        optimizer = optim.SGD([w], lr=0.5)

        def step(x):
            before = mg.tensor(x)
            w.grad = None
            (w * 2).sum().backward()
            optimizer.step()
            return before * 1

        return w, step

    (w, eager), (w_2, step) = make(), make()
    compiled = mg.compile(step)
    for i in range(10):
        part = slice(i % 3, None)
        alias = [v.data[part] if i > 3 else v.data[part].copy() for v in (w, w_2)]
        assert same_bits(eager(alias[0]).data, compiled(alias[1]).data)
    foreign = [np.asarray(memoryview(v.data)) for v in (w, w_2)]
    for _ in range(3):
        assert same_bits(eager(foreign[0]).data, compiled(foreign[1]).data)
    assert compiled.stats()["eager"] >= 1


def test_two_arguments_in_one_memory():
    def step(x, y):
        before = mg.tensor(y)
        x += 1
        return before * 2

    compiled = mg.compile(step)
    for i in range(8):
        pairs = [np.arange(5, dtype=np.float32) for _ in "ab"]
        one, two = [(a[:4], a[1:] if i > 3 else a[1:].copy()) for a in pairs]
        assert same_bits(step(*one).data, compiled(*two).data)
        assert same_bits(*pairs)
    assert compiled.stats()["eager"] == 4
    same = mg.compile(lambda x, y: (x @ y.T, x[1:], y[:1] * 2))
    for i in range(5):
        x = np.arange(6, dtype=np.float32).reshape(2, 3) + i
        for one, other in zip(same.function(x, x), same(x, x if i % 2 else x.copy()), strict=True):
            assert same_bits(one, other)


def test_constants_that_leave_a_step_are_the_users():
    w = nn.Parameter(np.ones(3, np.float32))

    def step(x):
        w.grad = None
        w.sum().backward()  # its gradient is ones, whatever the data
        ones = np.ones(3, np.float32)
        return x * ones, mg.zeros_like(x), ones, ones[1:], mg.tensor(2.0)

    compiled = mg.compile(step)
    for i in range(8):
        x = mg.tensor([1.0, 2.0, float(i)])
        got = compiled(x)
        assert same_bits(w.grad, np.ones(3, np.float32))
        for one, other in zip(step(x), got, strict=True):
            assert same_bits(np.asarray(getattr(one, "data", one)), np.asarray(getattr(other, "data", other)))
        compiled(x)
        w.grad += 5
        for z in got:
            (z.data if isinstance(z, mg.Tensor) else z)[...] += 7
    assert compiled.stats()["replayed"] == 14


# -- what the step cannot do in silence -----------------------------------------------------------


@pytest.mark.parametrize(
    "step",
    [
        lambda x: x * 2 if _large(x) else x,
        lambda x: x * len(x.data.tobytes()),
        lambda x: x.data.flat[0] * x,
        lambda x: x * float(f"{x.data:.1f}" if x.data.size == 1 else f"{x.data.sum():.1f}"),
    ],
)
def test_a_refusal_that_the_step_catches(step):
    with pytest.raises(CompileError, match="test_reachable"):
        mg.compile(step)(mg.tensor([1.0, 2.0]))


def _large(x):
    try:
        return int(x.sum()) > 4
    except Exception:  # noqa: BLE001 - it is the point
        return False


def test_a_copy_of_the_model_in_the_step():
    import copy

    model = nn.Linear(2, 2)
    with pytest.raises(CompileError, match=r"copy\.deepcopy"):
        mg.compile(lambda x: copy.deepcopy(model)(x))(mg.tensor([[1.0, 2.0]]))


def test_isinstance_goes_the_same_way():
    compiled = mg.compile(lambda x: x * 2 if isinstance(x, np.ndarray) else x * 3)
    for _ in range(3):
        assert same_bits(compiled(np.float32([1, 2])), np.float32([2, 4]))
    with pytest.raises(AttributeError, match="no attribute 'colour'"):
        mg.compile(lambda x: x.data.colour)(mg.tensor([1.0]))


def test_a_result_that_stays_in_an_attribute_is_an_input_of_the_next_call():
    class Running(nn.Module):
        def __init__(self):
            self.mean = mg.tensor(np.zeros(2, np.float32))

        def forward(self, x):
            self.mean = self.mean * 0.9 + x.detach() * 0.1
            return x - self.mean

    compiled, eager = mg.compile(Running(), backend="numpy"), Running()
    x = mg.tensor([1.0, 2.0])
    for _ in range(20):
        wanted = eager(x)
        assert same_bits(compiled(x).data, wanted.data)
    assert compiled.stats()["replayed"] > 12


COLUMNS = np.array([1.0, 2.0])


def test_a_plain_number_of_an_array_that_recorded_calls_read_too():
    """``COLUMNS.mean()`` is NumPy's alone: the recorder sees only what comes of it."""
    made = mg.compile(lambda x: (x - COLUMNS.mean()) * COLUMNS, backend="numpy")
    for value in (1.0, 1.0, 1.0, 5.0, 5.0, 5.0, 7.0, 5.0):
        COLUMNS[0] = value
        np.testing.assert_array_equal(made(np.ones(2)), (1 - COLUMNS.mean()) * COLUMNS)
    assert made.stats()["replayed"] == 3


def test_an_array_that_only_recorded_calls_read_may_change():
    table = np.zeros(2)
    made = mg.compile(lambda x: x * table, backend="numpy")
    for k in range(8):
        table[...] = k // 3
        np.testing.assert_array_equal(made(np.ones(2)), table)
    assert made.stats()["recorded"] == 3  # two, and one that shows that the program is the same


@pytest.mark.parametrize(
    ("path", "library"),
    [("src/app/step.py", False), ("lib/python3/dist-packages/numpy/linalg.py", True), ("site-packages/x.py", True)],
)
def test_a_project_may_lie_below_the_prefix(path, library):
    assert is_library(os.path.join(sys.prefix, *path.split("/"))) is library
    assert is_library(os.__file__)
    assert is_library(mg.__file__)


def test_code_without_a_file_is_the_user_s():
    namespace = {"rate": 2.0}
    exec(compile("def f(x):\n    return x * rate\n", "<cell 7>", "exec"), namespace)
    made = mg.compile(namespace["f"], backend="numpy")
    for rate in (2.0, 2.0, 2.0, 3.0):
        namespace["rate"] = rate
        assert made(np.ones(()).reshape(1))[0] == rate


def test_what_is_returned_twice_is_one_array():
    table = np.ones(2)
    made = mg.compile(lambda x: (x, *2 * (table.sum(keepdims=True),)), backend="numpy")
    for _ in range(3):
        _, one, other = made(np.ones(2))
        assert one is other


class Growing:
    """Keeps what its compiled step gave, where the step can see it."""

    def __init__(self):
        self.scale, self.losses = 2.0, []
        self.compiled = mg.compile(self.step)

    def step(self, x):
        return (x * self.scale).sum() if self.losses[-1:] is not None else x


def test_what_changes_before_every_call_is_named_once():
    growing, x = Growing(), mg.ones(3)
    for call in range(1, 13):
        if call == 8:
            with pytest.warns(UserWarning, match="losses changes from call to call, so step is") as found:
                growing.losses.append(float(growing.compiled(x)))
            assert found[0].filename == __file__
        else:
            growing.losses.append(float(growing.compiled(x)))
    assert growing.losses == [6.0] * 12
    assert growing.compiled.stats()["replayed"] == 0


def test_what_changes_now_and_then_is_recorded_without_a_word():
    growing, x = Growing(), mg.ones(3)
    for call in range(20):
        if call % 4 == 3:  # after one replay or two
            growing.scale += 1
        growing.compiled(x)
    assert growing.compiled.stats()["replayed"] == 9
