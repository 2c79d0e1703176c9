"""What a compiled step depends on besides its arguments: a change of it is noticed, and memory is nobody else's."""

import collections
import dataclasses
import functools
import sys
import types
import weakref

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
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
        return len(x.data.tobytes()) > 4
    except Exception:  # noqa: BLE001 - it is the point
        return False


def test_a_copy_of_the_model_in_the_step():
    import copy

    model = nn.Linear(2, 2)
    with pytest.raises(CompileError, match=r"copy\.deepcopy"):
        mg.compile(lambda x: copy.deepcopy(model)(x))(mg.tensor([[1.0, 2.0]]))


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


SETTINGS = types.ModuleType("settings_of_a_user")
SETTINGS.offset, SETTINGS.factor = 0.25, 1.5
