"""What Python's own functions make of numbers of a step: ``math.exp``, ``float()``, ``int()``, powers."""

import math

import numpy as np
import pytest

import minigrad as mg
from minigrad.compiler.backends import BACKENDS
from minigrad.compiler.guards.code_names import only_called
from minigrad.compiler.tracing.conversions import CONVERTING
from minigrad.core.trees import flat
from minigrad.errors import CompileError, DetachWarning

X = np.array([[1.0, -2.0, 0.5]])

NUMBERS = {
    "exp": lambda n, loss: math.exp(-n / 10) + math.expm1(loss.item() / 100),
    "cosine": lambda n, loss: 0.5 * (1 + math.cos(math.pi * n / 20)) + math.sin(n) * math.tan(n / 50),
    "ramp": lambda n, loss: math.exp(-5 * (1 - min(n, 10) / 10) ** 2),
    "root and logarithm": lambda n, loss: math.sqrt(n) * math.log(n + 1) + math.log2(n) - math.log10(n) + math.log1p(n),
    "bounded": lambda n, loss: math.tanh(n / 10) + math.atan(loss.item()) + math.fabs(-n),
    "abs": lambda n, loss: abs(loss.item() - 6.0) + abs(n - 9) - abs(-n % 3),
    "whole": lambda n, loss: math.floor(n / 3) + math.ceil(n / 4) * math.trunc(n / 2.5),
    "powers": lambda n, loss: n**2 / 10 + (n / 7) ** 3 + (1 - n / 100) ** 0.9 + 0.9**n,
    "float of a tensor": lambda n, loss: float(loss.detach()) * float(n),
    "float of an array": lambda n, loss: float(loss.detach().data) + float(n > 3),
    "int": lambda n, loss: int(n / 3) + int(loss.detach()) + int(n % 2 == 0),
    "a power of an array": lambda n, loss: (np.arange(1, 4) ** (-n / 20)).sum() * n,
    "an array by a counter": lambda n, loss: ((n + np.arange(3)) % 5).mean(),
}


def both(number, backend="numpy", calls=26):
    results = []
    for wrapped in (lambda f: f, lambda f: mg.compile(f, backend=backend)):
        state = {"n": 0, "total": 0.0}

        def step(x, state=state):
            state["n"] += 1
            loss = (x * x).sum()
            state["total"] += float(loss)
            return loss * number(state["n"], loss)

        step = wrapped(step)
        given = [mg.tensor(X * (1 + i % 3)) for i in range(calls)]
        results.append([(step(x).data.copy(), dict(state)) for x in given])
    return step, *results


@pytest.mark.parametrize("number", NUMBERS.values(), ids=NUMBERS)
def test_a_program_has_what_python_makes_of_a_number(number):
    compiled, eager, got = both(number)
    np.testing.assert_equal(got, eager)
    assert compiled.stats()["replayed"] >= 6


@pytest.mark.parametrize("backend", ["native", "jax"])
@pytest.mark.parametrize("number", NUMBERS.values(), ids=NUMBERS)
def test_other_backends(number, backend):
    pytest.importorskip(BACKENDS[backend][1])
    compiled, eager, got = both(number, backend)
    for (one, before), (other, after) in zip(eager, got, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-12)
        np.testing.assert_allclose(list(after.values()), list(before.values()), rtol=1e-12)
    assert compiled.stats()["replayed"] >= 6


@pytest.mark.parametrize(
    "number",
    [
        lambda n: math.sqrt(8 - n),
        lambda n: math.log(8 - n),
        lambda n: math.exp(n * 200.0),
        lambda n: (n * 1e30) ** 20,
        lambda n: int(n * 1e300 * 1e10),
        lambda n: (8.5 - n) ** 0.5,
        lambda n: math.floor(2.0 ** (n * 3)),
    ],
)
def test_where_python_raises_an_error_or_goes_another_way(number):
    outcomes = []
    for wrapped in (lambda f: f, lambda f: mg.compile(f, backend="numpy")):
        state, found = {"n": 0}, []

        def step(x, state=state):
            state["n"] += 1
            made = number(state["n"])
            return x * (made.real + made.imag if isinstance(made, complex) else made)

        step = wrapped(step)
        for _ in range(14):
            try:
                found.append(step(X).tobytes())
            except (ValueError, OverflowError) as error:
                found.append(repr(error))
        outcomes.append(found)
    assert outcomes[0] == outcomes[1]


def test_a_gradient_that_is_lost_is_said():
    w = mg.nn.Parameter(np.ones(3))
    compiled = mg.compile(lambda x: x * float((w * x).sum()), backend="numpy")
    with pytest.warns(DetachWarning):
        compiled(X)


