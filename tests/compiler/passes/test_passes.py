"""What is done to a program before it runs, and how it is spelled."""

import functools
import itertools
import types

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import nn
from minigrad.compiler.passes.grouping import Detours, Group
from minigrad.compiler.tracing.trace_comparison import same_bits


def compiled(function, *args, calls=3):
    """A compiled function that has been replayed, the result compared with the function's own."""
    made = mg.compile(function)
    for _ in range(calls):
        got, expected = made(*args), function(*args)
        assert same_bits(np.asarray(getattr(got, "data", got)), np.asarray(getattr(expected, "data", expected)))
    return made


X = np.arange(12, dtype=np.float32).reshape(3, 4) / 8 - 0.5


def test_dead_calls_are_dropped():
    def f(x):
        mg.exp(x)
        return x * 2

    assert compiled(f, X).stats()["calls"] == 1
    assert "exp" not in compiled(f, X).source()


def test_a_write_into_a_value_that_is_needed_is_kept():
    def f(x):
        y = x * 2
        y[0] = 5
        z = x * 3
        z[0] = 7
        return y

    made = compiled(f, X)
    assert made.stats()["calls"] == 2
    assert "= 7" not in made.source()


def test_copies_that_nobody_writes_to_are_dropped():
    assert compiled(lambda x: mg.tensor(x) * 2, X).stats()["calls"] == 1
    assert compiled(lambda x: mg.tensor(x), X).stats()["calls"] == 1  # which leaves the program

    def f(x):
        y = x.copy()
        y += 1
        return y * x

    assert compiled(f, X).stats()["calls"] == 3


def test_a_chain_of_elementwise_calls_needs_little_memory():
    def f(x):
        y = x
        for _ in range(20):
            y = np.tanh(y) + x
        return y * 2

    made = compiled(f, X)
    assert made.stats()["buffers"] == 1
    assert made.stats()["bytes"] == X.nbytes


def test_values_that_live_together_have_places_of_their_own():
    def f(x):
        values = [x * n for n in range(5)]
        return np.concatenate(values).sum(0) + values[0].T.sum()

    assert compiled(f, X).stats()["buffers"] >= 5


@pytest.mark.parametrize("x", [X, np.asfortranarray(X), X[:, ::2], X.T, X[:0], np.float32(2)])
def test_layouts(x):
    compiled(lambda x: (np.exp(x) * 2 + x).T, np.asarray(x))


def test_results_of_several_parts():
    made = mg.compile(lambda x: np.split(x * 2, 2, axis=1))
    for _ in range(3):
        assert all(same_bits(a, b) for a, b in zip(made(X), np.split(X * 2, 2, axis=1), strict=True))


TEXTS = {
    "indices": lambda x: x[..., None][1:, ::2, 0] + x[0, 1] + x[(slice(0, 2), slice(None, None, 2))],
    "numbers": lambda x: x * np.float32(0.1) + np.float64(2) - np.bool_(True) + np.int64(3),
    "not numbers": lambda x: np.maximum(x * np.float32("inf"), np.float64("nan")) + float("inf"),
    "dtypes": lambda x: x.astype(np.float64).astype("int32").sum(dtype=np.int64) + x.astype(np.dtype("float16")),
    "operators": lambda x: abs(-x) // 0.3 % 2 + (+x) ** 2 / 3 + ((x > 0) & ~(x < 0.2) | (x >= 1) ^ (x != 0)),
    "reflected": lambda x: 1 - x + 2 / (x * x + 1) + 2 ** x + 7 // (x + 3) + 5 % (x + 2) + np.eye(3, dtype=x.dtype) @ x,
    "reductions": lambda x: x.max() - np.min(x, 0) + np.prod(x) + x.mean(1, keepdims=True) + np.add.reduce(x, 0),
    "lists": lambda x: np.concatenate([x, x], axis=-1).reshape((3, 8)).swapaxes(0, 1).ravel()[:4],
    "complex": lambda x: mg.fft.irfft(mg.fft.rfft(mg.tensor(x)) * (1 + 2j)),
    "constants": lambda x: x + np.ones((3, 4), x.dtype) + np.arange(4) + np.array([[0.5], [-0.0], [2]])
    + np.arange(12.0).reshape(3, 4),
    "in place": lambda x: _in_place(x * 1),
    "functions": lambda x: np.linalg.norm(x, axis=0) + np.where(x > 0, x, 0) + np.clip(x, None, 0.2),
    "outputs": lambda x: np.add(x, 1, out=np.empty_like(x)) + np.multiply(x, 2, dtype=np.float64),
}  # fmt: skip


def _in_place(y):
    y += 1
    y *= 2
    y -= 3
    y /= 4
    y **= 2
    y.fill(2)
    y[1:] = 7
    np.copyto(y[:1], 3)
    y.sort()
    return y


