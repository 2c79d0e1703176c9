"""Programs audit themselves: at the replays 2, 4, 8 and so on a call runs both ways, and what stays is one result."""

import itertools
import sys
import types

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.compiler import audit
from minigrad.compiler.backends import BACKENDS, Built
from minigrad.compiler.tracing.trace_comparison import same_bits, same_numbers
from minigrad.errors import CompileError

X = np.float32([[1.0, -2.0], [3.0, 0.5], [0.25, -1.0]])
Y = np.array([0, 1, 1])


def hidden():
    """A number from where no walk over names looks: milliseconds until the interpreter takes another thread."""
    return round(sys.getswitchinterval() * 1000)


def hide(number):
    sys.setswitchinterval(number / 1000)


@pytest.fixture(autouse=True)
def _hidden():
    before = sys.getswitchinterval()
    hide(1)
    yield
    sys.setswitchinterval(before)


def trained(kind=optim.Adam, **options):
    """A net with all that a step may change: weights, momenta, counts, running statistics, draws, gradients."""
    model = nn.Sequential(
        nn.Linear(2, 4, generator=np.random.default_rng(0)),
        nn.BatchNorm1d(4),
        nn.Dropout(0.5, generator=np.random.default_rng(1)),
        nn.Linear(4, 2, generator=np.random.default_rng(2)),
    )
    optimizer = kind(model.parameters(), lr=lambda t: 0.1 / (1 + t), **options)

    def step(x, y):
        loss = nn.CrossEntropyLoss()(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return model, optimizer, step


def shown(model, optimizer):
    """Everything of a run that a user can see."""
    arrays = {name: array.copy() for name, array in model.state_dict().items()}
    state = optimizer.state_dict()
    arrays |= {f"{p}.{k}": np.asarray(a) for p, own in state["state"].items() for k, a in own.items()}
    arrays |= {f"grad {i}": np.array(p.grad) for i, p in enumerate(model.parameters())}
    arrays["draws"] = np.array(str(model[2].generator.bit_generator.state))
    return arrays | {k: np.asarray(state[k]) for k in ("iterations", "current_lr", "skipped")}


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam, optim.NAdam, optim.RAdam])
@pytest.mark.parametrize("check", [False, True])
def test_an_audited_call_leaves_what_one_step_leaves(kind, check):
    eager, made = trained(kind), trained(kind)
    step = mg.compile(made[2], backend="numpy", check=check)
    for _ in range(12):
        assert same_bits(eager[2](X, Y).data, step(X, Y).data)
        expected, got = shown(*eager[:2]), shown(*made[:2])
        assert expected.keys() == got.keys()
        assert all(same_bits(array, got[name]) for name, array in expected.items())
    assert (step.stats()["replayed"], step.stats()["audited"]) == (10, 10 if check else 3)


def test_the_schedule_doubles():
    step = mg.compile(lambda x: x * 2)
    seen = []
    for _ in range(70):
        step(X)
        seen.append(step.stats()["audited"])
    calls = [i + 1 for i, (a, b) in enumerate(itertools.pairwise(seen)) if b > a]
    assert calls == [3, 5, 9, 17, 33, 65]  # counted from 0; two calls recorded
    assert step.stats()["replayed"] == 68


def test_it_can_be_left_out():
    step = mg.compile(lambda x: x * hidden(), audit=False)
    for _ in range(3):
        step(X)
    hide(5)
    for _ in range(8):
        step(X)
    assert step.stats()["audited"] == 0
    assert mg.compile(audit=False)(lambda x: x).audit is False


def test_a_difference_changes_nothing_and_the_program_is_dropped():
    model, optimizer, plain = trained()
    step = mg.compile(lambda x, y: plain(x * np.float32(hidden()), y), backend="numpy")
    for _ in range(3):
        step(X, Y)
    before = shown(model, optimizer)
    hide(3)
    with pytest.raises(CompileError, match=r"differs from the step as it is written, in the result"):
        step(X, Y)
    got = shown(model, optimizer)
    assert all(same_bits(array, got[name]) for name, array in before.items())
    assert step.stats()["programs"] == 0
    # The next calls see the new value.
    twin = trained()
    for scale in (1, 1, 1, 3, 3, 3, 3, 3):
        expected = twin[2](X * np.float32(scale), Y)
        if scale == 3:
            assert same_bits(expected.data, step(X, Y).data)


@pytest.mark.parametrize("name", ["w", "the gradient of w"])
def test_what_differs_is_named(name):
    w = nn.Parameter(np.ones(2, np.float32))

    def step(x):
        w.grad = None
        if name == "w":
            w.data[...] = x * hidden()
        else:
            (w * x * hidden()).sum().backward()

    compiled = mg.compile(step, backend="numpy")
    for _ in range(3):
        compiled(X[0])
    hide(3)
    with pytest.raises(CompileError, match=f"in {name}: the step depends on something"):
        compiled(X[0])


def test_arguments_that_the_step_writes_to_are_written_once():
    def step(x):
        x += 1
        return x * 2

    compiled = mg.compile(step, check=True)
    for i in range(5):
        x = np.full(3, i, np.float32)
        assert same_bits(compiled(x), np.full(3, 2 * i + 2, np.float32))
        assert same_bits(x, np.full(3, i + 1, np.float32))


def test_gradients_clipped_in_place_are_clipped_once():
    w = nn.Parameter(np.ones(2, np.float32))
    compiled = mg.compile(lambda: optim.clip_grad_norm_([w], 1.0), check=True, backend="numpy")
    for _ in range(5):
        w.grad = np.float32([3.0, 4.0])
        compiled()
        expected = np.float32([3.0, 4.0])
        twin = nn.Parameter(np.ones(2, np.float32))
        twin.grad = expected
        optim.clip_grad_norm_([twin], 1.0)
        assert same_bits(w.grad, twin.grad)


