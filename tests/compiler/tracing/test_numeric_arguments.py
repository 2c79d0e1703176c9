"""Numbers among the arguments: inputs of the program where the step calculates with them, else one program each."""

import json
import warnings

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.compiler.tracing.trace_comparison import same_bits
from minigrad.errors import CompileError
from minigrad.nn import functional as F
from tests.compiler.fuzz_training import differences

X = np.random.default_rng(0).standard_normal((6, 3)).astype("float32")


def made(body):
    model = nn.Linear(3, 2, generator=np.random.default_rng(0))
    optimizer = optim.Adam(model.parameters(), lr=0.1)

    def step(x, t, **more):
        optimizer.zero_grad()
        loss = body(model, x, t, **more)
        loss.backward()
        optimizer.step()
        return loss

    return model, step


def run_both(body, numbers, backend="numpy", **more):
    """Both with the same numbers, bit for bit; the compiled step, and what was warned of."""
    (one, eager), (other, function) = made(body), made(body)
    step = mg.compile(function, backend=backend)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        for i, number in enumerate(numbers):
            mg.manual_seed(i)
            expected = eager(X, number, **more)
            mg.manual_seed(i)
            got = step(X, number, **more)
            assert expected.dtype == got.dtype
            if backend == "numpy":
                assert same_bits(expected.data, got.data)
                assert same_bits(one.weight.data, other.weight.data)
            else:
                np.testing.assert_allclose(expected.data, got.data, rtol=1e-3)
    return step, [str(x.message) for x in found]


CALCULATED = {
    "a factor": lambda m, x, t: (m(x) ** 2).mean() * t,
    "before": lambda m, x, t: t * (m(x) ** 2).mean(),
    "of the inputs": lambda m, x, t: m(x * t).sum() + m(t + x).sum(),
    "a mixture": lambda m, x, t: ((1 - t) * m(x) + t * x[:, :2]).sum(),
    "a divisor": lambda m, x, t: (m(x) / (1 + t)).sum() + (t / (2 + m(x) ** 2)).sum() + t / 4 * m(x).sum(),
    "a power": lambda m, x, t: (m(x) ** 2).mean() * 0.9**t,
    "negative": lambda m, x, t: (-t * m(x)).sum() - (m(x) - t).mean(),
    "a bound": lambda m, x, t: np.minimum(m(x), t).sum() + mg.clip(m(x), -t, t).sum(),
    "chosen": lambda m, x, t: mg.where(m(x) > 0, m(x), t).sum() + mg.where(m(x) > t, m(x), 0.0).sum(),
    "of a transform": lambda m, x, t: mg.grad(lambda v, s: (v * s).sum())(x, t).sum() * m(x).sum(),
    "of a gradient": lambda m, x, t: (mg.grad(lambda v: (m(v) ** 2 * t).sum())(x) ** 2).sum(),
    "float64 numbers": lambda m, x, t: (m(x) * np.linspace(0, 1, 2)).sum() * t,
    "its function": lambda m, x, t: (m(x) * np.sin(t)).sum(),
    "of plain arrays": lambda m, x, t: m(x).mean() * float((np.array([2.0, 1.0]) * t).sum()),
    "a tensor": lambda m, x, t: (m(x) * mg.tensor(t)).mean(),
    "a root": lambda m, x, t: (m(x) * t**0.5).sum(),
    "an option": lambda m, x, t: F.cross_entropy(m(x), np.arange(6) % 2, label_smoothing=1 / (2 + t)),
    "an exponent": lambda m, x, t: (mg.abs(m(x)) ** (t + 0.5)).sum(),
    "its inverse": lambda m, x, t: (m(x) * (1 / t)).sum(),
}

DECIDED = {
    "a branch": lambda m, x, t: m(x).mean() * (2.0 if t > 3 else t),
    "a truth": lambda m, x, t: m(x).mean() if t else m(x).sum(),
    "a member": lambda m, x, t: m(x).sum() * (3 if t in (1, 2, 3.0) else 1),
    "a remainder": lambda m, x, t: m(x).sum() * (2 if t > 4 and t > 8 else t),
    "its largest": lambda m, x, t: (m(x) * max(t, 3)).sum(),
}