@pytest.mark.filterwarnings("ignore:invalid value", "ignore:overflow")
@pytest.mark.parametrize("name", TEXTS)
def test_texts(name):
    function = TEXTS[name]
    made = compiled(function, X)
    namespace = {}
    exec(made.source(), namespace)
    got, gradients = namespace["step"](X, made.state(), made.rates())
    expected = function(X)
    assert same_bits(np.asarray(got), np.asarray(getattr(expected, "data", expected)))
    assert not gradients


# -- what a function can reach ------------------------------------------------------------------


class Scaled:
    """An object of the user's, with a rate in an attribute and another in its class's code."""

    power = 1

    def __init__(self, rate, layer):
        self.rate = rate
        self.parts = [layer, {"shift": 1.0}]

    def __call__(self, x):
        y = self.parts[0](x) ** self.power * self.rate + self.parts[1]["shift"] + helper()
        return y * self.factor * Settings.factor

    @property
    def factor(self):
        return SETTINGS.factor

    def method(self, x):
        return self(x)


SETTINGS = types.ModuleType("settings_of_a_user")
SETTINGS.offset, SETTINGS.factor = 0.25, 1.5


class Settings:
    factor = 1.0


def helper():
    return SETTINGS.offset


CALLABLES = {
    "object": lambda scaled: scaled,
    "method": lambda scaled: scaled.method,
    "partial": lambda scaled: functools.partial(Scaled.method, scaled),
    "lambda": lambda scaled: lambda x: scaled(x),
    "default": lambda scaled: lambda x, scaled=scaled: scaled.method(x),
}


@pytest.mark.parametrize("name", CALLABLES)
def test_what_is_behind_a_name_is_found(name):
    layer = nn.Linear(4, 2, generator=np.random.default_rng(0))
    scaled = Scaled(2.0, layer)
    function = CALLABLES[name](scaled)
    made = mg.compile(function)

    def both():
        return [same_bits(made(mg.tensor(X)).data, function(mg.tensor(X)).data) for _ in range(3)]

    assert all(both())
    for edit in (
        lambda: setattr(scaled, "rate", 3.0),
        lambda: scaled.parts[1].__setitem__("shift", 5.0),
        lambda: setattr(SETTINGS, "offset", SETTINGS.offset + 1),
        lambda: setattr(layer.bias, "data", np.float32([1, 2])),
        lambda: layer.weight.data.fill(0.5),
        lambda: scaled.parts.__setitem__(0, nn.Linear(4, 2, bias=False, generator=np.random.default_rng(1))),
        lambda: setattr(scaled, "more", 1),
        lambda: setattr(Scaled, "power", Scaled.power + 1),
        lambda: setattr(Settings, "factor", Settings.factor + 1),
        lambda: setattr(SETTINGS, "factor", SETTINGS.factor + 1),
    ):
        edit()
        assert all(both())
    assert made.stats()["replayed"] >= 6


def test_a_model_is_a_function_too():
    model = nn.Sequential(nn.Linear(4, 5, generator=np.random.default_rng(0)), nn.Tanh())
    made = compiled(model, mg.tensor(X))
    model.eval()
    compiled(model, mg.tensor(X))
    assert "tanh" in made.source()


def test_objects_given_as_arguments_are_looked_into():
    layer = nn.Linear(4, 2, generator=np.random.default_rng(0))
    made = mg.compile(lambda model, options, x: model(x) * options.scale)
    # A namespace is compared by its contents and has no hash; an object of a class of one's own has one.
    for options, scale in itertools.product((types.SimpleNamespace(), Options()), (2.0, 3.0)):
        options.scale = scale
        for _ in range(3):
            assert same_bits(made(layer, options, mg.tensor(X)).data, (layer(mg.tensor(X)) * scale).data)
    assert made.stats()["replayed"] == 4  # the third call of each four


class Options:
    scale = 1.0


def test_more_of_an_array_s_attributes():
    def f(x):
        z = np.fft.fft(x) * 2
        return z.imag + z.real + x.copy().real + len(x) + sum(row for row in x) * x.itemsize

    compiled(f, X)
    assert "recorded float32" in repr(next(iter(recorded_reprs())))


def recorded_reprs():
    seen = []
    mg.compile(lambda x: seen.append(repr(x)) or x)(X)
    return seen


@pytest.mark.parametrize(
    "f",
    [
        lambda x: mg.nn.functional.max_pool2d(x.reshape(1, 1, 3, 4), 2),
        lambda x: mg.nn.functional.layer_norm(x, (4,)),
        lambda x: mg.nn.functional.one_hot((x > 0).astype(int), 2),
        lambda x: mg.linalg.svd(x, compute_uv=False),
        lambda x: mg.nn.functional.scaled_dot_product_attention(x, x, x),
        lambda x: mg.diagonal(x) + mg.take(x, np.array([0, 1, 2])),
    ],
)
def test_layers(f):
    compiled(f, mg.tensor(X))