def test_a_class_that_is_not_only_called_stays():
    namespace = {}
    exec("def step(x, n):\n    return x * (float(n) if isinstance(n, (float, int)) else 0.0)", namespace)
    step = namespace["step"]
    assert not only_called(step.__code__, "float")
    assert only_called((lambda x: [float(y) for y in x]).__code__, "float")
    compiled = mg.compile(step, backend="numpy")
    for n in (1.0, 2.0, 3.0, 4.0, 5.0):
        assert (compiled(X, n) == X * n).all()
    assert "float" not in namespace


def test_where_python_wants_the_digits_it_is_refused():
    with pytest.raises(CompileError, match="work out before the call"):
        mg.compile(lambda x: x * len(str(x.sum().item())), backend="numpy")(X)


def test_other_threads_may_ask_for_the_class_meanwhile():
    def other(f, i):
        x = 0.5
        return (
            isinstance(x, f), issubclass(bool, i), np.zeros(2, f).dtype, np.arange(3).astype(i).dtype, {f: 1}[type(x)],
            f | None, None | i, f("0.5"), i("7", base=8), f.fromhex("0x1p-1"), i(3.5), f(2),
        )  # fmt: skip

    assert other(*CONVERTING.values()) == other(float, int)


# -- arrays that the step makes, and fills with what it computes ----------------------------------------


def _helper(y):
    counts = np.zeros(3, int)
    np.add.at(counts, y, 1)
    return counts


TEMPLATE = np.arange(5.0)


def _counted(_, y):
    return _helper(y) / len(y)


def _one_hot(_, y):
    rows = np.zeros((len(y), 3))
    rows[np.arange(len(y)), y] = 1
    return rows


def _loop(x, _):
    found = np.empty((len(x), 2), x.dtype)
    for k in range(len(x)):
        found[k, 0] = x[k].sum()
        found[k, 1] = x[k].max().item()
    return found[::-1]


def _running(x, _):
    total = np.zeros(x.shape[1])
    for row in x:
        total += row
        total *= 0.5
    return total


def _returns(x, _):
    found, after = np.zeros_like(x[:, 0]), 0.0
    for t in reversed(range(len(x))):
        found[t] = after = x[t, 0] + 0.9 * after
    return found


def _copies(x, y):
    one, other = TEMPLATE.copy(), np.array(TEMPLATE)
    one[y], other[y] = 1, x[:, 2]
    return one, other, TEMPLATE + 0


def _views(x, _):
    square = np.full((4, 4), 2.0)
    part, across = square[1:], square.T
    part[0] = x[1, 0]
    across[0] += 2
    return square, part.sum(), across


def _table(x, y):
    table = np.exp(-np.arange(3) / 2)
    return table[y], np.array([x.sum(), x.mean(), 1.0]), np.eye(3)[y]


def _out(x, _):
    held = np.ones((2, x.shape[1]))
    np.add(x[:2], 1, out=held)
    np.copyto(held, 0, where=x[:2] > 1)
    return held


def _numbers(x, _):
    held = np.zeros(4)
    held.fill(x.mean().item())
    np.copyto(held[1:3], float(x.max()))
    np.add.at(held, [0, 0, 3], x[0, 0].item())
    np.put(held, [1], x[1, 0].item())
    return held


def _constants(x, y):
    found = np.zeros((len(x), 3))
    found[np.arange(len(y)), y] = 1
    parts = [x[:, 0], x[:, 1], x[:, 2]]
    for k in np.arange(3):
        found[:, k] += parts[k] * float(np.linspace(0, 1, 3)[k])
    mixed = np.asarray([*(np.arange(4) * 2).tolist(), np.ones(2).sum().item()])
    return found, mixed, np.fromiter(np.arange(3), float), [f"{k:d}" for k in np.arange(2)], 1 if np.ones(1) else 2


FILLS = [_constants, _numbers, _counted, _one_hot, _loop, _running, _returns, _copies, _views, _table, _out]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("fill", FILLS)
def test_an_array_that_the_step_makes_is_new_in_each_run(fill, backend):
    rng = np.random.default_rng(0)
    own = np.zeros
    compiled = mg.compile(fill, backend=backend, audit=False)
    for _ in range(5):
        x, y = rng.standard_normal((6, 4)), rng.integers(0, 3, 6)
        for one, other in zip(flat(fill(x, y)), flat(compiled(x, y)), strict=True):
            if not isinstance(one, str):
                np.testing.assert_allclose(one, other, rtol=0 if backend == "numpy" else 1e-12, atol=0)
            assert np.asarray(one).dtype == np.asarray(other).dtype
    assert compiled.stats()["replayed"] == 3
    assert np.zeros is own
    assert type(np) is type(math)