#: What Python takes of them is one of few whole numbers, or it is put into an array.
FEW = {
    "in an array": lambda m, x, t: (m(x) * np.array([t, 1.0])).mean(),
    "an index": lambda m, x, t: m(x)[int(t) % 5].sum(),
    "rows": lambda m, x, t: m(x)[: int(t) % 4 + 1].sum(),
    "an axis": lambda m, x, t: m(x).sum(axis=int(t) % 2).mean(),
    "a shape": lambda m, x, t: m(x).sum() * np.ones(int(t) % 3 + 1).sum(),
}

TAKEN = {
    "a range": lambda m, x, t: sum((m(x).mean() * i for i in range(int(t))), m(x).mean()),
    "a text": lambda m, x, t: m(x).mean() * len(f"{t:.3f}"),
    "a key": lambda m, x, t: m(x).mean() * {1: 2.0}.get(t, 3.0),
    "a scalar of NumPy": lambda m, x, t: (m(x) * np.float32(t)).mean(),
    "a whole exponent": lambda m, x, t: (mg.abs(m(x)) ** int(t)).sum(),
    "a probability": lambda m, x, t: F.dropout(m(x), 1 / (2 + t), training=True).mean(),
    "its type": lambda m, x, t: m(x).sum() * (t if type(t) in (float, int) else 100.0),
    "what wants Python's own": lambda m, x, t: m(x).sum() * len(json.dumps({"t": t})),
}


@pytest.mark.parametrize("kind", [float, int])
@pytest.mark.parametrize("name", CALCULATED)
def test_a_number_that_varies_is_an_input_after_its_second_value(name, kind):
    step, said = run_both(CALCULATED[name], [kind(i + 1) * (0.25 if kind is float else 1) for i in range(12)])
    assert (step.stats()["recorded"], step.stats()["replayed"], said) == (3, 9, [])


@pytest.mark.parametrize("backend", ["native", "jax"])
def test_numbers_are_inputs_on_every_backend(backend):
    for kind in (float, int):
        step, _ = run_both(CALCULATED["a mixture"], [kind(i + 1) for i in range(6)], backend)
        assert (step.stats()["recorded"], step.stats()["replayed"]) == (3, 3)


@pytest.mark.parametrize("kind", [float, int])
@pytest.mark.parametrize("name", DECIDED)
def test_a_decision_by_a_number_is_a_condition_of_the_program(name, kind):
    step, said = run_both(DECIDED[name], [kind(i + 1) * (0.75 if kind is float else 1) for i in range(16)])
    assert (step.stats()["replayed"] >= 8, said) == (True, [])


IN_CONTAINERS = {
    "a list": (lambda t: [t, 2.0], lambda p: p[0]),
    "a tuple": (lambda t: (1, (t, "a")), lambda p: p[1][0]),
    "a dict": (lambda t: {"rate": t, "name": "a"}, lambda p: p["rate"]),
    "dicts in a list": (lambda t: [{"rate": t}, {"rate": 2.0}], lambda p: p[0]["rate"] * p[1]["rate"]),
}


@pytest.mark.parametrize("how", ["by position", "by name"])
@pytest.mark.parametrize("name", IN_CONTAINERS)
def test_numbers_in_containers_are_inputs_too(name, how):
    make, read = IN_CONTAINERS[name]
    step = mg.compile(lambda x, p: (x * read(p)).sum() + (1 if read(p) > 8 else 0), backend="numpy")
    for i in range(16):
        given = make(i * 0.5)
        got = step(X, given) if how == "by position" else step(x=X, p=given)
        assert same_bits(np.asarray(got), np.asarray((X * read(given)).sum() + (1 if read(given) > 8 else 0)))
        assert given == make(i * 0.5)
    assert step.stats()["replayed"] >= 11