def test_an_index_out_of_range_in_a_replay():
    w = nn.Parameter(X.copy())

    def step(i):
        w.zero_grad()
        (w[i] * w[i]).sum().backward()
        return w.grad.sum()

    made = mg.compile(step)
    for _ in range(3):
        made(np.array([0, -1, 2]))
    with pytest.raises(IndexError):
        made(np.array([0, 1, 3]))


def test_a_view_that_is_taken_twice_may_be_written_to():
    w = mg.tensor(np.zeros(6, "float32"))

    def f(x):
        np.add(w.data[0:4], x, out=w.data[0:4])
        np.multiply(w.data[0:4], 2, out=w.data[0:4])
        return w.data[0:4] + 1

    def run(f):
        w.data[...] = 0
        return [np.array(f(np.ones(4, "float32"))) for _ in range(4)]

    expected = run(f)
    for one, other in zip(expected, run(mg.compile(f, backend="numpy")), strict=True):
        assert same_bits(one, other)


def test_scalars():
    """NumPy has one object for each bool, and a scalar that is written to is another one."""
    level = mg.tensor(np.asarray(-1.0))

    def f(x):
        any_of = np.any(level.data + 0, axis=0)
        total = np.max(x, axis=None)
        total -= x[0]
        return np.greater(any_of, level.data), total, np.min(np.sum(x).reshape(()), axis=-1)

    made = mg.compile(f, backend="numpy")
    for k in range(4):
        level.data[...] = 2.0 * (k > 2) - 1
        for got, expected in zip(made(np.arange(3.0) + k), f(np.arange(3.0) + k), strict=True):
            assert same_bits(np.asarray(got), np.asarray(expected))


def test_what_depends_on_constants_alone_is_made_once():
    def f(x):
        ramp = np.exp(mg.tensor(np.arange(6.0)) * 0.1) + 1
        return x * ramp, ramp.sum() + x

    made = compiled(f, np.ones(6))
    assert made.stats()["calls"] <= 4
    assert "np.exp" in made.source()

    def g(x):
        y = mg.tensor(np.arange(6.0)) * 2
        return y, x * y  # it leaves: new memory in each run

    made = mg.compile(g, backend="numpy")
    results = [made(np.ones(6))[0].data for _ in range(4)]
    results[2][...] = 7
    assert same_bits(results[3], np.arange(6.0) * 2)
    assert results[2] is not results[3]


def test_the_ones_of_a_sum_s_gradient_are_no_product():
    w = mg.tensor(np.arange(6.0), requires_grad=True)

    def f():
        w.zero_grad()
        loss = (mg.tanh(w) * mg.exp(w)).sum()
        loss.backward()
        return loss

    made = mg.compile(f, backend="numpy")
    for _ in range(3):
        made()
    # The two products with ones go, and then exp_grad * exp is the product of the forward pass.
    assert (made.stats()["calls recorded"], made.stats()["calls"]) == (11, 8)
    t, e = np.tanh(np.arange(6.0)), np.exp(np.arange(6.0))
    np.testing.assert_allclose(w.grad, (1 - t * t) * e + t * e)


@given(st.randoms(use_true_random=False), st.integers(1, 40))
def test_a_detour_is_found_exactly_where_there_is_one(random, count):
    """Against a search through the whole graph, in which a group counts as one call."""
    needs = [set(random.sample(range(i), min(i, random.randint(0, 3)))) for i in range(count)]
    detours, groups, node_of = Detours(needs), [], []

    def waits_for(node, goal, seen):
        calls = [j for j, other in enumerate(node_of) if other is node]
        for other in {id(node_of[k]): node_of[k] for j in calls for k in needs[j]}.values():
            if other is not node and id(other) not in seen:
                seen.add(id(other))
                if other is goal or waits_for(other, goal, seen):
                    return True
        return False

    for i in range(count):
        chosen = None
        for group in random.sample(groups, min(len(groups), 3)):
            others = {id(node_of[j]): node_of[j] for j in needs[i] if node_of[j] is not group}.values()
            expected = any(waits_for(other, group, set()) for other in others)
            assert detours.lead(i, group) == expected
            if not expected and random.random() < 0.4:  # the others stand alone, and are what detours lead through
                chosen = group
                break
        if chosen is None and random.random() < 0.5:
            chosen = Group((i,))
            groups.append(chosen)
        node_of.append(object() if chosen is None else chosen)
        detours.add(i, chosen)