def test_an_error_of_the_step_is_the_step_s():
    step = mg.compile(lambda x, y: nn.CrossEntropyLoss()(x, y))
    for _ in range(3):
        step(X, Y)
    with pytest.raises(mg.errors.TargetError):
        step(X, np.full_like(Y, 7))  # this call would have been audited
    step(X, Y)
    assert step.stats()["audited"] == 1
    assert step.stats()["eager"] == 1


def test_a_run_that_misses_is_the_eager_one():
    step = mg.compile(lambda x: x.relu(), backend="numpy")
    for _ in range(3):
        step(mg.tensor(X))
    x = X.copy()
    x[0, 0] = np.nan
    assert np.isnan(step(mg.tensor(x)).data[0, 0])


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
def test_the_bits_of_nan_say_nothing(dtype):
    """Which of two NaNs a sum takes on depends on where the arrays lie, in NumPy too."""
    x = np.array([1, np.nan, -0.0], dtype)
    assert same_numbers(x, np.array([1, -np.nan, -0.0], dtype))
    for other in ([1, np.nan, 0.0], [2, np.nan, -0.0], [1, 0.0, -0.0], [np.nan, np.nan, -0.0]):
        assert not same_numbers(x, np.array(other, dtype))
    assert not same_numbers(x, x[None])


@pytest.fixture
def rounding():
    """A backend that runs NumPy's program and rounds otherwise, by ``plain.wrong`` of each result."""
    plain = types.ModuleType("plain_of_a_test")
    plain.EXACT, plain.wrong = False, 0.0

    def build(calls, program):
        from minigrad.compiler.backends.numpy import build as exact

        built = exact(calls, program)
        return Built(lambda *a: tuple([z * np.float32(1 + plain.wrong) for z in built.run(*a)]), built.stats)

    plain.build = build
    sys.modules["plain_of_a_test"] = plain
    BACKENDS["plain"] = ("plain_of_a_test", "numpy", "")
    yield plain
    del BACKENDS["plain"], sys.modules["plain_of_a_test"]


@pytest.mark.parametrize(("wrong", "is_found"), [(0.0, False), (3e-7, False), (1e-2, True)])
def test_a_backend_that_rounds_is_held_to_its_bound(rounding, wrong, is_found):
    rounding.wrong = wrong
    step = mg.compile(lambda x: np.float32(3) * x, backend="plain")
    for _ in range(3):
        step(X)
    if is_found:
        with pytest.raises(CompileError, match="differs from the step as it is written"):
            step(X)
    else:
        step(X)
        assert step.stats()["audited"] == 1


def test_rounding_that_the_step_amplifies_is_no_error(rounding):
    """The difference of two numbers that are nearly one, as a gradient that is 0 but for rounding under Adam."""
    rounding.wrong = 1e-4
    step = mg.compile(lambda x: (x + 1e4 - 1e4) * 100, backend="plain")
    for _ in range(6):
        step(X)
    assert step.stats()["audited"] == 2


@pytest.mark.parametrize("seed", range(8))
def test_a_sign_that_rounding_decides(rounding, seed):
    """As the update of Lion is, where a gradient is nothing but rounding; numbers are compared with their largest."""
    rounding.wrong = -2.0  # the other sign

    def f(x):
        y = x * 3
        return np.sign(1e-9 + ((y + 1e4) - 1e4 - y) * (y == np.max(y, axis=0)))

    step = mg.compile(f, backend="plain")
    x = np.random.default_rng(seed).random(1, np.float32)
    for _ in range(6):
        step(x)
    assert step.stats()["audited"] == 2


@pytest.mark.parametrize("seed", range(4))
def test_a_sign_that_rounding_does_not_decide(rounding, seed):
    rounding.wrong = -2.0
    step = mg.compile(lambda x: np.sign((x + 1e4) - 9e3), backend="plain")
    x = np.random.default_rng(seed).random(1, np.float32)
    for _ in range(3):
        step(x)
    with pytest.raises(CompileError, match="differs from the step as it is written"):
        step(x)


@pytest.mark.usefixtures("rounding")
def test_stale_is_stale_however_a_backend_rounds():
    step = mg.compile(lambda x: x * hidden(), backend="plain")
    for _ in range(3):
        step(X)
    hide(2)
    with pytest.raises(CompileError, match="differs from the step as it is written"):
        step(X)


def test_a_replay_that_raises_where_the_step_does_not(rounding):
    step = mg.compile(lambda x: x * 2, backend="plain")
    for _ in range(3):
        step(X)
    rounding.wrong = "not a number"
    with pytest.raises(CompileError, match="the replay raises"):
        step(X)


@pytest.mark.parametrize("check", [False, True])
def test_an_error_that_the_step_handles_is_no_difference(check):
    def step(x):
        try:
            return np.linalg.inv(x).sum()
        except np.linalg.LinAlgError:
            return x[0, 0] - 1

    compiled = mg.compile(step, backend="numpy", check=check)
    for i in range(18):
        x = np.eye(2) * (i < 3 or i % 2)
        assert compiled(x) == step(x)
    assert compiled.stats()["replayed"] > 4


def test_a_compiled_function_inside_is_part_of_it():
    inner = mg.compile(lambda x: x * x)
    outer = mg.compile(lambda x: inner(x) + 1, check=True)
    for i in range(6):
        assert same_bits(outer(X + i), (X + i) ** 2 + 1)
    assert inner.stats()["recorded"] == 0
    assert audit.AS_WRITTEN.get() is False