def test_a_remainder_of_a_whole_number_stays_one():
    step, said = run_both(lambda m, x, t: (m(x) * (t % 3) + t // 2).sum(), range(12))
    assert (step.stats()["replayed"], said) == (9, [])


@pytest.mark.parametrize("kind", [float, int])
@pytest.mark.parametrize("name", TAKEN)
def test_a_number_that_python_looks_at_has_a_program_for_each_value(name, kind):
    step, said = run_both(TAKEN[name], [kind(i + 1) * (1.25 if kind is float else 1) for i in range(12)])
    assert step.stats()["replayed"] == 0
    assert len(said) == 1
    assert "another one in each call" in said[0]
    step, said = run_both(TAKEN[name], [kind(1), kind(2)] * 10)
    assert step.stats()["replayed"] >= 12
    assert not said


@pytest.mark.parametrize("kind", [float, int])
@pytest.mark.parametrize("name", FEW)
def test_a_number_in_an_array_is_an_input_and_one_of_few_whole_ones_a_way(name, kind):
    step, said = run_both(FEW[name], [kind(i + 1) * (1.25 if kind is float else 1) for i in range(24)])
    assert step.stats()["replayed"] >= 8
    assert not said


@pytest.mark.parametrize("numbers", [[0.5, 0.5, 0.5, 1, 2, 3, 0.5, 0.25, 4], [1, 1, 1, 2, 1, 1, 2.0, 2.5, 3.5, -0.0]])
def test_numbers_that_are_constant_for_a_while_and_of_both_types(numbers):
    run_both(CALCULATED["a factor"], numbers)
    run_both(DECIDED["a branch"], numbers)


def test_of_two_numbers_one_is_an_input_and_the_other_has_programs():
    def body(m, x, t, flag):
        return m(x).sum() * t if flag else m(x).mean() - t

    (_, eager), (_, function) = made(body), made(body)
    step = mg.compile(function, backend="numpy")
    for i in range(40):
        flag = int(i % 8 > 3)
        assert same_bits(eager(X, 0.1 * i, flag=flag).data, step(X, 0.1 * i, flag=flag).data)
    assert step.stats()["replayed"] > 25


def test_what_else_is_wrong_is_said_as_ever():
    step = mg.compile(lambda x, t: len(str((x * t).sum().item())), backend="numpy")
    for t in (1.0, 2.0, 3.0):
        with pytest.raises(CompileError, match="a number is taken out of the step"):
            step(X, t)


def test_an_error_of_the_step_leaves_what_it_leaves_as_it_is_written():
    def body(m, x, t):
        if t == 3.0:
            raise KeyError(t)
        return m(x).sum() * t

    (one, eager), (other, function) = made(body), made(body)
    step = mg.compile(function, backend="numpy")
    for t in (1.0, 3.0, 2.0, 3.0, 1.0, 4.0):
        for call in (eager, step):
            if t == 3.0:
                with pytest.raises(KeyError):
                    call(X, t)
            else:
                call(X, t)
        assert same_bits(one.weight.data, other.weight.data)


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam, optim.RAdam])
def test_what_wants_a_number_of_pythons_after_the_update_finds_all_as_it_was(kind):
    def made():
        own = np.random.default_rng(5)
        model = nn.Sequential(nn.Linear(3, 4, generator=own), nn.BatchNorm1d(4), nn.Dropout(0.5, own), nn.Dropout(0.2))
        optimizer = kind(model.parameters(), lr=optim.schedules.exponential(0.1, 0.9))
        ema = optim.EMA(model, 0.9)

        def step(x, t):
            loss = model(x).sum() * t
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            ema.update()
            x += 1
            json.dumps({"t": t})
            return loss

        return step, lambda: (model.state_dict(), optimizer.state_dict(), ema.state_dict(), own.bit_generator.state)

    (eager, one), (function, other) = made(), made()
    step = mg.compile(function, backend="numpy")
    for i in range(8):
        x, y = X.copy(), X.copy()
        mg.manual_seed(i)
        expected = eager(x, 0.5 * i)
        mg.manual_seed(i)
        assert same_bits(expected.data, step(y, 0.5 * i).data)
        assert same_bits(x, y)
        assert not differences(one(), other())


def test_a_step_that_keeps_the_number_keeps_a_number():
    kept = {}

    def function(x, t):
        kept["t"] = t
        return (x * t).sum()

    step = mg.compile(function, backend="numpy")
    for i in range(12):
        assert step(X, float(i)) == (X * np.float32(i)).sum()
        assert kept["t"] * 2 == 2.0 * i


def test_a_profile_and_the_text_have_the_number(tmp_path):
    step, _ = run_both(CALCULATED["a factor"], [0.5, 1.0, 1.5, 2.0])
    assert "def step(x, number_1, state, rates)" in step.source()
    assert step.profile(X, 3.0).kernels
    with pytest.raises(CompileError, match="number_1 is a number"):
        step.export(tmp_path / "step.py")
